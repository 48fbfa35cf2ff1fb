"""Checkpoints: everything that a run needs to go on as if nothing had happened.

One safetensors file, tensors and (in its header, as JSON) all other values, so that both are replaced by the same atomic rename. Never a
pickle: opening one can run code.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from inpaintlib._files import DamagedError, lock, pack_safetensors, read_safetensors, write_atomically
from inpaintlib.train.history import History
from inpaintlib.train.optimizers import restore_optimizer, save_optimizer, trained

if TYPE_CHECKING:
    from inpaintlib.train.run import Run

__all__ = ["CheckpointError", "load_checkpoint", "open_folder", "restore", "save_checkpoint"]

FORMAT = "inpaintlib checkpoint 1"
_RNG = "rng."


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what is wrong with it and what to do."""


def save_checkpoint(run: Run, path: Path) -> None:
    """Write the whole state of a run to ``path``, atomically.

    Raises:
        OSError: it could not be written; what was there before is untouched.
        Diverged: a loss since the last look was not finite; such a state is not worth keeping.
    """
    run.flush()
    tensors: dict[str, Tensor] = {}
    optimizers: dict[str, Any] = {}
    for name, player in run.players.items():
        tensors |= {f"{name}.{key}": tensor for key, tensor in player.network.state_dict().items()}
        optimizers[_optimizer(name)] = save_optimizer(player.optimizer, f"{_optimizer(name)}.", tensors)
    if run.average:
        tensors |= {f"average.{name}": tensor for name, tensor in run.average.tensors.items()}
    tensors |= {_RNG + "epoch": run.epoch_rng, _RNG + "masks": run.mask_rng.get_state()}
    tensors |= {_RNG + name: state for name, state in run.chance.state().items()}
    state = {
        "format": FORMAT,
        **{name: describe_model(player.network) for name, player in run.players.items()},
        **optimizers,
        "trained": {name: trained(player.network, player.optimizer) for name, player in run.players.items()},
        "scaler": run.scaler.state_dict() if run.scaler else None,
        "must_match": run.must_match,
        "should_match": run.should_match,
        "counters": {name: getattr(run, name) for name in _COUNTERS},
        "callbacks": [[type(callback).__name__, callback.state()] for callback in run.callbacks],
    }
    at_hand = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    write_atomically(path, pack_safetensors(at_hand, {"state": json.dumps(state)}))


_COUNTERS = ("step", "epoch", "position", "seconds", "train_seconds", "terms", "tallies")


