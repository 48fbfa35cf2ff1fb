"""Training the parts of a study: each in a folder of its own, each resumable, each kept once it is finished."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from inpaintlib import data, masks
from inpaintlib._device import device as choose_device
from inpaintlib._files import DamagedError, read_safetensors, write_atomically
from inpaintlib.reproduce.arms import Arm
from inpaintlib.train.history import History
from inpaintlib.train.loop import fit

__all__ = ["Trained", "check_folder", "train_part"]


@dataclass(frozen=True)
class Trained:
    """A finished part: the network in eval mode, and what is to be known about its training.

    ``facts`` holds ``steps``, ``images`` (seen), ``seconds``, and the last value of each column of the history, under its name.
    """

    model: nn.Module
    facts: dict[str, Any]


def check_folder(folder: Path, resume: bool) -> None:
    """Refuse to mix a new study with parts of an older one.

    Raises:
        ValueError: there are parts, and nobody said what is to become of them.
    """
    found = sorted(path.parent.name for path in folder.glob("*/part.json"))
    if found and not resume:
        raise ValueError(
            f"{folder} holds {len(found)} parts of a study ({', '.join(found[:3])}{', ...' if len(found) > 3 else ''}). "
            "Go on with it (--resume), or name another folder (--runs)."
        )


def train_part(
    arm: Arm, seed: int, images: data.ImageSet, folder: Path, *, device: str, precision: str, say: Callable[[str], None] = print
) -> Trained:
    """Train an arm with one seed, or take up what is there already: the finished weights, or the last checkpoint.

    Args:
        arm: what is trained.
        seed: of first weights, order of the images, flips and masks; the same for all arms, so that they see the same.
        images: the training images, all of them.
        folder: of this part; made if need be.
        device, precision: as ``train.fit`` takes them.
        say: called with a line when the part is done.

    Raises:
        ValueError: the folder holds a part with other settings, or weights that are damaged.
    """
    chosen = images if arm.only_class is None else _of_class(images, arm.only_class)
    identity = json.loads(json.dumps(arm.identity(seed) | {"data": chosen.sha256[:16]}))
    folder.mkdir(parents=True, exist_ok=True)
    note, weights = folder / "part.json", folder / "weights.safetensors"
    _same(note, identity)
    model, critics = arm.build(seed)
    if weights.exists():
        facts = _load(model, weights)
        say(f"  {folder.name}: kept")
        return Trained(model.to(choose_device(device)).eval(), facts)
    write_atomically(note, json.dumps(identity, indent=1).encode())
    history = _fit(arm, seed, model, critics, chosen, folder, device, precision)
    facts = _facts(arm, model, len(chosen), history)
    _save(model, weights, facts)
    for name in ("last", "best"):
        (folder / f"{name}.safetensors").unlink(missing_ok=True)  # of no use any more, and large
    say(f"  {folder.name}: {facts['images']:,} images in {facts['seconds']:.0f} s")
    return Trained(model, facts)


def _fit(
    arm: Arm, seed: int, model: nn.Module, critics: dict[str, nn.Module], images: data.ImageSet, folder: Path, device: str, precision: str
) -> History:
    recipe = arm.recipe
    height, width = images.images.shape[-2:]
    bank = masks.bank(arm.family(), size=height if height == width else (height, width), count=min(20_000, max(100, recipe.images)))
    steps, per_epoch = recipe.steps(len(images)), max(1, len(images) // recipe.batch_size)
    how: dict[str, Any] = {
        "epochs": (steps - 0.5) / per_epoch,  # rounded up to whole steps: exactly that many
        "batch_size": recipe.batch_size, "lr": recipe.lr, "schedule": recipe.schedule, "optimizer": recipe.optimizer,
        "clip": recipe.clip or None, "ema": recipe.ema or None, "seed": seed, "device": device, "precision": precision,
        "out": folder, "resume": True, "progress": False, "log_every": max(1, min(50, steps // 4)),
    }  # fmt: skip
    if arm.adversary is None:
        return fit(model, images, bank, arm.loss(), **how)
    from inpaintlib.train.adversarial import fit_adversarial

    game = arm.adversary
    return fit_adversarial(
        model, images, bank, arm.loss(), critics, adversarial=game.kind, adversarial_weight=game.weight, critic_lr=game.lr, **how
    )


def _facts(arm: Arm, model: nn.Module, count: int, history: History) -> dict[str, Any]:
    last = {name: history.last(name) for name in history.columns()}
    return {
        **last, "steps": arm.recipe.steps(count), "images": arm.recipe.seen(count), "seconds": history.rows[-1]["seconds"],
        "parameters": sum(p.numel() for p in model.parameters()),
    }  # fmt: skip


def _of_class(images: data.ImageSet, label: int) -> data.ImageSet:
    inside = (images.labels == label).nonzero()[:, 0]
    source = f"{images.source.rstrip('.')}; of these only the {len(inside):,} of the class {images.classes[label]}."
    return replace(images, images=images.images.index_select(0, inside), labels=images.labels.index_select(0, inside), source=source)


def _same(note: Path, identity: dict[str, Any]) -> None:
    if not note.exists():
        return
    before = json.loads(note.read_text("utf-8"))
    changed = [f"{key} was {before.get(key)!r}, is {value!r}" for key, value in identity.items() if before.get(key) != value]
    if changed:
        raise ValueError(
            f"{note.parent} holds a part with other settings: {'; '.join(changed)}. Name another folder (--runs), or delete this one."
        )


def _save(model: nn.Module, path: Path, facts: dict[str, Any]) -> None:
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(path, save(tensors, metadata={"facts": json.dumps(facts)}))


def _load(model: nn.Module, path: Path) -> dict[str, Any]:
    try:
        tensors, metadata = read_safetensors(path)
    except DamagedError as error:
        raise ValueError(f"{path} {error}. Delete it: --resume then trains that part anew.") from None
    model.load_state_dict(tensors)
    return json.loads(metadata["facts"])
