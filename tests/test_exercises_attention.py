"""The oracles of the unit ``attention`` against other ways to compute the same; its function with bugs at each stage of repair."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
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
from course.units.attention import hidden, mutants

KEY = b"the key of the tests, not of a class"
UNIT = Path(mutants.__file__).parent


def every_case(name: str) -> Iterator[tuple[dict, tuple[np.ndarray, ...]]]:
    """Visible and hidden cases with the oracle's answer."""
    task = get(f"attention/{name}")
    for case in [*task.corners, *draw_cases(task, 30, 3), *hidden.cases(task.id, KEY)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_likeness():
    for a, (y,) in every_case("likeness"):
        q, k = a["queries"].double(), a["keys"].double()
        np.testing.assert_allclose(y, F.cosine_similarity(q[:, None], k[None], dim=-1, eps=1e-30), atol=1e-12)


def test_oracle_of_softmax_over_known():
    """With fractions of sums of powers, by plain loops."""
    for a, (y,) in every_case("softmax_over_known"):
        scale = a.get("scale", 10.0)
        for b, i in np.ndindex(*y.shape[:2]):
            powers = [math.exp(scale * s) if k else 0.0 for s, k in zip(a["score"][b, i].tolist(), a["known"][b].tolist(), strict=True)]
            right = [p / sum(powers) if sum(powers) else 0.0 for p in powers]
            np.testing.assert_allclose(y[b, i], right, atol=1e-9)


def test_oracle_of_attend():
    """The oracle is the library's layer; this is the text of the task in plain Python."""
    for a, (y,) in every_case("attend"):
        image, known, scale = a["image"].tolist(), a["known"].tolist(), a.get("scale", 10.0)
        rows, columns = len(known), len(known[0])

        def around(r, c, image=image, rows=rows, columns=columns):
            near = [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            return [plane[i][j] if 0 <= i < rows and 0 <= j < columns else 0.0 for plane in image for i, j in near]

        def cosine(u, v):
            return sum(p * q for p, q in zip(u, v, strict=True)) / (max(math.hypot(*u), 1e-9) * max(math.hypot(*v), 1e-9))

        places = list(itertools.product(range(rows), range(columns)))
        inside = {p: [(i, j) for i in range(p[0] - 1, p[0] + 2) for j in range(p[1] - 1, p[1] + 2)] for p in places}
        usable = [p for p in places if all(known[i][j] for i, j in inside[p] if 0 <= i < rows and 0 <= j < columns)]
        for r, c in places:
            right = [plane[r][c] for plane in image]
            if not known[r][c] and usable:
                powers = [math.exp(scale * cosine(around(r, c), around(*u))) for u in usable]
                right = [sum(w * plane[i][j] for w, (i, j) in zip(powers, usable, strict=True)) / sum(powers) for plane in image]
            np.testing.assert_allclose(y[:, r, c], right, atol=1e-6)


def test_oracle_of_steps_to():
    for a, (y,) in every_case("steps_to"):
        w, columns = a["weights"], a["columns"]
        grid = torch.stack(torch.meshgrid(torch.arange(len(w) // columns), torch.arange(columns), indexing="ij")).flatten(1)  # (2, N)
        right = (grid[:, w.argmax(1)] - grid) * (w.amax(1) > 0)
        np.testing.assert_array_equal(y.reshape(2, -1), right)


def test_the_code_with_the_bugs_is_the_mutant_that_is_tested():
    def without_docstring(text: str) -> str:
        function = ast.parse(text).body[0]
        function.body = [node for node in function.body if not isinstance(node, ast.Expr)]
        return ast.dump(function)

    (cell,) = [c for c in source.read(UNIT / "exercise.py") if c.kind == "code" and c.source.startswith("def found(")]
    shown = ast.unparse(ast.parse(cell.source).body[0])
    assert without_docstring(shown) == without_docstring(inspect.getsource(mutants.found))


STAGES = [bugs for n in (1, 2, 3) for bugs in itertools.combinations(("leak", "shared", "axis"), n)]


@pytest.mark.parametrize("guard", [False, True], ids=["", "guarded"])
@pytest.mark.parametrize("bugs", STAGES, ids="+".join)
def test_the_found_function_is_diagnosed_at_every_stage_of_its_repair(bugs, guard):
    """Whichever of the three bugs are left, the hint names one of them, or the NaN that waits behind the leak."""

    def softmax(score, known, scale=10.0):
        usable = (known[:1].expand_as(known) if "shared" in bugs else known)[:, None]
        logits = scale * score * usable if "leak" in bugs else (scale * score).masked_fill(usable == 0, -torch.inf)
        weight = torch.softmax(logits, dim=1 if "axis" in bugs else 2)
        return weight.where(usable.any(2, keepdim=True), torch.zeros(())) if guard and "leak" not in bugs else weight

    names = {"leak": "leak", "one_mask": "shared", "wrong_axis": "axis"}
    said = run(get("attention/softmax_over_known"), softmax, shrink=False).misconception
    assert names[said] in bugs


def test_behind_the_leak_waits_a_nan():
    def softmax(score, known, scale=10.0):
        return torch.softmax((scale * score).masked_fill(known[:, None] == 0, -torch.inf), dim=-1)

    assert run(get("attention/softmax_over_known"), softmax, shrink=False).misconception == "nan_row"
