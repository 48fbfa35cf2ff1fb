"""What the grader may ask of the student's code; each verb takes plain values and returns plain values.

===========  ==============================================================================================================
``cell``     run one cell of the notebook
``find``     which of these names are there, and which names that a task rules out do they use
``call``     call a function by name
``make``     make an object of a class; it stays here, and has a number
``load``     load named arrays into an object, which then computes in float64
``forward``  call an object
``gradient`` the derivatives of inputs and parameters for a given upstream gradient
``steps``    call a training step on one batch (and its noise) after another, then read the parameters
``state``    the named arrays of an object
``network``  make a model of the course with these weights; asked of a process in which no cell was run
``fill``     let it fill holes
``forget``   drop all objects
===========  ==============================================================================================================
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import torch

from .cells import run_cell
from .codec import Handle, encode
from .report import Printed, report, short

__all__ = ["Student"]


class Student:
    """The student's names and objects, and the verbs that reach them.

    Args:
        policy: ``course.checks.policy``.
        modules: ``course.checks.modules``.
    """

    def __init__(self, policy: Any, modules: Any) -> None:
        self.main = types.ModuleType("__main__")
        sys.modules["__main__"] = self.main  # what they define belongs there, as in a notebook
        self.objects: list[Any] = []
        self._policy, self._modules = policy, modules

    def do(self, request: dict[str, Any]) -> bytes:
        """Carry out one request; whatever the student's code raises becomes part of the reply."""
        verb = request.pop("verb")
        printed = Printed()
        try:
            with printed:
                reply = getattr(self, f"do_{verb}")(**request)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: they may end a kernel, but not this
            reply = {"error": report(error)}
        try:
            return encode({**reply, "printed": str(printed)})
        except BaseException as error:
            return encode({"error": report(error), "printed": str(printed)})

    def do_cell(self, name: str, source: str) -> dict[str, Any]:
        run_cell(name, source, vars(self.main))
        return {}

    def do_find(self, names: list[str], forbids: list[list[str]]) -> dict[str, Any]:
        here = vars(self.main)
        found = [name for name in names if callable(here.get(name))]
        reply: dict[str, Any] = {"found": found, "used": {}, "doubtful": {}}
        for name, forbidden in zip(names, forbids, strict=True):
            for key, ask in (("used", self._policy.ruled_out), ("doubtful", self._policy.doubtful)):
                try:
                    reply[key][name] = ask(here[name], forbidden) if name in found else ""
                except Exception:
                    reply[key][name] = ""
        return reply

    def do_call(self, name: str, args: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        function = vars(self.main).get(name)
        if not callable(function):
            return {"missing": True}
        before = {**{str(i): encode(value) for i, value in enumerate(args)}, **{key: encode(value) for key, value in named.items()}}
        if problem := _signature_problem(function, self._given(args), self._given(named)):
            return {"signature": problem}
        given, given_named = self._given(args), self._given(named)
        value = function(*given, **given_named)
        reply: dict[str, Any] = {"value": encode(value)}  # read once, now: what the student's code does to it later is too late
        after = {**{str(i): value for i, value in enumerate(given)}, **given_named}
        reply["changed"] = next((key for key in before if not _same(before[key], after[key])), "")
        return reply

    def do_make(self, name: str, args: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        made = vars(self.main)[name]
        if problem := _signature_problem(made, args, named):
            return {"signature": problem}
        return {"handle": Handle(self._number(made(*self._given(args), **self._given(named))))}

    def do_load(self, handle: Handle, arrays: dict[str, Any]) -> dict[str, Any]:
        problem = self._modules.load(self.objects[handle.number], self._given(arrays))
        return {"misfit": short(problem, 500)} if problem else {}

    def do_forward(self, handle: Handle, args: list[Any]) -> dict[str, Any]:
        return {"value": encode(self._modules.forward(self.objects[handle.number], self._given(args)))}

    def do_gradient(self, handle: Handle, args: list[Any], upstream: list[Any]) -> dict[str, Any]:
        return {"value": encode(self._modules.gradient(self.objects[handle.number], self._given(args), upstream))}

    def do_steps(self, name: str, handles: list[Handle], batches: list[list[Any]]) -> dict[str, Any]:
        modules = [self.objects[handle.number] for handle in handles]
        return {"value": encode(self._modules.steps(vars(self.main)[name], modules, self._given(batches)))}

    def do_state(self, handle: Handle) -> dict[str, Any]:
        return {"value": encode(self._modules.state(self.objects[handle.number]))}

    def do_network(self, name: str, options: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        from inpaintlib import models

        model = models.create(name, **options)
        model.load_state_dict(state)
        return {"handle": Handle(self._number(model.eval()))}

    def do_fill(self, handle: Handle, image: torch.Tensor, mask: torch.Tensor) -> dict[str, Any]:
        with torch.no_grad():
            return {"value": encode(self.objects[handle.number](image, mask).float())}

    def do_forget(self) -> dict[str, Any]:
        self.objects.clear()
        return {}

    def _given(self, value: Any) -> Any:
        """Arguments as the student's code gets them: fresh copies, objects in place of their numbers."""
        if type(value) is Handle:
            return self.objects[value.number]
        if isinstance(value, dict):
            return {key: self._given(v) for key, v in value.items()}
        if isinstance(value, tuple | list):
            return type(value)(self._given(v) for v in value)
        return value.clone() if isinstance(value, torch.Tensor) else value

    def _number(self, value: Any) -> int:
        self.objects.append(value)
        return len(self.objects) - 1


def _signature_problem(function: Callable[..., Any], args: Any, named: Any) -> str:
    import inspect

    try:
        inspect.signature(function).bind(*args, **named)
    except TypeError as error:
        return short(error, 200)
    except ValueError:  # a built-in without a signature
        pass
    return ""


def _same(before: bytes, after: Any) -> bool:
    try:
        return encode(after) == before
    except Exception:
        return False
