"""The mask families: OpenCV's pixels and S4's distribution, what every family promises, and masks that never change."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import inpaintlib
from inpaintlib import masks
from inpaintlib._noise import smooth_noise
from inpaintlib._numbers import FrozenStream, Numbers
from inpaintlib._raster import SUBPIXELS, Runs, capsule_runs, disc_runs, line_runs, paint

BUCKETS = [(0.01, 0.10), (0.10, 0.20), (0.20, 0.30), (0.30, 0.40), (0.40, 0.50), (0.50, 0.60)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- one line at a time: the pixels of cv2.line ---------------------------------------------------------------------------------------


def lines_that_differ(ends: np.ndarray, size: int) -> list[list[int]]:
    """Those of the lines (x1, y1, x2, y2, thickness) that OpenCV draws with other pixels."""
    runs = line_runs(*torch.from_numpy(ends).T, size)
    ours = paint(torch.arange(len(ends)), runs, len(ends), size, size).numpy()
    differ = []
    for (x1, y1, x2, y2, thickness), drawn in zip(ends.tolist(), ours, strict=True):
        theirs = np.zeros((size, size), np.uint8)
        cv2.line(theirs, (x1, y1), (x2, y2), 1, thickness)
        if (theirs != drawn).any():
            differ.append([x1, y1, x2, y2, thickness])
    return differ


def test_every_line_shape_is_opencvs():
    """Every way from one end to another that fits into 32x32, both thicknesses, each somewhere in the image."""
    rng = np.random.default_rng(0)
    dx, dy, thickness = (a.ravel() for a in np.meshgrid(np.arange(-30, 31), np.arange(-30, 31), (1, 2), indexing="ij"))
    x1 = rng.integers(np.maximum(1, 1 - dx), np.minimum(31, 31 - dx) + 1)
    y1 = rng.integers(np.maximum(1, 1 - dy), np.minimum(31, 31 - dy) + 1)
    assert lines_that_differ(np.stack([x1, y1, x1 + dx, y1 + dy, thickness], 1), 32) == []


@pytest.mark.parametrize(("size", "count"), [(2, 20), (32, 4000), (48, 2000), (65, 1000), (66, 1000), (300, 300)])
def test_lines_anywhere_are_opencvs(size, count):
    """Sizes on both sides of where look-up ends and computing begins."""
    rng = np.random.default_rng(size)
    ends = np.concatenate([rng.integers(1, size, (count, 4)), rng.integers(1, 3, (count, 1))], 1)
    assert lines_that_differ(ends, size) == []


# --- many lines: the distribution of S4's masks ---------------------------------------------------------------------------------------


def opencv_masks(count, seed, *, low=1, most=9, thickest=2, connectivity=8):
    """S4's masks, drawn as S4 does; True = hole. The options make them slightly wrong."""
    rng = np.random.default_rng(seed)
    holes = np.zeros((count, 32, 32), np.uint8)
    for hole in holes:
        for _ in range(rng.integers(1, most + 1)):
            x1, y1, x2, y2 = rng.integers(low, 32, 4).tolist()
            cv2.line(hole, (x1, y1), (x2, y2), 1, int(rng.integers(1, thickest + 1)), connectivity)
    return holes.astype(bool)


