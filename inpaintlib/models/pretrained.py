"""Weights that ship with the course: 16-bit safetensors, with a card inside that says where they come from.

``NAME.safetensors`` holds the tensors and, in its header as JSON, the model's name, its options and the card; ``NAME.md`` is that
card again for people, rendered from it and never typed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from inpaintlib._check import describe
from inpaintlib._files import DamagedError, pack_safetensors, read_safetensors, write_atomically

__all__ = ["FOLDER", "check_savable", "load_pretrained", "render_card", "save_pretrained"]

FOLDER = Path(__file__).parent.parent / "weights"
SUMS = FOLDER / "SHA256SUMS"  # a line for each file that holds no checksum of its own, as sha256sum writes it
FORMAT = "inpaintlib weights 1"


def save_pretrained(model: nn.Module, path: str | Path, card: dict[str, Any]) -> Path:
    """Write a model's weights in 16 bits, and its card beside them.

    Args:
        model: one of the registry's; its ``name`` and ``options`` are stored with it.
        path: ``.../NAME.safetensors``; ``NAME.md`` goes beside it. The folder is made if need be.
        card: plain values by name, in the order in which the card shows them; a ``dict`` inside becomes a table.

    Returns:
        The path written to.

    Raises:
        ValueError: the path's ending is another, the model has no name, a weight is not finite, or the card holds an absolute path.
    """
    path = Path(path)
    check_savable(path, card)
    name = getattr(model, "name", "")
    if not name:
        raise ValueError(f"the model is {describe(model)} without a name; expected one of models.names(), or set its `name`.")
    metadata = {
        "format": FORMAT,
        "name": name,
        "options": json.dumps(getattr(model, "options", {})),
        "card": json.dumps(card),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {key: _halve(key, tensor) for key, tensor in model.state_dict().items()}
    write_atomically(path, pack_safetensors(halves, metadata))
    write_atomically(path.with_suffix(".md"), render_card(name, getattr(model, "options", {}), card).encode())
    return path


def check_savable(path: Path, card: dict[str, Any]) -> None:
    """Raise for what :func:`save_pretrained` would refuse: a training run asks before its hours of work, not after them.

    Raises:
        ValueError: the path's ending is another, or the card holds an absolute path.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"path is {str(path)!r}; expected a name that ends in .safetensors.")
    _refuse_absolute_paths(card)


def _halve(name: str, tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor  # batch norm's counter
    if not bool(tensor.isfinite().all()):
        raise ValueError(f"the weights of {name} hold NaN or infinity; such a model is not worth saving.")
    half = tensor.half()
    # A float16 ends at 65504 (a running variance can pass it); such a tensor keeps its 32 bits.
    return half if bool(half.isfinite().all()) else tensor


def _refuse_absolute_paths(value: Any) -> None:
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            _refuse_absolute_paths(part)
    elif isinstance(value, str) and re.search(r"(?:^|[\s'\"`,;(=]|file://)(?:~/|/\w)", value):
        raise ValueError(f"the card says {value!r}, which holds a path of this machine; expected words that mean something elsewhere too.")


def load_pretrained(name: str | Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """Read weights that ship with the course, or any file that :func:`save_pretrained` wrote.

    Args:
        name: a model's name, or a path that ends in ``.safetensors``.

    Returns:
        The model's options, its state (16-bit; ``load_state_dict`` converts), and the card.

    Raises:
        ValueError: no such weights, or a file that is a pickle, damaged, or something else.
    """
    path = Path(name) if str(name).endswith(".safetensors") else FOLDER / f"{name}.safetensors"
    if not path.is_file():
        have = ", ".join(sorted(file.stem for file in FOLDER.glob("*.safetensors"))) or "none"
        raise ValueError(f"there are no weights {str(name)!r}; with this version of the course come: {have}. {_mend(path)}")
    try:
        state, metadata = read_safetensors(path, _recorded(path))
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path.name} holds no weights of this library; expected a file that save_pretrained wrote.{_of_a_run(path)}")
        return _words(metadata, "options"), state, _words(metadata, "card")
    except DamagedError as error:
        raise ValueError(f"{path.name} {error}. Weights that come with the course are restored by fetching the course again.") from None


def _recorded(path: Path) -> str | None:
    """The checksum of a file that ships with the course and is from before the files held their own; None for any other."""
    if path.resolve().parent != FOLDER.resolve() or not SUMS.exists():
        return None
    return {name: digest for digest, name in map(str.split, SUMS.read_text("utf-8").splitlines())}.get(path.name)


def _words(metadata: dict[str, str], name: str) -> dict[str, Any]:
    """A ``dict`` from the header of a file."""
    try:
        words = json.loads(metadata[name])
    except (KeyError, ValueError):
        words = None
    if not isinstance(words, dict):
        raise DamagedError(f"is damaged (its header holds no {name} that could be read)")
    return words


def _of_a_run(path: Path) -> str:
    """A checkpoint is the state of a run, not weights; how to get these from it."""
    if path.name not in ("last.safetensors", "best.safetensors"):
        return ""
    return (
        " This looks like the checkpoint of a run that was stopped: the command that started it, with --resume --minutes 0.01, writes the "
        "weights beside it, with their card."
    )


def _mend(path: Path) -> str:
    """What to do without these weights."""
    if path.parent != FOLDER:
        return "Such a file is written by a training run: look for it in the folder that was given as --out."
    from inpaintlib import features, models

    if path.stem in models.names():
        return f"Without pretrained=True you get an untrained network; `python -m inpaintlib.train {path.stem}` trains it."
    if path.stem == "hole_detector":
        return "Without pretrained=True you get an untrained network; `python -m inpaintlib.train.detector` trains it."
    if (name := path.stem.removeprefix("features_")) in features.names():
        return f"`python -m inpaintlib.features train {name}` trains them anew."
    return f"Expected one of {', '.join(models.names())}, or a path that ends in .safetensors."


def render_card(name: str, options: dict[str, Any], card: dict[str, Any]) -> str:
    """The card as Markdown: a heading, one line for each value, a table for each ``dict`` of them."""
    chosen = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "none"
    lines = [f"# {name}", "", "Written by the run that trained these weights.", ""]
    if card.get("about"):
        lines += [str(card["about"]), ""]
    lines += [f"- model: `{name}`, options: {chosen}"]
    flat = {key: value for key, value in card.items() if key != "about" and not isinstance(value, dict)}
    lines += [f"- {key.replace('_', ' ')}: {_plain(value)}" for key, value in flat.items()]
    for key, value in card.items():
        if isinstance(value, dict):
            lines += ["", f"## {key.replace('_', ' ').capitalize()}", "", *_table(value)]
    return "\n".join(lines) + "\n"


def _table(values: dict[str, Any]) -> list[str]:
    """Rows of {row: {column: value}}, or of {name: value}."""
    if not all(isinstance(row, dict) for row in values.values()):
        return ["| | |", "|---|---|", *(f"| {name.replace('_', ' ')} | {_plain(value)} |" for name, value in values.items())]
    columns = list(dict.fromkeys(column for row in values.values() for column in row))
    head = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    return head + [f"| {name} | " + " | ".join(_cell(row.get(column, "")) for column in columns) + " |" for name, row in values.items()]


def _cell(value: Any) -> str:
    """A number as the column of a table wants it: the same decimals in every row."""
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"`{value}`" if isinstance(value, str) and value.startswith("python ") else str(value)
