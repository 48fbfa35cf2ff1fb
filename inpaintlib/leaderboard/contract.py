"""Does an inpainter keep its promise? All of it but the last line is tried before anything is measured.

    shape, type, range   float, as large as the image, finite, within [0, 1]
    repeatable           the same twice on the same pictures, with the same seeds of torch, NumPy and random
    blind                what lies under the hole never matters
    known pixels kept    looked at in every picture; where not, the leaderboard composites, and says so in the table
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from inpaintlib._numbers import Device
from inpaintlib.evaluation import compare

__all__ = ["COMPOSITED", "Broken", "examine", "seeded"]

COMPOSITED = "it changes known pixels; composited by the leaderboard"
_BLANK = "Blank the hole first: image = torch.where(mask > 0, image, 0)."
_SAME = 1e-5  # far below what 8 bits can hold; a sum taken in another order may differ by less


class Broken(ValueError):
    """An inpainter that does not keep the promise of one; the message says which part, and how to mend it."""


def seeded(seed: int = 0) -> None:
    """Set the seeds that ``compare`` does not set itself: NumPy's and Python's."""
    np.random.seed(seed)  # the global one, which an inpainter may still use
    random.seed(seed)


def examine(name: str, inpainter: Callable[[Tensor, Tensor], Tensor], image: Tensor, mask: Tensor, device: Device = None) -> None:
    """Try an inpainter on a few pictures.

    Args:
        name: for messages.
        inpainter: (image, mask) -> image.
        image: float (B, 3, H, W) in [0, 1]; a few are enough.
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        device: where it computes.

    Raises:
        Broken: it is not repeatable, looks under the hole, or fills what is known instead of the hole.
        ValueError: wrong shape, type or range, NaN; the words of :func:`inpaintlib.evaluation.compare`.
        Exception: whatever it raises itself.
    """
    noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(1))
    zeros = torch.zeros_like(image)
    first, again = (_outcome(name, inpainter, image, mask, zeros, device) for _ in "12")
    try:
        other = _outcome(name, inpainter, image, mask, noise, device)
    except ValueError as error:
        raise Broken(f"inpainter {name!r} looks under the hole: with other values there, {error} {_BLANK}") from None
    hole = (mask == 0).expand_as(image).cpu()
    if not _near(first, again):
        raise Broken(
            f"inpainter {name!r} gave two different results for the same pictures, with torch, NumPy and random seeded alike. What cannot "
            "be repeated cannot be ranked: draw random numbers from these three, or from a generator with a seed of your own."
        )
    if not _near(first[~hole], image.cpu()[~hole]) and _near(first[hole], zeros[hole]) and _near(other[hole], noise[hole]):
        raise Broken(f"inpainter {name!r} fills the known pixels and leaves the hole as it was: 1 = known, 0 = hole. Take 1 - mask.")
    if not _near(first, other):
        raise Broken(
            f"inpainter {name!r} looks under the hole: other values there change its result, by up to "
            f"{float((first - other).abs().max()):.3g}. {_BLANK}"
        )


def _outcome(
    name: str, inpainter: Callable[[Tensor, Tensor], Tensor], image: Tensor, mask: Tensor, under: Tensor, device: Device
) -> Tensor:
    """The raw result with something of ours under the hole; ``compare`` looks at shape, type and range."""
    seen: list[Tensor] = []

    def run(damaged: Tensor, known: Tensor) -> Tensor:
        result = inpainter(torch.where(known > 0, damaged, under.to(damaged)), known.clone())
        if isinstance(result, Tensor):
            seen.append(result.detach().float().cpu())
        return result

    seeded()
    compare({name: run}, image, mask, metrics="mae", kind="raw", batch_size=len(image), device=device, timing=False)
    return seen[0]


def _near(one: Tensor, other: Tensor) -> bool:
    return not one.numel() or float((one - other).abs().max()) <= _SAME
