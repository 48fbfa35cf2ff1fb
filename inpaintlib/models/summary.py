"""The layer table of a model, as the slides of the five projects print theirs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from inpaintlib._check import describe
from inpaintlib._mask_options import check_size
from inpaintlib.models.base import evaluating

__all__ = ["Row", "Summary", "summary"]


class Row(NamedTuple):
    """One layer: its name in the model, its class, the shape (C, H, W) it puts out (of the first tensor, if several), its parameters."""

    name: str
    layer: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Summary:
    """The rows in the order in which the layers ran; ``total`` counts every parameter once."""

    title: str
    rows: list[Row]
    total: int

    def __str__(self) -> str:
        cells = [("layer", "kind", "output", "parameters")]
        cells += [(r.name, r.layer, " x ".join(map(str, r.shape)), f"{r.parameters:,}") for r in self.rows]
        cells.append(("total", "", "", f"{self.total:,}"))
        widths = [max(len(row[i]) for row in cells) for i in range(4)]
        lines = ["  ".join(c.rjust(w) if i == 3 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))) for row in cells]
        return "\n".join([self.title, *lines])

    __repr__ = __str__


def summary(model: nn.Module, size: int | tuple[int, int] | None = None) -> Summary:
    """Run one image through ``model`` and list every layer that has parameters, with the shape of its output.

    Args:
        model: any model, critic or detector, or a module with ``forward(image, mask)`` or ``forward(image)``; options behind the ``*``
            keep their defaults.
        size: side of the image, or (height, width); by default the one that the model was made for, or else the smallest from 32 that
            it takes.

    Returns:
        A :class:`Summary`; printed, it is a table of name, kind, output and parameters, and their total.

    Raises:
        TypeError: a size that is neither a whole number nor a pair of them.
        ValueError: a size that the model does not take, or a module without parameters.

    >>> from inpaintlib import models
    >>> models.summary(models.create("vanilla_unet", depth=2)).total
    102371
    """
    weight = next(model.parameters(), None)
    if weight is None:
        raise ValueError(f"model is {describe(model)} without parameters; expected a network with layers to list.")
    if size is None:
        multiple = getattr(model, "size_multiple", 1)
        size = getattr(model, "options", {}).get("size", -(-32 // multiple) * multiple)
    height, width = check_size(size)
    rows: list[Row] = []
    hooks = []
    for name, module in model.named_modules():
        # a weight held by spectral norm lives in a module inside its layer; the table shows the layer, with all it has
        held = is_parametrized(module)
        count = sum(p.numel() for p in module.parameters(recurse=held))
        if count and ".parametrizations." not in f".{name}.":
            hooks.append(module.register_forward_hook(_recorder(rows, name, count)))
    positional = [p for p in inspect.signature(model.forward).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    try:
        with torch.no_grad(), evaluating(model):
            inputs = weight.new_zeros(1, 3, height, width), weight.new_ones(1, 1, height, width)
            model(*inputs[: len(positional) or 1])
    finally:
        for hook in hooks:
            hook.remove()
    title = f"{getattr(model, 'name', '') or type(model).__name__} on 3 x {height} x {width}"
    return Summary(title, rows, sum(p.numel() for p in model.parameters()))


def _recorder(rows: list[Row], name: str, count: int) -> Callable[..., None]:
    def record(module: nn.Module, inputs: Any, output: Any) -> None:
        y = _first_tensor(output)
        shape = () if y is None else tuple(y.shape[1:])
        rows.append(Row(name, type(module).__name__.removeprefix("Parametrized"), shape, count))

    return record


def _first_tensor(output: Any) -> Tensor | None:
    """What a layer puts out may be a tensor, or several in a tuple or a dict."""
    if isinstance(output, Tensor):
        return output
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return next((y for y in map(_first_tensor, parts) if y is not None), None)
