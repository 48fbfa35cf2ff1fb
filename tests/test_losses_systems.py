"""The losses of the systems: values worked out by hand or by plain loops, and every gradient by finite differences."""

from __future__ import annotations

import inspect
import math
from functools import partial
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib import losses, metrics, models


def example(side=12, batch=2):
    g = torch.Generator().manual_seed(5)
    prediction, target = (torch.rand(batch, 3, side, side, generator=g, dtype=torch.float64) for _ in range(2))
    mask = torch.ones(batch, 1, side, side, dtype=torch.float64)
    mask[0, :, 3:7, 4:8], mask[-1, :, 5, 5:9] = 0, 0
    return prediction, target, mask


class Network:
    """A small smooth feature network with fixed weights: maps of 4 and 5 channels, the second at half the size."""

    def __init__(self):
        g = torch.Generator().manual_seed(7)
        self.first = torch.randn(4, 3, 3, 3, generator=g, dtype=torch.float64)
        self.second = torch.randn(5, 4, 3, 3, generator=g, dtype=torch.float64)
        self.calls = 0

    def __call__(self, image):
        self.calls += 1
        a = torch.tanh(F.conv2d(image, self.first, padding=1))
        return [a, torch.tanh(F.conv2d(a, self.second, stride=2, padding=1))]


def scores(loss):
    """A critic's or generator's loss as a function of the fake scores alone."""
    real = torch.tensor([[0.3], [-1.7]], dtype=torch.float64)
    return (lambda fake: loss(real, fake)) if len(inspect.signature(loss).parameters) == 2 else loss


def summed(loss):
    def total(prediction, target, mask):
        value = loss(prediction, target, mask)
        return sum(value.values()) if isinstance(value, dict) else value

    return total


IMAGE = {  # every loss on images, ready for (prediction, target, mask)
    "border_weighted": losses.border_weighted,
    "hole_l1": losses.hole_l1,
    "hole_log_mse": losses.hole_log_mse,
    "hole_mse": losses.hole_mse,
    "l1": losses.l1,
    "liu_total": partial(losses.liu_total, features=Network()),
    "mse": losses.mse,
    "perceptual": partial(losses.perceptual, features=Network()),
    "ssim_loss": losses.ssim_loss,
    "style": partial(losses.style, features=Network()),
    "total_variation": losses.total_variation,
    "valid_l1": losses.valid_l1,
    "valid_mse": losses.valid_mse,
}
SCORE = ["bce_critic", "bce_generator", "hinge_critic", "hinge_generator", "wgan_critic", "wgan_generator"]
OTHER = {"gradient_penalty", "gram", "names", "parse", "weighted_sum"}  # tested below, or no losses


def test_no_loss_is_left_out():
    functions = {name for name in losses.__all__ if inspect.isfunction(getattr(losses, name))}
    assert functions == set(IMAGE) | set(SCORE) | OTHER


@pytest.mark.parametrize("name", IMAGE)
def test_gradient_by_finite_differences(name):
    prediction, target, mask = example(side=11, batch=1)
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: summed(IMAGE[name])(p, target, mask), prediction)


