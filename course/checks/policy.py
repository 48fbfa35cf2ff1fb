"""What a task rules out, looked up in the code of a function: what its names and attributes stand for, whatever they are called.

A name is ruled out where it is the library's: a global or an import that stands for it, an attribute of a module, a method of something
that is not the student's. A local name, or a method of a class of their own, may have any name. An honest mistake should be noticed, no
more: who wants to hide a call can. The grader reports the same names, and those of which this file cannot tell whose they are.
"""

from __future__ import annotations

import dis
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

__all__ = ["doubtful", "ruled_out"]

UNKNOWN, LIBRARY = object(), object()  # what a value is that is not known; and one that was imported inside the function
DYNAMIC = {"getattr", "eval", "exec", "compile", "__import__", "import_module", "attrgetter", "methodcaller", "globals"}
SILENT = {"CACHE", "EXTENDED_ARG", "RESUME", "NOP", "PUSH_NULL", "PRECALL"}  # instructions that leave the value before them where it is


class _Use(NamedTuple):
    """A forbidden name in the code, and whether it certainly is the library's."""

    name: str
    sure: bool


class _Code(NamedTuple):
    """A code object, what its global names and those of its closure stand for, values that are its arguments by default."""

    code: types.CodeType
    globals: dict[str, Any]
    cells: dict[str, Any]
    defaults: list[Any]


def ruled_out(function: Callable[..., Any], forbids: Sequence[str]) -> str:
    """The first of the forbidden names that the function uses, itself or in a function of the same file or notebook that it calls.

    Args:
        function: the student's.
        forbids: names (``"conv2d"``), or modules (``"inpaintlib.layers"``), of which everything counts.

    >>> import torch
    >>> ruled_out(lambda image: torch.nn.functional.conv2d(image, image), ["conv2d"])
    'conv2d'
    >>> ruled_out(lambda image, conv2d: [conv2d(row) for row in image], ["conv2d"])
    ''
    """
    return next((use.name for use in _uses(function, forbids) if use.sure), "")


def doubtful(function: Callable[..., Any], forbids: Sequence[str]) -> str:
    """The first of the forbidden names that may be the library's or the student's own: for a person to look at.

    >>> doubtful(lambda name: eval(f"conv2d({name})"), ["conv2d"])
    'conv2d'
    """
    return next((use.name for use in _uses(function, forbids) if not use.sure), "")


def _uses(function: Callable[..., Any], forbids: Sequence[str]) -> Iterator[_Use]:
    start = _plain(function)
    home = str(_get(start if isinstance(start, types.FunctionType | type) else type(start), "__module__"))
    if not isinstance(start, types.FunctionType):  # a function of the library itself, under another name
        yield from (_Use(name, True) for name in forbids if any(_is_or_lies_in(path, name) for path in _paths(start)))
    codes, methods = _own_code(start, home)
    imported = {name for part in codes for name in _imported(part.code)}
    for part in codes:
        yield from _Reader(part, forbids, home, methods, imported).uses()


class _Reader:
    """Goes through the instructions of one code object.

    Args:
        part: the code.
        forbids: what is ruled out.
        home: the module of the function; what belongs to it is the student's own.
        methods: names of methods and attributes that the student's own code gives to something.
        imported: local names that an import gives somewhere in the code.
    """

    def __init__(self, part: _Code, forbids: Sequence[str], home: str, methods: set[str], imported: set[str]) -> None:
        self.code, self.globals, self.cells, self.defaults = part
        self.forbids, self.home, self.methods, self.imported = forbids, home, methods, imported

    def uses(self) -> Iterator[_Use]:
        for value in self.defaults:
            yield from self._value("", value)
        local = {step.argval for step in dis.get_instructions(self.code) if step.opname == "STORE_NAME"}  # in the body of a class
        here = set(_imported(self.code))
        before: Any = UNKNOWN  # the value that the last instruction left
        module = ""
        for step in dis.get_instructions(self.code):
            operation, name = step.opname, step.argval
            if operation in SILENT:
                continue
            receiver, before = UNKNOWN if step.is_jump_target else before, UNKNOWN
            if operation in ("LOAD_GLOBAL", "LOAD_NAME") and name not in local:
                before = self.globals.get(name, UNKNOWN)
                yield from self._value(name, before)
            elif operation in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
                before = self.cells.get(name, LIBRARY if name in self.imported else UNKNOWN)
                yield from self._value(name, before) if name in self.cells else ()
            elif operation.startswith("LOAD_FAST"):
                before = LIBRARY if (name[-1] if isinstance(name, tuple) else name) in here else UNKNOWN
            elif operation in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
                yield from self._attribute(receiver, name)
                before = _member(receiver, name)
            elif operation == "IMPORT_NAME":
                module = name
                yield from self._known(_paths_of_module(name), True)
            elif operation == "IMPORT_FROM":
                yield from self._known((name, f"{module}.{name}"), True)
            elif operation == "LOAD_CONST" and isinstance(name, str):
                yield from self._text(receiver, name)

    def _known(self, paths: Sequence[str], sure: bool) -> list[_Use]:
        return [_Use(f, sure) for f in self.forbids if any(_is_or_lies_in(path, f) for path in paths)][:1]

    def _value(self, name: str, value: Any) -> list[_Use]:
        """What a global name, or one of the closure, stands for."""
        if value is UNKNOWN:  # it is not there now
            return [_Use(name, False)] if name in self.forbids else []
        if _is_own(value, self.home):
            return []  # looked into by itself
        if found := self._known(list(_paths(_plain(value))), True):
            return found
        other = self._known(list(_paths(type(value))), False)  # a layer that was made outside
        return other or ([_Use(name, False)] if name in self.forbids and callable(value) else [])

    def _attribute(self, receiver: Any, name: str) -> list[_Use]:
        value = _member(receiver, name)
        if receiver is UNKNOWN:
            return [_Use(name, name not in self.methods)] if name in self.forbids else []
        if _is_own(receiver, self.home):
            return self._value(name, value)
        if _is_own(value, self.home):  # theirs, in a namespace of the library's; its code was not read
            return [_Use(name, False)] if name in self.forbids else []
        return [_Use(name, True)] if name in self.forbids else self._known(list(_paths(_plain(value))), True)

    def _text(self, receiver: Any, text: str) -> list[_Use]:
        """A name as text, beside `getattr` and the like."""
        if DYNAMIC.isdisjoint(self.code.co_names):
            return []
        if text in self.forbids and (receiver is LIBRARY or isinstance(receiver, types.ModuleType)):
            return [_Use(text, True)]
        return [_Use(name, False) for name in self.forbids if re.search(rf"\b{re.escape(name)}\b", text)][:1]


