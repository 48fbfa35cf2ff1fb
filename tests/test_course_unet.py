"""The course's own network: its first filling, its kinds of convolution, its attention. (What every model promises: test_models.py.)"""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from inpaintlib import data, losses, masks, metrics, models
from inpaintlib.models.course_unet import CONVOLUTIONS, _Attention, _into_range, pyramid_filling


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def damage(count=3, size=(32, 48), seed=1):
    image = torch.rand(count, 3, *size, generator=rng(seed))
    return image, masks.mixture(["boxes", "strokes"])(count, size, generator=rng(seed)).float()


class TestPyramidFilling:
    def test_known_pixels_stay_and_fillings_lie_between_them(self):
        image, mask = damage()
        filled = pyramid_filling(image, mask)
        known = mask.bool().expand_as(image)
        assert torch.allclose(filled[known], image[known], atol=1e-6)
        low = torch.where(known, image, 1.0).amin((2, 3), keepdim=True)
        high = torch.where(known, image, 0.0).amax((2, 3), keepdim=True)
        assert bool((filled >= low - 1e-6).all()) and bool((filled <= high + 1e-6).all())

    def test_what_lies_under_the_hole_does_not_matter(self):
        image, mask = damage()
        assert torch.equal(pyramid_filling(image * mask, mask), pyramid_filling(torch.where(mask > 0, image, 1e3), mask))

    @pytest.mark.parametrize("size", [(32, 32), (24, 20), (7, 5), (1, 16)])
    def test_one_known_pixel_colours_everything_and_none_gives_grey(self, size):
        image, mask = torch.rand(2, 3, *size, generator=rng()), torch.zeros(2, 1, *size)
        mask[0, 0, size[0] // 2, size[1] // 3] = 1
        filled = pyramid_filling(image, mask)
        assert torch.allclose(filled[0], image[0, :, size[0] // 2, size[1] // 3, None, None].expand(3, *size), atol=1e-6)
        assert torch.equal(filled[1], torch.full((3, *size), 0.5))

    def test_a_single_hole_level_by_level(self):
        """The hole is the block's top left pixel; the other three are known, so its 2 x 2 block has a mean; doubled bilinearly, a pixel
        is 9/16 its own block and 3/16, 3/16, 1/16 the neighbouring ones."""
        image = torch.rand(1, 1, 8, 8, generator=rng(), dtype=torch.float64)
        mask = torch.ones(1, 1, 8, 8, dtype=torch.float64)
        mask[0, 0, 4, 4] = 0
        block = F.avg_pool2d(image, 2)[0, 0]
        own = (image[0, 0, 4, 5] + image[0, 0, 5, 4] + image[0, 0, 5, 5]) / 3
        expected = (9 * own + 3 * block[1, 2] + 3 * block[2, 1] + block[1, 1]) / 16
        assert float(pyramid_filling(image, mask)[0, 0, 4, 4]) == pytest.approx(float(expected), abs=1e-9)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("known", [0, 1, 768])
    def test_half_precision_has_finite_derivatives(self, dtype, known):
        image, mask = torch.rand(1, 3, 32, 32, generator=rng()).to(dtype).requires_grad_(), torch.ones(1, 1, 32, 32)
        mask[..., 8:24, 8:24] = 0
        if known < 768:
            mask.zero_()
            mask[..., 20, :known] = 1
        filled = pyramid_filling(image, mask)
        filled.float().sum().backward()
        assert bool(filled.isfinite().all()) and bool(image.grad.isfinite().all())
        assert torch.equal(image.grad != 0, mask.bool().expand_as(image))
        assert filled.dtype == dtype and torch.equal(filled, pyramid_filling(image.float(), mask).to(dtype))

    def test_turning_the_picture_turns_the_filling(self):
        image, mask = damage(size=(32, 32))
        for turn in (lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.transpose(-1, -2)):
            assert torch.allclose(pyramid_filling(turn(image), turn(mask)), turn(pyramid_filling(image, mask)), atol=1e-5)

    def test_better_than_the_mean_on_photographs(self):
        from inpaintlib import baselines

        target, mask = data.load_images("photos", "test", limit=40).float(), masks.benchmark("lines", 40)
        ours, mean = (fill(target, mask.float()) for fill in (pyramid_filling, baselines.mean_fill))
        assert metrics.psnr(ours, target, data_range=1).mean() > metrics.psnr(mean, target, data_range=1).mean() + 3


def parameters(width, depth, blocks, attention):
    """What the network must have, counted layer by layer."""

    def conv(cin, cout, k=3):
        return (k * k * cin + 1) * cout

    widths = [width * 2**level for level in range(depth)]
    total = conv(4, width) + conv(width, 3) + sum(2 * blocks * 2 * conv(w, w) for w in widths)
    total += sum(conv(a, b) + conv(b, 4 * a, 1) for a, b in pairwise(widths))
    return total + ((3 + 1) * widths[-1] * (widths[-1] + 1) + 2 * widths[-1] if attention else 0)


@pytest.mark.parametrize(
    "options", [{}, {"width": 8, "depth": 1, "attention": False}, {"width": 6, "depth": 2}, {"width": 16, "depth": 4, "blocks": 1}]
)
def test_layers_add_up(options):
    model = models.create("course_unet", **options)
    wanted = parameters(**{key: model.options[key] for key in ("width", "depth", "blocks", "attention")})
    assert sum(p.numel() for p in model.parameters()) == wanted <= 4_000_000
    assert model(torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)).shape == (1, 3, 16, 16)
    assert f"{parameters(32, 3, 2, True):,} parameters" in (type(model).__doc__ or "")


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_every_kind_keeps_the_promises(convolution, start):
    torch.manual_seed(0)
    model = models.create("course_unet", width=8, blocks=1, convolution=convolution, start=start)
    image, mask = damage()
    filled, known = model.inpaint(image, mask), mask.bool().expand_as(image)
    assert torch.equal(filled[known], image[known])
    assert torch.equal(model.inpaint(torch.where(known, image, torch.tensor(float("nan"))), mask), filled)
    torch.testing.assert_close(torch.cat([model.inpaint(i[None], m[None]) for i, m in zip(image, mask, strict=True)]), filled)
    raw = model(image, mask)
    assert raw.min() >= 0 and raw.max() <= 1
    losses.hole_l1(raw, image, mask).backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.parameters())


def test_a_head_that_says_nothing_leaves_the_first_filling():
    model, (image, mask) = models.create("course_unet", width=8), damage()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
        assert torch.equal(model(image, mask), pyramid_filling(image, mask).clamp(0, 1))
        model.start = False
        assert torch.equal(model(image, mask), torch.full_like(image, 0.5))


def test_a_value_beyond_the_range_still_learns():
    x = torch.tensor([-0.3, 0.25, 1.7], requires_grad=True)
    y = _into_range(x)
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert y.tolist() == [0.0, 0.25, 1.0] and x.grad.tolist() == [1.0, 2.0, 3.0]


def test_attention_by_hand_is_the_fused_one_and_the_one_of_torch():
    torch.manual_seed(0)
    layer, x = _Attention(16), torch.rand(2, 16, 4, 6)
    by_hand = layer(x)
    with torch.no_grad():
        fused = layer(x)
    oracle = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    oracle.load_state_dict({
        "in_proj_weight": layer.ask.weight, "in_proj_bias": layer.ask.bias,
        "out_proj.weight": layer.answer.weight, "out_proj.bias": layer.answer.bias,
    })
    places = layer.norm(x.flatten(2).transpose(1, 2))
    expected = x + oracle(places, places, places, need_weights=False)[0].transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(by_hand, fused)
    torch.testing.assert_close(by_hand, expected)


@pytest.mark.parametrize("attention", [True, False])
def test_attention_sees_the_other_end(attention):
    torch.manual_seed(0)
    model = models.create("course_unet", width=8, blocks=1, attention=attention, start=False)
    image = torch.rand(1, 3, 16, 192, requires_grad=True)
    model(image, torch.ones(1, 1, 16, 192))[..., -8:].sum().backward()
    reached = image.grad[..., :8].abs().sum() > 0
    assert bool(reached) == attention


def test_the_shipped_weights_can_be_asked_for_one_look_or_two():
    image, mask = damage(size=(32, 32))
    once, twice = (models.create("course_unet", pretrained=True, mirror=mirror) for mirror in (False, True))
    assert once.options == {**twice.options, "mirror": False} and once.card == twice.card
    here, there = once.inpaint(image, mask), once.inpaint(image.flip(-1), mask.flip(-1)).flip(-1)
    torch.testing.assert_close(twice.inpaint(image, mask), torch.where(mask > 0, image, (here + there) / 2), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="were trained with"):
        models.create("course_unet", pretrained=True, width=8)


def test_a_mirrored_look_makes_mirrored_pictures_and_is_for_use_only():
    image, mask = damage(size=(32, 32))
    torch.manual_seed(0)
    once = models.create("course_unet", width=4).eval()
    twice = models.create("course_unet", width=4, mirror=True).eval()
    twice.load_state_dict(once.state_dict())
    with torch.no_grad():
        here, there = once(image, mask), once(image.flip(-1), mask.flip(-1)).flip(-1)
        assert float((here - there).abs().max()) > 1e-4  # the network itself prefers a side
        assert torch.allclose(twice(image, mask), (here + there) / 2, atol=1e-6)
        assert torch.allclose(twice(image.flip(-1), mask.flip(-1)), twice(image, mask).flip(-1), atol=1e-6)
        assert torch.equal(twice.train()(image, mask), once.train()(image, mask))


def test_it_learns_to_beat_its_start():
    torch.manual_seed(0)
    model = models.create("course_unet", width=8, blocks=1)
    target, mask = data.load_images("photos", "test", limit=8).float(), masks.boxes(8, 32, generator=rng()).float()
    before = float(losses.hole_l1(pyramid_filling(target, mask), target, mask))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = losses.hole_l1(model(target * mask, mask), target, mask)
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.8 * before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"convolution": "dilated"}, "plain, partial, gated"),
        ({"depth": 0}, "depth is 0; .*at least 1"),
        ({"blocks": 0}, "blocks is 0; .*at least 1"),
        ({"depth": 2.0}, r"depth is 2\.0; expected a whole number"),
        ({"blocks": True}, "blocks is True; expected a whole number"),
        ({"mirror": "off"}, "mirror is 'off'; expected True or False"),
        ({"attention": "no"}, "attention is 'no'; expected True or False"),
        ({"start": 1}, "start is 1; expected True or False"),
    ],
)
def test_options_that_cannot_be(options, says):
    with pytest.raises(ValueError, match=says):
        models.create("course_unet", **options)
