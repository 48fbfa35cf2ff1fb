"""The checks at the door: every public function that takes an image or a mask calls these, and works inside with clean tensors.

A message says what came, what was expected, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["as_blanked", "as_fillable", "as_image", "as_mask", "as_pair", "check_convolution", "check_maps", "describe", "in_range"]


def describe(value: object) -> str:
    """One phrase that says what a value is, for error messages."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} and dtype {str(value.dtype).removeprefix('torch.')}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{with_article(type(value).__name__)} of shape {tuple(value.shape)} and dtype {value.dtype}"
    return with_article(type(value).__name__)


def with_article(name: str) -> str:
    """The name of a type with "a" or "an" before it.

    >>> with_article("int"), with_article("uint8"), with_article("ndarray"), with_article("NoneType")
    ('an int', 'a uint8', 'an ndarray', 'a NoneType')
    """
    return f"{'an' if name[:1] in 'aeioAEIO' or name == 'ndarray' else 'a'} {name}"


def check_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, kernels: str = "Cout") -> None:
    """The door of every convolution: an image, a weight whose kernels (``kernels`` is how the error calls their number) fit it, a bias.

    Raises:
        TypeError: no float image, or a weight or bias that is no tensor.
        ValueError: shapes that do not fit.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"x is {describe(x)}; expected a float tensor (B, Cin, H, W).")
    if x.dim() != 4 or x.numel() == 0:
        raise ValueError(f"x is {describe(x)}; expected four dimensions (B, Cin, H, W), none of them 0.")
    if not isinstance(weight, Tensor):
        raise TypeError(f"weight is {describe(weight)}; expected a float tensor ({kernels}, {x.shape[1]}, kh, kw).")
    if weight.dim() != 4 or weight.shape[1] != x.shape[1]:
        raise ValueError(f"weight is {describe(weight)} for x with {x.shape[1]} channels; expected ({kernels}, {x.shape[1]}, kh, kw).")
    _check_bias(bias, weight.shape[0])


def _check_bias(bias: Tensor | None, kernels: int) -> None:
    """One value a kernel; a single one for all would be spread over them, and nobody would notice."""
    if bias is None:
        return
    if not isinstance(bias, Tensor):
        raise TypeError(f"bias is {describe(bias)}; expected a float tensor ({kernels},), one value a kernel, or None.")
    if bias.dim() != 1 or bias.shape[0] != kernels:
        raise ValueError(f"bias is {describe(bias)}; expected ({kernels},), one value for each of the weight's {kernels} kernels.")


def as_image(image: Tensor, name: str = "image", *, channels: int | None = None, values: bool = True) -> Tensor:
    """Return ``image`` unchanged if it is a float (B, C, H, W) in [0, 1]; otherwise say how to make it one.

    Args:
        image: what the caller passed.
        name: how the caller calls it.
        channels: the number of channels that is needed, if it matters.
        values: look at the values too (a pass over the data; models skip it inside their forward pass).

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: wrong number of dimensions or channels, empty, NaN, or outside [0, 1].
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"{name} is {describe(image)}; expected a torch tensor (B, C, H, W). Convert it with torch.as_tensor.")
    if not image.is_floating_point():
        raise TypeError(f"{name} is {describe(image)}; expected float values in [0, 1]. Convert 8-bit images with {name}.float() / 255.")
    if image.dim() != 4:
        hint = f" Add the batch dimension with {name}[None]." if image.dim() == 3 else ""
        raise ValueError(f"{name} is {describe(image)}; expected four dimensions (B, C, H, W).{hint}")
    if image.numel() == 0:
        raise ValueError(f"{name} is {describe(image)}, which is empty; expected at least one image of at least one pixel.")
    if channels is not None and image.shape[1] != channels:
        hint = f" The channels come second: try {name}.permute(0, 3, 1, 2)." if image.shape[3] == channels else ""
        raise ValueError(f"{name} is {describe(image)}; expected {channels} channels, (B, {channels}, H, W).{hint}")
    if values and not in_range(image):
        raise ValueError(_what_is_wrong(image, name))
    return image


_ONE = 0x3F800000  # the bits of 1.0


def in_range(image: Tensor) -> bool:
    """Whether every value lies in [0, 1]; NaN lies nowhere.

    One quick pass answers nearly always: read as whole numbers, the bits of the floats from 0 to 1 are those from 0 to ``_ONE``; those of
    a larger one, an infinity or a NaN lie above, those of anything with a minus sign (-0.0, too) below.
    """
    image = image.detach()
    if image.dtype == torch.float32 and image.device.type == "cpu":
        low, high = image.view(torch.int32).aminmax()
        if int(low) >= 0 and int(high) <= _ONE:
            return True
    return float(image.amin()) >= 0 and float(image.amax()) <= 1  # twice as fast as one aminmax


def _what_is_wrong(image: Tensor, name: str) -> str:
    low, high = (float(value) for value in image.detach().aminmax())
    if low != low or high != high:
        return f"{name} holds NaN in {int(image.isnan().sum())} places; expected finite values in [0, 1]."
    hint = "Clamp what overshoots with x.clamp(0, 1)."  # as bicubic resizing does, or a rounding
    if -1 <= low < -0.5 and high <= 1:
        hint = "Scale [-1, 1] with (x + 1) / 2."
    elif high > 2:
        hint = "Scale 8-bit values with x / 255, or clamp with x.clamp(0, 1)."
    return f"{name} has values from {_seen(low)} to {_seen(high)}; expected [0, 1]. {hint}"