def _paths(value: Any) -> Iterator[str]:
    """The names under which what a global name stands for is known: "conv2d", "torch.nn.functional.conv2d"."""
    name = _get(value, "__name__")
    if not isinstance(name, str):
        return
    if isinstance(value, types.ModuleType):
        yield from _paths_of_module(name)
    else:
        yield name
        yield f"{_get(value, '__module__')}.{name}"


def _paths_of_module(name: str) -> tuple[str, str]:
    return name, name.rpartition(".")[2]


def _is_or_lies_in(path: str, forbidden: str) -> bool:
    return path == forbidden or path.startswith(f"{forbidden}.")


def _get(value: Any, name: str) -> Any:
    """An attribute; UNKNOWN where there is none, or where asking for it stops."""
    try:
        return getattr(value, name, UNKNOWN)
    except Exception:
        return UNKNOWN


def _plain(value: Any) -> Any:
    """A function without what was wrapped around it."""
    for _ in range(20):
        if isinstance(value, functools.partial):
            value = value.func
        elif isinstance(value, staticmethod | classmethod | types.MethodType):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
    try:
        return inspect.unwrap(value)
    except Exception:  # wrapped in a circle
        return value


def _is_own(value: Any, home: str) -> bool:
    """Whether it is a function or a class of that module, or an object of such a class."""
    value = _plain(value)
    kind = value if isinstance(value, types.FunctionType | type) else type(value)
    return home != "builtins" and _get(kind, "__module__") == home


def _member(receiver: Any, name: str) -> Any:
    if receiver is UNKNOWN or receiver is LIBRARY:
        return receiver
    if isinstance(receiver, types.ModuleType):
        return _get(receiver, name)
    try:
        return inspect.getattr_static(receiver, name, UNKNOWN)  # nothing of the student's runs for it
    except Exception:
        return UNKNOWN


def _own_code(start: Any, home: str) -> tuple[list[_Code], set[str]]:
    """The code objects of a function or a class, of those inside it and of its helpers; and names that own code gives to methods."""
    waiting: list[Any] = [start]
    codes: list[_Code] = []
    methods: set[str] = set()
    seen: set[Any] = set()
    while waiting:
        current = _plain(waiting.pop(0))
        if not _is_own(current, home):
            continue
        if not isinstance(current, types.FunctionType):  # a class, or an object of one
            kind = current if isinstance(current, type) else type(current)
            fresh = [base for base in kind.__mro__ if _is_own(base, home) and base not in seen]
            seen |= set(fresh)
            methods |= {name for base in fresh for name in vars(base)}
            waiting += [value for base in fresh for value in vars(base).values()]
            continue
        if current.__code__ in seen:
            continue
        seen.add(current.__code__)
        cells = {name: _content(cell) for name, cell in zip(current.__code__.co_freevars, current.__closure__ or (), strict=True)}
        defaults = [*(current.__defaults__ or ()), *(current.__kwdefaults__ or {}).values()]
        waiting += defaults
        for code, own in _nested(current.__code__, frozenset()):
            from_outside = {name: value for name, value in cells.items() if name not in own}
            codes.append(_Code(code, current.__globals__, from_outside, defaults if code is current.__code__ else []))
            methods |= set(_given_names(code))
            waiting += [from_outside[name] for name in code.co_freevars if name in from_outside]
            waiting += [current.__globals__[name] for name in code.co_names if name in current.__globals__]
    return codes, methods


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return UNKNOWN


def _nested(code: types.CodeType, own: frozenset[str]) -> Iterator[tuple[types.CodeType, frozenset[str]]]:
    """A code object and those inside it, each with the names that it gets from functions around it."""
    yield code, own
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant, own | set(code.co_cellvars))


def _given_names(code: types.CodeType) -> Iterator[str]:
    """The names of methods in a class that is defined here, of attributes that are set, of arguments that are given by name."""
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_NAME", "STORE_ATTR"):
            yield step.argval
    for names in code.co_consts:
        if isinstance(names, tuple):
            yield from (name for name in names if isinstance(name, str))


def _imported(code: types.CodeType) -> Iterator[str]:
    """Local names that an import gives."""
    came = False
    for step in dis.get_instructions(code):
        if step.opname in ("IMPORT_NAME", "IMPORT_FROM"):
            came = True
        elif step.opname in ("STORE_FAST", "STORE_DEREF") and came:
            yield step.argval
            came = False
