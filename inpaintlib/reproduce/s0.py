"""S0: the partial-convolution autoencoder against the mean fill; what Dice can tell; a baseline in the wrong range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from inpaintlib import baselines, metrics, published
from inpaintlib.evaluation import Metric, mean_interval
from inpaintlib.reproduce.arms import Arm, Recipe
from inpaintlib.reproduce.measure import DICE, DICE_HOLE, Measured, measure
from inpaintlib.reproduce.page import Page, difference_in_words
from inpaintlib.reproduce.study import Study, frozen_masks
from inpaintlib.train import presets

__all__ = ["arms", "run"]

COLUMNS = ["composited mse_hole", "raw mse", "composited mse", "composited psnr", "raw psnr", "composited dice", "composited dice_hole"]


def arms(study: Study) -> list[Arm]:
    """The seed's recipe, ours, and the seed's on a single class, as its public code keeps one."""
    width = {"small": 32, "full": 32, "test": 4}[study.budget]
    recipe = Recipe.of(presets.get("s0"), len(study.images))
    if study.budget != "full":
        recipe = replace(recipe, images={"small": 10_000, "test": 64}[study.budget])
    ours = replace(recipe, loss="6*hole_l1+valid_l1", lr=2e-3, schedule="one_cycle", clip=1.0, ema=0.999)
    seed = Arm("seed", "S0's recipe", "partial_unet", recipe, {"width": width})
    return [
        seed,
        replace(seed, name="ours", title="our recipe", recipe=ours),
        replace(seed, name="one_class", title="S0's recipe, one class", only_class=0, seeds=1),
    ]


def run(study: Study) -> Page:
    """Train, measure, and write."""
    page = Page(study, "S0: partial convolution against the mean")
    mask = frozen_masks(["lines"], len(study.target), study.side)
    chosen: list[str | Metric] = ["mse", "mse_hole", "psnr", DICE, DICE_HOLE]
    todo = arms(study)
    study.train(todo)
    networks = [study.reached(arm, mask, chosen) for arm in todo]
    mean = study.method("mean_fill", mask, chosen)
    others = [study.method(name, mask, chosen) for name in ("navier_stokes", "biharmonic")]

    page.heading("What was published")
    page.text("Curves of loss and Dice against the mean fill, and the table of the network. No figure of quality was printed as a number.")
    page.published("s0")
    page.heading("What ours reaches")
    page.results("networks", [*networks, *study.shipped("partial_unet", mask, chosen), mean, *others], COLUMNS, mask)
    page.differences("against_mean", [(m, mean) for m in networks], "composited mse_hole")
    key = "composited mse_hole"
    page.text(
        f"The error in the holes of S0's recipe is {difference_in_words(networks[0], mean, key)} the mean fill,",
        f"and that of our recipe {difference_in_words(networks[1], networks[0], key)} S0's.",
        "S0's loss looks at the holes alone, so its raw picture may be anything where the image is known; composited, that is no harm.",
    )
    _one_class(page, study, todo, mask)
    _dice(page, study, networks, mean, mask)
    _wrong_range(page, study, mask)
    page.close(_budget(todo, study))
    return page


def _budget(todo: list[Arm], study: Study) -> str:
    recipe = todo[0].recipe
    return (
        f"Budget `{study.budget}`: {study.seeds} seeds of each recipe (one of the single class), {recipe.seen(len(study.images)):,} images "
        f"each, batches of {recipe.batch_size}, the network of the slides, {todo[0].options['width']} channels in its first stage. S0's "
        "recipe: squared error in the holes, learning rate 2e-4, a tenth of it every 10 epochs; ours: 6 hole_l1 + valid_l1, 2e-3, one "
        "cycle, averaged weights."
    )


def _one_class(page: Page, study: Study, todo: list[Arm], mask: Tensor) -> None:
    """Trained on one class: how it does on that class, and on the others."""
    inside = study.test.labels.eq(todo[2].only_class or 0)
    if study.images.classes != study.test.classes or not 1 < int(inside.sum()) < len(inside) - 1:
        return  # photographs: no picture is in both splits
    page.heading("One class only")
    page.text("S0's public code keeps one class of the ten. The same number of images, from that class alone:")
    rows = []
    for label, part in (("images of that class", inside), ("the other classes", ~inside)):
        pictures, holes = study.target[part], mask[part]
        psnr = [measure("", [t.model for t in study.trained[name]], pictures, holes, ["psnr"]) for name in ("one_class", "seed")]
        rows.append([f"{label} ({len(pictures)})", *(m.interval("composited psnr").text(2) for m in psnr)])
    page.table(
        ["composited PSNR, dB, on", f"trained on {study.images.classes[0]} alone", "trained on all"], rows,
        "the same frozen masks; mean over images, ± half a 95 % confidence interval over images.",
    )  # fmt: skip


def _dice(page: Page, study: Study, networks: list[Measured], mean: Measured, mask: Tensor) -> None:
    """Dice on intensities, beside the Dice of the truth with itself."""
    target = study.target
    pictures: dict[str, Callable[[], Tensor]] = {
        "the truth itself": lambda: target,
        "all white": lambda: torch.ones_like(target),
        "the truth, above and below 1/2 made white and black": lambda: (target > 0.5).to(target.dtype),
    }
    rows, scores = [], {}
    for name, make in pictures.items():
        picture = make()
        values = [metrics.dice(picture, target), metrics.dice(picture, target, mask=mask, region="hole")]
        rows.append([name, *(mean_interval(v).text(4) for v in values), f"{float(metrics.mse(picture, target).mean()):.4f}"])
        scores[name] = float(values[0].double().mean())
    for m in (mean, *networks[:2]):
        cells = [m.interval(f"composited {key}").text(4) for key in ("dice", "dice_hole")]
        rows.append([m.title, *cells, f"{m.interval('composited mse').mean:.4f}"])
    page.numbers["dice"] = scores
    page.heading("What Dice can tell")
    page.table(
        ["picture", "Dice, whole image", "Dice, hole", "MSE, whole image"], rows,
        "2 sum(AB) / (sum A + sum B) of each image, composited, then the mean over images, ± half a 95 % confidence interval.",
    )  # fmt: skip
    truth, *wrong = scores
    above = [name for name in wrong if scores[name] > scores[truth]]
    page.text(
        f"A perfect picture scores E[x²] / E[x] = {scores[truth]:.3f} and no more. Pictures that are all wrong score more than the truth:",
        f"{'; '.join(f'{name} {scores[name]:.3f}' for name in above) or 'none on these images'}.",
        "So a Dice near that of the truth says next to nothing about a filling.",
    )


def _wrong_range(page: Page, study: Study, mask: Tensor) -> None:
    """The trap: the mean fill computed in [-1, 1], its error taken against a target in [0, 1]."""
    target, known = study.target, mask.to(study.target.dtype)
    right = baselines.mean_fill(target * known, known)
    wrong = 2 * right - 1  # the mean fill of the image in [-1, 1]: a mean moves along with a change of range
    hole = (1 - known).expand_as(target)
    count = hole.flatten(1).sum(1)
    rows = []
    for name, picture in (("in [0, 1], as the target", right), ("in [-1, 1], against the target in [0, 1]", wrong)):
        error = (picture - target).square()
        inside = (error * hole).flatten(1).sum(1) / count
        overlap = 2 * (picture * target).flatten(1).sum(1) / (picture + target).flatten(1).sum(1)
        whole = mean_interval(error.flatten(1).mean(1))
        rows.append([name, mean_interval(inside).text(4), whole.text(4), f"{float(overlap.median()):.3f}"])
        page.numbers.setdefault("range", {})[name] = float(inside.double().mean())
    page.heading("A baseline in the wrong range")
    page.table(
        ["mean fill", "MSE, hole", "MSE, whole image", "Dice, median"], rows,
        "the same filling twice, once with its values left in [-1, 1]; median for Dice, whose sum A + sum B can then be near 0.",
    )  # fmt: skip
    factor = page.numbers["range"]["in [-1, 1], against the target in [0, 1]"] / page.numbers["range"]["in [0, 1], as the target"]
    page.text(
        f"Left in [-1, 1], the mean fill seems {factor:.0f} times as bad in the holes as it is, and errs even where it copies.",
        "A network that is compared with it looks good whatever it does.",
        f"(The worked example's centre is {published.get('s0.example_centre_right').text}, not {published.get('s0.example_centre').text}.)",
    )
