"""From whatever a student's function returned to plain float64 arrays, or one sentence that says why that cannot be.

Accepted, if the values are right: torch tensors of any real dtype (float16, bfloat16, float32, float64, integers, bool), on any device,
with any memory layout, with or without a gradient; NumPy arrays; Python numbers and nested lists of numbers. For one number also a tensor
of one element, for several numbers also a tensor that holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course.checks.task import Output
from inpaintlib._check import describe

__all__ = ["NotAnAnswer", "as_answer"]


class NotAnAnswer(Exception):
    """What came back is nothing that could be compared; the message is for the student."""


@dataclass(frozen=True)
class Answer:
    """The arrays, float64, one for each output; the dtypes that they came in."""

    arrays: tuple[np.ndarray, ...]
    dtypes: tuple[str, ...]


def as_answer(value: Any, outputs: Sequence[Output]) -> Answer:
    """Copy a return value into plain arrays.

    Raises:
        NotAnAnswer: nothing came back, too few or too many things, or something that holds no real numbers.
    """
    if value is None:
        raise NotAnAnswer("Your function returned nothing. Does every way through it end in a `return`?")
    if len(outputs) == 1:
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        parts: Sequence[Any] = [value]
    else:
        wanted = ", ".join(output.name for output in outputs)
        if isinstance(value, torch.Tensor | np.ndarray) and value.ndim == 1 and all(output.kind == "number" for output in outputs):
            value = value.tolist()
        if not isinstance(value, tuple | list):
            raise NotAnAnswer(f"Your function returned {describe(value)}; expected {len(outputs)} things: `return {wanted}`.")
        if len(value) != len(outputs):
            count = "one thing" if len(value) == 1 else f"{len(value)} things"
            raise NotAnAnswer(f"Your function returned {count}; expected {len(outputs)}: `return {wanted}`.")
        parts = value
    converted = [_as_array(part, output) for part, output in zip(parts, outputs, strict=True)]
    return Answer(tuple(array for array, _ in converted), tuple(dtype for _, dtype in converted))


def _as_array(value: Any, output: Output) -> tuple[np.ndarray, str]:
    if isinstance(value, torch.Tensor):
        if value.is_complex() or value.layout != torch.strided or value.device.type == "meta":
            raise NotAnAnswer(f"{output.name} is {describe(value)}, {value.layout}; expected an ordinary tensor of real numbers.")
        array, dtype = value.detach().to("cpu", torch.float64).numpy().copy(), str(value.dtype).removeprefix("torch.")
    else:
        array, dtype = _from_python(value, output)
    if output.kind == "number":
        if array.size != 1:
            raise NotAnAnswer(f"{output.name} is {describe(value)}; expected one number.")
        array = array.reshape(())
    return array, dtype


def _from_python(value: Any, output: Output) -> tuple[np.ndarray, str]:
    expected = "one number" if output.kind == "number" else "a tensor"
    if isinstance(value, str | bytes | dict | set):
        raise NotAnAnswer(f"{output.name} is {describe(value)}: {str(value)[:60]!r}; expected {expected}.")
    try:
        if isinstance(value, list | tuple) and any(isinstance(v, torch.Tensor) for v in value):
            value = torch.stack([torch.as_tensor(v) for v in value])
            return value.detach().to("cpu", torch.float64).numpy(), str(value.dtype).removeprefix("torch.")
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(array.dtype)
        return array.astype(np.float64), str(array.dtype)
    except (TypeError, ValueError, RuntimeError):
        raise NotAnAnswer(f"{output.name} is {describe(value)}; expected {expected}.") from None
