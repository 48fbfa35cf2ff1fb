"""The oracles of the unit ``depth`` against other ways to compute the same; its comparison with bugs at each stage of repair."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from course import source
from course.checks import get, run
from course.checks.judge import expected_answer
from course.checks.run import draw_cases
from course.units.depth import hidden, mutants
from inpaintlib.evaluation import mean_interval

KEY = b"the key of the tests, not of a class"
UNIT = Path(mutants.__file__).parent


def every_case(name: str) -> Iterator[tuple[dict, tuple[np.ndarray, ...]]]:
    """Visible and hidden cases with the oracle's answer."""
    task = get(f"depth/{name}")
    for case in [*task.corners, *draw_cases(task, 30, 3), *hidden.cases(task.id, KEY)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_interval():
    for a, (mean, half) in every_case("interval"):
        values = a["values"].double().numpy()
        assert mean == pytest.approx(values.mean()) and half == pytest.approx(a["t"] * scipy.stats.sem(values), abs=1e-12)


def test_the_formula_is_that_of_the_library_and_of_scipy():
    values = next(a["values"] for a, _ in every_case("interval") if len(a["values"]) == 50)
    t = float(scipy.stats.t.ppf(0.975, 49))
    mean, half = get("depth/interval").oracle(values, t)
    low, high = scipy.stats.t.interval(0.95, 49, loc=values.double().mean(), scale=scipy.stats.sem(values.double()))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert (mean, half) == pytest.approx(tuple(mean_interval(values)))


def test_oracle_of_compare_pairs_decides_as_the_t_test():
    """|mean| > t sem is |t of the paired test| > t."""
    decided = set()
    for a, (mean, half, yes) in every_case("compare_pairs"):
        one, other = a["one"].double().numpy(), a["other"].double().numpy()
        assert mean == pytest.approx(one.mean() - other.mean(), abs=1e-12)
        assert half == pytest.approx(a["t"] * scipy.stats.sem(one - other), abs=1e-9)
        if np.ptp(one - other) > 0:
            assert bool(yes) == (abs(scipy.stats.ttest_rel(one, other).statistic) > a["t"])
        decided.add((float(yes), float(np.sign(mean))))
    assert {(1.0, 1.0), (1.0, -1.0), (0.0, 1.0), (0.0, -1.0)} <= decided  # both ways, and neither


def test_oracle_of_two_bars():
    for a, (mean, images, seeds) in every_case("two_bars"):
        errors = a["errors"].double().numpy()
        assert mean == pytest.approx(errors.mean())
        assert images == pytest.approx(a["t_images"] * scipy.stats.sem(errors.mean(0)), abs=1e-12)
        assert seeds == pytest.approx(a["t_seeds"] * scipy.stats.sem(errors.mean(1)), abs=1e-12)


def test_oracle_of_repeated():
    """In decimals, as a person reads the table; and no other difference is as frequent."""
    for a, (difference, rows) in every_case("repeated"):
        exact = [Decimal(f"{y:.{a['digits']}f}") - Decimal(f"{x:.{a['digits']}f}") for x, y in zip(a["one"], a["other"], strict=True)]
        counts = sorted((exact.count(value) for value in set(exact)), reverse=True)
        assert rows == counts[0] and (len(counts) == 1 or counts[1] < counts[0])
        assert exact.count(Decimal(f"{float(difference):.{a['digits']}f}")) == rows


def test_the_code_with_the_bugs_is_the_mutant_that_is_tested():
    def without_docstring(text: str) -> str:
        function = ast.parse(text).body[0]
        function.body = [node for node in function.body if not isinstance(node, ast.Expr)]
        return ast.dump(function)

    (cell,) = [c for c in source.read(UNIT / "exercise.py") if c.kind == "code" and c.source.startswith("def found(")]
    shown = ast.unparse(ast.parse(cell.source).body[0])
    assert without_docstring(shown) == without_docstring(inspect.getsource(mutants.found))


STAGES = [bugs for n in (1, 2, 3) for bugs in itertools.combinations(("absolute", "unpaired", "one_sided"), n)]


@pytest.mark.parametrize("bugs", STAGES, ids="+".join)
def test_the_found_comparison_is_diagnosed_at_every_stage_of_its_repair(bugs):
    """Whichever of the three bugs are left, the hint names one of them."""

    def compare(one, other, t):
        difference = (one - other).abs() if "absolute" in bugs else one - other
        spread = one.std() + other.std() if "unpaired" in bugs else difference.std()
        half = t * spread / len(one) ** 0.5
        mean = difference.mean()
        return mean, half, float(mean > half if "one_sided" in bugs else abs(mean) > half)

    assert run(get("depth/compare_pairs"), compare, shrink=False).misconception in bugs
