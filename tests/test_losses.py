"""Losses against their definitions, written out with plain indexing in float64, and against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inpaintlib import losses, metrics


def example(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    prediction, target = (torch.rand(4, 3, 8, 8, generator=generator, dtype=dtype) for _ in range(2))
    return prediction, target, (torch.rand(4, 1, 8, 8, generator=generator) > 0.3).to(dtype)


@pytest.mark.parametrize(
    ("loss", "hole", "power"),
    [(losses.hole_l1, True, 1), (losses.valid_l1, False, 1), (losses.hole_mse, True, 2), (losses.valid_mse, False, 2)],
)
def test_region_losses_are_means_over_the_selected_values(loss, hole, power):
    prediction, target, mask = example()
    selected = (mask == (0 if hole else 1)).expand_as(target)
    values = (prediction[selected] - target[selected]).abs() ** power
    torch.testing.assert_close(loss(prediction, target, mask), values.mean())
    torch.testing.assert_close(loss(prediction, target, mask, over="image"), values.sum() / target.numel())


def test_liu_normalisation_splits_the_plain_mean_into_hole_and_valid():
    prediction, target, mask = example()
    parts = losses.hole_l1(prediction, target, mask, over="image") + losses.valid_l1(prediction, target, mask, over="image")
    torch.testing.assert_close(parts, torch.nn.functional.l1_loss(prediction, target))
    torch.testing.assert_close(losses.l1(prediction, target, mask), torch.nn.functional.l1_loss(prediction, target))
    torch.testing.assert_close(losses.mse(prediction, target, mask), torch.nn.functional.mse_loss(prediction, target))


@pytest.mark.parametrize("loss", [losses.hole_l1, losses.hole_mse, losses.valid_l1, losses.valid_mse])
def test_gradient_by_finite_differences_and_none_outside_the_region(loss):
    prediction, target, mask = example()
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: loss(p, target, mask), prediction)
    loss(prediction, target, mask).backward()
    outside = (mask == (1 if loss.__name__.startswith("hole") else 0)).expand_as(prediction)
    assert prediction.grad is not None
    assert bool((prediction.grad[outside] == 0).all()) and bool((prediction.grad[~outside] != 0).all())


def test_log_mse_falls_by_one_for_ten_decibels_and_weighs_images_alike():
    prediction, target, mask = example()
    loss = losses.hole_log_mse(prediction, target, mask, floor=1e-9)
    psnr = metrics.psnr(prediction, target, data_range=1, mask=mask, region="hole")
    torch.testing.assert_close(loss, (9 - psnr / 10).mean(), rtol=1e-6, atol=0)
    one_by_one = [losses.hole_log_mse(p[None], t[None], m[None]) for p, t, m in zip(prediction, target, mask, strict=True)]
    torch.testing.assert_close(losses.hole_log_mse(prediction, target, mask), torch.stack(one_by_one).mean())
    everything_known = losses.hole_log_mse(prediction.requires_grad_(), target, torch.ones_like(mask))
    everything_known.backward()
    assert everything_known.item() == 0 and prediction.grad is not None and bool((prediction.grad == 0).all())


def test_empty_region_is_exactly_zero_and_has_a_finite_gradient():
    prediction, target, _ = example()
    prediction.requires_grad_()
    loss = losses.hole_l1(prediction, target, torch.ones(4, 1, 8, 8, dtype=torch.float64))
    loss.backward()
    assert loss.item() == 0 and prediction.grad is not None and bool((prediction.grad == 0).all())


def test_one_hole_pixel_is_not_diluted_by_an_epsilon_in_half_precision():
    mask = torch.ones(1, 1, 4, 4, dtype=torch.float16)
    mask[..., 0, 0] = 0
    loss = losses.hole_l1(torch.full((1, 3, 4, 4), 0.75).half(), torch.full((1, 3, 4, 4), 0.25).half(), mask)
    assert loss.item() == 0.5


@pytest.mark.parametrize("name", losses.names())
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_counts_the_pixels_of_a_whole_batch(name, dtype):
    """128 x 32 x 32 pixels are more than a float16 can hold: the mean over the hole was 0, or NaN."""
    generator = torch.Generator().manual_seed(3)
    prediction, target = (torch.rand(128, 3, 32, 32, generator=generator) for _ in range(2))
    mask = torch.ones(128, 1, 32, 32)
    mask[..., 4:20, 4:20] = 0
    loss = losses.parse(name)
    got = loss(prediction.to(dtype), target.to(dtype), mask)
    assert float(got) == pytest.approx(float(loss(prediction, target, mask)), rel=0.01)


def test_uint8_and_bool_masks_mean_the_same():
    prediction, target, mask = example()
    expected = losses.hole_l1(prediction, target, mask)
    assert losses.hole_l1(prediction, target, mask.to(torch.uint8)) == expected == losses.hole_l1(prediction, target, mask.bool())


def test_parse_gives_the_sum_it_reads():
    prediction, target, mask = example()
    terms = losses.parse("6*hole_l1+ 0.5*mse +valid_l1")(prediction, target, mask)
    assert isinstance(terms, dict) and list(terms) == ["hole_l1", "mse", "valid_l1"]
    torch.testing.assert_close(terms["hole_l1"], 6 * losses.hole_l1(prediction, target, mask))
    torch.testing.assert_close(terms["mse"], 0.5 * losses.mse(prediction, target, mask))


def test_weighted_sums_nest_and_keep_the_names():
    inner = losses.weighted_sum(hole=(6.0, losses.hole_l1), valid=(1.0, losses.valid_l1))
    outer = losses.weighted_sum(pixels=(2.0, inner), whole=(1.0, losses.mse))
    prediction, target, mask = example()
    terms = outer(prediction, target, mask)
    assert list(terms) == ["pixels.hole", "pixels.valid", "whole"]
    torch.testing.assert_close(terms["pixels.hole"], 12 * losses.hole_l1(prediction, target, mask))


@pytest.mark.parametrize(
    ("text", "says"), [("hole_l2", "hole_l1"), ("six*hole_l1", "number"), ("", "expected"), ("hole_l1+", "expected"),
     ("l1+2*l1", "names 'l1' twice"), ("nan*l1", "weight of l1 is nan"), ("l1+1e400*mse", "weight of mse is inf")],
)
def test_what_parse_cannot_read_is_named(text, says):
    with pytest.raises(ValueError, match=says):
        losses.parse(text)


def test_bad_input_is_explained():
    prediction, target, mask = example()
    with pytest.raises(ValueError, match=r"target a tensor of shape \(4, 3, 8, 7\)"):
        losses.hole_l1(prediction, target[..., :7], mask)
    for bad, error, says in (
        (mask.expand(-1, 3, -1, -1), ValueError, "One channel serves all colours"),
        (mask[:3], ValueError, "3 masks for 4 images"),
        (mask[..., :7], ValueError, r"\(8, 7\), the image \(8, 8\)"),
        (mask * 255, ValueError, "Divide by 255"),
        (mask * 0.5, ValueError, "threshold"),
        (mask * float("nan"), ValueError, "expected only 1"),
        (mask.numpy(), TypeError, "mask is an ndarray"),
        (None, TypeError, "mask is a NoneType"),
    ):
        for name in losses.names():
            with pytest.raises(error, match=says):
                losses.parse(name)(prediction, target, bad)
    for bad, error, says in (
        (prediction.byte(), TypeError, "prediction is a tensor of shape .* uint8; expected float"),
        (prediction.numpy(), TypeError, "prediction is an ndarray"),
        (prediction[0], ValueError, r"prediction\[None\]"),
        (prediction[:0], ValueError, "empty"),
    ):
        with pytest.raises(error, match=says):
            losses.hole_l1(bad, target, mask)
    with pytest.raises(TypeError, match="target is a list"):
        losses.l1(prediction, target.tolist(), mask)
    with pytest.raises(ValueError, match="region"):
        losses.hole_l1(prediction, target, mask, over="pixels")
    with pytest.raises(TypeError, match="pair"):
        losses.weighted_sum(hole=losses.hole_l1)
    with pytest.raises(ValueError, match="no losses"):
        losses.weighted_sum()
