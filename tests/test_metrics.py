"""The measures of quality, against scikit-image, torchmetrics, exact values, and the traps that they are famous for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import metrics as oracle

from inpaintlib import _ssim, _torchvision, metrics

ERRORS: dict[str, Callable[..., torch.Tensor]] = {"mse": metrics.mse, "mae": metrics.mae, "dice": metrics.dice}
RANGED: dict[str, Callable[..., torch.Tensor]] = {"psnr": metrics.psnr, "ssim": metrics.ssim}
METRICS: dict[str, Callable[..., torch.Tensor]] = {
    **ERRORS,
    **{name: (lambda p, t, f=f, **k: f(p, t, data_range=1, **k)) for name, f in RANGED.items()},
}


def images(count=4, channels=3, height=19, width=24, seed=0, dtype=torch.float64):
    """A smooth picture and a noisy copy of it, so that SSIM is neither 0 nor 1."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.rand(count, channels, height // 4 + 1, width // 4 + 1, generator=generator, dtype=dtype)
    target = torch.nn.functional.interpolate(rough, size=(height, width), mode="bilinear")
    noise = torch.randn(target.shape, generator=generator, dtype=dtype)
    return (target + 0.05 * noise).clamp(0, 1), target


def masks(count=4, height=19, width=24, seed=0, known=0.8):
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.rand(count, 1, height, width, generator=generator) < known).to(torch.uint8)
    mask[:, :, :2, :2] = torch.tensor([[0, 1], [1, 0]], dtype=torch.uint8)
    return mask


def hwc(image):
    return image.permute(1, 2, 0).numpy()


# --- oracles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data_range", [1, 255])
def test_mse_and_psnr_equal_scikit_image(data_range):
    prediction, target = images()
    mse = [oracle.mean_squared_error(hwc(p), hwc(t)) for p, t in zip(prediction, target, strict=True)]
    assert metrics.mse(prediction, target).tolist() == pytest.approx(mse, rel=1e-12)
    prediction, target = prediction * data_range, target * data_range
    psnr = [oracle.peak_signal_noise_ratio(hwc(t), hwc(p), data_range=data_range) for p, t in zip(prediction, target, strict=True)]
    assert metrics.psnr(prediction, target, data_range=data_range).tolist() == pytest.approx(psnr, rel=1e-12)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 11, 11), (3, 11, 40), (2, 37, 20)])
@pytest.mark.parametrize("data_range", [1, 255])
def test_ssim_equals_scikit_image(shape, data_range):
    prediction, target = (image * data_range for image in images(3, *shape))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2, "data_range": data_range}
    expected = [oracle.structural_similarity(hwc(p), hwc(t), **options) for p, t in zip(prediction, target, strict=True)]
    assert metrics.ssim(prediction, target, data_range=data_range).tolist() == pytest.approx(expected, abs=1e-12)


def test_ssim_of_bright_pictures_of_little_contrast_is_exact_in_single_precision():
    """A variance as a difference of two squares near 1 would lose what there is of it: errors of 2e-4."""
    generator = torch.Generator().manual_seed(0)
    target = 0.98 + 0.01 * torch.rand(50, 3, 11, 11, generator=generator)
    prediction = (target + 0.002 * torch.randn(target.shape, generator=generator)).clamp(0, 1)
    exact = metrics.ssim(prediction.double(), target.double(), data_range=1)
    assert (metrics.ssim(prediction, target, data_range=1) - exact).abs().max() < 2e-6


