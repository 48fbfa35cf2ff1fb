"""S1's partial U-Net for 32 x 32: narrow on the way down, wide on the way up, without batch norm.

A course project's network, built after G. Liu et al., ECCV 2018. Its slides lack the rows of conv8 to conv12; the values here are the ones
that fit the printed total of 1,718,679 parameters: 859,863 weights and biases, and 858,816 mask kernels, which were left trainable by
mistake. A mask kernel is a constant one, so this network has the 859,863 alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.layers import PartialConv2d
from inpaintlib.models.base import Inpainter, start_weights

__all__ = ["PartialUNetS1"]


class PartialUNetS1(Inpainter):
    """S1: eight partial convolutions down to 2 x 2, eight up again with four skips, and a plain convolution as head.

    Args:
        width: channels of every layer on the way down; on the way up 8, 4, 4, 2, 2, 1, 1 times as many.

    With the defaults 859,863 parameters.
    """

    name = "partial_unet_s1"
    size_multiple = 16

    def __init__(self, width: int = 32) -> None:
        super().__init__(width=width)
        w = width
        strides = [1, 2, 1, 2, 1, 2, 1, 2]
        self.down = nn.ModuleList(PartialConv2d(w if i else 3, w, 3, stride, padding=1) for i, stride in enumerate(strides))
        # after each doubling: a layer that sees the skip beside it (w more channels), and one that follows
        table = [(w, 8 * w, 4 * w), (4 * w, 4 * w, 2 * w), (2 * w, 2 * w, w), (w, w, 3)]
        self.merge = nn.ModuleList(PartialConv2d(cin + w, cmid, 3, padding=1) for cin, cmid, _ in table)
        self.refine = nn.ModuleList(PartialConv2d(cmid, cout, 3, padding=1) for _, cmid, cout in table)
        self.head = nn.Conv2d(3, 3, 3, padding=1)
        start_weights(self)  # its project used Keras

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The raw prediction (B, 3, H, W) in [0, 1] from an image in [0, 1] and its mask, 1 = known."""
        mask = self.at_door(image, mask)
        x, skips = image, []
        for i, layer in enumerate(self.down):
            x, mask = layer(x, mask)
            x = F.relu(x)
            if i % 2 == 0:
                skips.append((x, mask))  # the odd layers of the slides keep the size: conv1, conv3, conv5, conv7
        for merge, refine in zip(self.merge, self.refine, strict=True):
            x, mask = F.interpolate(x, scale_factor=2), F.interpolate(mask, scale_factor=2)  # nearest
            skip, skip_mask = skips.pop()
            x, mask = merge(torch.cat([x, skip], dim=1), [(mask, x.shape[1]), (skip_mask, skip.shape[1])])
            x, mask = refine(F.relu(x), mask)
            x = F.relu(x)
        return torch.sigmoid(self.head(x))
