"""What the tasks of the unit ``context_encoder`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from course.checks import modules
from course.checks.answer import NotAnAnswer
from course.checks.cases import pixels, tensors, weights
from course.checks.task import Case

_real = torch.Generator().manual_seed(5)  # for the few cases with numbers that are not whole


def _randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=_real)


def sigmoid(z: Any) -> Any:
    """Without overflow, for any NumPy array."""
    return np.exp(-np.logaddexp(0, -z))


# --- slopes -----------------------------------------------------------------------------------------------------------------------------


def derived(scores: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """By a quotient of differences, in double precision: the losses themselves are easy to trust."""
    s, h = scores.double().numpy(), 1e-5
    game, practice = (lambda z: -np.logaddexp(0, z)), (lambda z: np.logaddexp(0, -z))
    return (game(s + h) - game(s - h)) / (2 * h) / len(s), (practice(s + h) - practice(s - h)) / (2 * h) / len(s)


@st.composite
def scores(draw: st.DrawFn) -> Case:
    return Case({"scores": draw(weights(draw(st.integers(2, 5))))})


SCORES = [
    Case({"scores": torch.tensor([-3.0, -1, 0, 1, 3])}, "scores of both signs"),
    Case({"scores": torch.tensor([0.0, 1])}, "undecided, and nearly so"),
    Case({"scores": torch.tensor([-200.0, 200])}, "very sure"),
    Case({"scores": _randn(6)}, "real numbers"),
]

# --- joint_loss -------------------------------------------------------------------------------------------------------------------------


def joint(patch: Tensor, truth: Tensor, scores: Tensor, band: int = 4) -> tuple[float, float]:
    """Pixel by pixel: how far from the nearest edge?"""
    p, t = patch.double().numpy(), truth.double().numpy()
    rows, columns = p.shape[-2:]
    total = 0.0
    for i, j in np.ndindex(rows, columns):
        edge = min(i, j, rows - 1 - i, columns - 1 - j)
        total += (10 if edge < band else 1) * ((p[..., i, j] - t[..., i, j]) ** 2).sum()
    return 0.999 * total / p.size, 0.001 * float(np.logaddexp(0, -scores.double().numpy()).mean())


@st.composite
def patches(draw: st.DrawFn) -> Case:
    batch, side = draw(st.integers(1, 2)), draw(st.integers(1, 3)) * 2
    shape = (batch, 3, side, side)
    arguments = {"patch": draw(pixels(*shape)), "truth": draw(pixels(*shape)), "scores": draw(weights(batch, 1))}
    return Case({**arguments, "band": draw(st.integers(0, side // 2))})


def _patch(shape: tuple[int, ...], scores: list[float], note: str, **options: int) -> Case:
    return Case({"patch": _randn(*shape), "truth": _randn(*shape), "scores": torch.tensor(scores)[:, None], **options}, note)


PATCHES = [
    Case({"patch": torch.full((1, 3, 4, 4), 2.0), "truth": torch.zeros(1, 3, 4, 4), "scores": torch.tensor([[1.0]]), "band": 1}, "off by 2 everywhere"),
    _patch((1, 3, 4, 4), [-2.0], "no band", band=0),
    _patch((1, 3, 4, 4), [2.0], "nothing but band", band=2),
    _patch((2, 3, 6, 6), [-1.0, 3.0], "two patches", band=2),
    _patch((2, 3, 16, 16), [0.5, -4.0], "a band of 4, as by default"),
    _patch((1, 3, 4, 4), [-200.0], "seen through", band=1),
    _patch((1, 3, 4, 4), [200.0], "taken for real", band=1),
]

# --- train_step -------------------------------------------------------------------------------------------------------------------------


class Generator(nn.Module):
    """The generator that the exercise gives."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, known: Tensor) -> Tensor:
        return torch.tanh(self.layer(known))


class Critic(nn.Module):
    """The critic that the exercise gives."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layer(pixels)


def ask_step(ask: Any, known: Tensor, real: Tensor, lr: float, generator: Tensor, critic: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both networks with these parameters, as many steps as there are batches; the losses, and the parameters afterwards."""
    players = [
        ask.made_by(name).load({"layer.weight": table[:, :2], "layer.bias": table[:, 2]})
        for name, table in (("Generator", generator), ("Critic", critic))
    ]
    said, (state, critic_state) = ask.steps(players, [[k.double(), r.double(), lr] for k, r in zip(known, real, strict=True)])
    losses = []
    for pair in said:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise NotAnAnswer("Your step must return two numbers: `return loss_critic.item(), loss_generator.item()`.")
        losses.append([torch.as_tensor(value).detach().double().mean() for value in pair])
    of_critic, of_generator = (
        torch.cat([torch.as_tensor(s["layer.weight"]), torch.as_tensor(s["layer.bias"])[:, None]], dim=1) for s in (critic_state, state)
    )
    return torch.tensor(losses, dtype=torch.float64), of_critic, of_generator


