"""What every inpainter promises, by Hypothesis, for every network of the registry, the same by tiles; the baselines: test_baselines.py."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_models import CENTRAL, small

from inpaintlib import baselines, models, tiling

every = pytest.mark.parametrize("name", models.names())
GPU = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None


@cache
def model(name):
    """A small one that has seen one batch: its batch norms hold statistics that are neither 0 nor 1."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = small(name).train()
        mask = torch.ones(4, 1, 32, 32)
        mask[..., 10:20, 12:22] = 0
        with torch.no_grad():
            network(torch.rand(4, 3, 32, 32), mask)
    return network.eval()


class Case:
    def __init__(self, image, mask):
        self.image, self.mask = image, mask

    def __repr__(self):
        return f"image {tuple(self.image.shape)}, {[int(n) for n in self.mask.flatten(1).sum(1)]} known pixels, mask {self.mask.dtype}"


@st.composite
def cases(draw, name):
    """Images of sizes that the model takes, with holes from none to all (in the middle, for a model that draws there only)."""
    step = model(name).size_multiple
    sides = st.integers(1, 40 // step).map(lambda n: n * step)
    batch, height, width = draw(st.integers(1, 3)), draw(sides), draw(sides)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    image = torch.rand(batch, 3, height, width, generator=generator)
    share = torch.tensor(draw(st.lists(st.sampled_from([0.0, 0.02, 0.5, 0.9, 1.0]), min_size=batch, max_size=batch)))
    mask = torch.rand(batch, 1, height, width, generator=generator) < share[:, None, None, None]
    if draw(st.booleans()):  # one hole in one piece
        mask[..., height // 4 : height // 2 + 1, width // 3 : width // 2 + 1] = False
    if name in CENTRAL:
        middle = torch.zeros_like(mask)
        middle[..., height // 4 : -height // 4, width // 4 : -width // 4] = True
        mask |= ~middle
    return Case(image, mask.to(draw(st.sampled_from([torch.uint8, torch.bool, torch.float32]))))


def promised(check):
    """The check, made for each model on a dozen cases by chance."""

    @every
    def test(name):
        @settings(max_examples=12, deadline=None, derandomize=True)
        @given(case=cases(name), junk=st.sampled_from([0.0, 1.0, -3.0, 1e9, float("nan"), float("inf")]))
        def by_hypothesis(case, junk):
            check(name, case, junk)

        by_hypothesis()

    return test


@promised
def test_shape_range_known_pixels_and_nothing_from_under_the_hole(name, case, junk):
    """All holes included: whatever a network makes of nothing, it is a picture."""
    inpaint, before = model(name).inpaint, (case.image.clone(), case.mask.clone())
    result = inpaint(case.image, case.mask)
    assert result.shape == case.image.shape and result.dtype == case.image.dtype
    assert result.isfinite().all() and result.amin() >= 0 and result.amax() <= 1
    known = case.mask.bool().expand_as(case.image)
    assert torch.equal(result[known], case.image[known])
    assert torch.equal(before[0], case.image) and torch.equal(before[1], case.mask), "the input was modified"
    assert torch.equal(inpaint(torch.where(known, case.image, junk), case.mask), result), "what lies under the hole shows"


@promised
def test_one_image_gives_what_it_gives_in_a_batch(name, case, junk):
    inpaint = model(name).inpaint
    together = inpaint(case.image, case.mask)
    for i in range(len(case.image)):
        torch.testing.assert_close(inpaint(case.image[i : i + 1], case.mask[i : i + 1]), together[i : i + 1], atol=1e-4, rtol=0)


@promised
def test_a_mask_that_is_known_everywhere_returns_the_image(name, case, junk):
    assert torch.equal(model(name).inpaint(case.image, torch.ones_like(case.mask)), case.image)


@every
@pytest.mark.skipif(GPU is None, reason="no GPU here")
def test_gpu_and_cpu_agree(name):
    side = 32
    image, mask = torch.rand(2, 3, side, side), torch.ones(2, 1, side, side)
    mask[0, :, 9:20, 10:22] = mask[1, :, 14:16, 8:24] = 0
    expected = model(name).inpaint(image, mask)
    twin = models.create(name, **model(name).options).to(GPU)
    twin.load_state_dict(model(name).state_dict())
    with torch.backends.cudnn.flags(allow_tf32=False):
        result = twin.inpaint(image.to(GPU), mask.to(GPU))
    assert result.device.type == GPU
    torch.testing.assert_close(result.cpu(), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", [*(name for name in models.names() if name not in CENTRAL), "mean_fill", "navier_stokes", "nearest_patch"])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(5, 70), st.integers(5, 70)),
    seed=st.integers(0, 10_000),
    junk=st.sampled_from([0.0, 1.0, float("nan")]),
)
def test_by_tiles_every_inpainter_keeps_its_promises(name, size, seed, junk):
    inpainter = baselines.get(name) if name in baselines.names() else model(name).inpaint
    multiple = 1 if name in baselines.names() else model(name).size_multiple
    generator = torch.Generator().manual_seed(seed)
    image, mask = torch.rand(1, 3, *size, generator=generator), torch.ones(1, 1, *size)
    mask[..., size[0] // 3 : size[0] // 2 + 1, size[1] // 4 : size[1] // 2 + 1] = 0
    result = tiling.inpaint_large(inpainter, image, mask, tile=32, multiple=multiple)
    known = mask.bool().expand_as(image)
    assert result.shape == image.shape and result.isfinite().all() and result.amin() >= 0 and result.amax() <= 1
    assert torch.equal(result[known], image[known])
    again = tiling.inpaint_large(inpainter, torch.where(known, image, junk), mask, tile=32, multiple=multiple)
    assert torch.equal(again, result)
