"""The baselines that copy, against slow and literal versions of what their papers say."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaintlib import baselines
from inpaintlib.baselines import exemplars, patches, patchmatch, pyramid, texture

by_chance = settings(max_examples=15, deadline=None)


@st.composite
def cases(draw, smallest=4, largest=9):
    """One small picture (C, H, W) with a hole (H, W), zero in the hole; some of it known and some not."""
    height, width = draw(st.integers(smallest, largest)), draw(st.integers(smallest, largest))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    picture = torch.rand(draw(st.sampled_from([1, 3])), height, width, generator=generator)
    hole = torch.rand(height, width, generator=generator) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    hole[torch.randint(height, (1,), generator=generator), 0] = False
    hole[0, -1] = True
    return picture.masked_fill(hole, 0), hole


def slow_distance(query, weights, picture, hole, row, column):
    """sum w E[(q - s)^2], a pixel at a time: an unknown pixel of the source is any known pixel of the picture, each as likely."""
    known = picture[:, ~hole]  # (C, n)
    radius, total = len(weights) // 2, 0.0
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            weight, colour = float(weights[y + radius, x + radius]), query[:, y + radius, x + radius]
            at = (row + y, column + x)
            if 0 <= at[0] < hole.shape[0] and 0 <= at[1] < hole.shape[1] and not hole[at]:
                total += weight * float((colour - picture[:, at[0], at[1]]).square().sum())
            else:
                total += weight * float((colour[:, None] - known).square().sum(0).mean())
    return total


def window(picture, there, row, column, radius):
    """The window of a picture (C, side, side), and which of its pixels are there (side, side)."""
    side = range(-radius, radius + 1)
    colours, present = torch.zeros(len(picture), len(side), len(side)), torch.zeros(len(side), len(side))
    for i, y in enumerate(side):
        for j, x in enumerate(side):
            if 0 <= row + y < picture.shape[1] and 0 <= column + x < picture.shape[2] and there[row + y, column + x]:
                colours[:, i, j], present[i, j] = picture[:, row + y, column + x], 1
    return colours, present


def slow_distances(query, weights, picture, hole):
    """To every source, infinite where the pixel is not known: (H, W)."""
    return torch.tensor(
        [
            [math.inf if hole[y, x] else slow_distance(query, weights, picture, hole, y, x) for x in range(hole.shape[1])]
            for y in range(hole.shape[0])
        ]
    )


# --- the search -------------------------------------------------------------------------------------------------------------


@by_chance
@given(cases(largest=7), st.sampled_from([1, 2]), st.sampled_from([0, 5.0]))
def test_a_convolution_compares_a_patch_with_all_patches(case, radius, sharpness):
    picture, hole = case
    weight = patches.falloff(radius, sharpness)
    sources, windows = patches.Sources(picture, hole, radius), patches.Windows(picture, hole, radius)
    rows, columns = hole.nonzero(as_tuple=True)
    got = sources.distances(*windows.at(rows[:3], columns[:3], weight))
    for i in range(len(got)):
        colours, present = window(picture, ~hole, int(rows[i]), int(columns[i]), radius)
        expected = slow_distances(colours, present * weight, picture, hole).flatten()
        torch.testing.assert_close(got[i], expected, atol=2e-5, rtol=1e-5)


def test_a_wanted_pixel_that_the_source_lacks_costs_what_a_random_one_would():
    picture, hole = torch.tensor([[[0.0, 1.0, 0.5, 0.0]]]), torch.tensor([[False, False, False, True]])
    sources = patches.Sources(picture, hole, 1)
    nothing, wanted = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)
    wanted[0, 0, 1, 2] = 1  # the pixel to the right
    cost = sources.distances(nothing, nothing, wanted)[0]
    known = [0.0, 1.0, 0.5]
    by_chance_apart = sum((a - b) ** 2 for a in known for b in known) / 9
    assert cost.tolist() == pytest.approx([0, 0, by_chance_apart, math.inf])


def test_the_weights_are_a_gaussian():
    weight = patches.falloff(3, 5.0)
    assert weight.shape == (7, 7) and weight[3, 3] == 1
    assert float(weight[3, 5]) == pytest.approx(math.exp(-0.5 * (2 / (7 / 5)) ** 2))
    assert float(weight[1, 5]) == pytest.approx(math.exp(-0.5 * 8 / (7 / 5) ** 2))


# --- nearest patch ----------------------------------------------------------------------------------------------------------


@by_chance
@given(cases(largest=7), st.sampled_from([3, 5]), st.sampled_from([0, 5.0]))
def test_nearest_patch_is_the_slow_loop(case, side, sharpness):
    picture, hole = case
    layers: list[patches.Layer] = []
    result = baselines.nearest_patch(picture[None], ~hole[None, None], patch=side, sharpness=sharpness, watch=layers.append)[0]
    weight = patches.falloff(side // 2, sharpness)
    there, current = ~hole, picture.clone()
    for layer in layers:
        touching = {
            (y, x)
            for y, x in (~there).nonzero().tolist()
            if there[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any()  # also by a corner
        }
        assert {(y, x) for y, x in layer.pixels.tolist()} == touching
        for (row, column), (source_row, source_column) in zip(layer.pixels.tolist(), layer.sources.tolist(), strict=True):
            colours, present = window(current, there, row, column, side // 2)
            distances = slow_distances(colours, present * weight, picture, hole)
            assert distances[source_row, source_column] <= distances.min() + 1e-5
        for (row, column), (source_row, source_column) in zip(layer.pixels.tolist(), layer.sources.tolist(), strict=True):
            current[:, row, column] = picture[:, source_row, source_column]
        there = there | torch.zeros_like(there).index_put(tuple(layer.pixels.T), torch.tensor(True))
    assert there.all() and torch.equal(result, current)


@pytest.mark.parametrize("inpaint", [baselines.nearest_patch, baselines.exemplar, baselines.texture_synthesis])
@by_chance
@given(cases())
def test_every_filled_pixel_is_a_known_one(inpaint, case):
    picture, hole = case
    result = inpaint(picture[None], ~hole[None, None])[0]
    known = {tuple(colour) for colour in picture[:, ~hole].T.tolist()}
    assert {tuple(colour) for colour in result[:, hole].T.tolist()} <= known


def textures():
    rows, columns = torch.meshgrid(torch.arange(24), torch.arange(24), indexing="ij")
    return {
        "stripes": (columns % 3) / 2,
        "slanted": ((rows + columns) % 4) / 3,
        "checkerboard": ((rows // 2 + columns // 2) % 2).float(),
        "dots": ((rows % 4 == 0) & (columns % 4 == 0)).float(),
    }


@pytest.mark.parametrize("name", textures())
@pytest.mark.parametrize(
    "inpaint",
    [
        lambda i, m: baselines.nearest_patch(i, m, patch=9),
        lambda i, m: baselines.texture_synthesis(i, m, seed=3),
        lambda i, m: baselines.exemplar(i, m),
        lambda i, m: baselines.exemplar(i, m, patch=7),
    ],
    ids=["nearest_patch", "texture_synthesis", "exemplar", "exemplar of 7"],
)
def test_regular_textures_go_on_exactly(inpaint, name):
    image = torch.stack([textures()[name] * shade for shade in (1.0, 0.5, 0.8)])[None]
    mask = torch.ones(1, 1, 24, 24)
    mask[..., 7:16, 9:15] = 0
    mask[..., 2, 1:20] = 0
    assert torch.equal(inpaint(image * mask, mask), image)


# --- texture synthesis --------------------------------------------------------------------------------------------------------


@by_chance
@given(cases(largest=6), st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 100))
def test_texture_synthesis_is_one_pixel_at_a_time(case, tolerance, seed):
    """Efros and Leung's loop, with the two chance numbers of each pixel drawn as the library draws them."""
    picture, hole = case
    got = texture._synthesise(picture, hole, 1, tolerance, torch.Generator().manual_seed(seed))
    order, choice = torch.rand((2, *hole.shape), generator=torch.Generator().manual_seed(seed))
    weight = patches.falloff(1, 6.4)
    there, current = ~hole, picture.clone()
    while not there.all():
        queue = []
        for y, x in (~there).nonzero().tolist():
            present = window(current, there, y, x, 1)[1].sum()
            if present > 0:
                queue.append((float(present) + float(order[y, x]), y, x))
        for _, y, x in sorted(queue, reverse=True):
            colours, present = window(current, there, y, x, 1)
            distances = slow_distances(colours, present * weight, picture, hole).flatten()
            limit = distances.min() * (1 + tolerance) + (0.5 / 255) ** 2 * weight.sum()
            good = (distances <= limit).nonzero().flatten().tolist()
            source = int(got[y, x])
            if abs(float(distances[source] - limit)) > 1e-5 and (abs(distances - limit) > 1e-5).all():  # no rounding in play
                assert source == good[int(float(choice[y, x]) * len(good))]
            else:
                assert distances[source] <= limit + 1e-5
            current[:, y, x] = picture.flatten(1)[:, source]
            there = there.clone()
            there[y, x] = True