def welch(a, b):
    """The p-value of equal means (a z-test; masks are many): the smallest of the columns, times their number (Bonferroni)."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    spread = a.var(0) / len(a) + b.var(0) / len(b)
    z = np.abs(a.mean(0) - b.mean(0)) / np.sqrt(np.maximum(spread, 1e-12))  # a column that is constant and differs is caught as well
    return min(1.0, 2 * float(stats.norm.sf(z.max())) * z.size)


def neighbours(hole):
    """How often two hole pixels of a mask lie side by side: across, down, and on both diagonals."""
    pairs = [(hole[:, :, 1:], hole[:, :, :-1]), (hole[:, 1:], hole[:, :-1])]
    pairs += [(hole[:, 1:, 1:], hole[:, :-1, :-1]), (hole[:, 1:, :-1], hole[:, :-1, 1:])]
    return np.stack([(a & b).sum((1, 2)) for a, b in pairs], 1).astype(float)


def run_lengths(hole):
    """How many runs of 1, 2, 3, 4-5, 6-9, 10 and more hole pixels the rows of a mask hold, and its columns."""
    counts = []
    for view in (hole, hole.transpose(0, 2, 1)):
        padded = np.pad(view, ((0, 0), (0, 0), (1, 1))).astype(np.int8)
        step = np.diff(padded, axis=2)
        mask, _, first = np.nonzero(step == 1)
        length = np.nonzero(step == -1)[2] - first
        which = np.digitize(length, (2, 3, 4, 6, 10))
        table = np.zeros((len(hole), 6))
        np.add.at(table, (mask, which), 1)
        counts.append(table)
    return np.concatenate(counts, 1)


def evidence(a, b):
    """p-values, each corrected for how often it looks, that two sets of holes come from one distribution."""
    return {
        "hole ratio (Kolmogorov-Smirnov)": float(stats.ks_2samp(a.mean((1, 2)), b.mean((1, 2))).pvalue),
        "each pixel": welch(a.astype(np.float32), b.astype(np.float32)),
        "neighbours": welch(neighbours(a), neighbours(b)),
        "run lengths": welch(run_lengths(a), run_lengths(b)),
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_lines_have_the_distribution_of_opencvs(seed):
    ours = masks.lines(6000, 32, generator=seeded(seed))[:, 0].numpy() == 0
    found = evidence(ours, opencv_masks(6000, seed))
    assert min(found.values()) > 0.005, found


@pytest.mark.parametrize("wrong", [{"low": 0}, {"most": 8}, {"thickest": 1}, {"connectivity": 4}], ids=str)
def test_that_comparison_sees_small_mistakes(wrong):
    """End points in 0 .. 31, at most 8 lines, thin lines only, and steps without diagonals are all told apart from S4's masks."""
    ours = masks.lines(6000, 32, generator=seeded(1))[:, 0].numpy() == 0
    assert min(evidence(ours, opencv_masks(6000, 1, **wrong)).values()) < 1e-6


def test_lines_cover_about_15_per_cent():
    assert masks.hole_ratio(masks.lines(5000, 32, generator=seeded())).mean().item() == pytest.approx(0.147, abs=0.005)


def test_thick_lines_at_large_sizes():
    """The picture of 32x32, finer: one thick line differs from OpenCV's along its rim only."""
    mask = masks.lines(50, 256, number=1, generator=seeded())
    assert 0.005 < masks.hole_ratio(mask).mean().item() < 0.05
    widest = [ndimage.distance_transform_edt(np.pad(hole, 1)).max() for hole in mask[:, 0].numpy() == 0]
    assert min(widest) >= 4 and max(widest) <= 9.5  # half of 8 to 16 pixels, plus one for counting from the outside


# --- discs and brushes against the distance to a segment ------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([5, 20, 33]))
def test_capsules_are_the_pixels_near_a_segment(seed, size):
    rng = np.random.default_rng(seed)
    x1, y1, x2, y2 = rng.integers(-2 * SUBPIXELS, (size + 2) * SUBPIXELS, 4)
    radius = rng.integers(SUBPIXELS // 2, 6 * SUBPIXELS)
    if seed % 3 == 0:
        x2, y2 = x1, y1
    if seed % 3 == 1:
        y2 = y1
    as_tensors = [torch.tensor([v]) for v in (x1, y1, x2, y2, radius)]
    drawn = paint(torch.tensor([0]), capsule_runs(*as_tensors, size), 1, size, size)[0].numpy()
    y, x = np.mgrid[:size, :size] * float(SUBPIXELS)
    square = max(1, (x2 - x1) ** 2 + (y2 - y1) ** 2)
    along = np.clip(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / square, 0, 1)
    distance = np.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1)) - radius
    assert drawn[distance < -1.5].all()  # 1.5 sixteenths of a pixel: the rounding of the strip's corners
    assert not drawn[distance > 1.5].any()


def test_discs_are_exact():
    """Whole numbers: a pixel on the rim belongs to the disc, one sub-pixel further out does not."""
    x, y, r = torch.randint(0, 40 * SUBPIXELS, (3, 200), generator=seeded())
    r = r // 4 + 1
    drawn = paint(torch.arange(200), disc_runs(x, y, r, 40), 200, 40, 40)
    grid = torch.arange(40) * SUBPIXELS
    inside = (grid - x[:, None])[:, None, :] ** 2 + (grid - y[:, None])[:, :, None] ** 2 <= (r * r)[:, None, None]
    assert torch.equal(drawn, inside)