def test_ssim_map_equals_torchmetrics_mirrored_borders_included():
    _torchvision.load()  # torchmetrics imports torchvision, which needs this where its operators are missing
    from torchmetrics.functional.image import structural_similarity_index_measure

    prediction, target = images(3, 3, 32, 32)
    mean, full = structural_similarity_index_measure(prediction, target, data_range=1.0, reduction="none", return_full_image=True)
    torch.testing.assert_close(metrics.ssim_map(prediction, target, data_range=1), full, atol=1e-12, rtol=0)
    # torchmetrics averages the mirrored border in, the paper and scikit-image do not: the same map, two means.
    everywhere = metrics.ssim(prediction, target, data_range=1, region="known", mask=torch.ones(3, 1, 32, 32))
    torch.testing.assert_close(everywhere, full.mean((1, 2, 3)), atol=1e-12, rtol=0)
    torch.testing.assert_close(metrics.ssim(prediction, target, data_range=1), full[..., 5:-5, 5:-5].mean((1, 2, 3)), atol=1e-12, rtol=0)
    assert (mean - metrics.ssim(prediction, target, data_range=1)).abs().max() > 1e-6


def test_large_images_take_the_convolution_and_get_the_same_ssim(monkeypatch):
    prediction, target = images(2, 3, 25, 40)
    as_matrices = metrics.ssim_map(prediction, target, data_range=1)
    monkeypatch.setattr(_ssim, "_MATRIX_SIDE", 39)
    torch.testing.assert_close(metrics.ssim_map(prediction, target, data_range=1), as_matrices, atol=1e-12, rtol=0)


def test_mae_and_dice_by_hand():
    prediction, target = torch.tensor([[[[0.0, 0.5, 1.0]]]]), torch.tensor([[[[0.25, 0.5, 0.5]]]])
    assert metrics.mae(prediction, target).item() == pytest.approx(0.25)
    assert metrics.dice(prediction, target).item() == pytest.approx(2 * 0.75 / (1.5 + 1.25))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_hole_detection_equals_torchmetrics(seed, known):
    _torchvision.load()
    from torchmetrics.functional import classification

    truth, guess = masks(seed=seed, known=known), masks(seed=seed + 1, known=known)
    got = metrics.hole_detection(guess, truth)
    for name, function in [
        ("precision", classification.binary_precision),
        ("recall", classification.binary_recall),
        ("accuracy", classification.binary_accuracy),
        ("dice", classification.binary_f1_score),
    ]:
        torch.testing.assert_close(getattr(got, name), function(1 - guess.int(), 1 - truth.int(), multidim_average="samplewise"))


def test_hole_detection_where_nothing_is_called_or_there_is_nothing():
    full, some = torch.ones(1, 1, 2, 2), torch.tensor([[[[0.0, 1], [1, 1]]]])
    assert [v.item() for v in metrics.hole_detection(full, some)] == [1, 0, 0.75, 0]  # silent: no false claim, nothing found
    assert [v.item() for v in metrics.hole_detection(some, full)] == [0, 1, 0.75, 0]
    assert [v.item() for v in metrics.hole_detection(full, full)] == [1, 1, 1, 1]


# --- the traps ----------------------------------------------------------------------------------------------------------


def test_psnr_with_a_peak_of_255_on_images_in_0_1_is_48_13_db_too_high():
    prediction, target = images()
    with pytest.warns(UserWarning, match=r"48\.13 dB too high: pass data_range=1"):
        wrong = metrics.psnr(prediction, target, data_range=255)
    too_high = (wrong - metrics.psnr(prediction, target, data_range=1)).tolist()
    assert too_high == pytest.approx([20 * math.log10(255)] * 4)
    assert [round(value, 2) for value in too_high] == [48.13] * 4
    # A uniform error that is worth 30.43 dB was printed as 78.56.
    error = torch.full((1, 3, 8, 8), 10 ** (-30.43 / 20))
    with pytest.warns(UserWarning, match="too high"):
        assert metrics.psnr(error, torch.zeros_like(error), data_range=255).item() == pytest.approx(78.56, abs=0.005)


def test_ssim_with_a_range_of_255_on_images_in_0_1_is_near_1_whatever_they_show():
    prediction, target = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="ssim got data_range=255.*much too near 1: pass data_range=1"):
        assert metrics.ssim(prediction, target, data_range=255).min() > 0.99
    with pytest.warns(UserWarning, match="ssim_map got data_range=255"):
        metrics.ssim_map(prediction, target, data_range=255)
    assert metrics.ssim(prediction, target, data_range=1).max() < 0.1