def test_seeds_give_different_fillings_and_the_same_seed_the_same():
    image = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    mask = torch.ones(1, 1, 20, 20)
    mask[..., 5:12, 5:12] = 0
    fill = {seed: baselines.texture_synthesis(image, mask, window=3, tolerance=0.5, seed=seed) for seed in (0, 1)}
    assert torch.equal(fill[0], baselines.texture_synthesis(image, mask, window=3, tolerance=0.5, seed=0))
    assert not torch.equal(fill[0], fill[1])


def test_within_reach_only():
    image = torch.zeros(1, 1, 8, 40)
    image[..., 20:] = 1
    mask = torch.ones(1, 1, 8, 40)
    mask[..., 3:6, 4:8] = 0
    for reach in (1, 5, None):
        found = texture._surroundings(mask[0, 0] == 0, reach)
        expected = {1: (slice(2, 7), slice(3, 9)), 5: (slice(0, 11), slice(0, 13)), None: (slice(0, 46), slice(0, 48))}[reach]
        assert found == expected
    assert (baselines.texture_synthesis(image, mask, reach=5)[mask == 0] == 0).all()


# --- exemplar -----------------------------------------------------------------------------------------------------------------


def slow_terms(grey, missing, confidence, radius):
    """Criminisi et al., equations 1 and 2, pixel by pixel; only for fronts that are straight and away from edges."""
    known = ~missing
    terms = {}
    for row, column in missing.nonzero().tolist():
        if not known[row - 1 : row + 2, column - 1 : column + 2].any():
            continue
        patch = (slice(row - radius, row + radius + 1), slice(column - radius, column + radius + 1))
        share = float(confidence[patch].mean())
        strongest = (0.0, 0.0)
        for y in range(patch[0].start, patch[0].stop):
            for x in range(patch[1].start, patch[1].stop):
                down = (float(grey[y + 1, x] - grey[y - 1, x]) / 2) if known[y - 1 : y + 2, x].all() else 0.0
                right = (float(grey[y, x + 1] - grey[y, x - 1]) / 2) if known[y, x - 1 : x + 2].all() else 0.0
                strongest = max(strongest, (down, right), key=lambda g: math.hypot(*g))
        isophote = (-strongest[1], strongest[0])  # the gradient turned by a right angle: down, right
        around = known[row - 2 : row + 3, column - 2 : column + 3].float().numpy()
        smooth = np.array([[around[y : y + 3, x : x + 3].mean() for x in range(3)] for y in range(3)])
        normal = np.array([smooth[2, 1] - smooth[0, 1], smooth[1, 2] - smooth[1, 0]])
        length = np.linalg.norm(normal)
        cosine = abs(isophote @ normal) / length if length > 1e-6 else 0.0
        terms[row, column] = (share, max(float(cosine), 1 / 255))
    return terms


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([1, 2]))
def test_confidence_and_data_term_are_the_paper_s(seed, radius):
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(3, 18, 18, generator=generator)
    hole = torch.zeros(18, 18, dtype=torch.bool)
    hole[6:12, 7:11] = True
    hole[7:9, 11] = True
    picture = picture.masked_fill(hole, 0)
    steps: list[exemplars.Step] = []
    baselines.exemplar(picture[None], ~hole[None, None], patch=2 * radius + 1, watch=steps.append)
    missing, current, confidence = hole.clone(), picture.clone(), (~hole).float()
    for step in steps:
        terms = slow_terms(current.mean(0), missing, confidence, radius)
        share, data = terms[step.row, step.column]
        assert (step.confidence, step.data) == pytest.approx((share, data), rel=1e-4, abs=1e-6)
        assert step.priority >= max(a * b for a, b in terms.values()) * (1 - 1e-4), "not the most urgent patch"
        for y in range(-radius, radius + 1):
            for x in range(-radius, radius + 1):
                at, origin = (step.row + y, step.column + x), (step.source_row + y, step.source_column + x)
                lends = all(0 <= i < 18 for i in origin) and not hole[origin]
                if missing[at] and lends:
                    missing[at], confidence[at] = False, share
                    current[:, at[0], at[1]] = picture[:, origin[0], origin[1]]
    assert not missing.any()


