"""S0's network: an autoencoder of partial convolutions with skip connections, for images of 32 x 32.

The table of a course project's slides, row by row; built after G. Liu et al., ECCV 2018, made smaller. Where the slides are
silent (kernel size, kind of upsampling, choice of the concatenated feature) it follows their public code: 3 x 3, nearest, the
encoder's feature before the stride.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.layers import PartialConv2d
from inpaintlib.models.base import Inpainter

__all__ = ["PartialUNet"]


class _Down(nn.Module):
    """Two partial convolutions: one keeps the size, the second halves it."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.keep = PartialConv2d(cin, cout, 3, padding=1)
        self.halve = PartialConv2d(cout, cout, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        skip, skip_mask = self.keep(x, mask)  # (B, cout, H, W), (B, 1, H, W)
        skip = F.relu(skip)
        y, mask = self.halve(skip, skip_mask)  # (B, cout, H / 2, W / 2), (B, 1, H / 2, W / 2)
        return F.relu(self.norm(y)), mask, skip, skip_mask


class _Up(nn.Module):
    """Double the size, put the encoder's feature beside it, and convolve twice."""

    def __init__(self, cin: int, cskip: int, cmid: int, cout: int) -> None:
        super().__init__()
        self.merge = PartialConv2d(cin + cskip, cmid, 3, padding=1)
        self.refine = PartialConv2d(cmid, cout, 3, padding=1)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor, mask: Tensor, skip: Tensor, skip_mask: Tensor) -> tuple[Tensor, Tensor]:
        x, mask = F.interpolate(x, scale_factor=2), F.interpolate(mask, scale_factor=2)  # nearest: (B, cin, H, W), (B, 1, H, W)
        groups = [(mask, x.shape[1]), (skip_mask, skip.shape[1])]  # two halves, two masks
        x, mask = self.merge(torch.cat([x, skip], dim=1), groups)  # (B, cin + cskip, H, W) -> (B, cmid, H, W)
        x, mask = self.refine(F.relu(x), mask)  # (B, cout, H, W)
        return F.relu(self.norm(x)), mask


class PartialUNet(Inpainter):
    """S0: four stages down (32, 64, 128, 256 channels), four up, a partial convolution and a sigmoid as head.

    Args:
        width: channels of the first stage; the others are 2, 4 and 8 times as wide.
        squeeze: as on the slides, the last stage ends in 3 channels, and the head sees only those. ``False`` keeps
            ``width`` channels up to the head; docs/results/squeeze.md measures what the squeeze costs.

    With the defaults 3,129,117 parameters: 3,127,703 in convolutions and 1,414 in batch norm.
    """

    name = "partial_unet"
    size_multiple = 16
    switches = frozenset({"squeeze"})

    def __init__(self, width: int = 32, squeeze: bool = True) -> None:
        super().__init__(width=width, squeeze=squeeze)
        w1, w2, w3, w4 = width, 2 * width, 4 * width, 8 * width
        last = 3 if squeeze else w1
        self.down = nn.ModuleList([_Down(3, w1), _Down(w1, w2), _Down(w2, w3), _Down(w3, w4)])
        self.up = nn.ModuleList([_Up(w4, w4, w4, w3), _Up(w3, w3, w3, w2), _Up(w2, w2, w2, w1), _Up(w1, w1, w1, last)])
        self.head = PartialConv2d(last, 3, 3, padding=1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The raw prediction (B, 3, H, W) in [0, 1] from an image in [0, 1] and its mask, 1 = known."""
        mask = self.at_door(image, mask)
        x, skips = 2 * image - 1, []  # the network works in [-1, 1], so that 0 is grey; only the sigmoid speaks in [0, 1]
        for down in self.down:
            x, mask, skip, skip_mask = down(x, mask)  # at last (B, 8 * width, H / 16, W / 16)
            skips.append((skip, skip_mask))  # width, 2, 4, 8 * width channels, at H, H / 2, H / 4, H / 8
        for up in self.up:
            x, mask = up(x, mask, *skips.pop())  # at last (B, 3, H, W), or (B, width, H, W) without squeeze
        x, mask = self.head(x, mask)  # (B, 3, H, W)
        return torch.sigmoid(x)
