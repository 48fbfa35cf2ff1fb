"""Checkpoints: everything that a run needs to go on as if nothing had happened.

One safetensors file, tensors and (in its header, as JSON) all other values, so that both are replaced by the same atomic rename. Never a
pickle: opening one can run code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from inpaintlib.train.history import History

if TYPE_CHECKING:
    from inpaintlib.train.run import Run

__all__ = ["CheckpointError", "load_checkpoint", "open_folder", "restore", "save_checkpoint", "write_atomically"]

FORMAT = "inpaintlib checkpoint 1"
_RNG = "rng."


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what is wrong with it and what to do."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that at any moment, power cut included, either the old or the new content is there, whole.

    Raises:
        OSError: no space, no permission; the old file is untouched and nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # the content first, then the name: the rename must not overtake the data
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def save_checkpoint(run: Run, path: Path) -> None:
    """Write the whole state of a run to ``path``, atomically."""
    tensors = {f"model.{name}": tensor for name, tensor in run.model.state_dict().items()}
    if run.average:
        tensors |= {f"average.{name}": tensor for name, tensor in run.average.tensors.items()}
    optimizer = run.optimizer.state_dict()
    scalars: dict[str, Any] = {}
    for index, values in optimizer["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                scalars[f"{index}.{name}"] = value
    tensors |= {_RNG + "epoch": run.epoch_rng, _RNG + "masks": run.mask_rng.get_state(), _RNG + "torch": torch.get_rng_state()}
    if run.device.type == "cuda":
        tensors[_RNG + "cuda"] = torch.cuda.get_rng_state(run.device)
    state = {
        "format": FORMAT,
        "model": describe_model(run.model),
        "settings": run.settings,
        "optimizer": {"groups": [{k: v for k, v in g.items() if k != "params"} for g in optimizer["param_groups"]], "scalars": scalars},
        "counters": {name: getattr(run, name) for name in _COUNTERS},
        "callbacks": [[type(callback).__name__, callback.state()] for callback in run.callbacks],
    }
    packed = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(packed, metadata={"state": json.dumps(state)}))


_COUNTERS = ("step", "epoch", "position", "seconds", "train_seconds", "terms", "sums", "counted")


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Name and options of a model, for comparing and for messages."""
    return {"name": getattr(model, "name", "") or type(model).__name__, "options": getattr(model, "options", {})}


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint: its tensors, and the rest.

    Raises:
        CheckpointError: missing, a pickle, cut off, or no checkpoint of this library.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}. Start the run without resume, or name the folder that it wrote to.")
    with open(path, "rb") as file:
        head = file.read(2)
    if head[:1] == b"\x80" or head == b"PK":
        raise CheckpointError(
            f"{path} is a pickle (what torch.save writes): opening one can run code that somebody hid in it, so it is not opened. "
            "Checkpoints here are safetensors; where you trust its origin, convert it with safetensors.torch.save_file."
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} ({path.stat().st_size} bytes) is cut off or damaged: {error}. Delete it and take best.safetensors beside it "
            "(rename it to last.safetensors), or start the run anew in another folder."
        ) from None
    try:
        state = json.loads(metadata["state"])
    except (KeyError, ValueError):
        state = {}
    if state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is a safetensors file, but no checkpoint of a run. Weights are loaded with models.load_pretrained.")
    return tensors, state


def restore(run: Run, tensors: dict[str, Tensor], state: dict[str, Any], path: Path) -> None:
    """Put a run into the state of a checkpoint, to the bit.

    Raises:
        CheckpointError: it belongs to another model, other settings, or another set of images.
    """
    _compare(run, tensors, state, path)
    with torch.no_grad():
        for name, tensor in run.model.state_dict().items():
            tensor.copy_(tensors[f"model.{name}"])
        if run.average:
            for name, tensor in run.average.tensors.items():
                tensor.copy_(tensors[f"average.{name}"])
    _restore_optimizer(run, tensors, state)
    for name in _COUNTERS:
        setattr(run, name, state["counters"][name])
    run.epoch_rng = tensors[_RNG + "epoch"]
    run.mask_rng.set_state(tensors[_RNG + "masks"])
    torch.set_rng_state(tensors[_RNG + "torch"])
    if run.device.type == "cuda" and _RNG + "cuda" in tensors:
        torch.cuda.set_rng_state(tensors[_RNG + "cuda"], run.device)
    saved = list(state["callbacks"])
    for callback in run.callbacks:  # by kind, the first to the first: a resumed run may have another progress line
        match = next((entry for entry in saved if entry[0] == type(callback).__name__), None)
        if match is not None:
            saved.remove(match)
            callback.load(match[1])


def _restore_optimizer(run: Run, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
    values: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            index, name = key.removeprefix("optimizer.").split(".", 1)
            parameter = parameters[int(index)]
            if tensor.shape == parameter.shape:  # the same memory layout as the parameter, as the optimizer itself makes it
                tensor = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
            values.setdefault(int(index), {})[name] = tensor
    for key, value in state["optimizer"]["scalars"].items():
        index, name = key.split(".", 1)
        values.setdefault(int(index), {})[name] = value
    saved = run.optimizer.state_dict()
    groups = []
    for now, before in zip(saved["param_groups"], state["optimizer"]["groups"], strict=True):
        restored = {k: tuple(v) if isinstance(v, list) else v for k, v in before.items()}
        groups.append(now | restored | {"params": now["params"]})
    run.optimizer.load_state_dict({"state": values, "param_groups": groups})


def _compare(run: Run, tensors: dict[str, Tensor], state: dict[str, Any], path: Path) -> None:
    here, there = describe_model(run.model), state["model"]
    expected = {f"model.{name}": tuple(t.shape) for name, t in run.model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items() if name.startswith("model.")}
    if here["name"] != there["name"] or expected != found:
        raise CheckpointError(
            f"{path} holds the model {there['name']} with options {there['options']}; this run trains {here['name']} with options "
            f"{here['options']}. Make the model that the checkpoint belongs to, or choose another folder."
        )
    if run.average and not any(name.startswith("average.") for name in tensors):
        raise CheckpointError(f"{path} was written without an average of the weights. Resume with ema=None, or start anew.")
    now = json.loads(json.dumps(run.settings))
    for name, value in state["settings"].items():
        if now.get(name) != value:
            raise CheckpointError(
                f"{path} was trained with {name} = {value!r}, this run has {now.get(name)!r}. To go on as if nothing had happened, "
                "keep it; to train with another, start anew in another folder."
            )


def open_folder(run: Run, resume: bool) -> None:
    """Make the folder of a run ready: new and empty of checkpoints, or, to resume, with the run in the state of its last one.

    Raises:
        CheckpointError: the folder already holds a run and ``resume`` is false, or its checkpoint cannot be used.
    """
    assert run.out is not None
    run.out.mkdir(parents=True, exist_ok=True)
    last, log = run.out / "last.safetensors", run.out / "log.jsonl"
    for partial in run.out.glob(".*.partial"):  # what a killed run was about to write
        partial.unlink(missing_ok=True)
    if last.exists() and not resume:
        raise CheckpointError(f"{run.out} already holds a run. Go on with it (resume=True, or --resume), or choose another folder.")
    if not last.exists():
        log.unlink(missing_ok=True)  # of a run that died before its first checkpoint
        return
    restore(run, *load_checkpoint(last), last)
    if log.exists():
        # The killed run may have logged steps that will now be done again.
        rows = [row for row in History.read(log).rows if row["step"] <= run.step]
        run.history.rows[:] = rows
        write_atomically(log, "".join(json.dumps(row) + "\n" for row in rows).encode())
