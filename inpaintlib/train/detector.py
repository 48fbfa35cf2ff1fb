"""``python -m inpaintlib.train.detector``: teach a network to find what inpainters have filled.

It needs no new loop. Pictures are filled beforehand, each by one of several inpainters; the truth, where the hole was, travels as a
fourth channel. So :func:`fit` sees images whose masks are known everywhere, and a loss that compares the prediction with that channel.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib import data, masks, metrics, models
from inpaintlib._check import describe
from inpaintlib._device import device as choose_device
from inpaintlib.fill import inpainter
from inpaintlib.models.hole_detector import HoleDetector
from inpaintlib.models.pretrained import save_pretrained
from inpaintlib.train import Callback, Checkpoint, Diverged, Run, fit, pasts, report
from inpaintlib.train.cli import hold_out
from inpaintlib.train.precision import choose as choose_precision

__all__ = ["FilledSet", "Watch", "detection_loss", "evaluate", "fill", "main", "suspects", "train_detector"]

SEEN = "mean_fill,fast_marching,navier_stokes,partial_unet"
UNSEEN = "biharmonic,nearest_patch"
UNTOUCHED = "untouched"

Table = dict[str, dict[str, float]]


class FilledSet(data.ImageSet):
    """Pictures that were filled, with a fourth channel: 255 where the hole was. ``labels`` say by whom, ``classes`` are the names."""

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.dim() != 4 or self.images.shape[1] != 4:
            raise TypeError(f"images is {describe(self.images)}; expected uint8 (N, 4, H, W): a filled picture, and where its hole was.")


def fill(
    images: data.ImageSet,
    inpainters: dict[str, Callable[[Tensor, Tensor], Tensor]],
    family: Any,
    *,
    untouched: float = 0.1,
    own_pasts: bool = False,
    seed: int = 0,
) -> FilledSet:
    """Damage every image and have it filled, each by one of the inpainters, chosen by chance.

    The result is rounded to bytes, as a file would be: known and filled pixels must not differ in their last digits.

    Args:
        images: N undamaged ones.
        inpainters: by name.
        family: of masks, called like those of :mod:`inpaintlib.masks`.
        untouched: the share of images that are left as they are, so that "nothing was done here" is an answer too.
        own_pasts: give each picture a past of its own, filled or not; why, says :mod:`inpaintlib.train.pasts`.
        seed: of masks and choices.
    """
    rng = torch.Generator().manual_seed(seed)
    if own_pasts:
        images = dataclasses.replace(images, images=pasts.before(images.images, generator=rng))
    height, width = images.images.shape[-2:]
    names = [*inpainters, UNTOUCHED]
    labels = torch.randint(len(inpainters), (len(images),), generator=rng)
    labels[torch.rand(len(images), generator=rng) < untouched] = len(inpainters)
    filled = torch.cat([images.images, torch.zeros_like(images.images[:, :1])], dim=1)  # (N, 4, H, W)
    for label, paint in enumerate(inpainters.values()):
        for places in (labels == label).nonzero()[:, 0].split(500):
            if not len(places):  # few images: chance left none for this one
                continue
            mask = family(len(places), (height, width), generator=rng)
            picture = paint(images.float(places), mask)
            filled[places] = torch.cat([picture.mul(255).round().to(torch.uint8), 255 * (1 - mask)], dim=1)
    if own_pasts:
        filled[:, :3] = pasts.afterwards(filled[:, :3], generator=rng)
    return FilledSet(filled, labels, tuple(names), f"{images.source.rstrip('.')}; filled by {', '.join(inpainters)}.")


class _Trainee(nn.Module):
    """The detector as ``fit`` calls a model: with a mask, which it does not look at."""

    def __init__(self, detector: HoleDetector) -> None:
        super().__init__()
        self.name, self.options, self.detector = detector.name, detector.options, detector

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.detector.logits(image[:, :3])


def _known_everywhere(count: int, size: Any, *, generator: Any = None) -> Tensor:
    height, width = (size, size) if isinstance(size, int) else size
    return torch.ones(count, 1, height, width)


def detection_loss(logits: Tensor, filled: Tensor, mask: Tensor) -> Tensor:
    """Binary cross entropy of scores (B, 1, H, W) against the fourth channel of ``filled`` (B, 4, H, W), 1 = hole."""
    return F.binary_cross_entropy_with_logits(logits, filled[:, 3:])


class Watch(Callback):
    """After each epoch: precision, recall and Dice on held-out pictures, those that were filled."""

    def __init__(self, held_out: FilledSet) -> None:
        self.held_out = held_out

    def on_epoch(self, run: Run) -> None:
        touched = (self.held_out.labels != self.held_out.classes.index(UNTOUCHED)).nonzero()[:, 0]
        with run.evaluating() as model:
            run.record(_detection(model.detector, self.held_out.float(touched)))  # type: ignore[arg-type]


def train_detector(detector: HoleDetector, filled: FilledSet, held_out: FilledSet | None = None, **options: Any) -> Any:
    """Train a detector, where it is: :func:`fit` with the pictures of :func:`fill`; options and history as there."""
    watch: list[Callback] = [Watch(held_out)] if held_out is not None else []
    if options.get("out") is not None:
        watch.append(Checkpoint(monitor="dice"))
    return fit(_Trainee(detector), filled, _known_everywhere, detection_loss, callbacks=watch, **options)


def _detection(detector: HoleDetector, filled: Tensor, threshold: float = 0.5) -> dict[str, float]:
    """Mean over pictures (B, 4, H, W) of precision, recall, accuracy and Dice."""
    found = torch.cat([detector.find(part[:, :3], threshold) for part in filled.split(250)])
    measured = metrics.hole_detection(found, (filled[:, 3:] < 0.5).to(found))
    return {name: float(value.mean()) for name, value in measured._asdict().items()}


def evaluate(
    detector: HoleDetector, images: data.ImageSet, inpainters: dict[str, Callable[[Tensor, Tensor], Tensor]], kinds: Sequence[str]
) -> tuple[Table, float]:
    """How well the work of each inpainter is found, and what share of the pixels of untouched pictures is suspected.

    Args:
        detector: what to test.
        images: the undamaged ones.
        inpainters: by name; each fills all images.
        kinds: of frozen masks, which take turns from image to image.

    Returns:
        ``{inpainter: {"precision", "recall", "accuracy", "dice"}}``, means over the images, and the share from 0 to 1.
    """
    frozen = [masks.benchmark(kind, len(images), tuple(images.images.shape[-2:])) for kind in kinds]  # type: ignore[arg-type]
    mask = torch.stack([frozen[i % len(kinds)][i] for i in range(len(images))])
    target = images.float()
    table = {}
    for name, paint in inpainters.items():
        filled = torch.cat([paint(t, m) for t, m in zip(target.split(500), mask.split(500), strict=True)])
        table[name] = _detection(detector, torch.cat([filled.mul(255).round() / 255, 1 - mask.float()], dim=1))
    return table, suspects(detector, target)


def suspects(detector: HoleDetector, images: Tensor) -> float:
    """The share of pixels of untouched images (N, 3, H, W) that the detector holds for filled, from 0 to 1."""
    return 1 - float(torch.cat([detector.find(part) for part in images.split(250)]).float().mean())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m inpaintlib.train.detector", description="Train a network to find inpainted pixels.")
    p.add_argument("--data", default="auto", metavar="NAME", help="auto (the best there is), cifar10, photos, a folder or a zip")
    p.add_argument("--limit", type=int, metavar="N", help="use only the first N training images")
    p.add_argument("--inpainters", default=SEEN, metavar="NAMES", help=f"whose work to learn from (default: {SEEN})")
    p.add_argument("--unseen", default=UNSEEN, metavar="NAMES", help=f"whose work to test on besides (default: {UNSEEN})")
    p.add_argument("--masks", default="lines+strokes+circles+boxes", metavar="FAMILY", help="default: lines+strokes+circles+boxes")
    p.add_argument("--epochs", type=float, default=5.0, metavar="N", help="passes over the filled images (default: 5)")
    p.add_argument("--batch-size", type=int, default=128, metavar="B", help="images in a step (default: 128)")
    p.add_argument("--lr", type=float, default=3e-3, help="the highest learning rate (default: 0.003)")
    p.add_argument("--seed", type=int, default=0, help="of first weights, order, flips, masks and choices (default: 0)")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    p.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp32"], help="auto: bf16 where it is faster")
    p.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: torch's choice)")
    p.add_argument("--test-images", type=int, default=1000, metavar="N", help="test images that each inpainter fills (default: 1000)")
    p.add_argument("--out", default="runs/hole_detector", metavar="DIR", help="the folder of the run (default: runs/hole_detector)")
    p.add_argument("--resume", action="store_true", help="go on with the run in that folder; also fine when there is none yet")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 failed on the way, 2 cannot be run as asked, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args(arguments)
    start = ["python", "-m", "inpaintlib.train.detector"]
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    try:
        return _train(args, shlex.join([*start, *(report.plain_path(word) for word in arguments if word != "--resume")]), stop)
    except (ValueError, Diverged, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, Diverged) else 2
    except KeyboardInterrupt as interrupt:
        again = shlex.join([*start, *(word for word in arguments if word != "--resume"), "--resume"])
        print(f"\n{str(interrupt) or 'stopped'}. To go on:\n  {again}", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _train(args: argparse.Namespace, command: str, stop: threading.Event) -> int:
    """Fill, train, measure, save."""
    place = choose_device(args.device)
    if args.threads is not None:
        if args.threads < 1:
            raise ValueError(f"--threads is {args.threads}; expected at least 1.")
        torch.set_num_threads(args.threads)
    family = masks.parse(args.masks)
    if not any(args.inpainters.split(",")):
        raise ValueError(f"--inpainters is {args.inpainters!r}; expected at least one, such as {SEEN}.")
    seen, unseen = ({name: inpainter(name) for name in names.split(",") if name} for names in (args.inpainters, args.unseen))
    kinds = list(family.families) if isinstance(family, masks.Mixture) else [args.masks.strip()]
    torch.manual_seed(args.seed)
    detector = models.detector()

    images = data.load_images(args.data, "train", limit=args.limit)
    rest, held_out = hold_out(images)
    test = data.load_images(args.data, "test", limit=args.test_images)
    print(f"data:  {images.source}\nmodel: {detector.name}, on {report.hardware(place)}\nfilling ...", flush=True)
    filled = fill(rest, seen, family, own_pasts=True, seed=args.seed)
    watched = fill(held_out, seen, family, own_pasts=True, seed=args.seed + 1) if held_out is not None else None
    history = train_detector(
        detector, filled, watched, epochs=args.epochs, batch_size=args.batch_size, lr=args.lr, seed=args.seed, device=args.device,
        precision=args.precision, out=Path(args.out), resume=args.resume, stop=stop,
    )  # fmt: skip
    if stop.is_set():
        raise KeyboardInterrupt(f"stopped; saved in {args.out}")

    table, suspected = evaluate(detector, test, seen | unseen, kinds)
    table = {f"{name} ({'learned from' if name in seen else 'never seen'})": row for name, row in table.items()}
    elsewhere = data.load_images("photos", "test", limit=args.test_images)
    saved = torch.stack([pasts.jpeg(picture, 75) for picture in test.images])
    shares = {
        "the test images": suspected,
        "the test images, saved as JPEG of quality 75": suspects(detector, saved.float() / 255),
        "photographs from elsewhere, never compressed": suspects(detector, elsewhere.float()),
    }
    print("\n" + report.table_text(table) + "\nheld for filled in untouched pictures:")
    print("\n".join(f"  {share:7.2%} of the pixels of {which}" for which, share in shares.items()))
    card = report.make_card(
        about="Finds the pixels of a picture that were inpainted: a reason to look closer, not a proof.",
        model=detector, images=filled, test=test, masks=args.masks, loss="binary cross entropy", history=history, device=place, table=table,
        settings={
            "batch_size": args.batch_size, "learning rate": args.lr, "seed": args.seed, "untouched pictures": 0.1,
            "pasts": "each picture its own: as it came, moved, noisy, saved as JPEG, or a part of it enlarged; half saved again afterwards",
            "precision": choose_precision(args.precision, place),
        },
        command=command, test_masks=f"the benchmark's {', '.join(kinds)}, in turns",
    ) | {f"held for filled, share of the pixels of {which}, untouched": share for which, share in shares.items()}  # fmt: skip
    path = save_pretrained(detector, Path(args.out) / f"{detector.name}.safetensors", card)
    print(f"\nweights and card: {path}, {path.with_suffix('.md').name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
