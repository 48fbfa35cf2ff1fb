"""Stacks of layers as the widgets show them: what a layer is, how large its planes are, what may be pointed at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import traitlets
from torch import nn

from inpaintlib._check import describe
from inpaintlib.layers import output_size
from inpaintlib.viz.pictures import plane

__all__ = ["Layers", "Place", "known_plane", "planes", "read_layers"]

Layers = Iterable[Any]  # (kernel, stride, dilation), the same with a name behind, or a module with these attributes
_MOST = {"kernel": 15, "stride": 8, "dilation": 64}
MOST_LAYERS, LARGEST = 8, 64  # planes that stand beside each other; cells a side that can be pointed at


class Place(traitlets.Tuple):
    """A trait: the layer, 0 for the input, and the row and column in what it puts out."""

    def __init__(self) -> None:
        super().__init__(traitlets.Int(), traitlets.Int(), traitlets.Int(), default_value=(0, 0, 0))


def read_layers(layers: Layers) -> list[dict[str, Any]]:
    """Each layer with its kernel, stride, dilation, padding and title; the padding keeps the size wherever it can.

    Args:
        layers: triples (kernel, stride, dilation) as ``layers.receptive_field`` takes, with a name behind if one likes, for example
            ``(2, 2, 1, "max pooling")``; or modules such as ``nn.Conv2d`` and ``nn.MaxPool2d``, of which these three are read.

    Raises:
        TypeError, ValueError: no layer, too many of them, or numbers that no layer has.

    >>> [layer["title"] for layer in read_layers([(3, 1, 2), (2, 2, 1, "max pooling"), nn.Conv2d(1, 1, 5)])]
    ['3 × 3, dilation 2', 'max pooling 2 × 2, stride 2', '5 × 5']
    """
    if isinstance(layers, str) or not isinstance(layers, Iterable):
        raise TypeError(f"layers is {layers!r}; expected a list of (kernel, stride, dilation).")
    found = [_layer(entry) for entry in layers]
    if not 1 <= len(found) <= MOST_LAYERS:
        raise ValueError(f"there are {len(found)} layers; expected 1 to {MOST_LAYERS}, which can stand beside each other.")
    return found


def _layer(entry: Any) -> dict[str, Any]:
    if isinstance(entry, nn.Module) and hasattr(entry, "kernel_size") and hasattr(entry, "stride"):
        numbers = [_one(entry, "kernel_size"), _one(entry, "stride"), _one(entry, "dilation")]
        name = "" if isinstance(entry, nn.Conv2d) else type(entry).__name__
    elif isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) in (3, 4):
        numbers, name = list(entry[:3]), str(entry[3]) if len(entry) == 4 else ""
    else:
        raise TypeError(f"a layer is {entry!r}; expected (kernel, stride, dilation), such as (3, 1, 1), or a module such as nn.Conv2d.")
    for (what, most), value in zip(_MOST.items(), numbers, strict=True):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f"the {what} of a layer is {value!r}; expected a whole number from 1 to {most}.")
    kernel, stride, dilation = numbers
    parts = [f"{name} {kernel} × {kernel}".strip(), *([f"stride {stride}"] if stride > 1 else [])]
    title = ", ".join([*parts, *([f"dilation {dilation}"] if dilation > 1 else [])])
    return {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": dilation * (kernel - 1) // 2, "title": title}


def _one(module: nn.Module, name: str) -> int:
    value: Any = getattr(module, name, 1)
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) > 1:
        raise ValueError(f"the {name} of {module} is {value}; expected the same for height and width.")
    return int(sides.pop())


def planes(layers: Sequence[dict[str, Any]], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of the input and of what each layer puts out.

    Raises:
        ValueError: a layer does not fit into what is left.
    """
    sizes = [size]
    for layer in layers:
        geometry = {name: layer[name] for name in ("kernel", "stride", "padding", "dilation")}
        height, width = (output_size(side, **geometry) for side in sizes[-1])
        sizes.append((height, width))
    return sizes


def check_place(place: Sequence[int], sizes: Sequence[tuple[int, int]], lowest: int = 0) -> tuple[int, int, int]:
    """The place, if it is one.

    Raises:
        traitlets.TraitError: no such layer, or a cell outside what it puts out.
    """
    layer, row, column = place
    if not lowest <= layer < len(sizes):
        raise traitlets.TraitError(f"position names layer {layer}; expected {lowest} to {len(sizes) - 1}.")
    height, width = sizes[layer]
    if not (0 <= row < height and 0 <= column < width):
        where = f"layer {layer}" if layer else "the input"
        raise traitlets.TraitError(f"position is row {row}, column {column}; expected a cell of {where}, which is {height} by {width}.")
    return layer, row, column


def known_plane(mask: Any, most: int = LARGEST) -> list[list[int]]:
    """A mask of any kind as rows of 1 (known) and 0 (hole).

    Raises:
        ValueError: another shape, too large to point at, or other values.
    """
    values = plane(torch.as_tensor(mask))
    if not (1 <= values.shape[0] <= most and 1 <= values.shape[1] <= most):
        raise ValueError(f"mask is {describe(torch.as_tensor(mask))}; expected at most {most} by {most} pixels. Pass a crop.")
    if not ((values == 0) | (values == 1)).all():
        raise ValueError(f"mask has values from {values.min():g} to {values.max():g}; expected only 1 (known) and 0 (hole).")
    return values.astype(int).tolist()
