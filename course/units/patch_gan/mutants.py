"""Named wrong solutions of the unit ``patch_gan``, two for each misconception, and right ones written unlike the solution.

The first of a pair was at hand while its diagnosis was written (``looked_at``), the second was written afterwards, in another manner
(``fresh``). EQUIVALENT must pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- hinge ------------------------------------------------------------------------------------------------------------------------------


def _tensors(real, fake, *, mistake=""):
    if mistake == "mean_first":
        critic = F.relu(1 - real.mean()) + F.relu(1 + fake.mean())
    elif mistake == "not_cut":
        critic = (1 - real).mean() + (1 + fake).mean()
    elif mistake == "joined":
        critic = torch.cat([F.relu(1 - real).flatten(), F.relu(1 + fake).flatten()]).mean()
    else:
        margin, sign = (0 if mistake == "no_margin" else 1), (-1 if mistake == "signs" else 1)
        off = F.relu(margin - sign * real), F.relu(margin + sign * fake)
        critic = sum(o.sum() if mistake == "summed" else o.mean() for o in off)
    if mistake == "generator_hinged":
        return critic, F.relu(1 - fake).mean()
    return critic, fake.mean() if mistake == "generator_sign" else -fake.mean()


def _lists(real, fake, *, mistake=""):
    """Number by number."""
    if mistake == "mean_first":  # a picture's patches are joined first
        real, fake = real.flatten(1).mean(1), fake.flatten(1).mean(1)
    r, f = real.flatten().tolist(), fake.flatten().tolist()
    if mistake == "signs":
        r, f = [-s for s in r], [-s for s in f]
    margin = 0.0 if mistake == "no_margin" else 1.0
    floor = -math.inf if mistake == "not_cut" else 0.0
    of_real, of_fake = (sum(max(floor, margin + sign * s) for s in scores) for sign, scores in ((-1, r), (1, f)))
    critic = of_real / len(r) + of_fake / len(f)
    critic = {"summed": of_real + of_fake, "joined": critic / 2}.get(mistake, critic)
    if mistake == "generator_hinged":
        return critic, sum(max(0.0, 1.0 - s) for s in f) / len(f)
    mean = sum(fake.flatten().tolist()) / fake.numel()
    return critic, mean if mistake == "generator_sign" else -sum(fake.flatten().tolist()) if mistake == "summed" else -mean


# --- normalised -------------------------------------------------------------------------------------------------------------------------


def _matrices(weight, u, rounds, *, mistake=""):
    W = weight.reshape(-1, len(weight)).T if mistake == "scrambled" else weight.flatten(1)
    came = u
    for _ in range({"rounds_ignored": 1, "one_off": rounds + 1}.get(mistake, rounds)):
        old = u
        v = W.T @ u if mistake == "squared" else F.normalize(W.T @ u, dim=0)
        u = F.normalize(W @ v, dim=0)
    if mistake == "squared":  # v was never brought to length 1, nor the u that came in
        v = W.T @ old
    sigma = F.normalize(old, dim=0) @ W @ v if mistake == "stale" else u @ W @ v
    if mistake == "frobenius":
        sigma = weight.norm()
    elif mistake == "largest_entry":
        sigma = weight.abs().max()
    return weight / sigma, came if mistake == "old_u" else u


def _sums(weight, u, rounds, *, mistake=""):
    """In NumPy, with the lengths by hand; sigma as the length of W v."""
    w = weight.double().numpy()
    table = np.moveaxis(w, 1, 0).reshape(len(w), -1) if mistake == "scrambled" else w.reshape(len(w), -1)
    last = u.double().numpy()
    start, made = last, 0
    while True:
        before = last / math.sqrt((last**2).sum())
        v = (table * before[:, None]).sum(0)
        v /= math.sqrt((v**2).sum())
        y = (table * v).sum(1)
        sigma = math.sqrt((y**2).sum())
        last, made = y / sigma, made + 1
        if mistake == "rounds_ignored" or made >= rounds + (mistake == "one_off"):
            break
    largest, squares = np.abs(w).max(), math.sqrt((w**2).sum())
    sigma = {"frobenius": squares, "largest_entry": largest, "squared": sigma**2, "stale": (before * y).sum()}.get(mistake, sigma)
    return w / sigma, start / math.sqrt((start**2).sum()) if mistake == "old_u" else last


# --- gradient_penalty -------------------------------------------------------------------------------------------------------------------


def rate(x, weight):
    """The critic of the exercise."""
    straight, bent = weight
    return (straight * x + bent * x**2 / 2).sum((1, 2, 3))


def found(weight, real, fake, share):
    """The penalty and its gradient by the weights, as they were found: three bugs."""
    weight = weight.clone().requires_grad_()
    between = (real + share[0] * (fake - real)).requires_grad_()
    (slope,) = torch.autograd.grad(rate(between, weight).mean(), between, create_graph=True)
    penalty = (slope.norm(dim=1) - 1).square().mean()
    (by_weight,) = torch.autograd.grad(penalty, weight)
    return penalty.detach(), by_weight


def _autograd(weight, real, fake, share, *, mistake=""):
    weight = weight.clone().requires_grad_()
    t = share.reshape(-1, 1, 1, 1)
    t = {"one_share": t[:1], "swapped_ends": 1 - t, "at_one_end": t * 0}.get(mistake, t)
    x = (real + t * (fake - real)).requires_grad_()
    scores = rate(x, weight)
    scores = scores.mean() if mistake == "mean_of_scores" else scores.sum()
    (slope,) = torch.autograd.grad(scores, x, create_graph=mistake != "no_graph")
    norm = {"part_of_picture": lambda: slope.norm(dim=1), "whole_batch": slope.norm}.get(mistake, lambda: slope.flatten(1).norm(dim=1))()
    off = {"squared_norm": norm**2 - 1, "zero_centred": norm, "one_sided": F.relu(norm - 1)}.get(mistake, norm - 1).square()
    penalty = off.sum() if mistake == "summed" else off.mean()
    (by_weight,) = torch.autograd.grad(penalty, weight)
    return penalty.detach(), by_weight


def _by_hand(weight, real, fake, share, *, mistake=""):
    """Derivatives of this critic by hand; only the last one by PyTorch, in double precision."""
    w = weight.double().requires_grad_()
    total, lengths, count = 0, [], len(real)
    for i, t in enumerate(share.tolist()):
        t = {"one_share": share.mean().item(), "swapped_ends": 1 - t, "at_one_end": 1.0}.get(mistake, t)
        at = real[i].double() * (1 - t) + fake[i].double() * t
        slope = w[0] + w[1] * at
        if mistake == "mean_of_scores":
            slope = slope / count
        if mistake == "no_graph":
            slope = slope.detach()
        lengths.append(slope if mistake == "whole_batch" else (slope**2).sum((1, 2)).sqrt() if mistake == "part_of_picture" else (slope**2).sum() ** 0.5)
    if mistake == "whole_batch":
        lengths = [torch.stack(lengths).pow(2).sum(0).sqrt()]
    lengths = torch.stack(lengths)
    if mistake == "squared_norm":
        lengths = lengths**2
    if mistake == "one_sided":
        lengths = lengths.clamp(min=1)
    target = 0 if mistake == "zero_centred" else 1
    total = ((lengths - target) ** 2).sum() / (1 if mistake == "summed" else lengths.numel())
    if total.requires_grad:
        total.backward()
    return total.item(), torch.zeros_like(weight) if w.grad is None else w.grad


_PENALTY = [
    "whole_batch", "mean_of_scores", "one_share", "swapped_ends", "at_one_end", "squared_norm", "zero_centred", "one_sided", "summed", "no_graph",
]  # fmt: skip

# --- sees_hole --------------------------------------------------------------------------------------------------------------------------


def _pools(mask, layers, *, mistake=""):
    """The hole goes through the layers."""
    seen = (mask if mistake == "inverted" else 1 - mask)[None, None]
    step = 2**layers
    if mistake == "wholly_hole":
        known = mask[None, None]
        for _ in range(layers):
            known = F.max_pool2d(known, 5, 2, 2)
        return 1 - known[0, 0]
    if mistake == "own_block":
        return F.max_pool2d(seen, step, step, ceil_mode=True)[0, 0]
    if mistake == "from_corner":
        field = 1 + 4 * (step - 1)
        return F.max_pool2d(F.pad(seen, (0, field - 1, 0, field - 1)), field, step)[0, 0]
    if mistake == "one_kernel":
        return F.max_pool2d(seen, 5, step, 2)[0, 0]
    if mistake == "linear":
        return F.max_pool2d(seen, 1 + 4 * layers, step, 2 * layers)[0, 0]
    kernel = 3 if mistake == "three" else 5
    for _ in range(1 if mistake == "one_layer" else layers):
        seen = F.max_pool2d(seen, kernel, stride=2, padding=kernel // 2)
    return seen[0, 0]


def _ranges(mask, layers, *, mistake=""):
    """For each score the first and the last row and column that it sees, layer by layer back to the picture."""
    rows, columns = mask.shape
    layers = 1 if mistake == "one_layer" else layers
    reach = 1 if mistake == "three" else 2

    def span(i, side):
        low = high = i
        if mistake in ("own_block", "one_kernel", "linear"):
            i *= 2**layers
            far = {"one_kernel": (-2, 2), "linear": (-2 * layers, 2 * layers)}.get(mistake, (0, 2**layers - 1))
            low, high = i + far[0], i + far[1]
        else:
            for _ in range(layers):
                low, high = (2 * low, 2 * high + 4) if mistake == "from_corner" else (2 * low - reach, 2 * high + reach)
        return range(max(0, low), min(side - 1, high) + 1)

    down, across = rows, columns
    for _ in range(layers):
        down, across = (down + 1) // 2, (across + 1) // 2
    answer = torch.zeros(down, across, dtype=torch.bool)
    for i in range(down):
        for j in range(across):
            values = [mask[r, c].item() == 0 for r in span(i, rows) for c in span(j, columns)]
            answer[i, j] = not any(values) if mistake == "inverted" else all(values) if mistake == "wholly_hole" else any(values)
    return answer


MUTANTS = {
    "patch_gan/hinge": _pairs(["mean_first", "signs", "not_cut", "no_margin", "summed", "joined", "generator_hinged", "generator_sign"], _tensors, _lists),
    "patch_gan/normalised": _pairs(["frobenius", "largest_entry", "scrambled", "squared", "stale", "old_u", "rounds_ignored", "one_off"], _matrices, _sums),
    "patch_gan/gradient_penalty": {"part_of_picture": Pair(found, partial(_by_hand, mistake="part_of_picture"))} | _pairs(_PENALTY, _autograd, _by_hand),
    "patch_gan/sees_hole": _pairs(
        ["inverted", "wholly_hole", "one_layer", "own_block", "from_corner", "three", "one_kernel", "linear"], _pools, _ranges
    ),
}

EQUIVALENT = {
    "patch_gan/hinge": [
        _tensors,
        _lists,
        lambda real, fake: [part.bfloat16() for part in _tensors(real.double(), fake.double())],
        lambda real, fake: torch.stack(_tensors(real, fake)),
    ],
    "patch_gan/normalised": [
        _matrices,
        _sums,
        lambda weight, u, rounds: tuple(part.numpy() for part in _matrices(weight.double(), u.double(), rounds)),
        lambda *a: [_matrices(*a)[0].transpose(0, 1).contiguous().transpose(0, 1), _matrices(*a)[1].tolist()],
    ],
    "patch_gan/gradient_penalty": [
        _autograd,
        _by_hand,
        lambda *a: [part.float() for part in _autograd(*(x.double() for x in a))],
        lambda *a: (_by_hand(*a)[0], _by_hand(*a)[1].numpy()),
    ],
    "patch_gan/sees_hole": [
        _pools,
        _ranges,
        lambda mask, layers: F.max_pool2d(1 - mask[None, None], 4 * 2**layers - 3, 2**layers, 2 * 2**layers - 2)[0, 0].int(),
        lambda mask, layers: _ranges(mask, layers).T.contiguous().T.numpy(),
    ],
}