def test_soft_dice_of_a_perfect_prediction_is_no_maximum():
    _, truth = images(8, 3, 32, 32)
    perfect = metrics.dice(truth, truth)
    torch.testing.assert_close(perfect, truth.square().mean((1, 2, 3)) / truth.mean((1, 2, 3)))
    torch.testing.assert_close(perfect, metrics.dice_of_truth(truth))
    white, threshold = metrics.dice(torch.ones_like(truth), truth), metrics.dice((truth > 0.5).to(truth), truth)
    assert (white > perfect).all()
    assert (threshold > perfect).all()


def test_two_black_images_have_a_soft_dice_of_0_not_nan():
    assert metrics.dice(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)).item() == 0


def test_the_error_of_a_composited_image_shrinks_with_the_hole():
    prediction, target = images()
    mask = masks()
    composited = torch.where(mask.bool(), target, prediction)
    share = 1 - mask.double().mean((1, 2, 3))
    for metric in (metrics.mse, metrics.mae):
        torch.testing.assert_close(metric(composited, target), share * metric(prediction, target, mask=mask, region="hole"))
    assert metrics.mae(composited, target, mask=mask, region="known").tolist() == [0, 0, 0, 0]


# --- regions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["all", "hole", "known", "boundary"])
@pytest.mark.parametrize("name", ["mse", "mae", "dice"])
def test_a_region_is_measured_as_if_its_pixels_were_all_there_is(name, region):
    prediction, target = images()
    mask = masks(known=0.9)
    chosen = metrics.region_pixels(mask, region, width=1)
    got = ERRORS[name](prediction, target, mask=mask, region=region, width=1)
    for i in range(4):
        pixels = chosen[i, 0].bool()
        alone = ERRORS[name](prediction[i][:, pixels][None, :, None], target[i][:, pixels][None, :, None])
        assert got[i].item() == pytest.approx(alone.item(), rel=1e-12)


def test_psnr_and_ssim_of_a_region():
    prediction, target = images()
    mask = masks()
    for region in ("hole", "known", "boundary"):
        chosen = metrics.region_pixels(mask, region).bool().expand(-1, 3, -1, -1)
        psnr = metrics.psnr(prediction, target, data_range=1, mask=mask, region=region)
        ssim = metrics.ssim(prediction, target, data_range=1, mask=mask, region=region)
        for i in range(4):
            error = np.mean((prediction[i][chosen[i]] - target[i][chosen[i]]).numpy() ** 2)
            assert psnr[i].item() == pytest.approx(-10 * math.log10(error))
            full = metrics.ssim_map(prediction, target, data_range=1)
            assert ssim[i].item() == pytest.approx(full[i][chosen[i]].mean().item())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(0.1, 0.98), st.integers(1, 12), st.integers(1, 12))
def test_the_boundary_is_the_band_within_width_steps_of_the_rim(seed, width, known, height, length):
    mask = (torch.rand(1, 1, height, length, generator=torch.Generator().manual_seed(seed)) < known).to(torch.uint8)
    inside = mask[0, 0].numpy().astype(bool)
    if inside.all() or not inside.any():
        expected = np.zeros_like(inside)  # no rim, no band
    else:
        to_hole, to_known = (ndimage.distance_transform_cdt(part, "chessboard") for part in (inside, ~inside))
        expected = (np.maximum(to_hole, to_known)) <= width
    assert (metrics.region_pixels(mask, "boundary", width=width)[0, 0].numpy().astype(bool) == expected).all()


def test_an_empty_region_is_named():
    prediction, target = images()
    mask = masks()
    mask[2] = 1
    with pytest.raises(ValueError, match=r"region='hole' holds no pixel in image 2 \(1 of 4 images\)"):
        metrics.mse(prediction, target, mask=mask, region="hole")
    with pytest.raises(ValueError, match="region='boundary' holds no pixel in image 2"):
        metrics.mae(prediction, target, mask=mask, region="boundary")
    metrics.mae(prediction, target, mask=mask, region="known")


# --- identical images, dtypes, gradients ----------------------------------------------------------------------------------


