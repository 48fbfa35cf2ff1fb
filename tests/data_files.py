"""Data sets on disk for the tests of inpaintlib.data: small, made up, and laid out like the real ones."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def noise(seed: int, height: int = 32, width: int = 32) -> np.ndarray:
    """A smooth random picture, uint8 (height, width, 3), that JPEG hardly changes."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def save(path: Path, picture: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **options)
    return path


def class_tree(root: Path, train: int = 3, test: int = 2, suffix: str = "jpg") -> Path:
    """``root/cifar10/{train,test}/<class>/<number>``, like the JPEG copy."""
    for split, count in (("train", train), ("test", test)):
        for label, name in enumerate(CLASSES):
            for number in range(count):
                picture = noise(hash((split == "train", label, number)) % 2**32)
                save(root / "cifar10" / split / name / f"{number:04}.{suffix}", picture)
    return root


def official_batches(each: int = 6) -> dict[str, bytes]:
    """Six batches in the official format (written by numpy 1 under Python 2: keys are bytes), with few images each."""
    rng = np.random.default_rng(0)
    files = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        batch = {b"data": rng.integers(0, 256, (each, 3072), dtype=np.uint8), b"labels": rng.integers(0, 10, each).tolist()}
        files[name] = pickle.dumps(batch, protocol=2)
    return files


def md5s(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(data).hexdigest() for name, data in files.items()}


def official_folder(root: Path, files: dict[str, bytes]) -> Path:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return root


def official_archive(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def zip_of(root: Path, path: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(root).as_posix())
    return path
