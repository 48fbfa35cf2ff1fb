r"""Contextual attention: fill a place with patches copied from where the picture is known.

A convolution sees a small window; what fits into a large hole may lie far away. So every place looks at all known patches at once:

    score(i, j)  = cosine of the patch around place i of the query and the patch around place j of the source
    score        = score + those of the neighbours: if j fits i, one step to the right of j should fit one step to the right of i
    weight(i, .) = softmax over the known patches of (scale * score)
    y            = at each place the weighted mean of the source's patches, averaged where pasted patches overlap

Hole patches are masked with minus infinity, so that their weight is exactly 0 and the others sum to 1. (Multiplying their score by 0
instead leaves them e^0 = 1 in the sum.) Every sample has its own mask, and nothing loops over the samples.

No patch is ever cut out. Two patches are as alike as their pixels are: with S(i, j) the product of pixel i of the query and pixel j of the
source, the product of two 3 x 3 patches is the sum of S(i + d, j + d) over nine steps d, that is along the diagonals of S. Comparing
patches, support by the neighbours and pasting are therefore one and the same small sum, and all products of matrices nine times smaller.

Source: J. Yu et al., Generative Image Inpainting with Contextual Attention, CVPR 2018, section 4.1. Their public code divides by the norm
of the source's patch alone; this is the cosine of the paper's equation 1. Neighbours support each other before the softmax, as in that
code; the paper propagates what comes out of it. Pasted patches reach half-way over their neighbours: at rate 1 they have 3 x 3 pixels.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib._check import as_mask, describe

__all__ = ["ContextualAttention", "attention_weights", "contextual_attention"]

EPS = 1e-4  # the norm of a patch of zeros, whose cosine is 0 then; as in the authors' code


def contextual_attention(
    query: Tensor,
    source: Tensor,
    mask: Tensor | None = None,
    *,
    patch: int = 3,
    rate: int = 1,
    scale: float = 10.0,
    propagate: bool = True,
    min_known: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Rebuild ``query`` from the known patches of ``source``.

    Args:
        query: float (B, C, H, W), the features to be rebuilt.
        source: float (B, C, H', W'), the features to copy from; usually the query itself.
        mask: (B, 1, H', W') of the source, 1 = known, 0 = hole, one for each sample or a single one for all; None: all known. What lies
            in the source's holes does not matter, unless it is infinite or NaN: then everything becomes NaN.
        patch: odd side of the patches that are compared. What is pasted depends on ``rate`` alone: 3 x 3 pixels at 1, 4 x 4 at 2.
        rate: compare at every ``rate``-th place only, and paste larger patches: ``rate**4`` times fewer scores. Must divide all sides.
        scale: how sharply the best match wins, without unit; 0 would be a mean over all patches.
        propagate: let the neighbours' scores support each other.
        min_known: fraction of a patch that must be known for it to be copied from; 1 is the paper's rule. What is unknown in a patch
            (or outside the image) is never pasted.

    Returns:
        y: (B, C, H, W) in the dtype of ``query``; 0 at a pixel on which nothing known lands, so for all of a sample of whose source no
            patch is known.
        field: int64 (B, 2, H / rate, W / rate), from each place to the patch that it attends to most: rows down and columns to the
            right, in steps of ``rate`` pixels; 0 where there is none. For drawing; it carries no gradient.

    Raises:
        TypeError: ``query`` or ``source`` is no floating-point tensor, or ``mask`` no tensor.
        ValueError: shapes that do not fit each other, or options out of range.

    Source: Yu et al., CVPR 2018, section 4.1.

    >>> stripes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]).T[None, :, None]  # (1, 2, 1, 4): a b a b
    >>> mask = torch.tensor([1.0, 1.0, 1.0, 0.0])[None, None, None]  # the last b is a hole
    >>> y, field = contextual_attention(stripes, stripes, mask, patch=1, scale=100.0, propagate=False)
    >>> field[0, 1, 0].tolist()  # it is copied from two steps to the left; the first a wins over its equal
    [0, 0, -2, -2]
    """
    mask = _check(query, source, mask, patch, rate, scale, min_known)
    with _in_full_precision(query):
        dtype = torch.promote_types(query.dtype, torch.float32)
        weight = _weights(query, source, mask, patch, rate, scale, propagate, min_known)  # (B, h, w, h', w')
        y = _paste(weight, source.to(dtype) * mask.to(dtype), mask.to(dtype), rate)  # (B, C, H, W)
    return y.to(query.dtype), _field(weight)


