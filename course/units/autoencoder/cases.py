"""What the tasks of the unit ``autoencoder`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from course.checks.cases import pixels, tensors, weights
from course.checks.task import Case

_real = torch.Generator().manual_seed(4)  # for the few cases with numbers that are not whole

# --- conv_parameters --------------------------------------------------------------------------------------------------------------------


def counted_conv(cin: int, cout: int, kernel: int, bias: bool = True) -> int:
    """No formula: a layer is made and its numbers are counted."""
    return sum(p.numel() for p in nn.Conv2d(cin, cout, kernel, bias=bias, device="meta").parameters())


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    sizes = {"cin": draw(st.integers(1, 64)), "cout": draw(st.integers(1, 64)), "kernel": draw(st.integers(1, 7))}
    return Case({**sizes, "bias": draw(st.booleans())})


CONVOLUTIONS = [
    Case({"cin": 3, "cout": 32, "kernel": 3, "bias": True}, "the first layer of the U-Net"),
    Case({"cin": 1, "cout": 1, "kernel": 3, "bias": False}, "one kernel, no bias"),
    Case({"cin": 64, "cout": 3, "kernel": 1, "bias": True}, "a convolution of 1 x 1"),
    Case({"cin": 2, "cout": 5, "kernel": 5, "bias": True}, "a kernel of 5 x 5"),
]

# --- unet_parameters --------------------------------------------------------------------------------------------------------------------


def counted_unet(width: int, depth: int) -> int:
    """The network is built, without content, and counted."""
    from inpaintlib.models.vanilla_unet import VanillaUNet

    if 2 <= depth <= 5:
        with torch.device("meta"):
            return sum(p.numel() for p in VanillaUNet(depth=depth, width=width).parameters())
    raise ValueError(depth)


@st.composite
def networks(draw: st.DrawFn) -> Case:
    return Case({"width": draw(st.integers(1, 40)), "depth": draw(st.integers(2, 5))})


NETWORKS = [
    Case({"width": 32, "depth": 5}, "the network of two course projects"),
    Case({"width": 32, "depth": 2}, "one pooling"),
    Case({"width": 1, "depth": 2}, "as small as it gets"),
    Case({"width": 8, "depth": 4}, "a laptop's version"),
]

# --- adam_step --------------------------------------------------------------------------------------------------------------------------


def torch_adam(weight: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: int, lr: float) -> tuple[Tensor, Tensor, Tensor]:
    """One step of torch's own, from the given state, in double precision."""
    p = nn.Parameter(weight.double())
    p.grad = gradient.double()
    optimizer = torch.optim.Adam([p], lr=lr)
    optimizer.state[p] = {"step": torch.tensor(float(t - 1)), "exp_avg": m.double().clone(), "exp_avg_sq": v.double().clone()}
    optimizer.step()
    state = optimizer.state[p]
    return p.detach(), state["exp_avg"], state["exp_avg_sq"]


def adam_scale(weight: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: int, lr: float) -> float:
    largest = max(float(x.abs().max()) for x in (weight, gradient, m, v))
    return largest + lr


@st.composite
def steps(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 4))
    t = draw(st.integers(1, 5))
    start = t == 1  # before the first step both means are 0
    m = torch.zeros(count) if start else draw(weights(count)) / 2
    v = torch.zeros(count) if start else draw(tensors((count,), (1.0, 2.0, 0.25, 4.0)))
    gradient = draw(tensors((count,), (1.0, -1.0, 2.0, -2.0, 0.5)))
    return Case({"weight": draw(pixels(count)), "gradient": gradient, "m": m, "v": v, "t": t, "lr": draw(st.sampled_from([0.5, 0.25, 1.0]))})


def _step(weight: list[float], gradient: list[float], m: list[float], v: list[float], t: int, lr: float, note: str) -> Case:
    vectors = {"weight": weight, "gradient": gradient, "m": m, "v": v}
    return Case({**{name: torch.tensor(values) for name, values in vectors.items()}, "t": t, "lr": lr}, note)


STEPS = [
    _step([1.0, 1.0], [2.0, -0.01], [0.0, 0.0], [0.0, 0.0], 1, 0.5, "the first step: every weight moves by about the learning rate"),
    _step([0.0], [1.0], [0.5], [0.25], 10, 1.0, "the tenth step"),
    _step([3.0], [0.5], [1.0], [4.0], 1000, 0.25, "after a thousand steps the corrections are nearly 1"),
    _step([2.0, 5.0], [0.0, 1.0], [1.0, -1.0], [1.0, 1.0], 2, 1.0, "a derivative of 0: the running mean still moves the weight"),
    Case(
        {
            "weight": torch.randn(5, generator=_real),
            "gradient": torch.randn(5, generator=_real),
            "m": torch.randn(5, generator=_real) / 4,
            "v": torch.rand(5, generator=_real) + 0.1,
            "t": 3,
            "lr": 0.1,
        },
        "real numbers",
    ),
]

# --- best_epoch -------------------------------------------------------------------------------------------------------------------------


def patient(losses: Tensor, patience: int) -> tuple[int, int]:
    """By cumulative minima: where each was reached, and the first epoch whose minimum is ``patience`` epochs old."""
    best = [int(losses[: n + 1].argmin()) for n in range(len(losses))]
    for now, where in enumerate(best):
        if now - where >= patience:
            return where, now
    return best[-1], len(losses) - 1


@st.composite
def curves(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 8))
    losses = torch.tensor(draw(st.lists(st.integers(1, 99), min_size=count, max_size=count, unique=True)), dtype=torch.float32)
    return Case({"losses": losses, "patience": draw(st.integers(1, 4))})


def _curve(*losses: float, patience: int, note: str) -> Case:
    return Case({"losses": torch.tensor(losses), "patience": patience}, note)


CURVES = [
    _curve(5.0, 3.0, 2.0, 4.0, 6.0, 1.0, patience=2, note="the best comes after the end of patience"),
    _curve(9.0, 8.0, 7.0, 6.0, patience=2, note="still falling when training ends"),
    _curve(5.0, 6.0, 4.0, 7.0, 3.0, 8.0, 9.0, patience=2, note="it rises for a moment, and falls on"),
    _curve(1.0, 2.0, 3.0, 4.0, 5.0, patience=3, note="the first epoch was the best"),
    _curve(4.0, patience=1, note="a single epoch"),
]
