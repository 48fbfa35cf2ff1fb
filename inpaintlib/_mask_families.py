"""The mask families: each draws a whole batch of holes at once.

What they share, and how they are called, stands in :mod:`inpaintlib.masks`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from inpaintlib._mask_options import Length, Size, box_sides, check_count, check_size, pixels, ratio_range, span
from inpaintlib._noise import cut, smooth_noise
from inpaintlib._numbers import Chance, Device, Numbers
from inpaintlib._raster import SUBPIXELS, box_runs, capsule_runs, disc_runs, line_runs, paint

__all__ = ["boxes", "center_box", "circles", "irregular", "lines", "strokes"]


def lines(
    count: int,
    size: Size,
    *,
    generator: Chance = None,
    device: Device = None,
    number: int | tuple[int, int] = (1, 9),
    thickness: Length = (1 / 32, 2 / 32),
) -> Tensor:
    """Straight scratches: S4's masks, about 15 % of the pixels.

    At 32x32 the same distribution as S4's loop over ``cv2.line``, which draws 1 to 9 lines of thickness 1 or 2 between end points
    in 1 .. 31. Lines of thickness 1 and 2 have the very pixels of OpenCV's; thicker ones, on larger images, are drawn with a round brush.

    Args:
        count: how many masks.
        size: the side, or (H, W).
        generator: where chance comes from; None for torch's global generator.
        device: where the masks shall lie; None for the generator's device.
        number: lines in a mask.
        thickness: as OpenCV counts it, where 2 means 3 pixels.

    Returns:
        uint8 (count, 1, H, W), 1 = known, 0 = hole.

    Raises:
        TypeError, ValueError: an option is out of range.
    """
    count, (height, width), numbers = check_count(count), check_size(size), Numbers(generator, device)
    low, high = pixels("thickness", thickness, height, width)
    owner = numbers.owners(count, span("number", number))  # (N,): the mask that each line belongs to
    x1, x2 = numbers.integers(min(1, width - 1), width - 1, 2, len(owner))
    y1, y2 = numbers.integers(min(1, height - 1), height - 1, 2, len(owner))
    thick = numbers.integers(low, high, len(owner))
    if high <= 2:
        return _known(paint(owner, line_runs(x1, y1, x2, y2, thick, height), count, height, width), numbers)
    fine = thick <= 2
    a, b, c, d = (v[fine] for v in (x1, y1, x2, y2))
    hole = paint(owner[fine], line_runs(a, b, c, d, thick[fine], height), count, height, width)
    a, b, c, d = (v[~fine] * SUBPIXELS for v in (x1, y1, x2, y2))
    hole |= paint(owner[~fine], capsule_runs(a, b, c, d, thick[~fine] * SUBPIXELS // 2, height), count, height, width)
    return _known(hole, numbers)


_COMPASS = torch.tensor([round(4096 * math.cos(2 * math.pi * k / 256)) for k in range(256)])  # cosines for 256 directions, times 4096


def strokes(
    count: int,
    size: Size,
    *,
    generator: Chance = None,
    device: Device = None,
    number: int | tuple[int, int] = (1, 4),
    vertices: int | tuple[int, int] = (4, 12),
    width: Length = (12 / 256, 40 / 256),
) -> Tensor:
    """Free-form brush strokes, as somebody would wipe over a thing to be removed.

    Each stroke starts anywhere, has a heading and a width of its own, and zigzags: at every vertex it turns 48 to 96 degrees off its
    heading, now left, now right. A piece is an eighth of the image's diagonal long on average. Vertices are round, and inside the image.

    Args:
        count, size, generator, device: see :func:`lines`.
        number: strokes in a mask.
        vertices: turns of a stroke.
        width: the width of the brush.

    Returns:
        uint8 (count, 1, H, W), 1 = known, 0 = hole.

    Raises:
        TypeError, ValueError: an option is out of range.

    Source: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, algorithm 1, with the ranges of its public code.
    There strokes head right and whole masks are flipped; here each stroke has its own heading, and lengths follow a triangular distribution
    instead of a normal one that is cut off.
    """
    count, (rows, columns), numbers = check_count(count), check_size(size), Numbers(generator, device)
    low, high = pixels("width", width, rows, columns, unit=SUBPIXELS)
    least, most = span("vertices", vertices)
    owner = numbers.owners(count, span("number", number))  # (N,): the mask that each stroke belongs to
    compass = _COMPASS.to(numbers.device)
    right, bottom = (columns - 1) * SUBPIXELS, (rows - 1) * SUBPIXELS
    heading = numbers.integers(0, 255, len(owner))
    turn = numbers.integers(34, 68, most, len(owner))  # in 1/256 of a full turn
    reach = math.isqrt((rows * rows + columns * columns) * SUBPIXELS**2) // 8
    length = numbers.integers(0, reach, 2, most, len(owner)).sum(0)
    x, y = [numbers.integers(0, right, len(owner))], [numbers.integers(0, bottom, len(owner))]
    for i in range(most):
        angle = (heading + (turn[i] if i % 2 else -turn[i])) % 256
        x.append((x[i] + (length[i] * compass[angle] >> 12)).clamp(0, right))
        y.append((y[i] + (length[i] * compass[(angle - 64) % 256] >> 12)).clamp(0, bottom))
    pieces = numbers.integers(least, most, len(owner))
    radius = numbers.integers(low, high, len(owner)) // 2
    there = torch.arange(most, device=numbers.device)[:, None] < pieces  # (most, N): strokes have different numbers of pieces
    xs, ys = torch.stack(x), torch.stack(y)
    owner, radius = owner.expand(most, -1)[there], radius.expand(most, -1)[there]
    runs = capsule_runs(xs[:-1][there], ys[:-1][there], xs[1:][there], ys[1:][there], radius, rows)
    return _known(paint(owner, runs, count, rows, columns), numbers)


def circles(
    count: int,
    size: Size,
    *,
    generator: Chance = None,
    device: Device = None,
    number: int | tuple[int, int] = (1, 4),
    radius: Length = (1 / 16, 1 / 4),
) -> Tensor:
    """Discs anywhere in the image: 1 to 4, with radii of 2 to 8 pixels at 32x32.

    Args:
        count, size, generator, device: see :func:`lines`.
        number: discs in a mask.
        radius: their radii.

    Returns:
        uint8 (count, 1, H, W), 1 = known, 0 = hole.

    Raises:
        TypeError, ValueError: an option is out of range.
    """
    count, (height, width), numbers = check_count(count), check_size(size), Numbers(generator, device)
    low, high = pixels("radius", radius, height, width, unit=SUBPIXELS)
    owner = numbers.owners(count, span("number", number))
    x = numbers.integers(0, (width - 1) * SUBPIXELS, len(owner))
    y = numbers.integers(0, (height - 1) * SUBPIXELS, len(owner))
    discs = disc_runs(x, y, numbers.integers(low, high, len(owner)), height)
    return _known(paint(owner, discs, count, height, width), numbers)


def boxes(
    count: int,
    size: Size,
    *,
    generator: Chance = None,
    device: Device = None,
    number: int | tuple[int, int] = 1,
    side: Length = (1 / 4, 1 / 2),
) -> Tensor:
    """Rectangles inside the image, with sides of 8 to 16 pixels at 32x32.

    S2's boxes, 128 +- 32 pixels a side in 256, are ``side=(96 / 256, 160 / 256)``.

    Args:
        count, size, generator, device: see :func:`lines`.
        number: boxes in a mask.
        side: their heights and widths, drawn independently.

    Returns:
        uint8 (count, 1, H, W), 1 = known, 0 = hole.

    Raises:
        TypeError, ValueError: an option is out of range.
    """
    count, (height, width), numbers = check_count(count), check_size(size), Numbers(generator, device)
    low, high = pixels("side", side, height, width)
    owner = numbers.owners(count, span("number", number))
    tall, wide = numbers.integers(low, high, 2, len(owner))
    left, top = numbers.integers(0, width - wide, len(owner)), numbers.integers(0, height - tall, len(owner))
    return _known(paint(owner, box_runs(left, top, wide, tall, height), count, height, width), numbers)


def center_box(
    count: int, size: Size, *, generator: Chance = None, device: Device = None, side: Length = 56 / 128
) -> Tensor:
    """One box in the centre, always the same: the hole of the Context Encoder (S3), 56x56 in 128x128.

    Args:
        count, size, device: see :func:`lines`.
        generator: not needed, taken so that all families are called alike.
        side: the box's side, or (height, width).

    Returns:
        uint8 (count, 1, H, W), 1 = known, 0 = hole.

    Raises:
        TypeError, ValueError: an option is out of range.

    >>> center_box(1, 4, side=2)[0, 0]
    tensor([[1, 1, 1, 1],
            [1, 0, 0, 1],
            [1, 0, 0, 1],
            [1, 1, 1, 1]], dtype=torch.uint8)
    """
    count, (height, width), numbers = check_count(count), check_size(size), Numbers(generator, device)
    tall, wide = box_sides(side, height, width)
    top, left = (height - tall) // 2, (width - wide) // 2
    hole = torch.zeros(count, height, width, dtype=torch.bool, device=numbers.device)
    hole[:, top : top + tall, left : left + wide] = True
    return _known(hole, numbers)


def irregular(
    count: int,
    size: Size,
    *,
    generator: Chance = None,
    device: Device = None,
    ratio: tuple[float, float] = (0.01, 0.60),
) -> Tensor:
    """Holes of any shape whose share of the image lies in a given range, exactly: the masks for "quality by hole size".

    Smooth noise of three scales, mixed differently in each mask, is cut off at the height that leaves the wanted number of hole pixels.
    That number is uniform over the range.

    Args:
        count, size, generator, device: see :func:`lines`.
        ratio: the lowest and the highest share of hole pixels; the usual buckets are (0.01, 0.10), (0.10, 0.20) ... (0.50, 0.60).

    Returns:
        uint8 (count, 1, H, W), 1 = known, 0 = hole.

    Raises:
        TypeError, ValueError: an option is out of range, or no whole number of pixels lies in the range.

    Source of the buckets: Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", ECCV 2018.
    """
    count, (height, width), numbers = check_count(count), check_size(size), Numbers(generator, device)
    least, most = ratio_range(ratio, height * width)
    field = torch.zeros((), device=numbers.device)
    for part, weights in ((2, (1, 4)), (4, (0, 6)), (8, (0, 4))):  # features as wide as half, a quarter, an eighth of the image
        noise = smooth_noise(numbers, count, height, width, max(1, min(height, width) // part))
        field = field + noise * numbers.integers(*weights, count)[:, None, None]
    return _known(cut(field, numbers.integers(least, most, count)), numbers)


def _known(hole: Tensor, numbers: Numbers) -> Tensor:
    """Turn holes (B, H, W) into masks, and see to it that every one has a known pixel and a hole pixel.

    Only tiny sizes and extreme options ever need the help: a mask that is all hole gets its top left pixel back, one without a hole
    loses its centre.
    """
    known = ~hole
    values = hole.view(torch.uint8).flatten(1)  # least and greatest of bytes are found much faster than all and any of truth values
    known[:, 0, 0] |= values.amin(1).bool()
    known[:, hole.shape[1] // 2, hole.shape[2] // 2] &= values.amax(1).bool()
    return known.view(torch.uint8)[:, None].to(numbers.target)
