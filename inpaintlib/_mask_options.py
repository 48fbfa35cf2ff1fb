"""The options of the mask families: checked at the door, and lengths turned into pixels."""

from __future__ import annotations

import math
from typing import TypeGuard

from inpaintlib._check import describe

__all__ = ["Length", "Size", "box_sides", "check_count", "check_size", "pixels", "ratio_range", "span"]

Size = int | tuple[int, int]
Length = int | float | tuple[int, int] | tuple[float, float]


def check_count(count: int) -> int:
    """The number of masks: a whole number, at least 1."""
    if not _whole(count):
        raise TypeError(f"count is {_say(count)}; expected a whole number of masks, for example 64.")
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1 mask.")
    return int(count)


def check_size(size: Size) -> tuple[int, int]:
    """(H, W) of a size that is one side or a pair; at least two pixels, so that one can be known and one hole."""
    sides = (size, size) if _whole(size) else size
    if not isinstance(sides, tuple | list) or len(sides) != 2 or not all(_whole(s) for s in sides):
        raise TypeError(f"size is {_say(size)}; expected a side, for example 32, or a pair (H, W), for example image.shape[-2:].")
    height, width = int(sides[0]), int(sides[1])
    if min(height, width) < 1 or height * width < 2:
        raise ValueError(f"size is {height}x{width}; expected at least two pixels: one that is known and one that is hole.")
    return height, width


def span(name: str, value: int | tuple[int, int], least: int = 1) -> tuple[int, int]:
    """A range of whole numbers, (low, high); a single number stands for both."""
    low, high = value if isinstance(value, tuple | list) and len(value) == 2 else (value, value)
    if not _whole(low) or not _whole(high):
        raise TypeError(f"{name} is {_say(value)}; expected a whole number, or a pair (low, high) of them, both included.")
    if not least <= low <= high:
        raise ValueError(f"{name} is {_say(value)}; expected {least} <= low <= high.")
    return int(low), int(high)


def pixels(name: str, value: Length, height: int, width: int, unit: int = 1) -> tuple[int, int]:
    """A range of lengths (low, high) in 1/unit pixels, from whole numbers of pixels or shares of the shorter side; at least 1 pixel."""
    shorter = min(height, width)
    low, high = (
        _length(name, v, value, shorter, unit) for v in (value if isinstance(value, tuple | list) and len(value) == 2 else (value, value))
    )
    if low > high:
        raise ValueError(f"{name} is {_say(value)}; expected low <= high.")
    return low, high


def box_sides(side: Length, height: int, width: int) -> tuple[int, int]:
    """(height, width) in pixels of a box that is one side or a pair. A whole number may be as long as the mask is in its direction; a float
    is a share of the shorter side, as everywhere."""
    sides = side if isinstance(side, tuple | list) else (side, side)
    if len(sides) != 2:
        raise ValueError(f"side is {_say(side)}; expected one side, or a pair (height, width).")
    for length, most, which in zip(sides, (height, width), ("height", "width"), strict=True):
        if _whole(length) and not 1 <= length <= most:
            raise ValueError(f"side is {_say(side)}; expected 1 to {most} pixels, the {which} of the mask.")
    tall, wide = (length if _whole(length) else _length("side", length, side, min(height, width), 1) for length in sides)
    return tall, wide


def _length(name: str, length: object, value: object, shorter: int, unit: int) -> int:
    if _whole(length):
        if not 1 <= length <= shorter:
            raise ValueError(f"{name} is {_say(value)}; expected 1 to {shorter} pixels, the shorter side of the mask.")
        return length * unit
    if not isinstance(length, float):
        raise TypeError(
            f"{name} is {_say(value)}; expected pixels (whole numbers) or shares of the shorter side (floats up to 1.0), "
            "or a pair (low, high)."
        )
    if not 0 < length <= 1:
        raise ValueError(
            f"{name} is {_say(value)}; a float is a share of the shorter side and must lie between 0 and 1. "
            "For lengths in pixels give whole numbers."
        )
    return max(unit, round(length * shorter * unit))


def ratio_range(ratio: tuple[float, float], area: int) -> tuple[int, int]:
    """The fewest and the most hole pixels whose share of the area lies in ``ratio``."""
    if not isinstance(ratio, tuple | list) or len(ratio) != 2 or not all(isinstance(r, int | float) for r in ratio):
        raise TypeError(f"ratio is {_say(ratio)}; expected a pair (low, high) of shares, for example (0.1, 0.2).")
    low, high = ratio
    if not 0 <= low <= high <= 1:
        hint = " Divide percentages by 100." if 1 < high <= 100 else ""
        raise ValueError(f"ratio is {_say(ratio)}; expected 0 <= low <= high <= 1.{hint}")
    least, most = max(1, math.ceil(low * area)), min(area - 1, math.floor(high * area))
    if least > most:
        raise ValueError(
            f"ratio is {_say(ratio)}, but no number of hole pixels out of {area} lies in it (a mask needs one hole and one known pixel). "
            "Widen the range or draw larger masks."
        )
    return least, most


def _whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _say(value: object) -> str:
    return repr(value) if isinstance(value, int | float | str | tuple | list | None) else describe(value)
