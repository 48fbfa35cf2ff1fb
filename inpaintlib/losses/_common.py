"""What the losses share: their type, and the check at their door."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from inpaintlib._check import describe

__all__ = ["Loss", "checked"]

Loss = Callable[[Tensor, Tensor, Tensor], "Tensor | dict[str, Tensor]"]


def checked(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Shapes only: a look at the values would cost a pass over the data in every training step."""
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {describe(prediction)}, target {describe(target)}; expected the same shape (B, C, H, W).")
    if mask.dim() != 4 or mask.shape[1] != 1 or mask.shape[0] not in (1, target.shape[0]) or mask.shape[2:] != target.shape[2:]:
        expected = (target.shape[0], 1, *target.shape[2:])
        raise ValueError(f"mask is {describe(mask)}; expected {expected}, one channel, 1 = known, 0 = hole.")
    return mask.to(prediction.dtype)
