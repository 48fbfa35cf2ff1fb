"""What a task rules out, looked up in the code of a function: names, and what they stand for under another name.

An honest mistake should be noticed, no more: who wants to hide a call can. The grader reports the same names.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["ruled_out"]


def ruled_out(function: Callable[..., Any], forbids: Sequence[str]) -> str:
    """The first of the forbidden names that the function uses, itself or in a function of the same file or notebook that it calls.

    Args:
        function: the student's.
        forbids: names (``"conv2d"``), or modules (``"inpaintlib.layers"``), of which everything counts.

    >>> import torch
    >>> ruled_out(lambda image: torch.nn.functional.conv2d(image, image), ["conv2d"])
    'conv2d'
    >>> ruled_out(lambda image: image.sum(), ["conv2d"])
    ''
    """
    for code, space, home in _own_code(function):
        for name in (*code.co_names, *code.co_freevars):
            value = space.get(name)
            if isinstance(value, types.FunctionType) and value.__module__ == home:
                continue  # a function of theirs, whatever its name: looked into by itself
            for forbidden in forbids:
                if name == forbidden or any(_is_or_lies_in(path, forbidden) for path in _paths(value)):
                    return forbidden
    return ""


def _paths(value: Any) -> Iterator[str]:
    """The names under which what a global name stands for is known: "conv2d", "torch.nn.functional.conv2d"."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str):
        return
    yield name
    if not isinstance(value, types.ModuleType):
        yield f"{getattr(value, '__module__', '')}.{name}"


def _is_or_lies_in(path: str, forbidden: str) -> bool:
    return path == forbidden or path.startswith(f"{forbidden}.")


def _own_code(function: Callable[..., Any]) -> Iterator[tuple[types.CodeType, dict[str, Any], str]]:
    """The code objects of a function, of those inside it and of its helpers, with what their names stand for."""
    waiting: list[Any] = [function]
    seen: set[types.CodeType] = set()
    while waiting:
        current = waiting.pop()
        while isinstance(current, functools.partial):
            current = current.func
        current = inspect.unwrap(current)
        if not isinstance(current, types.FunctionType) or current.__code__ in seen:
            continue
        seen.add(current.__code__)
        cells = zip(current.__code__.co_freevars, current.__closure__ or (), strict=True)
        space = {**current.__globals__, **{name: _content(cell) for name, cell in cells}}
        for code in _nested(current.__code__):
            yield code, space, current.__module__
            found = (space.get(name) for name in (*code.co_names, *code.co_freevars))
            waiting += [value for value in found if isinstance(value, types.FunctionType) and value.__module__ == current.__module__]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)
