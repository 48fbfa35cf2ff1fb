"""The larger systems of the seeds against the tables of their sources.

Networks of many parameters are built on the meta device, which knows shapes only.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from inpaintlib import models
from inpaintlib.layers import GatedConv2d, PartialConv2d


def on_meta(name, side, /, **options):
    with torch.device("meta"):
        model = models.create(name, **options)
    return model, models.summary(model, side)


def rows(table, *kinds):
    return [(row.shape[0], row.shape[1], row.parameters) for row in table.rows if row.layer in kinds]


# --- S1: the partial U-Net of 32 x 32 ------------------------------------------------------------------------------------------

S1 = [  # input channels, output channels, side
    (3, 32, 32), (32, 32, 16), (32, 32, 16), (32, 32, 8), (32, 32, 8), (32, 32, 4), (32, 32, 4), (32, 32, 2),
    (64, 256, 4), (256, 128, 4), (160, 128, 8), (128, 64, 8), (96, 64, 16), (64, 32, 16), (64, 32, 32), (32, 3, 32),
]  # fmt: skip


def test_s1_layer_by_layer_and_why_keras_printed_twice_as_many():
    _, table = on_meta("partial_unet_s1", 32)
    weights = [cin * cout * 9 for cin, cout, _ in S1]
    assert rows(table, "PartialConv2d") == [(cout, side, w + cout) for (_, cout, side), w in zip(S1, weights, strict=True)]
    assert table.rows[-1].layer == "Conv2d" and table.rows[-1].parameters == 3 * 3 * 9 + 3
    assert table.total == 859_863
    # The Keras layer kept beside every kernel a second one of the same shape, all ones, to count the known pixels, and let it train.
    mask_kernels = sum(weights)
    assert mask_kernels == 858_816 and table.total + mask_kernels == 1_718_679


def last_mask(model, mask):
    """The mask after the last partial convolution."""
    found = []
    layer = [m for m in model.modules() if isinstance(m, PartialConv2d)][-1]
    handle = layer.register_forward_hook(lambda module, inputs, output: found.append(output[1]))
    with torch.no_grad():
        model(torch.rand(len(mask), 3, *mask.shape[2:]), mask)
    handle.remove()
    return found[0]


@pytest.mark.parametrize("name", ["partial_unet_s1", "partial_unet"])
def test_one_known_pixel_anywhere_fills_the_mask(name):
    """S1's claim, "with enough layers any mask with one known pixel becomes all ones", holds in its network: all 1,024 pixels tried.

    With the next test that is a proof for every mask: a mask is the union of its known pixels.
    """
    model = models.create(name, width=1).eval()
    assert last_mask(model, torch.eye(1024).view(1024, 1, 32, 32)).min() == 1
    assert last_mask(model, torch.zeros(1, 1, 32, 32)).max() == 0


def by_dilations(known, layers_at_full_size):
    """The masks of S0 and S1 as their tables have them, by SciPy: two layers at each resolution down, two or three at each one up."""

    def grow(pixels, times=1):
        for _ in range(times):
            pixels = ndimage.maximum_filter(pixels, size=(1, 1, 3, 3), mode="constant")
        return pixels

    skips = []
    for _ in range(4):
        skips.append(grow(known))
        known = grow(skips[-1])[..., ::2, ::2]
    for layers in (2, 2, 2, layers_at_full_size):
        known = np.maximum(known.repeat(2, axis=2).repeat(2, axis=3), skips.pop())
        known = grow(known, layers)
    return known


@pytest.mark.parametrize(("name", "layers"), [("partial_unet_s1", 2), ("partial_unet", 3)])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 48), (32, 48)])
def test_one_known_pixel_fills_the_mask_where_the_bottleneck_is_at_most_two_pixels_wide(name, layers, height, width):
    """Enough layers is a condition: at 48 pixels the bottleneck has three in a row, and from some pixels its other end is out of reach."""
    model, pixels = models.create(name, width=1).eval(), height * width
    mask = torch.eye(pixels).view(pixels, 1, height, width)
    got = last_mask(model, mask).numpy()
    assert np.array_equal(got, by_dilations(mask.numpy(), layers))
    assert bool(got.all()) == (max(height, width) <= 32)


@pytest.mark.parametrize("name", ["partial_unet_s1", "partial_unet", "partial_unet_512"])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), known=st.sampled_from([0.001, 0.01, 0.3]))
def test_the_mask_of_a_union_is_the_union_of_the_masks(name, seed, known):
    """Each new mask asks whether anything in a window is known: what is known can only add to what another mask makes known."""
    options = {"size": 32} if name == "partial_unet_512" else {}
    model = models.create(name, width=1, **options).eval()
    one, other = (torch.rand(2, 1, 1, 32, 32, generator=torch.Generator().manual_seed(seed)) < known).float()
    alone = [last_mask(model, mask) for mask in (one, other)]
    assert torch.equal(last_mask(model, one.maximum(other)), torch.maximum(*alone))


def test_one_layer_a_resolution_is_not_enough_to_fill_any_mask():
    """Liu et al.'s rule, one layer at each resolution, leaves the far row and column empty when only the last pixel is known."""
    model, mask = models.create("partial_unet_512", size=32, width=1).eval(), torch.zeros(2, 1, 32, 32)
    mask[0, :, 0, 0] = mask[1, :, -1, -1] = 1
    first, last = last_mask(model, mask)[:, 0]
    assert first.min() == 1
    assert (last[0] == 0).all() and (last[:, 0] == 0).all() and (last[1:, 1:] == 1).all()