def test_paint_cuts_off_what_lies_outside():
    start, end = torch.tensor([-5, 2, 3, 9, -9]), torch.tensor([1, 1, 99, 12, -2])  # cut left, empty, cut right, all outside on both sides
    runs = Runs(torch.zeros(5, dtype=torch.long), torch.arange(5), start, end)
    drawn = paint(torch.tensor([1]), runs, 2, 5, 5).int().tolist()
    assert drawn == [[[0] * 5] * 5, [[1, 1, 0, 0, 0], [0] * 5, [0, 0, 0, 1, 1], [0] * 5, [0] * 5]]


# --- what every family promises ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 33, (1, 2), (2, 1), (2, 2), (3, 5), (48, 20), 100], ids=str)
@pytest.mark.parametrize("family", masks.FAMILIES)
def test_families(family, size):
    """Shape, type, values, a known and a hole pixel in every mask."""
    options = {"ratio": (0.0, 1.0)} if family == "irregular" else {}
    mask = masks.FAMILIES[family](20, size, generator=seeded(), **options)
    height, width = (size, size) if isinstance(size, int) else size
    assert mask.shape == (20, 1, height, width) and mask.dtype == torch.uint8 and mask.device.type == "cpu"
    assert set(mask.unique().tolist()) == {0, 1}
    known = mask.flatten(1).sum(1)
    assert known.min() >= 1 and known.max() <= height * width - 1


@pytest.mark.parametrize("family", masks.FAMILIES)
def test_chance_comes_from_the_generator(family):
    draw = masks.FAMILIES[family]
    first, again, other = (draw(50, 24, generator=seeded(s)) for s in (7, 7, 8))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (family == "center_box")
    generator = seeded(7)
    assert torch.equal(draw(50, 24, generator=generator), first)
    assert torch.equal(draw(50, 24, generator=generator), first) == (family == "center_box")  # the generator moved on
    torch.manual_seed(5)
    from_global = draw(50, 24)
    torch.manual_seed(5)
    assert torch.equal(draw(50, 24), from_global)
    if family != "center_box":
        assert len({m.numpy().tobytes() for m in first}) > 45  # masks of a batch are drawn one by one, not repeated


class Operations(TorchDispatchMode):
    """Counts the operations that are run."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("family", [*masks.FAMILIES, "bank"])
def test_no_loop_over_masks(family):
    """A batch of 300 takes the operations that a batch of 3 takes."""
    draw = masks.bank("boxes", 10) if family == "bank" else masks.FAMILIES[family]
    draw(3, 32)  # the tables of lines are made once
    counts = []
    for count in (3, 300):
        with Operations() as operations:
            draw(count, 32)
        counts.append(operations.count)
    assert abs(counts[0] - counts[1]) <= 4 and counts[1] < 1500  # a few masks may happen to have no flip among them


class SaysWhere(TorchFunctionMode):
    """Refuses to make a tensor without being told on which device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in (torch.arange, torch.zeros, torch.ones, torch.full, torch.tensor, torch.randint, torch.empty):
            assert "device" in (kwargs or {}), f"{func.__name__} without device="
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("size", [32, 70])
@pytest.mark.parametrize("family", masks.FAMILIES)
def test_every_tensor_is_made_on_the_device(family, size):
    """What can be known about other devices on a machine that has none."""
    masks.FAMILIES[family](3, size)
    with SaysWhere():
        masks.FAMILIES[family](3, size, generator=seeded())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("size", [32, 70])
@pytest.mark.parametrize("family", masks.FAMILIES)
def test_a_seed_draws_the_same_masks_on_the_gpu(family, size):
    draw = masks.FAMILIES[family]
    there = draw(200, size, generator=seeded(3), device="cuda")
    assert there.device.type == "cuda"
    assert torch.equal(there.cpu(), draw(200, size, generator=seeded(3)))
    assert draw(4, size, generator=torch.Generator("cuda").manual_seed(0)).device.type == "cuda"


# --- each family's own promises ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), BUCKETS)
@pytest.mark.parametrize("size", [32, (20, 31), 64])
def test_irregular_keeps_to_its_ratio(low, high, size):
    mask = masks.irregular(300, size, ratio=(low, high), generator=seeded())
    area, holes = mask[0].numel(), (mask == 0).flatten(1).sum(1)
    assert (holes >= low * area).all() and (holes <= high * area).all()
    assert holes.min() <= low * area + 0.02 * area and holes.max() >= high * area - 0.02 * area  # the whole range is used


