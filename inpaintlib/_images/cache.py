"""Decoded sets on disk: one file each, mapped into memory, checked at every use, written so that it is either whole or absent.

A file holds four arrays, one after the other, as ``numpy.save`` writes them: the images (first, so that ``numpy.load(mmap_mode=...)`` maps
them), the labels, a description in JSON, and the CRC-32 of the three.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

from inpaintlib._images.decode import Decoded
from inpaintlib._images.progress import log

__all__ = ["Damaged", "find", "folder", "load", "name_for", "store"]

FORMAT = 1


class Damaged(Exception):
    """A cached set that cannot be trusted; the message names it and says why."""


def folder() -> Path:
    """``$XDG_CACHE_HOME/inpaintlib``, or ``~/.cache/inpaintlib``; not created here.

    Raises:
        OSError: this user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # the specification says to ignore a relative one
        return Path(base) / "inpaintlib"
    try:
        return Path.home() / ".cache" / "inpaintlib"
    except RuntimeError as error:
        raise OSError("no home directory") from error


def name_for(kind: str, split: str, size: int, fingerprint: str) -> str:
    """The file name of a set: what it is, then what it was made from.

    >>> name_for("my photos!", "train", 32, "0123456789abcdef0123")
    'my-photos-train-32-0123456789abcdef.npy'
    """
    return f"{re.sub(r'[^a-z0-9]+', '-', kind.lower()).strip('-')[:40] or 'images'}-{split}-{size}-{fingerprint[:16]}.npy"


def find(pattern: str) -> list[Path]:
    """Cached sets whose file names match, the newest first; none where there is no cache."""
    try:
        return sorted(folder().glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []


def load(path: Path) -> Decoded:
    """Map a cached set into memory; what is written to the arrays later stays in memory.

    Raises:
        Damaged: cut off, changed, or of another format.
    """
    try:
        images, labels, text, checksum = _arrays(path)
        about = json.loads(text.tobytes())
        whole = _checksum(images, labels, text) == int(checksum[0])
    except Exception as error:  # numpy raises nearly every kind for damaged files
        raise Damaged(f"the cached images {path} cannot be read ({type(error).__name__}: {error})") from error
    if not whole:
        raise Damaged(f"the cached images {path} are damaged (their checksum is wrong)")
    if about["format"] != FORMAT:
        raise Damaged(f"the cached images {path} have format {about['format']}; this version writes {FORMAT}")
    return Decoded(images, labels, tuple(about["classes"]), about["title"], about["notes"], about["skipped"])


def store(path: Path, decoded: Decoded, origin: str) -> None:
    """Write a set beside its place, then move it there in one step; older sets from the same origin are removed after that.

    Args:
        path: where to.
        decoded: what.
        origin: the path of the source, by which a later version of the same set is recognised.

    Raises:
        OSError: no room, no right to write, ...; then nothing is left of the attempt, and what was there is there.
    """
    about = {
        "format": FORMAT,
        "title": decoded.title,
        "classes": decoded.classes,
        "notes": decoded.notes,
        "skipped": decoded.skipped,
        "origin": origin,
    }
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    checksum = np.array([_checksum(decoded.images, decoded.labels, text)], np.uint32)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            for array in (decoded.images, decoded.labels, text, checksum):
                array = np.ascontiguousarray(array)
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
                file.write(array.data)  # not array.tofile, which hides why it stopped
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    log.info("cached %s", path)
    _remove_older(path, origin)


def _checksum(*arrays: np.ndarray) -> int:
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, value)
    return value


def _sweep(place: Path) -> None:
    """Remove what a process that was killed while writing has left: parts older than a day."""
    for part in place.glob(".*.npy.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > 86400:
                part.unlink()


def _remove_older(path: Path, origin: str) -> None:
    """The same source was decoded before, and has changed since: that file serves nobody any more."""
    kind = path.name.rpartition("-")[0]
    for other in path.parent.glob(f"{kind}-{'?' * 16}.npy"):
        if other != path:
            with contextlib.suppress(OSError, ValueError, EOFError, KeyError):  # a file that we cannot read is not ours to remove
                if json.loads(_arrays(other)[2].tobytes())["origin"] == origin:
                    other.unlink()


def _arrays(path: Path) -> tuple[np.memmap, np.ndarray, np.ndarray, np.ndarray]:
    images = np.load(path, mmap_mode="c", allow_pickle=False)
    with path.open("rb") as file:
        file.seek(images.offset + images.nbytes)
        return images, np.load(file, allow_pickle=False), np.load(file, allow_pickle=False), np.load(file, allow_pickle=False)
