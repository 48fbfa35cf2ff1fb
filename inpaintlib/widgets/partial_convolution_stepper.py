"""A partial convolution, one window after the other, with a mask that one toggles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor

from inpaintlib import viz
from inpaintlib.layers import partial_conv2d
from inpaintlib.viz.pictures import plane
from inpaintlib.widgets.base import module
from inpaintlib.widgets.convolution_stepper import ConvolutionStepper, Numbers

__all__ = ["PartialConvolutionStepper"]


class PartialConvolutionStepper(ConvolutionStepper):
    """As :class:`ConvolutionStepper`, with holes: the factor k²/known, the output 0 where nothing is known, and the mask afterwards.

    Pixels are made holes and known again by a click, or by the space bar; a button brings the first holes back. Places outside the image
    count as holes.

    Args:
        image: numbers (H, W), at most 12 by 12.
        kernel: numbers (h, w), at most 7 by 7.
        mask: (H, W), 1 = known, 0 = hole; everything is known by default.
        stride, padding, dilation, position, simple: as in :class:`ConvolutionStepper`.

    Attributes:
        output: float64 (H', W'), the finished partial convolution.
        new_mask: float64 (H', W'), the mask afterwards.

    Raises:
        ValueError: as :class:`ConvolutionStepper`, or a mask of another size, or with other values than 0 and 1.

    Source: G. Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, eq. 1 and 2.

    >>> stepper = PartialConvolutionStepper([[7, 2, 3], [4, 5, 3], [3, 3, 2]], [[1, 0, -1]] * 3, [[1, 1, 1], [1, 0, 0], [1, 1, 0]])
    >>> stepper.value  # 11 * 9 / 6
    16.5
    """

    _esm = module("partial_convolution_stepper.js")

    mask = traitlets.Any().tag(sync=True)
    _first_mask = traitlets.Any().tag(sync=True)  # what "Original holes" goes back to

    def __init__(self, image: Numbers, kernel: Numbers, mask: Numbers | None = None, **options: Any) -> None:
        image = torch.as_tensor(image)
        known = torch.ones(image.shape[-2:]) if mask is None else mask
        known = _check_mask(known, image.shape[-2:])
        super().__init__(image, kernel, mask=known, _first_mask=known, **options)

    @traitlets.validate("mask")
    def _must_match(self, proposal: Any) -> list[list[int]]:
        return _check_mask(proposal["value"], (len(self.image), len(self.image[0])))

    @property
    def output(self) -> Tensor:
        """float64 (H', W'): the finished partial convolution at the present settings."""
        return self._compute()[0]

    @property
    def new_mask(self) -> Tensor:
        """float64 (H', W'): 1 where the window holds at least one known pixel."""
        return self._compute()[1]

    def _compute(self) -> tuple[Tensor, Tensor]:
        x, m, w = (torch.tensor(rows, dtype=torch.float64)[None, None] for rows in (self.image, self.mask, self.kernel))
        y, new_mask = partial_conv2d(x, m, w, None, **self._geometry())
        return y[0, 0], new_mask[0, 0]

    def describe(self) -> str:
        holes = sum(row.count(0) for row in self.mask)
        return f"Partial convolution with {holes} holes. {super().describe()}"

    def _picture(self) -> Any:
        y, new_mask = self._compute()
        return viz.convolution_picture(
            self.image, self.kernel, y, window=self.position, mask=self.mask, new_mask=new_mask, **self._geometry()
        )


def _check_mask(mask: Numbers, shape: Sequence[int]) -> list[list[int]]:
    values = plane(mask)
    if values.shape != tuple(shape):
        raise ValueError(f"mask has shape {values.shape}, the image {tuple(shape)}; expected the same.")
    if not ((values == 0) | (values == 1)).all():
        raise ValueError(f"mask has values from {values.min():g} to {values.max():g}; expected only 1 (known) and 0 (hole).")
    return values.astype(int).tolist()
