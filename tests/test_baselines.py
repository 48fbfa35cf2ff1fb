"""What every inpainter promises, by Hypothesis, and what each of the classical ones is, against independent oracles."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaintlib import baselines, metrics

DIFFUSING = ["mean_fill", "fast_marching", "navier_stokes", "biharmonic"]
COPYING = ["nearest_patch", "texture_synthesis", "exemplar", "patch_match"]
NAMES = DIFFUSING + COPYING
every = pytest.mark.parametrize("name", NAMES)
by_chance = settings(max_examples=40, deadline=None)


def promised_by(names=NAMES, **more):
    """The check, made for each of these baselines, on many cases by chance; on fewer for those that take longer."""

    def over(check):
        @pytest.mark.parametrize("name", names)
        def test(name):
            @settings(max_examples=25 if name in COPYING else 40, deadline=None)
            @given(case=cases(), **more)
            def by_hypothesis(**drawn):
                check(name, **drawn)

            by_hypothesis()

        return test

    return over


@dataclass
class Case:
    image: torch.Tensor
    mask: torch.Tensor

    def __repr__(self) -> str:
        return f"image {tuple(self.image.shape)}, mask {self.mask[:, 0].int().tolist()}"


@st.composite
def cases(draw, channels=(1, 3, 4)):
    """Small images of any shape with any holes; each has at least one known pixel."""
    batch, height, width = draw(st.integers(1, 3)), draw(st.integers(1, 10)), draw(st.integers(1, 10))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    image = torch.rand(batch, draw(st.sampled_from(channels)), height, width, generator=generator)
    share = torch.tensor(draw(st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), min_size=batch, max_size=batch)))
    mask = torch.rand(batch, 1, height, width, generator=generator) < share[:, None, None, None]
    lone = torch.randint(height * width, (batch,), generator=generator)
    mask.flatten(1)[torch.arange(batch), lone] = True
    return Case(image, mask.to(draw(st.sampled_from([torch.uint8, torch.bool, torch.float32]))))


# --- what every inpainter promises ----------------------------------------------------------------------------------------


def test_the_registry():
    assert baselines.names() == NAMES
    assert all(baselines.get(name) is getattr(baselines, name) for name in NAMES)
    with pytest.raises(ValueError, match=r"no baseline 'biharmonics'; expected one of mean_fill, .*Did you mean 'biharmonic'\?"):
        baselines.get("biharmonics")


@promised_by()
def test_shape_range_and_known_pixels_bit_for_bit(name, case):
    before = case.image.clone(), case.mask.clone()
    result = baselines.get(name)(case.image, case.mask)
    assert result.shape == case.image.shape and result.dtype == case.image.dtype and result.device == case.image.device
    assert result.isfinite().all() and result.amin() >= 0 and result.amax() <= 1
    known = case.mask.bool().expand_as(case.image)
    assert torch.equal(result[known], case.image[known])
    assert torch.equal(before[0], case.image) and torch.equal(before[1], case.mask), "the input was modified"


@promised_by(instead=st.sampled_from(["black", "white", "noise"]))
def test_pixels_under_the_hole_do_not_influence_the_result(name, case, instead):
    other = {"black": torch.zeros_like, "white": torch.ones_like, "noise": torch.rand_like}[instead](case.image)
    changed = torch.where(case.mask.bool(), case.image, other)
    inpaint = baselines.get(name)
    assert torch.equal(inpaint(changed, case.mask), inpaint(case.image, case.mask))


@every
@pytest.mark.parametrize("junk", [float("nan"), float("inf"), -7.0, 255.0])
def test_not_even_what_is_no_pixel_value_matters_under_the_hole(name, junk):
    image, mask = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    mask[..., 5:8, 6:11] = 0
    inpaint = baselines.get(name)
    assert torch.equal(inpaint(torch.where(mask.bool(), image, junk), mask), inpaint(image, mask))


@promised_by()
def test_one_image_gives_what_it_gives_in_a_batch(name, case):
    inpaint = baselines.get(name)
    together = inpaint(case.image, case.mask)
    for i in range(len(case.image)):
        torch.testing.assert_close(inpaint(case.image[i : i + 1], case.mask[i : i + 1]), together[i : i + 1], atol=1e-6, rtol=0)


@promised_by(shade=st.floats(0, 1))
def test_a_flat_image_is_restored(name, case, shade):
    flat = torch.full_like(case.image, shade)
    tolerance = 0.1 / 255 if name in ("fast_marching", "navier_stokes") else 1e-6  # a tenth of a grey level
    torch.testing.assert_close(baselines.get(name)(flat, case.mask), flat, atol=tolerance, rtol=0)


@promised_by(["mean_fill", "navier_stokes", "biharmonic", *COPYING])
def test_these_never_leave_the_range_of_the_known_colours(name, case):
    result = baselines.get(name)(case.image, case.mask)
    known = case.mask.bool()
    low = torch.where(known, case.image, 1.0).amin((2, 3), keepdim=True)
    high = torch.where(known, case.image, 0.0).amax((2, 3), keepdim=True)
    slack = 1 / 65535 + 1e-6
    assert ((result >= low - slack) & (result <= high + slack)).all()


@promised_by()
def test_a_mask_that_is_known_everywhere_returns_the_image(name, case):
    assert torch.equal(baselines.get(name)(case.image, torch.ones_like(case.mask)), case.image)


@promised_by(place=st.integers(0, 2))
def test_an_image_without_a_known_pixel_is_named(name, case, place):
    place, mask = place % len(case.mask), case.mask.clone()
    mask[place] = 0
    with pytest.raises(ValueError, match=rf"mask {place} has no known pixel \(1 of {len(mask)} masks\).*pass 1 - mask"):
        baselines.get(name)(case.image, mask)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(name, dtype):
    image, mask = torch.rand(2, 3, 9, 7).to(dtype), torch.rand(2, 1, 9, 7) < 0.7
    result = baselines.get(name)(image, mask)
    known = mask.expand_as(image)
    assert result.dtype == dtype and torch.equal(result[known], image[known])
    torch.testing.assert_close(result.double(), baselines.get(name)(image.double(), mask), atol=0.01, rtol=0)


@every
def test_one_mask_for_all_other_memory_layouts_and_gradients_in_the_input(name):
    inpaint = baselines.get(name)
    image, mask = torch.rand(3, 3, 9, 7), torch.rand(1, 1, 9, 7) < 0.7
    expected = inpaint(image, mask.expand(3, -1, -1, -1).clone())
    torch.testing.assert_close(inpaint(image, mask), expected)
    torch.testing.assert_close(inpaint(image.contiguous(memory_format=torch.channels_last), mask), expected)
    torch.testing.assert_close(inpaint(image.clone().requires_grad_(), mask).detach(), expected)


@every
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_gpu_and_cpu_agree(name):
    image, mask = torch.rand(3, 3, 9, 7), torch.rand(3, 1, 9, 7) < 0.7
    result = baselines.get(name)(image.cuda(), mask.cuda())
    assert result.device.type == "cuda"
    torch.testing.assert_close(result.cpu(), baselines.get(name)(image, mask), atol=1e-6, rtol=0)


@every
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda i, m: ((i * 255).to(torch.uint8), m), TypeError, r"image\.float\(\) / 255"),
        (lambda i, m: (i * 255, m), ValueError, "x / 255"),
        (lambda i, m: (i * 2 - 1, m), ValueError, r"\(x \+ 1\) / 2"),
        (lambda i, m: (i * float("nan"), m), ValueError, "NaN"),
        (lambda i, m: (i[0], m), ValueError, r"image\[None\]"),
        (lambda i, m: (i, m[..., :4]), ValueError, "expected the same"),
        (lambda i, m: (i, m * 255), ValueError, "Divide by 255"),
        (lambda i, m: (i, m[:, 0]), ValueError, r"mask\[:, None\]"),
        (lambda i, m: (i[:0], m[:0]), ValueError, "empty"),
    ],
)
def test_bad_input_is_refused(name, change, error, message):
    with pytest.raises(error, match=message):
        baselines.get(name)(*change(torch.rand(2, 3, 8, 8), torch.ones(2, 1, 8, 8)))


# --- what each of them is -------------------------------------------------------------------------------------------------


def test_mean_fill_takes_the_mean_of_each_image_and_channel():
    image, mask = torch.rand(3, 3, 8, 8), torch.rand(3, 1, 8, 8) < 0.6
    result = baselines.mean_fill(image, mask)
    for i in range(3):
        for c in range(3):
            mean = image[i, c][mask[i, 0]].double().mean().item()
            assert result[i, c][~mask[i, 0]].tolist() == pytest.approx([mean] * int((~mask[i, 0]).sum()), abs=1e-6)


@by_chance
@given(cases(channels=(2,)))
def test_biharmonic_solves_the_biharmonic_equation(case):
    """The same by linear algebra: with L the Laplacian (edges mirrored), L L u = 0 at every pixel of the hole."""
    result = baselines.biharmonic(case.image.double(), case.mask)
    batch, channels, height, width = case.image.shape
    laplacian = np.zeros((height, width, height, width))
    for y in range(height):
        for x in range(width):
            for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= ny < height and 0 <= nx < width:
                    laplacian[y, x, ny, nx] += 1
                    laplacian[y, x, y, x] -= 1
    operator = np.linalg.matrix_power(laplacian.reshape(height * width, height * width), 2)
    for i in range(batch):
        known = case.mask[i].bool().flatten().numpy()
        pixels = case.image[i].double().reshape(channels, -1).T.numpy()  # (H * W, C)
        expected = pixels.copy()
        if not known.all():
            solution = np.linalg.solve(operator[~known][:, ~known], -operator[~known][:, known] @ pixels[known])
            expected[~known] = solution.clip(pixels[known].min(0), pixels[known].max(0))
        np.testing.assert_allclose(result[i].reshape(channels, -1).T.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["fast_marching", "navier_stokes"])
@pytest.mark.parametrize("radius", [1, 3, 20])
def test_opencv_reads_nothing_under_the_hole(name, radius, monkeypatch):
    """Without the frame that baselines lays around the image, OpenCV lets what lies under the hole into the result."""
    inpaint, real = baselines.get(name), cv2.inpaint
    chance = np.random.default_rng(0)
    cases = []
    for _ in range(60):
        height, width = chance.integers(2, 14, 2)
        mask = torch.from_numpy(chance.random((1, 1, height, width)) < chance.uniform(0.1, 0.9))
        mask[..., 0, 0] = True
        cases.append((torch.from_numpy(chance.random((1, 3, height, width))), mask))
    expected = [inpaint(image, mask, radius=radius) for image, mask in cases]

    def spoiled(source, hole, *rest):
        noise = chance.integers(0, 65536, source.shape, dtype=np.uint16)
        return real(np.where(hole.astype(bool), noise, source), hole, *rest)

    monkeypatch.setattr(cv2, "inpaint", spoiled)
    assert all(torch.equal(inpaint(*case, radius=radius), want) for case, want in zip(cases, expected, strict=True))


@pytest.mark.parametrize(("name", "flag"), [("fast_marching", cv2.INPAINT_TELEA), ("navier_stokes", cv2.INPAINT_NS)])
@pytest.mark.parametrize("radius", [2, 5])
def test_away_from_the_edges_they_are_opencv(name, flag, radius):
    image = torch.randint(0, 65536, (1, 1, 40, 40)).double() / 65535
    mask = torch.ones(1, 1, 40, 40, dtype=torch.uint8)
    mask[..., 14:25, 15:22] = 0
    picture = (image * mask * 65535).round()[0, 0].numpy().astype(np.uint16)
    expected = cv2.inpaint(picture, 1 - mask[0, 0].numpy(), radius, flag)
    result = baselines.get(name)(image, mask, radius=radius)
    assert ((result[0, 0] * 65535).round().numpy() == expected).all()


@pytest.mark.parametrize("radius", [0, -1, 101, float("nan")])
def test_a_radius_out_of_range_is_refused(radius):
    for inpaint in (baselines.fast_marching, baselines.navier_stokes):
        with pytest.raises(ValueError, match=r"radius is .* expected 1 to 100 pixels"):
            inpaint(torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8), radius=radius)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 1 + 1e-6), r"from 0 to 1\.00000\d+; expected \[0, 1\]\. Clamp what overshoots"),  # not "from 0 to 1; expected [0, 1]"
        ((-1e-7, 1), r"from -1e-07 to 1; .* Clamp what overshoots"),
        ((-0.285, 1), r"from -0\.285 to 1; .* Clamp what overshoots"),  # a bicubic resize: (x + 1) / 2 would spoil the picture
        ((-1, 1), r"Scale \[-1, 1\] with \(x \+ 1\) / 2"),
        ((0, 255), "Scale 8-bit values with x / 255"),
    ],
)
def test_the_advice_fits_what_is_wrong_with_the_values(values, message):
    image = torch.full((1, 3, 8, 8), 0.5)
    image[0, 0, 0, :2] = torch.tensor(values)
    with pytest.raises(ValueError, match=message):
        baselines.mean_fill(image, torch.ones(1, 1, 8, 8))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [0.9999, 1e-9])
def test_a_soft_mask_is_refused_beside_a_picture_of_16_bits_too(dtype, value):
    mask = torch.ones(1, 1, 8, 8)
    mask[..., 2:5, 2:5] = 0
    mask[..., 3, 3] = value  # in 16 bits it would be 1, or 0
    with pytest.raises(ValueError, match="expected only 1"):
        baselines.mean_fill(torch.rand(1, 3, 8, 8).to(dtype), mask)


def test_on_thin_lines_each_method_beats_the_one_before():
    """Published order: mean < fast marching < Navier-Stokes < biharmonic, on lines over real images."""
    from inpaintlib import data, masks

    images = data.load_images("auto", split="test", limit=300).float(None)
    mask = masks.lines(len(images), images.shape[-1], generator=torch.Generator().manual_seed(0))
    reached = [metrics.psnr(baselines.get(name)(images, mask), images, data_range=1) for name in DIFFUSING]
    gains = [(better - worse) for worse, better in pairwise(reached)]
    for gain, name in zip(gains, DIFFUSING[1:], strict=True):
        standard_error = gain.std() / len(gain) ** 0.5
        assert gain.mean() > 2 * standard_error, f"{name} does not beat the method before it: {gain.mean():.2f} dB"
