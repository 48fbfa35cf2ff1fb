"""The promises that every model of the registry keeps, and the tables of S0, S1 and S4; the other tables: test_models_sources.py."""

from __future__ import annotations

import importlib
import inspect

import pytest
import torch

from inpaintlib import models
from inpaintlib.layers import PartialConv2d

S0 = [  # layer, output channels, side: the slides' table (row 7 corrected: 64, not 128)
    ("PartialConv2d", 32, 32), ("PartialConv2d", 32, 16), ("BatchNorm2d", 32, 16),
    ("PartialConv2d", 64, 16), ("PartialConv2d", 64, 8), ("BatchNorm2d", 64, 8),
    ("PartialConv2d", 128, 8), ("PartialConv2d", 128, 4), ("BatchNorm2d", 128, 4),
    ("PartialConv2d", 256, 4), ("PartialConv2d", 256, 2), ("BatchNorm2d", 256, 2),
    ("PartialConv2d", 256, 4), ("PartialConv2d", 128, 4), ("BatchNorm2d", 128, 4),
    ("PartialConv2d", 128, 8), ("PartialConv2d", 64, 8), ("BatchNorm2d", 64, 8),
    ("PartialConv2d", 64, 16), ("PartialConv2d", 32, 16), ("BatchNorm2d", 32, 16),
    ("PartialConv2d", 32, 32), ("PartialConv2d", 3, 32), ("BatchNorm2d", 3, 32),
    ("PartialConv2d", 3, 32),
]  # fmt: skip

VANILLA = [  # parameters layer by layer, as the sources' own arithmetic has them
    896, 9248, 18496, 36928, 73856, 147584, 295168, 590080, 1180160, 2359808,
    524544, 1179904, 590080, 131200, 295040, 147584, 32832, 73792, 36928, 8224, 18464, 9248, 867,
]  # fmt: skip


def test_s0_row_by_row():
    table = models.summary(models.create("partial_unet"))
    assert [(row.layer, row.shape[0], row.shape[1]) for row in table.rows] == S0
    convolutions = sum(row.parameters for row in table.rows if row.layer == "PartialConv2d")
    assert (convolutions, table.total - convolutions, table.total) == (3_127_703, 1_414, 3_129_117)


def test_s0_concatenations():
    merges = [m for name, m in models.create("partial_unet").named_modules() if name.endswith("merge")]
    assert [m.weight.shape[1] for m in merges if isinstance(m, PartialConv2d)] == [512, 256, 128, 64]


