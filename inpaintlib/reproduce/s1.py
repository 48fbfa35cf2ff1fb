"""S1: vanilla against partial convolution, this time fair; and the three bugs of the seed put back one by one."""

from __future__ import annotations

from dataclasses import replace

import torch

from inpaintlib import models, published
from inpaintlib.reproduce.arms import Arm, Recipe
from inpaintlib.reproduce.page import Page, difference_in_words
from inpaintlib.reproduce.study import Study, frozen_masks
from inpaintlib.reproduce.wrong_layers import put_back
from inpaintlib.train import presets

__all__ = ["arms", "run"]

COLUMNS = ["raw psnr", "composited psnr", "raw mae", "composited mae", "composited psnr_hole"]


def arms(study: Study) -> list[Arm]:
    """The two networks, and the partial one with each mistake alone and with all."""
    width = {"small": 16, "full": 32, "test": 4}[study.budget]
    recipe = Recipe.of(presets.get("s1"), len(study.images))
    if study.budget != "full":
        recipe = replace(recipe, images={"small": 10_000, "test": 64}[study.budget], lr=2e-3, schedule="one_cycle", clip=1.0, ema=0.999)
    partial = Arm("partial", "partial", "partial_unet_s1", recipe, {"width": width})
    wrong = {
        "factor": "partial, window factor without Cin", "bias": "partial, bias in the holes", "kernels": "partial, mask kernels trained",
    }  # fmt: skip
    return [
        Arm("vanilla", "vanilla", "vanilla_unet", recipe, {"width": width}),
        partial,
        *(replace(partial, name=f"partial_{name}", title=title, change=put_back(name)) for name, title in wrong.items()),
        replace(partial, name="partial_all", title="partial, all three", change=put_back(*wrong)),
    ]


def run(study: Study) -> Page:
    """Train, measure, and write."""
    page = Page(study, "S1: vanilla against partial convolution")
    mask = frozen_masks(["lines"], len(study.target), study.side)
    chosen = ["psnr", "psnr_hole", "mae"]
    todo = arms(study)
    study.train(todo)
    vanilla, partial, *wrong = (study.reached(arm, mask, chosen) for arm in todo)
    shipped = [m for name in ("vanilla_unet", "partial_unet_s1") for m in study.shipped(name, mask, chosen)]
    others = [study.method(name, mask, chosen) for name in ("mean_fill", "navier_stokes", "biharmonic")]
    get = published.get

    page.heading("What was published, and what it means")
    page.published("s1")
    page.text(
        "Both PSNRs were computed with a peak of 255 on images in [0, 1]: 20 log10(255) dB too high.",
        f"With the right peak they are {get('s1.vanilla.psnr_right').text} and {get('s1.partial.psnr_right').text};",
        f"the gap of {get('s1.gap').text} stays. The partial layer had three bugs; the re-run below is fair and without them.",
    )

    page.heading("What ours reaches")
    page.results("networks", [vanilla, partial, *wrong, *shipped, *others], COLUMNS, mask)
    page.differences("gaps_raw", [(vanilla, partial), *((vanilla, m) for m in wrong)], "raw psnr")
    page.differences("gaps", [(vanilla, partial), *((vanilla, m) for m in wrong)], "composited psnr")
    page.text(
        f"Fair, the raw PSNR of the vanilla network is {difference_in_words(vanilla, partial, 'raw psnr')} the partial one,",
        f"and its composited PSNR {difference_in_words(vanilla, partial, 'composited psnr')} the partial one.",
    )

    page.heading("What each bug costs")
    page.differences("bugs_raw", [(partial, m) for m in wrong], "raw psnr")
    page.differences("bugs", [(partial, m) for m in wrong], "composited psnr")
    gap_all, gap = vanilla.above(wrong[-1], "raw psnr")[0].mean, vanilla.above(partial, "raw psnr")[0].mean
    page.text(
        f"With all three bugs vanilla is {gap_all:+.2f} dB above partial (raw), without them {gap:+.2f} dB: the bugs account for",
        f"{gap_all - gap:+.2f} dB. (Printed was {get('s1.gap').text}, after 20 epochs and with masks that are only partly known.)",
        "A bias in the holes can do little harm by itself: the next partial layer multiplies by its mask again.",
    )
    _one_pixel(page, study)
    page.close(_budget(todo[0], study))
    return page


def _budget(arm: Arm, study: Study) -> str:
    seen, batch = arm.recipe.seen(len(study.images)), arm.recipe.batch_size
    text = f"Budget `{study.budget}`: {study.seeds} seeds of each network, {seen:,} images each, batches of {batch}, MAE, Adam."
    if study.budget != "full":
        text += f" To fit one CPU core both networks have {arm.options['width']} channels instead of 32, and a one-cycle learning rate."
    return text


def _one_pixel(page: Page, study: Study) -> None:
    """Its claim: with enough partial convolutions any mask with one known pixel becomes all ones."""
    mask = torch.eye(1024).view(1024, 1, 32, 32)  # one known pixel, at every place
    trace = models.mask_trace(models.create("partial_unet_s1", width=1), mask)
    rows = []
    for name, known in trace.items():
        if name.startswith("down"):
            full = float((known.flatten(1).amin(1) > 0).double().mean())
            rows.append([name, f"{known.shape[-1]} x {known.shape[-1]}", f"{float(known.mean()):.1%}", f"{full:.1%}"])
    last = list(trace.values())[-1]
    page.heading("Does one known pixel become a full mask?")
    page.table(
        ["layer", "size", "known after it, on average", "masks that are full"], rows,
        "all 1,024 masks of 32 x 32 with a single known pixel, through the masks of S1's encoder (they do not depend on weights).",
    )  # fmt: skip
    full = float((last.flatten(1).amin(1) > 0).double().mean())
    page.text(f"At the output {full:.0%} of the masks are full: S1's claim {'holds for this network' if full == 1 else 'does not hold'}.")
