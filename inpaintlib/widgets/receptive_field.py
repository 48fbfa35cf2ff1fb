"""What an output pixel sees, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import traitlets
from torch import Tensor

from inpaintlib import layers as geometry
from inpaintlib import viz
from inpaintlib.widgets.base import CourseWidget, module
from inpaintlib.widgets.stack import LARGEST, Layers, Place, check_place, known_plane, planes, read_layers

__all__ = ["ReceptiveField"]


class ReceptiveField(CourseWidget):
    """The input and what each layer puts out, as planes of cells; point at a cell and see which cells of all planes before it count.

    Each layer is padded such that its middle stays the middle. Cells that are seen in more than one way are darker.

    Args:
        layers: (kernel, stride, dilation) of each convolution or pooling, in order, see :func:`~inpaintlib.widgets.stack.read_layers`;
            or a mapping name -> such a list, between which one can choose.
        size: side of the input, 3 to 64 cells.
        mask: (H, W) of the input, 1 = known, 0 = hole, instead of ``size``: then the widget also says how much of what is seen is known.
        position: layer (1 is the first), row and column that are pointed at; by default the middle of the last layer.

    Attributes:
        stack: the name of the chosen list of layers. Assign to it to change it.
        field: how many pixels across a cell sees after each layer, whether or not they lie inside the image.
        seen: float64 (H, W), in how many ways the cell at ``position`` sees each pixel of the input; 0 = never.

    Raises:
        TypeError, ValueError: no layers, layers that do not fit into the input, a size or a mask that is none.
        traitlets.TraitError: a position outside.

    Source: W. Luo et al., Understanding the Effective Receptive Field in Deep Convolutional Neural Networks, NIPS 2016: the ways count.

    >>> view = ReceptiveField([(3, 1, 1), (3, 1, 2), (3, 1, 4)])
    >>> view.field, int((view.seen > 0).sum())
    ([3, 7, 15], 225)
    """

    _esm = module("receptive_field.js")

    stacks: Any = traitlets.Dict().tag(sync=True)  # name -> layers
    stack = traitlets.Unicode().tag(sync=True)
    size: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int()).tag(sync=True)
    mask: Any = traitlets.List().tag(sync=True)  # empty: there are no holes
    position: Any = Place().tag(sync=True)

    def __init__(
        self,
        layers: Layers | Mapping[str, Layers],
        *,
        size: int = 31,
        mask: Any | None = None,
        position: tuple[int, int, int] | None = None,
        **traits: Any,
    ) -> None:
        given = layers if isinstance(layers, Mapping) else {"layers": layers}
        if not given:
            raise ValueError("layers is empty; expected at least one list of (kernel, stride, dilation).")
        if isinstance(size, bool) or not isinstance(size, int) or not 3 <= size <= LARGEST:
            raise ValueError(f"size is {size!r}; expected a whole number from 3 to {LARGEST}.")
        rows = [] if mask is None else known_plane(mask)
        sides = (len(rows), len(rows[0])) if rows else (size, size)
        stacks = {str(name): read_layers(entry) for name, entry in given.items()}
        for entry in stacks.values():
            planes(entry, sides)
        first = next(iter(stacks))
        place = _middle(planes(stacks[first], sides)) if position is None else tuple(position)
        super().__init__(stacks=stacks, stack=first, size=sides, mask=rows, position=place, **traits)

    @property
    def field(self) -> list[int]:
        """How many pixels across a cell sees after each layer, whether or not they lie inside the image."""
        return _field(self._layers)

    @property
    def seen(self) -> Tensor:
        """float64 (H, W): in how many ways the cell at ``position`` sees each pixel of the input."""
        return self._ways()[0]

    @property
    def _layers(self) -> list[dict[str, Any]]:
        return self.stacks[self.stack]

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        return planes(self._layers, self.size)

    def _ways(self) -> list[Tensor]:
        """For the input and each layer up to the one pointed at, in how many ways its cells are seen."""
        return _see(self._layers, self._sizes, self.position)

    @traitlets.validate("stack")
    def _must_be_known(self, proposal: Any) -> str:
        if proposal["value"] not in self.stacks:
            raise traitlets.TraitError(f"stack is {proposal['value']!r}; expected one of {', '.join(self.stacks)}.")
        return proposal["value"]

    @traitlets.validate("position")
    def _must_be_a_cell(self, proposal: Any) -> tuple[int, int, int]:
        return check_place(proposal["value"], self._sizes, lowest=1)

    @traitlets.observe("stack")
    def _stay_inside(self, change: Any) -> None:
        try:
            check_place(self.position, self._sizes, lowest=1)
        except traitlets.TraitError:
            self.position = _middle(self._sizes)

    def describe(self) -> str:
        if len(self.stacks) > 1:
            each = "; ".join(f"{name}: {self._count(*self._from_middle(name))}" for name in self.stacks)
            return f"The pixels of the input that the middle one sees after the last layer. {each[0].upper()}{each[1:]}."
        level, row, column = self.position
        titles = "; ".join(f"after {layer['title']}: {n} × {n}" for layer, n in zip(self._layers, self.field, strict=True))
        return (
            f"The receptive field, layer by layer. {titles[0].upper()}{titles[1:]}. The cell in row {row + 1}, column {column + 1} after "
            f"layer {level} sees {self._count(self.field[level - 1], self.seen)}."
        )

    def still(self) -> str:
        pictures, notes = {}, []
        if len(self.stacks) > 1:  # what each of them sees of the input
            for name in self.stacks:
                field, seen = self._from_middle(name)
                pictures[name] = _coloured(seen, self.mask)
                notes.append(self._count(field, seen).replace("pixels", "seen").replace(", ", "\n"))
        else:
            level, row, column = self.position
            for k, ways in enumerate(self._ways()):
                name = "input" if k == 0 else f"{k}: {self._layers[k - 1]['title']}"
                pictures[name] = _coloured(ways, self.mask if k == 0 else [])
                notes.append(f"{int((ways > 0).sum())} seen" if k == 0 else f"sees {self.field[k - 1]} × {self.field[k - 1]}")
                if k == level:
                    pictures[name][:, row, column] = _colour(viz.VERMILLION)
        masks: list[Tensor | None] = [None] * len(pictures)
        if self.mask:
            known = torch.tensor(self.mask) == 1
            unseen = [known | (picture != _colour(viz.ORANGE)[:, None, None]).any(0) for picture in pictures.values()]
            masks = [where.float() for where in unseen] if len(self.stacks) > 1 else [unseen[0].float(), *masks[1:]]
        drawing = viz.image_grid(pictures, columns=len(pictures), masks=masks, notes=notes, width=min(9.4, 2.1 * len(pictures)))
        caption = "Interactive in a running notebook: point at any cell after any layer and see what it sees."
        return viz.figure_html(drawing, alt=self.describe(), caption=caption)

    def _from_middle(self, name: str) -> tuple[int, Tensor]:
        """The field of a stack, and in how many ways the middle of its last layer sees each pixel."""
        stack = self.stacks[name]
        level, *middle = _middle(planes(stack, self.size))
        return _field(stack)[-1], _see(stack, planes(stack, self.size), (level, middle[0], middle[1]))[0]

    def _count(self, field: int, seen: Tensor) -> str:
        """How much is seen, in words."""
        count = int((seen > 0).sum())
        text = f"{count} pixels" + ("" if count == field**2 else f" of {field**2}")
        known = int(((seen > 0) & (torch.tensor(self.mask) == 1)).sum()) if self.mask else 0
        return f"{text}, {known} of them known" if self.mask else text


def _colour(name: str) -> Tensor:
    """(3,) in [0, 1] of a colour such as "#0072B2"."""
    return torch.tensor([int(name[k : k + 2], 16) / 255 for k in (1, 3, 5)], dtype=torch.float64)


def _coloured(ways: Tensor, mask: list[list[int]]) -> Tensor:
    """A plane as a picture (3, H, W): the bluer, the more ways; holes orange, and where they are seen between both."""
    strength = torch.where(ways > 0, 0.25 + 0.75 * (ways / ways.max().clamp(min=1)).sqrt(), 0.0)
    paper = torch.ones(3, *ways.shape, dtype=torch.float64)
    if mask:
        hole = torch.tensor(mask) == 0
        paper = torch.where(hole, _colour(viz.ORANGE)[:, None, None], paper)
        strength = torch.where(hole & (ways > 0), 0.6, strength)
    return paper + strength * (_colour(viz.BLUE)[:, None, None] - paper)


def _field(stack: list[dict[str, Any]]) -> list[int]:
    return geometry.receptive_field((layer["kernel"], layer["stride"], layer["dilation"]) for layer in stack)


def _see(stack: list[dict[str, Any]], sizes: list[tuple[int, int]], place: tuple[int, int, int]) -> list[Tensor]:
    """For the input and each layer up to that of the place, in how many ways its cells are seen from there."""
    level, *cell = place
    across = [_ways_along(stack[:level], [size[axis] for size in sizes], cell[axis]) for axis in (0, 1)]
    return [down[:, None] * right[None] for down, right in zip(*across, strict=True)]


def _ways_along(layers: list[dict[str, Any]], sides: list[int], index: int) -> list[Tensor]:
    """Along one axis: for the input and each layer, in how many ways its cells are seen from cell ``index`` after the last layer."""
    now = torch.zeros(sides[len(layers)], dtype=torch.float64)
    now[index] = 1
    found = [now]
    for layer, side in zip(reversed(layers), reversed(sides[: len(layers)]), strict=True):
        before = torch.zeros(side, dtype=torch.float64)
        for at in torch.nonzero(now).flatten().tolist():
            for tap in range(layer["kernel"]):
                place = at * layer["stride"] + tap * layer["dilation"] - layer["padding"]
                if 0 <= place < side:
                    before[place] += now[at]
        found.append(before)
        now = before
    return found[::-1]


def _middle(sizes: list[tuple[int, int]]) -> tuple[int, int, int]:
    height, width = sizes[-1]
    return len(sizes) - 1, height // 2, width // 2
