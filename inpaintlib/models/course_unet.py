"""The course's own network for 32 x 32: start from what needs no learning, and learn the rest.

Four ideas of the course, each in a few lines:

    start       holes are filled by a pyramid of means first; the network adds only what that filling is wrong by
    residual    blocks that add to what they were given, so that depth does not hurt; skips from encoder to decoder are additions too
    mask        the network is told where the holes are, by a fourth channel; ``convolution=`` swaps in partial or gated ones besides
    attention   at the coarsest resolution every place looks at every other: a large hole is filled from what lies far away

and a fifth that costs no training: the mean of what it makes of a picture and of its mirror image (``mirror=True``).

Sources: O. Ronneberger et al., U-Net, MICCAI 2015; K. He et al., Deep Residual Learning, CVPR 2016; B. Lim et al., Enhanced Deep Residual
Networks, CVPRW 2017 (blocks without normalisation); A. Vaswani et al., Attention Is All You Need, NeurIPS 2017; S. Gortler et al., The
Lumigraph, SIGGRAPH 1996 (the pyramid: "pull-push").
"""

from __future__ import annotations

from itertools import pairwise
from math import gcd
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib._check import as_mask
from inpaintlib.layers import GatedConv2d, PartialConv2d
from inpaintlib.models.base import Inpainter

__all__ = ["CourseUNet", "pyramid_filling"]

CONVOLUTIONS = ("plain", "partial", "gated")


class CourseUNet(Inpainter):
    """A U-Net of residual blocks that corrects a first filling.

    Args:
        width: channels at full resolution; each coarser one has twice as many.
        depth: number of resolutions; 3 means 32, 16 and 8 pixels.
        blocks: residual blocks at each resolution on the way down, and as many on the way up.
        convolution: "plain", "partial" or "gated" in stem, blocks and steps between resolutions.
        attention: let the places of the coarsest resolution attend to each other.
        start: correct the filling by a pyramid of means; ``False``: paint from nothing.
        mirror: outside training fill the picture's mirror image as well, and take the mean of both: two guesses err less than one, for
            twice the time. It needs no weights of its own.

    With the defaults 1,752,131 parameters.
    """

    name = "course_unet"
    switches = frozenset({"attention", "start", "mirror"})
    free = frozenset({"mirror"})

    def __init__(
        self,
        width: int = 32,
        depth: int = 3,
        blocks: int = 2,
        convolution: str = "plain",
        attention: bool = True,
        start: bool = True,
        mirror: bool = False,
    ) -> None:
        if convolution not in CONVOLUTIONS:
            raise ValueError(f"convolution is {convolution!r}; expected {', '.join(CONVOLUTIONS)}.")
        super().__init__(
            width=width, depth=depth, blocks=blocks, convolution=convolution, attention=attention, start=start, mirror=mirror
        )
        self.start, self.mirror, self.size_multiple = start, mirror, 2 ** (depth - 1)
        widths = [width * 2**level for level in range(depth)]
        steps = list(pairwise(widths))  # (32, 64), (64, 128)

        def stage(channels: int) -> nn.ModuleList:
            return nn.ModuleList(_Residual(convolution, channels) for _ in range(blocks))

        self.stem = _Convolution(convolution, 4, width)
        self.encoder = nn.ModuleList(stage(w) for w in widths)
        self.down = nn.ModuleList(_Convolution(convolution, fine, coarse, stride=2) for fine, coarse in steps)
        self.attention = _Attention(widths[-1]) if attention else None
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in reversed(steps))
        self.decoder = nn.ModuleList(stage(w) for w in reversed(widths))
        self.head = nn.Conv2d(width, 3, 3, padding=1)
        with torch.no_grad():
            self.head.weight.mul_(0.1)  # the first prediction is the first filling, nearly
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a pixel's channels side by side: a third faster here, on CPUs too

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """The raw prediction (B, 3, H, W) in [0, 1] from an image in [0, 1] and its mask, 1 = known."""
        mask = self.at_door(image, mask)
        if not self.mirror or self.training:
            return self.predict(image, mask)
        both = self.predict(torch.cat([image, image.flip(-1)]), torch.cat([mask, mask.flip(-1)]))
        here, there = both.chunk(2)
        return (here + there.flip(-1)) / 2

    def predict(self, image: Tensor, mask: Tensor) -> Tensor:
        """One look at the picture as it is; :meth:`forward` may take two."""
        first = pyramid_filling(image, mask) if self.start else 0.5 * torch.ones_like(image)
        seen = torch.cat([2 * (first if self.start else image * mask) - 1, mask], dim=1)  # (B, 4, H, W)
        x, known = self.stem(seen.contiguous(memory_format=torch.channels_last), mask)
        skips = []
        for level, stage in enumerate(self.encoder):
            if level:
                skips.append((x, known))
                x, known = self.down[level - 1](x, known)
            x, known = _through(stage, x, known)
        if self.attention is not None:
            x = self.attention(x)
        for level, stage in enumerate(self.decoder):
            if level:
                skip, skip_known = skips.pop()
                x = F.pixel_shuffle(self.up[level - 1](x), 2) + skip  # four values a place become a square of 2 x 2
                known = torch.maximum(F.interpolate(known, scale_factor=2), skip_known)  # of use to partial convolutions alone
            x, known = _through(stage, x, known)
        return _into_range(first + self.head(x))


