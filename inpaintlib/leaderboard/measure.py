"""Measure every inpainter on every kind of mask. What is done is kept, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inpaintlib import masks
from inpaintlib._files import DamagedError, read_safetensors, write_atomically
from inpaintlib.data import ImageSet
from inpaintlib.evaluation import compare, known_kept
from inpaintlib.leaderboard import contract, fingerprint
from inpaintlib.leaderboard.entries import Entry
from inpaintlib.leaderboard.measures import Judge, code, measures

__all__ = ["Event", "Failure", "Measured", "Run", "frozen_masks", "images_sha256", "run"]

BATCH = 100
TRIAL = 3  # pictures on which an inpainter is tried before it is measured


@dataclass(frozen=True)
class Measured:
    """One inpainter on one kind of mask.

    Attributes:
        values: metric to values (n,), for the first n images.
        milliseconds: an image.
        note: what the table must say about it, mostly nothing.
    """

    values: dict[str, Tensor]
    milliseconds: float
    note: str = ""

    def __len__(self) -> int:
        return len(self.values["psnr"])


@dataclass(frozen=True)
class Failure:
    """An inpainter that is missing from the tables of a kind, and why."""

    inpainter: str
    kind: str
    why: str


@dataclass(frozen=True)
class Event:
    """What there is to say about a piece of work: started, on its way (``images`` done), or ended."""

    done: int
    total: int
    kind: str
    inpainter: str
    images: int = 0
    of: int = 0
    measured: Measured | None = None
    failure: Failure | None = None
    kept: bool = False  # found among the results of an earlier run
    seconds_left: float | None = None


@dataclass
class Run:
    """What was measured: kind to inpainter to :class:`Measured`; and what could not be."""

    measured: dict[str, dict[str, Measured]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def run(
    entries: list[Entry],
    images: ImageSet,
    kinds: tuple[str, ...],
    *,
    cache: Path | None,
    judge: Judge | None = None,
    device: str = "cpu",
    again: bool = False,
    say: Callable[[Event], None] = lambda event: None,
) -> Run:
    """Measure all entries on all kinds.

    Args:
        entries: who takes part.
        images: which pictures; the first ``at_most`` for entries that have a limit.
        kinds: of the frozen masks.
        cache: the folder in which results are kept; None: keep nothing.
        judge: measures perceptual distance; without one there is none.
        device: where it computes.
        again: measure what is kept, too.
        say: gets every :class:`Event`.

    An inpainter that raises, or breaks its promise, is missing where it did so, with the reason; the others go on.
    """
    result = Run({kind: {} for kind in kinds})
    columns, speeds = measures(judge), _Speeds()
    work = [(kind, entry) for kind in kinds for entry in entries]
    for done, (kind, entry) in enumerate(work):
        known = frozen_masks(kind, images)
        count = min(len(images), entry.at_most or len(images))
        place = None if cache is None else cache / f"{_key(entry, images, known, count, judge, device)}.safetensors"
        found = None if place is None or again else _kept(place)
        failure = None
        if found is None:
            rest = [(e, min(len(images), e.at_most or len(images))) for _, e in work[done + 1 :]]
            left = speeds.left([(entry, count), *rest])
            event = Event(done, len(work), kind, entry.name, of=count, seconds_left=left)
            say(event)
            start = time.perf_counter()
            try:
                found = _measure(entry, images, known, count, columns, device, lambda at, event=event: say(replace(event, images=at)))  # type: ignore[misc]
            except (Exception, SystemExit) as error:
                failure = Failure(entry.name, kind, _why(entry.name, error))
            else:
                speeds.note(entry, (time.perf_counter() - start) / count)
                if place is not None:
                    _keep(place, found)
            left = speeds.left(rest) if rest else None
            say(replace(event, done=done + 1, images=count, measured=found, failure=failure, seconds_left=left))
        else:
            say(Event(done + 1, len(work), kind, entry.name, count, count, found, kept=True))
        if found is not None:
            result.measured[kind][entry.name] = found
        if failure is not None:
            result.failures.append(failure)
    return result


def frozen_masks(kind: str, images: ImageSet) -> Tensor:
    """The benchmark's masks for these images, (N, 1, H, W); where there are too few, they start anew."""
    height, width = images.images.shape[-2:]
    frozen = masks.benchmark(kind, min(len(images), 10_000), (height, width))
    return frozen[torch.arange(len(images)) % len(frozen)]


def images_sha256(images: ImageSet, count: int) -> str:
    """What identifies the first ``count`` images: the SHA-256 of their shape and bytes."""
    chosen = images.images[:count]
    digest = hashlib.sha256(repr(tuple(chosen.shape)).encode())
    digest.update(chosen.contiguous().cpu().numpy().data)
    return digest.hexdigest()