def test_vanilla_unet_layer_by_layer():
    table = models.summary(models.create("vanilla_unet"))
    assert [row.parameters for row in table.rows] == VANILLA
    down = [((width, side, side), 2) for width, side in zip((32, 64, 128, 256, 512), (32, 16, 8, 4, 2), strict=True)]
    up = [((width, side, side), 3) for width, side in zip((256, 128, 64, 32), (4, 8, 16, 32), strict=True)]
    assert [row.shape for row in table.rows] == [shape for shape, count in (*down, *up, ((3, 32, 32), 1)) for _ in range(count)]
    assert table.total == sum(VANILLA) == 7_760_931
    assert "7,760,931" in str(table)


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_depth_is_the_number_of_resolutions(depth):
    table = models.summary(models.create("vanilla_unet", depth=depth, width=8))
    assert {row.shape[1] for row in table.rows} == {32 // 2**level for level in range(depth)}


SMALL = {  # options of a twin that runs in milliseconds on 32 x 32
    "coarse_to_fine": {"size": 32, "width": 8},
    "context_encoder": {"size": 32, "width": 8, "latent": 32},
    "gated_unet": {"size": 32, "width": 8},
    "partial_unet": {"width": 8},
    "partial_unet_512": {"size": 32, "width": 8},
    "partial_unet_s1": {"width": 8},
    "vanilla_unet": {"width": 8},
}
CENTRAL = {"context_encoder"}  # one size of image, and holes in its middle half only


def small(name):
    return models.create(name, **SMALL.get(name, {"width": 8}))


def damage(name, count, seed=1):
    """Images and masks that the model accepts: about 30 % of the pixels are holes, where it allows them."""
    g = torch.Generator().manual_seed(seed)
    height, width = (32, 32) if name in CENTRAL else (32, 48)
    image = torch.rand(count, 3, height, width, generator=g)
    mask = (torch.rand(count, 1, height, width, generator=g) < 0.7).to(torch.uint8)
    if name in CENTRAL:
        middle = torch.zeros_like(mask)
        middle[..., 8:24, 8:24] = 1
        mask |= 1 - middle
    return image, mask


@pytest.mark.parametrize("name", models.names())
class TestEveryModel:
    def test_raw_prediction_has_shape_and_range(self, name):
        image, mask = damage(name, 2)
        y = small(name)(image, mask.float())
        assert y.shape == image.shape and y.min() >= 0 and y.max() <= 1

    def test_forward_names_an_image_that_is_none(self, name):
        model, (image, mask) = small(name).eval(), damage(name, 3)
        for wrong, error, says in (
            (image[:, 0], ValueError, r"image\[None\]"),
            (image[:, :1], ValueError, "expected 3 channels"),
            ((255 * image).to(torch.uint8), TypeError, "/ 255"),
        ):
            with pytest.raises(error, match=says):
                model(wrong, mask)

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.float64, torch.bfloat16])
    def test_masks_of_any_kind_are_converted_at_the_door(self, name, dtype):
        model, (image, mask) = small(name).eval(), damage(name, 2)
        with torch.no_grad():
            assert torch.equal(model(image, mask.to(dtype)), model(image, mask.float()))
            assert torch.equal(model(image, mask[:1].to(dtype)), model(image, mask[:1].float().expand(2, -1, -1, -1)))
            with pytest.raises(ValueError, match="expected one channel"):
                model(image, mask.to(dtype).expand(-1, 3, -1, -1))

    def test_inpaint_keeps_what_is_known_and_ignores_what_is_not(self, name):
        model, (image, mask) = small(name), damage(name, 3)
        filled = model.inpaint(image, mask)
        known = mask.bool().expand_as(image)
        assert torch.equal(filled[known], image[known]) and not filled.requires_grad
        for junk in (0.0, 1.0, float("nan"), 1e9):
            assert torch.equal(model.inpaint(torch.where(known, image, torch.tensor(junk)), mask), filled)

    def test_a_batch_of_one_equals_the_same_image_in_a_batch(self, name):
        model, (image, mask) = small(name).eval(), damage(name, 4)
        together = model.inpaint(image, mask)
        torch.testing.assert_close(torch.cat([model.inpaint(i[None], m[None]) for i, m in zip(image, mask, strict=True)]), together)

    def test_extreme_masks(self, name):
        model, image = small(name), torch.rand(1, 3, 32, 32)
        assert torch.equal(model.inpaint(image, torch.ones(1, 1, 32, 32)), image)
        if name in CENTRAL:
            with pytest.raises(ValueError, match="holes outside the middle"):
                model.inpaint(image, torch.zeros(1, 1, 32, 32))
        else:
            assert model.inpaint(image, torch.zeros(1, 1, 32, 32)).isfinite().all()

    def test_every_parameter_learns(self, name):
        model, (image, mask) = small(name).train(), damage(name, 2)
        (model(image, mask.float()) - 0.25).square().mean().backward()
        missing = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert not missing
        assert sum(float(p.grad.abs().sum()) > 0 for p in model.parameters()) > 0.7 * len(list(model.parameters()))

    def test_training_formats_give_the_same(self, name):
        """fit runs channels_last and, where it is faster, under bf16 autocast."""
        model, (image, mask) = small(name).eval(), damage(name, 2)
        mask = mask.float()
        with torch.no_grad():
            expected = model(image, mask)
            model.to(memory_format=torch.channels_last)
            torch.testing.assert_close(model(image.to(memory_format=torch.channels_last), mask), expected, rtol=1e-4, atol=1e-5)
            with torch.autocast("cpu", torch.bfloat16):
                low = model(image, mask)
        assert (low.float() - expected).abs().max() < 0.1

    def test_inpaint_leaves_the_training_mode_alone(self, name):
        model = small(name).train()
        before = {key: value.clone() for key, value in model.state_dict().items()}
        model.inpaint(torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32))
        assert all(part.training for part in model.modules())
        assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())

    def test_what_is_frozen_stays_frozen(self, name):
        model = small(name).train()
        frozen = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)][:1] or list(model.children())[:1]
        frozen[0].eval()
        before = [part.training for part in model.modules()]
        model.inpaint(*damage(name, 2))
        models.summary(model)
        assert [part.training for part in model.modules()] == before and not all(before)

    def test_options_make_its_twin(self, name):
        model = small(name)
        twin = models.create(name, **model.options)
        assert {k: v.shape for k, v in twin.state_dict().items()} == {k: v.shape for k, v in model.state_dict().items()}

    @pytest.mark.parametrize(
        ("image", "mask", "error", "says"),
        [
            (torch.rand(1, 3, 33, 32), torch.ones(1, 1, 33, 32), ValueError, "multiples of|exactly"),
            (torch.rand(3, 32, 32), torch.ones(1, 1, 32, 32), ValueError, "four dimensions"),
            (torch.rand(1, 32, 32, 3), torch.ones(1, 1, 32, 32), ValueError, "permute"),
            (torch.rand(1, 3, 32, 32) * 255, torch.ones(1, 1, 32, 32), ValueError, "255"),
            (torch.rand(1, 3, 32, 32) * 2 - 1, torch.ones(1, 1, 32, 32), ValueError, r"\[-1, 1\]"),
            (torch.full((1, 3, 32, 32), float("nan")), torch.ones(1, 1, 32, 32), ValueError, "NaN"),
            (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.ones(1, 1, 32, 32), TypeError, "255"),
            (torch.rand(0, 3, 32, 32), torch.ones(1, 1, 32, 32), ValueError, "empty"),
            (torch.rand(1, 3, 32, 32), torch.ones(1, 3, 32, 32), ValueError, "One channel"),
            (torch.rand(1, 3, 32, 32), torch.full((1, 1, 32, 32), 255), ValueError, "Divide by 255"),
        ],
    )
    def test_bad_input_is_named(self, name, image, mask, error, says):
        with pytest.raises(error, match=says):
            small(name).inpaint(image, mask)


