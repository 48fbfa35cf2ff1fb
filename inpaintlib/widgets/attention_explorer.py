"""Point at a place in a hole and see where it looks."""

from __future__ import annotations

from typing import Any

import torch
import traitlets
from torch import Tensor

from inpaintlib import viz
from inpaintlib._check import as_image, as_mask, describe
from inpaintlib.widgets.base import CourseWidget, module

__all__ = ["AttentionExplorer"]

_MOST = 8_000_000  # bytes of weights that are sent to the browser
_LEGEND = (
    "The brighter, the more weight; the framed patch has most of it. In the coloured map white is a place that looks at itself, pink one "
    "that looks to the bottom left, green to the top right, blue to the top left, yellow to the bottom right; the stronger, the farther."
)


class AttentionExplorer(CourseWidget):
    """A picture with a hole, the patches that one place of the hole looks at, and the coloured map of where all of them look.

    Args:
        image: float (1, 3, H, W) or (3, H, W) in [0, 1].
        mask: (1, 1, H, W), 1 = known, 0 = hole.
        weights: how much each place looks at each patch, none negative: (h, w, h, w) or (1, h, w, h, w), H and W the same multiple of h and
            w, as :func:`inpaintlib.layers.attention_weights` returns it. Only the rows of hole places are read.
        filled: what the hole is filled with, of the image's shape, if it is to be shown.
        place: row and column of the place at the start; by default the middle one of the hole.
        sharpness: the weights are shown as if the softmax had had this many times its scale.

    Attributes:
        place: row and column of the place that is pointed at. Assign to it to point elsewhere.
        sharpness: see above, 1/8 to 16.
        looks_at: row and column of the patch with most weight, or None where there is none.

    Raises:
        TypeError, ValueError: an image, mask or weights that are none or do not fit each other, no hole, or more weights than a browser
            should be sent.

    >>> from inpaintlib.layers import attention_weights
    >>> stripes = torch.tensor([[0.9, 0.1] * 4]).expand(1, 3, 8, 8)
    >>> mask = torch.ones(1, 1, 8, 8)
    >>> mask[..., 4, 5] = 0
    >>> AttentionExplorer(stripes, mask, attention_weights(stripes - 0.5, stripes - 0.5, mask)).place
    (4, 5)
    """

    _esm = module("attention_explorer.js")

    _height = traitlets.Int().tag(sync=True)
    _width = traitlets.Int().tag(sync=True)
    _cell = traitlets.Int(1).tag(sync=True)
    _pixels = traitlets.Bytes().tag(sync=True)  # RGB, H * W * 3, nothing of what lies under the hole
    _filling = traitlets.Bytes().tag(sync=True)  # the same, or empty
    _colours = traitlets.Bytes().tag(sync=True)  # RGB, h * w * 3
    _known = traitlets.Bytes().tag(sync=True)  # H * W
    _weights = traitlets.Bytes().tag(sync=True)  # float32, a row of h * w for each hole place, in reading order
    _legend = traitlets.Unicode(_LEGEND).tag(sync=True)
    place = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(sync=True)
    sharpness = traitlets.Float(1.0, min=1 / 8, max=16.0).tag(sync=True)

    def __init__(
        self,
        image: Tensor,
        mask: Tensor,
        weights: Tensor,
        *,
        filled: Tensor | None = None,
        place: tuple[int, int] | None = None,
        sharpness: float = 1.0,
        **traits: Any,
    ) -> None:
        image = _one(image, "image")
        mask = as_mask(mask, image)
        filled = None if filled is None else _one(filled, "filled")
        if filled is not None and filled.shape != image.shape:
            raise ValueError(f"filled is {describe(filled)}, image {describe(image)}; expected the same shape.")
        weights, cell = _table(weights, image)
        self._mask, self._image, self._table = mask[0, 0], image * mask, weights
        self._holes = torch.nn.functional.max_pool2d(1 - mask, cell)[0, 0] > 0  # (h, w): the places with a hole pixel
        if not self._holes.any():
            raise ValueError("mask has no hole; expected at least one pixel of 0, a place that looks somewhere.")
        rows = weights[self._holes].flatten(1).float()  # (holes, h * w)
        if rows.numel() * 4 > _MOST:
            raise ValueError(
                f"{len(rows)} hole places look at {rows.shape[1]} patches each; expected at most {_MOST // 4:,} weights. "
                "Take a smaller picture or hole, or compare every second place with rate=2."
            )
        self._field = _field(weights, self._holes)
        colours = viz.attention_colours(self._field)[None]
        super().__init__(
            _height=image.shape[2],
            _width=image.shape[3],
            _cell=cell,
            _pixels=_bytes(self._image),
            _filling=b"" if filled is None else _bytes(filled),
            _colours=_bytes(colours),
            _known=mask[0, 0].to(torch.uint8).contiguous().cpu().numpy().tobytes(),
            _weights=rows.contiguous().cpu().numpy().astype("<f4").tobytes(),
            place=tuple(place) if place is not None else _middle(self._holes),
            sharpness=sharpness,
            **traits,
        )

    @traitlets.validate("place")
    def _must_be_a_place(self, proposal: Any) -> tuple[int, int]:
        row, column = proposal["value"]
        rows, columns = self._holes.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise traitlets.TraitError(f"place is {(row, column)}; expected a row below {rows} and a column below {columns}.")
        return row, column

    @property
    def here(self) -> Tensor:
        """float64 (h, w): the weights of the place pointed at, at the sharpness that is set; all 0 for a known place."""
        weight = self._table[self.place].double() * self._holes[self.place]
        if weight.sum() == 0:
            return weight
        raised = (weight / weight.max()) ** self.sharpness * (weight > 0)
        return raised * weight.sum() / raised.sum()

    @property
    def looks_at(self) -> tuple[int, int] | None:
        """Row and column of the patch with most weight, or None where there is none."""
        weight = self.here
        if weight.sum() == 0:
            return None
        row, column = divmod(int(weight.argmax()), weight.shape[1])
        return row, column

    def sentence(self) -> str:
        """What the place does, as the widget says it."""
        name, weight, best = _name(self.place), self.here, self.looks_at
        if not self._holes[self.place]:
            return f"{name} is known: nothing is filled in there."
        if best is None:
            return f"{name} looks nowhere: no patch is known."
        half = int((weight.flatten().sort(descending=True).values.cumsum(0) < weight.sum() / 2).sum()) + 1
        leaked = float(weight[self._holes].sum())
        spread = f"{_share(float(weight[best]))} of its weight; half of it lies on {half} {'patch' if half == 1 else 'patches'}"
        leak = f"; {_share(leaked)} lies in the hole" if leaked > 0.0005 else ""
        return f"{name} looks most at {_name(best)} ({_steps(best[0] - self.place[0], best[1] - self.place[1])}), with {spread}{leak}."

    def describe(self) -> str:
        rows, columns = self._holes.shape
        return f"A picture of {rows} by {columns} places, {int(self._holes.sum())} of them in a hole; {self.sentence()}"

    def still(self) -> str:
        drawing = viz.attention_place(self._image, self._mask, self.here, self.place, field=self._field)
        return viz.figure_html(drawing, alt=self.describe(), caption="Interactive in a running notebook: point at other places.")


def _one(image: Tensor, name: str) -> Tensor:
    """float (1, 3, H, W)."""
    if isinstance(image, Tensor) and image.dim() == 3:
        image = image[None]
    image = as_image(image, name, channels=3).detach().float().cpu()
    if len(image) != 1:
        raise ValueError(f"{name} is {describe(image)}; expected a single picture. Pick one: {name}[:1].")
    return image


def _table(weights: Tensor, image: Tensor) -> tuple[Tensor, int]:
    """(h, w, h, w), and how many pixels wide a place is."""
    if not isinstance(weights, Tensor) or not weights.is_floating_point():
        raise TypeError(f"weights is {describe(weights)}; expected a float tensor (h, w, h, w), as attention_weights returns it.")
    given, weights = weights, weights.detach().cpu()
    if weights.dim() == 5 and len(weights) == 1:
        weights = weights[0]
    height, width = image.shape[2:]
    if weights.dim() != 4 or weights.shape[:2] != weights.shape[2:] or weights.numel() == 0:
        raise ValueError(f"weights is {describe(given)}; expected (h, w, h, w): from each place to each patch of the same picture.")
    h, w = weights.shape[:2]
    if height % h or width % w or height // h != width // w:
        raise ValueError(f"weights is for {h} by {w} places, the image {height} by {width}; expected the same multiple of both.")
    if not bool((weights >= 0).all()):  # NaN is refused as well
        raise ValueError("weights holds negative numbers or NaN; expected weights, after the softmax.")
    return weights, height // h


def _field(weights: Tensor, holes: Tensor) -> Tensor:
    """int64 (2, h, w): from each hole place to the patch with most weight, 0 elsewhere."""
    h, w = holes.shape
    best = weights.flatten(2).argmax(-1)
    some = holes & (weights.flatten(2).sum(-1) > 0)
    return torch.stack([best // w - torch.arange(h)[:, None], best % w - torch.arange(w)]) * some


def _middle(holes: Tensor) -> tuple[int, int]:
    """The hole place nearest to the mean of all."""
    places = holes.nonzero()
    row, column = places[(places - places.double().mean(0)).square().sum(1).argmin()].tolist()
    return row, column


def _name(place: tuple[int, int]) -> str:
    return f"row {place[0] + 1}, column {place[1] + 1}"


def _steps(down: int, right: int) -> str:
    parts = [f"{abs(down)} {'down' if down > 0 else 'up'}"] * bool(down)
    parts += [f"{abs(right)} to the {'right' if right > 0 else 'left'}"] * bool(right)
    return ", ".join(parts) or "itself"


def _share(weight: float) -> str:
    return f"{100 * weight:.{1 if weight < 0.1 else 0}f} %"


def _bytes(image: Tensor) -> bytes:
    """(1, 3, H, W) in [0, 1] as RGB bytes, row by row."""
    return (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous().cpu().numpy().tobytes()
