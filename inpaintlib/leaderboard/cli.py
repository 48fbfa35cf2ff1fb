"""``python -m inpaintlib.leaderboard``: measure, rank, write the tables."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

import torch

from inpaintlib import data, masks
from inpaintlib._device import device as choose_device
from inpaintlib._images.cache import folder as cache_folder
from inpaintlib.leaderboard import entries, fingerprint
from inpaintlib.leaderboard.board import Group, Leaderboard
from inpaintlib.leaderboard.captions import FIGURES, left_out
from inpaintlib.leaderboard.measure import Event, Run, core_clock, frozen_masks, images_sha256, run
from inpaintlib.leaderboard.measures import KINDS, NO_JUDGE, Judge, expand, find_judge
from inpaintlib.train.report import hardware, plain_path

__all__ = ["assemble", "main", "parser"]

EXAMPLES = """\
examples
  python -m inpaintlib.leaderboard --images 200
      everybody, on whatever images this machine has; some minutes
  python -m inpaintlib.leaderboard --add mine.py:fill --only biharmonic course_unet --masks lines boxes
      a function of your own, fill(image, mask) -> image, between two others
  python -m inpaintlib.leaderboard --add deep=runs/vanilla_unet/vanilla_unet.safetensors
      weights that you trained with python -m inpaintlib.train

An inpainter gets image (B, 3, H, W) in [0, 1] and mask (B, 1, H, W), 1 = known, and gives the filled image. Before it is measured it is
tried: the shape, finite values in [0, 1], the same result for the same pictures, and nothing taken from under the hole, where for this
trial there is noise and otherwise 0. One that changes known pixels is composited, and the table says so. One that fails is left out with
the reason; the others go on.

Results are kept: Ctrl-C at any time, and the same command goes on where it was. Only what has changed (code, weights, images, masks) is
measured anew. What your function reads from elsewhere, a file for example, is not seen; use --again when it has changed.
"""


class NothingMeasured(ValueError):
    """Every inpainter failed: there is no table."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m inpaintlib.leaderboard",
        description="Let every inpainter fill the same frozen holes in the same images, and rank them as far as the images allow.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # the command is written into the page, word by word
    )
    who = p.add_argument_group("who")
    words = "module:function, path/file.py:function or path/weights.safetensors; NAME= before it for another name"
    who.add_argument("--add", nargs="+", action="extend", default=[], metavar="WHAT", help=words)
    who.add_argument("--only", nargs="+", metavar="NAME", help="of the course's own only these, or none; added ones always take part")
    who.add_argument("--list", action="store_true", help="say who could take part, and stop")
    what = p.add_argument_group("on what")
    what.add_argument("--images", type=int, default=1000, metavar="N", help="the first N test images (default: 1000)")
    slow = " ".join(f"{name}={count}" for name, count in entries.SLOW.items())
    what.add_argument("--at-most", nargs="+", action="extend", default=[], metavar="NAME=N", help=f"fewer for slow ones (default: {slow})")
    what.add_argument("--masks", nargs="+", metavar="KIND", help=f"some of {', '.join(KINDS[:4])}, irregular (its six buckets), circles")
    what.add_argument("--data", default="auto", metavar="NAME", help="auto (the best there is), cifar10, photos, a folder or a zip")
    where = p.add_argument_group("where")
    where.add_argument("--device", default="cpu", help="cpu (default, so that times compare), cuda, mps, auto")
    where.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads (default: 1, so that times compare)")
    where.add_argument("--out", default="runs/leaderboard", metavar="DIR", help="where tables and figures go (default: runs/leaderboard)")
    where.add_argument("--cache", metavar="DIR", help="the folder where results are kept (default: beside the images' cache)")
    where.add_argument("--again", action="store_true", help="measure everything anew")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 1 an added inpainter is in no table, 2 cannot be run as asked, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args(arguments)
    try:
        return leaderboard(args, arguments)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, NothingMeasured) else 2
    except KeyboardInterrupt:
        again = shlex.join(["python", "-m", "inpaintlib.leaderboard", *arguments])
        print(f"\nstopped; what was measured is kept. To go on:\n  {again}", file=sys.stderr)
        return 130


