"""Liu et al.'s U-Net of partial convolutions for photographs of 512 x 512, and its twin for 32 x 32.

Every block of the encoder halves the image, eight times, from 512 to 2; every block of the decoder doubles it and puts the encoder's
feature of that size beside it, the last one the damaged image itself. Where known pixels exist, they can so be copied right through.

Source: G. Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, section 3.2 and its supplement's table.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.layers import PartialConv2d
from inpaintlib.models.base import Inpainter, check_switch

__all__ = ["PartialUNet512"]


class _Block(nn.Module):
    """A partial convolution, batch norm unless told otherwise, and an activation: ReLU, or leaky ReLU with the given slope."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, norm: bool = True, slope: float = 0.0) -> None:
        super().__init__()
        self.conv = PartialConv2d(cin, cout, kernel, stride, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(cout) if norm else nn.Identity()
        self.slope = slope

    def forward(self, x: Tensor, mask: Tensor | list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
        x, new_mask = self.conv(x, mask)
        return F.leaky_relu(self.norm(x), self.slope), new_mask


class PartialUNet512(Inpainter):
    """Liu et al.: encoder kernels 7, 5, 5, 3, ..., channels 64, 128, 256, 512, ...; the decoder mirrors them with 3 x 3 kernels.

    Args:
        size: side of the images it is made for, a power of 2 from 16: log2(size) - 1 blocks each way, so that the bottleneck is 2 x 2.
        width: channels of the first block; doubled three times, then kept.

    With the defaults 32,865,236 parameters. ``size=32, width=16`` is the twin for a laptop: four blocks, 286,772 parameters.

    Raises:
        ValueError: a size that is no power of 2, or below 16.
    """

    name = "partial_unet_512"

    def __init__(self, size: int = 512, width: int = 64) -> None:
        if size < 16 or size & (size - 1):
            raise ValueError(f"size is {size}; expected a power of 2 from 16, such as 32 or 512.")
        super().__init__(size=size, width=width)
        blocks = size.bit_length() - 2
        self.size_multiple = 2**blocks
        kernels = ([7, 5, 5] + [3] * blocks)[:blocks]
        widths = [width * min(2**i, 8) for i in range(blocks)]
        self.encoder = nn.ModuleList(
            _Block(cin, cout, kernel, stride=2, norm=i > 0)
            for i, (cin, cout, kernel) in enumerate(zip([3, *widths], widths, kernels, strict=False))
        )
        skips = [*widths[-2::-1], 3]  # what stands beside each decoder block: the features, and last the image
        inner = zip(widths[:0:-1], skips[:-1], strict=True)
        self.decoder = nn.ModuleList(_Block(below + skip, skip, 3, slope=0.2) for below, skip in inner)
        self.head = PartialConv2d(width + 3, 3, 3, padding=1)  # the last block: no batch norm, and a sigmoid
        self._norm_frozen = False

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The raw prediction (B, 3, H, W) in [0, 1] from an image in [0, 1] and its mask, 1 = known."""
        mask = self.at_door(image, mask)
        x, skips = image, [(image, mask)]
        for block in self.encoder:
            x, mask = block(x, mask)
            skips.append((x, mask))
        skips.pop()  # the bottleneck stands beside nothing
        for block in [*self.decoder, self.head]:
            x, mask = F.interpolate(x, scale_factor=2), F.interpolate(mask, scale_factor=2)  # nearest
            skip, skip_mask = skips.pop()
            x, mask = block(torch.cat([x, skip], dim=1), [(mask, x.shape[1]), (skip_mask, skip.shape[1])])
        return torch.sigmoid(x)

    def freeze_encoder_norm(self, frozen: bool = True) -> None:
        """Stop the encoder's batch norms from learning: the second phase of the training.

        Holes make the statistics of a batch untypical (whole regions are 0), and batch norm learns them. So the network is first trained
        with batch norm at a high learning rate, then fine-tuned at a low one with the encoder's statistics, gains and shifts as they are.

        Args:
            frozen: False lets them learn again.

        Raises:
            ValueError: ``frozen`` is neither True nor False.

        Source: Liu et al., ECCV 2018, section 4.2.
        """
        check_switch("frozen", frozen)
        self._norm_frozen = frozen
        for norm in self._encoder_norms():
            norm.requires_grad_(not frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> PartialUNet512:
        """As for every module, but a frozen batch norm stays in eval mode."""
        super().train(mode)
        if self._norm_frozen:
            for norm in self._encoder_norms():
                norm.eval()
        return self

    def _encoder_norms(self) -> Iterator[nn.BatchNorm2d]:
        return (module for module in self.encoder.modules() if isinstance(module, nn.BatchNorm2d))
