"""S4: the vanilla U-Net at depths 2, 3, 4 and 5; how to read a printed table; what leaks through a hole."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

from torch import Tensor

from inpaintlib import baselines, metrics, published
from inpaintlib.evaluation import Metric, mean_interval
from inpaintlib.reproduce import leak
from inpaintlib.reproduce.arms import Arm, Recipe
from inpaintlib.reproduce.measure import DICE, Measured
from inpaintlib.reproduce.page import Page, difference_in_words, number
from inpaintlib.reproduce.study import Study, frozen_masks
from inpaintlib.train import presets

__all__ = ["arms", "run"]

DEPTHS = (2, 3, 4, 5)
COLUMNS = ["raw mae", "composited mae", "raw psnr", "composited psnr", "raw dice"]


def arms(study: Study) -> list[Arm]:
    """One for each depth, the number of resolutions."""
    width = {"small": 16, "full": 32, "test": 4}[study.budget]
    recipe = Recipe.of(presets.get("s4"), len(study.images))
    if study.budget != "full":
        recipe = replace(recipe, images={"small": 16_000, "test": 64}[study.budget], lr=2e-3, schedule="one_cycle", clip=1.0, ema=0.999)
    return [Arm(f"depth{d}", f"depth {d}", "vanilla_unet", recipe, {"depth": d, "width": width}) for d in DEPTHS]


def run(study: Study) -> Page:
    """Train, measure, and write."""
    page = Page(study, "S4: how deep?")
    mask = frozen_masks(["lines"], len(study.target), study.side)
    chosen: list[str | Metric] = ["mae", "psnr", "psnr_hole", DICE]
    todo = arms(study)
    study.train(todo)
    depths = [study.reached(arm, mask, chosen) for arm in todo]
    others = [study.method(name, mask, chosen) for name in ("mean_fill", "navier_stokes", "biharmonic")]
    shipped = study.shipped("vanilla_unet", mask, chosen)

    page.heading("What was published")
    page.text("A vanilla U-Net, trained for 20 epochs, and a study of its depth over 50 images.")
    page.published("s4")
    _printed_table(page, study)

    page.heading("What ours reaches")
    page.text(
        "Depth is the number of resolutions: depth 5 has four poolings and is S4's network, depth 2 has one. Every depth and seed saw "
        "equally many images, in the same order and under the same masks for the same seed."
    )
    page.results("depths", [*depths, *shipped, *others], COLUMNS, mask)
    page.differences("steps", [(b, a) for a, b in itertools.pairwise(depths)], "raw mae")
    page.differences("steps_composited", [(b, a) for a, b in itertools.pairwise(depths)], "composited psnr")
    page.text(f"At this budget the raw MAE of depth 5 is {difference_in_words(depths[-1], depths[0], 'raw mae')} depth 2.")
    _against_published(page, depths, others)
    _error_bars(page, study, depths[-1])
    _leak(page, study, mask)
    page.close(_budget(todo[0], study))
    return page


def _budget(arm: Arm, study: Study) -> str:
    seen, batch, width = arm.recipe.seen(len(study.images)), arm.recipe.batch_size, arm.options["width"]
    text = f"Budget `{study.budget}`: {study.seeds} seeds of each depth, {seen:,} images each, batches of {batch}, MAE, Adam."
    if study.budget != "full":
        text += f" To fit one CPU core the networks have {width} channels at full resolution instead of 32, and a one-cycle learning rate."
    return text


def _printed_table(page: Page, study: Study) -> None:
    get = published.get
    itself = metrics.dice_of_truth(study.target)
    deviation, count = float(itself.double().std()), int(get("s4.depth.images").value)
    page.heading("How to read the printed table")
    page.table(
        ["depth", "MAE as printed", "mean of the printed rows", "printed minus that"],
        [[str(d), *(get(f"s4.depth.mae_{d}{tail}").text for tail in ("", "_rows", "_off"))] for d in (2, 3, 5)],
        "the means of the rows were recomputed once from the rows as printed; the differences by code.",
    )
    page.table(
        ["depth", "Dice as printed", "± over 50 images would be, as a deviation", "as a standard error", "printed ± is smaller by"],
        [
            [str(d), figure.text, number(deviation, 3), number(deviation / math.sqrt(count), 4), f"{deviation / figure.spread:.0f} times"]
            for d in (2, 3, 5)
            if (figure := get(f"s4.depth.dice_{d}")).spread
        ],
        f"the standard deviation over {len(itself):,} test images of the Dice of an image with itself, and that over sqrt({count}).",
    )
    page.text(
        "A table should come from its rows; the printed means do not.",
        f"Images differ, so their Dice differ: by {number(deviation, 3)} even where the picture is perfect.",
        f"No network can bring that down to {get('s4.depth.dice_2').spread}.",
        f"{get('s4.depth.dice_shifted').value} of {count} rows hold the Dice of another depth plus a round number.",
        "So the table shows what to look for in a table, and nothing about depth.",
        f"Dice itself says little here: an image scores {mean_interval(itself).text(3)} with itself, and the network was reported with",
        f"{get('s4.dice').text}.",
    )
    page.numbers["dice_of_truth"] = {"mean": float(itself.double().mean()), "deviation": deviation}


def _against_published(page: Page, depths: list[Measured], others: list[Measured]) -> None:
    figure = published.get("s4.validation_20")
    best = min(depths, key=lambda m: m.interval("raw mae").mean)
    methods = ", ".join(f"{m.title} {m.interval('composited mae').text(4)}" for m in others)
    page.text(
        f"S4 reports a raw MAE of {figure.text} over the whole image after 20 epochs; the best of ours here, {best.title}, has",
        f"{best.interval('raw mae').text(4)} raw and {best.interval('composited mae').text(4)} composited.",
        f"Methods that learn nothing, composited: {methods}.",
        "Raw and composited must not be compared with each other: a composited result has no error where the picture was known.",
    )


def _error_bars(page: Page, study: Study, deep: Measured) -> None:
    page.heading("How far 50 images can be trusted")
    rows = []
    for count in (min(50, len(study.target)), len(study.target)):
        values = study.some(deep.values["raw mae"].mean(0), count)
        interval = mean_interval(values)
        rows.append([f"{count:,} images", interval.text(5), number(float(values.double().std()), 5)])
    page.table(
        [f"{deep.title}, raw MAE", "mean ± half a 95 % interval", "standard deviation over images"], rows,
        "the first images of the test set; Student's t. The deviation tells how much images differ, the interval how sure the mean is.",
    )  # fmt: skip


def _leak(page: Page, study: Study, mask: Tensor) -> None:
    found = leak.look(study.test.images, mask, baselines.biharmonic(study.target * mask, mask.float()))
    page.heading("What leaks through the hole")
    page.text(
        "S4 cut its holes by a bitwise AND with 1: what is left there looks black, but is the lowest bit of the value that was hidden.",
        "A decoder is one line: the hole's values are the bits.",
    )
    page.table(
        ["", "an image"],
        [
            ["hidden values", number(found.hidden, 0)],
            ["bits hidden, 8 a value", number(8 * found.hidden, 0)],
            ["bits leaked, 1 a value", number(found.hidden, 0)],
            ["bits that one leaked bit tells (entropy)", number(found.entropy, 4)],
            ["lowest bits decoded rightly", f"{found.recovered:.2%}"],
            ["values that the biharmonic filling hits exactly", f"{found.exact_before:.2%}"],
            ["... when moved to the nearest value with the leaked bit", f"{found.exact_after:.2%}"],
            ["PSNR of the filling, dB", found.psnr_before.text(2)],
            ["... with the leaked bits, dB", found.psnr_after.text(2)],
            ["gain, paired, dB", found.gain.text(4)],
        ],
        "the test images in 8 bits, cut and decoded by `reproduce/leak.py`; the filling is rounded to 8 bits in both rows, composited.",
    )  # fmt: skip
    page.text(
        f"An eighth of the hidden bits leaks, all of it can be read, and it is worth {found.gain.text(2)} dB: the lowest bit moves a value",
        "by one level of 255. It is a mistake all the same: what is hidden must be hidden, and a higher bit would be worth more.",
    )
    page.numbers["leak"] = {key: value if isinstance(value, float) else value._asdict() for key, value in found._asdict().items()}
