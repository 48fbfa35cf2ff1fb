"""The oracles of the unit ``losses`` against other ways to compute the same; its sum with bugs at each stage of repair."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course import source
from course.checks import get, run
from course.checks.judge import expected_answer
from course.checks.run import draw_cases
from course.units.losses import hidden, mutants
from inpaintlib import losses

KEY = b"the key of the tests, not of a class"
UNIT = Path(mutants.__file__).parent


def every_case(name: str) -> Iterator[tuple[dict, tuple[np.ndarray, ...]]]:
    """Visible and hidden cases with the oracle's answer."""
    task = get(f"losses/{name}")
    for case in [*task.corners, *draw_cases(task, 30, 3), *hidden.cases(task.id, KEY)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_best_answer():
    """No answer near it costs less, for any pixel."""
    for a, (y,) in every_case("best_answer"):
        truths, power = a["truths"].double().numpy(), 2 if a.get("squared", True) else 1
        cost = (np.abs(truths - y) ** power).mean(0)
        for step in (-1.0, -0.1, -1e-3, 1e-3, 0.1, 1.0):
            assert (cost <= (np.abs(truths - y - step) ** power).mean(0) + 1e-12).all()


def test_oracle_of_gram():
    """Against the library's, in double precision."""
    for a, (y,) in every_case("gram"):
        np.testing.assert_allclose(y, losses.gram(a["maps"].double()), atol=1e-12)


def test_oracle_of_variation():
    """Against the library's, in double precision."""
    for a, (y,) in every_case("variation"):
        colours = [torch.cat([a[name].double()] * 3, 1)[:, :3] for name in ("prediction", "target")]
        if a["target"].shape[1] in (1, 3):  # what an image of the library has
            np.testing.assert_allclose(y, losses.total_variation(*colours, a["mask"].double()), atol=1e-12)


def test_oracle_of_normalise():
    """By the formula, the moments by NumPy."""
    for a, (y, mean, variance) in every_case("normalise"):
        x, gain, shift, old_mean, old_variance = (a[name].double().numpy() for name in ("x", "gain", "shift", "mean", "variance"))
        for c in range(x.shape[1]):
            if a["frozen"]:
                centre, spread, after = old_mean[c], old_variance[c], (old_mean[c], old_variance[c])
            else:
                centre, spread = np.mean(x[:, c]), np.var(x[:, c])
                after = 0.9 * old_mean[c] + 0.1 * centre, 0.9 * old_variance[c] + 0.1 * np.var(x[:, c], ddof=1)
            np.testing.assert_allclose(y[:, c], (x[:, c] - centre) / np.sqrt(spread + 1e-5) * gain[c] + shift[c], atol=1e-8)
            np.testing.assert_allclose((mean[c], variance[c]), after, atol=1e-12)


def test_the_sum_with_the_bugs_is_the_mutant_that_is_tested():
    def without_docstring(text):
        function = ast.parse(text).body[0]
        function.body = [node for node in function.body if not isinstance(node, ast.Expr)]
        return ast.dump(function)

    (cell,) = [c for c in source.read(UNIT / "exercise.py") if c.kind == "code" and c.source.startswith("def found(")]
    shown = ast.unparse(ast.parse(cell.source).body[0])
    assert without_docstring(shown) == without_docstring(inspect.getsource(mutants.found))


BUGS = ("not_composited", "not_dilated", "one_end", "divided_by_other")
STAGES = [bugs for n in (1, 2, 3, 4) for bugs in itertools.combinations(BUGS, n)]


@pytest.mark.parametrize("bugs", STAGES, ids="+".join)
def test_the_sum_is_diagnosed_at_every_stage_of_its_repair(bugs):
    """Whichever of the four bugs are left, the hint names one of them."""

    def total(prediction, target, mask):
        filled = prediction if "not_composited" in bugs else torch.where(mask > 0, target, prediction)
        region = 1 - mask if "not_dilated" in bugs else F.max_pool2d(1 - mask, 3, stride=1, padding=1)
        other = torch.ones_like(region) if "one_end" in bugs else region
        across = (filled[..., 1:] - filled[..., :-1]).abs() * region[..., 1:] * other[..., :-1]
        down = (filled[..., 1:, :] - filled[..., :-1, :]).abs() * region[..., 1:, :] * other[..., :-1, :]
        return (across.sum() + down.sum()) / (region.sum() if "divided_by_other" in bugs else filled.numel())

    assert run(get("losses/variation"), total, shrink=False).misconception in bugs
