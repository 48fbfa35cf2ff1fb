"""S2's network in two stages: a coarse answer, and a refinement that copies patches from where the picture is known.

The first stage is trained by reconstruction alone and fills the hole with something blurred that fits. The second sees this filled picture
through two encoders at once: one of dilated gated convolutions, which invents, and one with contextual attention, which copies; a single
decoder merges them.

Source: J. Yu et al., Free-Form Image Inpainting with Gated Convolution, ICCV 2019, section 3.3 and its public code's table, where every
convolution's channel count includes the gates: 48 there are 24 features and 24 gates here.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.layers import ContextualAttention
from inpaintlib.models.base import Inpainter, composite
from inpaintlib.models.gated_unet import LEAST, damaged, dilations, gated

__all__ = ["CoarseToFine", "Stages"]


class Stages(NamedTuple):
    """What :meth:`CoarseToFine.stages` returns.

    ``coarse`` and ``refined`` are raw predictions (B, 3, H, W) in [0, 1]; ``field`` int64 (B, 2, h, w) says from each place how many rows
    down and columns right the most attended patch lies, in cells of ``cell`` pixels (:attr:`CoarseToFine.cell`).
    """

    coarse: Tensor
    refined: Tensor
    field: Tensor


class CoarseToFine(Inpainter):
    """S2, two stages: 17 layers coarse, then 10 and 8 side by side with attention, and 7 that merge them.

    Args:
        size: side of the images it is made for. It sets the dilations, and below 128 the attention compares every place instead of
            every second one.
        width: channels at full resolution; twice and four times as many at the half and the quarter.

    Attributes:
        cell: side in pixels of the cells in which the attention field counts: 8 at 256, 4 below 128.

    With the defaults 4,052,478 parameters (the paper says 4.1 M); ``size=32, width=16`` is the twin for a laptop.
    """

    name = "coarse_to_fine"
    least = LEAST

    def __init__(self, size: int = 256, width: int = 24) -> None:
        super().__init__(size=size, width=width)
        w1, w2, w4 = width, 2 * width, 4 * width
        rate = 2 if size >= 128 else 1
        self.size_multiple = self.cell = 4 * rate
        dilated = [gated(w4, w4, dilation=d) for d in dilations(size)], [gated(w4, w4, dilation=d) for d in dilations(size)]
        self.coarse = nn.Sequential(
            gated(5, w1, kernel=5),
            gated(w1, w2, stride=2), gated(w2, w2),
            gated(w2, w4, stride=2), gated(w4, w4), gated(w4, w4), *dilated[0],
            *_decoder(w4, w1),
        )  # fmt: skip
        self.invent = nn.Sequential(
            gated(3, w1, kernel=5),
            gated(w1, w1, stride=2), gated(w1, w2),
            gated(w2, w2, stride=2), gated(w2, w4), gated(w4, w4), *dilated[1],
        )  # fmt: skip
        self.look = nn.Sequential(
            gated(3, w1, kernel=5),
            gated(w1, w1, stride=2), gated(w1, w2),
            gated(w2, w4, stride=2), gated(w4, w4), gated(w4, w4, activation=F.relu),
        )  # fmt: skip
        self.attention = ContextualAttention(rate=rate)  # copies from patches of known cells only
        self.copy = nn.Sequential(gated(w4, w4), gated(w4, w4))
        self.merge = _decoder(2 * w4, w1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The raw refined prediction (B, 3, H, W) in [0, 1] from an image in [0, 1] and its mask, 1 = known."""
        return self.stages(image, mask).refined

    def stages(self, image: Tensor, mask: Tensor) -> Stages:
        """Both predictions and the attention field, for losses on both stages and for drawing; arguments as in :meth:`forward`."""
        mask = self.at_door(image, mask)
        coarse = torch.tanh(self.coarse(damaged(image, mask)))
        x = composite(coarse, 2 * image - 1, mask)  # the second stage sees a whole picture
        look = self.look(x)
        # A cell of 4 x 4 pixels counts as known from half of them on: in small pictures thin holes would else leave no patch to copy from.
        known = (F.avg_pool2d(mask, 4) >= 0.5).to(mask.dtype)
        copied, field = self.attention(look, mask=known)
        refined = torch.tanh(self.merge(torch.cat([self.invent(x), self.copy(copied)], dim=1)))
        return Stages((coarse + 1) / 2, (refined + 1) / 2, field)


def _decoder(cin: int, width: int) -> nn.Sequential:
    """Seven layers from a quarter of the size to the full picture: two, double, one, double, one, and a plain convolution."""
    w1, w2, w4 = width, 2 * width, 4 * width
    return nn.Sequential(
        gated(cin, w4), gated(w4, w4),
        gated(w4, w2, upsample=2), gated(w2, w2),
        gated(w2, w1, upsample=2), gated(w1, w1 // 2),
        nn.Conv2d(w1 // 2, 3, 3, padding=1),
    )  # fmt: skip
