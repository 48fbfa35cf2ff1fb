"""Which arithmetic a run computes in: 32-bit floats, or 16-bit ones where the machine is faster with them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["autocast", "choose", "has_fast_bf16"]


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is computed by the hardware: elsewhere it is emulated, and slower than 32-bit floats."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def choose(precision: str, device: torch.device) -> str:
    """``"bf16"`` or ``"fp32"``: the one asked for, or under ``"auto"`` the faster one.

    bfloat16 keeps the range of a 32-bit float and an eighth of its digits: sums of losses and the weights themselves stay in 32 bits
    (mixed precision), and no scaling of the loss is needed, as float16 would.

    Raises:
        ValueError: another name.
    """
    if precision not in ("auto", "bf16", "fp32"):
        raise ValueError(f"precision is {precision!r}; expected auto, bf16 or fp32.")
    if precision == "auto":
        return "bf16" if has_fast_bf16(device) else "fp32"
    return precision


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """The context in which the model runs: torch picks the layers that are safe in bfloat16."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()
