"""How soon a run is good: the `course` preset from scratch on two CPU cores, measured every few seconds while the clock stands still.

    INPAINTLIB_DATA=... python docs/time_to_quality.py

writes docs/results/time_to_quality.md and, beside it, the log of the run. Let it have the machine to itself: about six minutes, half of
them training. It ends with status 1 if a target was missed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inpaintlib import baselines, data, losses, masks, metrics, models, published, train
from inpaintlib.train import presets, report

PAGE = """# Time to quality

A run from first weights, {seconds:.0f} s of training on {hardware}, in {precision}:

    {command}

Network `{model}` ({parameters:,} parameters), preset `{preset}`: masks {masks}, loss {loss}, batches of {batch_size}, learning rate {lr},
schedule {schedule}. It learned from {learned:,} images ({source}) and saw {seen:,} of them, {epochs:.2f} epochs, at {rate:.0f} images
a second. Measured on {measured:,} test images with the frozen benchmark's lines (SHA-256 {digest}), with the averaged weights, while the
run's clock stood still.

## Targets

| target | within | reached after |
|---|--:|--:|
{targets}

S4 trained 20 epochs on a GPU; its figure is the mean absolute error over the whole image, raw. Navier-Stokes is OpenCV's, on the same
images and masks. A target counts as reached at the first look that passes it, so the true moment lies up to {every:.0f} s earlier.

## The curve

| training, s | epochs | MAE, raw | MAE, composited | PSNR composited, dB |
|--:|--:|--:|--:|--:|
{curve}

## All {count:,} test images, at the end

    {table}

