"""Named wrong solutions of the unit ``context_encoder``, two for each misconception, and right ones written unlike the solution.

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
from torch import nn

from course.checks.mutant import Pair


def _pairs(names: list[str], looked_at: Callable[..., Any], fresh: Callable[..., Any]) -> dict[str, Pair]:
    return {name: Pair(partial(looked_at, mistake=name), partial(fresh, mistake=name)) for name in names}


# --- slopes -----------------------------------------------------------------------------------------------------------------------------


def _vectors(scores, *, mistake=""):
    probability = torch.exp(scores) / (1 + torch.exp(scores)) if mistake == "overflow" else torch.sigmoid(scores)
    game, practice = -probability, probability - 1
    if mistake == "swapped":
        return practice / len(scores), game / len(scores)
    if mistake == "sign":
        return -game, -practice
    if mistake == "by_probability":
        return -1 / (1 - probability.double()), -1 / probability.double()
    if mistake == "the_losses":
        return -F.softplus(scores), F.softplus(-scores)
    n = 1 if mistake == "summed" else len(scores)
    return (game / n, game / n) if mistake == "the_same" else (game / n, practice / n)


def _one_by_one(scores, *, mistake=""):
    """Number by number, from the exponential function alone."""
    first, second = [], []
    for s in scores.double().tolist():
        small = math.exp(-abs(s))
        d = 1 / (1 + small) if s >= 0 else small / (1 + small)
        rest = small / (1 + small) if s >= 0 else 1 / (1 + small)  # 1 - d
        if mistake == "overflow" and s > 88:
            d = rest = math.nan
        game, practice = -d, -rest
        if mistake == "by_probability":
            game, practice = -1 / (1 - d) if d < 1 else -math.inf, -1 / d
        if mistake == "the_losses":
            game, practice = -max(s, 0.0) - math.log1p(small), max(-s, 0.0) + math.log1p(small)
        practice = -practice if mistake == "sign" else practice
        game = practice if mistake == "the_same" else game
        if mistake == "swapped":
            game, practice = practice, game
        n = 1 if mistake == "summed" else len(scores)
        first.append(game / n)
        second.append(practice / n)
    return np.array(first), np.array(second)


# --- joint_loss -------------------------------------------------------------------------------------------------------------------------


def found(patch, truth, scores, band=4):
    """Both terms, as they were found: three bugs."""
    w = torch.ones(patch.shape[-2:])
    w[:band] += 9
    w[patch.shape[-2] - band :] += 9
    w[:, :band] += 9
    w[:, patch.shape[-1] - band :] += 9
    reconstruction = (w * (patch - truth) ** 2).sum()
    adversarial = torch.log(1 - torch.sigmoid(scores)).mean()
    return 0.999 * reconstruction, 0.001 * adversarial


def _map(patch, truth, scores, band=4, *, mistake=""):
    """A map of weights."""
    rows, columns = patch.shape[-2:]
    inside = torch.zeros(rows, columns, dtype=torch.bool)
    inside[band : rows - band, band : columns - band] = True
    if mistake == "one_way":
        inside[:, :] = False
        inside[band : rows - band] = True
    w = torch.where(inside, 10.0, 1.0) if mistake == "inverted" else torch.where(inside, 1.0, 10.0)
    error = patch - truth
    square = (w * error) ** 2 if mistake == "weight_squared" else w * error**2
    reconstruction = square.sum() if mistake == "summed" else square.mean()
    if mistake == "by_weights":
        reconstruction = square.sum() / w.expand_as(square).sum()
    adversarial = F.softplus(-scores).mean()
    if mistake == "log_one_minus":
        adversarial = -F.softplus(scores).mean()
    if mistake == "critics_side":
        adversarial = F.softplus(scores).mean()
    if mistake == "overflow":
        adversarial = -torch.log(torch.sigmoid(scores.float())).mean()
    return 0.999 * reconstruction, 0.001 * adversarial


def _two_sums(patch, truth, scores, band=4, *, mistake=""):
    """One for everything, nine more for what is not inside; picture by picture."""
    total, weights = 0.0, 0.0
    side = patch.shape[-1]
    for p, t in zip(patch.double(), truth.double(), strict=True):
        square = (p - t).square()
        middle = square[:, band : side - band, band : side - band]
        rim = square.sum() - middle.sum()
        if mistake == "corners_twice":
            high = square.sum() - square[:, band : side - band].sum()
            wide = square.sum() - square[..., band : side - band].sum()
            total += square.sum() + 9 * high + 9 * wide
        elif mistake == "one_way":
            total += square.sum() + 9 * (square.sum() - square[..., band : side - band].sum())
        elif mistake == "inverted":
            total += 10 * middle.sum() + rim
        elif mistake == "weight_squared":
            total += middle.sum() + 100 * rim
        else:
            total += middle.sum() + 10 * rim
        weights += middle.numel() + 10 * (square.numel() - middle.numel())
    terms = [math.log1p(math.exp(-abs(s))) + max(-s, 0.0) for s in scores.flatten().tolist()]  # -log D
    if mistake == "log_one_minus":
        terms = [-(math.log1p(math.exp(-abs(s))) + max(s, 0.0)) for s in scores.flatten().tolist()]
    if mistake == "critics_side":
        terms = [-term for term in terms]
    if mistake == "overflow":
        terms = (-np.log(1 / (1 + np.exp(-scores.numpy())))).flatten().tolist()
    share = {"summed": len(patch), "by_weights": weights}.get(mistake, patch.numel())
    return 0.999 * float(total) / float(share), 0.001 * sum(terms) / len(terms)


_JOINT = ["inverted", "one_way", "weight_squared", "by_weights", "summed", "log_one_minus", "critics_side", "overflow"]

# --- train_step -------------------------------------------------------------------------------------------------------------------------


def _with_optimisers(mistake=""):
    """Two optimisers, made anew at each step."""

    def train_step(generator, critic, known, real, lr):
        move_critic = torch.optim.SGD(critic.parameters(), lr=lr)
        both = [*generator.parameters(), *critic.parameters()]
        move_generator = torch.optim.SGD(both if mistake == "critic_helps" else generator.parameters(), lr=lr)
        filled = generator(known)
        if mistake == "not_detached":
            move_critic.zero_grad()
            move_generator.zero_grad()
        on_real, on_filled = critic(real), critic(filled if mistake == "not_detached" else filled.detach())
        if mistake == "labels_swapped":
            on_real, on_filled = -on_real, -on_filled
        loss_critic = F.softplus(-on_real).mean() + F.softplus(on_filled).mean()
        if mistake == "halved":
            loss_critic = loss_critic / 2
        if mistake == "old_scores":
            old = torch.autograd.grad(F.softplus(-critic(filled)).mean(), list(generator.parameters()))
            said = F.softplus(-critic(filled)).mean().item()
        if mistake not in ("not_cleared", "not_detached"):
            move_critic.zero_grad()
        loss_critic.backward(retain_graph=True)
        move_critic.step()
        if mistake == "old_scores":
            for p, g in zip(generator.parameters(), old, strict=True):
                p.grad = g
            move_generator.step()
            return loss_critic.item(), said
        score = critic(filled)
        loss = -F.softplus(score).mean() if mistake == "saturating" else F.softplus(-score).mean()
        if mistake not in ("not_cleared", "not_detached"):
            move_generator.zero_grad()
        loss.backward()
        move_generator.step()
        return loss_critic.item(), loss.item()

    return train_step


def _by_hand(mistake=""):
    """Gradients asked for by name, moves written out; binary cross entropy with labels."""

    def move(parameters, gradients, lr):
        with torch.no_grad():
            for p, g in zip(parameters, gradients, strict=True):
                p -= lr * g

    def kept(parameters, gradients):
        """Added to what is there, as PyTorch does where nobody clears."""
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g.clone() if p.grad is None else p.grad + g
        return [p.grad for p in parameters]

    def train_step(generator, critic, known, real, lr):
        ours, theirs = list(generator.parameters()), list(critic.parameters())
        filled = generator(known)
        scores = torch.cat([critic(real), critic(filled)])
        labels = torch.cat([torch.ones(len(real), 1), torch.zeros(len(real), 1)]).to(scores.dtype)
        labels = 1 - labels if mistake == "labels_swapped" else labels
        loss_critic = F.binary_cross_entropy_with_logits(scores, labels) * (1 if mistake == "halved" else 2)
        gradients = torch.autograd.grad(loss_critic, theirs, retain_graph=True)
        leaked = torch.autograd.grad(loss_critic, ours, retain_graph=True)
        one = torch.ones(len(real), 1, dtype=scores.dtype)
        before = nn.functional.binary_cross_entropy_with_logits(critic(filled), one)
        stale = torch.autograd.grad(before, ours, retain_graph=True)
        move(theirs, kept(theirs, gradients) if mistake == "not_cleared" else gradients, lr)
        score = critic(filled)
        loss = torch.log(1 - torch.sigmoid(score)).mean() if mistake == "saturating" else F.binary_cross_entropy_with_logits(score, one)
        wanted, also = (torch.autograd.grad(loss, part, retain_graph=True) for part in (ours, theirs))
        if mistake == "old_scores":
            loss, wanted = before, stale
        if mistake == "not_detached":
            wanted = [a + b for a, b in zip(wanted, leaked, strict=True)]
        if mistake == "not_cleared":
            wanted = kept(ours, wanted)
            kept(theirs, also)
        move(ours, wanted, lr)
        if mistake == "critic_helps":
            move(theirs, also, lr)
        return float(loss_critic.detach()), float(loss.detach())

    return train_step


_STEP = ["not_cleared", "not_detached", "labels_swapped", "saturating", "old_scores", "halved", "critic_helps"]

# --- critic_has_won ---------------------------------------------------------------------------------------------------------------------


def _count(real, filled, patience=3, *, mistake=""):
    line, in_a_row = 1.0 if mistake == "only_perfect" else 0.99, 0
    for row, (a, b) in enumerate(zip(real.tolist(), filled.tolist(), strict=True)):
        value = {"either": max(a, b), "one_of_them": a, "mean": (a + b) / 2}.get(mistake, min(a, b))
        if value >= line:
            in_a_row += 1
        elif mistake != "not_in_a_row":
            in_a_row = 0
        if in_a_row == patience + (mistake == "patience_off") and in_a_row:
            return row + {"start": 1 - patience, "counted_from_1": 1}.get(mistake, 0)
    return -1


def _text(real, filled, patience=3, *, mistake=""):
    """Good rows as a text of ones, searched for a run of them."""
    a, b = real.numpy(), filled.numpy()
    good = {
        "either": (a >= 0.99) | (b >= 0.99),
        "one_of_them": b >= 0.99,
        "mean": (a.astype(float) + b) / 2 >= 0.99,
        "only_perfect": (a == 1) & (b == 1),
    }.get(mistake, (a >= 0.99) & (b >= 0.99))
    if mistake == "not_in_a_row":
        places = np.flatnonzero(good)
        return int(places[patience - 1]) if len(places) >= patience else -1
    length = patience + 1 if mistake == "patience_off" else patience
    start = "".join("1" if g else "0" for g in good).find("1" * length)
    if start < 0:
        return -1
    return start if mistake == "start" else start + length - (0 if mistake == "counted_from_1" else 1)


_WON = ["either", "one_of_them", "not_in_a_row", "start", "counted_from_1", "patience_off", "only_perfect", "mean"]

MUTANTS = {
    "context_encoder/slopes": _pairs(["summed", "swapped", "sign", "by_probability", "the_losses", "the_same", "overflow"], _vectors, _one_by_one),
    "context_encoder/joint_loss": {"corners_twice": Pair(found, partial(_two_sums, mistake="corners_twice"))} | _pairs(_JOINT, _map, _two_sums),
    "context_encoder/train_step": {name: Pair(_with_optimisers(name), _by_hand(name)) for name in _STEP},
    "context_encoder/critic_has_won": _pairs(_WON, _count, _text),
}

EQUIVALENT = {
    "context_encoder/slopes": [_vectors, _one_by_one, lambda s: [-torch.sigmoid(s).numpy() / s.numel(), -torch.sigmoid(-s) / s.numel()], lambda s: [x.float() for x in _vectors(s.double())]],
    "context_encoder/joint_loss": [_map, _two_sums, lambda *a, **k: [torch.tensor(x) for x in _two_sums(*a, **k)], lambda *a, **k: tuple(float(x) for x in _map(*a, **k))],
    "context_encoder/train_step": [
        _with_optimisers(),
        _by_hand(),
        lambda *a: [torch.tensor(x) for x in _with_optimisers()(*a)],
        lambda *a: np.array(_by_hand()(*a)).tolist(),
    ],
    "context_encoder/critic_has_won": [_count, _text, lambda *a, **k: float(_count(*a, **k)), lambda *a, **k: torch.tensor(_text(*a, **k))],
}
