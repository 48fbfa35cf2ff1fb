"""One file over HTTP: it says how far it is, gives up on a silent server, goes on where it stopped, and checks what it got."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from inpaintlib._images.progress import Progress

__all__ = ["download", "fetch_cifar10"]

TIMEOUT = 20.0  # seconds without a single byte
ATTEMPTS = 3
BLOCK = 1 << 16


def fetch_cifar10(folder: Path) -> Path:
    """The official archive, from where torchvision knows it to be, checked by torchvision's MD5.

    Raises:
        ConnectionError: no network, a server that does not answer, or a file that is not the official one.
        OSError: it cannot be written.
    """
    from inpaintlib import _torchvision

    known = _torchvision.load("datasets").CIFAR10
    return download(known.url, folder / known.filename, known.tgz_md5)


def download(url: str, target: Path, md5: str, *, timeout: float | None = None) -> Path:
    """Fetch ``url`` into ``target``. What was fetched before an interruption lies beside it (``.part``) and is not fetched again.

    Args:
        url: http or https.
        target: where the file goes, once it is whole and its MD5 is right.
        md5: 32 hexadecimal digits.
        timeout: seconds without a byte before the connection is given up (20).

    Raises:
        ConnectionError: the server cannot be reached, went silent three times, or sent something else.
        OSError: it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with Progress(f"downloading {target.name}", 0, "MB", 1e6) as progress:
        last: Exception | None = None
        for _ in range(ATTEMPTS):
            before = _size(part)
            try:
                _fetch(url, part, progress, timeout or TIMEOUT)
                break
            except urllib.error.HTTPError as error:
                if error.code == 416:  # nothing is left to send: the part is whole, or not ours
                    break
                raise ConnectionError(f"{url} answers {error.code} {error.reason}.") from error
            except (urllib.error.URLError, TimeoutError, http.client.HTTPException, ConnectionError) as error:
                last = error
                if _size(part) == before:  # not a byte came: waiting longer would not help
                    raise ConnectionError(_gave_up(url, part, last)) from error
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    part.unlink(missing_ok=True)
                raise
        else:
            raise ConnectionError(_gave_up(url, part, last)) from last
    found = _md5(part)
    if found != md5:
        size = _size(part)
        part.unlink()
        raise ConnectionError(f"{url} sent {size:,} bytes with MD5 {found}; expected {md5}. They were discarded; try another network.")
    os.replace(part, target)
    return target


def _gave_up(url: str, part: Path, error: Exception | None) -> str:
    kept = f" {_size(part) / 1e6:,.0f} MB are kept in {part}; asked again, it goes on from there." if _size(part) else ""
    return f"{url} cannot be fetched: {getattr(error, 'reason', error)}.{kept}"


def _fetch(url: str, part: Path, progress: Progress, timeout: float) -> None:
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        if answer.status != 206:  # a server without ranges begins again
            have = 0
        length = answer.headers.get("Content-Length")
        progress.total = have + int(length) if length else 0
        progress.start_at(have)
        with part.open("ab" if have else "wb") as file:
            while block := answer.read1(BLOCK):
                file.write(block)
                progress.update(len(block))
    if length and _size(part) < progress.total:
        raise ConnectionError(f"the connection ended after {_size(part):,} of {progress.total:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