def test_the_line_that_runs_into_the_hole_comes_first():
    """A black and a white half, their border running into the hole from the left and the right: both ends before anything else."""
    image = torch.zeros(1, 1, 31, 31)
    image[..., 15:, :] = 1
    mask = torch.ones(1, 1, 31, 31)
    mask[..., 8:23, 10:21] = 0
    steps: list[exemplars.Step] = []
    result = baselines.exemplar(image * mask, mask, patch=5, watch=steps.append)
    near = [abs(step.row - 14.5) < 3 for step in steps]  # the border lies within the patch
    assert near == sorted(near, reverse=True) and sum(near) == 8, "the line is not finished before the rest begins"
    assert [step.column for step in steps[:4]] == [10, 10, 20, 20] and min(step.data for step in steps[:8]) > 0.4
    assert max(step.data for step in steps[8:]) == pytest.approx(1 / 255)
    flat = [step.confidence for step in steps[8:12]]
    assert min(flat) > 0.6 > max(step.confidence for step in steps[-2:]), "where nothing is to be carried on, confidence decides"
    assert torch.equal(result, image)
    peeled = baselines.nearest_patch(image * mask, mask, patch=5)
    assert not torch.equal(peeled, image), "what the order is good for: peeled like an onion, the hole loses the border"


def test_an_image_of_its_own_for_each_step():
    image, mask = torch.rand(3, 3, 10, 10), torch.ones(3, 1, 10, 10)
    mask[[0, 2], :, 4:6, 4:6] = 0
    steps: list[exemplars.Step] = []
    layers: list[patches.Layer] = []
    baselines.exemplar(image, mask, patch=3, watch=steps.append)
    baselines.nearest_patch(image, mask, patch=3, watch=layers.append)
    assert {step.image for step in steps} == {layer.image for layer in layers} == {0, 2}