def attention_weights(
    query: Tensor,
    source: Tensor,
    mask: Tensor | None = None,
    *,
    patch: int = 3,
    rate: int = 1,
    scale: float = 10.0,
    propagate: bool = True,
    min_known: float = 1.0,
) -> Tensor:
    """How much each place of ``query`` looks at each patch of ``source``: the weights inside :func:`contextual_attention`, to look at.

    Args:
        query, source, mask, patch, rate, scale, propagate, min_known: as in :func:`contextual_attention`.

    Returns:
        (B, h, w, h', w') in [0, 1], at least single precision, h = H / rate and so on: for each place the weights of all patches, their
        sum 1; exactly 0 for patches that are not known, and for all of them in a sample of whose source no patch is known.

    Raises:
        TypeError, ValueError: as :func:`contextual_attention`.

    >>> x = torch.rand(1, 2, 4, 4)
    >>> attention_weights(x, x).sum((3, 4)).allclose(torch.ones(1, 4, 4))
    True
    """
    mask = _check(query, source, mask, patch, rate, scale, min_known)
    with _in_full_precision(query):
        return _weights(query, source, mask, patch, rate, scale, propagate, min_known)


def _in_full_precision(query: Tensor) -> torch.autocast:
    """Ten times a sum of nine scores needs more digits than half precision has."""
    return torch.autocast("cpu" if query.is_meta else query.device.type, enabled=False)


def _weights(query: Tensor, source: Tensor, mask: Tensor, patch: int, rate: int, scale: float, propagate: bool, min_known: float) -> Tensor:
    """(B, h, w, h', w') in single precision at least."""
    dtype = torch.promote_types(query.dtype, torch.float32)
    query, source, mask = query.to(dtype)[..., ::rate, ::rate], source.to(dtype)[..., ::rate, ::rate], _cells(mask.to(dtype), rate)
    # from here on query (B, C, h, w), source (B, C, h', w'), mask (B, 1, h', w')
    score, known = _match(query, source, mask, patch, min_known)  # (B, h, w, h', w'), (B, h' * w')
    if propagate:
        score = _over_patches(score, 1)  # (B, h, w, h', w')
    logits = scale * score.flatten(3).flatten(1, 2)  # (B, h * w, h' * w')
    if min_known < 1:  # a pixel may be reached by small weights alone: none is lighter than what _paste can divide by
        lightest = math.log(1e12 * torch.finfo(dtype).tiny)  # of the heaviest: e^-60 in single precision
        logits = logits.maximum(logits.masked_fill(~known[:, None], -math.inf).amax(-1, keepdim=True) + lightest)
    return _softmax_over_known(logits, known).view(score.shape)


