"""The files of a folder, a zip or a tar, listed and read in one way.

An archive is read where it lies: nothing of it is ever written to disk.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePosixPath

__all__ = ["ARCHIVE_ERRORS", "Listing", "open_listing"]

ARCHIVE_ERRORS = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, NotImplementedError, RuntimeError)
TAR_SUFFIXES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".tbz2", ".txz")
MOST_FILES = 1_000_000
MOST_BYTES = 1 << 29  # a member that says it unpacks to more than this is no photograph


class Listing:
    """Names of files, and a way to read each.

    Args:
        title: how to call it in messages and in :attr:`ImageSet.source`: the last part of its path.
        fingerprint: changes when a file is added, removed, or written anew; a look at sizes and times, not at contents.
        readers: for each name (relative, with "/") a function that returns its bytes. Sorted by name.
        skipped: "name (why)" for what could not be listed.
        in_order: the names as they lie in the archive, where that is not the order of the alphabet.
    """

    def __init__(
        self, title: str, fingerprint: str, readers: dict[str, Callable[[], bytes]], skipped: list[str], in_order: list[str] | None = None
    ) -> None:
        self.title, self.fingerprint, self.skipped = title, fingerprint, skipped
        self.readers = {name: readers[name] for name in sorted(readers)}
        self.names = list(self.readers)
        self._place = {name: i for i, name in enumerate(in_order or self.names)}

    def quickest_order(self, names: Iterable[str]) -> list[str]:
        """``names``, sorted as they lie in the archive: going back in a compressed tar means unpacking it from its beginning."""
        return sorted(names, key=self._place.__getitem__)

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        return self.readers[name]()


def open_listing(path: Path) -> Listing:
    """List what ``path`` holds.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: neither folder nor archive, or an archive that is cut off or damaged.
    """
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {str(path)!r} (looked in {Path.cwd()}).")
    is_zip = path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)
    if not is_zip and path.suffix.lower() not in TAR_SUFFIXES:
        raise ValueError(f"{str(path)!r} is a single file; expected a folder of images, a zip or a tar. For one picture use load_photo.")
    try:
        return _zip(path) if is_zip else _tar(path)
    except ARCHIVE_ERRORS as error:
        if isinstance(error, PermissionError):
            raise
        raise ValueError(
            f"the archive {path.name} is cut off or damaged ({type(error).__name__}: {error}); its size is {path.stat().st_size:,} bytes. "
            "Copy or download it again."
        ) from error


def hidden(name: str) -> bool:
    """Files that systems leave behind: ``.DS_Store``, ``._photo.jpg``, ``__MACOSX/...``, ``.ipynb_checkpoints/...``."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _fingerprint(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _folder(root: Path) -> Listing:
    readers: dict[str, Callable[[], bytes]] = {}
    lines: list[str] = []
    skipped: list[str] = []
    seen: set[tuple[int, int]] = set()

    def walk(folder: str, prefix: str) -> None:
        about = os.stat(folder)
        if (about.st_dev, about.st_ino) in seen:  # a link that leads back up
            return
        seen.add((about.st_dev, about.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if hidden(entry.name):
                    continue
                name = prefix + entry.name
                try:
                    if entry.is_dir():
                        walk(entry.path, name + "/")
                        continue
                    size_and_time = entry.stat()
                except OSError as error:
                    skipped.append(f"{name} ({error.strerror})")
                    continue
                readers[name] = partial(_read, entry.path)
                lines.append(f"{name}\t{size_and_time.st_size}\t{size_and_time.st_mtime_ns}")
        if len(readers) > MOST_FILES:
            raise ValueError(f"{str(root)!r} holds more than {MOST_FILES:,} files; name the folder that holds the images themselves.")

    walk(str(root), "")
    return Listing(root.resolve().name, _fingerprint(lines), readers, skipped)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _archive(path: Path) -> str:
    about = path.stat()
    return _fingerprint([f"{path.name}\t{about.st_size}\t{about.st_mtime_ns}"])


def _member(name: str, size: int, skipped: list[str]) -> str | None:
    """The name under which a member is listed, or None; a name that leads out of the archive is told, since somebody made it so."""
    clean = name.replace("\\", "/").removeprefix("./")
    if PurePosixPath(clean).is_absolute() or ".." in clean.split("/") or clean[1:2] == ":":
        skipped.append(f"{name} (its name leads out of the archive)")
        return None
    if size > MOST_BYTES:
        skipped.append(f"{name} (unpacks to {size:,} bytes)")
        return None
    return None if hidden(clean) else clean


def _zip(path: Path) -> Listing:
    archive = zipfile.ZipFile(path)
    readers: dict[str, Callable[[], bytes]] = {}
    skipped: list[str] = []
    for info in archive.infolist():
        if not info.is_dir() and (name := _member(info.filename, info.file_size, skipped)):
            readers[name] = partial(archive.read, info)
    return Listing(path.name, _archive(path), readers, skipped)


def _tar(path: Path) -> Listing:
    archive = tarfile.open(path)  # noqa: SIM115  (stays open for the readers)
    lock = threading.Lock()
    readers: dict[str, Callable[[], bytes]] = {}
    skipped: list[str] = []
    order: list[str] = []

    def read(info: tarfile.TarInfo) -> bytes:
        with lock:
            file = archive.extractfile(info)
            data = file.read() if file else b""
        if len(data) != info.size:
            raise EOFError(f"ends after {len(data)} of {info.size} bytes")
        return data

    for info in archive:
        if info.isfile() and (name := _member(info.name, info.size, skipped)):
            readers[name] = partial(read, info)
            order.append(name)
    _check_end(archive)
    return Listing(path.name, _archive(path), readers, skipped, order)


def _check_end(archive: tarfile.TarFile) -> None:
    """A whole tar ends with a block of zeros. tarfile takes one that is cut between two members for a whole one."""
    file = archive.fileobj
    assert file is not None
    file.seek(max(0, archive.offset - tarfile.BLOCKSIZE))
    tail = file.read(2 * tarfile.BLOCKSIZE)  # that block is the last one that tarfile has read, or the next
    if bytes(tarfile.BLOCKSIZE) not in (tail[: tarfile.BLOCKSIZE], tail[tarfile.BLOCKSIZE :]):
        raise tarfile.ReadError("no end-of-archive mark")
    while file.read(1 << 20):  # to the end, so that gzip checks its sum
        pass
