"""Grading a network that was handed in as weights: it runs in a sandbox in which no code of a student's runs, and is compared outside.

Into the sandbox go the checked weights and pictures whose holes are blank; out come predictions. The pictures are the instructor's own, or
test pictures chosen by the key; the masks are chosen by the key in either case.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import CourseError
from course.checks.keyed import KeyedRandom
from course.checks.task import BeatTask
from course.grading.inside.codec import Handle, ProtocolError, decode
from course.grading.process import Died, Process
from course.grading.result import TaskResult
from course.networks.judge import Score, Trial, handed_in, score, solution, visible
from course.networks.weights import BadWeights, Weights, same_as

__all__ = ["grade_network", "hidden_trial", "load_pictures", "pack_pictures"]

SIDE = 32
Start = Callable[[], Process]
ENDED = {
    "slow": "Your network takes far too long: {seconds:g} seconds of computing were not enough for 50 pictures. Hand in a smaller one.",
    "filling": "Your network filled memory until its time was up. Hand in a smaller one.",
    "memory": "Your network needs more memory than the grader gives it ({memory:.0f} MB). Hand in a smaller one.",
}


def grade_network(
    task: BeatTask, path: Path | None, start: Start, seconds: float, memory: int, key: bytes | None, pictures: np.ndarray | None
) -> tuple[TaskResult, list[str]]:
    """The mark of a file of weights, and what the instructor should know.

    Args:
        task: what was asked.
        path: what was handed in; None for nothing.
        start: starts a sandbox.
        seconds: of computing for 50 pictures.
        memory: bytes that the sandbox has, for the message.
        key: the instructor's; None for the visible pictures, as the student has them.
        pictures: uint8 (N, 3, 32, 32), the instructor's own; None for test pictures chosen by the key.
    """
    if path is None:
        return TaskResult(task.id, "missing", 0, task.points, f"There is no file `{task.file}` beside your notebook. Hand in both."), []
    try:
        weights = handed_in(task, path)
        found = _asked(task, weights, start, seconds, visible(task) if key is None else hidden_trial(task, key, pictures))
    except BadWeights as problem:
        return TaskResult(task.id, "refused", 0, task.points, str(problem)), []
    except Died as died:
        message = ENDED.get(died.reason, "Your network ended the process in which it ran.")
        return TaskResult(task.id, "refused", 0, task.points, message.format(seconds=seconds, memory=memory / 2**20)), []
    flags = [f"{task.id}: nearly the weights of the solution"] if same_as(weights, [solution(task.id)]) else []
    result = TaskResult(task.id, found.status, found.points, task.points, found.message, measured=_measured(found, path))
    return result, flags


def _measured(found: Score, path: Path) -> dict[str, Any]:
    numbers = {name: round(getattr(found, name), 3) for name in ("gain", "half", "psnr", "baseline")}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {**numbers, "model": found.model, "parameters": found.parameters, "digest": digest}


def _asked(task: BeatTask, weights: Weights, start: Start, seconds: float, trial: Trial) -> Score:
    """The same as in a notebook, with the network on the other side of a wall."""
    process = start()

    def call(image: Tensor, mask: Tensor) -> Any:
        reply = process.request("fill", seconds, handle=Handle(0), image=image, mask=mask)
        return _value(reply)

    try:
        made = process.request("network", seconds, name=weights.name, options=weights.options, state=weights.state)
        if "error" in made:
            raise BadWeights("The network could not be made from your weights.")
        return score(task, trial, weights, call)
    except ProtocolError:
        raise Died("protocol") from None
    finally:
        process.close()


def _value(reply: dict[str, Any]) -> Any:
    value = reply.get("value")
    if not isinstance(value, bytes):
        raise BadWeights("Your network stopped with an error on pictures of 32 x 32 pixels.")
    return decode(value)


def hidden_trial(task: BeatTask, key: bytes, pictures: np.ndarray | None) -> Trial:
    """The pictures and masks that decide: the same for everybody who has this key and these pictures."""
    return _hidden_trial(task, key, None if pictures is None else pictures.tobytes())


@functools.lru_cache(4)
def _hidden_trial(task: BeatTask, key: bytes, pictures: bytes | None) -> Trial:
    from inpaintlib import data, masks

    random = KeyedRandom(key, task.id)
    if pictures is None:
        source = data.load_images("auto", split="test")
        images, words = source.images, f"chosen by the key from {source.source}"
    else:
        own = np.frombuffer(pictures, np.uint8).reshape(-1, 3, SIDE, SIDE)
        images, words = torch.from_numpy(own.copy()), f"the instructor's own {len(own)} pictures"
    chosen = images[_some(random, len(images), task.images)].float() / 255
    holes = masks.benchmark(task.masks)
    return Trial.of(task, chosen, holes[_some(random, len(holes), len(chosen))], words)


def _some(random: KeyedRandom, among: int, count: int) -> list[int]:
    """Different places, by the key; all of them where there are no more."""
    order = sorted(range(among), key=lambda _: random.uniform())
    return order[:count]


def pack_pictures(folder: Path, to: Path) -> int:
    """Read an instructor's folder of images once, for all processes and machines; how many there are.

    Raises:
        CourseError: there is no image in it.
    """
    from course.files import named_failures
    from inpaintlib import data

    if not folder.exists():
        raise CourseError(f"There is no folder of images {folder}.")
    parts = []
    for split in ("train", "test"):  # of a plain folder a tenth is for testing; here all of them are
        try:
            parts.append(data.load_images(folder.absolute(), split=split, size=SIDE).images.numpy())
        except ValueError as error:
            reason = error
    if not parts:
        raise CourseError(f"The images in {folder} cannot be used: {reason}")
    pictures = np.concatenate(parts)
    with named_failures(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        partial = to.with_name(f".writing-{to.name}")
        with partial.open("wb") as file:
            np.save(file, pictures, allow_pickle=False)
        partial.replace(to)
    return len(pictures)


def load_pictures(path: Path | None) -> np.ndarray | None:
    """What :func:`pack_pictures` wrote, or None.

    Raises:
        CourseError: it is damaged.
    """
    if path is None:
        return None
    try:
        pictures: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise CourseError(f"The packed images {path} are damaged; delete the file and run this again.") from None
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != (3, SIDE, SIDE):
        raise CourseError(f"The packed images {path} are none; delete the file and run this again.")
    return pictures
