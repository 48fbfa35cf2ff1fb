r"""Partial convolution: a convolution that knows which of its pixels are real.

Over each window W with k*k places the layer adds up the known pixels only, and makes up for the missing ones:

    y = w . (x * m) * (k*k / known) + b     known = number of known places in the window        if known > 0
    y = 0                                                                                       otherwise
    m' = 1 where known > 0, else 0

so that the mask shrinks from its rim with every layer. Places outside the image count as holes.

Source: G. Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, eq. 1 and 2;
G. Liu et al., Partial Convolution based Padding, 2018, for the places outside the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib._check import as_mask, check_convolution, describe

__all__ = ["PartialConv2d", "partial_conv2d"]

Pair = int | tuple[int, int]
Groups = Sequence[tuple[Tensor, int]]


def partial_conv2d(
    x: Tensor,
    mask: Tensor | Groups | None,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> tuple[Tensor, Tensor]:
    """Partial convolution of ``x`` under ``mask``, and the mask of what is known afterwards.

    Args:
        x: float (B, Cin, H, W), any values; what lies in the holes does not matter, unless it is infinite or NaN.
        mask: (B, 1, H, W), 1 = known, 0 = hole, for all channels alike; or, after a concatenation, a pair of
            (mask, channels) for each part in its order; or None where every pixel of the image is known.
        weight: (Cout, Cin, kh, kw).
        bias: (Cout,); added where something is known, so that the rest of the output stays 0.
        stride, padding, dilation: as in ``torch.nn.functional.conv2d``; padded places count as holes.

    Returns:
        y: (B, Cout, H', W'), 0 where the window holds no known pixel.
        new_mask: (B, 1, H', W'), 1 where it holds at least one, in the dtype of ``y`` (under autocast not that of ``x``).

    Raises:
        TypeError: ``x`` is no floating-point tensor, or mask, weight or bias no tensor.
        ValueError: shapes that do not fit each other, or mask values other than 0 and 1.

    Source: Liu et al., ECCV 2018, eq. 1 and 2. With several masks, known and k*k are counted over all channels.

    >>> image = torch.tensor([[7., 2, 3], [4, 5, 3], [3, 3, 2]])[None, None]
    >>> mask = torch.tensor([[1., 1, 1], [1, 0, 0], [1, 1, 0]])[None, None]
    >>> kernel = torch.tensor([[1., 0, -1]] * 3)[None, None]
    >>> y, new_mask = partial_conv2d(image, mask, kernel)
    >>> y.item(), new_mask.item()  # known pixels add up to 11, six of nine are known: 11 * 9 / 6
    (16.5, 1.0)
    """
    groups = _as_groups(x, mask, weight, bias)
    y = F.conv2d(_masked(x, groups), weight, None, stride, padding, dilation)
    factor, new_mask = (m.to(y.dtype) for m in _window_factor(groups, weight.shape[-2:], stride, padding, dilation))
    y = y.mul_(factor)  # in place: nothing else needs the plain sums, and memory is what this layer costs beside its convolution
    if bias is not None:
        y = y.addcmul_(bias.to(y.dtype)[:, None, None], new_mask)  # bias * new_mask: none in the holes
    return y, new_mask


def _masked(x: Tensor, groups: Groups) -> Tensor:
    """The image with 0 in its holes, each group of channels under its own mask."""
    if len(groups) == 1:
        return x * groups[0][0].to(x.dtype)
    parts = x.split([channels for _, channels in groups], dim=1)
    return torch.cat([part * mask.to(x.dtype) for part, (mask, _) in zip(parts, groups, strict=True)], dim=1)


@torch.no_grad()
def _window_factor(groups: Groups, kernel: Sequence[int], stride: Pair, padding: Pair, dilation: Pair) -> tuple[Tensor, Tensor]:
    """(places / known, or 0 where nothing is known) and (1 where something is known), both (B, 1, H', W'), in float32 at least.

    One box sum of a one-channel mask for each group: the mask is the same for all its channels, so the number of
    known places is channels * box sum, exactly, and no mask with many channels is ever made.
    """
    places = kernel[0] * kernel[1] * sum(channels for _, channels in groups)
    first = groups[0][0]
    with torch.autocast("cpu" if first.is_meta else first.device.type, enabled=False):  # it would count in 16 bits
        sums = [channels * _box_sum(mask, kernel, stride, padding, dilation) for mask, channels in groups]
    known = torch.stack(sums).sum(0) if len(sums) > 1 else sums[0]
    new_mask = (known > 0).to(known.dtype)
    # A whole number needs no epsilon: clamped at 1 it divides safely, where 1e-8 would be 0 in half precision, and 0 / 0 a NaN.
    return new_mask * places / known.clamp(min=1), new_mask


def _box_sum(mask: Tensor, kernel: Sequence[int], stride: Pair, padding: Pair, dilation: Pair) -> Tensor:
    """The number of ones in each window of a one-channel mask; places outside the image add nothing."""
    mask = mask.to(torch.promote_types(mask.dtype, torch.float32))  # half precision counts no further than 2048
    ones = mask.new_ones(1, 1, *kernel)
    return F.conv2d(mask, ones, None, stride, padding, dilation)


def _as_groups(x: Tensor, mask: Tensor | Groups | None, weight: Tensor, bias: Tensor | None) -> list[tuple[Tensor, int]]:
    """Check that image, masks, weight and bias fit, and return the masks as (mask, channels) groups."""
    check_convolution(x, weight, bias)
    if mask is None:
        mask = x.new_ones(x.shape[0], 1, *x.shape[2:])
    groups = [(mask, x.shape[1])] if isinstance(mask, Tensor) else list(mask) if isinstance(mask, Sequence) else [mask]
    if not all(isinstance(group, tuple | list) and len(group) == 2 for group in groups):
        raise TypeError(f"mask is {describe(mask)}; expected a tensor (B, 1, H, W), or pairs of (mask, channels), one for each part.")
    counts = [channels for _, channels in groups]
    if not all(isinstance(count, int) and count > 0 for count in counts) or sum(counts) != x.shape[1]:
        said = " + ".join(map(repr, counts)) or "no"
        raise ValueError(f"the masks speak of {said} channels, x has {x.shape[1]}; expected whole numbers from 1 that add up to that.")
    # To look at values on a GPU would make it wait at every layer; there the shapes alone are checked.
    look = x.device.type == "cpu" and not torch.compiler.is_compiling()
    return [(as_mask(m, x, values=look), channels) for m, channels in groups]


class PartialConv2d(nn.Module):
    """The layer around :func:`partial_conv2d`: it owns weight and bias, and no mask.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, bias: as in ``torch.nn.Conv2d``.

    >>> layer = PartialConv2d(3, 8, 3, padding=1)
    >>> y, new_mask = layer(torch.rand(2, 3, 16, 16), torch.ones(2, 1, 16, 16))
    >>> tuple(y.shape), tuple(new_mask.shape)
    ((2, 8, 16, 16), (2, 1, 16, 16))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        # nn.Conv2d knows how to draw the first weights; only its tensors are kept.
        plain = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=bias)
        self.weight, self.bias = plain.weight, plain.bias
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def forward(self, x: Tensor, mask: Tensor | Groups | None = None) -> tuple[Tensor, Tensor]:
        """See :func:`partial_conv2d`."""
        return partial_conv2d(x, mask, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        cout, cin, *kernel = self.weight.shape
        return f"{cin}, {cout}, kernel_size={tuple(kernel)}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