@given(st.integers(2, 40), st.integers(1, 40), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_irregular_is_exact_or_says_no(height, width, a, b, seed):
    low, high = sorted((a, b))
    area = height * width
    try:
        mask = masks.irregular(5, (height, width), ratio=(low, high), generator=seeded(seed))
    except ValueError as error:
        assert "lies in it" in str(error)
        assert not any(low * area <= k <= high * area for k in range(1, area))
        return
    holes = (mask == 0).flatten(1).sum(1).double()
    assert (holes >= low * area).all() and (holes <= high * area).all()


@pytest.mark.parametrize("cell", [4, 16])
def test_noise_is_the_same_everywhere(cell):
    """The grid of the noise lies elsewhere in each field, so mean and spread are those of every other pixel."""
    field = smooth_noise(Numbers(seeded(), None), 8000, 24, 40, cell)
    assert torch.equal(field, field.round()) and field.abs().max() < 2**53 / 2**10 / 16  # whole numbers, with room for weights and index
    for moment in (field, (field - field.mean()) ** 2):
        z = (moment.mean(0) - moment.mean()) / moment.std(0) * len(field) ** 0.5
        assert z.abs().max().item() < stats.norm.isf(0.0005 / z.numel())


def test_irregular_prefers_no_side():
    hole = masks.irregular(6000, 32, ratio=(0.3, 0.31), generator=seeded())[:, 0].numpy() == 0
    mean = hole.mean(0)
    error = np.sqrt(2 * mean * (1 - mean) / len(hole))
    for turned in (mean[::-1], mean[:, ::-1], mean.T):
        assert (np.abs(mean - turned) / error).max() < stats.norm.isf(0.0005 / 1024)


def test_boxes_have_the_sides_asked_for():
    hole = masks.boxes(3000, 32, generator=seeded())[:, 0].numpy() == 0
    tall, wide = hole.any(2).sum(1), hole.any(1).sum(1)
    assert (hole.sum((1, 2)) == tall * wide).all()  # one filled rectangle
    for sides in (tall, wide):
        assert set(sides.tolist()) == set(range(8, 17))
        assert stats.chisquare(np.bincount(sides)[8:]).pvalue > 0.001
    assert stats.chi2_contingency(np.histogram2d(tall, wide, bins=(9, 9))[0]).pvalue > 0.001  # independent of each other
    assert hole.any(0).all()  # up to the border
    assert masks.boxes(50, (10, 64), side=(10, 10), generator=seeded()).shape == (50, 1, 10, 64)


def test_boxes_of_s2():
    hole = masks.boxes(300, 256, side=(96 / 256, 160 / 256), generator=seeded())[:, 0].numpy() == 0
    sides = hole.any(2).sum(1)
    assert sides.min() >= 96 and sides.max() <= 160 and sides.min() < 100 and sides.max() > 156


def test_center_box_of_s3():
    mask = masks.center_box(3, 128)
    assert masks.hole_ratio(mask).tolist() == [56 * 56 / 128**2] * 3
    assert (mask[:, 0, 36:92, 36:92] == 0).all()
    assert (masks.center_box(1, (20, 40), side=(4, 10))[0, 0, 8:12, 15:25] == 0).all()
    assert torch.equal(masks.center_box(1, 32, side=[4, 8]), masks.center_box(1, 32, side=(4, 8)))
    assert masks.hole_ratio(masks.center_box(1, (64, 32), side=(40, 8))).item() == 40 * 8 / (64 * 32)  # each against its own side
    assert masks.hole_ratio(masks.center_box(1, (64, 32), side=0.5)).item() == 16 * 16 / (64 * 32)


def test_circles_are_as_large_as_asked():
    hole = masks.circles(400, 64, number=1, radius=(4, 10), generator=seeded())[:, 0].numpy() == 0
    inner = np.flatnonzero(~(hole[:, 0].any(1) | hole[:, -1].any(1) | hole[:, :, 0].any(1) | hole[:, :, -1].any(1)))
    radius = np.sqrt(hole[inner].sum((1, 2)) / np.pi)
    assert len(inner) > 100 and 3.7 < radius.min() < 4.5 and 9.5 < radius.max() < 10.3


def test_a_stroke_is_one_piece_and_goes_anywhere():
    hole = masks.strokes(4000, 32, number=1, generator=seeded())[:, 0].numpy() == 0
    assert all(ndimage.label(h, np.ones((3, 3)))[1] == 1 for h in hole[:500])
    mean = hole.mean(0)
    error = np.sqrt(2 * mean * (1 - mean) / len(hole))
    for turned in (mean[::-1], mean[:, ::-1], mean.T):  # no direction is preferred
        assert (np.abs(mean - turned) / error).max() < stats.norm.isf(0.0005 / 1024)


def test_stroke_options_matter():
    def ratio(**options):
        return masks.hole_ratio(masks.strokes(300, 64, generator=seeded(), **options)).mean().item()

    assert ratio(width=4) < ratio(width=8) < ratio(width=16)
    assert ratio(number=1) < ratio(number=3)
    assert ratio(vertices=1, number=1) < ratio(vertices=8, number=1)


# --- hole_ratio, from_image -----------------------------------------------------------------------------------------------------------


def test_hole_ratio():
    mask = torch.tensor([[[[1, 0], [1, 1]]], [[[0, 0], [0, 1]]]])
    for dtype in (torch.uint8, torch.bool, torch.float32, torch.float16):
        assert masks.hole_ratio(mask.to(dtype)).tolist() == [0.25, 0.75]
    with pytest.raises(ValueError, match="expected only 1"):
        masks.hole_ratio(mask * 255)


@pytest.fixture(scope="module")
def painted():
    """A white picture with a black hole, and the mask that it means."""
    picture = np.full((12, 9, 3), 255, np.uint8)
    picture[2:5, 3:8] = 0
    return picture, torch.from_numpy((picture[:, :, 0] > 0).astype(np.uint8))[None, None]


def test_from_image_takes_what_people_have(painted, tmp_path):
    from PIL import Image

    picture, expected = painted
    grey = picture[:, :, 0]
    opaque = np.dstack([picture, np.full((12, 9), 255, np.uint8)])
    given = [picture, grey, grey > 127, grey / 255.0, grey.astype(np.uint16) * 257, opaque]
    given += [torch.from_numpy(picture).permute(2, 0, 1), torch.from_numpy(grey), torch.from_numpy(grey > 127)]
    given += [torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255, torch.from_numpy(grey)[None]]
    given += [(torch.from_numpy(grey) / 255).to(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64)]
    files = {"a.png": "RGB", "b.png": "L", "c.png": "1", "d.png": "P", "e.png": "RGBA", "f.jpg": "L", "ä b.bmp": "RGB"}
    for name, mode in files.items():
        image = Image.fromarray(picture).convert(mode)
        image.save(tmp_path / name)
        given += [image, tmp_path / name, str(tmp_path / name)]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    given += [tmp_path / "16.png"]
    for image in given:
        got = masks.from_image(image, hole="black")
        assert got.dtype == torch.uint8 and torch.equal(got, expected), image
        assert torch.equal(masks.from_image(image, hole="white"), 1 - expected), image


def test_from_image_turns_a_phones_picture_upright(painted, tmp_path):
    from PIL import Image

    picture, expected = painted
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me a quarter clockwise"
    Image.fromarray(picture).save(tmp_path / "phone.png", exif=exif)
    assert torch.equal(masks.from_image(tmp_path / "phone.png", hole="black"), expected.rot90(-1, (2, 3)))


def test_from_image_keeps_a_batch_and_has_a_threshold(painted):
    _, expected = painted
    batch = torch.cat([expected, 1 - expected]).float() * 0.4 + 0.2  # 0.2 and 0.6
    assert torch.equal(masks.from_image(batch, hole="black"), torch.cat([expected, 1 - expected]))
    with pytest.raises(ValueError, match=r"no pixel of the picture is hole.*0\.2 to 0\.6"):
        masks.from_image(batch, hole="black", threshold=0.1)


def test_from_image_says_what_is_wrong(painted, tmp_path):
    picture, _ = painted
    with pytest.raises(TypeError, match="hole"):
        masks.from_image(picture)  # no default: a wrong guess would go unnoticed
    with pytest.raises(ValueError, match="'black' or 'white'"):
        masks.from_image(picture, hole="red")
    with pytest.raises(ValueError, match="0 <= threshold < 1"):
        masks.from_image(picture, hole="black", threshold=127)
    with pytest.raises(ValueError, match="no pixel of the picture is hole"):
        masks.from_image(np.full((4, 4), 255, np.uint8), hole="black")
    with pytest.raises(ValueError, match="integers 0 and 1 that should be bool"):
        masks.from_image((picture[:, :, 0] > 0).astype(np.uint8), hole="black")
    transparent = np.dstack([picture, picture[:, :, 0]])
    with pytest.raises(ValueError, match="transparent"):
        masks.from_image(transparent, hole="black")
    with pytest.raises(ValueError, match=r"expected 1 \(grey\) or 3 \(colour\) channels, channels first"):
        masks.from_image(torch.from_numpy(picture), hole="black")
    with pytest.raises(ValueError, match="expected \\[0, 1\\]"):
        masks.from_image(picture.astype(float), hole="black")
    with pytest.raises(ValueError, match="NaN"):
        masks.from_image(np.full((3, 3), np.nan), hole="black")
    with pytest.raises(TypeError, match="8-bit or 16-bit"):
        masks.from_image(picture.astype(np.int64), hole="black")
    with pytest.raises(TypeError, match="expected a path"):
        masks.from_image([[0, 1]], hole="black")
    with pytest.raises(ValueError, match="empty"):
        masks.from_image(np.zeros((0, 4)), hole="black")
    with pytest.raises(FileNotFoundError, match="no image file"):
        masks.from_image(tmp_path / "nothing.png", hole="black")
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ValueError, match="not an image"):
        masks.from_image(tmp_path / "text.png", hole="black")
    cv2.imwrite(str(tmp_path / "whole.png"), np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    with pytest.raises(ValueError, match="damaged"):
        masks.from_image(tmp_path / "cut.png", hole="black")


# --- banks ------------------------------------------------------------------------------------------------------------------------------


def test_a_bank_hands_out_its_masks_flipped():
    bank = masks.bank("lines", 40, seed=3)
    before = bank.masks.clone()
    flips = {(): 0, (1,): 0, (2,): 0, (1, 2): 0}
    members = {m.numpy().tobytes(): axes for axes in flips for m in bank.masks.flip([a + 1 for a in axes] or [0])}
    drawn = bank(4000, generator=seeded())
    for mask in drawn:
        flips[members[mask.numpy().tobytes()]] += 1  # a KeyError is a mask that the bank does not hold
    assert stats.chisquare(list(flips.values())).pvalue > 0.001
    drawn.zero_()
    assert torch.equal(bank.masks, before)
    assert torch.equal(bank(10, generator=seeded(1)), bank(10, 32, generator=seeded(1)))
    assert not torch.equal(bank(10, generator=seeded(1)), bank(10, generator=seeded(2)))


def test_a_bank_keeps_its_masks_when_the_callers_change():
    mine = torch.ones(3, 1, 4, 4, dtype=torch.uint8)
    bank = masks.MaskBank(mine, "mine")
    mine.zero_()
    assert bank(5).all() and bank.masks.all()


def test_a_bank_without_flips_draws_evenly():
    bank = masks.bank("boxes", 20, 16, seed=1, flip=False, side=(3, 5))
    order = {m.numpy().tobytes(): i for i, m in enumerate(bank.masks)}
    counts = np.bincount([order[m.numpy().tobytes()] for m in bank(4000, generator=seeded())], minlength=20)
    assert stats.chisquare(counts).pvalue > 0.001


def test_a_bank_stands_where_a_family_can():
    bank = masks.bank(masks.irregular, 50, (16, 24), seed=2, ratio=(0.2, 0.3))
    assert bank(7, (16, 24), generator=seeded(), device="cpu").shape == (7, 1, 16, 24)
    assert repr(bank).startswith("MaskBank of 50 masks of 16x24 from irregular (seed 2, ratio=(0.2, 0.3)), flipped at random; ")
    assert "flipped" not in repr(masks.bank("boxes", 2, flip=False)) and len(bank) == 50
    assert torch.equal(masks.bank("boxes", 9, seed=4).masks, masks.bank("boxes", 9, seed=4).masks)
    again = masks.bank(bank, 5, (16, 24))  # a bank of a bank
    assert again.masks.shape == (5, 1, 16, 24)
    with pytest.raises(ValueError, match=r"holds masks of 16x24, asked for was 32; make one with bank"):
        bank(7, 32)
    with pytest.raises(ValueError, match="expected one of lines, strokes"):
        masks.bank("scratches")


# --- frozen masks -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", masks.KINDS)
def test_frozen_masks_are_those_recorded(kind):
    frozen = masks.benchmark(kind)  # raises where the digest differs
    assert frozen.shape == (5000, 1, 32, 32) and frozen.dtype == torch.uint8
    ratio = masks.hole_ratio(frozen)
    assert ratio.min() > 0 and ratio.max() < 1
    if kind.startswith("irregular-"):
        low, high = (int(part) / 100 for part in kind.split("-")[1:])
        holes = (frozen == 0).flatten(1).sum(1)
        assert (holes >= low * 1024).all() and (holes <= high * 1024).all()


def test_frozen_masks_do_not_depend_on_anything():
    few = masks.benchmark("lines", 3)
    assert torch.equal(few, masks.benchmark("lines")[:3])
    few.zero_()
    torch.manual_seed(99)
    assert masks.benchmark("lines", 3).any()
    assert not torch.equal(masks.benchmark("lines", 5500)[5000:], masks.benchmark("lines", 500))
    assert torch.equal(masks.benchmark("center_box", 1), masks.benchmark("center", 1))


def test_frozen_masks_of_another_machine(tmp_path):
    """Without vector instructions and on other numbers of threads the same bits come out."""
    kinds = ("lines", "strokes", "irregular-20-30")
    code = f"from inpaintlib import masks\nfor k in {kinds}: print(masks.sha256(masks._frozen_part(k, 0, 32)))"
    environment = {"ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "3", "NPY_DISABLE_CPU_FEATURES": "AVX2", "MKL_CBWR": "COMPATIBLE"}
    run = subprocess.run([sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [masks.sha256(masks.benchmark(k, 500)) for k in kinds]


def test_frozen_masks_that_differ_are_refused(monkeypatch):
    masks._checked_block.cache_clear()
    monkeypatch.setitem(masks.DIGESTS, "boxes", ("0" * 64, "0" * 64))
    with pytest.raises(RuntimeError, match=r"came out different on this machine.*cannot be compared with published ones"):
        masks.benchmark("boxes", 1)


def test_frozen_masks_at_other_sizes():
    """The same pictures, finer: half-size copies agree but for the rims."""
    for kind in ("boxes", "circles", "strokes", "irregular-30-40", "center"):
        fine, coarse = masks.benchmark(kind, 100, (64, 64)).float(), masks.benchmark(kind, 100).float()
        assert fine.shape == (100, 1, 64, 64)
        assert (torch.nn.functional.avg_pool2d(fine, 2) - coarse).abs().mean() < 0.06, kind
    assert masks.benchmark("lines", 3, (40, 50)).shape == (3, 1, 40, 50)


def test_the_frozen_stream_is_pcg64():
    """The generator of O'Neill (2014), written out: a 128-bit congruential step, folded and rotated."""
    bits = np.random.PCG64([1, 2, 3]).state["state"]
    state, expected = bits["state"], []
    for _ in range(50):
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + bits["inc"]) % 2**128
        folded, turn = (state >> 64) ^ (state % 2**64), state >> 122
        expected.append((folded >> turn | folded << (64 - turn)) % 2**64 >> 32)
    assert FrozenStream(1, 2, 3)(5, 10).flatten().tolist() == expected


def test_numbers_are_uniform_up_to_their_bounds():
    high = torch.arange(1, 5).repeat(5000)
    drawn = Numbers(seeded(), None).integers(-1, high, len(high))
    for h in range(1, 5):
        counts = np.bincount(drawn[high == h] + 1)
        assert len(counts) == h + 2 and stats.chisquare(counts).pvalue > 0.001


def test_sha256_is_of_the_pixels():
    mask = masks.boxes(2, 8, generator=seeded())
    expected = hashlib.sha256(bytes(mask.flatten().tolist())).hexdigest()
    assert masks.sha256(mask) == masks.sha256(mask.bool()) == masks.sha256(mask.float()) == expected
    assert masks.sha256(1 - mask) != expected


# --- bad input --------------------------------------------------------------------------------------------------------------------------

BAD = [
    (lambda: masks.lines(0, 32), ValueError, "at least 1 mask"),
    (lambda: masks.lines(2.0, 32), TypeError, "whole number of masks"),
    (lambda: masks.lines(True, 32), TypeError, "whole number of masks"),
    (lambda: masks.lines(2, 1), ValueError, "at least two pixels"),
    (lambda: masks.lines(2, (32, 0)), ValueError, "at least two pixels"),
    (lambda: masks.lines(2, (3, 32, 32)), TypeError, r"image.shape\[-2:\]"),
    (lambda: masks.lines(2, 32.0), TypeError, "expected a side"),
    (lambda: masks.lines(2, 32, generator=3), TypeError, r"torch.Generator\(\).manual_seed\(3\)"),
    (lambda: masks.lines(2, 32, device="abacus"), ValueError, "expected auto, cpu, cuda or mps"),
    (lambda: masks.lines(2, 32, number=0), ValueError, "1 <= low <= high"),
    (lambda: masks.lines(2, 32, number=(5, 3)), ValueError, "1 <= low <= high"),
    (lambda: masks.lines(2, 32, number=1.5), TypeError, "whole number"),
    (lambda: masks.lines(2, 32, thickness=0), ValueError, "1 to 32 pixels"),
    (lambda: masks.lines(2, 32, thickness=2.5), ValueError, "For lengths in pixels give whole numbers"),
    (lambda: masks.lines(2, 32, thickness="2"), TypeError, "shares of the shorter side"),
    (lambda: masks.boxes(2, (16, 32), side=20), ValueError, "1 to 16 pixels"),
    (lambda: masks.boxes(2, 32, side=(16, 8)), ValueError, "low <= high"),
    (lambda: masks.boxes(2, 32, side=(float("nan"), 0.5)), ValueError, "between 0 and 1"),
    (lambda: masks.circles(2, 32, radius=(0.1, 1.5)), ValueError, "between 0 and 1"),
    (lambda: masks.strokes(2, 32, vertices=0), ValueError, "vertices"),
    (lambda: masks.center_box(2, 32, side=40), ValueError, "1 to 32 pixels"),
    (lambda: masks.center_box(2, (64, 32), side=(40, 40)), ValueError, "1 to 32 pixels, the width"),
    (lambda: masks.center_box(2, 32, side=(4, 8, 9)), ValueError, r"a pair \(height, width\)"),
    (lambda: masks.center_box(2, 32, side=("4", 8)), TypeError, "shares of the shorter side"),
    (lambda: masks.irregular(2, 32, ratio=(10, 20)), ValueError, "Divide percentages by 100"),
    (lambda: masks.irregular(2, 32, ratio=(0.3, 0.2)), ValueError, "low <= high"),
    (lambda: masks.irregular(2, 32, ratio=0.2), TypeError, "pair"),
    (lambda: masks.irregular(2, 4, ratio=(0.01, 0.05)), ValueError, "no number of hole pixels out of 16"),
    (lambda: masks.benchmark("scratches"), ValueError, "expected one of lines"),
    (lambda: masks.benchmark("lines", 10_001), ValueError, "10,000 frozen masks"),
    (lambda: masks.benchmark("lines", 0), ValueError, "at least 1"),
    (lambda: masks.hole_ratio(torch.ones(2, 3, 4, 4)), ValueError, "one channel"),
    (lambda: masks.hole_ratio([1, 0]), TypeError, "torch tensor"),
    (lambda: masks.MaskBank(torch.full((2, 1, 4, 4), 255), "mine"), ValueError, "expected only 1"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=[m for _, _, m in BAD])
def test_bad_input_is_explained(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_masks_know_no_model():
    """Masks stand at the bottom: their files import each other and the checks, nothing else of the library."""
    allowed = {"_check", "_device", "_noise", "_numbers", "_raster"}
    allowed |= {"_mask_digests", "_mask_families", "_mask_image", "_mask_mixture", "_mask_options"}
    folder = Path(inpaintlib.__file__).parent
    for name in ("masks", *sorted(allowed - {"_check", "_device"})):
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                ours = {f"{n}.".split(".")[1] for n in names if n.split(".")[0] == "inpaintlib"}
                assert ours <= allowed, f"{name}.py imports {ours - allowed}"
