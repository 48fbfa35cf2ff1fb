"""What a notebook's outputs were made from: its code, the modules that it imports, the weights that it names.

The stamp is stored in the notebook. Comparing it with the tree says which figures are stale, and why, without executing anything. It errs
on the safe side: importing a package counts as importing all of it. Comments and docstrings do not count, unless a lesson shows a module's
source. Results of longer runs (``docs/results/*.json``) count where the notebook, or a module behind it, names their file.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from course import Tree

__all__ = ["changes", "stamp"]

PACKAGES = ("inpaintlib", "course")
_DATA = (".safetensors", ".toml", ".json", ".npz", ".csv", ".png", ".jpg")
_SHOWS_SOURCE = ("inspect.", "help(", "__doc__")


def stamp(code: Iterable[str], tree: Tree, also: Iterable[Path] = ()) -> dict[str, str]:
    """The stamp of a notebook.

    Args:
        code: the sources of its code cells, in order.
        tree: the course.
        also: files that it uses without importing them, such as its checks and its questions.

    Returns:
        ``{"code": hash, "inpaintlib/masks.py": hash, ...}``, paths relative to the root, hashes of 12 hexadecimal digits.
    """
    cells = list(code)
    program = "\n".join(_python(cell) for cell in cells)
    raw = any(word in program for word in _SHOWS_SOURCE)
    scan = _Scan(tree.root)
    scan.program(program)
    for path in also:
        if path.suffix == ".py":
            scan.file(path, package="")
        else:
            scan.data.add(path)
    found = {"code": _digest("\n\0".join(cells).encode())}
    for path in sorted(scan.modules | scan.data):
        content = path.read_bytes() if raw or path in scan.data else _bare(path)
        found[tree.shown(path)] = _digest(content)
    return found


def changes(stored: dict[str, str] | None, now: dict[str, str]) -> list[str]:
    """What lies between two stamps, in words; empty when nothing does.

    >>> changes({"code": "1", "inpaintlib/masks.py": "2"}, {"code": "1", "inpaintlib/masks.py": "3"})
    ['inpaintlib/masks.py changed']
    """
    if not stored:
        return ["it was never executed"]
    said = {"code": "its code"}
    out = [f"{said.get(key, key)} changed" for key in now if key in stored and stored[key] != now[key]]
    out += [f"it now uses {key}" for key in now if key not in stored]
    return out + [f"it no longer uses {key}" for key in stored if key not in now]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _python(cell: str) -> str:
    """A cell as plain Python: magics become calls, and what cannot be read counts as empty (running it will tell)."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        plain = TransformerManager().transform_cell(cell)
        ast.parse(plain)
    except SyntaxError:
        return ""
    return plain


@lru_cache(maxsize=512)
def _bare_text(path: Path, mtime: int, size: int) -> bytes:
    """Source without comments, docstrings, blank lines; only line numbers are used, so that every Python version gives the same."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    docstrings: set[int] = set()
    strings: set[int] = set()  # lines inside other literals, where blank lines and # mean something
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _documented(node):
            docstrings.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
        elif isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno and node.end_lineno > node.lineno:
            strings.update(range(node.lineno, node.end_lineno + 1))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    kept = (line for number, line in enumerate(lines, 1) if number not in docstrings and (line.strip() or number in strings))
    return "\n".join(kept).encode()


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it has a docstring that stands on lines of its own."""
    alone = isinstance(node, ast.Module) or (bool(node.body) and node.body[0].lineno > node.lineno)
    return alone and ast.get_docstring(node, clean=False) is not None


def _bare(path: Path) -> bytes:
    status = path.stat()
    return _bare_text(path, status.st_mtime_ns, status.st_size)


class _Scan:
    """Follows imports through the course's own packages, reading files only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: set[Path] = set()
        self.data: set[Path] = set()
        units = root / "course" / "units"  # what lies there belongs to one unit and comes by `also`
        data = (path for name in PACKAGES for path in sorted((root / name).rglob("*")) if path.suffix in _DATA)
        self._files = {path.name: path for path in data if units not in path.parents}
        self._results = {path.name: path for path in sorted((root / "docs" / "results").glob("*.json"))}
        self._weights = {path.stem: path for path in self._files.values() if path.suffix == ".safetensors"}

    def program(self, text: str) -> None:
        """Code that stands in a notebook."""
        tree = ast.parse(text)
        if any(isinstance(node, ast.Attribute) and node.attr == "names" for node in ast.walk(tree)):
            self.data.update(self._weights.values())  # walks through a registry: any weights may be loaded
        words = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        if any("docs/results" in word for word in words) and not any(word.rpartition("/")[2] in self._results for word in words):
            self.data.update(self._results.values())  # puts the name together: any of them may be read
        self._follow(tree, package="", names_weights=True)

    def file(self, path: Path, package: str) -> None:
        """A module's file and everything that it imports."""
        if path in self.modules:
            return
        self.modules.add(path)
        # The registry names every model; only whoever asks for one of them loads its weights.
        names_weights = self.root / "inpaintlib" / "models" not in path.parents
        self._follow(ast.parse(path.read_text("utf-8")), package, names_weights)

    def _follow(self, tree: ast.Module, package: str, names_weights: bool) -> None:
        for name in _imports(tree, package):
            self._module(name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._constant(node.value, names_weights)

    def _constant(self, value: str, names_weights: bool) -> None:
        if (name := value.rpartition("/")[2]) in self._results:  # by its full name only: many modules write some .json
            self.data.add(self._results[name])
        elif value in self._files:
            self.data.add(self._files[value])
        elif names_weights and value in self._weights:
            self.data.add(self._weights[value])
        elif value.endswith(_DATA):  # the end of a name that is put together: f"{kind}.npz"
            self.data.update(path for name, path in self._files.items() if name.endswith(value) and path.suffix != ".safetensors")

    def _module(self, name: str) -> None:
        """``a.b.c``, where c may be a module, a package, or a name inside a.b."""
        parts = name.split(".")
        if parts[0] not in PACKAGES:
            return
        for depth in range(1, len(parts) + 1):
            base = self.root.joinpath(*parts[:depth])
            package = ".".join(parts[:depth])
            if (init := base / "__init__.py").exists():
                self.file(init, package)
                last = depth == len(parts) or not self._exists(self.root.joinpath(*parts[: depth + 1]))
                # The package itself is used: it may load any of its modules. Of the units a notebook loads its own, which ``also`` names.
                if last and depth > 1 and package != "course.units":
                    for path in sorted(base.rglob("*.py")):
                        self.file(path, ".".join(path.parent.relative_to(self.root).parts))
                if last:
                    return
            elif (module := base.with_suffix(".py")).exists():
                self.file(module, ".".join(parts[: depth - 1]))
                return
            elif not base.is_dir():
                return

    @staticmethod
    def _exists(base: Path) -> bool:
        return (base / "__init__.py").exists() or base.with_suffix(".py").exists()


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Dotted names that a module imports, wherever in it, and the parts of a top-level package that it uses as attributes."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
                bound[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]) if base else ".".join(parents)
            for alias in node.names:
                yield base if alias.name == "*" else f"{base}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound:
            yield f"{bound[node.value.id]}.{node.attr}"