def test_unknown_names_and_options_are_refused():
    with pytest.raises(ValueError, match="expected one of coarse_to_fine, context_encoder"):
        models.create("unet")
    with pytest.raises(ValueError, match="does not take"):
        models.create("vanilla_unet", depht=3)
    with pytest.raises(ValueError, match="2 to 5"):
        models.create("vanilla_unet", depth=6)
    for name in models.names():
        for width in (0, -3, 2.5, "8", True):
            with pytest.raises(ValueError, match=r"width is .*expected a whole number|does not take"):
                models.create(name, width=width)
    with pytest.raises(TypeError, match=r"pretrained is 'runs/mine.safetensors'; .*load_pretrained\(path\)"):
        models.create("partial_unet", pretrained="runs/mine.safetensors")
    for name in ("partial_unet_512", "context_encoder"):
        with pytest.raises(ValueError, match="power of 2"):
            models.create(name, size=48)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: models.create("gated_unet", width=1), "width is 1; expected a whole number, at least 2"),
        (lambda: models.create("coarse_to_fine", size=32, width=1), "width is 1; expected a whole number, at least 2"),
        (lambda: models.create("gated_unet", size=0), "size is 0; expected a whole number, at least 4"),
        (lambda: models.create("context_encoder", size=32, latent=0), "latent is 0; expected a whole number, at least 1"),
        (lambda: models.create("context_encoder", size=32, latent=-1), "latent is -1"),
        (lambda: models.critic("sn_patch", size=32, width=0), "width is 0"),
        (lambda: models.critic("global", width=0), "width is 0"),
        (lambda: models.critic("context", size=32, width=-1), "width is -1"),
        (lambda: models.detector(width=0), "width is 0"),
    ],
)
def test_options_too_small_for_a_network_are_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("value", ["off", "False", 0, 1, None])
def test_a_switch_is_true_or_false(value):
    for name in models.names():
        make = getattr(importlib.import_module(f"inpaintlib.models.{name}"), type(small(name)).__name__)
        for option, parameter in inspect.signature(make).parameters.items():
            if isinstance(parameter.default, bool):
                with pytest.raises(ValueError, match=f"{option} is {value!r}; expected True or False"):
                    models.create(name, **{option: value})
    with pytest.raises(ValueError, match=f"frozen is {value!r}; expected True or False"):
        small("partial_unet_512").freeze_encoder_norm(value)


@pytest.mark.parametrize("name", ["vanilla_unet", "partial_unet_s1"])
def test_first_weights_are_those_of_keras(name):
    for layer in models.create(name, width=8).modules():
        if isinstance(getattr(layer, "weight", None), torch.nn.Parameter):
            cout, cin, height, width = layer.weight.shape
            bound = (6 / ((cin + cout) * height * width)) ** 0.5
            assert 0.8 * bound < layer.weight.abs().max() <= bound and not layer.bias.any()