@pytest.mark.parametrize(("layers", "reach"), [(1, 1), (4, 4), (31, 31)])
def test_when_exactly_a_stack_fills_the_mask(layers, reach):
    """Without strides a 3 x 3 layer moves the rim by one pixel: n layers fill a hole exactly if no pixel is further than n away."""
    layer = PartialConv2d(1, 1, 3, padding=1)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 0, 0] = 1
    x = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        for _ in range(layers):
            x, mask = layer(x, mask)
    assert torch.equal(mask[0, 0] == 1, torch.arange(32)[:, None].maximum(torch.arange(32)) <= reach)


# --- S3: Liu et al. at 512 x 512 -----------------------------------------------------------------------------------------------

LIU = [  # kernel, input channels, output channels, side, batch norm
    (7, 3, 64, 256, False), (5, 64, 128, 128, True), (5, 128, 256, 64, True), (3, 256, 512, 32, True),
    (3, 512, 512, 16, True), (3, 512, 512, 8, True), (3, 512, 512, 4, True), (3, 512, 512, 2, True),
    (3, 512 + 512, 512, 4, True), (3, 512 + 512, 512, 8, True), (3, 512 + 512, 512, 16, True), (3, 512 + 512, 512, 32, True),
    (3, 512 + 256, 256, 64, True), (3, 256 + 128, 128, 128, True), (3, 128 + 64, 64, 256, True), (3, 64 + 3, 3, 512, False),
]  # fmt: skip


def test_liu_layer_by_layer():
    model, table = on_meta("partial_unet_512", 512)
    assert rows(table, "PartialConv2d") == [(cout, side, k * k * cin * cout + cout) for k, cin, cout, side, _ in LIU]
    assert rows(table, "BatchNorm2d") == [(cout, side, 2 * cout) for _, _, cout, side, norm in LIU if norm]
    assert table.total == 32_865_236
    kernels = [m.weight.shape[-1] for m in model.modules() if isinstance(m, PartialConv2d)]
    assert kernels == [k for k, *_ in LIU]
    assert {block.slope for block in model.encoder} == {0.0} and {block.slope for block in model.decoder} == {0.2}


def test_liu_twin_keeps_the_rules():
    _, table = on_meta("partial_unet_512", 32, size=32, width=16)
    expected = [(16, 16), (32, 8), (64, 4), (128, 2), (64, 4), (32, 8), (16, 16), (3, 32)]
    assert [row[:2] for row in rows(table, "PartialConv2d")] == expected
    assert table.total == 286_772


def test_frozen_encoder_norm_neither_learns_nor_drifts():
    model = models.create("partial_unet_512", size=32, width=8)
    model.freeze_encoder_norm()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.eval().train()  # as a training loop does after each evaluation
    model(torch.rand(4, 3, 32, 32), torch.ones(4, 1, 32, 32)).mean().backward()
    optimizer.step()
    changed = {key for key, value in model.state_dict().items() if not torch.equal(before[key], value)}
    assert not any(key.startswith("encoder") and ".norm." in key for key in changed)
    assert any(key.startswith("encoder.1.conv") for key in changed)
    assert {"decoder.0.norm.running_mean", "decoder.0.norm.weight"} <= changed
    model.freeze_encoder_norm(False)
    assert all(m.training and m.weight.requires_grad for m in model.modules() if isinstance(m, nn.BatchNorm2d))


