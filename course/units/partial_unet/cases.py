"""What the tasks of the unit ``partial_unet`` are asked, and the right answers: random cases, corner cases, oracles."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from course.checks.cases import masks, pixels, ramp, tensors, weights
from course.checks.task import Case
from inpaintlib.layers import partial_conv2d

_real = torch.Generator().manual_seed(8)  # for the few cases with numbers that are not whole
BOTH_SIGNS = (0.0, 1.0, -1.0, 0.5, -0.5)  # an image as the network gets it
POSITIVE = (0.0, 1.0, 0.5, 0.25, 0.75)  # a picture out of a sigmoid


def _mask(*rows: str) -> Tensor:
    """A mask drawn in text: ``#`` is a hole."""
    return torch.tensor([[0.0 if place == "#" else 1.0 for place in row] for row in rows])


# --- parameters -------------------------------------------------------------------------------------------------------------------------


def counted(width: int) -> int:
    """The network is built, without content, and counted."""
    from inpaintlib.models.partial_unet import PartialUNet

    with torch.device("meta"):
        return sum(p.numel() for p in PartialUNet(width=width).parameters())


@st.composite
def widths(draw: st.DrawFn) -> Case:
    return Case({"width": draw(st.integers(1, 40))})


WIDTHS = [
    Case({"width": 32}, "the network of the slides"),
    Case({"width": 1}, "as narrow as it gets"),
    Case({"width": 8}, "a laptop's version"),
]

# --- merge ------------------------------------------------------------------------------------------------------------------------------


