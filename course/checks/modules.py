"""What may be asked of a module that a student wrote: take these parameters, answer, give derivatives, learn for some steps.

Only PyTorch is needed here: the grader's sandbox shows this file to the student's process, and nothing else of the checks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

__all__ = ["forward", "gradient", "load", "prepare", "state", "steps"]


def load(module: Any, arrays: dict[str, Any]) -> str:
    """Give a module named parameters and buffers; it computes in float64 from then on. A sentence if their names or shapes do not fit.

    >>> load(torch.nn.Linear(2, 1), {"weight": torch.ones(1, 2)})
    'Your Linear has bias too much.'
    """
    module = module.double()
    own = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    wanted = {name: tuple(value.shape) for name, value in arrays.items()}
    missing, extra = sorted(wanted.keys() - own.keys()), sorted(own.keys() - wanted.keys())
    problems = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(extra)} too much"] * bool(extra)
    both = own.keys() & wanted.keys()
    problems += [f"has {name} of shape {own[name]}; expected {wanted[name]}" for name in sorted(both) if own[name] != wanted[name]]
    if not problems:
        module.load_state_dict({name: torch.as_tensor(value) for name, value in arrays.items()})
    return f"Your {type(module).__name__} {'; it '.join(problems)}." if problems else ""


@functools.cache
def prepare() -> None:
    """PyTorch loads its compiler with the first optimiser. Those seconds are not the student's, and an import that a time limit cuts short
    stays broken: so it is done before any training step is asked for."""
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def forward(module: Any, args: Sequence[Any]) -> Any:
    """What it answers, without derivatives."""
    with torch.no_grad():
        return module(*args)


def gradient(module: Any, args: Sequence[Any], upstream: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The derivatives of (its outputs times ``upstream``): by each input, None where that is no tensor, and by each parameter."""
    inputs = [value.requires_grad_() if isinstance(value, torch.Tensor) and value.is_floating_point() else value for value in args]
    module.zero_grad(set_to_none=True)
    outputs = module(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    pairs = [(y, g) for y, g in zip(outputs, upstream, strict=True) if isinstance(g, torch.Tensor)]
    torch.autograd.backward([y for y, _ in pairs], [g.to(y.dtype) for y, g in pairs])
    of_inputs = [value.grad if isinstance(value, torch.Tensor) else None for value in inputs]
    return of_inputs, {name: parameter.grad for name, parameter in module.named_parameters()}


def steps(step: Callable[..., Any], modules: Sequence[Any], batches: Sequence[Sequence[Any]]) -> tuple[list[Any], list[dict[str, Any]]]:
    """Call ``step(*modules, *batch)`` for one batch after another: what each call returned, and the states of the modules at the end."""
    said = [step(*modules, *batch) for batch in batches]
    return said, [state(module) for module in modules]


def state(module: Any) -> dict[str, Any]:
    """Its parameters and buffers by name, copied."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
