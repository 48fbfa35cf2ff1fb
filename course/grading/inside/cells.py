"""Running one cell of a notebook without Jupyter: magics are gone already, drawings and checks are left out."""

from __future__ import annotations

import ast
import linecache
from typing import Any

__all__ = ["run_cell"]

#: Statements that only show something. Nothing is marked by what they draw, and a figure takes longer than all checks together.
SHOW = {"check", "hint", "look", "predict", "score", "viz", "display", "plt", "print"}


def run_cell(name: str, source: str, space: dict[str, Any]) -> None:
    """Execute the statements of a cell that define or change something; its lines appear in tracebacks."""
    file = f"<cell {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source, file)
    tree.body = [statement for statement in tree.body if not _only_shows(statement)]
    exec(compile(tree, file, "exec", dont_inherit=True), space)


def _only_shows(statement: ast.stmt) -> bool:
    """Whether a statement is a bare call of something that draws or prints, or a bare name.

    >>> [_only_shows(s) for s in ast.parse("viz.show(f(x)); x; check('a', f); fit(x); y = print").body]
    [True, True, True, False, False]
    """
    if not isinstance(statement, ast.Expr):
        return False
    node: ast.AST = statement.value
    if isinstance(node, ast.Name | ast.Constant):
        return True
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id in SHOW
