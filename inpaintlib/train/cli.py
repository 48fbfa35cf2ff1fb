"""``python -m inpaintlib.train NAME``: train a model of the course from the command line."""

from __future__ import annotations

import argparse
import ast
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import torch

from inpaintlib import data, losses, masks, models
from inpaintlib.models.pretrained import check_savable, load_pretrained, save_pretrained
from inpaintlib.train import (
    Callback,
    CollapseWatch,
    Diverged,
    Evaluate,
    Samples,
    fit,
    fit_adversarial,
    opponents,
    presets,
    report,
    schedules,
)
from inpaintlib.train.live import TensorBoard
from inpaintlib.train.precision import choose as choose_precision
from inpaintlib.train.ranks import PeerLost, join, launcher, one_voice, speaks_first

EXAMPLES = f"""\
presets
{presets.in_words()}

examples
  python -m inpaintlib.train --preset s4 --minutes 10
      S4's network with S4's settings, for ten minutes; whatever is given beside a preset wins
  python -m inpaintlib.train partial_unet --minutes 5
      five minutes on whatever images this machine has, thin lines as holes
  python -m inpaintlib.train vanilla_unet --option depth=3 --masks boxes --epochs 20 --out runs/boxes
      a shallower U-Net on box-shaped holes; Ctrl-C ends it after the current step and saves
  python -m inpaintlib.train vanilla_unet --option depth=3 --masks boxes --epochs 20 --out runs/boxes --resume
      ... and the same with --resume goes on where it was
  python -m inpaintlib.train context_encoder --option size=32 --option latent=512 --masks center_box --adversarial bce
      against a critic that learns to tell its fillings from real pictures

The folder of a run holds last.safetensors (the state of the run), best.safetensors (the state with the best PSNR on held-out images),
log.jsonl (one line of JSON every few steps), samples (pictures of how held-out images are filled) and, at the end, NAME.safetensors with
NAME.md: the weights in 16 bits and a card about them.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m inpaintlib.train",
        description="Train a network to fill holes in images, watch it on held-out images, and save it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # the command is written down again in the card, word by word
    )
    p.add_argument("name", metavar="NAME", nargs="?", help=f"the model: {', '.join(models.names())}; with --preset, the preset's own")
    p.add_argument(
        "--preset", choices=list(presets.PRESETS),
        help="settings to start from: a seed's (s0 ... s4), or one of ours, see below; other options win over them",
    )
    p.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="an option of the model, such as depth=3; repeatable")

    what = p.add_argument_group("what to learn from")
    what.add_argument("--data", default="auto", metavar="NAME", help="auto (the best there is), cifar10, photos, a folder or a zip")
    what.add_argument("--limit", type=int, metavar="N", help="use only the first N training images")
    families = ", ".join(sorted(masks.FAMILIES))
    what.add_argument(
        "--masks", default="lines", metavar="FAMILY",
        help=f"the kind of holes: {families}, or several of them, such as 2*lines+boxes (default: lines)",
    )
    what.add_argument(
        "--loss", default="6*hole_l1+valid_l1", metavar="LOSS",
        help=f"what to minimise: {', '.join(losses.names())}, or a weighted sum (default: 6*hole_l1+valid_l1)",
    )

    how = p.add_argument_group("how long and how")
    how.add_argument("--epochs", type=float, metavar="N", help="passes over the training images")
    how.add_argument("--minutes", type=float, metavar="M", help="a budget of time; the learning rate is planned to fit (default: 5)")
    how.add_argument("--batch-size", type=int, default=128, metavar="B", help="images in a step, of all processes together (default: 128)")
    how.add_argument("--lr", type=float, default=2e-3, help="the highest learning rate (default: 0.002)")
    how.add_argument("--schedule", default="one_cycle", choices=schedules.names(), help="how the learning rate changes")
    how.add_argument("--optimizer", default="adam", choices=["adam", "adam_dcgan", "adamw", "sgd"], help="default: adam")
    how.add_argument("--clip", type=float, default=1.0, metavar="NORM", help="the largest norm of the gradient; 0 for any (default: 1)")
    how.add_argument("--ema", type=float, default=0.999, metavar="DECAY", help="of the average of the weights; 0: none (default: 0.999)")
    how.add_argument("--seed", type=int, default=0, help="of first weights, order, flips and masks (default: 0)")
    how.add_argument(
        "--start", metavar="WEIGHTS",
        help="go on from trained weights: NAME.safetensors of an earlier run, or a NAME that ships with the course (default: by chance)",
    )

    opponents.add_arguments(p)

    where = p.add_argument_group("where")
    where.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    where.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp16", "fp32"], help="auto: 16 bits where they are faster")
    where.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: torch's choice)")
    where.add_argument("--compile", action="store_true", help="let torch.compile translate the model first")

    files = p.add_argument_group("files")
    files.add_argument("--out", metavar="DIR", help="the folder of the run (default: runs/NAME, or runs/PRESET-NAME)")
    files.add_argument("--resume", action="store_true", help="go on with the run in that folder; also fine when there is none yet")
    files.add_argument("--checkpoint-seconds", type=float, default=60.0, metavar="S", help="time between two checkpoints (default: 60)")
    files.add_argument("--evaluate", type=float, default=1.0, metavar="N", help="epochs between two looks at held-out images (default: 1)")
    files.add_argument("--tensorboard", action="store_true", help="also write the curves for TensorBoard, in the folder of the run")
    files.add_argument("--test-images", type=int, default=5000, metavar="N", help="test images measured at the end (default: 5000)")
    files.add_argument("--card", default="", metavar="SENTENCE", help="a sentence that opens the card of the weights")
    files.add_argument("--export", metavar="PATH", help="where the weights go: NAME.safetensors (default: in the folder of the run)")
    return p


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line with its preset filled in: what was given wins over it."""
    p = parser()
    args = p.parse_args(arguments)
    if args.preset:
        settings = presets.get(args.preset).arguments()
        if args.name not in (None, settings["name"]):
            del settings["option"]  # of another network
        if args.minutes is not None:
            del settings["epochs"]  # a budget of time in its place
        p.set_defaults(**settings)
        args = p.parse_args(arguments)
    if args.name is None:
        p.error("NAME is missing: name a model, or a --preset")
    return args