# --- PatchMatch ---------------------------------------------------------------------------------------------------------------


def exact_cost(picture, hole, radius):
    """The cheapest allowed match of every patch that touches the hole, by comparing with all."""
    touching = pyramid.grow(hole, radius)
    rows, columns = touching.nonzero(as_tuple=True)
    allowed = ~touching if (~touching).sum() >= len(rows) else ~hole
    sources = patches.Sources(picture.masked_fill(hole, 0), hole, radius)
    windows = patches.Windows(picture, torch.zeros_like(hole), radius)
    certainty = patches.Windows(1.6 ** -pyramid.depth(hole)[None].float(), torch.zeros_like(hole), radius)
    colours, there = windows.at(rows, columns, patches.falloff(radius, 0))
    weights = certainty.at(rows, columns, patches.falloff(radius, 0))[0] * there
    cost = torch.zeros(hole.shape)
    cost[rows, columns] = sources.distances(colours, weights)[:, allowed.flatten()].amin(1)
    return cost


@by_chance
@given(cases(largest=14), st.integers(0, 100))
def test_the_cost_never_rises_and_offsets_lead_to_known_pixels(case, seed):
    picture, hole = case
    picture = torch.where(hole, 0.5, picture)
    matches = list(patchmatch.offset_field(picture, hole, radius=1, passes=4, generator=torch.Generator().manual_seed(seed)))
    assert len(matches) == 5
    exact = exact_cost(picture, hole, 1)
    for before, after in pairwise(matches):
        assert (after.cost <= before.cost).all()
        assert (after.cost >= exact - 1e-4).all(), "cheaper than the exact search"
    rows, columns = pyramid.grow(hole, 1).nonzero(as_tuple=True)
    offsets = matches[-1].offsets[:, rows, columns]
    assert not hole[rows + offsets[0], columns + offsets[1]].any()
    assert not matches[-1].offsets[:, ~pyramid.grow(hole, 1)].any()


