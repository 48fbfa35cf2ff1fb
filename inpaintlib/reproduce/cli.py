"""``python -m inpaintlib.reproduce s0 ... s4``: train what a seed trained, measure it, and write its page."""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from pathlib import Path

import torch

from inpaintlib import data
from inpaintlib._device import device as choose_device
from inpaintlib.reproduce.parts import check_folder
from inpaintlib.reproduce.study import BUDGETS, TEST_IMAGES, Study
from inpaintlib.train import Diverged
from inpaintlib.train.report import plain_path

__all__ = ["main", "parser", "reproduce"]

SEEDS = {
    "s0": "partial-convolution autoencoder against the mean fill; what Dice can tell",
    "s1": "vanilla against partial convolution, fair; what each of three bugs costs",
    "s2": "gated convolution on free-form holes and boxes; hinge against WGAN-GP",
    "s3": "the centre hole with and without an adversary; a loss term by term",
    "s4": "how deep a U-Net should be; reading a printed table; a leak through the hole",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m inpaintlib.reproduce",
        description="Run one of the course's five seeds again, fairly and with error bars, and write a page about it.",
        epilog="seeds\n" + "\n".join(f"  {name}  {words}" for name, words in SEEDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("seed", choices=list(SEEDS), metavar="SEED", help=f"which one: {', '.join(SEEDS)}")
    p.add_argument(
        "--budget", default="small", choices=BUDGETS,
        help="small: minutes on one CPU core; full: as long as the seed trained, for a GPU; test: seconds, and numbers that mean nothing "
        "(default: small)",
    )
    p.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each network, with seeds 0 to N - 1 (default: 3)")
    p.add_argument("--resume", action="store_true", help="keep the parts that are finished, go on with the one that was interrupted")
    p.add_argument("--data", default="auto", metavar="NAME", help="auto (the best there is), cifar10, photos, a folder or a zip")
    p.add_argument("--out", metavar="PAGE", help="the page to write (default: docs/results/SEED.md; of a test in its folder)")
    p.add_argument("--runs", metavar="DIR", help="the folder of the parts (default: runs/reproduce/SEED-BUDGET)")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    p.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp32"], help="auto: bf16 where it is faster")
    p.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: torch's choice)")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 failed on the way, 2 cannot be run as asked, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args(arguments)
    try:
        path = reproduce(args, arguments)
    except (ValueError, Diverged, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, Diverged) else 2
    except KeyboardInterrupt:
        again = shlex.join(["python", "-m", "inpaintlib.reproduce", *(word for word in arguments if word != "--resume"), "--resume"])
        print(f"\nstopped; what is finished is kept. To go on:\n  {again}", file=sys.stderr)
        return 130
    print(f"written: {path}, {path.with_suffix('.json').name}")
    return 0


def reproduce(args: argparse.Namespace, arguments: list[str]) -> Path:
    """Train, measure, write; returns where the page is."""
    if args.seeds < 1:
        raise ValueError(f"--seeds is {args.seeds}; expected at least 1.")
    if args.threads is not None:
        if args.threads < 1:
            raise ValueError(f"--threads is {args.threads}; expected at least 1.")
        torch.set_num_threads(args.threads)
    choose_device(args.device)  # a GPU that is asked for and absent is told of at once
    folder = Path(args.runs or f"runs/reproduce/{args.seed}-{args.budget}")
    page = folder / f"{args.seed}.md" if args.budget == "test" else Path(f"docs/results/{args.seed}.md")
    check_folder(folder, args.resume)
    path = Path(args.out) if args.out else page
    path.parent.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    study = Study(
        name=args.seed, budget=args.budget, seeds=args.seeds, folder=folder, command=command_line(arguments),
        images=data.load_images(args.data, "train", limit=512 if args.budget == "test" else None),
        test=data.load_images(args.data, "test", limit=TEST_IMAGES[args.budget]), device=args.device, precision=args.precision,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip
    print(f"data: {study.images.source}", flush=True)
    written = importlib.import_module(f"inpaintlib.reproduce.{args.seed}").run(study)
    written.write(path)
    return path


def command_line(arguments: list[str]) -> str:
    """The command that repeats the study, without what matters only here: resume, and folders but for their last part."""
    words = []
    for word in arguments:
        if word != "--resume":
            flag, equals, value = word.partition("=")
            words.append(flag + equals + plain_path(value) if equals else plain_path(word))
    return shlex.join(["python", "-m", "inpaintlib.reproduce", *words])
