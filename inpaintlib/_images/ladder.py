"""From a name to images: the ladder that ``load_images("auto")`` walks down, and the cache on the way.

    1  what INPAINTLIB_DATA names     2  CIFAR-10 in the cache     3  a download, if asked for     4  the photographs inside scikit-image

Whoever names a source and has it damaged is told so; only what nobody named (the cache, the network) is passed over, with a warning.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from inpaintlib._images import cache, cifar, photos
from inpaintlib._images.decode import Decoded, decode_all, measure_all
from inpaintlib._images.layout import CIFAR10_CLASSES, Layout, arrange
from inpaintlib._images.listing import Listing, open_listing
from inpaintlib._images.progress import interactive

__all__ = ["VARIABLE", "find", "sentence", "warn"]

VARIABLE = "INPAINTLIB_DATA"
HOW_TO = (
    f"Set {VARIABLE} to a folder that holds {cifar.FOLDER}/ (or {cifar.ARCHIVE}), or call load_images('cifar10', download=True) "
    "in a notebook or a terminal. load_images('photos') needs neither."
)


def find(name: str, split: str, size: int, download: bool) -> tuple[Decoded, str]:
    """The images of one split, and half a sentence on where they are from.

    Raises:
        ValueError: the name is unknown, or what it names is empty, damaged, or not to be had at this size.
        FileNotFoundError: there is no such path, or no CIFAR-10 on this machine.
        ConnectionError: the download of "cifar10" failed.
    """
    if name == "photos":
        return photos.crops(split, size), ""
    if name == "cifar10":
        _needs_32(size)  # wherever it lies: at another size there is none to look for
    if name not in ("auto", "cifar10"):
        return _from_path(_path(name), split, size), ""
    found = _named(name, split, size) or _cached(split, size) or _downloaded(name, split, size, download)
    if found:
        return found
    if name == "cifar10":
        raise FileNotFoundError(f"CIFAR-10 is not on this machine. {HOW_TO}")
    return photos.crops(split, size), f"taken because {VARIABLE} is not set and no CIFAR-10 is cached"


def sentence(found: Decoded, where: str, split: str, limit: int | None) -> str:
    """What ``ImageSet.source`` says."""
    count, (height, width) = len(found.images), found.images.shape[-2:]
    amount = f"{count:,}"
    if limit is not None and limit != count:
        amount = f"the first {limit:,} of {count:,}" if limit < count else f"all {count:,} (up to {limit:,} were asked for)"
    head = f"{found.title}, {where}" if where else found.title
    what = f"{amount} {'training' if split == 'train' else 'test'} images of {height}x{width} pixels"
    return "; ".join([f"{head[0].upper()}{head[1:]}: {what}", *found.notes]) + "."


def warn(message: str) -> None:
    """Warn at the line that called the library, whatever lies between."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("inpaintlib"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _path(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.exists() and not path.suffix and len(path.parts) == 1 and not name.startswith("~"):
        expected = "'auto', 'cifar10', 'photos', or the path of a folder, zip or tar"
        raise ValueError(f"name is {name!r}; expected {expected}, and there is no file of that name in {Path.cwd()}.")
    return path


def _named(name: str, split: str, size: int) -> tuple[Decoded, str] | None:
    """Step 1. ``INPAINTLIB_DATA=photos`` asks for the last step."""
    value = os.environ.get(VARIABLE, "").strip()
    if not value or (name == "cifar10" and value == "photos"):
        return None
    if value == "photos":
        return photos.crops(split, size), f"as {VARIABLE} says"
    try:
        decoded = _from_path(Path(value).expanduser(), split, size)
    except (ValueError, OSError) as error:
        kind = type(error) if isinstance(error, OSError) else ValueError
        raise kind(f"{VARIABLE} is {value!r}: {error}") from error
    if name == "cifar10" and not decoded.title.startswith("CIFAR-10"):
        return None
    return decoded, f"from what {VARIABLE} names"


