"""Writing files so that nothing is lost: all of the new content, or all of the old."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from course import CourseError

__all__ = ["named_failures", "write_atomically"]


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file by way of a temporary neighbour, so that a crash or a full disk leaves the old one.

    Raises:
        CourseError: the disk is full, or the place cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    with named_failures(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes a private file
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def named_failures(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a full or protected disk into a sentence with its remedy."""
    try:
        yield
    except OSError as error:
        remedies = {
            errno.ENOSPC: "the disk is full. Free some space (runs/ and ~/.cache are good places to look) and try again",
            errno.EDQUOT: "your disk quota is used up. Free some space in your home folder and try again",
            errno.EROFS: "it lies on a read-only disk. Copy the course to a place where you may write",
            errno.EACCES: "you may not write there. Copy the course to a folder of your own, or ask for the right to write",
            errno.EPERM: "you may not write there. Copy the course to a folder of your own, or ask for the right to write",
            errno.ENOTDIR: "a file stands where a folder should be. Move it out of the way",
            errno.EEXIST: "a file stands where a folder should be. Move it out of the way",
        }
        raise CourseError(f"Cannot write {path}: {remedies.get(error.errno or 0, error.strerror or str(error))}.") from error
