"""How large, how far, how many: the arithmetic of stacked convolutions, in whole numbers.

Source: V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, 2016.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from inpaintlib._check import as_mask
from inpaintlib.layers.partial_conv import partial_conv2d

__all__ = ["layers_until_full", "output_size", "receptive_field"]


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """The side of what a convolution puts out.

    Args:
        size: side of the image, pixels.
        kernel, stride, padding, dilation: as in ``torch.nn.functional.conv2d``.

    Raises:
        ValueError: the kernel does not fit into the padded image, or a kernel, stride or dilation below 1.

    >>> output_size(32, 3, stride=2, padding=1)
    16
    """
    if min(kernel, stride, dilation) < 1:
        raise ValueError(f"kernel is {kernel}, stride {stride}, dilation {dilation}; expected at least 1 of each.")
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        covers = dilation * (kernel - 1) + 1
        raise ValueError(f"a kernel that covers {covers} pixels does not fit into {size + 2 * padding}, padding included.")
    return room // stride + 1


def receptive_field(layers: Iterable[tuple[int, int, int]]) -> list[int]:
    """How many pixels across the input one output pixel depends on, after each layer.

    Args:
        layers: (kernel size, stride, dilation) of each convolution or pooling, in order.

    >>> receptive_field([(3, 1, 1), (3, 1, 2), (3, 1, 4)])
    [3, 7, 15]
    """
    field, jump, fields = 1, 1, []
    for kernel, stride, dilation in layers:
        field += (kernel - 1) * dilation * jump  # each further place of the kernel lies `jump` pixels of the input away
        jump *= stride
        fields.append(field)
    return fields


def layers_until_full(mask: Tensor, kernel: int = 3) -> int | None:
    """After how many partial convolutions of stride 1 nothing of the hole is left; None if that never happens.

    Args:
        mask: (B, 1, H, W), 1 = known, 0 = hole; all of its masks must be full.
        kernel: odd size of the layers' kernels.

    Raises:
        ValueError: an even kernel, or no mask.

    That is the largest distance from a hole pixel to its nearest known one (a diagonal step counts as one), over (kernel - 1) / 2, rounded
    up. A network with strides and a fixed number of layers is another matter: S0's and S1's fill any mask with one known pixel as long as
    their bottleneck is not wider than 2 x 2 pixels (images up to 32 x 32), and not in larger images.

    Source: G. Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018: "with sufficient successive
    applications of the partial convolution layer, any mask will eventually be all ones, if the input contained any valid pixels".

    >>> one = torch.zeros(1, 1, 8, 8)
    >>> one[..., 0, 0] = 1
    >>> layers_until_full(one), layers_until_full(torch.zeros(1, 1, 8, 8))
    (7, None)
    """
    if kernel % 2 == 0 or kernel < 3:
        raise ValueError(f"kernel is {kernel}; expected an odd size of at least 3, so that the mask grows alike on all sides.")
    mask, weight, count = as_mask(mask), torch.ones(1, 1, kernel, kernel), 0
    weight = weight.to(mask.device)
    while not bool(mask.all()):
        grown = partial_conv2d(mask, mask, weight, padding=kernel // 2)[1]
        if torch.equal(grown, mask):
            return None
        mask, count = grown, count + 1
    return count
