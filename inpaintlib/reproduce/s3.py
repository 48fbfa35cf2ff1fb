"""S3: the centre hole with and without an adversary, and the loss of Liu et al. term by term."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from torch import Tensor

from inpaintlib import features, losses, models
from inpaintlib.evaluation import Metric
from inpaintlib.losses import LIU_WEIGHTS
from inpaintlib.reproduce.arms import Adversary, Arm, Recipe
from inpaintlib.reproduce.page import Page, difference_in_words
from inpaintlib.reproduce.study import Study, frozen_masks
from inpaintlib.train import presets

__all__ = ["LADDER", "centre_arms", "run", "term_arms"]

LADDER = {  # each adds one term to the one before
    "valid + hole": ("valid", "hole"),
    "+ perceptual": ("valid", "hole", "perceptual"),
    "+ style": ("valid", "hole", "perceptual", "style_out", "style_comp"),
    "+ total variation": ("valid", "hole", "perceptual", "style_out", "style_comp", "tv"),
}
_GENERATOR = 0.999  # L = 0.999 L_rec + 0.001 L_adv


def centre_arms(study: Study) -> list[Arm]:
    """The Context Encoder's twin, by reconstruction alone and with its discriminator."""
    side = int(study.target.shape[-1])
    tiny = study.budget == "test"
    options: dict[str, Any] = {"size": side, "latent": 8 if tiny else 512, "width": 4 if tiny else 64}
    recipe = Recipe.of(presets.get("s3"), len(study.images))
    recipe = replace(recipe, loss="0.999*border_weighted, band as wide as the overlap", optimizer="adam_dcgan", clip=1.0, ema=0.999)
    if study.budget != "full":
        recipe = replace(recipe, images=64 if tiny else 16_000, batch_size=16 if tiny else 64)
    overlap: Any = models.create("context_encoder", **options | {"width": 1, "latent": 1}).overlap
    alone = Arm("alone", "reconstruction alone", "context_encoder", recipe, options, measure_by=_joint(overlap))
    critic = {"context": {"size": side, "width": options["width"]}}
    return [
        alone,
        replace(alone, name="adversary", title="with the adversary", adversary=Adversary("bce", critic, weight=0.001)),
        replace(alone, name="stronger", title="with a stronger one", adversary=Adversary("bce", critic, weight=0.01)),
    ]


def _joint(overlap: int) -> losses.Loss:
    """0.999 times the squared error, tenfold in the band where patch and known pixels overlap."""
    return losses.weighted_sum(reconstruction=(_GENERATOR, functools.partial(losses.border_weighted, width=overlap)))


def term_arms(study: Study) -> list[Arm]:
    """A small twin of Liu et al.'s network, with one more term of their loss each time."""
    side = int(study.target.shape[-1])
    width = {"small": 16, "full": 64, "test": 4}[study.budget]
    images = {"small": 6_000, "full": 40 * len(study.images), "test": 64}[study.budget]
    recipe = Recipe("irregular", "", images, batch_size=32, lr=2e-4 if study.budget == "full" else 2e-3, clip=1.0)
    if study.budget == "full":
        recipe = replace(recipe, schedule="constant")
    judge = features.load("small")
    found = []
    for title, terms in LADDER.items():
        weights = {name: LIU_WEIGHTS[name] for name in terms}
        loss = functools.partial(losses.liu_total, features=judge, weights=weights)
        named = replace(recipe, loss=" + ".join(f"{weight:g}*{name}" for name, weight in weights.items()))
        options = {"size": side, "width": width}
        found.append(Arm(f"terms{len(terms)}", title, "partial_unet_512", named, options, measure_by=Named(loss, named.loss)))
    return found