@pytest.mark.parametrize("name", SCORE)
def test_gradient_of_scores_by_finite_differences(name):
    fake = torch.tensor([[0.2], [-0.6], [1.4], [-2.5]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(scores(getattr(losses, name)), fake)


@pytest.mark.parametrize("name", IMAGE)
def test_the_truth_costs_nothing_but_its_own_variation(name):
    _, target, mask = example()
    value = summed(IMAGE[name])(target, target, mask)
    if name in ("liu_total", "total_variation"):
        value = value - (0.1 if name == "liu_total" else 1.0) * losses.total_variation(target, target, mask)
    assert float(value) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", IMAGE)
def test_a_shared_mask_and_wrong_shapes(name):
    prediction, target, mask = example()
    loss = summed(IMAGE[name])
    torch.testing.assert_close(loss(prediction, target, mask[:1]), loss(prediction, target, mask[:1].expand(2, -1, -1, -1)))
    with pytest.raises(ValueError, match="expected the same shape"):
        loss(prediction, target[..., :7], mask)
    with pytest.raises(ValueError, match="one channel"):
        loss(prediction, target, mask.expand(-1, 3, -1, -1))


# --- reconstruction ---------------------------------------------------------------------------------------------------------------


def test_border_weighted_by_plain_loops():
    prediction, target, mask = example()
    total, count = 0.0, 0
    for b in range(2):
        holes = (mask[b, 0] == 0).nonzero().tolist()
        for i in range(12):
            for j in range(12):
                steps = min(max(abs(i - k), abs(j - n)) for k, n in holes)
                if steps <= 2:
                    error = (prediction[b, :, i, j] - target[b, :, i, j]).square().sum()
                    total, count = total + float(error) * (1 if steps == 0 else 10), count + 3
    assert float(losses.border_weighted(prediction, target, mask, width=2)) == pytest.approx(total / count)


def test_border_weighted_is_the_context_encoders_patch():
    """64 = 56 + 2 * 4: an error of 1 in the whole patch costs (56^2 + 10 (64^2 - 56^2)) / 64^2, and none outside it."""
    mask = torch.ones(1, 1, 128, 128)
    mask[..., 36:92, 36:92] = 0
    target = torch.zeros(1, 3, 128, 128)
    expected = (56**2 + 10 * (64**2 - 56**2)) / 64**2
    assert float(losses.border_weighted(target + 1, target, mask)) == pytest.approx(expected)
    patch = target.clone()
    patch[..., 32:96, 32:96] = 1
    assert float(losses.border_weighted(patch, target, mask)) == pytest.approx(expected)
    assert float(losses.border_weighted(target + 1 - patch, target, mask)) == 0


def test_options_out_of_range_are_named():
    with pytest.raises(ValueError, match="width is -1; expected a whole number"):
        losses.border_weighted(*example(), width=-1)
    with pytest.raises(ValueError, match="floor is 0; expected a positive"):
        losses.hole_log_mse(*example(), floor=0)
    prediction, target, mask = example()
    without_band = losses.border_weighted(prediction, target, mask, width=0)
    torch.testing.assert_close(without_band, losses.hole_mse(prediction, target, mask))


def test_ssim_loss_is_one_minus_the_metric():
    prediction, target, mask = example(side=16)
    expected = 1 - metrics.ssim(prediction, target, data_range=1).mean()
    torch.testing.assert_close(losses.ssim_loss(prediction, target, mask), expected)


# --- Liu et al. --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_ssim_loss_widens_sixteen_bits(dtype):
    smooth = torch.linspace(0.8, 0.9, 256).view(1, 1, 16, 16).to(dtype)
    prediction, mask = (smooth + 0.01).to(dtype), torch.ones(1, 1, 16, 16)
    expected = losses.ssim_loss(prediction.float(), smooth.float(), mask)
    torch.testing.assert_close(losses.ssim_loss(prediction, smooth, mask), expected)


def test_total_variation_looks_at_the_dilated_hole_only():
    """Public mistake: the whole image. One hole pixel, dilated to 3 x 3: twelve neighbouring pairs, four of them with the hole pixel."""
    target = torch.zeros(1, 1, 7, 7, dtype=torch.float64)
    target[..., 0, :] = 1  # an edge far from the hole costs nothing
    mask = torch.ones_like(target)
    mask[..., 3, 3] = 0
    prediction = torch.full_like(target, 0.25)
    assert float(losses.total_variation(prediction, target, mask)) == pytest.approx(4 * 0.25 / 49)
    target[..., 2, 2] = 0.5  # inside the dilated hole: two of its pairs lie in it wholly
    assert float(losses.total_variation(prediction, target, mask)) == pytest.approx((4 * 0.25 + 2 * 0.5) / 49)
    assert float(losses.total_variation(prediction, target, torch.ones_like(mask))) == 0


def test_gram_by_plain_loops():
    maps = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(2, 3, 3, dtype=torch.float64)
    for b, i, j, row, column in product(range(2), range(3), range(3), range(4), range(5)):
        expected[b, i, j] += maps[b, i, row, column] * maps[b, j, row, column] / (3 * 4 * 5)
    torch.testing.assert_close(losses.gram(maps), expected)


def test_gram_takes_maps_only():
    with pytest.raises(ValueError, match=r"four dimensions \(B, C, H, W\). .*maps\[None\]"):
        losses.gram(torch.rand(3, 4, 4))
    with pytest.raises(TypeError, match="maps is an ndarray"):
        losses.gram(torch.rand(1, 3, 4, 4).numpy())


def test_gram_does_not_overflow_in_sixteen_bits():
    maps = torch.full((1, 1, 256, 256), 2.0, dtype=torch.float16)  # the sum over the places is 262144, four times float16's largest number
    assert losses.gram(maps).tolist() == [[[4.0]]]
    with torch.autocast("cpu", torch.bfloat16):
        assert losses.gram(maps).dtype == torch.float32


def test_gram_does_not_depend_on_the_size_of_the_map():
    """K = 1 / (C H W). With the printed inverse, C H W, a map repeated to four times the area would count sixteen times."""
    maps = torch.randn(1, 3, 4, 4)
    torch.testing.assert_close(losses.gram(maps.repeat(1, 1, 2, 2)), losses.gram(maps))


def test_style_forgets_where_and_perceptual_does_not():
    """A texture moved by half its period has the same statistics, and the same Gram matrices on a periodic picture."""
    tile = torch.rand(1, 3, 4, 4, dtype=torch.float64)
    picture, mask = tile.repeat(1, 1, 4, 4), torch.zeros(1, 1, 16, 16, dtype=torch.float64)

    def features(image):
        return [image]

    moved = picture.roll((2, 2), (2, 3))
    assert float(sum(losses.style(moved, picture, mask, features=features).values())) == pytest.approx(0, abs=1e-12)
    assert float(losses.perceptual(moved, picture, mask, features=features)) > 0.1


def test_perceptual_and_style_by_the_formulas_of_the_paper():
    prediction, target, mask = example()
    comp = mask * target + (1 - mask) * prediction
    network = Network()
    perceptual, style = 0.0, {"out": 0.0, "comp": 0.0}
    for name, image in (("out", prediction), ("comp", comp)):
        for phi, true in zip(network(image), network(target), strict=True):
            perceptual += (phi - true).abs().sum() / phi.numel()
            _, channels, height, width = phi.shape
            k = 1 / (channels * height * width)
            for a, b in zip(phi.flatten(2), true.flatten(2), strict=True):
                style[name] += (k * (a @ a.T - b @ b.T)).abs().sum() / channels**2 / len(phi)
    torch.testing.assert_close(losses.perceptual(prediction, target, mask, features=network), perceptual)
    got = losses.style(prediction, target, mask, features=network)
    for name, value in style.items():
        torch.testing.assert_close(got[name], value)


def test_liu_total_is_the_weighted_sum_and_reports_each_term():
    prediction, target, mask = example()
    network = Network()
    terms = losses.liu_total(prediction, target, mask, features=network)
    assert network.calls == 2  # prediction and composite together, and the truth
    style = losses.style(prediction, target, mask, features=network)
    expected = {
        "valid": 1 * ((prediction - target) * mask).abs().sum() / prediction.numel(),
        "hole": 6 * ((prediction - target) * (1 - mask)).abs().sum() / prediction.numel(),
        "perceptual": 0.05 * losses.perceptual(prediction, target, mask, features=network),
        "style_out": 120 * style["out"],
        "style_comp": 120 * style["comp"],
        "tv": 0.1 * losses.total_variation(prediction, target, mask),
    }
    assert list(terms) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, msg=name)


def test_liu_total_leaves_out_what_has_no_weight():
    prediction, target, mask = example()
    network = Network()
    assert list(losses.liu_total(prediction, target, mask, features=network, weights={"hole": 6.0, "tv": 0.1})) == ["hole", "tv"]
    assert network.calls == 0
    with pytest.raises(ValueError, match="names texture; expected some of valid, hole"):
        losses.liu_total(prediction, target, mask, features=network, weights={"texture": 1.0})


@pytest.mark.parametrize("weight", ["a", math.nan, math.inf, True, None])
def test_a_weight_that_is_no_finite_number_is_named(weight):
    with pytest.raises(ValueError, match=r"the weight of tv is .*; expected a finite number"):
        losses.liu_total(*example(), features=Network(), weights={"tv": weight})
    with pytest.raises(ValueError, match=r"the weight of tv is .*; expected a finite number"):
        losses.weighted_sum(tv=(weight, losses.total_variation))


def test_no_gradient_is_kept_for_the_truth():
    prediction, target, mask = example()
    target.requires_grad_()
    losses.perceptual(prediction.requires_grad_(), target.detach(), mask, features=Network()).backward()
    assert target.grad is None and prediction.grad.abs().max() > 0


@pytest.mark.parametrize("returns", [lambda x: x, lambda x: [], lambda x: [x.mean((2, 3))], lambda x: [x[:1]]])
def test_a_feature_network_that_returns_something_else_is_named(returns):
    with pytest.raises(ValueError, match="expected a list of maps"):
        losses.perceptual(*example(), features=returns)


@pytest.mark.parametrize("loss", [losses.perceptual, losses.style, losses.liu_total])
def test_a_feature_network_that_is_none_is_named(loss):
    with pytest.raises(TypeError, match="features is a NoneType; expected a network"):
        loss(*example(), features=None)


# --- adversarial ------------------------------------------------------------------------------------------------------------------


def test_scores_by_hand():
    real, fake = torch.tensor([[2.0], [-1.0]]), torch.tensor([[0.5], [-3.0]])

    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    bce = -(math.log(sigmoid(2)) + math.log(sigmoid(-1))) / 2 - (math.log(1 - sigmoid(0.5)) + math.log(1 - sigmoid(-3))) / 2
    assert float(losses.bce_critic(real, fake)) == pytest.approx(bce)
    assert float(losses.bce_generator(fake)) == pytest.approx(-(math.log(sigmoid(0.5)) + math.log(sigmoid(-3))) / 2)
    assert float(losses.hinge_critic(real, fake)) == pytest.approx((0 + 2) / 2 + (1.5 + 0) / 2)
    assert float(losses.hinge_generator(fake)) == float(losses.wgan_generator(fake)) == pytest.approx(1.25)
    assert float(losses.wgan_critic(real, fake)) == pytest.approx(-1.25 - 0.5)


def test_bce_of_a_sure_critic_is_finite():
    """sigmoid(200) is 1 in single precision, and log(1 - 1) would be infinite."""
    assert float(losses.bce_critic(torch.tensor([-200.0]), torch.tensor([200.0]))) == pytest.approx(400)


def pictures(batch=3):
    g = torch.Generator().manual_seed(0)
    real, fake = (torch.rand(batch, 3, 6, 6, generator=g, dtype=torch.float64) for _ in range(2))
    mask = torch.ones(batch, 1, 6, 6, dtype=torch.float64)
    mask[..., 2:4, 1:5] = 0
    return real, fake, mask


@pytest.mark.parametrize(("slope", "expected"), [(1.0, 0.0), (3.0, 4.0), (0.0, 1.0)])
def test_gradient_penalty_of_a_critic_of_known_slope(slope, expected):
    direction = torch.randn(3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    direction = slope * direction / direction.norm()
    value = losses.gradient_penalty(lambda x, m: (x * direction).sum((1, 2, 3))[:, None], *pictures())
    assert float(value) == pytest.approx(expected, abs=1e-12)


def test_gradient_penalty_takes_one_norm_a_sample():
    """Public mistake: a norm at each pixel over the channels; a unit slope over 108 dimensions would then be far from 1."""
    direction = torch.full((3, 6, 6), 1 / math.sqrt(108), dtype=torch.float64)
    per_pixel = (direction.norm(dim=0) - 1).square().mean()
    assert per_pixel > 0.5
    assert float(losses.gradient_penalty(lambda x, m: (x * direction).flatten(1).sum(1), *pictures())) == pytest.approx(0, abs=1e-12)


def test_gradient_penalty_samples_do_not_meet():
    real, fake, mask = pictures()
    steep = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)[:, None, None, None]
    unit = 1 / math.sqrt(108)
    value = losses.gradient_penalty(lambda x, m: (x * steep * unit).flatten(1).sum(1), real, fake, mask)
    assert float(value) == pytest.approx((0 + 1 + 9) / 3)


def test_gradient_penalty_in_the_hole_only():
    real, fake, mask = pictures()
    inside = (1 - mask[:1]).expand(1, 3, 6, 6)
    direction = inside / inside.sum().sqrt() + 5 * (1 - inside)  # slope 1 in the hole, steep on what is known
    value = losses.gradient_penalty(lambda x, m: (x * direction).flatten(1).sum(1), real, fake, mask, hole_only=True)
    assert float(value) == pytest.approx(0, abs=1e-12)


def test_gradient_penalty_of_slope_one_where_half_of_it_lies_in_the_hole():
    real, fake, mask = pictures()
    mask[..., :3], mask[..., 3:] = 0, 1
    slope_one = lambda x, m: x.flatten(1).sum(1) / math.sqrt(108)  # noqa: E731
    value = losses.gradient_penalty(slope_one, real, fake, mask, hole_only=True)
    assert float(value) == pytest.approx((math.sqrt(0.5) - 1) ** 2)
    mask[0] = 1  # between two equal pictures there is no line, and nothing to ask for
    value = losses.gradient_penalty(slope_one, real, fake, mask, hole_only=True)
    assert float(value) == pytest.approx(2 / 3 * (math.sqrt(0.5) - 1) ** 2)


def test_gradient_penalty_takes_masks_of_any_kind():
    real, fake, mask = pictures()
    seen = []

    def critic(x, m):
        seen.append(m)
        return (x * (1 - m)).flatten(1).sum(1)

    expected = losses.gradient_penalty(critic, real, fake, mask, hole_only=True)
    for same in (mask[:1], mask.bool(), mask.to(torch.uint8), mask.float()):
        torch.testing.assert_close(losses.gradient_penalty(critic, real, fake, same, hole_only=True), expected)
    assert all(torch.equal(m, mask) for m in seen)


def test_gradient_penalty_draws_between_real_and_fake():
    seen = []

    def critic(x, m):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    real, fake = torch.zeros(64, 1, 2, 2), torch.ones(64, 1, 2, 2)
    losses.gradient_penalty(critic, real, fake, torch.ones(64, 1, 2, 2), generator=torch.Generator().manual_seed(0))
    share = seen[0][:, 0, 0, 0]
    assert torch.equal(seen[0], share[:, None, None, None].expand_as(seen[0]))  # one share a sample
    assert share.min() < 0.1 and share.max() > 0.9 and share.unique().numel() > 60


@pytest.mark.parametrize("hole_only", [False, True])
def test_gradient_penalty_teaches_the_critic_by_finite_differences(hole_only):
    real, fake, mask = pictures(2)
    weight = torch.randn(2, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)

    def penalty(weight):
        g = torch.Generator().manual_seed(3)
        return losses.gradient_penalty(
            lambda x, m: torch.tanh(F.conv2d(x, weight)).flatten(1), real, fake, mask, hole_only=hole_only, generator=g
        )

    assert torch.autograd.gradcheck(penalty, weight)


@pytest.mark.parametrize("name", ["global", "local"])
def test_gradient_penalty_on_the_critics_of_the_course(name):
    critic = models.critic(name, size=32, width=4)
    real, fake = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32, requires_grad=True)
    mask = torch.ones(2, 1, 32, 32)
    mask[..., 10:20, 12:22] = 0
    losses.gradient_penalty(critic, real, fake, mask).backward()
    assert fake.grad is None
    last = [p.grad for p in critic.parameters()][-2]
    assert last is not None and last.isfinite().all() and last.abs().max() > 0


