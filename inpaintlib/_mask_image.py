"""A mask from a picture that somebody painted."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import describe

__all__ = ["from_image"]


def from_image(image: object, *, hole: Literal["black", "white"], threshold: float = 0.5) -> Tensor:
    """Make a mask of a picture in which the hole is painted black or white.

    ``hole`` has no default on purpose. Half of the world paints holes white, the other half black, and with a mask the wrong way round
    nothing crashes: the network is asked to fill what it knows.

    Args:
        image: a path, a PIL image, a NumPy array (H, W) or (H, W, channels), or a tensor (H, W), (channels, H, W) or (B, channels, H, W);
            bool, 8-bit or 16-bit values, or float in [0, 1]. Colours are averaged.
        hole: the colour of the hole, "black" or "white".
        threshold: brighter than this is white, as a share of the full range.

    Returns:
        uint8 (B, 1, H, W), 1 = known, 0 = hole; B = 1 for anything but a batch.

    Raises:
        TypeError: nothing that could be a picture.
        ValueError: wrong shape or range, transparency, or a picture in which nothing is hole or nothing is known.
        FileNotFoundError: no such file.

    >>> from_image(np.array([[0, 255], [255, 255]], dtype=np.uint8), hole="black")[0, 0]
    tensor([[0, 1],
            [1, 1]], dtype=torch.uint8)
    """
    if hole not in ("black", "white"):
        raise ValueError(f"hole is {hole!r}; expected 'black' or 'white', the colour of the pixels to be filled.")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold < 1:
        raise ValueError(f"threshold is {threshold!r}; expected a share of the full range, 0 <= threshold < 1 (0.5 is half way to white).")
    bright = _brightness(image)  # (B, H, W) in [0, 1]
    white = bright > threshold
    mask = white if hole == "black" else ~white
    for wanted, flat in (("hole", ~mask.flatten(1)), ("known", mask.flatten(1))):
        if not bool(flat.any(1).all()):
            low, high = (float(v) for v in bright.aminmax())
            raise ValueError(
                f"with hole={hole!r} and threshold={threshold} no pixel of the picture is {wanted}: its brightness goes from {low:.3g} to "
                f"{high:.3g} of the full range. Is the hole painted in the other colour, does another threshold separate the two, "
                "or are these integers 0 and 1 that should be bool?"
            )
    return mask[:, None].to(torch.uint8)


def _brightness(image: object) -> Tensor:
    """The mean over the colours, (B, H, W), as a share of the full range."""
    if isinstance(image, str | PathLike):
        image = _open(Path(image))
    if hasattr(image, "getbands"):  # a PIL image, recognised without importing PIL
        image = _pil_to_array(image)
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3):
            raise ValueError(f"image is {describe(image)}; expected (H, W) or (H, W, channels).")
        values = torch.from_numpy(_as_float(image))
        values = values[None] if values.dim() == 2 else _colours(values.permute(2, 0, 1)[None], image)
    elif isinstance(image, Tensor):
        if image.dim() not in (2, 3, 4):
            raise ValueError(f"image is {describe(image)}; expected (H, W), (channels, H, W) or (B, channels, H, W).")
        plain = image.detach().cpu()
        values = torch.from_numpy(_as_float((plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()))  # NumPy has no bfloat16
        values = values[None] if values.dim() == 2 else _colours(values.reshape(-1, *values.shape[-3:]), image)
    else:
        raise TypeError(f"image is {describe(image)}; expected a path, a PIL image, a NumPy array or a tensor.")
    if values.numel() == 0:
        raise ValueError(f"image is {describe(image)}, which is empty.")
    return values


def _as_float(array: np.ndarray) -> np.ndarray:
    """Values as a share of the full range of their type."""
    if array.dtype == bool:
        return array.astype(np.float32)
    if array.dtype in (np.uint8, np.uint16):
        return (array / np.iinfo(array.dtype).max).astype(np.float32)
    if np.issubdtype(array.dtype, np.floating):
        if np.isnan(array).any():
            raise ValueError(f"image holds NaN in {int(np.isnan(array).sum())} places; expected float values in [0, 1].")
        if array.size and not (array.min() >= 0 and array.max() <= 1):
            raise ValueError(f"image has float values from {array.min():.4g} to {array.max():.4g}; expected [0, 1]. Divide by the largest.")
        return array.astype(np.float32)
    raise TypeError(f"image is {describe(array)}; expected bool, 8-bit or 16-bit unsigned integers, or float in [0, 1].")


def _colours(values: Tensor, image: object) -> Tensor:
    """The mean over 1 or 3 channels of (B, channels, H, W); a fourth must say that nothing is transparent."""
    channels = values.shape[1]
    if channels in (2, 4):
        if bool((values[:, -1] < 1).any()):
            raise ValueError(
                "the picture is transparent in places, so its colours there mean nothing. Paint the hole in black or white on an opaque "
                "picture, or, if the transparency is the hole, pass the alpha channel alone with hole='black'."
            )
        values = values[:, :-1]
    elif channels not in (1, 3):
        order = "channels last, (H, W, channels)" if isinstance(image, np.ndarray) else "channels first, (channels, H, W)"
        raise ValueError(f"image is {describe(image)}; expected 1 (grey) or 3 (colour) channels, {order}.")
    return values.mean(1)


def _open(path: Path) -> object:
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not path.is_file():
        raise FileNotFoundError(f"there is no image file {str(path)!r}.")
    try:
        with Image.open(path) as picture:
            picture.load()
            return ImageOps.exif_transpose(picture)  # a phone stores its pictures sideways and says so
    except UnidentifiedImageError as error:
        raise ValueError(f"{str(path)!r} is not an image that Pillow can read.") from error
    except OSError as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}. Save it once more.") from error


def _pil_to_array(image: object) -> np.ndarray:
    mode = image.mode  # type: ignore[attr-defined]
    if mode.startswith("I"):  # 16 bits, which Pillow may hold in 32
        return np.asarray(image).clip(0, 65535).astype(np.uint16)
    if mode == "F":
        return np.asarray(image)
    has_alpha = "A" in mode or "transparency" in image.info  # type: ignore[attr-defined]
    target = mode if mode in ("1", "L") and not has_alpha else "RGBA" if has_alpha else "RGB"
    return np.asarray(image.convert(target))  # type: ignore[attr-defined]