class Named:
    """A loss that goes by a name of its own, so that a checkpoint can note down which it was."""

    def __init__(self, loss: losses.Loss, name: str) -> None:
        self.loss, self.__name__ = loss, name

    def __call__(self, prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor | dict[str, Tensor]:
        return self.loss(prediction, target, mask)


def run(study: Study) -> Page:
    """Train, measure, and write."""
    page = Page(study, "S3: the centre hole with an adversary, and a loss term by term")
    chosen: list[str | Metric] = ["psnr", "psnr_hole", "mae_hole", "ssim", *study.perceptual]
    centre, terms = centre_arms(study), term_arms(study)
    study.train([*centre, *terms])

    page.heading("What was published")
    page.text("Curves and pictures, no figures of quality; what can be reproduced are the settings.")
    page.published("s3", kinds=("setting",))
    _centre(page, study, centre, chosen)
    _terms(page, study, terms, chosen)
    page.close(_budget(centre[0], terms[0], study))
    return page


def _centre(page: Page, study: Study, todo: list[Arm], chosen: list[str | Metric]) -> None:
    mask = frozen_masks(["center"], len(study.target), study.side)
    alone, *played = (study.reached(arm, mask, chosen) for arm in todo)
    others = [study.method(name, mask, chosen) for name in ("mean_fill", "navier_stokes", "biharmonic")]
    shipped = study.shipped("context_encoder", mask, chosen)
    columns = ["composited psnr", "composited psnr_hole", "composited mae_hole", "composited ssim", "composited perceptual", "raw psnr"]
    words = "Raw: outside its patch the network hands on what is known, so raw differs from composited in the overlapping band alone."
    page.heading("The centre hole, with and without the adversary")
    page.results("centre", [alone, *played, *shipped, *others], columns, mask, words)
    for name, key in (("PSNR", "composited psnr"), ("perceptual distance", "composited perceptual")):
        if key in alone.values:
            page.differences(f"centre, {name}", [(one, alone) for one in played], key)
            page.text(*(f"The {name} {one.title} is {difference_in_words(one, alone, key)} reconstruction alone." for one in played))
    rows = []
    for arm in todo[1:]:
        for seed, part in enumerate(study.trained[arm.name]):
            facts = part.facts
            cells = [f"{facts['accuracy_real']:.0%}, {facts['accuracy_fake']:.0%}", f"{facts['critic']:.3f}", f"{facts['variety']:.2f}"]
            rows.append([f"{arm.title}, seed {seed}", *cells])
    page.table(
        ["", "discriminator right on real, on filled", "its loss", "variety"], rows,
        "means over the last steps of the training. At a loss of 2 log 2 = 1.386 the discriminator knows nothing; variety, of what is "
        "painted into holes, is a share of the truth's, and near 0 after a collapse.",
    )  # fmt: skip


def _terms(page: Page, study: Study, todo: list[Arm], chosen: list[str | Metric]) -> None:
    mask = frozen_masks(["irregular"], len(study.target), study.side)
    rungs = [study.reached(arm, mask, chosen) for arm in todo]
    others = [study.method(name, mask, chosen) for name in ("mean_fill", "navier_stokes", "biharmonic")]
    page.heading("The total loss, term by term")
    page.text("Each row adds one term to the one above it. The feature network in the loss is another one than that which measures.")
    columns = ["composited psnr", "composited psnr_hole", "composited ssim", "composited perceptual", "raw psnr"]
    page.results("terms", [*rungs, *others], columns, mask)
    steps = list(zip(rungs[1:], rungs, strict=False))
    for name, key in (("PSNR", "composited psnr"), ("perceptual distance", "composited perceptual")):
        if key in rungs[0].values:
            page.differences(f"terms, {name}", [*steps, (rungs[-1], rungs[0])], key)
            page.text(f"The {name} of the total loss is {difference_in_words(rungs[-1], rungs[0], key)} valid + hole.")
    page.text(
        "A smaller perceptual distance is better.",
        "PSNR rewards the mean of all fillings that fit, which is blurred; the feature terms do not.",
    )


def _budget(centre: Arm, terms: Arm, study: Study) -> str:
    count = len(study.images)
    return (
        f"Budget `{study.budget}`: {study.seeds} seeds of each. Centre hole: the Context Encoder's twin at {centre.options['size']} x "
        f"{centre.options['size']} with a bottleneck of {centre.options['latent']}, {centre.recipe.seen(count):,} images each, batches of "
        f"{centre.recipe.batch_size}, L = 0.999 L_rec + 0.001 L_adv (0.01 for the stronger one), an error in the overlapping band "
        f"counting tenfold, learning rates 1e-3 and 1e-4. Terms: the twin of Liu et al.'s network, {terms.options['width']} channels in "
        f"its first block, {terms.recipe.seen(count):,} images each, batches of {terms.recipe.batch_size}, irregular holes."
    )
