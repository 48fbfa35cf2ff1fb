"""The oracles of the unit ``context_encoder`` against other ways to compute the same; its buggy loss at each stage of repair."""

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
from course.units.context_encoder import hidden, mutants
from inpaintlib import losses, train
from inpaintlib.train.callbacks import Callback

KEY = b"the key of the tests, not of a class"
UNIT = Path(mutants.__file__).parent


def every_case(name: str) -> Iterator[tuple[dict, tuple[np.ndarray, ...]]]:
    """Visible and hidden cases with the oracle's answer."""
    task = get(f"context_encoder/{name}")
    for case in [*task.corners, *draw_cases(task, 20, 3), *hidden.cases(task.id, KEY, 10)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_slopes():
    for a, answers in every_case("slopes"):
        s = a["scores"].double().requires_grad_()
        for loss, right in zip((-losses.bce_generator(-s), losses.bce_generator(s)), answers, strict=True):
            (slope,) = torch.autograd.grad(loss, s)
            np.testing.assert_allclose(right, slope, atol=1e-9)


def test_oracle_of_joint_loss():
    """The library's weighting by the band around a hole: here the patch is the hole and its band."""
    for a, (reconstruction, adversarial) in every_case("joint_loss"):
        patch, truth, band = a["patch"].double(), a["truth"].double(), a.get("band", 4)
        side = patch.shape[-1]
        mask = torch.ones(len(patch), 1, side, side, dtype=torch.float64)
        mask[..., band : side - band, band : side - band] = 0
        if 0 < band < side / 2:  # a hole that has a band
            scale = max(1.0, patch.abs().max().item())  # the library wants values of pictures
            inside = losses.border_weighted(patch / scale, truth / scale, mask, width=band) * scale**2
            assert reconstruction == pytest.approx(0.999 * inside.item())
        assert adversarial == pytest.approx(0.001 * losses.bce_generator(a["scores"].double()).item(), abs=1e-12)


def test_oracle_of_train_step():
    """By autograd, gradients asked for by name: nothing to clear, nothing to detach."""
    for a, (said, critic, generator) in every_case("train_step"):
        g, c = a["generator"].double().requires_grad_(), a["critic"].double().requires_grad_()
        for step, (known, real) in enumerate(zip(a["known"].double(), a["real"].double(), strict=True)):
            filled = torch.tanh(F.linear(known, g[:, :2], g[:, 2]))
            loss = losses.bce_critic(F.linear(real, c[:, :2], c[:, 2]), F.linear(filled, c[:, :2], c[:, 2]))
            c = (c - a["lr"] * torch.autograd.grad(loss, c, retain_graph=True)[0]).detach().requires_grad_()
            wish = losses.bce_generator(F.linear(filled, c[:, :2], c[:, 2]))
            g = (g - a["lr"] * torch.autograd.grad(wish, g)[0]).detach().requires_grad_()
            np.testing.assert_allclose(said[step], [loss.item(), wish.item()], atol=1e-12)
        np.testing.assert_allclose(critic, c.detach(), atol=1e-12)
        np.testing.assert_allclose(generator, g.detach(), atol=1e-12)


def test_oracle_of_critic_has_won():
    for a, (row,) in every_case("critic_has_won"):
        good = [min(pair) >= 0.99 for pair in zip(a["real"].tolist(), a["filled"].tolist(), strict=True)]
        runs = [(value, len(list(group))) for value, group in itertools.groupby(good)]
        at, found = 0, -1
        for value, length in runs:
            if value and length >= a.get("patience", 3) and found < 0:
                found = at + a.get("patience", 3) - 1
            at += length
        assert row == found


REPAIRED = [some for n in range(3) for some in itertools.combinations(("corners", "sum", "log"), n)]


@pytest.mark.parametrize("fixed", REPAIRED, ids="+".join)
def test_the_found_loss_is_diagnosed_at_every_stage_of_its_repair(fixed):
    """Whichever of the three bugs are left, the hint names one of them."""

    def loss(patch, truth, scores, band=4):
        side = patch.shape[-1]
        edge = (torch.arange(side) < band) | (torch.arange(side) >= side - band)
        both = edge[:, None].float() + edge
        w = 1 + 9 * (both > 0) if "corners" in fixed else 1 + 9 * both
        square = w * (patch - truth) ** 2
        term = F.softplus(-scores) if "log" in fixed else torch.log(1 - torch.sigmoid(scores))
        return 0.999 * (square.mean() if "sum" in fixed else square.sum()), 0.001 * term.mean()

    names = {"corners_twice": "corners", "summed": "sum", "log_one_minus": "log", "overflow": "log"}
    result = run(get("context_encoder/joint_loss"), loss, shrink=False)
    assert not result.passed and result.misconception in names and names[result.misconception] not in fixed, str(result)


def test_the_code_with_the_bugs_is_the_mutant_that_is_tested():
    def without_docstring(text: str) -> str:
        function = ast.parse(text).body[0]
        assert isinstance(function, ast.FunctionDef)
        function.body = [node for node in function.body if not isinstance(node, ast.Expr)]
        return ast.dump(function)

    (cell,) = [c for c in source.read(UNIT / "exercise.py") if c.kind == "code" and c.source.startswith("def found(")]
    assert without_docstring(ast.unparse(ast.parse(cell.source).body[0])) == without_docstring(inspect.getsource(mutants.found))


def test_what_the_lesson_says_of_a_collapse_is_what_the_watch_looks_at():
    """The lesson sends students to ``CollapseWatch``; both speak of the same line and the same columns."""
    assert issubclass(train.CollapseWatch, Callback)
    watch = train.CollapseWatch()
    assert watch._signs({"accuracy_real": 0.99, "accuracy_fake": 0.99, "variety": 0.01}) == {"": True, "variety": True}
    assert watch._signs({"accuracy_real": 0.5, "accuracy_fake": 1.0, "variety": 0.9}) == {"": False, "variety": False}
