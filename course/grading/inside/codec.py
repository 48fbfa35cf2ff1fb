"""Values as plain bytes, and frames around them: what the grader and the student's process say to each other.

A frame is a header (magic, version, length, a random number that a reply must repeat) and a body: JSON for the structure, then the
contents of the arrays. Nothing in it can make the reader run code, and every length is checked before it is believed.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, NamedTuple

import numpy as np
import torch

__all__ = ["HEADER", "Handle", "Opaque", "ProtocolError", "decode", "encode", "pack", "unpack_header"]

MAGIC, VERSION = b"IPG", 1
HEADER = struct.Struct(">3sBQ16s")  # magic, version, length of the body, number of the request
STRUCTURE = 16 << 20  # bytes of JSON at most
DEPTH, TEXT, DIMENSIONS = 40, 1 << 20, 32
TORCH = {
    str(d).removeprefix("torch."): d
    for d in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64),
    )
}
NUMPY = {
    name: np.dtype(name)
    for name in (
        *("float16", "float32", "float64", "bool"),
        *("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
    )
}


class ProtocolError(Exception):
    """A frame that is none, is too large, or answers another question."""


class Handle(NamedTuple):
    """An object that stays in the student's process, by its number."""

    number: int


class Opaque:
    """Stands for something that is not sent: its class carries the name of what it was."""

    def __init_subclass__(cls) -> None:
        cls.__module__ = "student"


def opaque(name: str) -> Opaque:
    """An object of a class of that name.

    >>> type(opaque("Canvas")).__name__
    'Canvas'
    """
    return type("".join(c for c in name if c.isalnum() or c in "_ .")[:40] or "object", (Opaque,), {})()


def encode(value: Any) -> bytes:
    """A value as bytes: None, bool, int, float, str, bytes, tensors and arrays of real numbers, and tuples, lists and dicts of them.

    Anything else becomes the name of its class.

    Raises:
        ValueError: nested too deeply, or the structure is too large.
    """
    buffers: list[bytes] = []
    structure = json.dumps(_tree(value, buffers, 0), separators=(",", ":")).encode("utf-8", "replace")
    if len(structure) > STRUCTURE:
        raise ValueError("too many separate numbers; one array would do")
    return b"".join([struct.pack(">I", len(structure)), structure, *buffers])


def _tree(value: Any, buffers: list[bytes], depth: int) -> Any:
    if depth > DEPTH:
        raise ValueError("nested too deeply")
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        return {"s": value[:TEXT]}
    if type(value) is bytes:
        buffers.append(value)
        return {"b": len(value)}
    if type(value) is Handle:
        return {"h": value.number}
    if isinstance(value, torch.Tensor):
        return _tensor(value, buffers)
    if isinstance(value, np.ndarray | np.generic):
        return _array(value, buffers)
    if isinstance(value, tuple | list):
        return {"t" if isinstance(value, tuple) else "l": [_tree(v, buffers, depth + 1) for v in value]}
    if isinstance(value, dict):
        return {"d": [[str(k)[:TEXT], _tree(v, buffers, depth + 1)] for k, v in value.items()]}
    if isinstance(value, int | float):  # a subclass: IntEnum, a lazy number
        return float(value) if isinstance(value, float) else int(value)
    return {"o": type(value).__name__[:40]}


