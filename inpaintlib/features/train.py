"""Training the feature networks that ship: a classifier's loop, as short as it gets, and its command line.

``fit`` shows a network damaged images; a classifier wants whole ones with labels. So the loop is its own, and what surrounds
it (optimizer's schedule, precision, weights with a card) is that of :mod:`inpaintlib.train`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib import data
from inpaintlib._device import device as choose_device
from inpaintlib.features.networks import Classifier, Measure, Small
from inpaintlib.models.base import evaluating
from inpaintlib.models.pretrained import save_pretrained
from inpaintlib.train import report, schedules
from inpaintlib.train.precision import autocast, choose

__all__ = ["accuracy", "fit_classifier", "jittered", "main"]

NETWORKS: dict[str, type[Small] | type[Measure]] = {"small": Small, "measure": Measure}
SEEDS = {"small": 0, "measure": 1}


def fit_classifier(
    network: Classifier,
    images: data.ImageSet,
    *,
    epochs: float,
    batch_size: int = 128,
    lr: float = 0.1,
    seed: int = 0,
    precision: str = "auto",
    tell: Callable[[str], None] = print,
) -> int:
    """Train a classifier, where it is; returns the number of steps. Afterwards it is in eval mode.

    Args:
        network: what to train.
        images: with their labels.
        epochs: passes over the images.
        batch_size: images in a step; what does not fill a batch waits for the next epoch.
        lr: the highest learning rate of a one-cycle schedule; SGD with momentum 0.9 and weight decay 5e-4.
        seed: of order, flips and shifts.
        precision: "auto", "bf16" or "fp32".
        tell: called with a line of progress after each epoch.

    Raises:
        ValueError: fewer images than a batch holds, no epochs, or a learning rate that is not above 0.
    """
    if not 1 <= batch_size <= len(images) or not epochs > 0:
        raise ValueError(f"{len(images)} images, batch_size {batch_size}, epochs {epochs}; expected at least one full batch, and an epoch.")
    if not lr > 0:
        raise ValueError(f"lr is {lr}; expected a number above 0.")
    place, rng = next(network.parameters()).device, torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(network.parameters(), lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    rate, per_epoch = schedules.one_cycle(warmup=0.25), len(images) // batch_size
    steps, started, losses = max(1, round(epochs * per_epoch)), time.perf_counter(), []
    network.train()
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(images), generator=rng)
        chosen = order[step % per_epoch * batch_size :][:batch_size]
        for group in optimizer.param_groups:
            group["lr"] = lr * rate(step / steps, 0)
        with autocast(choose(precision, place), place):
            score = network.classify(jittered(images.images[chosen], rng).to(place).float() / 255)
        loss = F.cross_entropy(score.float(), images.labels[chosen].to(place), label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if (step + 1) % per_epoch == 0 or step + 1 == steps:
            speed = (step + 1) * batch_size / (time.perf_counter() - started)
            tell(f"epoch {(step + 1) / per_epoch:.1f} of {epochs:g}  loss {torch.stack(losses).mean():.3f}  {speed:.0f} images/s")
            losses.clear()
    network.eval()
    return steps


def jittered(images: Tensor, rng: torch.Generator, most: int = 3) -> Tensor:
    """Each image (B, 3, H, W) moved by up to ``most`` pixels, its rim mirrored, and half of them flipped left to right."""
    count, _, height, width = images.shape
    padded = F.pad(images.float(), [most] * 4, mode="reflect").to(images.dtype)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, 3, moves down, moves right, H, W), a view
    down, right = torch.randint(2 * most + 1, (2, count), generator=rng)
    moved = windows[torch.arange(count), :, down, right]
    flip = torch.rand(count, generator=rng) < 0.5
    return torch.where(flip[:, None, None, None], moved.flip(-1), moved)


@torch.no_grad()
def accuracy(network: Classifier, images: data.ImageSet, most: int = 10_000, batch_size: int = 500) -> float:
    """The share of images (the first ``most``) whose class the network names, from 0 to 1."""
    place, right, count = next(network.parameters()).device, 0, min(most, len(images))
    with evaluating(network):
        for start in range(0, count, batch_size):
            part = slice(start, min(start + batch_size, count))
            named = network.classify(images.float(part).to(place)).argmax(1).cpu()
            right += int((named == images.labels[part]).sum())
    return right / count


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m inpaintlib.features", description="Train one of the feature networks anew.")
    commands = p.add_subparsers(dest="command", required=True)
    words = "train a network to classify images, and save it with a card"
    t = commands.add_parser("train", help=words, description=words.capitalize() + ".")
    t.add_argument("name", choices=sorted(NETWORKS), help="which one")
    t.add_argument("--data", default="cifar10", metavar="NAME", help="cifar10, or a folder of train/CLASS, test/CLASS (default: cifar10)")
    t.add_argument("--limit", type=int, metavar="N", help="use only the first N training images")
    t.add_argument("--epochs", type=float, default=8.0, metavar="N", help="passes over the training images (default: 8)")
    t.add_argument("--batch-size", type=int, default=128, metavar="B", help="images in a step (default: 128)")
    t.add_argument("--lr", type=float, default=0.1, help="the highest learning rate (default: 0.1)")
    t.add_argument("--seed", type=int, help="of first weights, order, flips and shifts (default: 0 for small, 1 for measure)")
    t.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    t.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp32"], help="auto: bf16 where it is faster")
    t.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: torch's choice)")
    t.add_argument("--out", metavar="DIR", help="the folder for features_NAME.safetensors and its card (default: runs/features_NAME)")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 2 it cannot be run as asked."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args(arguments)
    try:
        train(args, shlex.join(["python", "-m", "inpaintlib.features", *(report.plain_path(word) for word in arguments)]))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(args: argparse.Namespace, command: str) -> Path:
    """Load, train, measure, save; returns where the weights are."""
    place = choose_device(args.device)
    if args.threads is not None:
        if args.threads < 1:
            raise ValueError(f"--threads is {args.threads}; expected at least 1.")
        torch.set_num_threads(args.threads)
    seed = SEEDS[args.name] if args.seed is None else args.seed
    images, test = data.load_images(args.data, "train", limit=args.limit), data.load_images(args.data, "test")
    if images.classes != test.classes:
        raise ValueError(f"the classes to learn are {images.classes}, those to test {test.classes}; expected the same ones in both splits.")
    folder = Path(args.out or f"runs/features_{args.name}")
    folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    torch.manual_seed(seed)
    network = NETWORKS[args.name](classes=len(images.classes)).to(place)
    count = sum(p.numel() for p in network.parameters())
    print(f"data:  {images.source}\nmodel: {args.name}, {count:,} parameters, on {report.hardware(place)}", flush=True)

    started = time.perf_counter()
    how: dict[str, Any] = {"epochs": args.epochs, "batch_size": args.batch_size, "lr": args.lr, "seed": seed}
    steps = fit_classifier(network, images, **how, precision=args.precision, tell=lambda line: print(line, flush=True))
    seconds = time.perf_counter() - started

    trained, tested = accuracy(network, images), accuracy(network, test)
    print(f"accuracy: {tested:.2%} of the test images, {trained:.2%} of the training images")
    uses = "For measuring only: no loss may use it." if network.measuring_only else "For perceptual and style losses."
    card = {
        "about": f"A classifier whose feature maps are used. {uses}",
        "parameters": count,
        "data": images.source,
        "training images": len(images),
        "augmentation": "moved by up to 3 pixels, flipped left to right",
        "loss": "cross entropy, labels smoothed by 0.1",
        "optimizer": "SGD, momentum 0.9, weight decay 5e-4, one cycle",
        **{key.replace("lr", "learning rate"): value for key, value in how.items()},
        "precision": choose(args.precision, place),
        "steps": steps,
        "seconds": round(seconds, 1),
        "images a second": round(steps * args.batch_size / seconds),
        "hardware": report.hardware(place),
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "command": command,
        "test images": f"{len(test)}, {test.source}",
        "accuracy": {"test images": round(tested, 4), "training images": round(trained, 4)},
    }
    path = save_pretrained(network, folder / f"{network.name}.safetensors", card)
    print(f"weights and card: {path}, {path.with_suffix('.md').name}")
    return path
