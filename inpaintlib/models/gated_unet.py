"""A U-Net of gated convolutions: S2's first stage by itself, with skip connections.

Like the coarse stage of Yu et al. it halves the image twice only and then widens its view by dilation, so that nothing is lost to a
bottleneck; being on its own, it needs what the second stage would add back, fine detail, and gets it through two skips.

Source: J. Yu et al., Free-Form Image Inpainting with Gated Convolution, ICCV 2019, section 3; the skips are those of O. Ronneberger et al.,
MICCAI 2015.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.layers import GatedConv2d
from inpaintlib.layers.gated_conv import Activation
from inpaintlib.models.base import Inpainter

__all__ = ["LEAST", "GatedUNet", "damaged", "dilations", "gated"]

LEAST = {"size": 4, "width": 2}  # two halvings, and a last gated convolution of half as many channels


def gated(
    cin: int, cout: int, kernel: int = 3, stride: int = 1, dilation: int = 1, upsample: int = 1, activation: Activation = F.elu
) -> GatedConv2d:
    """A gated convolution padded so that the size stays, or is halved by a stride of 2, or doubled by ``upsample=2``."""
    padding = dilation * (kernel - 1) // 2
    return GatedConv2d(cin, cout, kernel, stride, padding, dilation, activation=activation, upsample=upsample)


def dilations(size: int) -> list[int]:
    """2, 4, 8, 16 at 256 x 256; on smaller images no more than half of the side that is left after two halvings."""
    return [min(rate, max(size // 8, 1)) for rate in (2, 4, 8, 16)]


def damaged(image: Tensor, mask: Tensor) -> Tensor:
    """What the networks of S2 see, (B, 5, H, W): the image in [-1, 1] with grey holes, a plane of ones, and where the holes are.

    The plane of ones looks idle, but zero padding makes its rim differ from its middle: it tells a convolution where the image ends.
    """
    return torch.cat([(2 * image - 1) * mask, torch.ones_like(mask), 1 - mask], dim=1)


class GatedUNet(Inpainter):
    """S2, one stage: 17 layers, the last one a plain convolution.

    Args:
        size: side of the images it is made for; it sets the dilations. Any multiple of 4 can be filled.
        width: channels at full resolution; twice and four times as many at the half and the quarter.

    With the defaults 1,677,807 parameters; ``size=32`` is the twin for a laptop, with dilations 2, 4, 4, 4 and as many parameters.
    """

    name = "gated_unet"
    size_multiple = 4
    least = LEAST

    def __init__(self, size: int = 256, width: int = 24) -> None:
        super().__init__(size=size, width=width)
        w1, w2, w4 = width, 2 * width, 4 * width
        self.at_full = gated(5, w1, kernel=5)
        self.at_half = nn.Sequential(gated(w1, w2, stride=2), gated(w2, w2))
        self.at_quarter = nn.Sequential(
            gated(w2, w4, stride=2), gated(w4, w4), gated(w4, w4),
            *(gated(w4, w4, dilation=rate) for rate in dilations(size)),
            gated(w4, w4), gated(w4, w4),
        )  # fmt: skip
        self.to_half, self.merge_half = gated(w4, w2, upsample=2), gated(w2 + w2, w2)
        self.to_full, self.merge_full = gated(w2, w1, upsample=2), gated(w1 + w1, w1 // 2)
        self.head = nn.Conv2d(w1 // 2, 3, 3, padding=1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The raw prediction (B, 3, H, W) in [0, 1] from an image in [0, 1] and its mask, 1 = known."""
        mask = self.at_door(image, mask)
        full = self.at_full(damaged(image, mask))
        half = self.at_half(full)
        x = self.to_half(self.at_quarter(half))
        x = self.to_full(self.merge_half(torch.cat([x, half], dim=1)))
        x = self.head(self.merge_full(torch.cat([x, full], dim=1)))
        return (torch.tanh(x) + 1) / 2
