"""Named wrong solutions of the unit ``partial_convolution``, two for each misconception, and right ones that are written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in loops and in another
manner, to see whether the mistake is recognised (``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- window_factor ----------------------------------------------------------------------------------------------------------------------


def _quotient(mask, *, mistake=""):
    known, places = mask.sum(), mask.numel()
    if mistake == "division_by_zero":
        return places / known  # a tensor: inf, no exception
    if mistake == "one_in_holes":
        return places / known.clamp(min=1) if known else torch.tensor(1.0)
    top = {"inverted": known, "places_forgotten": 1, "counts_holes": places, "assumes_square": mask.shape[0] ** 2}.get(mistake, places)
    bottom = {"inverted": places, "counts_holes": places - known}.get(mistake, known)
    return top / bottom if bottom else 0.0


def _counted(mask, *, mistake=""):
    rows = mask.int().tolist()
    known = sum(place == (0 if mistake == "counts_holes" else 1) for row in rows for place in row)
    places = 9 if mistake == "assumes_square" else sum(len(row) for row in rows)
    if mistake == "division_by_zero":
        return places / known  # plain numbers: ZeroDivisionError
    if mistake == "inverted":
        return known / places
    if known == 0:
        return 1 if mistake == "one_in_holes" else 0
    return (1 if mistake == "places_forgotten" else places) / known


# --- one_channel ----------------------------------------------------------------------------------------------------------------------------


def _box(x, kernel):
    return F.conv2d(x[None, None], kernel[None, None])[0, 0]


def _vectors(image, mask, kernel, bias=0.0, *, mistake=""):
    """Whole images at once."""
    if mistake == "holes_filled_with_mean":
        image = torch.where(mask > 0, image, image[mask > 0].mean() if mask.any() else torch.tensor(0.0))
        return (_box(image, kernel) + bias) * (_box(mask, torch.ones_like(kernel)) > 0)
    total = _box(image if mistake == "holes_read" else image * mask, kernel)
    known, places = _box(mask, torch.ones_like(kernel)), kernel.numel()
    if mistake == "division_by_zero":
        return total * (places / known) + bias  # 0 * inf where all is hole
    ratio = places / known.clamp(min=1)
    ratio = {"not_rescaled": torch.ones_like(ratio), "inverted": known / places, "places_forgotten": 1 / known.clamp(min=1)}.get(mistake, ratio)
    y = (total + bias) * ratio if mistake == "bias_rescaled" else total * ratio + (0 if mistake in ("bias_forgotten", "bias_in_holes") else bias)
    y = y * (known > 0)
    return y + bias if mistake == "bias_in_holes" else y


def _windows(image, mask, kernel, bias=0.0, *, mistake=""):
    """Window by window, with lists of (pixel, weight)."""
    high, wide = kernel.shape
    output = np.zeros((image.shape[0] - high + 1, image.shape[1] - wide + 1))
    for i, j in np.ndindex(output.shape):
        places = [(i + a, j + b, kernel[a, b].item()) for a in range(high) for b in range(wide)]
        known = [(image[r, c].item(), w) for r, c, w in places if mask[r, c] == 1]
        summed = [(image[r, c].item(), w) for r, c, w in places] if mistake == "holes_read" else known
        total = sum(pixel * weight for pixel, weight in summed)
        if not known and mistake != "division_by_zero":
            output[i, j] = bias if mistake == "bias_in_holes" else 0.0
            continue
        if mistake == "holes_filled_with_mean":
            mean = sum(pixel for pixel, _ in known) / len(known)
            output[i, j] = sum((image[r, c].item() if mask[r, c] == 1 else mean) * w for r, c, w in places) + bias
            continue
        ratio = np.float64(len(places)) / np.float64(len(known))
        if mistake == "not_rescaled":
            ratio = 1.0
        elif mistake == "inverted":
            ratio = 1 / ratio
        elif mistake == "places_forgotten":
            ratio = 1 / len(known)
        inside = bias if mistake == "bias_rescaled" else 0.0
        outside = 0.0 if mistake in ("bias_rescaled", "bias_forgotten") else bias
        output[i, j] = (total + inside) * ratio + outside
    return output


_ONE_CHANNEL = ["not_rescaled", "inverted", "places_forgotten", "holes_read", "holes_filled_with_mean", "division_by_zero"]
_ONE_CHANNEL += ["bias_in_holes", "bias_rescaled", "bias_forgotten"]

# --- update_mask ------------------------------------------------------------------------------------------------------------------------


def _counting(mask, size, stride=1, padding=0, *, mistake=""):
    if mistake == "not_updated":
        return mask
    if mistake == "padding_known":
        mask, padding = F.pad(mask, (padding,) * 4, value=1.0), 0
    count = F.conv2d(mask[None, None], torch.ones(1, 1, size, size), stride=stride, padding=padding)[0, 0]
    if mistake == "counts":
        return count
    if mistake == "polarity":
        return (count == 0).float()
    return (count == size * size if mistake == "all_must_be_known" else count > 0).float()


def _looking(mask, size, stride=1, padding=0, *, mistake=""):
    """Window by window, any() in place of a sum."""
    around = np.full((mask.shape[0] + 2 * padding, mask.shape[1] + 2 * padding), mistake == "padding_known")
    around[padding : padding + mask.shape[0], padding : padding + mask.shape[1]] = mask.bool().numpy()
    down, across = ((n - size) // stride + 1 for n in around.shape)
    new = np.zeros((down, across), dtype=np.float32 if mistake == "counts" else bool)
    for i, j in np.ndindex(new.shape):
        window = around[i * stride : i * stride + size, j * stride : j * stride + size]
        if mistake == "counts":
            new[i, j] = window.mean()
        elif mistake == "all_must_be_known":
            new[i, j] = window.all()
        elif mistake == "polarity":
            new[i, j] = not window.any()
        elif mistake == "not_updated":
            new[i, j] = window[size // 2, size // 2]
        else:
            new[i, j] = window.any()
    return new


# --- partial_layer ----------------------------------------------------------------------------------------------------------------------


def found(image, mask, weight, bias, stride=1, padding=0):
    """The layer of the exercise, as it was found: three bugs of public implementations."""
    k, channels = weight.shape[-1], image.shape[1]
    mask = mask.expand(-1, channels, -1, -1)
    image, mask = F.pad(image * mask, [padding] * 4), F.pad(mask, [padding] * 4, value=1.0)
    known = F.conv2d(mask, torch.ones(1, channels, k, k), stride=stride)
    y = F.conv2d(image, weight, stride=stride) * k**2 / known.clamp(min=1)
    y = torch.where(known > 0, y, torch.zeros_like(y)) + bias[:, None, None]
    return y, (known > 0).float()


def _layer(image, mask, weight, bias, stride=1, padding=0, *, mistake=""):
    channels, k = weight.shape[1], weight.shape[-1]
    x, m = F.pad(image * mask, [padding] * 4), F.pad(mask, [padding] * 4, value=float(mistake == "padding_known"))
    known = F.conv2d(m, torch.ones(1, 1, k, k), stride=stride)
    plain, b = F.conv2d(x, weight, stride=stride), bias[:, None, None]
    ratio = k * k / (known if mistake == "division_by_zero" else known.clamp(min=1))
    ratio = {"scaled_by_channels": ratio / channels, "not_rescaled": torch.ones_like(ratio)}.get(mistake, ratio)
    y = (plain + b) * ratio if mistake == "bias_rescaled" else plain * ratio + (0 if mistake == "bias_in_holes" else b)
    y = y * (known > 0) + (b if mistake == "bias_in_holes" else 0)
    new = {"mask_counts": known, "mask_not_updated": mask[..., ::stride, ::stride]}.get(mistake, (known > 0).float())
    return y, new


def _slow_layer(image, mask, weight, bias, stride=1, padding=0, *, mistake=""):
    """Output pixel by output pixel; positions outside the image are asked for, not padded."""
    rows, columns = image.shape[2:]
    cout, cin, k, _ = weight.shape
    down, across = ((n + 2 * padding - k) // stride + 1 for n in (rows, columns))
    y, new = np.zeros((len(image), cout, down, across)), np.zeros((len(image), 1, down, across))
    pixels, holes, weights = image.double().numpy(), mask.numpy(), weight.double().numpy()
    for n, i, j in np.ndindex(len(image), down, across):
        places = [(i * stride - padding + a, j * stride - padding + b, a, b) for a in range(k) for b in range(k)]
        inside = [p for p in places if 0 <= p[0] < rows and 0 <= p[1] < columns]
        known = [p for p in inside if holes[n, 0, p[0], p[1]] == 1]
        count = len(known) + (len(places) - len(inside) if mistake == "padding_known" else 0)
        new[n, 0, i, j] = count if mistake == "mask_counts" else count > 0
        if mistake == "mask_not_updated":
            new[n, 0, i, j] = holes[n, 0, min(i * stride, rows - 1), min(j * stride, columns - 1)]
        for o in range(cout):
            total = sum(float(pixels[n, :, r, c] @ weights[o, :, a, b]) for r, c, a, b in known)
            if count == 0 and mistake != "division_by_zero":
                y[n, o, i, j] = bias[o] if mistake == "bias_in_holes" else 0.0
                continue
            with np.errstate(all="ignore"):
                ratio = np.float64(k * k) / np.float64(count * (cin if mistake == "scaled_by_channels" else 1))
                ratio = 1 / np.float64(max(1, count)) if mistake == "not_rescaled" else ratio
                b = bias[o].item()
                y[n, o, i, j] = (total + b) * ratio if mistake == "bias_rescaled" else total * ratio + b
    return torch.tensor(y), torch.tensor(new)


# --- layers_until_full ------------------------------------------------------------------------------------------------------------------


def _grow(mask, size, outside=0.0):
    return F.max_pool2d(F.pad(mask, (size // 2,) * 4, value=outside)[None, None], size, stride=1)[0, 0]


def _until(mask, size=3, *, mistake=""):
    if not mask.any() and mistake != "never_ends":
        return -1
    if mistake == "area":
        return int((mask == 0).sum())
    layers, mask = int(mistake == "off_by_one"), mask.clone()
    while not mask.all():
        mask = _grow(mask, 3 if mistake == "size_ignored" else size, float(mistake == "from_outside"))
        layers += 1
    return layers


def _rounds(mask, size=3, *, mistake=""):
    """Sets of places; the answer is the last round in which something was filled."""
    rows, columns = mask.shape
    known = {(int(i), int(j)) for i, j in mask.nonzero()}
    reach = 1 if mistake == "size_ignored" else size // 2
    if mistake == "area":
        return -(-(rows * columns - len(known)) // size**2) if known else -1
    for layers in range(max(rows, columns) + 1):
        if len(known) == rows * columns:
            return layers - 1 if mistake == "off_by_one" else layers
        grown = {(i + a, j + b) for i, j in known for a in range(-reach, reach + 1) for b in range(-reach, reach + 1)}
        border = {(i, j) for i in range(rows) for j in range(columns) if min(i, j, rows - 1 - i, columns - 1 - j) < reach}
        known = {(i, j) for i, j in grown if 0 <= i < rows and 0 <= j < columns} | (border if mistake == "from_outside" and known else set())
    return max(rows, columns) + 1 if mistake == "never_ends" else -1


MUTANTS = {
    "partial_convolution/window_factor": _pairs(
        ["inverted", "places_forgotten", "counts_holes", "division_by_zero", "one_in_holes", "assumes_square"], _quotient, _counted
    ),
    "partial_convolution/one_channel": _pairs(
        _ONE_CHANNEL,
        _vectors,
        _windows,
    ),
    "partial_convolution/update_mask": _pairs(["not_updated", "all_must_be_known", "padding_known", "counts", "polarity"], _counting, _looking),
    "partial_convolution/partial_layer": _pairs(
        ["not_rescaled", "padding_known", "bias_in_holes", "bias_rescaled", "division_by_zero", "mask_not_updated", "mask_counts"], _layer, _slow_layer
    )
    | {"scaled_by_channels": Pair(found, partial(_slow_layer, mistake="scaled_by_channels"))},
    "partial_convolution/layers_until_full": _pairs(["never_ends", "off_by_one", "from_outside", "size_ignored", "area"], _until, _rounds),
}

EQUIVALENT = {
    "partial_convolution/window_factor": [_quotient, _counted, lambda mask: np.float32(_counted(mask)), lambda mask: torch.tensor(_counted(mask)).half()],
    "partial_convolution/one_channel": [
        _vectors,
        _windows,
        lambda *a, **k: _vectors(*a, **k).bfloat16(),
        lambda *a, **k: _vectors(*a, **k).tolist(),
        lambda image, mask, kernel, bias=0.0: _vectors(image.double(), mask.double(), kernel.double(), bias).T.contiguous().T,
    ],
    "partial_convolution/update_mask": [
        _counting,
        _looking,
        lambda *a, **k: _counting(*a, **k).bool(),
        lambda *a, **k: _counting(*a, **k).to(torch.uint8).T.contiguous().T,
        lambda *a, **k: _looking(*a, **k).tolist(),
    ],
    "partial_convolution/partial_layer": [
        _layer,
        _slow_layer,
        lambda *a, **k: tuple(part.numpy() for part in _layer(*a, **k)),
        lambda *a, **k: [part.to(memory_format=torch.channels_last) for part in _layer(*a, **k)],
        lambda *a, **k: (_layer(*a, **k)[0].bfloat16(), _layer(*a, **k)[1].bool()),
    ],
    "partial_convolution/layers_until_full": [_until, _rounds, lambda *a, **k: float(_until(*a, **k)), lambda *a, **k: torch.tensor(_until(*a, **k))],
}
