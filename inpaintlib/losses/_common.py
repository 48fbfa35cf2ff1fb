"""What the losses share: their type, and the check at their door."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable

import torch
from torch import Tensor

from inpaintlib._check import as_image, as_mask, describe
from inpaintlib._ranks import mean_over_ranks, sharing

__all__ = ["Loss", "check_weight", "checked", "counted", "wide"]

Loss = Callable[[Tensor, Tensor, Tensor], "Tensor | dict[str, Tensor]"]


def check_weight(name: str, weight: float) -> None:
    """Raise a ValueError unless the weight of the term ``name`` is a finite number; True would be 1, and nobody would notice."""
    if not isinstance(weight, numbers.Real) or isinstance(weight, bool) or not -math.inf < weight < math.inf:
        raise ValueError(f"the weight of {name} is {weight!r}; expected a finite number.")


def checked(prediction: Tensor, target: Tensor, mask: Tensor, names: tuple[str, str] = ("prediction", "target")) -> Tensor:
    """The mask as float (B, 1, H, W) of zeros and ones, for images that fit each other and it.

    Values of the images are not looked at: a raw prediction may be anything, and ``train.fit`` names one that is NaN. Those of the mask
    are, on a CPU: to look on a GPU would make it wait. ``names`` is how the caller calls the images.

    Raises:
        TypeError: no float images, or no mask.
        ValueError: shapes that do not fit, an empty batch, or mask values other than 0 and 1.
    """
    for name, image in zip(names, (prediction, target), strict=True):
        as_image(image, name, values=False)
    if prediction.shape != target.shape:
        raise ValueError(f"{names[0]} is {describe(prediction)}, {names[1]} {describe(target)}; expected the same shape (B, C, H, W).")
    return as_mask(mask, prediction, values=prediction.device.type == "cpu" and not torch.compiler.is_compiling())


def wide(tensor: Tensor) -> torch.dtype:
    """What to add many values up in: a float16 ends at 65504, which is less than the pixels of a batch."""
    return torch.promote_types(tensor.dtype, torch.float32)


def counted(values: Tensor) -> Tensor:
    """The divisor of a sum over a region, from the number of values in it: at least one value, not an epsilon, so that a mean stays exact.

    Where several processes share a batch (``torchrun``), holes are spread over them unevenly, and the mean of their means would not be
    that of the whole batch: so each divides by the mean number of all of them, and the mean of the quotients is right.
    """
    ranks = sharing()
    return values.clamp(min=1) if ranks == 1 else (mean_over_ranks(values) * ranks).clamp(min=1) / ranks