_SWITCHES: dict[str, bool | None] = {  # as text each of them would count as true
    "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "none": None,
}  # fmt: skip


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Model options from KEY=VALUE words: numbers, true/yes/on, false/no/off, none in any case, tuples as in Python, else text.

    >>> parse_options(["depth=3", "squeeze=off", "kind=wide"])
    {'depth': 3, 'squeeze': False, 'kind': 'wide'}
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ValueError(f"--option is {pair!r}; expected KEY=VALUE, such as depth=3.")
        if value.lower() in _SWITCHES:
            options[key] = _SWITCHES[value.lower()]
            continue
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return options


def command_line(arguments: list[str]) -> str:
    """The command that repeats the run, without what matters only here: resume, the card's sentence, folders by their last part.

    >>> command_line(["partial_unet", "--loss", "6*hole_l1 + l1", "--resume", "--card", "Ours.", "--out=/home/me/runs/a"])
    "python -m inpaintlib.train partial_unet --loss '6*hole_l1 + l1' --out=a"
    """
    words = [*launcher(), "-m", "inpaintlib.train"]
    left = iter(arguments)
    for word in left:
        if word in ("--card", "--export"):
            next(left, None)  # its value
        elif word != "--resume" and not word.startswith(("--card=", "--export=")):
            flag, equals, value = word.partition("=")
            words.append(flag + equals + report.plain_path(value) if equals else report.plain_path(word))
    return shlex.join(words)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 failed on the way, 2 cannot be run as asked, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    with one_voice():  # where torchrun started several processes, all of them read the same arguments
        args = parse(arguments)
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda number, frame: stop.set())  # a cluster's polite end: finish the step, save
    again = shlex.join([*launcher(), "-m", "inpaintlib.train", *(word for word in arguments if word != "--resume"), "--resume"])
    try:
        with one_voice():
            return train(args, arguments, stop)
    except (ValueError, Diverged, OSError, ImportError) as error:
        if speaks_first():
            print(f"error: {error}" + (f" To go on:\n  {again}" if isinstance(error, PeerLost) else ""), file=sys.stderr)
        return 1 if isinstance(error, (PeerLost, Diverged)) else 2
    except KeyboardInterrupt as interrupt:
        if speaks_first():
            print(f"\n{str(interrupt) or 'stopped'}. To go on:\n  {again}", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def first_model(name: str, options: dict[str, Any], start: str | None) -> tuple[models.Inpainter, dict[str, str]]:
    """The model as the run begins, and, for the card, what was done before to the weights that it starts from."""
    if start is None:
        return models.create(name, **options), {}
    saved, state, card = load_pretrained(start)
    model = models.create(name, **saved | options)  # an option may be another, as long as the weights still fit
    shapes = {key: tensor.shape for key, tensor in model.state_dict().items()}
    if shapes != {key: tensor.shape for key, tensor in state.items()}:
        asked = f"{name} with {options}" if options else name
        raise ValueError(f"--start {report.plain_path(start)}: these weights were made with {saved}, which does not fit {asked}.")
    model.load_state_dict(state)
    before = f"{card.get('epochs', '?')} epochs, {card.get('seconds', 0):,.0f} s: {card.get('command', 'an unknown run')}"
    return model, {"started from": before + (f"; {card['started from']}" if "started from" in card else "")}


def hold_out(images: data.ImageSet) -> tuple[data.ImageSet, data.ImageSet | None]:
    """Set a twentieth of the training images aside, 500 at most, to watch the run by: the test images are for its end alone."""
    count = min(500, len(images) // 20)
    try:
        return images.split(count)
    except ValueError:  # too few images, or photographs, to spare any
        return images, None


def train(args: argparse.Namespace, arguments: list[str], stop: threading.Event) -> int:
    """Load, train, measure, save."""
    ranks, place = join(args.device)
    board = [TensorBoard()] if args.tensorboard else []  # first of all: it may not be installed
    if args.threads is not None:
        if args.threads < 1:
            raise ValueError(f"--threads is {args.threads}; expected at least 1.")
        torch.set_num_threads(args.threads)
    if args.epochs is None and args.minutes is None:
        args.minutes = 5.0
    family = masks.parse(args.masks)
    loss = losses.parse(args.loss)
    options = parse_options(args.option)
    out = Path(args.out or "runs/" + (args.name if not args.preset else f"{args.preset}-{args.name}"))
    export = Path(args.export or out / f"{args.name}.safetensors")
    check_savable(export, {"about": args.card, "command": command_line(arguments)})
    torch.manual_seed(args.seed)
    model, earlier = first_model(args.name, options, args.start)

    with ranks.in_turn():
        images, held_out = hold_out(data.load_images(args.data, "train", limit=args.limit))
        test = data.load_images(args.data, "test", limit=args.test_images)
    size = tuple(images.images.shape[-2:])
    print(f"data:  {images.source}\n       {len(images)} images of {size[0]} x {size[1]} to learn from, {len(test)} to test on")
    count = sum(p.numel() for p in model.parameters())
    shared = "" if ranks.alone else f", in each of {ranks.size} processes"
    print(f"model: {args.name}, {count:,} parameters, on {report.hardware(place)}{shared}")
    side: Any = size[0] if size[0] == size[1] else size
    bank = masks.bank(family, size=side)
    against = opponents.from_arguments(args, side, parse_options)
    watch: list[Callback] = [CollapseWatch()] if against else []
    if held_out is not None:
        watch += [Evaluate(held_out, family, every=args.evaluate), Samples(held_out, family, every=args.evaluate)]

    if args.resume and (out / "last.safetensors").exists():
        earlier["taken up again"] = "after a stop; what it had planned then, the log in the folder of the run tells"
    if args.export and ranks.first:
        export.parent.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    train_it: Any = fit_adversarial if against else fit
    history = train_it(
        model, images, bank, loss, **against,
        epochs=args.epochs, minutes=args.minutes, batch_size=args.batch_size, lr=args.lr, schedule=args.schedule,
        optimizer=args.optimizer, clip=args.clip or None, ema=args.ema or None, seed=args.seed, device=args.device,
        precision=args.precision, compile=args.compile, callbacks=[*watch, *board],
        out=out, resume=args.resume, checkpoint_seconds=args.checkpoint_seconds, stop=stop,
    )
    if stop.is_set() or history.stopped_by == "stopped":  # the signal may have come to another process alone
        raise KeyboardInterrupt(f"stopped after step {history.rows[-1]['step'] if history.rows else 0}; saved in {out}")

    if not ranks.first:
        return 0
    kinds = list(family.families) if isinstance(family, masks.Mixture) else [args.masks.strip()]
    table, test_words = report.measure_on(model, test, kinds, side)
    print("\n" + report.table_text(table))
    card = report.make_card(
        about=args.card, model=model, images=images, test=test, masks=f"{args.masks}, drawn afresh for every batch", loss=args.loss,
        history=history, device=place, table=table, command=command_line(arguments),
        test_masks=test_words,
        settings={
            "batch_size": args.batch_size, "learning rate": args.lr, "schedule": args.schedule, "optimizer": args.optimizer,
            "average of weights": args.ema, "seed": args.seed, "precision": choose_precision(args.precision, place),
            **opponents.in_words(args), **({} if ranks.alone else {"processes": ranks.size}), **earlier,
        },
    )
    path = save_pretrained(model, export, card)
    print(f"\nweights and card: {path}, {path.with_suffix('.md').name}")
    return 0
