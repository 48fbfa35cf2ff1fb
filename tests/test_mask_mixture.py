"""Mixtures of mask families: shares, chance, order, and what a command line may say."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from inpaintlib import masks


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def known_rows(count, size, *, generator=None, device=None):
    """Holes in the left half only, from chance."""
    height, width = (size, size) if isinstance(size, int) else size
    mask = torch.ones(count, 1, height, width, dtype=torch.uint8)
    mask[..., : width // 2] = torch.randint(2, (count, 1, height, width // 2), generator=generator).to(torch.uint8)
    mask[..., 0, 0], mask[..., 1, 0] = 0, 1
    return mask


def is_centre(mask):
    return (mask == masks.center_box(1, mask.shape[-1])).flatten(1).all(1)


def test_shares_are_those_of_the_weights():
    mixed = masks.mixture(["center_box", "lines"], [3, 1])
    centre = is_centre(mixed(4000, 32, generator=rng())).double()
    assert abs(float(centre.mean()) - 0.75) < 4 * (0.75 * 0.25 / 4000) ** 0.5
    # and they come in no order: neighbours are as often alike as chance would have it
    alike = float((centre[1:] == centre[:-1]).double().mean())
    assert abs(alike - (0.75**2 + 0.25**2)) < 0.05


def test_every_mask_is_one_of_a_family_and_the_seed_decides():
    mixed = masks.mixture(["boxes", known_rows])
    drawn = mixed(64, (24, 32), generator=rng(3))
    assert drawn.shape == (64, 1, 24, 32) and drawn.dtype == torch.uint8
    assert torch.equal(drawn, mixed(64, (24, 32), generator=rng(3)))
    assert not torch.equal(drawn, mixed(64, (24, 32), generator=rng(4)))
    left = (drawn[..., 16:] == 1).flatten(1).all(1) & (drawn[:, 0, 0, 0] == 0) & (drawn[:, 0, 1, 0] == 1)
    hole = 1 - drawn[:, 0].int()
    box = hole.sum((1, 2)) == hole.amax(1).sum(1) * hole.amax(2).sum(1)
    assert bool((left | box).all()) and bool(left.any()) and bool(box.any())
    assert mixed(1, 32, generator=rng()).shape == (1, 1, 32, 32)


def test_stands_where_a_family_can():
    bank = masks.bank(masks.parse("2*lines+center_box"), 300, 32, seed=1)
    assert "2*lines+1*center_box" in repr(bank) and 50 < int(is_centre(bank.masks).sum()) < 150
    assert masks.mixture(["lines", "boxes"]).__name__ == "lines+boxes"
    nested = masks.mixture([masks.mixture(["lines", "boxes"]), "circles"])
    assert nested.__name__ == "lines+boxes+circles" and nested(5, 32).shape == (5, 1, 32, 32)
    assert masks.parse(" boxes ") is masks.boxes


def test_families_with_options_keep_them_in_their_names():
    few, many = partial(masks.lines, number=2), partial(masks.lines, number=5)
    assert masks.mixture([few, many]).__name__ == "lines, number=2+lines, number=5"
    assert masks.bank(few, 2, 8).source == "lines, number=2 (seed 0)"
    banks = [masks.bank(name, 2, 8) for name in ("lines", "boxes")]
    assert masks.mixture(banks).__name__ == "lines (seed 0)+boxes (seed 0)"
    mixed = masks.mixture([lambda *size, **place: masks.lines(*size, **place), lambda *size, **place: masks.boxes(*size, **place), "lines"])
    assert mixed.__name__ == "drawn by a function 1+drawn by a function 2+lines" and mixed(5, 8).shape == (5, 1, 8, 8)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: masks.mixture([]), "at least one family"),
        (lambda: masks.mixture(["lines", "scratches"]), "expected one of lines, strokes"),
        (lambda: masks.mixture(["lines", "lines"]), "expected each once"),
        (lambda: masks.mixture(["lines", "boxes"], [1]), "2 families have 1 weights"),
        (lambda: masks.mixture(["lines", "boxes"], [1, 0]), "numbers above 0"),
        (lambda: masks.mixture(["lines", "boxes"], [1, float("nan")]), "numbers above 0"),
        (lambda: masks.parse("lines+"), "family is ''"),
        (lambda: masks.parse("two*lines+boxes"), "weight 'two'"),
        (lambda: masks.parse("-1*lines+boxes"), "numbers above 0"),
        (lambda: masks.parse("-3*lines"), "numbers above 0"),
        (lambda: masks.parse("0*lines"), "numbers above 0"),
        (lambda: masks.parse("nan*lines"), "numbers above 0"),
        (lambda: masks.mixture(["lines"])(0, 32), "at least 1"),
    ],
)
def test_mistakes_are_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()
