"""Named wrong solutions, two for each misconception: they prove that a diagnosis recognises the mistake and not one way of writing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Pair"]


class Pair(NamedTuple):
    """Two functions that make the same mistake, written differently."""

    looked_at: Callable[..., Any]  #: was at hand while the diagnosis was written
    fresh: Callable[..., Any]  #: was not, and is written in another way: the diagnosis has to recognise it unseen
