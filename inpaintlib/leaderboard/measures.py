"""What is measured: eight figures an image, and the clock."""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from inpaintlib import features, metrics
from inpaintlib.evaluation import METRICS, Metric
from inpaintlib.leaderboard import fingerprint
from inpaintlib.models.pretrained import FOLDER

__all__ = ["BRIEF", "INFO", "KINDS", "NAMES", "NO_JUDGE", "Judge", "column", "expand", "find_judge", "measures"]

NAMES = ("psnr", "psnr_hole", "ssim", "ssim_hole", "mae", "mae_hole", "mae_boundary", "perceptual")
BRIEF = ("psnr", "ssim", "mae_hole", "mae_boundary", "perceptual")  # what fits across a page
NO_JUDGE = "no perceptual distances: the weights of the network that measures them do not come with this version"
INFO: dict[str, Metric] = {name: METRICS[name] for name in NAMES if name != "perceptual"} | {
    "perceptual": Metric("perceptual", "perceptual distance", "lower", 4, lambda p, t, m: torch.full((len(p),), math.nan))
}

_KEPT = 20  # batches whose originals the judge remembers: 160 MB

_BUCKETS = tuple(f"irregular-{low}" for low in ("01-10", "10-20", "20-30", "30-40", "40-50", "50-60"))
KINDS = ("lines", "strokes", "boxes", "center", *_BUCKETS)


def column(name: str) -> Metric:
    """The metric of this name, among those that the tables have."""
    if name not in INFO:
        raise KeyError(f"there is no metric {name!r}; expected one of {', '.join(INFO)}.")
    return INFO[name]


def expand(words: list[str] | None) -> tuple[str, ...]:
    """Kinds of masks, each once and in order; "irregular" means all of its six buckets, None means everything.

    Raises:
        ValueError: an unknown kind.

    >>> expand(["irregular", "lines"])[:3]
    ('lines', 'irregular-01-10', 'irregular-10-20')
    """
    there = (*KINDS[:3], "circles", *KINDS[3:])
    wanted = set(KINDS)
    if words is not None:
        wanted = {kind for word in words for kind in (_BUCKETS if word == "irregular" else [word])}
    if unknown := wanted - set(there):
        raise ValueError(f"there are no masks {sorted(unknown)[0]!r}; expected some of irregular, {', '.join(there)}.")
    return tuple(kind for kind in there if kind in wanted)


@dataclass(frozen=True)
class Judge:
    """The network that measures perceptual distance, which no training has seen.

    Attributes:
        words: its name and what identifies it, for the table.
        sha256: of its weights.
    """

    words: str
    sha256: str
    network: features.FeatureNetwork

    def metric(self) -> Metric:
        """The perceptual distance. What the judge sees in the originals is kept: every inpainter is held against the same ones."""
        kept: dict[bytes, list[Tensor]] = {}

        def see_original(image: Tensor) -> list[Tensor]:
            key = hashlib.sha256(image.cpu().contiguous().numpy().data).digest()
            maps = kept.get(key) or self.network(image)
            if len(kept) < _KEPT:
                kept[key] = maps
            return maps

        def distance(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
            self.network.to(target.device)
            return metrics.perceptual(prediction, target, features=lambda i: see_original(i) if i is target else self.network(i))

        return Metric("perceptual", INFO["perceptual"].title, "lower", 4, distance)


def find_judge() -> Judge | None:
    """The judge, or None where its weights do not come with this version."""
    try:
        network = features.load("measure")
    except ValueError:
        return None
    sha256 = fingerprint.of_file(FOLDER / f"{network.name}.safetensors")
    return Judge(f"{network.name}, SHA-256 {sha256[:16]}", sha256, network)


def measures(judge: Judge | None) -> list[Metric]:
    """The columns that can be measured."""
    return [metric for name, metric in INFO.items() if name != "perceptual"] + ([judge.metric()] if judge else [])


@functools.cache
def code() -> str:
    """What the figures were computed by, as a hash: other code, other figures."""
    return fingerprint.of_code(Path(metrics.__file__))