def test_a_few_passes_come_close_to_the_exact_search():
    from inpaintlib import data

    picture = data.load_photo("astronaut")[0, :, 100:228, 180:308]
    hole = torch.zeros(128, 128, dtype=torch.bool)
    hole[50:74, 50:74] = True
    start = torch.where(hole, picture[:, ~hole].mean(1)[:, None, None], picture)
    exact = float(exact_cost(start, hole, 2).sum())
    excess = [
        float(match.cost.sum()) / exact - 1
        for match in patchmatch.offset_field(start, hole, passes=6, generator=torch.Generator().manual_seed(0))
    ]
    assert excess[0] > 3, "random matches should be bad"
    assert excess[1] < excess[0] / 20 and excess[-1] < 0.2, [f"{value:.2f}" for value in excess]


def test_propagation_carries_one_good_offset_over_a_region():
    """A picture that repeats itself after 20 columns; one patch is told so. One jump of 1 pixel tells its neighbours, and so on."""
    half = torch.rand(1, 24, 20, generator=torch.Generator().manual_seed(1))
    picture = torch.cat((half, half), 2)
    hole = torch.zeros(24, 40, dtype=torch.bool)
    hole[8:16, 4:12] = True
    start = torch.zeros(2, 24, 40, dtype=torch.long)
    start[1, 12, 8] = 20
    found = [
        (match.offsets[1] == 20).sum().item()
        for match in patchmatch.offset_field(picture, hole, radius=2, passes=2, start=start, generator=torch.Generator().manual_seed(0))
    ]
    assert found[0] < 20 and found[1] > 100 and found[2] == pyramid.grow(hole, 2).sum()


def test_what_is_watched():
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, 1, 32, 32)
    mask[..., 6:24, 6:24] = 0
    seen: list[patchmatch.Pass] = []
    result = baselines.patch_match(image, mask, passes=2, rounds=3, watch=seen.append)
    levels = max(step.level for step in seen) + 1
    assert levels == 3 and {step.image for step in seen} == {0, 1}
    assert [(s.level, s.round, s.number) for s in seen if s.image == 1] == [
        (level, round_, number) for level in reversed(range(levels)) for round_ in range(3) for number in range(3)
    ]
    for step in seen:
        side = 32 // 2**step.level
        assert step.offsets.shape == (2, side, side) and step.cost.shape == step.hole.shape == (side, side)
        assert step.picture.shape == (3, side, side) and step.picture.isfinite().all()
    assert torch.equal(result[:, :, :6], image[:, :, :6])


def test_a_deep_hole_is_filled_from_coarse_to_fine():
    """A smooth wave in a hole three times as wide as the patches: the filling continues it."""
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    image = (0.5 + 0.4 * torch.sin(columns / 4) * torch.cos(rows / 40))[None, None]
    mask = torch.ones(1, 1, 48, 48)
    mask[..., 16:32, 16:32] = 0
    error = (baselines.patch_match(image, mask) - image).abs()[mask == 0].mean()
    assert error < 0.25 * (baselines.mean_fill(image, mask) - image).abs()[mask == 0].mean()


# --- the pyramid --------------------------------------------------------------------------------------------------------------


def test_depth_counts_the_layers():
    hole = torch.zeros(7, 7, dtype=torch.bool)
    hole[1:6, 1:6] = True
    assert pyramid.depth(hole)[3].tolist() == [0, 1, 2, 3, 2, 1, 0]
    hole = torch.ones(3, 5, dtype=torch.bool)
    hole[:, 0] = False
    assert pyramid.depth(hole)[1].tolist() == [0, 1, 2, 3, 4]


