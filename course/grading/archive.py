"""Taking files out of a zip that strangers filled: nothing leaves the folder, nothing blows up, one bad entry costs no other one."""

from __future__ import annotations

import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from course import CourseError
from course.files import named_failures

__all__ = ["Entry", "entries", "extract"]

ENTRIES = 50_000
FILE = 256 << 20  # bytes of one file
TOTAL = 8 << 30  # bytes of all files: together they blow up no further, and honest outputs may be packed to a thousandth
CHUNK = 1 << 20


class Entry:
    """One file of the archive.

    Args:
        info: what the archive says.
    """

    def __init__(self, info: zipfile.ZipInfo) -> None:
        self.info, self.name = info, info.filename.replace("\\", "/")

    @property
    def refused(self) -> str:
        """Why it is not taken out, or an empty string."""
        parts = self.name.split("/")
        if self.name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", self.name) or "\0" in self.info.orig_filename:
            return "its path leads out of the archive"
        if stat.S_IFMT(self.info.external_attr >> 16) not in (0, stat.S_IFREG):
            return "it is no plain file but a link or a device"
        if self.info.flag_bits & 1:
            return "it is encrypted"
        if self.info.file_size > FILE:
            return f"it has {self.info.file_size >> 20} MB; at most {FILE >> 20} are read"
        return ""

    @property
    def time(self) -> datetime | None:
        """When the file was last changed, as the archive says; without a time zone."""
        try:
            return datetime(*self.info.date_time)
        except ValueError:
            return None


def entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """The files of an archive, without folders and what systems leave behind.

    Raises:
        CourseError: there are far too many.
    """
    infos = archive.infolist()
    if len(infos) > ENTRIES:
        raise CourseError(f"{archive.filename} has {len(infos)} entries; at most {ENTRIES} are read.")
    for info in infos:
        entry = Entry(info)
        parts = entry.name.split("/")
        if not info.is_dir() and "__MACOSX" not in parts and parts[-1] not in ("", ".DS_Store", "Thumbs.db", "desktop.ini"):
            yield entry


def extract(archive: zipfile.ZipFile, entry: Entry, to: Path) -> str:
    """Write one entry to a file of our own naming. The sizes that the archive states are not believed.

    Returns:
        why it was not written, or an empty string.

    Raises:
        CourseError: the disk is full or protected.
    """
    if entry.refused:
        return entry.refused
    with named_failures(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        handle = tempfile.NamedTemporaryFile(prefix=".writing-", dir=to.parent, delete=False)  # noqa: SIM115
    temporary = Path(handle.name)
    written = 0
    try:
        with handle, archive.open(entry.info) as source:
            while True:
                try:
                    chunk = source.read(CHUNK)
                except OSError as error:
                    return f"it is damaged ({error})"
                if not chunk:
                    break
                written += len(chunk)
                if written > min(FILE, entry.info.file_size):
                    return "it is larger than the archive says"
                with named_failures(to):
                    handle.write(chunk)
        with named_failures(to):
            temporary.replace(to)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return f"it is damaged ({error})"
    finally:
        temporary.unlink(missing_ok=True)
    return ""
