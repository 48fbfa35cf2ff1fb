"""S2: gated convolution on free-form holes and boxes, one stage and two, with and without an adversary, hinge and WGAN-GP.

The seed's own weight of the adversary is small; what a patch critic can do is seen with the preset ``patch_gan``, where its word counts.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import torch
from torch import Tensor

from inpaintlib import masks
from inpaintlib.evaluation import Metric, mean_interval
from inpaintlib.reproduce.arms import Adversary, Arm, Recipe
from inpaintlib.reproduce.measure import Measured
from inpaintlib.reproduce.page import Page, difference_in_words
from inpaintlib.reproduce.study import Study, frozen_masks
from inpaintlib.train import presets

__all__ = ["arms", "boxes", "draw", "run"]

boxes = functools.partial(masks.boxes, side=(96 / 256, 160 / 256))  # 128 +- 32 in 256
draw = masks.Mixture({"lines": masks.lines, "circles": masks.circles, "strokes": masks.strokes, "boxes": boxes}, [1, 1, 1, 3])


def arms(study: Study) -> list[Arm]:
    """Partial and gated, one stage and two, reconstruction alone; then gated with each adversary."""
    small = study.budget != "full"
    width = {"small": 16, "full": 24, "test": 4}[study.budget]
    recipe = Recipe.of(presets.get("s2"), len(study.images))
    recipe = replace(recipe, masks="lines+circles+strokes+3*boxes of 12 to 20", lr=1e-3, schedule="one_cycle", clip=1.0, ema=0.999)
    if small:
        recipe = replace(recipe, images={"small": 5_000, "test": 64}[study.budget])
    side = int(study.target.shape[-1])
    critic = {"size": side, "width": {"small": 16, "full": 64, "test": 4}[study.budget]}
    hinge = Adversary("hinge", {"sn_patch": critic}, weight=1e-2, lr=4e-4)
    wgan_gp = Adversary("wgan_gp", {"global": critic, "local": critic}, weight=5e-4)
    gated = Arm("gated", "gated", "gated_unet", recipe, {"size": side, "width": width}, draw=draw)
    two = {"size": side, "width": {"small": 8, "full": 16, "test": 4}[study.budget]}
    return [
        Arm("partial", "partial", "partial_unet_s1", recipe, {"width": width}, draw=draw),
        gated,
        Arm("two_stages", "gated, two stages", "coarse_to_fine", recipe, two, draw=draw),
        replace(gated, name="hinge", title="gated, hinge", adversary=hinge),
        replace(gated, name="wgan_gp", title="gated, WGAN-GP", adversary=wgan_gp),
    ]


def box_arms(study: Study) -> list[Arm]:
    """The preset patch_gan on boxes of 8 to 16 pixels, without its critic and with it."""
    preset, side = presets.get("patch_gan"), int(study.target.shape[-1])
    recipe = Recipe.of(preset, len(study.images))
    tiny = study.budget == "test"
    if study.budget != "small":
        recipe = replace(recipe, images=64 if tiny else 20 * len(study.images))
    alone = Arm("boxes", "gated on boxes", "gated_unet", recipe, {"size": side, "width": 4 if tiny else preset.options["width"]})
    critic = {"sn_patch": {"size": side, "width": 4 if tiny else 24}}
    game = Adversary("hinge", critic, weight=preset.adversary["adversarial_weight"], lr=preset.adversary["critic_lr"])
    return [alone, replace(alone, name="boxes_patch", title="the same against SN-PatchGAN", adversary=game)]


def run(study: Study) -> Page:
    """Train, measure, and write."""
    page = Page(study, "S2: gated convolution on free-form holes and boxes")
    count = len(study.target)
    kinds = {
        "free-form": frozen_masks(["lines", "circles", "strokes"], count, study.side),
        "boxes": boxes(count, study.side, generator=torch.Generator().manual_seed(0)),
    }
    chosen: list[str | Metric] = ["psnr", "ssim", "mae", "psnr_hole", *study.perceptual]
    todo, in_boxes = arms(study), box_arms(study)
    study.train([*todo, *in_boxes])

    page.heading("What was published")
    page.text("Single results of a finished model on ImageNet pictures of 256 x 256: no means, no intervals.")
    page.published("s2")
    page.text(
        "One image tells nothing about another: below, every figure is a mean over test images, and these are small.",
        "So nothing here can be ranked with the figures above; what carries over are the comparisons between our own arms.",
    )
    page.heading("What ours reaches")
    found: dict[str, dict[str, Measured]] = {}
    columns = ["raw psnr", "raw ssim", "composited psnr", "composited ssim", "composited psnr_hole", "composited perceptual"]
    for kind, mask in kinds.items():
        networks = {arm.name: study.reached(arm, mask, chosen) for arm in todo}
        others = [study.method(name, mask, chosen) for name in ("mean_fill", "navier_stokes", "biharmonic")]
        shipped = [m for name in ("gated_unet", "coarse_to_fine") for m in study.shipped(name, mask, chosen)]
        page.text(f"**{kind.capitalize()}**")
        page.results(kind, [*networks.values(), *shipped, *others], columns, mask, each="composited psnr")
        pairs = [("gated", "partial"), ("two_stages", "gated"), ("hinge", "gated"), ("wgan_gp", "gated"), ("hinge", "wgan_gp")]
        page.differences(f"{kind}, PSNR", [(networks[a], networks[b]) for a, b in pairs], "composited psnr")
        page.differences(f"{kind}, SSIM", [(networks[a], networks[b]) for a, b in pairs], "composited ssim")
        if study.perceptual:
            page.differences(f"{kind}, perceptual", [(networks[a], networks[b]) for a, b in pairs[2:]], "composited perceptual")
        found[kind] = networks
        words = [difference_in_words(networks[a], networks[b], "composited psnr") for a, b in (pairs[0], pairs[2])]
        page.text(
            f"On {kind} holes the composited PSNR of gated convolution is {words[0]} partial convolution,",
            f"and with the hinge loss {words[1]} gated alone.",
        )
    _patch_gan(page, study, in_boxes)
    _games(page, study)
    _by_hole(page, {kind: networks["gated"] for kind, networks in found.items()}, kinds)
    page.close(_budget(todo, study))
    return page


def _budget(todo: list[Arm], study: Study) -> str:
    recipe, names = todo[0].recipe, {arm.title: arm.options["width"] for arm in todo[:3]}
    text = (
        f"Budget `{study.budget}`: {study.seeds} seeds of each network, {recipe.seen(len(study.images)):,} images each, batches of "
        f"{recipe.batch_size}, mean absolute error, half of the masks boxes of 12 to 20 pixels, half lines, circles and strokes."
    )
    if study.budget != "full":
        widths = ", ".join(f"{name}: {width}" for name, width in names.items())
        text += f" To fit one CPU core the networks are narrow ({widths} channels at full resolution)."
    return text + " Hinge: SN-PatchGAN, weight 0.01; WGAN-GP: a global and a local critic, weight 5e-4, penalty 10. The seed names both."


def _patch_gan(page: Page, study: Study, both: list[Arm]) -> None:
    """What the critic of patches is worth where its word counts: measured by features that no loss has seen."""
    mask = frozen_masks(["boxes"], len(study.target), study.side)
    alone, against = (study.reached(arm, mask, ["psnr", "ssim", "psnr_hole", *study.perceptual]) for arm in both)
    page.heading("A patch critic whose word counts")
    columns = ["composited psnr", "composited ssim", "composited psnr_hole", "composited perceptual"]
    page.results("patch gan", [alone, against], columns, mask)
    page.differences("patch gan, PSNR", [(against, alone)], "composited psnr")
    if study.perceptual:
        page.differences("patch gan, perceptual", [(against, alone)], "composited perceptual")
    page.text(
        f"The preset `patch_gan`, {both[0].recipe.seen(len(study.images)):,} images, boxes of 8 to 16 pixels, the critic's weight",
        f"{presets.get('patch_gan').adversary['adversarial_weight']:g}. Its settings were chosen by short runs of their own, before these.",
    )


def _games(page: Page, study: Study) -> None:
    """How the three games ended."""
    rows = []
    for name in ("hinge", "wgan_gp", "boxes_patch"):
        for seed, part in enumerate(study.trained[name]):
            accuracy = [f"{value:.0%}" for key, value in part.facts.items() if key.startswith("accuracy")]
            words = f"{name.replace('_', ' ')}, seed {seed}"
            rows.append([words, f"{part.facts['loss']:.4f}", ", ".join(accuracy), f"{part.facts['variety']:.2f}"])
    page.heading("How the games ended")
    page.table(
        ["", "generator's loss", "critic right on real and on filled", "variety"], rows,
        "means over the last steps of the training. Variety: of what is painted into holes, as a share of the truth's; near 0 after a "
        "collapse. (A WGAN's critic only ranks: right is on which side of the middle a score lies.)",
    )  # fmt: skip


def _by_hole(page: Page, networks: dict[str, Measured], kinds: dict[str, Tensor]) -> None:
    """Quality by hole size, for the sentence that has it the wrong way round."""
    ratio = torch.cat([masks.hole_ratio(kinds[kind]) for kind in networks])
    values = {key: torch.cat([m.values[f"composited {key}"].mean(0) for m in networks.values()]) for key in ("psnr", "ssim")}
    rows = []
    for low, high in ((0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.6)):
        inside = (ratio > low) & (ratio <= high)
        if int(inside.sum()) > 1:
            cells = [mean_interval(values[key][inside]).text(digits) for key, digits in (("psnr", 2), ("ssim", 4))]
            rows.append([f"{low:.0%} to {high:.0%} ({int(inside.sum())})", *cells])
    page.heading("Small holes or large ones?")
    page.table(
        ["hole (images)", "composited PSNR, dB", "composited SSIM"], rows,
        "the gated network, both kinds of holes together, grouped by the share of the image that is hole.",
    )  # fmt: skip
    if len(rows) > 1:
        down = float(torch.corrcoef(torch.stack([ratio, values["psnr"]]))[0, 1])
        turn = "it is the other way round: the larger the hole, the lower" if down < 0 else "these images do not contradict it"
        page.text(
            f"Correlation of hole share and PSNR over images: {down:+.2f}.",
            f"A report had \"the lower the mask percentage, the lower PSNR and SSIM\"; {turn}.",
        )