# --- S3: the Context Encoder at 128 x 128 ---------------------------------------------------------------------------------------

CONTEXT = [  # input channels, output channels, side after it; every kernel is 4 x 4
    (3, 64, 64), (64, 64, 32), (64, 128, 16), (128, 256, 8), (256, 512, 4), (512, 4000, 1),
    (4000, 512, 4), (512, 256, 8), (256, 128, 16), (128, 64, 32), (64, 3, 64),
]  # fmt: skip


def test_context_encoder_layer_by_layer():
    model, table = on_meta("context_encoder", 128)
    expected = [(cout, side, 16 * cin * cout + (cout if cout == 3 else 0)) for cin, cout, side in CONTEXT]
    assert rows(table, "Conv2d", "ConvTranspose2d") == expected
    assert rows(table, "BatchNorm2d") == [(cout, side, 2 * cout) for _, cout, side in CONTEXT[:-1]]
    assert table.total == 71_124_675
    assert (model.patch_side, model.overlap, model.hole_side) == (64, 4, 56)  # 64 = 56 + 2 * 4
    kinds = {type(m) for m in model.encoder} & {nn.LeakyReLU}, {type(m) for m in model.decoder} & {nn.ReLU, nn.Tanh}
    assert kinds == ({nn.LeakyReLU}, {nn.ReLU, nn.Tanh})


def test_context_encoder_places_its_patch_over_hole_and_rim():
    model = models.create("context_encoder", size=32, width=8, latent=16).eval()
    assert (model.patch_side, model.overlap, model.hole_side) == (16, 1, 14)
    image, mask = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    mask[..., 9:23, 9:23] = 0
    raw, patch = model(image, mask), model.patch(image, mask)
    assert torch.equal(raw[..., 8:24, 8:24], patch) and patch.min() >= 0 and patch.max() <= 1
    outside = torch.ones(32, 32, dtype=torch.bool)
    outside[8:24, 8:24] = False
    assert torch.equal(raw[..., outside], image[..., outside])
    filled = model.inpaint(image, mask)
    assert torch.equal(filled[..., 8, 8:24], image[..., 8, 8:24])  # the rim under the patch is known, and stays
    assert torch.equal(filled[..., 9:23, 9:23], patch[..., 1:15, 1:15])


def test_context_encoder_says_where_it_can_draw():
    model = models.create("context_encoder", size=32, width=8, latent=16).eval()
    image, mask = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    mask[1, :, 7, 12] = 0
    with pytest.raises(ValueError, match=r"rows and columns 8 to 23 only.*side of 14"):
        model.inpaint(image, mask)
    with pytest.raises(ValueError, match="exactly 32 x 32"):
        model(torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64))
    with pytest.raises(ValueError, match="two images at least"):
        model.train()(image[:1], torch.ones(1, 1, 32, 32))


# --- S2: gated convolutions, one stage and two ----------------------------------------------------------------------------------

# kernels (features and gates together, as the public code counts them), side, kernel, dilation
STAGE1 = [
    (48, 256, 5, 1), (96, 128, 3, 1), (96, 128, 3, 1), (192, 64, 3, 1), (192, 64, 3, 1), (192, 64, 3, 1),
    (192, 64, 3, 2), (192, 64, 3, 4), (192, 64, 3, 8), (192, 64, 3, 16), (192, 64, 3, 1), (192, 64, 3, 1),
    (96, 128, 3, 1), (96, 128, 3, 1), (48, 256, 3, 1), (24, 256, 3, 1), (3, 256, 3, 1),
]  # fmt: skip
INVENT = [
    (48, 256, 5, 1), (48, 128, 3, 1), (96, 128, 3, 1), (96, 64, 3, 1), (192, 64, 3, 1), (192, 64, 3, 1),
    (192, 64, 3, 2), (192, 64, 3, 4), (192, 64, 3, 8), (192, 64, 3, 16),
]  # fmt: skip
LOOK = [(48, 256, 5, 1), (48, 128, 3, 1), (96, 128, 3, 1), (192, 64, 3, 1), (192, 64, 3, 1), (192, 64, 3, 1)]
COPY = [(192, 64, 3, 1), (192, 64, 3, 1)]
MERGE = STAGE1[-7:]


