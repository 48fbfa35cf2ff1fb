"""Which files of a listing are images, and of which split and class.

    .../train/<class>/*  and  .../test/<class>/*     as they say (``val`` or ``valid`` stand for a missing ``test``)
    anything else                                    a tenth of the files is for testing, chosen by what is in them
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import NamedTuple

from inpaintlib._images.listing import Listing

__all__ = ["CIFAR10_CLASSES", "Layout", "arrange"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif")
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SPLITS = {"train": ("train", "training"), "test": ("test", "testing", "val", "valid", "validation")}
TEST_SHARE = 0.1


@dataclass(frozen=True)
class Layout:
    """The images of one split.

    Attributes:
        names: files in the order of the set: the first of each class, the second of each class, ... so that any beginning is a fair sample.
        labels: one class index a file.
        classes: the names of the classes, those of both splits.
        rule: half a sentence on how the split was made, empty where the folders say it.
    """

    names: list[str]
    labels: list[int]
    classes: tuple[str, ...]
    rule: str

    @property
    def cifar(self) -> str:
        """ "JPEG" for a tree of JPEG files with the ten classes of CIFAR-10, "PNG" for one of PNG files, ... ; empty for anything else."""
        if self.classes != CIFAR10_CLASSES:
            return ""
        kinds = {name.rpartition(".")[2].lower() for name in self.names}
        return "JPEG" if kinds <= {"jpg", "jpeg"} else kinds.pop().upper() if len(kinds) == 1 else "mixed"


def arrange(listing: Listing, split: str) -> Layout:
    """Find the images of one split.

    Raises:
        ValueError: there is no image at all, or none for this split.
    """
    images = [name for name in listing.names if name.lower().endswith(SUFFIXES)]
    if not images:
        suffixes = ", ".join(SUFFIXES[:5])
        what = f"{len(listing.names):,} files, but none with the suffix of an image ({suffixes}, ...)" if listing.names else "no file"
        raise ValueError(f"{listing.title!r} holds {what}. Name a folder, zip or tar with images in it.")
    root = _split_root(images)
    if root is None:
        inside = _strip_common(images)
        chosen = _by_content(listing, list(inside), split)
        rule = f"about one in {1 / TEST_SHARE:.0f} of its files is for testing, chosen by a hash of the contents"
    else:
        inside = {name: root.below(name) for name in images if root.split_of(name)}
        chosen = [name for name in inside if root.split_of(name) == split]
        rule = ""
    named = {name: path.split("/")[0] if "/" in path else "images" for name, path in inside.items()}
    classes = tuple(sorted(set(named.values())))
    return _interleave(chosen, named, classes, rule)


def _interleave(names: list[str], named: dict[str, str], classes: tuple[str, ...], rule: str) -> Layout:
    index = {name: i for i, name in enumerate(classes)}
    count = [0] * len(classes)
    keyed = []
    for name in sorted(names):
        label = index[named[name]]
        keyed.append((count[label], label, name))
        count[label] += 1
    keyed.sort()
    return Layout([name for _, _, name in keyed], [label for _, label, _ in keyed], classes, rule)


class _Root(NamedTuple):
    """A folder that holds both splits, and what they are called in it."""

    prefix: str
    train: tuple[str, ...]
    test: tuple[str, ...]

    def split_of(self, name: str) -> str:
        """ "train", "test" or "" (elsewhere)."""
        first = name.removeprefix(self.prefix).split("/")[0] if name.startswith(self.prefix) else ""
        return "train" if first in self.train else "test" if first in self.test else ""

    def below(self, name: str) -> str:
        """The path inside its split."""
        return name.removeprefix(self.prefix).split("/", 1)[1]


def _split_root(names: list[str]) -> _Root | None:
    """The shallowest folder that holds both a training and a test folder."""
    found: dict[str, set[str]] = {}
    for name in names:
        parts = name.split("/")[:-1]
        for depth, part in enumerate(parts):
            if any(part.lower() in words for words in SPLITS.values()):
                found.setdefault("".join(p + "/" for p in parts[:depth]), set()).add(part)
    for prefix in sorted(found, key=lambda p: (p.count("/"), p)):
        train = tuple(p for p in found[prefix] if p.lower() in SPLITS["train"])
        tests = sorted((p for p in found[prefix] if p.lower() in SPLITS["test"]), key=lambda p: SPLITS["test"].index(p.lower()))
        if train and tests:
            return _Root(prefix, train, (tests[0],))
    return None


def _strip_common(names: list[str]) -> dict[str, str]:
    """Drop the folders that all images share, but keep the last one where it is the only class there is."""
    folders = [name.split("/")[:-1] for name in names]
    shared = 0
    while all(len(f) > shared for f in folders) and len({f[shared] for f in folders}) == 1:
        shared += 1
    if shared and all(len(f) == shared for f in folders):
        shared -= 1
    return {name: "/".join(name.split("/")[shared:]) for name in names}


def _by_content(listing: Listing, names: list[str], split: str) -> list[str]:
    """Equal files fall on the same side whatever they are called, and a file stays on its side when others come and go."""
    share: dict[str, float] = {}
    for name in listing.quickest_order(names):
        try:
            digest = hashlib.sha256(listing.read(name)).digest()
        except Exception:  # cannot be read: decoding will name it, as part of the training split
            digest = bytes([255] * 8)
        share[name] = int.from_bytes(digest[:8], "big") / 2**64
    low, high = min(share.values()), max(share.values())
    if low == high and split == "test":
        raise ValueError(f"{listing.title!r} holds a single image (or copies of one), which is for training; a test split needs another.")
    border = min(max(TEST_SHARE, math.nextafter(low, 1)), high)  # neither side is empty, however few they are
    return [name for name in names if (share[name] < border) == (split == "test")]
