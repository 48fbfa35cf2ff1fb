"""The instructor's key: what hidden cases and pseudonyms are drawn from. Made at first use, kept outside of the course."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from course import ROOT, CourseError
from course.files import named_failures

__all__ = ["default_path", "load_key", "pseudonym"]

BYTES = 32


def default_path() -> Path:
    """Where the key lies if nobody says otherwise."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "inpainting-course" / "grading.key"


def load_key(path: Path | None = None) -> tuple[bytes, bool]:
    """The key, made if it is not there yet.

    Args:
        path: the file; a place in the home folder by default.

    Returns:
        the key, and whether it is new.

    Raises:
        CourseError: the file lies inside the course, or is no key.
    """
    path = (path or default_path()).expanduser().resolve()
    if path.is_relative_to(ROOT):
        raise CourseError(f"The key {path} lies inside the course, which others may see. Keep it in a folder of your own.")
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        return _make(path), True
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"The key {path} cannot be read ({error}).") from None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < BYTES:
        raise CourseError(f"{path} is no key of the grader: expected {2 * BYTES} hexadecimal digits.")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return key, False


def _make(path: Path) -> bytes:
    key = secrets.token_bytes(BYTES)
    with named_failures(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
        try:
            os.link(temporary, path)  # never over a key that another run made meanwhile
        except FileExistsError:
            return bytes.fromhex(path.read_text("ascii"))
        finally:
            temporary.unlink()
    return key


def pseudonym(key: bytes, student: str) -> str:
    """A name for a student that says nothing without the key, and is the same in every exercise.

    >>> pseudonym(bytes(32), "ada") == pseudonym(bytes(32), "ada") != pseudonym(bytes(32), "bob")
    True
    """
    return "S" + hmac.digest(key, b"pseudonym\0" + student.encode("utf-8", "replace"), hashlib.sha256).hex()[:10]