def played(known: Tensor, real: Tensor, lr: float, generator: Tensor, critic: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives by hand, in NumPy: no autograd."""
    modules.prepare()
    g, c, losses = generator.double().numpy().copy(), critic.double().numpy().copy(), []
    for k, r in zip(known.double().numpy(), real.double().numpy(), strict=True):
        ones = np.ones((len(k), 1))
        k1, r1 = np.hstack([k, ones]), np.hstack([r, ones])
        f = np.tanh(k1 @ g.T)
        f1 = np.hstack([f, ones])
        on_real, on_filled = r1 @ c.T, f1 @ c.T
        loss_critic = np.logaddexp(0, -on_real).mean() + np.logaddexp(0, on_filled).mean()
        c = c - lr * ((-sigmoid(-on_real)).T @ r1 + sigmoid(on_filled).T @ f1) / len(k)
        score = f1 @ c.T  # in the eyes of the critic as it now is
        to_filled = (-sigmoid(-score)) @ c[:, :2] / len(k)
        g = g - lr * (to_filled * (1 - f**2)).T @ k1
        losses.append([loss_critic, np.logaddexp(0, -score).mean()])
    return np.array(losses), c, g


def _fractions(*shape: int) -> st.SearchStrategy[Tensor]:
    """Halves from -1.5 to 1.5: no score so large that every slope is 0."""
    return tensors(shape, (0, 1, -1, 2, -2, 3, -3)).map(lambda t: t / 2)


@st.composite
def games(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 3))
    arguments = {"known": draw(_fractions(2, count, 2)), "real": draw(_fractions(2, count, 2)), "lr": draw(st.sampled_from([0.5, 1.0]))}
    return Case({**arguments, "generator": draw(_fractions(2, 3)), "critic": draw(_fractions(1, 3))})


def _game(count: int, note: str, lr: float = 0.5) -> Case:
    arguments = {"known": _randn(2, count, 2), "real": _randn(2, count, 2), "lr": lr, "generator": _randn(2, 3), "critic": _randn(1, 3)}
    return Case(arguments, note)


GAMES = [
    Case(
        {
            "known": torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]),
            "real": torch.tensor([[[1.0, 1.0]], [[1.0, 0.5]]]),
            "lr": 1.0,
            "generator": torch.tensor([[0.5, -1.0, 0.0], [1.0, 0.5, 0.5]]),
            "critic": torch.tensor([[1.0, -0.5, 0.0]]),
        },
        "one hole a step",
    ),
    _game(3, "three holes a step"),
    _game(4, "a small learning rate", lr=0.1),
    _game(2, "a large learning rate", lr=2.0),
    _game(5, "five holes a step", lr=1.0),
]

# --- critic_has_won ---------------------------------------------------------------------------------------------------------------------


def searched(real: Tensor, filled: Tensor, patience: int = 3) -> int:
    """Every window of that length, looked at as a whole."""
    good = torch.minimum(real.double(), filled.double()).numpy() >= 0.99 - 1e-9
    ends = [end for end in range(patience - 1, len(good)) if good[end - patience + 1 : end + 1].all()]
    return ends[0] if ends else -1


_SHARES = (1.0, 0.5, 1.0, 0.75, 1.0)


def _shares(count: int) -> st.SearchStrategy[Tensor]:
    return tensors((count,), tuple(range(5))).map(lambda t: torch.tensor([_SHARES[int(i)] for i in t]))


@st.composite
def histories(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 12))
    return Case({"real": draw(_shares(count)), "filled": draw(_shares(count)), "patience": draw(st.integers(1, 3))})


def _history(real: list[float], filled: list[float], note: str, **options: int) -> Case:
    return Case({"real": torch.tensor(real), "filled": torch.tensor(filled), **options}, note)


HISTORIES = [
    _history([0.5, 1, 1, 1, 1], [1, 0.8, 1, 1, 1], "won at the end"),
    _history([1, 1, 1], [0.5, 0.5, 0.5], "right on real ones only", patience=2),
    _history([0.5, 0.5, 0.5], [1, 1, 1], "right on filled ones only", patience=2),
    _history([1, 1, 0.5, 1, 1], [1, 1, 1, 1, 1], "never three in a row"),
    _history([1, 1, 0.5, 1, 1], [1, 1, 1, 1, 1], "two in a row", patience=2),
    _history([0.98, 0.98, 1], [1, 1, 1], "a little below the line", patience=1),
    _history([0.5, 1, 1], [0.5, 1, 1], "two rows are not enough"),
    _history([0.9921875, 0.9921875], [1, 1], "127 of 128 is above the line", patience=2),
    _history([1], [1], "a single row", patience=1),
]
