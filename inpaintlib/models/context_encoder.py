"""Context Encoder: the whole picture through a bottleneck, and the missing middle out of it.

No pixel can slip past the bottleneck, no skip leads around it: what fits into the hole has to be understood, not copied. That is why the
network was first trained as a way to learn features, and why it needs an adversary to become sharp.

The patch that it draws is half the image's side and reaches over the hole's rim: 64 = 56 + 2 * 4. In that band the right answer is known,
and a tenfold weight there (:func:`inpaintlib.losses.border_weighted`) makes the patch meet its surroundings.

Source: D. Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, as a course project built it: batch norm after every
convolution but the last, since statistics of a batch cannot be the range of an image.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.models.base import Inpainter

__all__ = ["ContextEncoder"]


def _down(cin: int, cout: int, stride: int = 2) -> list[nn.Module]:
    """4 x 4 kernels: with stride 2 they halve an even side; with stride 1 and no padding they turn 4 x 4 into one place."""
    # no bias: batch norm subtracts it again
    return [nn.Conv2d(cin, cout, 4, stride, padding=stride - 1, bias=False), nn.BatchNorm2d(cout), nn.LeakyReLU(0.2)]


def _up(cin: int, cout: int, stride: int = 2) -> list[nn.Module]:
    return [nn.ConvTranspose2d(cin, cout, 4, stride, padding=stride - 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]


class ContextEncoder(Inpainter):
    """S3: 3 x 128 x 128 -> 4000 numbers -> 3 x 64 x 64, the patch in the middle.

    Args:
        size: side of the images, a power of 2 from 32; others do not fit through the bottleneck.
        width: channels of the first convolution; then 1, 2, 4, 8 times as many.
        latent: numbers in the bottleneck.

    Attributes:
        patch_side: side of the patch it draws, half of ``size``.
        overlap: pixels by which the patch reaches over the known rim on each side: 4 at 128.
        hole_side: side of the central hole it is made for, ``patch_side - 2 * overlap``: 56 at 128, 14 at 32.

    With the defaults 71,124,675 parameters, nine tenths of them around the bottleneck. ``size=32, latent=512`` is the twin for a laptop.

    Raises:
        ValueError: a size that is no power of 2, or below 32.
    """

    name = "context_encoder"

    def __init__(self, size: int = 128, width: int = 64, latent: int = 4000) -> None:
        if size < 32 or size & (size - 1):
            raise ValueError(f"size is {size}; expected a power of 2 from 32, such as 32 or 128.")
        super().__init__(size=size, width=width, latent=latent)
        self.size_multiple = size
        self.patch_side, self.overlap = size // 2, size // 32
        self.hole_side = self.patch_side - 2 * self.overlap
        self.window = slice(size // 4, size // 4 + self.patch_side)
        widths = [width * max(2**i // 2, 1) for i in range(size.bit_length() - 3)]  # 64, 64, 128, 256, 512: down to 4 x 4
        layers = [layer for cin, cout in zip([3, *widths], widths, strict=False) for layer in _down(cin, cout)]
        self.encoder = nn.Sequential(*layers, *_down(widths[-1], latent, stride=1))
        back = widths[:0:-1]  # 512, 256, 128, 64: one fewer, since the patch is half the image
        layers = [layer for cin, cout in pairwise(back) for layer in _up(cin, cout)]
        self.decoder = nn.Sequential(*_up(latent, back[0], stride=1), *layers, nn.ConvTranspose2d(back[-1], 3, 4, 2, padding=1), nn.Tanh())

    def patch(self, image: Tensor, mask: Tensor) -> Tensor:
        """The patch alone, (B, 3, patch_side, patch_side) in [0, 1]: what the discriminator gets to see."""
        mask = self.at_door(image, mask)
        self._check_hole(mask)
        if self.training and len(image) == 1:
            raise ValueError(f"{self.name} got a batch of one in training; batch norm at the bottleneck needs two images at least.")
        code = self.encoder((2 * image - 1) * mask)  # holes are 0 in [-1, 1]: grey
        return (self.decoder(code) + 1) / 2

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The image (B, 3, size, size) in [0, 1] with the patch in its middle, over hole and rim alike; the rest is what is known."""
        margin = (image.shape[-1] - self.patch_side) // 2
        patch = self.patch(image, mask)
        mask = self.at_door(image, mask)
        middle = torch.zeros_like(mask)
        middle[..., self.window, self.window] = 1
        return torch.where(middle > 0, F.pad(patch, [margin] * 4), image * mask)

    def check_size(self, image: Tensor) -> None:
        """Raise a ValueError unless the image has exactly the side that fits through the bottleneck."""
        size = self.size_multiple
        if image.shape[-2:] != (size, size):
            height, width = image.shape[-2:]
            raise ValueError(
                f"{self.name} got an image of {height} x {width}; expected exactly {size} x {size}, which its bottleneck is made for. "
                f"Resize or crop image and mask, or make one for another size: models.create('{self.name}', size=...), on the command line "
                "--option size=..."
            )

    def _check_hole(self, mask: Tensor) -> None:
        if mask.is_meta or torch.compiler.is_compiling():
            return
        inside = (mask[..., self.window, self.window] == 0).sum()
        if int((mask == 0).sum()) != int(inside):
            first, last = self.window.start, self.window.stop - 1
            raise ValueError(
                f"the mask has holes outside the middle; {self.name} draws rows and columns {first} to {last} only. Use a central hole, "
                f"such as masks.center_box with a side of {self.hole_side}, or a model that fills holes anywhere, such as course_unet."
            )
