"""What a result was made by: a hash of code and weights, so that it is measured anew when they change, and only then."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

__all__ = ["ROOT", "of_code", "of_file", "of_module", "versions"]

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds the package inpaintlib
_HUB = ROOT / "inpaintlib" / "__init__.py"  # a list of the parts, which changes when one is added, and no result with it


def versions() -> dict[str, str]:
    """The packages whose arithmetic an inpainter may stand on."""
    found = {}
    for name in ("torch", "numpy", "scipy", "opencv-python-headless", "scikit-image"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def of_file(path: Path) -> str:
    """The SHA-256 of a file."""
    state = path.stat()
    return _of_file(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=1000)
def _of_file(path: Path, mtime: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_module(module: nn.Module) -> str:
    """The SHA-256 of a network's parameters and buffers, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        if tensor.numel():
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def of_code(path: Path) -> str:
    """The SHA-256 of a Python file and of all that it imports, directly or not, from its own folder or package and from inpaintlib.

    Imports are read, not run; one whose name is only made while the program runs is not seen. Comments and docstrings do not count.
    """
    path = path.resolve()
    roots = [_root(path), ROOT]
    seen: dict[Path, str] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in seen and file != _HUB:
            state = file.stat()
            seen[file], tree = _bare(file, state.st_mtime_ns, state.st_size)
            waiting += _imported(file, tree, roots)
    digest = hashlib.sha256()
    for file in sorted(seen, key=lambda f: (f != path, str(_relative(f, roots)))):
        digest.update(f"{_relative(file, roots)} {seen[file]}\n".encode())
    return digest.hexdigest()


@functools.lru_cache(maxsize=1000)
def _bare(path: Path, mtime: int, size: int) -> tuple[str, ast.Module]:
    """The SHA-256 of what a file does, and its syntax tree; of a file that is no Python, of its bytes and an empty tree."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return hashlib.sha256(content).hexdigest(), ast.Module([], [])  # whoever imports it will say so
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tree


def _root(path: Path) -> Path:
    """The folder from which a file is imported: above all packages that it lies in."""
    folder = path.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _relative(path: Path, roots: list[Path]) -> Path:
    return next((path.relative_to(root) for root in roots if path.is_relative_to(root)), Path(path.name))


def _imported(file: Path, tree: ast.Module, roots: list[Path]) -> list[Path]:
    package = _relative(file, roots).parent.parts
    found = []
    for name in _names(tree, package):
        for root in roots:
            base = root.joinpath(*name)
            found += [f.resolve() for f in (base.with_suffix(".py"), base / "__init__.py") if name and f.is_file()]
    return found


def _names(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every module that may be meant by an import, as parts of its dotted name, with the packages that it lies in."""
    for node in ast.walk(tree):
        whole: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            whole = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = (*base, *(node.module.split(".") if node.module else ()))
            whole = [(*base, alias.name) for alias in node.names]
        for name in whole:
            yield from (name[:end] for end in range(1, len(name) + 1))