def _optimizer(player: str) -> str:
    """The name under which a player's optimizer is kept."""
    return "optimizer" if player == "model" else f"{player}_optimizer"


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Name and options of a model, for comparing and for messages: as JSON gives them back."""
    options = json.loads(json.dumps(getattr(model, "options", {}), default=str))
    return {"name": getattr(model, "name", "") or type(model).__name__, "options": options}


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint: its tensors, and the rest.

    Raises:
        CheckpointError: missing, a pickle, cut off, damaged, or no checkpoint of this library.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}. Start the run without resume, or name the folder that it wrote to.")
    try:
        tensors, metadata = read_safetensors(path)
    except DamagedError as error:
        raise CheckpointError(
            f"{path} {error}: its checkpoint cannot be used. {_WITHOUT_IT}"
        ) from None
    try:
        state = json.loads(metadata["state"])
    except (KeyError, ValueError):
        state = {}
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is a safetensors file, but no checkpoint of a run. Expected what fit wrote to its folder; "
            "weights without a run are loaded with models.pretrained.load_pretrained."
        )
    return tensors, state


_WITHOUT_IT = "Delete it: the run then goes on from best.safetensors beside it, if there is one, or starts anew."


def restore(run: Run, tensors: dict[str, Tensor], state: dict[str, Any], path: Path) -> None:
    """Put a run into the state of a checkpoint, to the bit.

    Raises:
        CheckpointError: it belongs to another model, other trained parameters, other settings, or another set of images; or it is damaged.
    """
    try:
        _compare(run, tensors, state, path)
        changed = _changed(run, state)
        _put_back(run, tensors, state)
    except CheckpointError:
        raise
    except Exception as error:  # a file without a checksum may hold anything
        said = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"{path} is damaged, or of another run ({said}): its checkpoint cannot be used. {_WITHOUT_IT}") from error
    if changed:
        warnings.warn(f"the run goes on with other settings than it began with: {'; '.join(changed)}.", stacklevel=5)


def _put_back(run: Run, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    with run.turns, torch.no_grad():
        for name, player in run.players.items():
            for key, tensor in player.network.state_dict().items():
                tensor.copy_(tensors[f"{name}.{key}"])
        if run.average:
            for name, tensor in run.average.tensors.items():
                tensor.copy_(tensors[f"average.{name}"])
    for name, player in run.players.items():
        restore_optimizer(player.optimizer, f"{_optimizer(name)}.", tensors, state[_optimizer(name)])
    for name in _COUNTERS:
        if name in state["counters"]:
            setattr(run, name, state["counters"][name])
    if run.scaler and state.get("scaler"):
        run.scaler.load_state_dict(state["scaler"])
    run.epoch_rng = tensors[_RNG + "epoch"]
    run.mask_rng.set_state(tensors[_RNG + "masks"])
    run.chance.load({name.removeprefix(_RNG): tensor for name, tensor in tensors.items() if name.startswith(_RNG)})
    saved = list(state["callbacks"])
    for callback in run.callbacks:  # by kind, the first to the first: a resumed run may have another progress line
        match = next((entry for entry in saved if entry[0] == type(callback).__name__), None)
        if match is not None:
            saved.remove(match)
            callback.load(match[1])


def _compare(run: Run, tensors: dict[str, Tensor], state: dict[str, Any], path: Path) -> None:
    if ("critic" in state) != ("critic" in run.players):
        kinds = ("fit_adversarial, with a critic", "fit, without a critic")
        wrote, reads = kinds if "critic" in state else kinds[::-1]
        raise CheckpointError(
            f"{path} was written by {wrote}; this run is one of {reads}. Resume it by what began it, or choose another folder."
        )
    for name, player in run.players.items():
        here, there = describe_model(player.network), state[name]
        expected = {key: tuple(t.shape) for key, t in player.network.state_dict().items()}
        found = {key.removeprefix(f"{name}."): tuple(t.shape) for key, t in tensors.items() if key.startswith(f"{name}.")}
        if here != there or expected != found:
            differ = _differences(there["options"], here["options"]) or _differences(found, expected)
            raise CheckpointError(
                f"{path} holds the {name} {there['name']} with options {there['options']}; this run trains {here['name']} with options "
                f"{here['options']} ({differ}). Make the {name} that the checkpoint belongs to, or choose another folder."
            )
        if "trained" in state:  # else from before it was written down
            _compare_trained(name, state["trained"][name], trained(player.network, player.optimizer), path)
    if run.average and not any(name.startswith("average.") for name in tensors):
        raise CheckpointError(f"{path} was written without an average of the weights. Resume with ema=None, or start anew.")
    for name, value in state["must_match"].items():
        if run.must_match.get(name) != value:
            raise CheckpointError(
                f"{path} was trained with {name} = {value!r}, this run has {run.must_match.get(name)!r}. To go on as if nothing had "
                "happened, keep it; to train with another, start anew in another folder."
            )


def _compare_trained(network: str, there: list[list[str]], here: list[list[str]], path: Path) -> None:
    then, now = ([name for group in groups for name in group] for groups in (there, here))
    gone, new = ([name for name in one if name not in other] for one, other in ((then, now), (now, then)))
    if there != here:
        differ = [f"{_first(names)} {when}" for names, when in ((gone, "only then"), (new, "only now")) if names]
        raise CheckpointError(
            f"{path} was written by a run that trained {len(then)} parameters of the {network}, this run trains {len(now)} of them "
            f"({'; '.join(differ) or 'in another order, or other groups'}). Freeze the same ones as then, or choose another folder."
        )


def _changed(run: Run, state: dict[str, Any]) -> list[str]:
    """What is not as it was, but may be, in words."""
    now = json.loads(json.dumps(run.should_match))  # as JSON would give it back
    return [f"{name} was {value}, is {now.get(name)}" for name, value in state["should_match"].items() if now.get(name) != value]


def _differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """The first few entries in which two dicts differ, in words."""
    pairs = {name: (there.get(name, "not there"), here.get(name, "not there")) for name in {**there, **here}}
    return _first([f"{name} was {before}, is {now}" for name, (before, now) in pairs.items() if before != now], "; ")


def _first(words: list[str], between: str = ", ") -> str:
    return between.join(words[:3] + ["..."] * (len(words) > 3))


@contextmanager
def open_folder(run: Run, resume: bool) -> Iterator[None]:
    """Make the folder of a run ready, and keep other runs out of it while this one lasts.

    It is new and empty of checkpoints, or, to resume, the run is put into the state of its last one; of its best one where the last one
    is missing, because the disk was full, or because it was damaged and deleted.

    Raises:
        CheckpointError: the folder already holds a run and ``resume`` is false, or its checkpoint cannot be used.
    """
    if run.out is None:
        if resume:
            raise CheckpointError("resume was asked for, but no folder is given; expected out=, the folder that the run wrote to.")
        yield
        return
    folder = run.out
    with ExitStack() as held:  # by rank 0, if there are several processes; what it reads, it hands to the others
        found = run.ranks.from_first(lambda: _take(folder, resume, held))
        if found:
            restore(run, *found)
            if run.ranks.first:
                _shorten_log(run, folder / "log.jsonl")
        yield


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A lock that the system takes back when its holder dies, however it dies."""
    with open(folder / ".lock", "a") as file:
        try:
            lock(file)
        except OSError:
            raise CheckpointError(f"another run is writing to {folder} right now. Wait for it, or choose another folder.") from None
        yield


def _take(folder: Path, resume: bool, held: ExitStack) -> tuple[dict[str, Tensor], dict[str, Any], Path] | None:
    """Lock and sweep the folder; returns the checkpoint to go on from, if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    held.enter_context(_locked(folder))
    last = folder / "last.safetensors"
    if not last.exists():
        last = folder / "best.safetensors"
    for partial in folder.glob(".*.partial"):  # what a killed run was about to write
        partial.unlink(missing_ok=True)
    if last.exists() and not resume:
        raise CheckpointError(f"{folder} already holds a run. Go on with it (resume=True, or --resume), or choose another folder.")
    if last.exists():
        return *load_checkpoint(last), last
    (folder / "log.jsonl").unlink(missing_ok=True)  # of a run that died before its first checkpoint
    return None


def _shorten_log(run: Run, log: Path) -> None:
    """Take out of the log what the killed run had logged after its checkpoint: these steps will now be done again."""
    rows = [row for row in History.read(log).rows if row["step"] <= run.step] if log.exists() else []
    run.history.rows[:] = rows
    since_last_row = max((steps for _, steps in run.tallies.values()), default=0)
    if run.step - since_last_row > (rows[-1]["step"] if rows else 0):
        warnings.warn(f"{log} does not reach up to step {run.step}, from where the run goes on: the rows between are lost.", stacklevel=6)
        run.record({**run.terms, "lr": run._lr(), "images_per_second": round(run.images_per_second, 1)})  # what the checkpoint knows
    write_atomically(log, "".join(json.dumps(row) + "\n" for row in run.history.rows).encode())