def test_identical_images():
    image, _ = images(dtype=torch.float32)
    assert metrics.mse(image, image).tolist() == [0] * 4
    assert metrics.psnr(image, image, data_range=1).tolist() == [math.inf] * 4
    assert metrics.ssim(image, image, data_range=1).tolist() == pytest.approx([1] * 4, abs=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_one_value_an_image_that_does_not_depend_on_the_batch(name):
    prediction, target = images(dtype=torch.float32)
    mask = masks()
    got = METRICS[name](prediction, target, mask=mask, region="boundary")
    assert got.shape == (4,) and got.dtype == torch.float32
    alone = torch.cat([METRICS[name](prediction[i : i + 1], target[i : i + 1], mask=mask[i : i + 1], region="boundary") for i in range(4)])
    torch.testing.assert_close(got, alone)


@pytest.mark.parametrize("name", METRICS)
def test_float32_is_exact_enough_and_half_precision_is_measured_in_float32(name):
    prediction, target = images()
    exact = METRICS[name](prediction, target)
    torch.testing.assert_close(METRICS[name](prediction.float(), target.float()).double(), exact, rtol=1e-4, atol=1e-5)
    for dtype in (torch.float16, torch.bfloat16):
        coarse, reference = prediction.to(dtype), target.to(dtype)
        got = METRICS[name](coarse, reference)
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), METRICS[name](coarse.double(), reference.double()), rtol=1e-4, atol=1e-5)


def test_ssim_under_autocast_keeps_its_precision():
    prediction, target = images(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = metrics.ssim(prediction, target, data_range=1)
    assert torch.equal(under, metrics.ssim(prediction, target, data_range=1))


@pytest.mark.parametrize("region", ["all", "hole", "boundary"])
@pytest.mark.parametrize("name", METRICS)
def test_gradients_are_those_of_finite_differences(name, region):
    prediction, target = images(2, 1, 12, 13)
    mask = masks(2, 12, 13)
    prediction = prediction.clamp(0.01, 0.99).requires_grad_()  # gradcheck steps must not leave [0, 1]
    assert torch.autograd.gradcheck(lambda p: METRICS[name](p, target, mask=mask, region=region), prediction)


def test_ssim_as_a_loss_restores_a_picture():
    _, target = images(1, 3, 16, 16, dtype=torch.float32)
    picture = torch.full_like(target, 0.5, requires_grad=True)
    optimiser = torch.optim.Adam([picture], lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        (1 - metrics.ssim(picture.clamp(0, 1), target, data_range=1)).mean().backward()
        optimiser.step()
    assert metrics.ssim(picture.clamp(0, 1), target, data_range=1).item() > 0.95


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", METRICS)
def test_gpu_and_cpu_agree(name):
    prediction, target = images(dtype=torch.float32)
    mask = masks()
    here = METRICS[name](prediction, target, mask=mask, region="hole")
    there = METRICS[name](prediction.cuda(), target.cuda(), mask=mask.cuda(), region="hole")
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-5)


# --- bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda p, t: (p[:, :2], t), ValueError, "expected the same shape"),
        (lambda p, t: (p[0], t), ValueError, r"prediction\[None\]"),
        (lambda p, t: ((p * 255).to(torch.uint8), t), TypeError, "float"),
        (lambda p, t: (p.numpy(), t), TypeError, "torch tensor"),
        (lambda p, t: (p * 2 - 1, t), ValueError, r"prediction has values from .* expected \[0, 1\]"),
        (lambda p, t: (p, t * float("nan")), ValueError, "target"),
        (lambda p, t: (p[:0], t[:0]), ValueError, "empty"),
    ],
)
def test_bad_images_are_refused(name, change, error, message):
    with pytest.raises(error, match=message):
        METRICS[name](*change(*images()))