def leaderboard(args: argparse.Namespace, arguments: list[str]) -> int:
    """Choose, measure, rank, write, say."""
    if args.images < 1 or args.threads < 1:
        raise ValueError(f"--images is {args.images}, --threads {args.threads}; expected at least 1.")
    torch.set_num_threads(args.threads)
    kinds, device = expand(args.masks), str(choose_device(args.device))
    own = [entries.added(word) for word in args.add]
    everybody = [*([] if args.only == ["none"] else entries.choose(entries.shipped(), args.only)), *own]
    if not everybody:
        raise ValueError("--only none leaves nobody to measure; add an inpainter of your own: --add mine.py:fill")
    names = [entry.name for entry in everybody]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"there are two inpainters {sorted(twice)[0]!r}; give the added one another name: --add NAME=...")
    everybody = entries.limited(everybody, [f"{n}={c}" for n, c in entries.SLOW.items() if n in names] + args.at_most)
    if args.list:
        print("\n".join(f"{entry.name:24}{entry.about}" for entry in everybody))
        return 0
    images = data.load_images(args.data, "test", limit=args.images)
    judge = find_judge()
    print(f"images: {images.source}\nmasks:  {', '.join(kinds)}")
    if judge is None:
        print(f"note:   {NO_JUDGE}")
    Path(args.out).mkdir(parents=True, exist_ok=True)  # before the work, not after it
    cache = Path(args.cache) if args.cache else cache_folder() / "leaderboard"
    done = run(everybody, images, kinds, cache=cache, judge=judge, device=device, again=args.again, say=_Progress())
    words = ["python", "-m", "inpaintlib.leaderboard", *(_plain(word) for word in arguments)]
    board = _write(assemble(done, everybody, images, judge=judge, device=device, command=shlex.join(words)), Path(args.out))
    print(f"\n{board.overview() if len(board.kinds) > 1 else board.table(board.kinds[0])}")
    for line in left_out(board):
        print(f"\nleft out: {line}", file=sys.stderr)
    print(f"\nwritten: {Path(args.out) / 'leaderboard.md'}, leaderboard.json and figures beside it")
    nowhere = [e.name for e in own if not any(e.name in found for found in done.measured.values())]
    return 1 if nowhere else 0


def assemble(
    done: Run, everybody: list[entries.Entry], images: data.ImageSet, *, judge: Judge | None, device: str, command: str
) -> Leaderboard:
    """Average and rank what was measured.

    Raises:
        NothingMeasured: every inpainter failed.
    """
    groups = []
    for kind, measured in done.measured.items():
        known = frozen_masks(kind, images)
        for count in sorted({len(m) for m in measured.values()}, reverse=True):
            hole = float(masks.hole_ratio(known[:count]).mean())
            groups.append(Group.of(kind, count, hole, (images_sha256(images, count), masks.sha256(known[:count])), measured))
    if not groups:
        reasons = "; ".join(f"{f.inpainter}: {f.why}" for f in done.failures[:3])
        raise NothingMeasured(f"there is nothing to make a table of. {reasons}")
    about = {e.name: {"about": e.about, "parameters": e.parameters, "fingerprint": e.fingerprint} for e in everybody}
    clock = "of one processor core, what other programs took not counted" if core_clock(device) else "by the clock on the wall"
    made = {
        "judge": f"perceptual distance is measured by {judge.words}, which no training has seen" if judge else f"there are {NO_JUDGE}",
        "hardware": hardware(torch.device(device)),
        "clock": f"{clock}, the median over batches of 100",
        "versions": fingerprint.versions(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "command": command,
    }
    failures = tuple({"inpainter": f.inpainter, "kind": f.kind, "why": f.why} for f in done.failures)
    return Leaderboard(images.source, tuple(groups), about, failures, made)


def _plain(word: str) -> str:
    """A word of the command without paths that only this machine has.

    >>> _plain("mine=/home/me/work/mine.py:fill"), _plain("--out=~/tables"), _plain("exemplar=300")
    ('mine=mine.py:fill', '--out=tables', 'exemplar=300')
    """
    head, equals, tail = word.partition("=")
    return f"{head}={plain_path(tail)}" if equals else plain_path(word)


def _write(board: Leaderboard, out: Path) -> Leaderboard:
    board.save(out / "leaderboard.json")
    board = Leaderboard.load(out / "leaderboard.json")  # what is printed is what is stored, to the last digit
    (out / "leaderboard.md").write_text(board.to_markdown(), "utf-8")
    board.figure_time().save(out / FIGURES[0])
    if sum(kind.startswith("irregular-") for kind in board.kinds) > 1:
        board.figure_hole_size().save(out / FIGURES[1])
    return board


class _Progress:
    """A line for each piece of work that is done; in a terminal also how far the present one is."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()

    def __call__(self, event: Event) -> None:
        head = f"{event.done:4} / {event.total}  {event.kind:16} {event.inpainter:20}"
        left = "" if event.seconds_left is None else f"   about {_duration(event.seconds_left)} left"
        if event.failure is not None:
            self._line(f"{head} left out: {event.failure.why}"[:200])
        elif event.measured is not None:
            psnr = float(event.measured.values["psnr"].double().mean())
            kept = "   (kept from an earlier run)" if event.kept else left
            self._line(f"{head} {psnr:6.2f} dB {event.measured.milliseconds:9.2f} ms an image{kept}")
        elif self.live:
            print(f"\r\033[K{head} {event.images} of {event.of} images{left}", end="", flush=True)

    def _line(self, text: str) -> None:
        print(("\r\033[K" if self.live else "") + text, flush=True)


def _duration(seconds: float) -> str:
    """
    >>> _duration(20), _duration(200), _duration(8000)
    ('20 s', '3 min', '2 h 13 min')
    """
    if seconds < 55:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