def _tensor(value: torch.Tensor, buffers: list[bytes]) -> Any:
    with torch._C.DisableTorchFunctionSubclass():
        plain = value.detach().as_subclass(torch.Tensor)
        name = str(plain.dtype).removeprefix("torch.")
        if name not in TORCH or plain.layout != torch.strided or plain.device.type == "meta" or plain.is_quantized:
            kind = "empty" if plain.device.type == "meta" else str(plain.layout).removeprefix("torch.")
            return {"o": f"{kind} {name} tensor"}
        shape = list(plain.shape)
        # a copy, not contiguous(): a single number cut out of a matrix keeps that matrix's stride, and counts as contiguous
        flat = plain.resolve_neg().cpu().reshape(-1).clone(memory_format=torch.contiguous_format)
        buffers.append(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return {"a": "torch", "d": name, "n": shape}


def _array(value: Any, buffers: list[bytes]) -> Any:
    array = np.asarray(value)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.name not in NUMPY:
        return {"o": f"{array.dtype.name} array"}
    buffers.append(np.ascontiguousarray(array).tobytes())
    return {"a": "numpy", "d": array.dtype.name, "n": list(array.shape)}


def decode(body: bytes) -> Any:
    """The value of a frame's body; arrays share no memory with it.

    Raises:
        ProtocolError: the bytes are no value.

    >>> decode(encode({"x": (1, torch.ones(2))}))
    {'x': (1, tensor([1., 1.]))}
    """
    try:
        (length,) = struct.unpack_from(">I", body)
        if length > min(STRUCTURE, len(body) - 4):
            raise ValueError("length")
        reader = _Reader(memoryview(body)[4 + length :])
        value = reader.value(json.loads(body[4 : 4 + length]), 0)
    except ProtocolError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, struct.error) as error:
        raise ProtocolError(f"no value ({type(error).__name__})") from None
    if reader.rest:
        raise ProtocolError("more bytes than the arrays have")
    return value


class _Reader:
    """Takes arrays off a buffer, in order."""

    def __init__(self, rest: memoryview) -> None:
        self.rest = rest

    def value(self, tree: Any, depth: int) -> Any:
        if depth > DEPTH:
            raise ProtocolError("nested too deeply")
        if tree is None or isinstance(tree, bool | int | float):
            return tree
        (kind, content), *more = tree.items()
        if kind == "a":
            fields = dict(more)
            return self.array(content, fields["d"], fields["n"])
        if kind == "b":
            return bytes(self.take(int(content)))
        if kind in ("t", "l"):
            items = [self.value(item, depth + 1) for item in content]
            return tuple(items) if kind == "t" else items
        if kind == "d":
            return {str(key): self.value(item, depth + 1) for key, item in content}
        if kind == "s":
            return str(content)
        if kind == "h":
            return Handle(int(content))
        if kind == "o":
            return opaque(str(content))
        raise ProtocolError("an unknown kind of value")

    def take(self, length: int) -> memoryview:
        if not 0 <= length <= len(self.rest):
            raise ProtocolError("an array that is longer than its frame")
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def array(self, library: str, name: str, shape: list[int]) -> Any:
        if len(shape) > DIMENSIONS or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
            raise ProtocolError("a shape that cannot be")
        dtype = NUMPY.get(name)
        size = 2 if name == "bfloat16" else NUMPY[name].itemsize
        length = size * math.prod(shape)
        raw = bytearray(self.take(length))
        if library == "numpy":
            array = np.frombuffer(raw, np.uint8 if name == "bool" else dtype).reshape(shape)
            return array != 0 if name == "bool" else array
        if library != "torch":
            raise ProtocolError("an unknown kind of array")
        if not length:
            return torch.empty(shape, dtype=TORCH[name])
        if name == "bool":
            return (torch.frombuffer(raw, dtype=torch.uint8) != 0).reshape(shape)
        return torch.frombuffer(raw, dtype=TORCH[name]).reshape(shape)


def pack(body: bytes, number: bytes) -> bytes:
    """A frame."""
    return HEADER.pack(MAGIC, VERSION, len(body), number) + body


def unpack_header(header: bytes, limit: int) -> tuple[int, bytes]:
    """The length of the body and the number of a frame.

    Raises:
        ProtocolError: it is no frame of ours, or larger than ``limit``.
    """
    magic, version, length, number = HEADER.unpack(header)
    if magic != MAGIC or version != VERSION:
        raise ProtocolError("no frame of this protocol")
    if length > limit:
        raise ProtocolError(f"a frame of {length} bytes; at most {limit} are allowed")
    return length, number
