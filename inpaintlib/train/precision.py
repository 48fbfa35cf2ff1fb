"""Which arithmetic a run computes in: 32-bit floats, or 16-bit ones where the machine is faster with them.

Source: P. Micikevicius et al., Mixed Precision Training, ICLR 2018: why weights stay in 32 bits, and losses are scaled up.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

__all__ = ["autocast", "choose", "has_fast_bf16", "has_fast_fp16", "loss_scaler", "move", "scaled", "shown", "unscale"]

Scaler = torch.amp.GradScaler | None


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is computed by the hardware: elsewhere it is emulated, and slower than 32-bit floats."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def has_fast_fp16(device: torch.device) -> bool:
    """Whether float16 is faster than 32-bit floats: on GPUs with tensor cores."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (7, 0)


def choose(precision: str, device: torch.device) -> str:
    """``"bf16"``, ``"fp16"`` or ``"fp32"``: the one asked for, or under ``"auto"`` the faster one.

    bfloat16 keeps the range of a 32-bit float and a third of its digits: sums of losses and the weights themselves stay in 32 bits
    (mixed precision). float16 keeps more digits but ends at 65504 and, at the other end, at 6e-8, so that small gradients would vanish:
    there the loss is multiplied by a large number first (:func:`loss_scaler`). It is for GPUs that are fast with nothing else.

    Raises:
        ValueError: another name, or float16 without a GPU.
    """
    if precision not in ("auto", "bf16", "fp16", "fp32"):
        raise ValueError(f"precision is {precision!r}; expected auto, bf16, fp16 or fp32.")
    if precision == "fp16" and device.type != "cuda":
        raise ValueError(
            f"precision is 'fp16', and the device is {device.type}; expected a GPU (cuda), since elsewhere float16 is no faster. "
            "Use precision='auto', which takes the fastest that is safe here."
        )
    if precision == "auto":
        return "bf16" if has_fast_bf16(device) else "fp16" if has_fast_fp16(device) else "fp32"
    return precision


def loss_scaler(precision: str, device: torch.device) -> Scaler:
    """What multiplies the loss so that small gradients survive float16, and skips a step whose gradients overflow; None for the others."""
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None


def scaled(scaler: Scaler, loss: Tensor) -> Tensor:
    """The loss to differentiate."""
    return scaler.scale(loss) if scaler else loss


def unscale(scaler: Scaler, optimizer: torch.optim.Optimizer) -> None:
    """Give the gradients their own length back, before it is measured and clipped."""
    if scaler:
        scaler.unscale_(optimizer)


def shown(scaler: Scaler, norm: Tensor) -> Tensor:
    """The length of the gradient as the run looks at it. An overflow is no accident under a scaler: the step is skipped, the factor halved.

    Only when it goes on with a factor below 1 is there something wrong, and the run shall hear of it.
    """
    if not scaler:
        return norm
    accident = scaler.scale(torch.ones_like(norm)) < 1
    return torch.where(norm.isfinite() | accident, norm, torch.zeros_like(norm))


def move(scaler: Scaler, optimizer: torch.optim.Optimizer) -> None:
    """Take the step; under a scaler not if a gradient has overflowed."""
    if scaler:
        scaler.step(optimizer)
        scaler.update()
    else:
        optimizer.step()


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """The context in which the model runs: torch picks the layers that are safe in 16 bits."""
    if precision != "fp32":
        return torch.autocast(device.type, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[precision])
    return nullcontext()
