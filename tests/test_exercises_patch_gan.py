"""The oracles of the unit ``patch_gan`` against other ways to compute the same; its penalty with bugs at each stage of repair."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from course import source
from course.checks import get, run
from course.checks.judge import expected_answer
from course.checks.run import draw_cases
from course.units.patch_gan import hidden, mutants
from inpaintlib import layers, losses

KEY = b"the key of the tests, not of a class"
UNIT = Path(mutants.__file__).parent


def every_case(name: str) -> Iterator[tuple[dict, tuple[np.ndarray, ...]]]:
    """Visible and hidden cases with the oracle's answer."""
    task = get(f"patch_gan/{name}")
    for case in [*task.corners, *draw_cases(task, 30, 3), *hidden.cases(task.id, KEY)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_hinge():
    for a, (critic, generator) in every_case("hinge"):
        real, fake = a["real"].double(), a["fake"].double()
        assert critic == pytest.approx(losses.hinge_critic(real, fake).item(), abs=1e-12)
        assert generator == pytest.approx(losses.hinge_generator(fake).item(), abs=1e-12)


def test_oracle_of_normalised():
    """After many rounds the norm is 1 and u the first singular vector; and one round after another is what several are."""
    task = get("patch_gan/normalised")
    for a, (weight, u) in every_case("normalised"):
        step = a["u"]
        for _ in range(a["rounds"]):
            one, step = task.oracle(a["weight"], torch.as_tensor(step), 1)
        np.testing.assert_allclose(weight, one, atol=1e-9)
        np.testing.assert_allclose(u, step, atol=1e-9)
        left, stretched, _ = np.linalg.svd(a["weight"].double().flatten(1).numpy())
        overlap = abs(left[:, 0] @ a["u"].double().numpy()) / float(a["u"].norm())
        if overlap > 0.05 and (len(stretched) == 1 or stretched[1] < 0.9 * stretched[0]):
            many, last = task.oracle(a["weight"], a["u"], 60)
            assert np.linalg.norm(many.reshape(len(many), -1), 2) == pytest.approx(1, abs=1e-6)
            assert abs(last @ left[:, 0]) == pytest.approx(1, abs=1e-6)


def test_oracle_of_gradient_penalty():
    """The value by the library's penalty, whose random shares are replaced; the derivative by differences."""
    task = get("patch_gan/gradient_penalty")
    for a, (penalty, by_weight) in every_case("gradient_penalty"):
        weight, share = a["weight"].double(), a["share"].double()
        real, fake = a["real"].double(), a["fake"].double()
        at = torch.lerp(real, fake, share[:, None, None, None])
        mask = torch.ones_like(at[:, :1])
        there = losses.gradient_penalty(lambda x, m, w=weight: mutants.rate(x, w), at, at, mask)  # from a point to itself: no way to choose
        assert penalty == pytest.approx(there.item(), abs=1e-9)
        for place in itertools.islice(np.ndindex(*weight.shape), 3):
            moved = [weight.clone(), weight.clone()]
            moved[0][place] += 1e-5
            moved[1][place] -= 1e-5
            above, below = (float(task.oracle(w, real, fake, share)[0]) for w in moved)
            assert by_weight[place] == pytest.approx((above - below) / 2e-5, abs=2e-4)


def test_oracle_of_sees_hole():
    """By the library's receptive field, and where it starts: two pixels to the left for each layer, in steps of that layer."""
    for a, (seen,) in every_case("sees_hole"):
        n, missing = a["layers"], a["mask"].numpy() == 0
        field, jump, start = layers.receptive_field([(5, 2, 1)] * n)[-1], 2**n, -sum(2 * 2**i for i in range(n))
        assert seen.shape == tuple(-(-side // jump) for side in missing.shape)
        for i, j in np.ndindex(*seen.shape):
            top, left = start + i * jump, start + j * jump
            assert seen[i, j] == missing[max(0, top) : max(0, top + field), max(0, left) : max(0, left + field)].any()


def test_the_code_with_the_bugs_and_its_critic_are_those_that_are_tested():
    def without_docstring(text: str) -> str:
        function = ast.parse(text).body[0]
        function.body = [node for node in function.body if not isinstance(node, ast.Expr)]
        return ast.dump(function)

    for name in ("found", "rate"):
        (cell,) = [c for c in source.read(UNIT / "exercise.py") if c.kind == "code" and c.source.startswith(f"def {name}(")]
        shown = ast.unparse(ast.parse(cell.source).body[0])
        assert without_docstring(shown) == without_docstring(inspect.getsource(getattr(mutants, name)))


STAGES = [bugs for n in (1, 2, 3) for bugs in itertools.combinations(("share", "mean", "norm"), n)]


@pytest.mark.parametrize("bugs", STAGES, ids="+".join)
def test_the_found_penalty_is_diagnosed_at_every_stage_of_its_repair(bugs):
    """Whichever of the three bugs are left, the hint names one of them."""

    def penalty(weight, real, fake, share):
        weight = weight.clone().requires_grad_()
        share = share[:1] if "share" in bugs else share
        between = (real + share[:, None, None, None] * (fake - real)).requires_grad_()
        scores = mutants.rate(between, weight)
        (slope,) = torch.autograd.grad(scores.mean() if "mean" in bugs else scores.sum(), between, create_graph=True)
        norm = slope.norm(dim=1) if "norm" in bugs else slope.flatten(1).norm(dim=1)
        value = (norm - 1).square().mean()
        return value.detach(), torch.autograd.grad(value, weight)[0]

    named = {"part_of_picture": "norm", "mean_of_scores": "mean", "one_share": "share"}
    assert named[run(get("patch_gan/gradient_penalty"), penalty, shrink=False).misconception] in bugs
