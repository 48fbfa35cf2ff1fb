"""The official CIFAR-10 batches: five files of 10,000 training images and one of 10,000 test images.

Each is a Python pickle that holds 1,024 red, 1,024 green and 1,024 blue bytes an image.
Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
"""

from __future__ import annotations

import hashlib
import io
import pickle
from typing import Any

import numpy as np

from inpaintlib._images.decode import Decoded
from inpaintlib._images.layout import CIFAR10_CLASSES
from inpaintlib._images.listing import ARCHIVE_ERRORS, Listing

__all__ = ["ARCHIVE", "FOLDER", "KIND", "find_batches", "read_batches"]

ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
KIND = "cifar10-official"
BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}


def find_batches(listing: Listing) -> str | None:
    """The folder of the official batches inside a listing ("" where they lie on top), or None."""
    for name in listing.names:
        prefix, _, last = name.rpartition("/")
        if last in MD5 and (prefix == "" or prefix.endswith(FOLDER)):
            return prefix + "/" if prefix else ""
    return None


def read_batches(listing: Listing, prefix: str, split: str) -> Decoded:
    """Read one split.

    Raises:
        ValueError: a batch is missing, cut off, or not the official one (its MD5 differs): it is a pickle, and no other is opened.
    """
    images, labels = [], []
    for name in BATCHES[split]:
        batch = _open_batch(_checked(listing, prefix + name, MD5[name]), prefix + name)
        images.append(np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32))
        labels.append(np.asarray(batch[b"labels"], np.int64))
    return Decoded(np.concatenate(images), np.concatenate(labels), CIFAR10_CLASSES, "CIFAR-10 (official)")


def _checked(listing: Listing, name: str, md5: str) -> bytes:
    advice = f"Copy {FOLDER} (or {ARCHIVE}) again."
    if name not in listing.readers:
        raise ValueError(f"{listing.title!r} lacks {name}. {advice}")
    try:
        data = listing.read(name)
    except ARCHIVE_ERRORS as error:
        raise ValueError(f"{name} in {listing.title!r} cannot be read ({error}). {advice}") from error
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(f"{name} in {listing.title!r} has {len(data):,} bytes with MD5 {found}; the official file has {md5}. {advice}")
    return data


class _Plain(pickle.Unpickler):
    """A pickle can call anything; these may build arrays, and nothing else."""

    ALLOWED = (
        ("numpy.core.multiarray", "_reconstruct"),  # as numpy 1 called it, which wrote the official files
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return str.encode
        if (module, name) in self.ALLOWED:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"asks for {module}.{name}")


def _open_batch(data: bytes, name: str) -> dict[bytes, Any]:
    try:
        batch = _Plain(io.BytesIO(data), encoding="bytes").load()
        batch[b"data"], batch[b"labels"]
    except Exception as error:
        raise ValueError(f"{name} is not a CIFAR-10 batch: {error}") from error
    return batch
