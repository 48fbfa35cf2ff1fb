"""Where to compute and how long: the two settings that a lesson reads, both from the environment."""

from __future__ import annotations

import os

import torch

__all__ = ["device", "profile"]


def device(choice: str | torch.device | None = None) -> torch.device:
    """The device to compute on: ``choice``, else ``INPAINTLIB_DEVICE``, else the best one that is there.

    Args:
        choice: "auto", "cpu", "cuda" (or "cuda:1") or "mps", or what torch calls a device.

    Raises:
        ValueError: the name is unknown, or this machine has no such device.
    """
    name = str(choice or os.environ.get("INPAINTLIB_DEVICE") or "auto")
    kind = name.split(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind == "auto":
        return torch.device("cuda" if there["cuda"] else "mps" if there["mps"] else "cpu")
    if kind not in there:
        raise ValueError(f"device is {name!r}; expected auto, cpu, cuda or mps. It comes from the argument or from INPAINTLIB_DEVICE.")
    if not there[kind]:
        have = ", ".join(k for k, v in there.items() if v)
        raise ValueError(
            f"device {name!r} was asked for, but torch {torch.__version__} sees none here; it has: {have}. Use INPAINTLIB_DEVICE=auto."
        )
    try:
        return torch.device(name)
    except RuntimeError:  # the number behind the colon
        raise ValueError(f"device is {name!r}; expected {kind}, or {kind}:0 for the first one.") from None


def profile() -> str:
    """``"quick"`` (the default: every notebook ends within a minute on two CPU cores) or ``"full"``, from ``INPAINTLIB_PROFILE``.

    Raises:
        ValueError: another value.
    """
    name = os.environ.get("INPAINTLIB_PROFILE") or "quick"
    if name not in ("quick", "full"):
        raise ValueError(f"INPAINTLIB_PROFILE is {name!r}; expected quick or full.")
    return name
