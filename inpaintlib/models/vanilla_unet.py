"""The U-Net of S1 and S4: plain convolutions, four poolings, skip connections; it sees holes as black pixels.

After O. Ronneberger et al., U-Net, MICCAI 2015, made smaller and padded, as two course projects used it on CIFAR-10.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.models.base import Inpainter, start_weights

__all__ = ["VanillaUNet"]


class _Double(nn.Sequential):
    """Two 3 x 3 convolutions, each with a ReLU."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__(nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(), nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU())


class VanillaUNet(Inpainter):
    """S1 and S4: double convolutions of 32, 64, 128, 256 and 512 channels, joined by poolings and transposed convolutions.

    Args:
        depth: number of resolutions, 2 to 5. Depth 5 is the network of the two projects: 7,760,931 parameters.
        width: channels at full resolution; each coarser one has twice as many.

    Raises:
        ValueError: another depth.
    """

    name = "vanilla_unet"

    def __init__(self, depth: int = 5, width: int = 32) -> None:
        if not 2 <= depth <= 5:
            raise ValueError(f"depth is {depth}; expected 2 to 5, the number of resolutions (5 = four poolings).")
        super().__init__(depth=depth, width=width)
        self.size_multiple = 2 ** (depth - 1)
        widths = [width * 2**level for level in range(depth)]
        self.encoder = nn.ModuleList(_Double(cin, cout) for cin, cout in zip([3, *widths], widths, strict=False))
        coarse_to_fine = list(zip(widths[:0:-1], widths[-2::-1], strict=True))  # (512, 256), (256, 128), ...
        self.up = nn.ModuleList(nn.ConvTranspose2d(cin, cout, 2, stride=2) for cin, cout in coarse_to_fine)
        self.decoder = nn.ModuleList(_Double(2 * cout, cout) for _, cout in coarse_to_fine)
        self.head = nn.Conv2d(width, 3, 3, padding=1)
        start_weights(self)  # the two projects used Keras

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The raw prediction (B, 3, H, W) in [0, 1] from an image in [0, 1] and its mask, 1 = known."""
        mask = self.at_door(image, mask)
        x, skips = image * mask, []  # the mask itself is no input: a hole is a black pixel
        for level, double in enumerate(self.encoder):
            x = double(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()  # the bottleneck needs no skip
        for up, double in zip(self.up, self.decoder, strict=True):
            x = double(torch.cat([skips.pop(), up(x)], dim=1))
        return torch.sigmoid(self.head(x))