def _match(query: Tensor, source: Tensor, mask: Tensor, patch: int, min_known: float) -> tuple[Tensor, Tensor]:
    """Cosine of each patch of the query with each known one of the source (B, h, w, h', w'), and which are known (B, h' * w')."""
    batch, (h, w), (hs, ws), source = query.shape[0], query.shape[2:], source.shape[2:], source * mask
    pixels = torch.bmm(query.flatten(2).transpose(1, 2), source.flatten(2))  # (B, h * w, h' * w'): products of single pixels
    products = _over_patches(pixels.view(batch, h, w, hs, ws), patch // 2)  # (B, h, w, h', w'): of whole patches
    places = _box_sum(torch.ones_like(mask), patch)  # (B, 1, h', w'), fewer at the image's border
    seen = _box_sum(mask, patch)  # (B, 1, h', w'): how many of them are known; none is never enough, however small the share asked for
    known = (seen >= min_known * places - 1e-3) & (seen > 0.5)  # (B, 1, h', w')
    ours, theirs = _inverse_norm(query, patch), _inverse_norm(source, patch) * known  # a hole patch supports none of its neighbours
    return products * ours.view(batch, h, w, 1, 1) * theirs.view(batch, 1, 1, hs, ws), known.flatten(1)


def _inverse_norm(x: Tensor, patch: int) -> Tensor:
    """1 / the length of the patch around each place, (B, 1, h, w)."""
    return _box_sum(x.square().sum(1, keepdim=True), patch).clamp(min=EPS**2).rsqrt()


def _box_sum(x: Tensor, patch: int) -> Tensor:
    return F.avg_pool2d(x, patch, stride=1, padding=patch // 2, divisor_override=1)


def _over_patches(x: Tensor, reach: int) -> Tensor:
    """Sum of x(i + d, j + d) over all steps d of at most ``reach`` down and to the right; x is (B, h, w, h', w'), i and j its two pairs."""
    return _Diagonal.apply(_Diagonal.apply(x, 2, 4, reach, reach), 1, 3, reach, reach)


class _Diagonal(torch.autograd.Function):
    """x, and x moved by up to ``before`` steps forwards and up to ``after`` backwards along two axes at once; nothing comes from outside.

    What moved forwards moves back in the derivative: it is the same sum with ``before`` and ``after`` exchanged.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, ours: int, theirs: int, before: int, after: int) -> Tensor:
        ctx.options = ours, theirs, after, before
        total, (n, m) = x.clone(), (x.shape[ours], x.shape[theirs])
        for step in range(1, min(max(before, after), n - 1, m - 1) + 1):
            late, early = (((ours, start, n - step), (theirs, start, m - step)) for start in (step, 0))
            if step <= before:
                total.narrow(*late[0]).narrow(*late[1]).add_(x.narrow(*early[0]).narrow(*early[1]))
            if step <= after:
                total.narrow(*early[0]).narrow(*early[1]).add_(x.narrow(*late[0]).narrow(*late[1]))
        return total

    @staticmethod
    def backward(ctx: Any, up: Tensor) -> tuple[Tensor | None, ...]:
        return _Diagonal.apply(up, *ctx.options), None, None, None, None


def _softmax_over_known(logits: Tensor, known: Tensor) -> Tensor:
    """Softmax over the last axis among the known patches; all weights 0 where there are none, instead of NaN."""
    some = known.any(dim=1, keepdim=True)  # (B, 1)
    logits = logits.masked_fill((~known & some)[:, None], -math.inf)  # (B, h * w, h' * w')
    return torch.softmax(logits, dim=-1) * some[:, None]


def _paste(weight: Tensor, source: Tensor, mask: Tensor, rate: int) -> Tensor:
    """Lay the source's patches over each other by weight (B, h, w, h', w'); a pixel is the mean of the known ones that land on it.

    A patch is its own cell of ``rate`` x ``rate`` pixels and half a neighbour on each side. So a pixel near the left of its cell is reached
    by the cell to the left too, one near the right by the cell to the right: at each position inside a cell other neighbours join in.
    """
    half = (rate + 1) // 2
    batch, h, w = weight.shape[:3]
    # The mask travels as one more channel: pasted alike, it says how much was known at each pixel.
    both = torch.cat([source, mask], dim=1)  # (B, C + 1, H', W')
    taken = []  # rate * rate times (B, C + 1, h * w)
    for down in range(rate):
        rows = _Diagonal.apply(weight, 1, 3, int(down < half), int(down >= rate - half))
        for right in range(rate):
            reached = _Diagonal.apply(rows, 2, 4, int(right < half), int(right >= rate - half))
            taken.append(torch.bmm(both[..., down::rate, right::rate].flatten(2), reached.flatten(3).flatten(1, 2).transpose(1, 2)))
    pasted = F.pixel_shuffle(torch.stack(taken, dim=2).view(batch, -1, h, w), rate)  # (B, C + 1, H, W): each in its place of the cells
    total, known = pasted[:, :-1], pasted[:, -1:]  # (B, C, H, W), (B, 1, H, W)
    # A pixel may be reached by small weights alone. They count all the same, since their sum divides theirs. The floor keeps out 0 / 0; it
    # lies below the lightest weight, and above the smallest number, so that 1 / known, in the derivative, has room below infinity.
    return total / known.clamp(min=1e8 * torch.finfo(known.dtype).tiny)


def _field(weight: Tensor) -> Tensor:
    """Where the heaviest weight of each place lies, relative to the place."""
    h, w, _, ws = weight.shape[1:]
    weight = weight.detach().flatten(3)
    best = weight.argmax(dim=-1)  # (B, h, w)
    rows = best // ws - torch.arange(h, device=weight.device)[:, None]  # (B, h, w)
    columns = best % ws - torch.arange(w, device=weight.device)
    return torch.stack([rows, columns], dim=1) * (weight.sum(dim=-1) > 0)[:, None]


def _cells(mask: Tensor, rate: int) -> Tensor:
    """The mask at every ``rate``-th place: known where all of the cell is."""
    return 1 - F.max_pool2d(1 - mask, rate) if rate > 1 else mask


def _check(query: Tensor, source: Tensor, mask: Tensor | None, patch: int, rate: int, scale: float, min_known: float) -> Tensor:
    for name, x in (("query", query), ("source", source)):
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise TypeError(f"{name} is {describe(x)}; expected a float tensor (B, C, H, W).")
        if x.dim() != 4 or x.numel() == 0:
            raise ValueError(f"{name} is {describe(x)}; expected four dimensions (B, C, H, W), none of them 0.")
    if query.shape[:2] != source.shape[:2]:
        raise ValueError(f"query is {describe(query)}, source {describe(source)}; expected the same batch and the same channels.")
    if not isinstance(patch, int) or patch < 1 or patch % 2 == 0:
        raise ValueError(f"patch is {patch!r}; expected an odd side such as 3, so that a patch has a centre.")
    if not isinstance(rate, int) or rate < 1 or any(side % rate for side in (*query.shape[2:], *source.shape[2:])):
        raise ValueError(f"rate is {rate!r}; expected a divisor of all sides, {tuple(query.shape[2:])} and {tuple(source.shape[2:])}.")
    if not isinstance(scale, numbers.Real) or not -math.inf < scale < math.inf:
        raise ValueError(f"scale is {scale!r}; expected a finite number, such as 10.")
    if not isinstance(min_known, numbers.Real) or not 0 < min_known <= 1:
        raise ValueError(f"min_known is {min_known!r}; expected a fraction above 0, at most 1.")
    if mask is None:
        return source.new_ones(source.shape[0], 1, *source.shape[2:])
    # To look at values on a GPU would make it wait at every layer; there the shapes alone are checked.
    return as_mask(mask, source, values=source.device.type == "cpu" and not torch.compiler.is_compiling())


class ContextualAttention(nn.Module):
    """The layer around :func:`contextual_attention`; it has no weights, and attends to the query itself when no source is given.

    Args:
        patch, rate, scale, propagate, min_known: see :func:`contextual_attention`.

    >>> attention = ContextualAttention(rate=2)
    >>> y, field = attention(torch.rand(2, 8, 16, 16), mask=torch.ones(2, 1, 16, 16))
    >>> tuple(y.shape), tuple(field.shape)
    ((2, 8, 16, 16), (2, 2, 8, 8))
    """

    def __init__(self, patch: int = 3, rate: int = 1, scale: float = 10.0, propagate: bool = True, min_known: float = 1.0) -> None:
        super().__init__()
        self.patch, self.rate, self.scale, self.propagate, self.min_known = patch, rate, scale, propagate, min_known

    def forward(self, query: Tensor, source: Tensor | None = None, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See :func:`contextual_attention`."""
        options = {"patch": self.patch, "rate": self.rate, "scale": self.scale, "propagate": self.propagate, "min_known": self.min_known}
        return contextual_attention(query, query if source is None else source, mask, **options)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"patch={self.patch}, rate={self.rate}, scale={self.scale}, propagate={self.propagate}, min_known={self.min_known}"
