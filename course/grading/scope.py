"""Which names a piece of a notebook makes and which it needs, read from its code without running it.

The compiler's own table of symbols is asked, so a local variable of a function is not taken for a name of the notebook.
"""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Names", "names", "needed_below", "reached"]


class Names(NamedTuple):
    """Names of the notebook that some code binds, that it needs (in functions too), and whose values it changes in place."""

    bound: frozenset[str]
    needed: frozenset[str]
    changed: frozenset[str] = frozenset()


def names(source: str) -> Names:
    """The names of some code; none where it cannot be read.

    >>> found = names("def f(x):\\n    y = x * HALF\\n    return y")
    >>> sorted(found.bound), sorted(found.needed)
    (['f'], ['HALF'])
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = symtable.symtable(source, "<cell>", "exec")
            changed = frozenset(_changed(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names(frozenset(), frozenset())
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    needed = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    waiting = list(table.get_children())
    while waiting:  # no recursion: what students nest may be deep
        inner = waiting.pop()
        waiting += inner.get_children()
        outer = [symbol for symbol in inner.get_symbols() if symbol.is_global()]
        needed |= {symbol.get_name() for symbol in outer if symbol.is_referenced()}
        bound |= {symbol.get_name() for symbol in outer if symbol.is_assigned()}
    return Names(frozenset(bound), frozenset(needed - bound), changed)


def _changed(tree: ast.Module) -> Iterator[str]:
    """``x[0] = 1``, ``x.a = 1``, ``x.append(1)``: names whose value is another one afterwards."""
    for node in ast.walk(tree):
        target: ast.AST | None = None
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            target = node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            target = node.value.func
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
        if isinstance(target, ast.Name):
            yield target.id


def needed_below(kept: Sequence[str], rest: Sequence[str], up_to: int) -> list[str]:
    """Of code that stands below the last definition, the statements that give a name which is needed above it and made nowhere else.

    Args:
        kept: sources of the cells that run anyway.
        rest: those below, which hold no definition.
        up_to: how many of them reach to the last check: there the last value counts, as it did for the check; below it the first.

    Returns:
        the sources of ``rest`` with everything else blanked, an empty string for a cell that is not needed.

    >>> needed_below(["def f(x): return x * HALF"], ["model = train()\\nHALF = 2", "HALF = 3"], 0)
    ['\\nHALF = 2', '']
    """
    there = [names(source) for source in kept]
    made = frozenset().union(*(found.bound for found in there))
    wanted = set().union(*(found.needed for found in there)) - made
    parts = [(i, node, names(ast.get_source_segment(source, node) or "")) for i, source in enumerate(rest) for node in _body(source)]
    chosen: set[int] = set()
    while wanted:
        have: set[str] = set()
        fresh: set[int] = set()
        for number, (i, _, found) in enumerate(parts):
            gives = (found.bound | (found.changed & have)) & wanted
            if gives and (i < up_to or not gives <= have):
                fresh.add(number)
                have |= gives
        if fresh == chosen:
            break
        chosen = fresh
        wanted |= set().union(*(parts[number][2].needed for number in chosen)) - made
    lines = [{line for n in chosen if parts[n][0] == i for line in _lines(parts[n][1])} for i in range(len(rest))]
    return [_only(source, kept_lines) if kept_lines else "" for source, kept_lines in zip(rest, lines, strict=True)]


def _body(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _only(source: str, lines: Collection[int]) -> str:
    """Those lines where they were; the whole cell if they are no Python by themselves."""
    shown = "\n".join(line if number in lines else "" for number, line in enumerate(source.split("\n"), 1)).rstrip()
    return shown if _body(shown) else source


def reached(sources: Sequence[str], start: str) -> set[str]:
    """The names that what is called ``start`` needs, itself or by way of what it needs: functions, constants, imports.

    >>> sorted(reached(["def f(x): return x", "def g(x): return f(x)", "h = lambda x: g(x)"], "h"))
    ['f', 'g']
    """
    needs: dict[str, set[str]] = {}
    for source in sources:
        for node in _body(source):
            found = names(ast.get_source_segment(source, node) or "")
            for name in found.bound:
                needs.setdefault(name, set()).update(found.needed)
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = needs.get(waiting.pop(), set()) - seen
        seen |= fresh
        waiting += fresh
    return seen - {start}
