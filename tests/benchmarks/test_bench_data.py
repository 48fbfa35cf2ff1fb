"""The input side must never be what a student waits for: an epoch of CIFAR-10, indexed, flipped and turned into floats."""

from __future__ import annotations

import statistics
import time

import pytest
import torch

from inpaintlib.data import ImageSet

pytestmark = pytest.mark.bench


def test_epoch(benchmark, report):
    count = 500 if benchmark.disabled else 50_000
    pixels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = ImageSet(pixels, torch.zeros(count, dtype=torch.int64), ("any",), "made up")
    seconds: list[float] = []

    def epoch() -> None:
        start = time.perf_counter()
        for batch in images.batches(128, generator=torch.Generator().manual_seed(0)):
            last = batch
        seconds.append(time.perf_counter() - start)
        assert last.dtype == torch.float32

    benchmark.pedantic(epoch, rounds=5, warmup_rounds=1)
    report("an epoch of 50,000 images", statistics.median(seconds[1:] or seconds), bar=0.25, unit="s", how="batches of 128; median of 5")
