"""Which pixels a metric looks at: the regions of a picture with a hole, and the door that all metrics share."""

from __future__ import annotations

import math
import numbers
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._check import as_image, as_mask, describe, in_range

__all__ = ["MANY", "Region", "average", "probably_in_range", "region_pixels", "select"]

Region = Literal["all", "hole", "known", "boundary"]
MANY = 100_000  # values: 32 images of 32 x 32
_EXPECTED = "region is {!r}; expected 'all', 'hole', 'known' or 'boundary'."


def region_pixels(mask: Tensor, region: Region, *, width: int = 2) -> Tensor:
    """The pixels of a region, as defined at the head of :mod:`inpaintlib.metrics`.

    Args:
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        region: which pixels.
        width: of the boundary band on either side of the rim, in pixels.

    Returns:
        float (B, 1, H, W), 1 = in the region.

    >>> region_pixels(torch.tensor([[[[1, 1, 1, 0, 0, 0]]]]), "boundary", width=1)
    tensor([[[[0., 0., 1., 1., 0., 0.]]]])
    """
    known = as_mask(mask)
    if region == "all":
        return torch.ones_like(known)
    if region == "hole":
        return 1 - known
    if region == "known":
        return known
    if region != "boundary":
        raise ValueError(_EXPECTED.format(region))
    if not isinstance(width, int) or width < 1:
        raise ValueError(f"width is {width!r}; expected a whole number of pixels, at least 1.")
    # Grown by ``width``, known and hole overlap in exactly the band along the rim.
    return _dilate(known, width) * _dilate(1 - known, width)


def _dilate(pixels: Tensor, steps: int) -> Tensor:
    """Grow a 0/1 map by ``steps`` pixels in each of the eight directions."""
    return F.max_pool2d(pixels, 2 * steps + 1, stride=1, padding=steps)


def select(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None,
    region: Region | None,
    width: int,
    data_range: float = 1.0,
    *,
    look: bool = True,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The door of every metric: checked images (B, C, H, W) and the pixels that count (B, 1, H, W), or None for all of them.

    ``look``: at all values; where ``data_range`` is 1 it may be left to :func:`probably_in_range`.
    """
    if not isinstance(data_range, numbers.Real) or not 0 < data_range < math.inf:
        raise ValueError(f"data_range is {data_range!r}; expected a positive number: 1 for images in [0, 1], 255 for 8-bit values.")
    prediction = _as_measurable(prediction, "prediction", data_range, look)
    target = _as_measurable(target, "target", data_range, look)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {describe(prediction)}, target is {describe(target)}; expected the same shape.")
    if prediction.device != target.device:
        raise ValueError(f"prediction is on {prediction.device}, target on {target.device}; move one of them with .to(...).")
    if region is None and mask is not None:
        raise ValueError(
            "a mask is given, but no region, so it is not clear which pixels are meant: pass region='hole', 'known' or 'boundary' with it, "
            "or region='all' (or no mask) for every pixel."
        )
    if mask is not None:
        mask = as_mask(mask, target)
    if region is None or region == "all":
        return prediction, target, None
    if region not in get_args(Region):
        raise ValueError(_EXPECTED.format(region))
    if mask is None:
        raise ValueError(f"region={region!r} needs the mask: pass mask=(B, 1, H, W), 1 = known, 0 = hole.")
    chosen = region_pixels(mask, region, width=width)
    empty = (chosen.flatten(1).amax(1) == 0).nonzero().flatten().tolist()
    if empty:
        raise ValueError(
            f"region={region!r} holds no pixel in image {empty[0]} ({len(empty)} of {len(chosen)} images); a mean over nothing has no "
            "value. Leave such images out, or measure another region. 1 = known, 0 = hole."
        )
    return prediction, target, chosen


def probably_in_range(prediction: Tensor, target: Tensor) -> bool:
    """As far as some 2,000 values of each tell, one of each image at least.

    The step has no factor in common with an image's channels, rows or columns, so that it walks through all of them: one that had would
    see the same few columns for ever, a black frame for example.
    """
    one = target[0].numel()
    most = min(target.numel() // 2048, one - 1) if target.numel() > MANY else 1
    every = next((step for step in range(most, 1, -1) if math.gcd(step, one) == 1), 1)
    return in_range(torch.cat([prediction.flatten()[::every], target.flatten()[::every]]))


def _as_measurable(image: Tensor, name: str, data_range: float, look: bool) -> Tensor:
    image = as_image(image, name, values=look and data_range == 1)
    if data_range != 1:
        low, high = (float(value) for value in image.detach().aminmax())
        if not (low >= 0 and high <= data_range):  # written so that NaN fails too
            raise ValueError(
                f"{name} has values from {low:.4g} to {high:.4g}; with data_range={data_range:g} expected finite values in "
                f"[0, {data_range:g}]. Pass the distance between the smallest and the largest possible value."
            )
    return image.float() if image.dtype in (torch.float16, torch.bfloat16) else image


def average(values: Tensor, chosen: Tensor | None) -> Tensor:
    """Mean over channels and chosen pixels: (B, C, H, W) and (B, 1, H, W) to (B,)."""
    if chosen is None:
        return values.flatten(1).mean(1)
    return (values * chosen).flatten(1).sum(1) / (chosen.flatten(1).sum(1) * values.shape[1])
