"""Files that are either there, whole, or not there: what weights and checkpoints are written and opened with."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import IO, Any

from torch import Tensor

__all__ = ["DamagedError", "lock", "pack_safetensors", "read_safetensors", "write_atomically"]

_UNSIGNED = "0" * 64  # what stands in the place of the checksum while it is taken
_SIGNED = re.compile(rb'"sha256":"([^"]*)"')  # within other words of the header the quotes are escaped


class DamagedError(ValueError):
    """A file that is not what its name says; the message says what it is instead."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that at any moment, a kill or a power cut included, either the old or the new content is there, whole.

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


def lock(file: IO[Any]) -> None:
    """Lock an open file until it is closed, or its process is gone.

    Raises:
        OSError: another process, or another opening in this one, has locked it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: its first byte is locked, whether it is there or not
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def pack_safetensors(tensors: dict[str, Tensor], words: dict[str, str]) -> bytes:
    """The bytes of a safetensors file from tensors and the words for its header, among which it puts a checksum.

    The checksum ``sha256`` is that of the whole file, header included, with 64 zeros in its own place.
    """
    from safetensors.torch import save

    data = save(_unshared(tensors), metadata={**words, "sha256": _UNSIGNED})
    return data.replace(_checksum_word(_UNSIGNED), _checksum_word(hashlib.sha256(data).hexdigest()), 1)


def _checksum_word(digest: str) -> bytes:
    return b'"sha256":"%s"' % digest.encode()


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors with no memory in common, as safetensors wants them: of tied weights each name gets a copy."""
    seen: set[int] = set()
    apart: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        memory = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return apart


def read_safetensors(path: Path, sha256: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file, and the words in its header, once its checksum has been seen to fit.

    Args:
        path: the file.
        sha256: the checksum of the file, for one that holds none because it is from before they did. Without either it is read as it is.

    Raises:
        DamagedError: a pickle, which is never opened, or a file that is cut off, damaged, or something else altogether.
        OSError: it cannot be read at all.
    """
    from safetensors.torch import load

    data = path.read_bytes()  # once: a run may put another file in its place meanwhile
    # A safetensors file begins with the length of its JSON header, whose first byte may happen to be that of a pickle.
    end = 8 + int.from_bytes(data[:8], "little")
    ours = data[8:9] == b"{" and end <= len(data)
    if not ours and (data[:1] == b"\x80" or data[:2] == b"PK"):  # the first bytes of a bare pickle, and of torch.save's zip
        raise DamagedError(
            "is a pickle (what torch.save writes). Opening one can run code that somebody hid in it, so it is not opened. "
            "Where you trust its origin, turn it into safetensors with safetensors.torch.save_file"
        )
    if ours:
        _verify(data, end, sha256)
    try:
        return dict(sorted(load(data).items())), json.loads(data[8:end]).get("__metadata__") or {}
    except Exception as error:  # whatever a reader may stumble over
        raise DamagedError(f"is cut off or damaged ({len(data):,} bytes; {error})") from None


def _verify(data: bytes, end: int, sha256: str | None) -> None:
    """Raise where a file, whose header goes to ``end``, is not the one that its checksum, inside or given, was taken of."""
    head = data[:end]
    signed = _SIGNED.search(head)
    if signed is None and sha256 is None:
        return
    if signed:
        sha256 = signed[1].decode(errors="replace")
        head = head.replace(signed[0], _checksum_word(_UNSIGNED), 1)
    digest = hashlib.sha256(head)
    digest.update(memoryview(data)[end:])
    found = digest.hexdigest()
    if found != sha256:
        told = str(sha256)[:16]
        raise DamagedError(f"is cut off or damaged ({len(data):,} bytes; their SHA-256 is {found[:16]}..., not {told}...)")