def _cached(split: str, size: int) -> tuple[Decoded, str] | None:
    """Step 2: decoded before, official before copies; or the archive that an earlier download left."""
    if size != 32:
        return None
    for pattern in (cifar.KIND, "cifar10-*-copy"):
        for path in cache.find(f"{pattern}-{split}-32-*.npy"):
            try:
                return cache.load(path), "from the cache"
            except cache.Damaged as error:
                warn(f"{error}; it is passed over. Delete it, or name its source in {VARIABLE} once to have it made anew.")
        for archive in cache.find(cifar.ARCHIVE) if pattern == cifar.KIND else []:
            try:
                return _from_path(archive, split, size), "from the cache"
            except (ValueError, OSError) as error:
                warn(f"the cached archive {archive} is passed over: {error}")
    return None


def _downloaded(name: str, split: str, size: int, wanted: bool) -> tuple[Decoded, str] | None:
    """Step 3: only when asked, and only where somebody can watch and stop it."""
    if not wanted or size != 32:
        return None
    if not interactive():
        warn("the download of CIFAR-10 was asked for where nobody can watch it (a script, CI, an executed notebook); it is not begun.")
        return None
    from inpaintlib._images.download import fetch_cifar10

    try:
        return _from_path(fetch_cifar10(cache.folder()), split, size), "downloaded"
    except (OSError, ImportError) as error:  # ConnectionError is an OSError
        if name == "cifar10":
            raise type(error)(f"{error} {HOW_TO}") from error
        warn(f"CIFAR-10 could not be downloaded: {error}")
        return None


def _from_path(path: Path, split: str, size: int) -> Decoded:
    if path.is_dir() and (path / cifar.ARCHIVE).is_file() and not (path / cifar.FOLDER).is_dir():
        path = path / cifar.ARCHIVE
    listing = open_listing(path)
    for cached in cache.find(f"*-{split}-{size}-{listing.fingerprint[:16]}.npy"):
        try:
            decoded = cache.load(cached)
        except cache.Damaged as error:
            warn(f"{error}; it is made anew.")
            continue
        if size != 32 and decoded.classes == CIFAR10_CLASSES:
            _refuse_copy(listing, arrange(listing, split), size)  # earlier versions enlarged it, and may have left this behind
        return decoded
    kind, decoded = _decode(listing, split, size)
    try:
        target = cache.folder() / cache.name_for(kind, split, size, listing.fingerprint)
        cache.store(target, decoded, str(path.resolve()))
        return cache.load(target)
    except (OSError, cache.Damaged) as error:
        warn(f"the decoded images could not be cached ({error}). They are in memory, and will be decoded again next time.")
        return decoded


def _decode(listing: Listing, split: str, size: int) -> tuple[str, Decoded]:
    batches = cifar.find_batches(listing)
    if batches is not None:
        _needs_32(size)
        return cifar.KIND, cifar.read_batches(listing, batches, split)
    layout = arrange(listing, split)
    _refuse_copy(listing, layout, size)
    images, labels, skipped, resized = decode_all(listing, layout.names, layout.labels, size)
    notes = [layout.rule] if layout.rule else []
    if layout.cifar and size == 32 and not resized:
        kind, title = f"cifar10-{layout.cifar}-copy", f"CIFAR-10 ({layout.cifar} copy)"
    else:
        kind, title = f"folder-{listing.title}", f'images of "{listing.title}"'
        if resized:
            notes.append(f"{resized:,} of them resized and cut to the size")
    skipped = listing.skipped + skipped
    if skipped:
        notes.append(f"{len(skipped):,} files skipped")
    return kind, Decoded(images, labels, layout.classes, title, notes, skipped)


def _refuse_copy(listing: Listing, layout: Layout, size: int) -> None:
    """A copy of CIFAR-10 has 32x32 pixels only, as the original has; folders of larger pictures may be called like its classes."""
    if size != 32 and layout.cifar:
        sides = measure_all(listing, layout.names)
        if next(sides, None) == (32, 32) and all(side == (32, 32) for side in sides):
            _needs_32(size)


def _needs_32(size: int) -> None:
    if size != 32:
        raise ValueError(f"size is {size}; CIFAR-10 images have 32x32 pixels. Use size=32, 'photos', or a folder of larger pictures.")
