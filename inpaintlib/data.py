"""Images to fill holes in: CIFAR-10, a folder or zip of your own, or the photographs that come with scikit-image.

``load_images()`` takes the best that is there without asking the network, and :attr:`ImageSet.source` says in one sentence what that is.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from inpaintlib._check import as_image, describe
from inpaintlib._images.imageset import ImageSet

__all__ = ["ImageSet", "load_images", "load_photo", "photo_names", "save_photo"]

SPLITS = ("train", "test")


def load_images(
    name: str | os.PathLike[str] = "auto", split: str = "train", limit: int | None = None, *, size: int = 32, download: bool = False
) -> ImageSet:
    """Load one split of a set of images; the ``source`` of what comes back says which it is.

    ``"auto"`` takes the first of these that is there, and never waits for a network:

    1. what the variable ``INPAINTLIB_DATA`` names (the word ``photos`` there means step 4);
    2. CIFAR-10 in the cache (``$XDG_CACHE_HOME/inpaintlib``, else ``~/.cache/inpaintlib``);
    3. with ``download=True``, and somebody in front of the notebook or terminal: the official CIFAR-10;
    4. crops of the photographs that come with scikit-image.

    Args:
        name: "auto"; "cifar10" (steps 1 to 3 only); "photos" (step 4); or a path. A path may be a folder with the official
            ``cifar-10-batches-py``, a tree ``train/<class>/*`` and ``test/<class>/*``, any folder of images (a tenth is for testing,
            chosen by a hash of each file's contents), or a zip or tar of one of these, which is read where it lies.
        split: "train" or "test".
        limit: at most that many images, from the beginning of the set, where classes take turns; ``source`` says when there are fewer.
        size: height and width to which images of other sizes are brought (shorter side resized, centre cut out). CIFAR-10 has 32 only.
        download: allow step 3.

    Raises:
        ValueError: an unknown name or split, a limit below 1, CIFAR-10 at another size than 32, no image, a damaged archive, or a
            checksum that is wrong.
        FileNotFoundError: no such path, or "cifar10" is not on this machine.
        ConnectionError: the download of "cifar10" failed.

    Files that cannot be read are skipped with a warning that names them. Decoded sets are cached; where no cache can be written, everything
    works, more slowly.

    >>> photos = load_images("photos", "test", limit=100)
    >>> photos.images.shape, photos.classes
    (torch.Size([100, 3, 32, 32]), ('chelsea', 'coffee'))
    """
    if not isinstance(name, str | os.PathLike) or not os.fspath(name):
        raise TypeError(f"name is {name!r}; expected 'auto', 'cifar10', 'photos' or a path.")
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; expected 'train' or 'test'. For validation, hold images out: load_images(...).split(1000).")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit is {limit!r}; expected None or a positive whole number.")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"size is {size!r}; expected a positive whole number of pixels.")
    from inpaintlib._images import ladder

    wanted = name if isinstance(name, str) else str(Path(name).absolute())  # Path("photos") is a folder, "photos" are the embedded ones
    found, where = ladder.find(wanted, split, size, download)
    if found.skipped:
        named = "; ".join(found.skipped[:5]) + ("; ..." if len(found.skipped) > 5 else "")
        ladder.warn(f"{len(found.skipped):,} files in {found.title} were skipped: {named}.")
    images, labels = torch.from_numpy(found.images), torch.from_numpy(found.labels)
    return ImageSet(images[:limit], labels[:limit], found.classes, ladder.sentence(found, where, split, limit), found.overlapping)


def photo_names() -> tuple[str, ...]:
    """The names of the photographs that come with scikit-image and are there without any download.

    >>> "astronaut" in photo_names()
    True
    """
    from inpaintlib._images.photos import PHOTOS

    return tuple(PHOTOS)


def load_photo(name: str | os.PathLike[str]) -> Tensor:
    """One photograph at full size, float (1, 3, H, W) in [0, 1].

    Args:
        name: one of :func:`photo_names`, or the path of a picture of your own (grey, transparent, 16-bit, turned: it becomes upright RGB).

    Raises:
        ValueError: no photograph is called so, or the file is no image.
        FileNotFoundError: no such file.

    >>> load_photo("chelsea").shape
    torch.Size([1, 3, 300, 451])
    """
    from inpaintlib._images import photos
    from inpaintlib._images.decode import decode, reason

    path = Path(name).expanduser()
    if isinstance(name, str) and not path.suffix and len(path.parts) == 1:
        pixels = photos.photo(name)
    elif not path.is_file():
        names = ", ".join(photo_names())
        raise FileNotFoundError(f"there is no file {str(path)!r} (looked in {Path.cwd()}). The embedded photographs are {names}.")
    else:
        try:
            pixels = decode(path.read_bytes())[0]
        except Exception as error:
            raise ValueError(f"{str(path)!r} cannot be read as an image: {reason(error)}.") from error
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float().div_(255)


def save_photo(image: Tensor, path: str | os.PathLike[str]) -> None:
    """Write one picture to a file, PNG or JPEG by its ending; the way back of :func:`load_photo`.

    Args:
        image: float (1, 3, H, W) in [0, 1]; it is rounded to 8 bits.
        path: of the file. JPEG loses a little; PNG does not.

    Raises:
        TypeError: not a float image.
        ValueError: not one picture of three colours, values outside [0, 1], or another ending.
    """
    from PIL import Image

    image, path = as_image(image, channels=3), Path(path).expanduser()
    if len(image) != 1:
        raise ValueError(f"image is {describe(image)}; expected a single picture, (1, 3, H, W): save image[:1], image[1:2] and so on.")
    check_ending(path)
    pixels = image[0].detach().mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(pixels).save(path, quality=95)


def check_ending(path: Path) -> None:
    """Whether :func:`save_photo` knows how to write a file that is called so.

    Raises:
        ValueError: it does not.
    """
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"the file is to be called {path.name!r}; expected an ending that says what it is: .png, .jpg or .jpeg.")
