"""The oracles of the unit ``masks_and_baselines`` against other ways to compute the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.spatial
import torch

from course.checks import get
from course.checks.judge import expected_answer
from course.checks.run import draw_cases
from course.units.masks_and_baselines import hidden
from inpaintlib import masks

KEY = b"the key of the tests, not of a class"


def every_case(name: str) -> Iterator[tuple[dict, tuple[np.ndarray, ...]]]:
    """Visible and hidden cases with the oracle's answer."""
    task = get(f"masks_and_baselines/{name}")
    for case in [*task.corners, *draw_cases(task, 30, 3), *hidden.cases(task.id, KEY)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_hole_ratio():
    for a, (ratio,) in every_case("hole_ratio"):
        np.testing.assert_allclose(ratio, masks.hole_ratio(a["mask"]), atol=1e-7)


def test_oracle_of_line_mask():
    """Against the nearest of many points along the line; where that is within a hundredth of the edge, the points cannot tell."""
    for a, (mask,) in every_case("line_mask"):
        t = np.linspace(0, 1, 2001)[:, None]
        points = np.array(a["start"]) + t * (np.array(a["end"]) - np.array(a["start"]))
        places = np.stack(np.meshgrid(*map(np.arange, a["size"]), indexing="ij"), -1)
        gap = scipy.spatial.distance.cdist(places.reshape(-1, 2), points).min(1).reshape(a["size"]) - a.get("thickness", 1) / 2
        sure = abs(gap) > 0.01
        assert ((gap <= 0) == (mask == 0))[sure].all() and sure.mean() > 0.6


def test_oracle_of_prepare():
    for a, (damaged, mask) in every_case("prepare"):
        if 0 < mask.mean() < 1:
            np.testing.assert_array_equal(mask, masks.from_image(a["painted"], hole="white")[0])
        np.testing.assert_allclose(damaged, a["image"].double() / 255 * mask, atol=1e-12)


def test_oracle_of_diffuse():
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    for a, (y,) in every_case("diffuse"):
        image, known = a["image"].double().numpy(), a["mask"].numpy() > 0
        there = scipy.ndimage.convolve(np.ones_like(image), cross, mode="constant")
        x = np.where(known, image, image[known].mean())
        for _ in range(a["steps"]):
            x = np.where(known, image, scipy.ndimage.convolve(x, cross, mode="constant") / there)
        np.testing.assert_allclose(y, x, atol=1e-12)


def test_oracle_of_best_match():
    """By correlation: sum w q^2 - 2 sum w q s + sum w s^2, over all windows at once."""
    for a, found in every_case("best_match"):
        image, known, size = a["image"].double().numpy(), a["mask"].double().numpy(), a.get("size", 3)
        frame, place = size // 2, (slice(a["row"], a["row"] + size), slice(a["column"], a["column"] + size))
        q, w = (np.pad(plane, frame)[place] for plane in (image, known))
        cost = scipy.signal.correlate2d(image**2, w, "valid") - 2 * scipy.signal.correlate2d(image, w * q, "valid") + (w * q**2).sum()
        lends = scipy.signal.correlate2d(known, np.ones((size, size)), "valid") > size * size - 0.5
        best = np.where(lends, cost, np.inf)
        here = best[int(found[0]) - frame, int(found[1]) - frame]
        assert here == pytest.approx(best.min(), abs=1e-9)
        first = np.argwhere(best < best.min() + 1e-9)[0] + frame
        assert first.tolist() == [int(found[0]), int(found[1])]


def test_lines_have_no_pixel_on_their_very_edge():
    """For an odd thickness the task has no ties: no two right programs may differ by rounding."""
    for a, _ in every_case("line_mask"):
        assert a.get("thickness", 1) % 2 == 1
        (y0, x0), (y1, x1) = a["start"], a["end"]
        y, x = torch.meshgrid(*(torch.arange(n) for n in a["size"]), indexing="ij")
        length = (y1 - y0) ** 2 + (x1 - x0) ** 2
        cross = 4 * ((y - y0) * (x1 - x0) - (x - x0) * (y1 - y0)) ** 2
        assert length == 0 or not (cross == a.get("thickness", 1) ** 2 * length).any()
