"""The patch methods on a photograph: processor time on one core, which other work on the machine hardly changes."""

from __future__ import annotations

import time

import pytest
import torch

from inpaintlib import baselines, data

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("name", ["nearest_patch", "texture_synthesis", "exemplar", "patch_match"])
def test_a_hole_of_64_in_a_photograph_of_512(name, benchmark, report):
    size = 96 if benchmark.disabled else 512
    image = data.load_photo("astronaut")[..., :size, :size]
    mask = torch.ones(1, 1, size, size)
    corner = size // 2 - 32
    mask[..., corner : corner + size // 8, corner : corner + size // 8] = 0
    torch.set_num_threads(1)  # the fixture around every benchmark puts it back
    seconds: list[float] = []

    def fill() -> None:
        start = time.process_time()
        baselines.get(name)(image, mask)
        seconds.append(time.process_time() - start)

    benchmark.pedantic(fill, rounds=1)
    report(name, seconds[0], bar=10, unit="s", how="hole of 64 x 64 in 512 x 512, processor time on one core")