def library(x: Tensor, mask: Tensor, skip: Tensor, skip_mask: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The library's layer in double precision, with one mask for each half."""
    x, mask = (t.double().repeat_interleave(2, 2).repeat_interleave(2, 3) for t in (x, mask))
    groups = [(mask, x.shape[1]), (skip_mask.double(), skip.shape[1])]
    return partial_conv2d(torch.cat([x, skip.double()], 1), groups, weight.double(), bias.double(), padding=1)


def library_scale(x: Tensor, mask: Tensor, skip: Tensor, skip_mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The sum of the magnitudes of all products, times the factor."""
    return library(x.abs(), mask, skip.abs(), skip_mask, weight.abs(), bias.abs())[0]


@st.composite
def joints(draw: st.DrawFn) -> Case:
    batch, coarse, fine, cout = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    arguments = {
        "x": draw(pixels(batch, coarse, rows, columns)),
        "mask": draw(masks(batch, 1, rows, columns)),
        "skip": draw(pixels(batch, fine, 2 * rows, 2 * columns)),
        "skip_mask": draw(masks(batch, 1, 2 * rows, 2 * columns)),
        "weight": draw(weights(cout, coarse + fine, 3, 3)),
        "bias": draw(weights(cout)),
    }
    return Case(arguments)


def _joint(x: Tensor, mask: Tensor, skip: Tensor, skip_mask: Tensor, weight: Tensor, bias: list[float], note: str) -> Case:
    arguments = {"x": x, "mask": mask[None, None], "skip": skip, "skip_mask": skip_mask[None, None], "weight": weight}
    return Case({**arguments, "bias": torch.tensor(bias)}, note)


_hole = _mask("..##", "..##", "....", "....")
JOINTS = [
    _joint(ramp(1, 1, 1, 1), _mask("."), ramp(1, 1, 2, 2), _mask("#.", ".."), torch.ones(1, 2, 3, 3), [0.0], "the coarse half is known, the skip has a hole"),
    _joint(ramp(1, 3, 2, 2), torch.ones(2, 2), ramp(1, 1, 4, 4), _hole, ramp(1, 4, 3, 3), [0.0], "three coarse channels, one of the skip"),
    _joint(ramp(1, 1, 2, 2), _mask(".#", ".."), ramp(1, 2, 4, 4), 1 - _hole, ramp(2, 3, 3, 3), [1.0, -1.0], "both halves have holes, elsewhere"),
    _joint(ramp(1, 1, 2, 2), _mask("##", "##"), ramp(1, 1, 4, 4), _mask("####", "####", "####", "...."), ramp(1, 2, 3, 3), [2.0], "windows in which nothing is known, and a bias"),
    _joint(ramp(1, 2, 1, 1), _mask("."), ramp(1, 1, 2, 2), _mask("..", ".."), ramp(1, 3, 3, 3), [0.0], "no hole, but a border"),
    Case(
        {
            "x": torch.rand(2, 3, 2, 2, generator=_real),
            "mask": torch.stack([_mask("..", ".#"), _mask("..", "..")])[:, None],
            "skip": torch.rand(2, 2, 4, 4, generator=_real),
            "skip_mask": torch.stack([_hole, 1 - _hole])[:, None],
            "weight": torch.randn(2, 5, 3, 3, generator=_real),
            "bias": torch.tensor([0.25, -0.5]),
        },
        "real numbers, two images",
    ),
]

# --- fair_errors ------------------------------------------------------------------------------------------------------------------------


def by_selection(prediction: Tensor, image: Tensor, mask: Tensor) -> tuple[float, float]:
    """Pixels chosen by the mask, colour by colour, no product with it is taken."""
    target, known = (image.double() + 1) / 2, mask[0] > 0
    hole = ~known
    network = mean = 0.0
    for raw, right in zip(prediction.double(), target, strict=True):
        network += float((raw[hole] - right[hole]).square().sum())
        mean += float((right[known].mean() - right[hole]).square().sum())
    return network / image.numel(), mean / image.numel()


@st.composite
def comparisons(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    mask = draw(masks(1, rows, columns))
    mask[0, 0, 0] = 1.0  # a mean of nothing has no value
    shape = (3, rows, columns)
    return Case({"prediction": draw(tensors(shape, POSITIVE)), "image": draw(tensors(shape, BOTH_SIGNS)), "mask": mask})


_colours = torch.tensor([1.0, 0.0, -1.0])[:, None, None]
COMPARISONS = [
    Case(
        {"prediction": torch.full((3, 2, 2), 0.75), "image": _colours.expand(3, 2, 2).clone(), "mask": _mask("..", ".#")[None]},
        "an image of one colour: the mean fill is right, whatever the colour",
    ),
    Case(
        {"prediction": torch.full((3, 1, 2), 0.5), "image": torch.tensor([[[1.0, 0.0]]]).repeat(3, 1, 1), "mask": _mask(".#")[None]},
        "white is known, grey is not: the network says grey",
    ),
    Case(
        {"prediction": torch.full((3, 2, 2), 0.25), "image": torch.tensor([[[-1.0, -0.5], [0.5, 1.0]]]).repeat(3, 1, 1), "mask": _mask("#.", "..")[None]},
        "three of four pixels known",
    ),
    Case({"prediction": torch.ones(3, 2, 2), "image": -torch.ones(3, 2, 2), "mask": torch.ones(1, 2, 2)}, "no hole: nothing was filled, nothing is wrong"),
    Case(
        {
            "prediction": torch.rand(3, 4, 4, generator=_real),
            "image": 2 * torch.rand(3, 4, 4, generator=_real) - 1,
            "mask": _mask("....", ".##.", "..#.", "....")[None],
        },
        "real numbers",
    ),
]

# --- lowest_mse -------------------------------------------------------------------------------------------------------------------------


def clamped(target: Tensor, low: float, high: float) -> float:
    """The nearest picture that the output can be, and its error."""
    return float((target.double() - target.double().clamp(low, high)).square().mean())


@st.composite
def ranges(draw: st.DrawFn) -> Case:
    some = draw(tensors((1, draw(st.integers(1, 3))), (0.0, 2.0, -2.0, 1.0, -1.0, 0.5, -0.5, -1.5)))
    ends = torch.tensor([[draw(st.sampled_from([-2.0, -1.5])), draw(st.sampled_from([2.0, 3.0]))]])  # there is something out of reach on either side
    target = torch.cat([ends, some], 1)
    return Case({"target": target, "low": draw(st.sampled_from([0.0, -1.0])), "high": draw(st.sampled_from([1.0, 0.0, 0.5]))})


RANGES = [
    Case({"target": torch.tensor([[-1.0, 0.0, 0.5, 1.0]]), "low": 0.0, "high": 1.0}, "a sigmoid before a target in [-1, 1]"),
    Case({"target": torch.tensor([[-1.0, 0.0, 0.5, 1.0]]), "low": -1.0, "high": 1.0}, "tanh: all can be reached"),
    Case({"target": torch.tensor([[-0.5, 0.25, 2.0, 3.0]]), "low": 0.0, "high": 1.0}, "below and above"),
    Case({"target": torch.rand(3, 3, generator=_real) * 4 - 2, "low": 0.0, "high": 1.0}, "real numbers"),
]
