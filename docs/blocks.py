"""What course_unet is made of, part by part: variants trained for the same time on the same core, then measured on the same test images.

    INPAINTLIB_DATA=... OMP_NUM_THREADS=1 python docs/blocks.py --minutes 3 --seeds 1

writes docs/results/blocks.md. A slower layer sees fewer images in its minutes: that is part of what it costs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from inpaintlib import data, evaluation, losses, masks, metrics, models, train
from inpaintlib.train import presets, report

VARIANTS: dict[str, dict[str, Any]] = {
    "as it ships: plain": {},
    "partial convolutions": {"convolution": "partial"},
    "gated convolutions": {"convolution": "gated"},
    "no attention": {"attention": False},
    "no first filling": {"start": False},
}
PAGE = """# What course_unet is made of

Every variant trained for {minutes:g} minutes on {hardware}, {seeds}, with the settings of the preset `course` and first weights from the
seed. Test: {source}, {count:,} images; the frozen benchmark's lines and boxes; composited PSNR over the whole image, mean over images with
a 95 % confidence interval; and against the first row, image by image.

| variant | parameters | images seen | lines, dB | against the first | boxes, dB | against the first |
|---|--:|--:|--:|--:|--:|--:|
{rows}

Some minutes are not convergence: a variant that is slower, or starts from less, may catch up in hours. Intervals are over images
{spread}.

Written by `python docs/blocks.py --minutes {minutes:g} --seeds {count_seeds}`.
"""


def trained(options: dict[str, Any], seed: int, minutes: float, images: data.ImageSet) -> tuple[models.Inpainter, int]:
    """One variant, trained for that long, and the number of images it saw."""
    how = presets.get("course")
    torch.manual_seed(seed)
    model = models.create(how.model, **options)
    history = train.fit(
        model, images, masks.bank(masks.parse(how.masks)), losses.parse(how.loss), minutes=minutes, batch_size=how.batch_size, lr=how.lr,
        schedule=how.schedule, clip=how.clip, ema=how.ema, seed=seed,
    )  # fmt: skip
    return model.eval(), history.rows[-1]["step"] * how.batch_size


def main() -> None:
    """Train all, measure all, write the page."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--minutes", type=float, default=3.0)
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--images", type=int, default=2000, help="test images")
    args = p.parse_args()
    images, test = data.load_images("cifar10", "train"), data.load_images("cifar10", "test", limit=args.images)
    found: dict[str, list[torch.Tensor]] = {}  # by variant: PSNR on lines and on boxes, (2, images), mean over seeds
    facts: dict[str, tuple[int, int]] = {}
    for title, options in VARIANTS.items():
        each = []
        for seed in range(args.seeds):
            print(f"{title}, seed {seed}", flush=True)
            model, seen = trained(options, seed, args.minutes, images)
            each.append(torch.stack([psnr(model, test, kind) for kind in ("lines", "boxes")]))
            facts[title] = sum(p.numel() for p in model.parameters()), seen
        found[title] = list(torch.stack(each).mean(0))
    first = next(iter(found.values()))
    rows = []
    for title, values in found.items():
        parameters, seen = facts[title]
        cells = [title, f"{parameters:,}", f"{seen:,}"]
        for value, base in zip(values, first, strict=True):
            cells += [evaluation.mean_interval(value).text(2), "" if value is base else f"{evaluation.mean_interval(value - base).text(2)}"]
        rows.append("| " + " | ".join(cells) + " |")
    several = args.seeds > 1
    text = PAGE.format(
        minutes=args.minutes,
        seeds=f"{args.seeds} seeds each" if several else "one seed each",
        count_seeds=args.seeds,
        source=test.source.split(",")[0],
        count=len(test),
        hardware=report.hardware(torch.device("cpu")),
        rows="\n".join(rows),
        spread="of the mean over seeds" if several else "and say nothing about another seed",
    )
    Path(__file__).with_name("results").joinpath("blocks.md").write_text(text, "utf-8")
    print(text)


def psnr(model: models.Inpainter, test: data.ImageSet, kind: str) -> torch.Tensor:
    """The composited PSNR of each test image, (images,)."""
    target, holes = test.float(), masks.benchmark(kind, count=len(test))
    filled = torch.cat([model.inpaint(x, m) for x, m in zip(target.split(250), holes.split(250), strict=True)])
    return metrics.psnr(filled, target, data_range=1)


if __name__ == "__main__":
    main()
