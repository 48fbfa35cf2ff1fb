"""Image files of any kind to one uint8 array.

What becomes of a file that is not simply RGB, eight bits a channel, and square:

    grey, black and white     the same value in all three channels
    transparent               laid over white, as a page in a browser shows it
    16 bit a channel          divided by 257, so that 65535 becomes 255
    float (TIFF)              taken as [0, 1]
    palette, CMYK, YCbCr      converted to RGB; colour profiles are ignored
    turned (EXIF)             turned upright
    another size              shorter side brought to ``size``, then the centre cut out
    animated                  the first frame
"""

from __future__ import annotations

import contextlib
import io
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageOps

from inpaintlib._images.listing import ARCHIVE_ERRORS, Listing
from inpaintlib._images.progress import Progress

__all__ = ["Decoded", "decode", "decode_all", "measure_all"]

CHUNK_FILES, CHUNK_BYTES = 128, 8 << 20  # a job for one thread: enough small files to be worth it, few large ones to spare memory


@dataclass
class Decoded:
    """Images of one split, as they are cached.

    Attributes:
        images: uint8 (N, 3, H, W).
        labels: int64 (N,).
        classes: names of the classes.
        title: what these images are: "CIFAR-10 (JPEG copy)", 'the folder "holiday"'.
        notes: what else an honest description needs: resized, skipped, how the split was made.
        skipped: "name (why)" for every file that could not be used.
        overlapping: images of one class are crops of one picture (such a set is not cached).
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    title: str
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    overlapping: bool = False


def decode(data: bytes, size: int | None = None) -> tuple[np.ndarray, bool]:
    """One image as uint8 (H, W, 3), and whether it had to be resized or cut.

    Args:
        data: the bytes of a file.
        size: side of the square to bring it to; None keeps the image as large as it is.

    Raises:
        Exception: whatever Pillow raises for what it cannot read.
    """
    with Image.open(io.BytesIO(data)) as image:
        fits = size is None or image.size == (size, size)
        if size is not None:
            image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at half, a quarter, ... of its size, never below twice ours
        upright = rgb(ImageOps.exif_transpose(image))
    if size is not None and not fits:
        upright = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(upright), not fits


def rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow's to RGB, by the table at the head of this file."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"integers from {values.min()} to {values.max()}; expected 8 or 16 bit")
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    elif image.mode == "F":
        floats = np.asarray(image)
        if not (floats.min() >= 0 and floats.max() <= 1):
            raise ValueError(f"floats from {floats.min():.4g} to {floats.max():.4g}; expected [0, 1]")
        image = Image.fromarray(np.rint(floats * 255).astype(np.uint8))
    elif image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        image = page
    return image if image.mode == "RGB" else image.convert("RGB")


def decode_all(listing: Listing, names: list[str], labels: list[int], size: int) -> tuple[np.ndarray, np.ndarray, list[str], int]:
    """Decode many files on all cores.

    Returns:
        images uint8 (N, 3, size, size) and labels int64 (N,) of those that could be read, in the order of ``names``;
        "name (why)" for the others; and how many had to be resized or cut.

    Raises:
        ValueError: none of them is an image.
        MemoryError: the images do not fit into memory at this size.
    """
    try:
        images = np.empty((len(names), 3, size, size), np.uint8)
    except MemoryError as error:
        need = len(names) * 3 * size * size / 1e9
        raise MemoryError(f"{len(names):,} images of {size}x{size} need {need:,.1f} GB of memory; choose a smaller size.") from error
    trouble: dict[int, str] = {}
    resized: set[int] = set()

    def work(chunk: list[tuple[int, bytes | Exception]]) -> int:
        for place, data in chunk:
            try:
                if isinstance(data, Exception):
                    raise data
                pixels, changed = decode(data, size)
                images[place] = pixels.transpose(2, 0, 1)
                if changed:
                    resized.add(place)
            except Exception as error:  # Pillow raises nearly every kind for damaged files
                trouble[place] = f"{names[place]} ({reason(error)})"
        return len(chunk)

    with Progress(f"decoding {listing.title}", len(names), "images") as progress, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs: deque[Future[int]] = deque()
        for chunk in _chunks(listing, names):
            jobs.append(pool.submit(work, chunk))
            while len(jobs) > 2 * pool._max_workers or (jobs and jobs[0].done()):
                progress.update(jobs.popleft().result())
        while jobs:
            progress.update(jobs.popleft().result())
    skipped = [trouble[place] for place in sorted(trouble)]
    if len(skipped) == len(names):
        raise ValueError(f"none of the {len(names):,} image files in {listing.title!r} can be read; the first: {'; '.join(skipped[:3])}.")
    numbers = np.asarray(labels, np.int64)
    if skipped:
        good = np.asarray([place not in trouble for place in range(len(names))])
        images, numbers = images[good], numbers[good]
    return images, numbers, skipped, len(resized)


def measure_all(listing: Listing, names: list[str]) -> Iterator[tuple[int, int]]:
    """Width and height of each picture that can be read, as they come; no pixel is decoded."""
    for name in listing.quickest_order(names):
        with contextlib.suppress(Exception), Image.open(io.BytesIO(listing.read(name))) as image:
            yield image.size


def reason(error: Exception) -> str:
    """What went wrong with a file, short enough for a list."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "not an image that Pillow knows"
    return str(error).split("\n")[0][:120] or type(error).__name__


def _chunks(listing: Listing, names: list[str]) -> Iterator[list[tuple[int, bytes | Exception]]]:
    """Read in this thread, in the order in which the files lie; decode in others."""
    place = {name: i for i, name in enumerate(names)}
    chunk: list[tuple[int, bytes | Exception]] = []
    weight = 0
    for name in listing.quickest_order(names):
        try:
            data: bytes | Exception = listing.read(name)
        except ARCHIVE_ERRORS as error:
            data = error
        chunk.append((place[name], data))
        weight += len(data) if isinstance(data, bytes) else 0
        if len(chunk) >= CHUNK_FILES or weight >= CHUNK_BYTES:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk
