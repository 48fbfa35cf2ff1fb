"""Large photographs by tiles: what an inpainter is given, what comes of it, and that no seam shows."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaintlib import baselines, tiling
from inpaintlib.tiling import inpaint_large


def plane(image, mask):
    """An inpainter that is exact on linear ramps, whatever the hole: the plane through the known pixels, by least squares."""
    height, width = image.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    basis = torch.stack((torch.ones_like(rows), rows, columns), -1).flatten(0, 1)  # (H * W, 3)
    results = []
    for picture, known in zip(image.double().flatten(2), mask[:, 0].flatten(1) > 0, strict=True):
        fit = torch.linalg.lstsq(basis[known], picture[:, known].T, driver="gelsd").solution  # (3, C)
        results.append((basis @ fit).T.view(len(picture), height, width))
    return torch.stack(results).to(image.dtype).clamp(0, 1)  # of mirrored edges the plane may stick out


def ramp(height, width):
    rows, columns = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack((rows, columns, (rows + columns) / 2))[None]


def with_holes(height, width, *boxes):
    mask = torch.ones(1, 1, height, width)
    for top, bottom, left, right in boxes:
        mask[..., top:bottom, left:right] = 0
    return mask


class Recorder:
    """An inpainter that keeps what it is given."""

    def __init__(self, inpaint=baselines.mean_fill):
        self.inpaint, self.tiles = inpaint, []

    def __call__(self, image, mask):
        self.tiles += list(zip(image, mask, strict=True))
        return self.inpaint(image, mask)


@st.composite
def cases(draw):
    height, width = draw(st.integers(1, 50)), draw(st.integers(1, 50))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    image = torch.rand(draw(st.integers(1, 2)), draw(st.sampled_from([1, 3])), height, width, generator=generator)
    mask = torch.rand(len(image), 1, height, width, generator=generator) < draw(st.sampled_from([0.02, 0.5, 0.98]))
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    mask[..., top : top + draw(st.integers(1, 40)), left : left + draw(st.integers(1, 40))] = False
    mask.flatten(1)[:, draw(st.integers(0, height * width - 1))] = True
    multiple = draw(st.sampled_from([1, 2, 4]))
    tile = multiple * draw(st.integers(-(-4 // multiple), 24 // multiple))
    options = {"tile": tile, "overlap": draw(st.integers(0, tile // 2)), "multiple": multiple, "batch_size": draw(st.integers(1, 5))}
    return image, mask, options


@settings(max_examples=60, deadline=None)
@given(cases())
def test_any_size_any_aspect_any_tiles(case):
    image, mask, options = case
    recorder = Recorder()
    result = inpaint_large(recorder, image, mask, **options)
    known = mask.expand_as(image)
    assert result.shape == image.shape and result.isfinite().all() and result.amin() >= 0 and result.amax() <= 1
    assert torch.equal(result[known], image[known])
    for tile, tile_mask in recorder.tiles:
        assert all(side <= options["tile"] and side % options["multiple"] == 0 for side in tile.shape[-2:])
        assert 0 < tile_mask.mean() < 1, "a tile without a hole, or one without a known pixel"
        assert (tile.amax(0)[tile_mask[0] == 0] == 0).all(), "a pixel under the hole was shown"
    changed = torch.where(mask, image, torch.rand_like(image))
    assert torch.equal(inpaint_large(baselines.mean_fill, changed, mask, **options), result)
    for i in range(len(image)):
        alone = inpaint_large(baselines.mean_fill, image[i : i + 1], mask[i : i + 1], **options)
        torch.testing.assert_close(alone, result[i : i + 1], atol=1e-6, rtol=0)


@settings(max_examples=60, deadline=None)
@given(cases(), st.floats(0, 1))
def test_a_flat_photograph_is_restored(case, shade):
    image, mask, options = case
    flat = torch.full_like(image, shade)
    torch.testing.assert_close(inpaint_large(baselines.mean_fill, flat, mask, **options), flat, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(40, 64), (64, 64), (17, 5)])
@pytest.mark.parametrize("name", ["navier_stokes", "nearest_patch"])
def test_where_one_tile_covers_all_it_is_the_inpainter_itself(name, size):
    image = torch.rand(2, 3, *size)
    mask = (torch.rand(2, 1, *size) < 0.6).float()
    recorder = Recorder(baselines.get(name))
    assert torch.equal(inpaint_large(recorder, image, mask, tile=64), baselines.get(name)(image, mask))
    assert len(recorder.tiles) == 2


@pytest.mark.parametrize("overlap", [0, 1, 8, 16])
def test_no_seam_in_a_ramp(overlap):
    image = ramp(70, 150)
    mask = with_holes(70, 150, (10, 18, 5, 140), (30, 60, 60, 68), (50, 70, 100, 110))
    result = inpaint_large(plane, image, mask, tile=32, overlap=overlap)
    torch.testing.assert_close(result, image, atol=2e-5, rtol=0)


@pytest.mark.parametrize("width", [200, 187, 96])
@pytest.mark.parametrize("overlap", [6, 8, 12, 16])
def test_tiles_that_disagree_are_blended_without_a_step(width, overlap):
    """Every other tile is filled with white. From pixel to pixel the mix changes by no more than the weights do."""
    mask = with_holes(32, width, (12, 20, 4, width - 4))

    def shades(image, mask):
        return (torch.arange(len(image)) % 2.0).view(-1, 1, 1, 1).expand_as(image)

    def steps(overlap):
        result = inpaint_large(shades, torch.zeros(1, 1, 32, width), mask, tile=32, overlap=overlap, batch_size=100)
        return result[0, 0, 16, 4:-4].diff().abs()

    # A weight is steepest in the middle of its ramp, 1.5 / overlap; two tiles' weights can change against each other there.
    assert 0.5 / overlap < steps(overlap).max() < 3 / overlap
    assert steps(0).max() >= 0.5, "without overlap there are steps"


def test_tiles_without_a_hole_are_skipped():
    image = torch.rand(1, 3, 64, 400)
    mask = with_holes(64, 400, (20, 24, 8, 392))
    mask[..., 150:260] = 1
    recorder = Recorder()
    inpaint_large(recorder, image, mask, tile=64, overlap=0)
    assert 4 <= len(recorder.tiles) <= 6  # two parts of about 142 and 132 columns and their surroundings, of 400 / 64 = 7 tiles in all


def test_holes_that_are_far_apart_are_filled_apart_and_in_one_piece():
    image = torch.rand(1, 3, 100, 300)
    holes = [(40, 60, 30, 50), (10, 30, 200, 215)]
    mask = with_holes(100, 300, *holes)
    recorder = Recorder(baselines.nearest_patch)
    result = inpaint_large(recorder, image, mask, tile=64)
    assert len(recorder.tiles) == 2
    for (tile, tile_mask), (top, bottom, left, right) in zip(sorted(recorder.tiles, key=lambda t: float(t[1].mean())), holes, strict=True):
        assert tile_mask.shape == (1, 64, 64) and int((tile_mask == 0).sum()) == (bottom - top) * (right - left)
        filled = baselines.nearest_patch(tile[None], tile_mask[None])[0]
        got = result[0, :, top:bottom, left:right]
        torch.testing.assert_close(got.flatten(1), filled[:, tile_mask[0] == 0], atol=1e-6, rtol=0)


def test_a_photograph_that_is_known_everywhere_comes_back_without_a_call():
    recorder, image = Recorder(), torch.rand(1, 3, 50, 90)
    assert torch.equal(inpaint_large(recorder, image, torch.ones(1, 1, 50, 90), tile=16), image)
    assert not recorder.tiles


def test_a_hole_much_larger_than_a_tile():
    """Filled from half the size, and that from a quarter: still the ramp, to within what one pixel of the coarsest level makes."""
    image, mask = ramp(200, 300), with_holes(200, 300, (20, 180, 30, 270))
    recorder = Recorder(plane)
    result = inpaint_large(recorder, image, mask, tile=32)
    assert all(tile.shape[-2:] == (32, 32) or tile.shape[-1] < 32 or tile.shape[-2] < 32 for tile, _ in recorder.tiles)
    assert (result - image).abs().max() < 16 / 200
    assert (result - image).abs().mean() < 0.2 * (baselines.mean_fill(image, mask) - image).abs().mean()


def test_a_single_known_pixel_is_enough():
    image, mask = torch.full((1, 3, 90, 130), 0.25), torch.zeros(1, 1, 90, 130)
    mask[..., 70, 100] = 1
    torch.testing.assert_close(inpaint_large(baselines.mean_fill, image, mask, tile=16), image)


class Model:
    """What a network is to the tiling."""

    size_multiple = 16

    def inpaint(self, image, mask):
        assert image.shape[-2] % 16 == 0 and image.shape[-1] % 16 == 0
        return baselines.mean_fill(image, mask)


@pytest.mark.parametrize("size", [(7, 130), (100, 33), (20, 20), (1, 1)])
def test_a_model_gets_the_sizes_that_it_needs(size):
    image, mask = torch.rand(1, 3, *size), (torch.rand(1, 1, *size) < 0.7).float()
    mask[..., 0, 0] = 1
    result = inpaint_large(Model().inpaint, image, mask, tile=48)
    assert result.shape == image.shape and torch.equal(result[mask.expand_as(image) == 1], image[mask.expand_as(image) == 1])
    with pytest.raises(ValueError, match="tile is 40; this inpainter needs a multiple of 16: take 48"):
        inpaint_large(Model().inpaint, image, mask, tile=40)


def test_a_network_of_the_registry():
    from inpaintlib import models

    model = models.create("partial_unet")
    image, mask = torch.rand(1, 3, 45, 70), with_holes(45, 70, (10, 14, 5, 60))
    result = inpaint_large(model.inpaint, image, mask, tile=32)
    assert result.shape == image.shape and result.isfinite().all() and not result.requires_grad


def test_mirror_images_continue_a_picture():
    row = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 3)
    assert tiling._mirror(row, 1, 8)[0, 0].tolist() == [1, 2, 3, 3, 2, 1, 1, 2]
    assert tiling._mirror(row, 2, 2).tolist() == [[[1, 2, 3], [1, 2, 3]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(dtype):
    image, mask = torch.rand(1, 3, 20, 40).to(dtype), torch.rand(1, 1, 20, 40) < 0.7
    result = inpaint_large(baselines.mean_fill, image, mask, tile=16)
    assert result.dtype == dtype and torch.equal(result[mask.expand_as(image)], image[mask.expand_as(image)])
    torch.testing.assert_close(result.double(), inpaint_large(baselines.mean_fill, image.double(), mask, tile=16), atol=0.01, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_gpu_and_cpu_agree():
    image, mask = torch.rand(2, 3, 50, 90), torch.rand(2, 1, 50, 90) < 0.5
    mask[..., 10:40, 20:60] = False
    result = inpaint_large(baselines.mean_fill, image.cuda(), mask.cuda(), tile=16)
    assert result.device.type == "cuda"
    torch.testing.assert_close(result.cpu(), inpaint_large(baselines.mean_fill, image, mask, tile=16), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 3}, "tile is 3; expected a whole number of pixels, at least 4"),
        ({"tile": 32.0}, "tile is 32.0"),
        ({"tile": 32, "overlap": 17}, "overlap is 17; expected 0 to 16 pixels, at most half a tile"),
        ({"overlap": -1}, "overlap is -1"),
        ({"multiple": 0}, "multiple is 0"),
        ({"tile": 20, "multiple": 8}, "tile is 20; this inpainter needs a multiple of 8: take 24"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        inpaint_large(baselines.mean_fill, torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8), **options)


def test_bad_input_is_refused():
    image, mask = torch.rand(1, 3, 40, 40), with_holes(40, 40, (1, 5, 1, 5))
    with pytest.raises(ValueError, match=r"no known pixel.*pass 1 - mask"):
        inpaint_large(baselines.mean_fill, image, 0 * mask)
    with pytest.raises(ValueError, match=r"the inpainter got tiles \(1, 3, 16, 16\) and answered a tensor of shape \(1, 1, 16, 16\)"):
        inpaint_large(lambda i, m: i[:, :1], image, mask, tile=16)
    for answer in (lambda i, m: i.to(torch.uint8), lambda i, m: i > 0.5):
        with pytest.raises(ValueError, match=r"answered a tensor of shape \(.*expected floats of the same shape"):
            inpaint_large(answer, image, mask, tile=16)
    with pytest.raises(TypeError, match="inpainter is 'biharmonic'; expected a callable"):
        inpaint_large("biharmonic", image, mask)
    for answer in (lambda i, m: i + 5, lambda i, m: i * math.nan):
        with pytest.raises(ValueError, match="the inpainter's answer h"):
            inpaint_large(answer, image, mask, tile=16)
    with pytest.raises(ValueError, match="x / 255"):
        inpaint_large(baselines.mean_fill, image * 255, mask)


@pytest.mark.parametrize("top", range(100, 117, 3))
@pytest.mark.parametrize("left", [0, 61, 130, 168])
def test_a_hole_of_half_a_tile_is_filled_in_one_piece_wherever_it_lies(top, left):
    image, recorder = torch.rand(1, 3, 240, 200), Recorder()
    inpaint_large(recorder, image, with_holes(240, 200, (top, top + 32, left, left + 32)), tile=64)
    assert len(recorder.tiles) == 1 and int((recorder.tiles[0][1] == 0).sum()) == 32 * 32


@pytest.mark.parametrize(("top", "left"), [(0, 0), (0, 168), (208, 168), (100, 0), (0, 90)])
def test_a_hole_of_half_a_tile_in_a_corner_or_at_an_edge_is_no_exception(top, left):
    """Its far end is half a tile away from everything known; a watermark lies there."""
    test_a_hole_of_half_a_tile_is_filled_in_one_piece_wherever_it_lies(top, left)