def _measure(
    entry: Entry, images: ImageSet, known: Tensor, count: int, columns: list[Any], device: str, tell: Callable[[int], None]
) -> Measured:
    if entry.module is not None:
        entry.module.to(device)
    few = slice(0, min(TRIAL, count))
    contract.examine(entry.name, entry.inpainter, images.float(few), known[few], device)
    timed = _Timed(entry, device, tell)
    contract.seeded()
    part = ImageSet(images.images[:count], images.labels[:count], images.classes, images.source)
    table = compare({entry.name: timed}, part, known[:count], metrics=columns, batch_size=BATCH, device=device, timing=False)
    return Measured(table.per_image[entry.name], timed.milliseconds(), contract.COMPOSITED if timed.changed else "")


class _Timed:
    """An entry as ``compare`` calls it: with a clock, composited, and with word of how far it is.

    ``changed`` tells whether it changed a known pixel of any picture. It works on copies: what it does to them may not reach the composite.
    On a CPU with one thread the clock shows the time that this program had the processor: what other programs took does not count.
    """

    def __init__(self, entry: Entry, device: str, tell: Callable[[int], None]) -> None:
        self.entry, self.tell, self.changed = entry, tell, False
        self.device = torch.device(device)
        self.clock = time.process_time if core_clock(device) else time.perf_counter
        self.times: list[float] = []
        self.images = 0

    def __call__(self, image: Tensor, mask: Tensor) -> Tensor:
        given = image.clone(), mask.clone()
        start = self._now()
        result = self.entry.inpainter(*given)
        self.times.append((self._now() - start) / len(image))
        self.images += len(image)
        self.tell(self.images)
        if not isinstance(result, Tensor) or not result.is_floating_point() or result.shape != image.shape:
            return result  # compare says what is wrong with it
        kept = known_kept(result.to(image), image, mask)
        self.changed = self.changed or not bool(kept.all())
        return torch.where(mask > 0, image, result.to(image))

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
        return self.clock()

    def milliseconds(self) -> float:
        return 1000 * statistics.median(self.times)


def core_clock(device: str) -> bool:
    """Whether the clock shows processor time: a single CPU thread, where that is what the wall clock of an idle machine would show."""
    return torch.device(device).type == "cpu" and torch.get_num_threads() == 1


class _Speeds:
    """Seconds an image of each entry, as far as known, and from them the time that is left."""

    def __init__(self) -> None:
        self.known: dict[str, float] = {}

    def note(self, entry: Entry, seconds: float) -> None:
        self.known[entry.name] = seconds

    def left(self, work: list[tuple[Entry, int]]) -> float | None:
        """For so many images of each entry. None while fewer than half of the speeds are known: a guess would be worth little."""
        names = {entry.name for entry, _ in work}
        if 2 * len(names & set(self.known)) < len(names):
            return None
        usual = statistics.mean(self.known.values())
        return sum(count * self.known.get(entry.name, usual) for entry, count in work)


def _why(name: str, error: BaseException) -> str:
    """The reason in a sentence: the library's own words, or the type of somebody's exception with its message."""
    words = " ".join(str(error).split()) or "no message"
    if isinstance(error, ValueError) and words.startswith(f"inpainter {name!r} "):
        return words.removeprefix(f"inpainter {name!r} ")
    return f"{type(error).__name__}: {words}"[:300]


def _key(entry: Entry, images: ImageSet, known: Tensor, count: int, judge: Judge | None, device: str) -> str:
    """What a result depends on, as a hash: the name of the file that keeps it."""
    parts: Mapping[str, Any] = {
        "format": 1,
        "inpainter": entry.fingerprint,
        "images": images_sha256(images, count),
        "masks": masks.sha256(known[:count]),
        "measures": [code(), judge.sha256 if judge else None],
        "device": device,
        "threads": torch.get_num_threads(),
        "versions": fingerprint.versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _keep(place: Path, found: Measured) -> None:
    from safetensors.torch import save

    about = json.dumps({"milliseconds": found.milliseconds, "note": found.note})
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, save({key: value.contiguous() for key, value in found.values.items()}, metadata={"about": about}))
    except OSError:  # no space, no permission: the table can be made all the same, only not be taken up again
        pass


def _kept(place: Path) -> Measured | None:
    try:
        values, about = read_safetensors(place)
        found = json.loads(about["about"])
        return Measured(values, found["milliseconds"], found["note"])
    except (OSError, DamagedError, KeyError, ValueError):
        return None
