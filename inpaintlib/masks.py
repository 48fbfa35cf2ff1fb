"""Holes: where they come from decides what inpainting is asked to do.

A mask is uint8 (B, 1, H, W), **1 = known, 0 = hole**. Each family draws a whole batch at once, on any device and at any size,

    family(count, size, *, generator=None, device=None, **options) -> uint8 (count, 1, H, W)

and promises at least one known pixel and at least one hole pixel in every mask. ``size`` is a side or (H, W). Lengths among the options are
whole numbers of pixels, or floats for a share of the shorter side; a range is a pair (low, high), both included. The same seed of a CPU
generator gives the same masks on every device.

| family     | like                                      | hole at 32x32 |
|------------|-------------------------------------------|---------------|
| lines      | scratches; S4's masks                     | 15 %          |
| strokes    | wiping over a thing to be removed         | 20 %          |
| circles    | spots                                     | 17 %          |
| boxes      | a missing block; S2's boxes are larger    | 14 %          |
| center_box | the Context Encoder's hole (S3)           | 19 %          |
| irregular  | anything, with a given share of the image | as asked |

>>> lines(2, 32, generator=torch.Generator().manual_seed(0)).shape
torch.Size([2, 1, 32, 32])
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import as_mask
from inpaintlib._mask_digests import DIGESTS
from inpaintlib._mask_families import boxes, center_box, circles, irregular, lines, strokes
from inpaintlib._mask_image import from_image
from inpaintlib._mask_mixture import Mixture, family_name
from inpaintlib._mask_options import Size, check_count, check_size
from inpaintlib._numbers import Device, FrozenStream, Numbers

__all__ = [
    "FAMILIES",
    "KINDS",
    "MaskBank",
    "Mixture",
    "bank",
    "benchmark",
    "boxes",
    "center_box",
    "circles",
    "from_image",
    "hole_ratio",
    "irregular",
    "lines",
    "mixture",
    "parse",
    "sha256",
    "strokes",
]

Family = Callable[..., Tensor]
FAMILIES: dict[str, Family] = {f.__name__: f for f in (lines, strokes, circles, boxes, center_box, irregular)}


def hole_ratio(mask: Tensor) -> Tensor:
    """The share of hole pixels, (B,), from 0 (everything known) to 1 (nothing known).

    Args:
        mask: (B, 1, H, W), 1 = known, 0 = hole; uint8, bool or float.

    Raises:
        TypeError, ValueError: not a mask.

    >>> hole_ratio(center_box(1, 4, side=2))
    tensor([0.2500])
    """
    as_mask(mask)
    return (mask == 0).flatten(1).float().mean(1)


def mixture(families: Sequence[str | Family], weights: Sequence[float] | None = None) -> Mixture:
    """A family made of several: each mask is drawn from one of them, chosen by chance.

    Args:
        families: names in :data:`FAMILIES`, or functions called like them.
        weights: how often each is chosen, relative to the others; None: all equally often.

    Returns:
        what can stand wherever a family can, in :func:`bank` too; its ``__name__`` says what is in it.

    Raises:
        ValueError: an unknown name, the same one twice, or weights that do not fit.

    >>> both = mixture(["lines", "boxes"], [3, 1])
    >>> both.__name__, both(4, 32).shape
    ('3*lines+1*boxes', torch.Size([4, 1, 32, 32]))
    """
    draws = [_family(family) for family in families]
    names = [family_name(draw) for draw in draws]
    if len({id(draw) for draw in draws}) < len(draws):
        raise ValueError(f"families is {names}; expected each once. For more of one give weights.")
    # two functions may still be called alike, as all lambdas are: these are numbered
    names = [f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name for i, name in enumerate(names)]
    return Mixture(dict(zip(names, draws, strict=True)), [1.0] * len(draws) if weights is None else weights)


def parse(text: str) -> Family:
    """A family from what one writes on a command line: a name, or a sum of names, each with a weight if need be.

    Raises:
        ValueError: an unknown name, or a weight that is no number above 0.

    >>> parse("lines") is lines
    True
    >>> parse("2*lines + boxes")
    mixture of masks, 2*lines+1*boxes
    """
    names, weights = [], []
    for part in text.split("+"):
        weight, star, name = part.rpartition("*")
        try:
            weights.append(float(weight) if star else 1.0)
        except ValueError:
            raise ValueError(f"the masks {text!r} have the weight {weight!r}; expected a number, as in 2*lines+boxes.") from None
        names.append(name.strip())
    mixed = mixture(names, weights)  # made of one family too: it looks at the weight
    return next(iter(mixed.families.values())) if len(names) == 1 else mixed


def _family(family: str | Family) -> Family:
    draw = FAMILIES.get(family) if isinstance(family, str) else family
    if not callable(draw):
        raise ValueError(f"family is {family!r}; expected one of {', '.join(FAMILIES)}, or a function called like them.")
    return draw


class MaskBank:
    """Many masks drawn beforehand, from which random ones are taken, flipped at random; made by :func:`bank`.

    It is called like a family, and can stand wherever one can. A batch costs a copy of its bytes.

    Args:
        masks: uint8 (N, 1, H, W).
        source: a phrase that says where they come from.
        flip: turn each one left to right and upside down, each with probability 1/2.
    """

    def __init__(self, masks: Tensor, source: str, *, flip: bool = True) -> None:
        as_mask(masks, name="masks")
        self.masks, self.source, self.flip = masks.to(torch.uint8, copy=True), source, flip  # what the caller does to his stays his
        self._copies = {masks.device: self.masks}  # one for each device that was asked for

    def __call__(self, count: int, size: Size | None = None, *, generator: torch.Generator | None = None, device: Device = None) -> Tensor:
        """Take masks at random, with replacement.

        Args:
            count: how many.
            size: may be left out; the bank's size otherwise.
            generator: where chance comes from; None for torch's global generator.
            device: where the masks shall lie; None for the generator's device.

        Returns:
            uint8 (count, 1, H, W), 1 = known, 0 = hole.

        Raises:
            TypeError, ValueError: an argument is out of range, or another size than the bank's is asked for.
        """
        count, numbers = check_count(count), Numbers(generator, device)
        have = tuple(self.masks.shape[2:])
        if size is not None and check_size(size) != have:
            raise ValueError(f"this bank holds masks of {have[0]}x{have[1]}, asked for was {size}; make one with bank(..., size={size}).")
        if numbers.target not in self._copies:
            self._copies[numbers.target] = self.masks.to(numbers.target)
        masks = self._copies[numbers.target]
        # index_select and index_copy_ move whole masks, where masks[...] would move pixel by pixel
        drawn = masks.index_select(0, numbers.integers(0, len(masks) - 1, count).to(masks.device))
        for axis in (2, 3) if self.flip else ():
            chosen = numbers.integers(0, 1, count).nonzero()[:, 0].to(masks.device)
            drawn.index_copy_(0, chosen, drawn.index_select(0, chosen).flip(axis))
        return drawn

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        height, width = self.masks.shape[2:]
        flipped = ", flipped at random" if self.flip else ""
        ratio = float(hole_ratio(self.masks).mean())
        return f"MaskBank of {len(self):,} masks of {height}x{width} from {self.source}{flipped}; {ratio:.1%} hole on average"


def bank(
    family: str | Family = "lines", count: int = 20_000, size: Size = 32, *, seed: int = 0, flip: bool = True, **options: object
) -> MaskBank:
    """Draw masks once and hand out random ones from then on: the fastest source for a training loop.

    Args:
        family: a name in :data:`FAMILIES`, or a function called like them, such as a :func:`mixture`.
        count: how many masks the bank holds.
        size: their side, or (H, W).
        seed: the same seed, the same bank.
        flip: hand out masks turned left to right and upside down, each with probability 1/2. That makes four masks of one, and evens out
            a family that has a preference (S4's lines never start in the first row or column).
        options: what the family takes.

    Returns:
        a :class:`MaskBank`, which is called like a family.

    Raises:
        TypeError, ValueError: the family is unknown, or an option is out of range.

    >>> len(bank("boxes", 100, seed=1))
    100
    """
    draw = _family(family)
    masks = draw(check_count(count), size, generator=torch.Generator().manual_seed(seed), **options)
    detail = "".join(f", {name}={value}" for name, value in options.items())
    return MaskBank(masks, f"{family_name(draw)} (seed {seed}{detail})", flip=flip)


KINDS: dict[str, tuple[Family, dict[str, object]]] = {
    "lines": (lines, {}),
    "strokes": (strokes, {}),
    "circles": (circles, {}),
    "boxes": (boxes, {}),
    "center": (center_box, {}),
    "irregular": (irregular, {}),
    **{f"irregular-{low:02}-{high}": (irregular, {"ratio": (low / 100, high / 100)}) for low, high in
       ((1, 10), (10, 20), (20, 30), (30, 40), (40, 50), (50, 60))},
}  # fmt: skip
_PART, _BLOCK = 500, 5000  # frozen masks are drawn in parts, each from a stream of its own, and checked in blocks, one digest each


def benchmark(kind: str, count: int = 5000, size: Size = 32) -> Tensor:
    """The frozen masks that results are compared on: the same on every machine, checked against a recorded SHA-256 when first used.

    The families of this module draw them from a stream of numbers that never changes. Asking for fewer gives the first ones.

    Args:
        kind: a name in :data:`KINDS`: "lines", "strokes", "circles", "boxes", "center", "irregular", or one of the buckets of the last,
            "irregular-01-10", "irregular-10-20" ... "irregular-50-60" (per cent of hole).
        count: how many, at most 10,000 (the images in CIFAR-10's test set).
        size: 32 is what is checked. At other sizes the same numbers draw the same pictures finer or coarser, just as repeatable, but no
            digest is recorded.

    Returns:
        uint8 (count, 1, H, W), 1 = known, 0 = hole; yours to change. :func:`sha256` gives their fingerprint.

    Raises:
        TypeError, ValueError: unknown kind, or count or size out of range.
        RuntimeError: this machine draws other masks than those recorded.

    >>> hole_ratio(benchmark("center", 2))
    tensor([0.1914, 0.1914])
    """
    kind = "center" if kind == "center_box" else kind
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}.")
    check_count(count)
    most = _BLOCK * len(DIGESTS[kind])
    if count > most:
        raise ValueError(f"count is {count}; there are {most:,} frozen masks of each kind. For more images use them again from the first.")
    if check_size(size) == (32, 32):
        return torch.cat([_checked_block(kind, block) for block in range(-(-count // _BLOCK))])[:count]
    return torch.cat([_frozen_part(kind, part, size) for part in range(-(-count // _PART))])[:count]


def _frozen_part(kind: str, part: int, size: Size) -> Tensor:
    family, options = KINDS[kind]
    return family(_PART, size, generator=FrozenStream(*kind.encode(), part), **options)


@functools.cache
def _checked_block(kind: str, block: int) -> Tensor:
    parts = range(block * _BLOCK // _PART, (block + 1) * _BLOCK // _PART)
    masks = torch.cat([_frozen_part(kind, part, 32) for part in parts])
    digest, recorded = sha256(masks), DIGESTS[kind][block]
    if digest != recorded:
        raise RuntimeError(
            f"the frozen masks {kind!r} (block {block}) came out different on this machine: SHA-256 {digest}, recorded is {recorded}. "
            "Figures measured on them cannot be compared with published ones. "
            f"Please report this, with torch {torch.__version__}, NumPy {np.__version__} and the processor's name."
        )
    return masks


def sha256(mask: Tensor) -> str:
    """The fingerprint of masks: SHA-256 of their pixels as bytes, 1 = known, 0 = hole. Tables name the masks they were measured on by it.

    Args:
        mask: (B, 1, H, W), uint8, bool or float of zeros and ones.

    Raises:
        TypeError, ValueError: not a mask.

    >>> sha256(center_box(1, 4, side=2))[:8]
    '9bf80f2e'
    """
    as_mask(mask)
    return hashlib.sha256((mask != 0).to(torch.uint8).cpu().contiguous().numpy().tobytes()).hexdigest()