Written by `python docs/time_to_quality.py` on {date}; every row of the run is in `{log}`.
"""


class Target(NamedTuple):
    """A column of the history that has to pass a value within some seconds of training."""

    words: str
    column: str
    value: float
    seconds: float
    falls: bool  # whether small is good

    def reached(self, rows: list[dict[str, Any]]) -> float | None:
        """Seconds of training at the first look that passes it."""
        passed = (row["seconds"] for row in rows if self.column in row and (row[self.column] <= self.value) == self.falls)
        return next(passed, None)


class Look(train.Callback):
    """Measure every so many seconds of training, with the clock stopped."""

    def __init__(self, target: Tensor, mask: Tensor, every: float) -> None:
        self.target, self.mask, self.every, self.next = target, mask, every, every
        self.precision = ""

    def on_step(self, run: train.Run) -> None:
        if run.seconds >= self.next:
            self.next += self.every
            with run.off_the_clock():
                self.measure(run)

    def on_end(self, run: train.Run) -> None:
        self.precision = run.precision
        with run.off_the_clock():
            self.measure(run)

    def measure(self, run: train.Run) -> None:
        columns: dict[str, list[Tensor]] = {"mae_raw": [], "mae_composited": [], "psnr_composited": []}
        with run.evaluating() as model:
            for target, mask in zip(self.target.split(250), self.mask.split(250), strict=True):
                with run.autocast():
                    raw = model(target * mask, mask)
                raw = raw.float().clamp(0, 1)
                filled = torch.where(mask > 0, target, raw)
                columns["mae_raw"].append(metrics.mae(raw, target))
                columns["mae_composited"].append(metrics.mae(filled, target))
                columns["psnr_composited"].append(mean_psnr(filled, target))
        run.record({name: float(torch.cat(values).double().mean()) for name, values in columns.items()})


def mean_psnr(filled: Tensor, target: Tensor) -> Tensor:
    """PSNR of each image, dB; an exact filling counts as 100 dB."""
    return metrics.psnr(filled, target, data_range=1).clamp(max=100)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description="How soon is a run good? Trains a preset for a few minutes and writes down the curve.")
    p.add_argument("--preset", default="course", choices=list(presets.PRESETS))
    p.add_argument("--masks", help="what to train on (default: the preset's)")
    p.add_argument("--minutes", type=float, default=3.0, help="of training (default: 3)")
    p.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    p.add_argument("--every", type=float, default=10.0, metavar="S", help="seconds of training between two looks (default: 10)")
    p.add_argument("--images", type=int, default=1000, metavar="N", help="test images at each look (default: 1000)")
    p.add_argument("--data", default="cifar10")
    p.add_argument("--limit", type=int, metavar="N", help="use only the first N training images")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--page", default=str(Path(__file__).parent / "results" / "time_to_quality.md"), help="the page to write")
    return p


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args(arguments)
    torch.set_num_threads(args.threads)
    how = presets.get(args.preset)
    images, test = data.load_images(args.data, "train", limit=args.limit), data.load_images(args.data, "test")
    known, _ = report.benchmark_masks("lines", len(test), 32)
    some = torch.arange(min(args.images, len(test))) * len(test) // min(args.images, len(test))
    target, mask = test.float(some), known[some].float()
    rival = float(mean_psnr(baselines.navier_stokes(target, mask), target).double().mean())
    bar = float(published.get("s4.validation_20").value)
    targets = [
        Target(f"MAE {bar} over the whole image, raw: S4's after 20 epochs on a GPU", "mae_raw", bar, 180, True),
        Target(f"MAE {bar} over the whole image, composited", "mae_composited", bar, 60, True),
        Target(f"PSNR {rival:.2f} dB, composited: Navier-Stokes", "psnr_composited", rival, 180, False),
    ]
    torch.manual_seed(args.seed)
    model = models.create(how.model, **how.options)
    words = args.masks or how.masks
    look = Look(target, mask, args.every)
    history = train.fit(
        model, images, masks.bank(masks.parse(words), size=32), losses.parse(how.loss),
        minutes=args.minutes, batch_size=how.batch_size, lr=how.lr, schedule=how.schedule, optimizer=how.optimizer,
        clip=how.clip or None, ema=how.ema or None, seed=args.seed, device="cpu", callbacks=[look],
    )  # fmt: skip
    page = Path(args.page)
    log = page.with_suffix(".jsonl")
    page.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(json.dumps(row) + "\n" for row in history.rows), "utf-8")
    looks = [row for row in history.rows if "mae_raw" in row]
    verdicts = [(t, t.reached(looks)) for t in targets]
    last = history.rows[-1]
    table, _ = report.measure_on(model, test, ["lines"], 32)
    page.write_text(
        PAGE.format(
            seconds=last["seconds"], hardware=report.hardware(torch.device("cpu")), precision=look.precision,
            command=shlex.join(["python", "docs/time_to_quality.py", *(report.plain_path(word) for word in arguments)]),
            model=how.model, parameters=sum(p.numel() for p in model.parameters()), preset=args.preset, masks=words, loss=how.loss,
            batch_size=how.batch_size, lr=how.lr, schedule=how.schedule, learned=len(images), source=images.source.rstrip("."),
            seen=last["step"] * min(how.batch_size, len(images)), epochs=last["epoch"],
            rate=last["step"] * min(how.batch_size, len(images)) / last["seconds"], measured=len(target), digest=masks.sha256(known)[:16],
            targets="\n".join(f"| {t.words} | {t.seconds:.0f} s | {_said(t, after)} |" for t, after in verdicts),
            every=args.every, count=len(test), table=report.table_text(table).replace("\n", "\n    "),
            curve="\n".join(
                f"| {row['seconds']:.0f} | {row['epoch']:.2f} | {row['mae_raw']:.4f} | {row['mae_composited']:.4f} "
                f"| {row['psnr_composited']:.2f} |" for row in looks
            ),
            date=time.strftime("%Y-%m-%d", time.gmtime()), log=log.name,
        ),
        "utf-8",
    )  # fmt: skip
    for t, after in verdicts:
        print(f"{t.words}: {_said(t, after)} (within {t.seconds:.0f} s)")
    print(f"written: {page.name}, {log.name}")
    return 0 if all(after is not None and after <= t.seconds for t, after in verdicts) else 1


def _said(target: Target, after: float | None) -> str:
    if after is None:
        return "not reached"
    return f"{after:.0f} s" if after <= target.seconds else f"{after:.0f} s, too late"


if __name__ == "__main__":
    sys.exit(main())