def test_a_gradient_penalty_holds_the_slope():
    """What it is for: a linear critic free to grow is pulled to slope 1 by its penalty."""
    torch.manual_seed(0)
    layer = nn.Linear(12, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    real, fake = torch.rand(4, 3, 2, 2), torch.rand(4, 3, 2, 2)
    for _ in range(60):
        optimizer.zero_grad()
        (10 * losses.gradient_penalty(lambda x, m: layer(x.flatten(1)), real, fake, torch.ones(4, 1, 2, 2))).backward()
        optimizer.step()
    assert float(layer.weight.detach().norm()) == pytest.approx(1, abs=1e-3)


def test_gradient_penalty_names_what_does_not_fit():
    real, fake, mask = pictures()
    with pytest.raises(ValueError, match="expected the same shape"):
        losses.gradient_penalty(lambda x, m: x.flatten(1), real, fake[:1], mask)
    for wrong, error, says in (
        ((255 * mask).to(torch.uint8), ValueError, "Divide by 255"),
        (None, TypeError, "mask is a NoneType"),
        (mask[..., :4, :4], ValueError, "expected the same"),
        (mask[:, 0], ValueError, "Add the channel"),
    ):
        for hole_only in (False, True):
            with pytest.raises(error, match=says):
                losses.gradient_penalty(lambda x, m: x.flatten(1), real, fake, wrong, hole_only=hole_only)
    with pytest.raises(TypeError, match=r"real is .*uint8; expected float"):
        losses.gradient_penalty(lambda x, m: x.flatten(1), real.byte(), fake.byte(), mask)


def test_the_command_line_knows_the_new_names():
    prediction, target, mask = example()
    terms = losses.parse("border_weighted + 0.1*total_variation + ssim_loss")(prediction, target, mask)
    assert list(terms) == ["border_weighted", "total_variation", "ssim_loss"]
    torch.testing.assert_close(terms["total_variation"], 0.1 * losses.total_variation(prediction, target, mask))
