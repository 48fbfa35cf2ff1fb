"""Ranks that claim no more than the images show: the bootstrap against a slow loop and against SciPy, and what the rule promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from inpaintlib.leaderboard import ranking
from inpaintlib.leaderboard.ranking import paired_differences, rank


def values(count: int = 200, seed: int = 0, spread: float = 4.0) -> torch.Tensor:
    return 30 + spread * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def by_hand(one: torch.Tensor, other: torch.Tensor, seed: int = 0) -> tuple[float, float]:
    """The percentile bootstrap as a book writes it: draw images with replacement, take the mean of the differences, sort."""
    apart = (one.double() - other.double()).tolist()
    bits = np.random.PCG64([*b"bootstrap", seed]).random_raw(ranking.RESAMPLES * len(apart))
    means = []
    for start in range(0, len(bits), len(apart)):
        drawn = [apart[(int(raw) >> 32) * len(apart) >> 32] for raw in bits[start : start + len(apart)]]
        means.append(sum(drawn) / len(drawn))
    return tuple(np.percentile(means, [2.5, 97.5]))


@pytest.mark.parametrize(("count", "seed"), [(12, 0), (40, 7)])
def test_the_interval_is_that_of_a_slow_loop(count, seed):
    one, other = values(count, 1), values(count, 2)
    (got,) = paired_differences([(one, other)], seed=seed)
    assert (got.low, got.high) == pytest.approx(by_hand(one, other, seed), abs=1e-9)
    assert got.mean == pytest.approx(float((one.double() - other.double()).mean()), abs=1e-9)


def test_the_interval_is_scipys_as_far_as_chance_allows():
    pairs = [(values(300, seed), values(300, seed + 50, spread=1 + seed)) for seed in range(4)]
    for (one, other), got in zip(pairs, paired_differences(pairs), strict=True):
        apart = (one - other).double().numpy()
        theirs = stats.bootstrap((apart,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
        width = theirs.confidence_interval.high - theirs.confidence_interval.low
        assert got.low == pytest.approx(theirs.confidence_interval.low, abs=0.04 * width)
        assert got.high == pytest.approx(theirs.confidence_interval.high, abs=0.04 * width)


def test_pairs_do_not_disturb_each_other_and_the_seed_decides():
    pairs = [(values(50, 1), values(50, 2)), (values(50, 3), values(50, 4))]
    together = paired_differences(pairs, seed=3)
    for pair, got in zip(pairs, together, strict=True):
        assert paired_differences([pair], seed=3)[0] == pytest.approx(got, abs=1e-12)
        assert paired_differences([pair], seed=4)[0] != got
    flipped = paired_differences(pairs, sign=-1, seed=3)
    for one, other in zip(together, flipped, strict=True):
        assert (other.mean, other.low, other.high) == pytest.approx((-one.mean, -one.high, -one.low), abs=1e-9)
    assert paired_differences([]) == []


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Of 400 pairs of equals about 20 are called apart; the bootstrap of 60 images is a little too sure of itself."""
    pairs = [(values(60, 1000 + i), values(60, 5000 + i)) for i in range(400)]
    wrong = sum(gap.low > 0 or gap.high < 0 for gap in paired_differences(pairs))
    assert 8 <= wrong <= 40  # binomial with p between 0.05 and 0.06, four standard deviations


def test_identical_ones_are_never_ranked_apart():
    base = values()
    for seed in range(20):
        ranks = rank({"a": base, "b": base.clone(), "c": base + 1e-4 * torch.rand(len(base))}, "higher", 2, seed=seed)
        assert set(ranks.ranks) == {1} and set(ranks.leaders) == {"a", "b", "c"} and not ranks.chains


def test_a_truly_better_one_is_ahead_however_much_the_images_differ():
    base = values(spread=6)  # the two means' own intervals, of 0.8 dB on either side, overlap by far
    noise = 0.3 * torch.randn(len(base), generator=torch.Generator().manual_seed(9))
    found = rank({"worse": base, "better": base + 0.2 + noise}, "higher", 2)
    assert found.order == ("better", "worse") and found.ranks == (1, 2) and found.leaders == ("better",)
    assert found.gaps[0].low > 0.1 and found.gaps[0].high < 0.3
    errors = rank({"worse": base, "better": base + 0.2 + noise}, "lower", 2)
    assert errors.order == ("worse", "better") and errors.gaps[0].low > 0.1


def test_neighbours_share_a_rank_if_and_only_if_zero_is_in_reach():
    base = values()
    noisy = {
        name: base + shift + 1.5 * torch.randn(len(base), generator=torch.Generator().manual_seed(i))
        for i, (name, shift) in enumerate({"a": 0.0, "b": 0.05, "c": 0.6, "d": 0.65, "e": 2.0, "f": 2.1, "g": 5.0}.items())
    }
    found = rank(noisy, "higher", 2)
    assert len(set(found.ranks)) not in (1, len(noisy))  # both cases occur
    for place in range(len(noisy) - 1):
        one, other = (noisy[name].double().numpy() for name in found.order[place : place + 2])
        theirs = stats.bootstrap((one - other,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
        if abs(theirs.confidence_interval.low) > 0.02:  # else chance decides
            assert (found.ranks[place] == found.ranks[place + 1]) == (theirs.confidence_interval.low <= 0)
    for place, number in enumerate(found.ranks):
        assert number in (place + 1, found.ranks[max(place - 1, 0)])  # who comes after a shared rank counts those ahead


def test_a_chain_shares_a_rank_and_is_told():
    """A like B, B like C, and A surely better than C: with noise as large as two steps, on purpose."""
    base, steps = values(400), 0.1
    shared = torch.randn(400, generator=torch.Generator().manual_seed(3))
    shared = shared - shared.mean()
    found = rank({"a": base + steps, "b": base + 1.5 * shared, "c": base - steps}, "higher", 2)
    assert found.order == ("a", "b", "c") and found.ranks == (1, 1, 1)
    (chain,) = found.chains
    assert (chain.first, chain.last) == ("a", "c") and chain.difference.mean == pytest.approx(0.2, abs=1e-5)
    assert found.leaders == ("a", "b")  # c is surely worse than the best, although it shares its rank


def test_too_few_images_give_no_ranks():
    found = rank({"a": values(9, 1), "b": values(9, 1) + 5}, "higher", 2)
    assert found.order == ("b", "a") and found.ranks == (None, None) and found.leaders == ()
    assert rank({"a": values(10, 1), "b": values(10, 1) + 5}, "higher", 2).ranks == (2, 1)[::-1]
    alone = rank({"a": values(10)}, "higher", 2)
    assert alone.ranks == (1,) and alone.gaps == ()