@pytest.mark.parametrize("name", METRICS)
def test_bad_regions_are_refused(name):
    prediction, target = images()
    with pytest.raises(ValueError, match="needs the mask"):
        METRICS[name](prediction, target, region="hole")
    for options in ({"mask": masks()}, {}):
        with pytest.raises(ValueError, match="region is 'inside'; expected 'all', 'hole', 'known' or 'boundary'"):
            METRICS[name](prediction, target, region="inside", **options)
    with pytest.raises(ValueError, match="one channel"):
        METRICS[name](prediction, target, mask=masks().expand(-1, 3, -1, -1), region="hole")
    with pytest.raises(ValueError, match="Divide by 255"):
        METRICS[name](prediction, target, mask=masks() * 255, region="hole")
    with pytest.raises(ValueError, match="width is 0"):
        METRICS[name](prediction, target, mask=masks(), region="boundary", width=0)


@pytest.mark.parametrize("metric", RANGED.values())
def test_data_range_must_be_given_and_fit(metric):
    prediction, target = images()
    with pytest.raises(TypeError, match="data_range"):
        metric(prediction, target)
    for wrong in (0, -1, math.nan, math.inf, "1", None, [1]):
        with pytest.raises(ValueError, match=r"data_range is .*expected a positive number"):
            metric(prediction, target, data_range=wrong)
    torch.testing.assert_close(metric(prediction, target, data_range=np.float64(1)), metric(prediction, target, data_range=1))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        metric(prediction * 255, target * 255, data_range=1)
    with pytest.raises(ValueError, match=r"with data_range=100 expected finite values in \[0, 100\]"):
        metric(prediction * 255, target * 255, data_range=100)
    with pytest.raises(ValueError, match="finite"):
        metric(prediction * float("nan"), target, data_range=255)


def test_ssim_names_the_window_for_images_that_are_smaller():
    prediction, target = images(1, 3, 10, 32)
    with pytest.raises(ValueError, match=r"window of 11 x 11 pixels.*by their errors alone"):
        metrics.ssim(prediction, target, data_range=1)


def test_hole_maps_are_checked():
    mask = masks()
    with pytest.raises(ValueError, match="expected the same shape"):
        metrics.hole_detection(mask[:1], mask)
    with pytest.raises(ValueError, match=r"predicted_mask has values .* threshold"):
        metrics.hole_detection(torch.rand(4, 1, 19, 24), mask)
    with pytest.raises(TypeError, match="predicted_mask"):
        metrics.hole_detection(mask.numpy(), mask)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_look_at_every_value_misses_none(dtype):
    """The quick look reads float32 as whole numbers: it must agree with comparisons at the rims of the range, and let -0.0 through."""
    fine = torch.full((2, 3, 5, 5), 0.5, dtype=dtype)
    tiny = torch.finfo(dtype).tiny
    for value in (0.0, -0.0, tiny, 1.0):
        fine[1, 2, 4, 4] = value
        assert metrics.mse(fine, fine).tolist() == [0, 0]
    above = float(torch.nextafter(torch.tensor(1, dtype=dtype), torch.tensor(2, dtype=dtype)))
    outside = dict.fromkeys((above, -tiny, -1e30, float("inf")), "values from")
    for value, word in [*outside.items(), (float("nan"), "NaN")]:
        wrong = fine.clone()
        wrong[1, 2, 4, 4] = value
        for pair in ((wrong, fine), (fine, wrong.transpose(2, 3))):
            with pytest.raises(ValueError, match=word):
                metrics.mse(*pair)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["mse", "mae", "psnr"])
def test_what_is_not_finite_is_found_in_all_images(name, dtype):
    metric = METRICS[name]
    fine = torch.full((40, 3, 32, 32), 0.5, dtype=dtype)
    known = torch.ones(1, 1, 32, 32).index_fill_(3, torch.tensor(0), 0).expand(len(fine), -1, -1, -1)
    for value in (math.nan, math.inf, -math.inf):
        for place in (0, 7, 38, 39):
            wrong = fine.clone()
            wrong[place, 2, 4, 4] = value
            for pair in ((wrong, fine), (fine, wrong), (wrong, wrong)):
                with pytest.raises(ValueError, match=r"(prediction|target) (holds NaN in 1 places|has values from)"):
                    metric(*pair)
            with pytest.raises(ValueError, match="prediction"):  # outside of the region, too
                metric(wrong, fine, mask=known, region="hole")


