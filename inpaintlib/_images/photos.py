"""The colour photographs that come inside the scikit-image package: real pictures on every machine, with no download.

Its wheel holds these files; `skimage.data` would fetch others from the network, so the files are opened here directly.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inpaintlib._images.decode import Decoded, decode

__all__ = ["PHOTOS", "crops", "photo"]


@dataclass(frozen=True)
class Photo:
    """A photograph: its file, the split that all its crops belong to, and how much wider than usual its windows are spaced."""

    file: str
    split: str
    spacing: int = 1


# Three that are mostly one texture are cut sparsely, so that everyday scenes prevail. The motorcycle's stereo twin is left out.
PHOTOS = {
    "astronaut": Photo("astronaut.png", "train"),
    "chelsea": Photo("chelsea.png", "test"),
    "coffee": Photo("coffee.png", "test"),
    "hubble_deep_field": Photo("hubble_deep_field.jpg", "train", 4),
    "immunohistochemistry": Photo("ihc.png", "train", 2),
    "motorcycle": Photo("motorcycle_left.png", "train"),
    "retina": Photo("retina.jpg", "train", 5),
    "rocket": Photo("rocket.jpg", "train"),
}
ALIASES = {"cat": "chelsea"}
# (shrink by this factor, then cut a window every so many window sides): from pure texture to nearly the whole picture.
SCALES = ((1, 1.0), (2, 0.5), (3, 0.25), (4, 0.25), (6, 0.125), (8, 0.125), (12, 0.125))
FLAT = 8  # windows whose values vary less than this (standard deviation, of 255) show nothing


def photo(name: str) -> np.ndarray:
    """A photograph at full size, uint8 (H, W, 3).

    Raises:
        ValueError: no photograph is called so.
        FileNotFoundError: this installation of scikit-image lacks the file.
    """
    known = PHOTOS.get(ALIASES.get(name, name))
    if known is None:
        raise ValueError(f"there is no photograph {name!r}; the embedded ones are {', '.join(PHOTOS)}.")
    file = _folder() / known.file
    try:
        return decode(file.read_bytes())[0]
    except OSError as error:
        mend = "pip install --force-reinstall --no-deps scikit-image"
        raise FileNotFoundError(f"{file}, a part of scikit-image, is missing or damaged ({error}); mend it with: {mend}.") from error


def crops(split: str, size: int) -> Decoded:
    """Square crops at several scales of the photographs of one split, mixed in an order that is the same everywhere.

    The photographs are shrunk by whole factors, as means of squares of pixels in integer arithmetic: every machine gets the same values.

    Raises:
        ValueError: no photograph of this split is large enough.
    """
    names = [name for name, about in PHOTOS.items() if about.split == split]
    images, labels = [], []
    for label, name in enumerate(names):
        found = _crops_of(photo(name), size, PHOTOS[name].spacing)
        images.append(found)
        labels.append(np.full(len(found), label, np.int64))
    pixels, numbers = np.concatenate(images), np.concatenate(labels)
    if not len(pixels):
        raise ValueError(f"no embedded photograph for {split!r} has a window of {size}x{size} pixels; choose a smaller size.")
    order = _by_hash(pixels)
    used = [name for label, name in enumerate(names) if (numbers == label).any()]
    notes = [f"crops at several scales of {', '.join(used)}", "no photograph is in both splits"]
    title = "embedded photographs (from the scikit-image package)"
    return Decoded(pixels[order], numbers[order], tuple(names), title, notes, overlapping=True)


def _crops_of(picture: np.ndarray, size: int, spacing: int) -> np.ndarray:
    found = [np.empty((0, 3, size, size), np.uint8)]
    for factor, step in SCALES:
        small = _shrink(picture, factor)
        if min(small.shape[:2]) >= size:
            stride = max(1, round(step * size)) * spacing
            every = np.lib.stride_tricks.sliding_window_view(small, (size, size), (0, 1))  # (rows, columns, 3, size, size)
            windows = every[::stride, ::stride].reshape(-1, 3, size, size)
            found.append(windows[_varied(windows)])
    return np.concatenate(found)


def _varied(windows: np.ndarray) -> np.ndarray:
    values = windows.reshape(len(windows), -1).astype(np.int64)
    count = values.shape[1]
    return count * (values**2).sum(1) - values.sum(1) ** 2 > (FLAT * count) ** 2  # the variance in integers: no machine rounds another way


def _shrink(picture: np.ndarray, factor: int) -> np.ndarray:
    height, width = (side // factor for side in picture.shape[:2])
    squares = picture[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    return ((squares.sum((1, 3), dtype=np.uint32) + factor**2 // 2) // factor**2).astype(np.uint8)


def _by_hash(images: np.ndarray) -> list[int]:
    keys = [hashlib.sha256(image.tobytes()).digest() for image in images]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _folder() -> Path:
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the photographs come inside scikit-image, which is not installed: pip install scikit-image.")
    return Path(spec.submodule_search_locations[0]) / "data"
