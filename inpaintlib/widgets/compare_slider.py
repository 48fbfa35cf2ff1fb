"""Two pictures of the same place, one over the other, with a divider to drag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import traitlets
from torch import Tensor

from inpaintlib import viz
from inpaintlib._check import as_mask, describe
from inpaintlib.widgets.base import CourseWidget, module
from inpaintlib.widgets.pictures import one_picture, rgb_bytes

__all__ = ["CompareSlider"]

_LARGEST = 2048  # pixels a side: what a browser draws without waiting


class CompareSlider(CourseWidget):
    """Before and after: pictures of one size lie on top of each other, left of a divider one is seen, right of it another.

    The divider is dragged by mouse or touch, or moved by the arrow keys. Where there are more than two pictures, two menus choose
    which of them are compared.

    Args:
        pictures: name -> float (3, H, W) or (1, 3, H, W) in [0, 1], at least two, all of one size, at most 2048 pixels a side.
        left: the name of the one left of the divider at first; the first by default.
        right: the name of the other; the second by default.
        position: of the divider at first, 0 (left edge) to 1 (right edge).
        mask: (1, 1, H, W), 1 = known, 0 = hole; its outline can then be switched on.

    Attributes:
        left, right, position: as they stand now; assign to them to change the view.

    Raises:
        TypeError, ValueError: fewer than two pictures, something that is none, sizes or a mask that do not fit.
        traitlets.TraitError: a name that is not there, or a position outside 0 to 1.
    """

    _esm = module("compare_slider.js")

    _height = traitlets.Int().tag(sync=True)
    _width = traitlets.Int().tag(sync=True)
    _pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)  # RGB, H * W * 3 each
    _known = traitlets.Bytes().tag(sync=True)  # the mask, H * W; empty where there is none
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    left = traitlets.Unicode().tag(sync=True)
    right = traitlets.Unicode().tag(sync=True)
    position = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)

    def __init__(
        self,
        pictures: Mapping[str, Tensor],
        *,
        left: str | None = None,
        right: str | None = None,
        position: float = 0.5,
        mask: Tensor | None = None,
        **traits: Any,
    ) -> None:
        if not isinstance(pictures, Mapping) or len(pictures) < 2:
            raise TypeError(f"pictures is {describe(pictures)}; expected a mapping name -> picture with at least two pictures.")
        self._images = {str(name): one_picture(image, f"picture {name!r}", _LARGEST).cpu() for name, image in pictures.items()}
        names = list(self._images)
        first = self._images[names[0]]
        for name, image in self._images.items():
            if image.shape != first.shape:
                raise ValueError(
                    f"picture {name!r} is {describe(image)}, picture {names[0]!r} {describe(first)}; expected all of one size. "
                    "Crop or resize them first."
                )
        known = None if mask is None else as_mask(mask, first).to(torch.uint8).cpu()
        self._mask = known
        super().__init__(
            _height=first.shape[-2],
            _width=first.shape[-1],
            _pictures=[rgb_bytes(image) for image in self._images.values()],
            _known=b"" if known is None else known.contiguous().numpy().tobytes(),
            names=names,
            left=names[0] if left is None else left,
            right=names[1] if right is None else right,
            position=position,
            **traits,
        )

    @traitlets.validate("left", "right")
    def _must_be_there(self, proposal: Any) -> str:
        if proposal["value"] not in self._images:
            side = proposal["trait"].name
            raise traitlets.TraitError(f"{side} is {proposal['value']!r}; expected one of {', '.join(self._images)}.")
        return proposal["value"]

    def both(self) -> Tensor:
        """What the widget shows, (1, 3, H, W): one picture up to the divider, the other from there on."""
        cut = round(self.position * self._width)
        return torch.cat([self._images[self.left][..., :cut], self._images[self.right][..., cut:]], dim=-1)

    def describe(self) -> str:
        return (
            f"Two pictures of {self._width} by {self._height} pixels, one over the other: left of a divider at "
            f"{100 * self.position:.0f} % of the width {self.left}, right of it {self.right}."
        )

    def still(self) -> str:
        shown = {self.left: self._images[self.left], "divided": self.both(), self.right: self._images[self.right]}
        if self.left == self.right:
            shown = {self.left: self._images[self.left]}
        masks: list[Tensor | None] = [None] * len(shown)
        if self._mask is not None:
            shown = {"the hole": self._images[self.left], **shown}
            masks = [self._mask[0], *masks]
        drawing = viz.image_row(shown, masks=masks)
        caption = "Interactive in a running notebook: drag the divider from one picture to the other."
        return viz.figure_html(drawing, alt=self.describe(), caption=caption, max_bytes=80_000)