@pytest.mark.parametrize("name", ["mse", "mae", "psnr"])
def test_a_wrong_scale_is_found_by_some_of_many_values(name):
    metric, fine = METRICS[name], torch.full((100, 3, 32, 32), 0.5)
    with pytest.raises(ValueError, match="target has values"):  # one value of each image at least, however many there are
        metric(torch.full((5000, 3, 8, 8), 0.5), torch.full((5000, 3, 8, 8), 0.5).index_fill_(0, torch.tensor(4321), 127))
    for scaled in (fine * 255, fine * 2 - 1.5):
        for part in (slice(None), *range(0, 100, 7)):  # a single picture among a hundred is enough
            mixed = fine.clone()
            mixed[part] = scaled[part]
            with pytest.raises(ValueError, match=r"target has values from .* expected \[0, 1\]"):
                metric(fine, mixed)
    far = fine.clone()
    values, every = far.view(-1), 149  # 307,200 values // 2,048 are 150, which divides them
    values[96 * every], values[97 * every + 1] = 2, 3
    with pytest.raises(ValueError, match=r"prediction has values from 0\.5 to 3"):  # what it says is about all of them
        metric(far, fine)
    values[96 * every] = 0.5
    place = (97 * every + 1) // (3 * 32 * 32)
    error = 2.5 ** (1 if name == "mae" else 2) / (3 * 32 * 32)
    assert metric(far, fine)[place] == pytest.approx(-10 * math.log10(error) if name == "psnr" else error, rel=1e-5)
    with pytest.raises(ValueError, match=r"prediction has values from 0\.5 to 3"):  # where there are not many, at all of them
        metric(far[place : place + 32], fine[place : place + 32])
    far[place] = 3e38
    with pytest.raises(ValueError, match="prediction has values"):  # its error, or the sum of its errors, is beyond the largest number
        metric(far, fine)


@pytest.mark.parametrize("shape", [(2100, 1, 29, 29), (1, 3, 683, 301), (1, 3, 1023, 1025)])
def test_a_wrong_scale_is_found_whatever_the_size_and_however_black_the_frame(shape):
    framed = torch.zeros(shape)
    framed[..., 1:-1, 1:-1] = 128
    with pytest.raises(ValueError, match="values from 0 to 128"):
        metrics.mse(framed, framed)


def test_the_mask_is_looked_at_though_no_region_needs_it():
    prediction, target = images()
    with pytest.raises(TypeError, match="mask is a str"):
        metrics.mse(prediction, target, mask="lines", region="all")


@pytest.mark.parametrize(("metric", "options"), [(metrics.dice, {}), (metrics.ssim, {"data_range": 1}), (metrics.psnr, {"data_range": 2})])
def test_the_other_metrics_look_at_all_images(metric, options):
    far = torch.full((100, 3, 32, 32), 0.5)
    far[-1, 2, 4, 4] = 3
    for pair in ((far, far.clamp(0, 1)), (far.clamp(0, 1), far)):
        with pytest.raises(ValueError, match=r"has values from 0\.5 to 3"):
            metric(*pair, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_absolute_errors_are_exact_and_have_no_slope_at_none(dtype):
    differences = torch.tensor([0, 1e-30, 1e-7, 0.1, 1], dtype=dtype).view(-1, 1, 1, 1)
    assert torch.equal(metrics.mae(differences, torch.zeros_like(differences)), differences.flatten())  # bit for bit
    given = differences.clone().requires_grad_()
    found = metrics.mae(given, torch.zeros_like(differences))
    assert torch.equal(found, differences.flatten())
    (slope,) = torch.autograd.grad(found.sum(), given, create_graph=True)
    assert slope.flatten().tolist() == [0, 1, 1, 1, 1]
    curvature = torch.autograd.functional.hessian(lambda x: metrics.mae(x, torch.zeros_like(x)).sum(), differences)
    assert not curvature.any()