def test_halving_takes_the_mean_of_the_known_pixels():
    picture = torch.tensor([[[0.2, 0.4, 0.9, 0.1, 0.3], [0.6, 0.8, 0.5, 0.7, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]]])
    hole = torch.tensor([[0, 0, 1, 1, 0], [0, 1, 1, 0, 1], [0, 0, 0, 1, 1]]).bool()
    small, small_hole = pyramid.halve(picture.masked_fill(hole, 0), hole)
    assert small_hole.tolist() == [[False, True, False], [False, False, True]]
    torch.testing.assert_close(small, torch.tensor([[[0.4, 0.0, 0.3], [0.15, 0.3, 0.0]]]))


# --- options ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("nearest_patch", {"patch": 4}, "patch is 4; expected an odd number of pixels, at least 3"),
        ("nearest_patch", {"patch": 5.0}, "patch is 5.0"),
        ("nearest_patch", {"sharpness": -1}, "sharpness is -1"),
        ("exemplar", {"patch": 1}, "patch is 1"),
        ("patch_match", {"patch": 2}, "patch is 2"),
        ("patch_match", {"passes": 0}, "passes is 0; expected a whole number, at least 1"),
        ("patch_match", {"rounds": 1.5}, "rounds is 1.5"),
        ("texture_synthesis", {"window": 6}, "window is 6"),
        ("texture_synthesis", {"tolerance": -0.1}, "tolerance is -0.1"),
        ("texture_synthesis", {"tolerance": float("nan")}, "tolerance is nan"),
        ("texture_synthesis", {"reach": 0}, "reach is 0; expected a whole number of pixels, at least 1"),
        ("texture_synthesis", {"reach": 1.5}, "reach is 1.5"),
        ("texture_synthesis", {"tolerance": math.inf}, "tolerance is inf"),
        ("texture_synthesis", {"tolerance": None}, "tolerance is None"),
        ("texture_synthesis", {"seed": None}, "seed is None; expected a whole number, at least 0"),
        ("patch_match", {"seed": 1.5}, "seed is 1.5"),
        ("nearest_patch", {"sharpness": None}, "sharpness is None"),
        ("fast_marching", {"radius": "3"}, "radius is '3'; expected 1 to 100 pixels"),
        ("navier_stokes", {"radius": True}, "radius is True"),
    ],
)
def test_options_out_of_range_are_refused(name, option, message):
    with pytest.raises(ValueError, match=message):
        baselines.get(name)(torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8), **option)


def test_a_hole_without_a_rim_is_named():
    everything = torch.ones(8, 8, dtype=torch.bool)
    with pytest.raises(ValueError, match="no known pixel"):
        pyramid.depth(everything)
    with pytest.raises(ValueError, match="no known pixel"):
        next(patchmatch.offset_field(torch.rand(3, 8, 8), everything))


COPYING = ("nearest_patch", "texture_synthesis", "exemplar", "patch_match")


@pytest.fixture
def photograph():
    generator = torch.Generator().manual_seed(5)
    blurred = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 30, 30, generator=generator), 7, 1)  # (1, 3, 24, 24)
    mask = torch.ones(1, 1, 24, 24)
    mask[..., 8:16, 8:16] = 0
    return blurred, mask


@pytest.mark.parametrize("name", COPYING)
def test_autocast_does_not_touch_the_search(name, photograph):
    expected = baselines.get(name)(*photograph)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(baselines.get(name)(*photograph), expected)


@pytest.mark.parametrize("name", COPYING)
def test_the_default_dtype_does_not_matter(name, photograph):
    expected = baselines.get(name)(*photograph)
    torch.set_default_dtype(torch.float64)
    try:
        assert (baselines.get(name)(*photograph) - expected).abs().max() < 1e-6
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_stripes_of_a_single_grey_level_are_told_apart_however_bright(bits):
    level = 1 / (2**bits - 1)
    stripes = (0.9 + level * (torch.arange(24) % 3)).double().expand(1, 3, 24, 24)
    mask = torch.ones(1, 1, 24, 24)
    mask[..., 9:15, 9:15] = 0
    assert torch.equal(baselines.nearest_patch(stripes * mask, mask), stripes)
