"""The oracles of the unit ``gated_convolution`` against other ways to compute the same; its layer with bugs at each stage of repair."""

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
from course.units.gated_convolution import hidden, mutants
from inpaintlib import layers

KEY = b"the key of the tests, not of a class"
UNIT = Path(mutants.__file__).parent


def every_case(name: str) -> Iterator[tuple[dict, tuple[np.ndarray, ...]]]:
    """Visible and hidden cases with the oracle's answer."""
    task = get(f"gated_convolution/{name}")
    for case in [*task.corners, *draw_cases(task, 30, 3), *hidden.cases(task.id, KEY)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_let_through():
    for a, (y,) in every_case("let_through"):
        np.testing.assert_allclose(y, F.elu(a["feature"].double()) * torch.sigmoid(a["gate"].double()), atol=1e-12)


def test_oracle_of_gated_layer():
    """Against two convolutions, each with its half of the kernels."""
    for a, (y, gate) in every_case("gated_layer"):
        weight, bias, options = a["weight"].double(), a["bias"].double(), {"padding": a.get("padding", 0), "dilation": a.get("dilation", 1)}
        half = len(weight) // 2
        feature = F.conv2d(a["x"].double(), weight[:half], bias[:half], **options)
        opened = torch.sigmoid(F.conv2d(a["x"].double(), weight[half:], bias[half:], **options))
        np.testing.assert_allclose(gate, opened, atol=1e-9)
        np.testing.assert_allclose(y, F.elu(feature) * opened, atol=1e-9)


def test_oracle_of_atrous():
    """By the formula itself: all pairs (s, t) with s + rate t = p."""
    for a, (y,) in every_case("atrous"):
        signal, kernel, rate = a["signal"].tolist(), a["kernel"].tolist(), a.get("rate", 1)
        radius = len(kernel) // 2
        right = np.zeros(len(signal))
        for (s, value), (i, weight) in itertools.product(enumerate(signal), enumerate(kernel)):
            if 0 <= s + rate * (i - radius) < len(signal):
                right[s + rate * (i - radius)] += value * weight
        np.testing.assert_allclose(y, right, atol=1e-9)


def test_oracle_of_layers_needed():
    """By the library's receptive field, half of which reaches to one side."""
    for a, (count,) in every_case("layers_needed"):
        size, doubled = a.get("size", 3), a.get("doubled", True)
        fields = [1, *layers.receptive_field([(size, 1, 2**i if doubled else 1) for i in range(int(count))])] if count else [1]
        distance = (a["width"] + 1) // 2
        assert fields[-1] // 2 >= distance and (count == 0 or fields[-2] // 2 < distance)


def test_the_code_with_the_bugs_is_the_mutant_that_is_tested():
    def without_docstring(text: str) -> str:
        function = ast.parse(text).body[0]
        function.body = [node for node in function.body if not isinstance(node, ast.Expr)]
        return ast.dump(function)

    (cell,) = [c for c in source.read(UNIT / "exercise.py") if c.kind == "code" and c.source.startswith("def found(")]
    shown = ast.unparse(ast.parse(cell.source).body[0])
    assert without_docstring(shown) == without_docstring(inspect.getsource(mutants.found))


STAGES = [bugs for n in (1, 2, 3) for bugs in itertools.combinations(("split", "shared", "after"), n)]


@pytest.mark.parametrize("bugs", STAGES, ids="+".join)
def test_the_found_layer_is_diagnosed_at_every_stage_of_its_repair(bugs):
    """Whichever of the three bugs are left, the hint names one of them."""

    def layer(x, weight, bias, padding=0, dilation=1):
        both = F.conv2d(x, weight, bias, padding=padding, dilation=dilation)
        feature, gate = (both[:, 0::2], both[:, 1::2]) if "split" in bugs else both.chunk(2, dim=1)
        gate = torch.sigmoid(gate)
        gate = gate.mean(1, keepdim=True).expand_as(feature) if "shared" in bugs else gate
        return F.elu(feature * gate) if "after" in bugs else F.elu(feature) * gate, gate

    found = {"interleaved": "split", "one_gate": "shared", "activation_after": "after"}
    assert found[run(get("gated_convolution/gated_layer"), layer, shrink=False).misconception] in bugs