def _seen(value: float) -> str:
    """Four digits, or as many as show that it is not 0 or 1."""
    short = f"{value:.4g}"
    return short if float(short) == value or float(short) not in (0, 1) else f"{value:.9g}"


def as_mask(mask: Tensor, like: Tensor | None = None, name: str = "mask", *, values: bool = True) -> Tensor:
    """Return the mask as float (B, 1, H, W) of zeros and ones on the device (and in the dtype) of ``like``.

    Args:
        mask: uint8, bool or float, 1 = known, 0 = hole; a batch of one is expanded to the batch of ``like``.
        like: the image that the mask belongs to.
        name: how the caller calls it.
        values: look at the values too.

    Raises:
        TypeError: not a tensor, or of a dtype that cannot be a mask.
        ValueError: wrong shape, empty, or values other than 0 and 1.
    """
    if not isinstance(mask, Tensor):
        raise TypeError(f"{name} is {describe(mask)}; expected a torch tensor (B, 1, H, W), 1 = known, 0 = hole.")
    if mask.is_complex():
        raise TypeError(f"{name} is {describe(mask)}; expected uint8, bool or float, 1 = known, 0 = hole.")
    if mask.dim() != 4 or mask.shape[1] != 1:
        hint = {2: f" Add two dimensions with {name}[None, None].", 3: f" Add the channel with {name}[:, None]."}.get(mask.dim(), "")
        if mask.dim() == 4 and mask.shape[1] > 1:
            hint = f" One channel serves all colours: pass {name}[:, :1]."
        raise ValueError(f"{name} is {describe(mask)}; expected one channel, (B, 1, H, W), 1 = known, 0 = hole.{hint}")
    if mask.numel() == 0:
        raise ValueError(f"{name} is {describe(mask)}, which is empty; expected at least one mask of at least one pixel.")
    if like is not None:
        mask = _match(mask, like, name)
    if values and mask.dtype != torch.bool and not bool(((mask == 0) | (mask == 1)).all()):
        low, high = (float(v) for v in mask.float().aminmax())  # as float: 16-bit whole numbers have no aminmax
        two_valued = high > 1 and bool(((mask == 0) | (mask == high)).all())
        hint = f" Divide by {high:.0f}." if two_valued else f" Decide with a threshold: {name} > 0.5."
        raise ValueError(f"{name} has values from {low:.4g} to {high:.4g}; expected only 1 (known) and 0 (hole).{hint}")
    return mask.to(dtype=like.dtype if like is not None else torch.float32)


def _match(mask: Tensor, like: Tensor, name: str) -> Tensor:
    if mask.shape[-2:] != like.shape[-2:]:
        raise ValueError(
            f"{name} has height and width {tuple(mask.shape[-2:])}, the image {tuple(like.shape[-2:])}; expected the same. "
            "Draw the mask at the size of the image, or resize it with mode='nearest'."
        )
    if mask.shape[0] not in (1, like.shape[0]):
        raise ValueError(f"{name} holds {mask.shape[0]} masks for {like.shape[0]} images; expected one each, or a single one for all.")
    return mask.to(like.device).expand(like.shape[0], -1, -1, -1)


def as_pair(image: Tensor, mask: Tensor, *, channels: int | None = None, values: bool = True) -> tuple[Tensor, Tensor]:
    """Check an image and its mask together, as every inpainter does at its door; see :func:`as_image` and :func:`as_mask`."""
    image = as_image(image, channels=channels, values=values)
    return image, as_mask(mask, image, values=values)


def as_blanked(image: Tensor, mask: Tensor, *, channels: int | None = None) -> tuple[Tensor, Tensor]:
    """A checked pair with 0 in the hole: what an inpainter may look at. Not even a NaN under the hole can matter then."""
    image = as_image(image, channels=channels, values=False)
    mask = as_mask(mask, image)
    return as_image(torch.where(mask > 0, image, torch.zeros_like(image))), mask


def as_fillable(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """A blanked pair with at least one known pixel in each image: the door of inpainters that have nothing else to go by."""
    image, mask = as_blanked(image, mask)
    blank = (mask.flatten(1).amax(1) == 0).nonzero().flatten().tolist()
    if blank:
        raise ValueError(
            f"mask {blank[0]} has no known pixel ({len(blank)} of {len(mask)} masks), so there is nothing to fill from. "
            "1 = known, 0 = hole: if the mask is the other way round, pass 1 - mask."
        )
    return image, mask


def check_maps(maps: Sequence[Tensor], image: Tensor) -> None:
    """What a feature network answers for a batch of images is a list of maps (B, C, H, W).

    Raises:
        ValueError: something else.
    """
    several = isinstance(maps, list | tuple)
    if not several or not maps or any(not isinstance(m, Tensor) or m.dim() != 4 or len(m) != len(image) for m in maps):
        got = (", ".join(describe(m) for m in maps) or "nothing") if several else describe(maps)
        raise ValueError(f"features returned {got} for {describe(image)}; expected a list of maps (B, C, H, W), one image each.")
