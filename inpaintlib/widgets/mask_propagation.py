"""The mask after each layer of a stack of partial convolutions."""

from __future__ import annotations

from typing import Any

import torch
import traitlets
from torch import Tensor

from inpaintlib import viz
from inpaintlib.layers import partial_conv2d
from inpaintlib.widgets.base import CourseWidget, module
from inpaintlib.widgets.stack import Layers, Place, check_place, known_plane, planes, read_layers

__all__ = ["MaskPropagation"]


class MaskPropagation(CourseWidget):
    """A mask, and what becomes of it in partial convolutions: one steps from layer to layer, and asks any pixel why it is known.

    A pixel of the first mask is made a hole, or known again, by a click or the space bar. Places outside the image count as holes.

    Args:
        mask: (H, W), 1 = known, 0 = hole, at most 32 by 32.
        layers: (kernel, stride, dilation) of each partial convolution, in order, see :func:`~inpaintlib.widgets.stack.read_layers`.
        shown: how many layers are shown at first.
        position: layer (0 is the mask itself), row and column of the pixel that is asked about; by default the middle of the mask.

    Attributes:
        mask: the mask as it stands. Assign to it to change it.
        masks: the mask and what each layer makes of it, each float64 (H', W').

    Raises:
        TypeError, ValueError: no mask, or layers that do not fit into it.
        traitlets.TraitError: a position outside.

    Source: G. Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, eq. 2.

    >>> mask = torch.ones(9, 9)
    >>> mask[2:7, 2:7] = 0
    >>> [int((m == 0).sum()) for m in MaskPropagation(mask, [(3, 1, 1)] * 3).masks]
    [25, 9, 1, 0]
    """

    _esm = module("mask_propagation.js")

    mask: Any = traitlets.Any().tag(sync=True)
    layers: Any = traitlets.List().tag(sync=True)
    shown = traitlets.Int(0).tag(sync=True)
    position: Any = Place().tag(sync=True)
    _first_mask: Any = traitlets.Any().tag(sync=True)  # what "Original mask" goes back to

    def __init__(
        self, mask: Any, layers: Layers, *, shown: int = 0, position: tuple[int, int, int] | None = None, **traits: Any
    ) -> None:
        known = known_plane(mask, most=32)
        stack = read_layers(layers)
        size = len(known), len(known[0])
        planes(stack, size)
        place = (0, size[0] // 2, size[1] // 2) if position is None else tuple(position)
        super().__init__(mask=known, _first_mask=known, layers=stack, shown=shown, position=place, **traits)

    @property
    def masks(self) -> list[Tensor]:
        """The mask and what each layer makes of it, each float64 (H', W')."""
        found = [torch.tensor(self.mask, dtype=torch.float64)]
        for layer in self.layers:
            weight = torch.ones(1, 1, layer["kernel"], layer["kernel"], dtype=torch.float64)
            m = found[-1][None, None]
            found.append(partial_conv2d(m, m, weight, None, layer["stride"], layer["padding"], layer["dilation"])[1][0, 0])
        return found

    @traitlets.validate("mask")
    def _must_match(self, proposal: Any) -> list[list[int]]:
        known = known_plane(proposal["value"], most=32)
        first = self._first_mask
        if first is not None and (len(known), len(known[0])) != (len(first), len(first[0])):
            raise traitlets.TraitError(f"mask is {len(known)} by {len(known[0])}; expected {len(first)} by {len(first[0])}, as at first.")
        return known

    @traitlets.validate("shown")
    def _must_be_a_layer(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] <= len(self.layers):
            raise traitlets.TraitError(f"shown is {proposal['value']}; expected 0 to {len(self.layers)}, the number of layers.")
        return proposal["value"]

    @traitlets.validate("position")
    def _must_be_a_cell(self, proposal: Any) -> tuple[int, int, int]:
        return check_place(proposal["value"], planes(self.layers, (len(self.mask), len(self.mask[0]))))

    def describe(self) -> str:
        holes = [int((m == 0).sum()) for m in self.masks]
        size = f"{len(self.mask)} by {len(self.mask[0])}"
        after = "; ".join(f"{holes[k]} after layer {k}, {layer['title']}" for k, layer in enumerate(self.layers, 1))
        return f"A mask of {size} pixels with {holes[0]} holes, and how many are left in partial convolutions: {after}."

    def still(self) -> str:
        pictures, notes = {}, []
        for k, m in enumerate(self.masks):
            pictures["mask" if k == 0 else f"after layer {k}"] = torch.ones_like(m)
            notes.append(f"{int((m == 0).sum())} holes")
        drawing = viz.image_grid(pictures, columns=len(pictures), masks=self.masks, notes=notes, width=min(9.4, 2.1 * len(pictures)))
        caption = "Interactive in a running notebook: step through the layers, ask a pixel why it is known, and make other holes."
        return viz.figure_html(drawing, alt=self.describe(), caption=caption)
