"""What ``fit`` takes, looked at before anything is done: each thing that cannot work is named, with what was expected instead."""

from __future__ import annotations

import inspect
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from inpaintlib._check import describe
from inpaintlib.train.callbacks import Callback
from inpaintlib.train.schedules import Schedule, by_name

__all__ = [
    "check_callbacks", "check_factor", "check_forward", "check_inputs", "check_numbers", "check_others", "checked_schedule", "plain",
]  # fmt: skip


def check_inputs(model: Any, images: Any, masks: Any, loss: Any) -> None:
    """Raise unless these are what ``fit`` takes, with what was probably meant."""
    if not isinstance(model, nn.Module):
        made = f" Make one: {model.__name__}(...)." if isinstance(model, type) else ""
        raise TypeError(f"model is {_said(model)}; expected a torch module, such as models.create('partial_unet').{made}")
    check_forward("model", model)
    if not hasattr(images, "batches"):
        raise TypeError(f"images is {describe(images)}; expected an ImageSet, as data.load_images returns it.")
    if len(images) == 0:
        raise ValueError("the set of images is empty; expected at least one image to train on.")
    if not callable(masks):
        raise TypeError(f"masks is {describe(masks)}; expected a family such as masks.lines, or masks.bank(...), to draw fresh ones from.")
    if not callable(loss) or isinstance(loss, type):
        made = f" Make one: {loss.__name__}()." if isinstance(loss, type) else ""
        raise TypeError(f"loss is {_said(loss)}; expected a function (prediction, target, mask) -> scalar, such as losses.hole_l1.{made}")


def check_forward(what: str, network: nn.Module) -> None:
    """Raise unless a network can be called with an image and a mask."""
    try:
        inspect.signature(network.forward).bind(None, None)
    except TypeError:
        takes = inspect.signature(network.forward)
        raise TypeError(f"{what} is {describe(network)}, whose forward takes {takes}; expected forward(image, mask).") from None


def check_callbacks(callbacks: Any) -> None:
    """Raise unless this is a sequence of callbacks."""
    if isinstance(callbacks, Callback):
        raise TypeError(f"callbacks is a single {type(callbacks).__name__}; expected several in a list: callbacks=[...].")
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise TypeError(f"callbacks is {_said(callbacks)}; expected a list, such as callbacks=[train.Evaluate(images, masks.lines)].")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            made = f" Make one: {callback.__name__}(...)." if isinstance(callback, type) else " Derive its class from train.Callback."
            raise TypeError(f"one of the callbacks is {_said(callback)}; expected a train.Callback.{made}")


def plain(*values: Any) -> tuple[Any, ...]:
    """The same values, with NumPy's numbers as Python's, which JSON can hold.

    >>> plain(np.int64(8), 0.5, None, "one")
    (8, 0.5, None, 'one')
    """
    return tuple(value.item() if isinstance(value, np.number) else value for value in values)


def check_numbers(count: int, batch_size: int, epochs: float | None, minutes: float | None, **others: float | None) -> None:
    """Raise unless the numbers are positive and the run has an end; warn where ``count`` images do not fill a batch."""
    for name, value in {"batch_size": batch_size, "epochs": epochs, "minutes": minutes, **others}.items():
        if value is None and name not in ("batch_size", "lr", "log_every"):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ValueError(f"{name} is {value!r}; expected a number above 0.")
        if name in ("batch_size", "log_every") and not isinstance(value, int):
            raise ValueError(f"{name} is {value!r}; expected a whole number.")
    if count < batch_size:
        warnings.warn(f"{count} images are fewer than a batch of {batch_size}: each step sees all of them.", stacklevel=4)
    if epochs is None and minutes is None:
        raise ValueError("neither epochs nor minutes is given; expected one of them, such as epochs=10 or minutes=5.")


def check_others(*, ema: Any, seed: Any, out: Any, stop: Any, **switches: Any) -> None:
    """Raise for an average, a seed, a folder, an event or a switch that is none."""
    if ema is not None and (isinstance(ema, bool) or not isinstance(ema, int | float) or not 0 < ema < 1):
        raise ValueError(f"ema is {ema!r}; expected a decay between 0 and 1, such as 0.999, or None for no averaging.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63 - 1:
        raise ValueError(f"seed is {seed!r}; expected a whole number from 0, such as 0.")
    if out is not None and not isinstance(out, str | os.PathLike):
        raise TypeError(f"out is {describe(out)}; expected the path of a folder, such as 'runs/first', or None.")
    if out is not None and (not os.fspath(out) or (Path(out).exists() and not Path(out).is_dir())):
        raise ValueError(f"out is {str(out)!r}, which is {'a file' if str(out) else 'empty'}; expected the path of a folder.")
    if stop is not None and not hasattr(stop, "is_set"):
        raise TypeError(f"stop is {describe(stop)}; expected a threading.Event, whose set() ends the run.")
    for name, value in switches.items():
        if not isinstance(value, bool) and not (value is None and name == "channels_last"):
            raise TypeError(f"{name} is {value!r}; expected True or False.")


def checked_schedule(schedule: str | Schedule) -> Schedule:
    """A schedule from its name, or the caller's, once it has been seen to give a factor."""
    if not isinstance(schedule, str) and not callable(schedule):
        raise TypeError(f"schedule is {describe(schedule)}; expected a name, such as 'cosine', or a function (fraction, epoch) -> factor.")
    rate = by_name(schedule)
    name = getattr(schedule, "__name__", "schedule")
    try:
        factor = rate(0.0, 0.0)
    except TypeError as error:
        hint = f"Did you mean {name}()?"
        raise TypeError(f"schedule is the function {name}, which cannot be called as (fraction, epoch): {error}. {hint}") from None
    check_factor(factor, name, "at the start")
    return rate


def check_factor(factor: Any, name: str, when: str) -> None:
    """Raise for what a schedule of that name gave if it is no factor."""
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor < math.inf:
        raise ValueError(f"schedule is {name}, which gives {factor!r} {when}; expected a factor on the learning rate, from 0.")


def _said(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else describe(thing)