def gated_rows(model, table, part):
    layers = dict(model.named_modules())
    found = [(row, layers[row.name]) for row in table.rows if row.name.startswith(part)]
    return [(m.weight.shape[0], r.shape[1], m.weight.shape[-1], m.dilation if isinstance(m, GatedConv2d) else 1) for r, m in found], [
        r.parameters for r, _ in found
    ]


def count(table, cin):
    """Parameters of a chain of layers; every layer but the last of three kernels passes on half of its channels, the gated features."""
    inputs = [cin] + [kernels // 2 for kernels, *_ in table[:-1]]
    return [kernels * (cin * k * k + 1) for (kernels, _, k, _), cin in zip(table, inputs, strict=True)]


def test_coarse_to_fine_layer_by_layer():
    model, table = on_meta("coarse_to_fine", 256)
    parts = {"coarse": (STAGE1, 5), "invent": (INVENT, 3), "look": (LOOK, 3), "copy": (COPY, 96), "merge": (MERGE, 192)}
    total = 0
    for part, (expected, cin) in parts.items():
        got, parameters = gated_rows(model, table, part)
        assert got == expected, part
        assert parameters == count(expected, cin), part
        total += sum(parameters)
    assert table.total == total == 4_052_478  # the paper: 4.1 M


def test_coarse_to_fine_attention_at_64_compares_every_second_place():
    model, _ = on_meta("coarse_to_fine", 256)
    image, mask = torch.empty(2, 3, 256, 256, device="meta"), torch.empty(2, 1, 256, 256, device="meta")
    stages = model.stages(image, mask)
    assert stages.coarse.shape == stages.refined.shape == image.shape
    assert stages.field.shape == (2, 2, 32, 32) and model.cell == 8


def test_both_stages_see_only_what_is_known():
    model = models.create("coarse_to_fine", size=32, width=8).eval()
    image, mask = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    mask[..., 8:20, 4:16] = 0
    with torch.no_grad():
        a, b = (model.stages(torch.where(mask > 0, image, torch.full_like(image, junk)), mask) for junk in (0.0, 1.0))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert torch.equal(a.refined, model(image, mask)) and not torch.equal(a.coarse, a.refined)
    assert a.field.shape == (2, 2, 8, 8) and model.cell == 4


def test_a_loss_on_the_refined_picture_trains_the_coarse_stage_too():
    model = models.create("coarse_to_fine", size=32, width=8)
    mask = torch.ones(1, 1, 32, 32)
    mask[..., 8:20, 4:16] = 0
    model(torch.rand(1, 3, 32, 32), mask).mean().backward()
    assert all(p.grad.abs().max() > 0 for p in model.coarse.parameters())


def test_gated_unet_layer_by_layer():
    """One stage: the coarse stage's table; the layers behind the skips read twice as many channels."""
    model, table = on_meta("gated_unet", 256)
    got, parameters = gated_rows(model, table, "")
    assert got == STAGE1
    expected = count(STAGE1, 5)
    expected[13], expected[15] = 96 * (96 * 9 + 1), 24 * (48 * 9 + 1)
    assert parameters == expected and table.total == sum(expected) == 1_677_807


@pytest.mark.parametrize("name", ["gated_unet", "coarse_to_fine"])
def test_gated_twins_keep_their_dilations_inside_the_picture(name):
    model, table = on_meta(name, 32, size=32)
    assert max(m.dilation for m in model.modules() if isinstance(m, GatedConv2d)) == 4
    assert table.total == on_meta(name, 256)[1].total  # fewer places, not fewer weights


# --- critics ----------------------------------------------------------------------------------------------------------------------


def halvings(*channels, k=5):
    return [k * k * cin * cout + cout for cin, cout in pairwise(channels)]


CRITICS = {  # options, shape of the scores of two images, parameters
    "context": ({}, (2, 1), 2_765_633),
    "sn_patch": ({}, (2, 256, 4, 4), sum(halvings(4, 64, 128, 256, 256, 256, 256))),
    "global": ({}, (2, 1), sum(halvings(3, 64, 128, 256, 256)) + 16 * 16 * 256 + 1),
    "local": ({}, (2, 1), sum(halvings(3, 64, 128, 256, 512)) + 8 * 8 * 512 + 1),
}


def test_every_critic_is_in_the_table():
    assert set(CRITICS) == set(models.critic_names())


@pytest.mark.parametrize("name", models.critic_names())
def test_critic_against_its_source(name):
    options, shape, parameters = CRITICS[name]
    with torch.device("meta"):
        critic = models.critic(name, **options)
        assert sum(p.numel() for p in critic.parameters()) == parameters
        if name != "local":  # it looks at the mask's values to know where to cut
            side = critic.size
            assert critic(torch.empty(2, 3, side, side), torch.empty(2, 1, side, side)).shape == shape


def test_context_critic_layer_by_layer():
    with torch.device("meta"):
        convolutions = [m for m in models.critic("context").modules() if isinstance(m, nn.Conv2d)]
    assert [tuple(m.weight.shape) for m in convolutions] == [
        (64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (1, 512, 4, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "widths", "side"), [("global", (64, 128, 256, 256), 256), ("local", (64, 128, 256, 512), 128)])
def test_the_critics_of_wgan_gp_layer_by_layer(name, widths, side):
    table = models.summary(models.critic(name))
    assert rows(table, "Conv2d") == [
        (cout, side // 2 ** (i + 1), p) for i, (cout, p) in enumerate(zip(widths, halvings(3, *widths), strict=True))
    ]
    last = table.rows[-1]
    assert (last.layer, last.shape, last.parameters) == ("Linear", (1,), widths[-1] * (side // 16) ** 2 + 1)
    assert table.total == CRITICS[name][2] and len(table.rows) == 5


@pytest.mark.parametrize("name", models.critic_names())
class TestEveryCritic:
    def test_twin_scores_and_teaches(self, name):
        critic = models.critic(name, size=32, width=8)
        image = torch.rand(4, 3, 32, 32, requires_grad=True)
        mask = torch.ones(4, 1, 32, 32)
        mask[..., 10:22, 12:20] = 0
        scores = critic(image, mask)
        assert scores.shape[0] == 4 and scores.isfinite().all()
        scores.mean().backward()
        assert image.grad[..., 12:20, 14:18].abs().min() > 0  # the hole is what it looks at
        assert all(p.grad is not None for p in critic.parameters())

    def test_options_make_its_twin(self, name):
        critic = models.critic(name, size=64, width=8)
        twin = models.critic(name, **critic.options)
        assert {k: v.shape for k, v in twin.state_dict().items()} == {k: v.shape for k, v in critic.state_dict().items()}

    def test_bad_input_is_named(self, name):
        with pytest.raises(ValueError, match="expected"):
            models.critic(name, size=32, width=8)(torch.rand(3, 32, 32), torch.ones(1, 32, 32))
        with pytest.raises(ValueError, match="power of 2"):
            models.critic(name, size=40)
        with pytest.raises(ValueError, match="does not take"):
            models.critic(name, depth=3)


    @pytest.mark.parametrize(
        ("image", "error", "says"),
        [
            (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), TypeError, "/ 255"),
            (torch.rand(2, 3, 32, 32).numpy(), TypeError, "image is an ndarray"),
            (torch.rand(0, 3, 32, 32), ValueError, "empty"),
            (torch.rand(2, 1, 32, 32), ValueError, "expected 3 channels"),
        ],
    )
    def test_an_image_that_is_none_is_named(self, name, image, error, says):
        with pytest.raises(error, match=says):
            models.critic(name, size=32, width=8)(image, torch.ones(1, 1, 32, 32))


def test_unknown_critics_are_refused():
    with pytest.raises(ValueError, match="expected one of context, global, local, sn_patch"):
        models.critic("patchgan")
    with pytest.raises(ValueError, match="no mask"):
        models.critic("local", size=32, width=8)(torch.rand(1, 3, 32, 32))


@pytest.mark.parametrize("name", ["local", "sn_patch"])
@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 1, 64, 64), (32, 32), (3, 1, 32, 32)])
def test_critics_that_look_at_the_mask_refuse_one_that_does_not_fit(name, shape):
    with pytest.raises(ValueError, match="expected"):
        models.critic(name, size=32, width=8)(torch.rand(2, 3, 32, 32), torch.zeros(shape))


def test_summaries_of_networks_that_take_no_mask():
    table = models.summary(models.detector(width=4))
    assert table.total == sum(row.parameters for row in table.rows) and table.rows[-1].shape == (1, 32, 32)


class Several(nn.Module):
    """A layer with a weight of its own that returns a dict, and takes an option by its name only."""

    def __init__(self):
        super().__init__()
        self.convolution, self.gain = nn.Conv2d(3, 4, 3), nn.Parameter(torch.ones(1))

    def forward(self, image, *, temperature=1.0):
        return {"note": "none", "maps": [self.gain * self.convolution(image) / temperature]}


def test_a_summary_of_a_module_that_returns_a_dict_and_has_an_option():
    table = models.summary(Several())
    assert [(row.name, row.shape, row.parameters) for row in table.rows] == [("convolution", (4, 30, 30), 112), ("", (4, 30, 30), 1)]


def test_the_default_size_of_a_summary_fits_the_model():
    assert models.summary(models.create("course_unet", depth=7, width=2)).title.endswith("64 x 64")
    assert models.summary(models.create("course_unet", depth=2, width=2)).title.endswith("32 x 32")


@pytest.mark.parametrize(
    ("model", "size", "error", "says"),
    [
        (nn.ReLU(), None, ValueError, "model is a ReLU without parameters"),
        (Several(), 32.0, TypeError, r"size is 32\.0; expected a side"),
        (Several(), (32, 32, 32), TypeError, r"size is \(32, 32, 32\); expected a side"),
        (Several(), -4, ValueError, "size is -4x-4; expected at least"),
    ],
)
def test_a_summary_names_what_it_cannot_take(model, size, error, says):
    with pytest.raises(error, match=says):
        models.summary(model, size)


def largest_singular_values(critic):
    convolutions = [m for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == critic.size.bit_length() - 3
    with torch.no_grad():
        return [float(torch.linalg.matrix_norm(conv.weight.flatten(1), 2)) for conv in convolutions]


@pytest.mark.parametrize("width", [8, 16, 48])
@pytest.mark.parametrize("seed", range(3))
def test_the_spectral_norm_of_a_fresh_critic_is_one_within_one_percent(width, seed):
    torch.manual_seed(seed)
    assert largest_singular_values(models.critic("sn_patch", size=32, width=width).eval()) == pytest.approx([1] * 3, rel=0.01)


def test_the_spectral_norm_follows_weights_that_move():
    """One power iteration a step: weights that change by a good part lose the norm of 1, and it comes back while they rest."""
    critic = models.critic("sn_patch", size=32, width=16).train()
    image, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    with torch.no_grad():
        for name, weight in critic.named_parameters():
            if name.endswith("original"):
                weight += 3 * weight.std() * torch.randn_like(weight)
        assert max(abs(value - 1) for value in largest_singular_values(critic.eval())) > 0.05
        critic.train()
        for _ in range(100):
            critic(image, mask)
    assert largest_singular_values(critic.eval()) == pytest.approx([1] * 3, rel=0.01)


def test_the_table_of_a_spectrally_normalised_critic():
    table = models.summary(models.critic("sn_patch", size=32, width=16))
    widths = [4, 16, 32, 64]
    assert [(r.layer, r.shape, r.parameters) for r in table.rows] == [
        ("Conv2d", (cout, side, side), parameters) for cout, side, parameters in zip(widths[1:], (16, 8, 4), halvings(*widths), strict=True)
    ]
    assert table.total == sum(halvings(*widths))


def test_the_local_critic_looks_at_each_hole():
    from inpaintlib.models.critics import crop_at_hole

    image = torch.arange(64.0).view(1, 1, 8, 8).repeat(4, 1, 1, 1)
    mask = torch.ones(4, 1, 8, 8)
    mask[0, :, 2:4, 4:6] = 0  # in the open: the window is centred
    mask[1, :, 0, 7] = 0  # in a corner: it stays inside
    mask[2, :, 1, 1] = mask[2, :, 6, 6] = 0  # two holes: the middle of the box around them; the fourth has none
    crops = crop_at_hole(image, mask, 4)
    for crop, (top, left) in zip(crops, [(1, 3), (0, 4), (2, 2), (2, 2)], strict=True):
        assert torch.equal(crop[0], image[0, 0, top : top + 4, left : left + 4])
    for side, says in ((6, "side is 6, the image 4 x 8"), (0, "side is 0; expected a whole number"), (2.0, r"side is 2\.0")):
        with pytest.raises(ValueError, match=says):
            crop_at_hole(image[..., :4, :], mask[..., :4, :], side)
