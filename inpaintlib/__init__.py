"""A small library for image inpainting, written to be read aloud in a course.

Everything that fills a hole is an *inpainter*: a callable ``(image, mask) -> image`` with

    image  float (B, 3, H, W) in [0, 1]        mask  (B, 1, H, W), 1 = known, 0 = hole

The parts are imported when they are first used, so that ``import inpaintlib`` costs almost nothing.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from inpaintlib._device import device, profile

__version__ = "0.1.0"
_PARTS = (
    "baselines", "data", "evaluation", "example", "features", "layers", "leaderboard", "losses", "masks", "metrics", "models", "published",
    "tiling", "train", "viz", "widgets",
)  # fmt: skip
__all__ = ["device", "profile", *_PARTS]


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_PARTS)}")


def __dir__() -> list[str]:
    return [*globals(), *_PARTS]