def pyramid_filling(image: Tensor, mask: Tensor) -> Tensor:
    """Fill each hole pixel with the mean of the known ones around it: of the smallest block of 2, 4, 8, ... pixels that holds any.

    Down the pyramid go sums of known pixels and their number; on the way up every hole is filled from the coarser picture, which is
    doubled smoothly. Known pixels come back as they are. No pixel under a hole counts; a picture without known pixels becomes grey.

    Args:
        image: float (B, C, H, W) in [0, 1], finite.
        mask: (B, 1, H, W), 1 = known, 0 = hole.

    Source: S. Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.4.

    >>> row = torch.tensor([[[[0.25, 0.75, 0.0, 0.0]]]])
    >>> pyramid_filling(row.expand(1, 1, 4, 4), torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(1, 1, 4, 4))[0, 0, 0]
    tensor([0.2500, 0.7500, 0.5000, 0.5000])
    """
    mask = as_mask(mask, image, values=False)
    # In single precision at least: in half, 1e-9 below would be 0, and the derivative by one known pixel of many infinite on its way.
    wide = torch.promote_types(image.dtype, torch.float32)
    total, count = (image * mask).to(wide), mask.to(wide)  # (B, C, H, W), (B, 1, H, W)
    finer = []
    while total.shape[-2] % 2 == 0 and total.shape[-1] % 2 == 0:
        finer.append((total, count))
        total, count = F.avg_pool2d(total, 2), F.avg_pool2d(count, 2)  # the common factor 1/4 cancels in total / count
    share = count.mean((-2, -1), keepdim=True)
    mean = _where_known(total.mean((-2, -1), keepdim=True), share, torch.full_like(share, 0.5))  # of all known pixels
    filled = _where_known(total, count, mean)
    for total, count in reversed(finer):
        filled = _where_known(total, count, F.interpolate(filled, scale_factor=2, mode="bilinear"))
    return filled.to(image.dtype)


def _where_known(total: Tensor, count: Tensor, otherwise: Tensor) -> Tensor:
    return torch.where(count > 0, total / count.clamp(min=1e-9), otherwise)


def _into_range(x: Tensor) -> Tensor:
    """Cut to [0, 1], but let the gradient pass: a value beyond would otherwise get none, and stay there."""
    return x.detach().clamp(0, 1) + (x - x.detach())


def _through(stage: nn.Module, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    for block in stage.children():
        x, known = block(x, known)
    return x, known


class _Convolution(nn.Module):
    """A 3 x 3 convolution of one of three kinds, ``(x, known) -> (y, known)``; only the partial kind looks at what is known."""

    def __init__(self, kind: str, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.kind, self.stride = kind, stride
        self.layer: Any
        if kind == "gated":
            self.layer = GatedConv2d(cin, cout, 3, stride, padding=1, activation=None)  # the blocks have activations of their own
        else:
            self.layer = (PartialConv2d if kind == "partial" else nn.Conv2d)(cin, cout, 3, stride, padding=1)

    def forward(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        if self.kind == "partial":
            return self.layer(x, known)
        return self.layer(x), known if self.stride == 1 else F.max_pool2d(known, self.stride)


class _Residual(nn.Module):
    """x + convolution(relu(convolution(x))); the second starts small, so that a new block changes little."""

    def __init__(self, kind: str, channels: int) -> None:
        super().__init__()
        self.first, self.second = _Convolution(kind, channels, channels), _Convolution(kind, channels, channels)
        with torch.no_grad():
            self.second.layer.weight.mul_(0.3)

    def forward(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        y, known = self.first(x, known)
        y, known = self.second(F.relu(y), known)
        return x + y, known


class _Attention(nn.Module):
    """Every place asks every other, with several heads: x + the mean of the values, weighted by how well key and query agree."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = gcd(heads, channels)  # each gets an equal share of the channels
        self.norm = nn.LayerNorm(channels)
        self.ask, self.answer = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        places = x.flatten(2).transpose(1, 2)  # (B, H * W, C)
        asked = self.ask(self.norm(places)).view(batch, -1, 3, self.heads, channels // self.heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4)  # (B, heads, H * W, C / heads) each
        # By hand it is the faster way to train 64 places on a CPU; the fused one needs no room for all pairs of a large image's places.
        attend = _attend if torch.is_grad_enabled() else F.scaled_dot_product_attention
        found = attend(query, key, value).transpose(1, 2).flatten(2)  # (B, H * W, C)
        return x + self.answer(found).transpose(1, 2).reshape(batch, channels, height, width)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    agreement = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5  # (B, heads, H * W, H * W)
    return agreement.softmax(-1) @ value
