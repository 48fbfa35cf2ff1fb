"""Weights that somebody hands in, read without trusting a byte of them: safetensors only, models of the course only, never code.

Everything is decided from the file's header, which is JSON, before a number is read: names, shapes and places must be those of the model
that the header names, made of nothing but shapes. So no file can ask for more memory than it has bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from inpaintlib.models import Inpainter

__all__ = ["OPTIONS", "BadWeights", "Weights", "build", "read"]

FORMAT = "inpaintlib weights 1"  # as inpaintlib.models.pretrained writes it
HEADER = 1 << 20  # bytes of a header at most
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "I64": torch.int64}
ALIKE = 0.01  # weights nearer to others than this part of their length are those
_flag = (False, True)
#: Models that may be handed in, and what each of their options may be.
OPTIONS: dict[str, dict[str, Any]] = {
    "course_unet": {
        "width": range(1, 65),
        "depth": range(1, 6),
        "blocks": range(1, 9),
        "convolution": ("plain", "partial", "gated"),
        "attention": _flag,
        "start": _flag,
        "mirror": _flag,
    },
    "gated_unet": {"size": (32,), "width": range(1, 65)},
    "partial_unet": {"width": range(1, 65), "squeeze": _flag},
    "partial_unet_s1": {"width": range(1, 129)},
    "vanilla_unet": {"depth": range(2, 6), "width": range(1, 129)},
}
SAVE = 'Write it with inpaintlib.models.pretrained.save_pretrained(model, "weights.safetensors", card={})'


class BadWeights(ValueError):
    """The file cannot be used; the message says why and how to mend it."""


@dataclass(frozen=True, eq=False)
class Weights:
    """What a file holds: the name of a model of the course, its options, and its tensors by name."""

    name: str
    options: dict[str, Any]
    state: dict[str, torch.Tensor]

    @property
    def parameters(self) -> int:
        """How many numbers."""
        return sum(tensor.numel() for tensor in self.state.values() if tensor.is_floating_point())


def read(path: Path, largest: int) -> Weights:
    """Read a file of weights.

    Args:
        path: what was handed in.
        largest: bytes that it may have.

    Raises:
        BadWeights: it is missing, too large, no safetensors, cut off, of another model, or holds NaN.
    """
    if not path.is_file():  # a pipe would never end
        raise BadWeights(f"There is no file {path.name}.")
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
        size = path.stat().st_size
    except OSError as error:
        raise BadWeights(f"{path.name} cannot be read ({error.strerror or error}).") from None
    if len(data) > largest:
        advice = "A network of half the width has about a quarter of the weights, and save_pretrained stores them in 16 bits."
        raise BadWeights(f"{path.name} has {size / 1e6:.1f} MB; at most {largest / 1e6:g} MB may be handed in. {advice}")
    header, start = _header(data, path.name)
    metadata = header.pop("__metadata__", None)
    name, options = _model(metadata if isinstance(metadata, dict) else {}, path.name)
    places = _places(header, len(data) - start, path.name)
    _fits(name, options, {key: tuple(shape) for key, (_, shape, _, _) in places.items()})
    state = _tensors(data, start, places)
    for key, tensor in state.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise BadWeights(f"The weight {key} holds NaN or infinity: the training broke. Take weights from before that, or a lower rate.")
    return Weights(name, options, state)


def build(weights: Weights) -> Inpainter:
    """The model with these weights, in eval mode."""
    from inpaintlib import models

    model = models.create(weights.name, **weights.options)
    model.load_state_dict(weights.state)
    return model.eval()


def same_as(weights: Weights, others: list[Path]) -> str:
    """The name of the first of these files that holds nearly the same weights, or an empty string; files of other kinds count as other."""
    for path in others:
        try:
            other = read(path, path.stat().st_size)
        except (BadWeights, OSError):
            continue
        if other.name == weights.name and _shapes(other) == _shapes(weights):  # options that change no shape make no other network
            pairs = [(t.double(), other.state[key].double()) for key, t in weights.state.items() if t.is_floating_point()]
            far = math.sqrt(sum(float((a - b).square().sum()) for a, b in pairs))
            long = math.sqrt(sum(float(b.square().sum()) for _, b in pairs))
            if far <= ALIKE * long:
                return path.stem
    return ""


def _shapes(weights: Weights) -> dict[str, torch.Size]:
    return {key: tensor.shape for key, tensor in weights.state.items()}


def _header(data: bytes, file: str) -> tuple[dict[str, Any], int]:
    """The JSON header, and where the numbers begin."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or length > HEADER or data[8:9] != b"{":
        if data[:1] == b"\x80" or data[:2] == b"PK":
            raise BadWeights(f"{file} is a pickle, as torch.save writes it. Opening one can run code, so it is not opened. {SAVE}.")
        raise BadWeights(f"{file} is no safetensors file ({len(data):,} bytes). {SAVE}.")
    if 8 + length > len(data):
        raise BadWeights(f"{file} is cut off: its header alone has {length:,} bytes, the file {len(data):,}. Save it and upload it again.")
    try:
        header = json.loads(data[8 : 8 + length].decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadWeights(f"{file} has a damaged header. {SAVE}.") from None
    if not isinstance(header, dict):
        raise BadWeights(f"{file} has a header that is none. {SAVE}.")
    return header, 8 + length


def _model(metadata: dict[str, Any], file: str) -> tuple[str, dict[str, Any]]:
    """Which model it says it is, if that may be handed in."""
    if metadata.get("format") != FORMAT:
        raise BadWeights(f"{file} does not say of which model of the course it is. {SAVE}, which stores name and options with the weights.")
    name, known = metadata.get("name"), ", ".join(OPTIONS)
    if not isinstance(name, str) or name not in OPTIONS:
        raise BadWeights(f"{file} is of the model {_shown(name)}; expected one of {known}.")
    try:
        options = json.loads(metadata["options"])
    except (KeyError, TypeError, ValueError, RecursionError):
        options = None
    if not isinstance(options, dict):
        raise BadWeights(f"{file} does not say with which options its {name} was made. {SAVE}.")
    for key, value in options.items():
        allowed = OPTIONS[name].get(key)
        if allowed is None:
            raise BadWeights(f"{file} gives {name} the option {_shown(key)}; known are {', '.join(OPTIONS[name])}.")
        if not any(type(value) is type(one) and value == one for one in allowed):
            said = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else " or ".join(map(str, allowed))
            raise BadWeights(f"{file} gives {name} {key}={_shown(value)}; expected {said}.")
    return name, options


def _places(header: dict[str, Any], room: int, file: str) -> dict[str, tuple[torch.dtype, list[int], int, int]]:
    """Tensor by name: dtype, shape, first byte, byte behind the last. They fill the file without a gap and without an overlap."""
    found = {}
    for key, entry in header.items():
        dtype = DTYPES.get(str(entry.get("dtype"))) if isinstance(entry, dict) else None
        shape, offsets = (_whole(entry.get(part)) for part in ("shape", "data_offsets")) if isinstance(entry, dict) else (None, None)
        if dtype is None:
            raise BadWeights(f"{file}: {_shown(key)} is of no type that weights have; expected {', '.join(DTYPES)}. {SAVE}.")
        if shape is None or len(shape) > 8 or offsets is None or len(offsets) != 2:
            raise BadWeights(f"{file} has a damaged header, at {_shown(key)}. {SAVE}.")
        found[key] = (dtype, shape, offsets[0], offsets[1])
    end = 0
    for key, (dtype, shape, first, last) in sorted(found.items(), key=lambda item: item[1][2:]):
        if first != end or last - first != math.prod(shape) * dtype.itemsize:
            raise BadWeights(f"{file} has a damaged header: {_shown(key)} does not lie where it should. {SAVE}.")
        end = last
    if end != room:
        what = "is cut off" if end > room else "has bytes behind its end"
        raise BadWeights(f"{file} {what}: {room:,} bytes of weights, {end:,} expected. Save it and upload it again.")
    return found


def _whole(values: Any) -> list[int] | None:
    """A list of whole numbers that a file may have, or None."""
    return values if isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 40 for v in values) else None


def _tensors(data: bytes, start: int, places: dict[str, tuple[torch.dtype, list[int], int, int]]) -> dict[str, torch.Tensor]:
    state = {}
    for key, (dtype, shape, first, last) in places.items():
        own = bytearray(data[start + first : start + last])
        state[key] = torch.frombuffer(own, dtype=dtype).reshape(shape) if own else torch.empty(shape, dtype=dtype)
    return state


def _fits(name: str, options: dict[str, Any], have: dict[str, tuple[int, ...]]) -> None:
    """Whether these are the shapes of that model, which is made of shapes alone."""
    from inpaintlib import models

    try:
        with torch.device("meta"):
            wanted = {key: tuple(value.shape) for key, value in models.create(name, **options).state_dict().items()}
    except (ValueError, RuntimeError) as error:
        raise BadWeights(f"A {name} with {_shown(options)} cannot be made: {str(error)[:200]}") from None
    if have == wanted:
        return
    where = next((key for key in [*wanted, *have] if have.get(key) != wanted.get(key)), "")
    said = f"{_shown(where)} has the shape {have.get(where, 'of nothing')}; expected {wanted.get(where, 'no such tensor')}"
    raise BadWeights(f"The weights are not those of a {name} with {_shown(options)}: {said}. Were name or options changed after training?")


def _shown(value: Any) -> str:
    return repr(value)[:80]
