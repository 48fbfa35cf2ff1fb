"""The exercises: the solution is right, the stub unwritten, every known mistake gets its own hint, and the oracles are right themselves."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import io
import itertools
import os
import re
import shutil
import time
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
import torch.nn.functional as F

from course import Tree, source, syllabus
from course.checks import Case, check, get, names, run, score
from course.checks.judge import diagnose, expected_answer, judge
from course.checks.probe import Here
from course.checks.run import draw_cases, run_cases
from course.checks.task import BeatTask, OpenTask, Task
from course.networks.judge import solution as weights_of

UNITS = Path(__file__).resolve().parents[1] / "course" / "units"
READY = [unit.slug for unit in syllabus.load(Tree(UNITS.parents[1])).units if unit.ready]
# A unit that is being written: TOPIC=metrics python -m pytest tests/test_exercises.py
TOPICS = sorted(topic for topic in os.environ.get("TOPIC", "").split() or READY if (UNITS / topic / "exercise.py").exists())
TASKS = [name for topic in TOPICS for name in names(topic)]
CODED = [name for name in TASKS if isinstance(get(name), Task)]
BEAT = [name for name in TASKS if isinstance(get(name), BeatTask)]  # tests/test_beat.py has their tests
KEY = b"the key of the tests, not of a class"


def asked(task, function, case: Case):
    """What a function answers, through the task's probe where it has one."""
    return task.call(function, case) if task.probe is None else task.probe(Here(function, task.given), **case.fresh())


def part(topic: str, name: str) -> types.ModuleType:
    return importlib.import_module(f"course.units.{topic}.{name}")


def mutants(name: str) -> dict:
    return part(name.partition("/")[0], "mutants").MUTANTS[name]


def equivalents(name: str) -> list:
    return part(name.partition("/")[0], "mutants").EQUIVALENT[name]


def hidden(name: str, count: int = 20, key: bytes = KEY) -> list[Case]:
    return list(part(name.partition("/")[0], "hidden").cases(name, key, count))


@functools.cache
def cells(topic: str) -> list[source.Cell]:
    return source.read(UNITS / topic / "exercise.py")


@functools.cache
def solutions(topic: str) -> dict:
    """What the cells define that set something up or hold a marked solution; nothing is drawn or checked."""
    space: dict = {}
    for cell, solved in zip(cells(topic), source.for_solution([c for c in cells(topic) if "student" not in c.tags]), strict=False):
        del cell
        if solved.kind == "code" and re.match(r"(import|from|def) ", solved.source):
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(solved.source, f"<{topic}>", "exec"), space)
    return space


def solution(name: str):
    return solutions(name.partition("/")[0])[get(name).function]


def run_notebook(notebook_cells: list[source.Cell]) -> dict[str, BaseException]:
    """Run code cells one by one as a kernel does, going on after an error; the errors by cell."""
    space, errors = {"__name__": "__main__"}, {}
    for cell in notebook_cells:
        if cell.kind == "code":
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(cell.source, f"<cell {cell.name}>", "exec"), space)
            except Exception as error:
                errors[cell.name] = error
    return errors


# --- the notebooks -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in CODED if get(name).forbids])
def test_what_costs_the_points_is_said_where_the_task_is_set(name):
    """In the notebook's first words or under the task's heading: every library that is ruled out, and of single functions one at least."""
    task, all_cells = get(name), cells(name.partition("/")[0])
    headings = [i for i, cell in enumerate(all_cells) if cell.kind == "markdown" and cell.source.startswith("## ")]
    end = next(i for i, cell in enumerate(all_cells) if f'check("{name}"' in cell.source)
    start = max(i for i in headings if i < end)
    said = "".join(cell.source for cell in [*all_cells[: headings[0]], *all_cells[start:end]] if cell.kind == "markdown").lower()
    libraries = [word for word in task.forbids if word.startswith(("inpaintlib.", "torch.")) or word in ("scipy", "cv2")]
    inside = {member for library in libraries for member in dir(importlib.import_module(library))}
    inside |= vars(part(name.partition("/")[0], "cases")).keys()  # the oracles, which nobody is told of
    single = [word for word in task.forbids if word not in libraries and word.split(".")[-1] not in inside]
    missing = [word for word in libraries if {"cv2": "opencv"}.get(word, word).lower() not in said]
    assert not missing and (not single or any(word.lower() in said for word in single)), (missing, single)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_solution_asks_for_every_check_and_runs(topic, monkeypatch, full):
    """In ``make test`` the solutions run once, as notebooks: under nbval a check that does not pass stops them, see course/validate.py."""
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strict")
    assert not full or run_notebook(source.for_solution(cells(topic))) == {}
    asked = set(re.findall(r'check\("([^"]+)"', "".join(c.source for c in cells(topic))))
    assert asked == set(names(topic))


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("mode", ["strict", "lenient"])
def test_untouched_only_not_implemented_errors_come(topic, mode, monkeypatch, full):
    if mode == "lenient" and not full:
        pytest.skip("validate runs untouched notebooks, and leniently")
    monkeypatch.setenv("INPAINTLIB_CHECKS", mode)
    errors = run_notebook(source.for_student(cells(topic)))
    assert all(type(error) is NotImplementedError for error in errors.values()), errors
    coded = {name.partition("/")[2] for name in (*CODED, *BEAT) if name.startswith(f"{topic}/")}
    if mode == "strict":
        assert {str(error) for error in errors.values()} == coded
    else:
        assert errors == {}  # "Run all" reaches the end


@pytest.mark.parametrize("topic", TOPICS)
def test_the_solution_pasted_into_the_students_notebook_passes(topic, monkeypatch, tmp_path):
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strict")
    monkeypatch.chdir(tmp_path)
    for name in (name for name in BEAT if name.startswith(f"{topic}/")):
        shutil.copy(weights_of(name), tmp_path / get(name).file)
    solved = {cell.name: cell for cell in source.for_solution(cells(topic)) if "solution" not in cell.tags}
    pasted = [solved.get(cell.name, cell) for cell in source.for_student(cells(topic))]
    assert sum("raise NotImplementedError" in cell.source for cell in pasted if cell.kind == "code") == 0
    assert run_notebook(pasted) == {}


@pytest.mark.parametrize("topic", TOPICS)
def test_headings_state_the_points_and_the_last_task_is_open(topic):
    text = "\n".join(cell.source for cell in cells(topic) if cell.kind == "markdown")
    stated = [int(points) for points in re.findall(r"^## \d+\. .*\((\d+) points?\)$", text, re.MULTILINE)]
    tasks = [get(name) for name in names(topic)]
    assert stated == [task.points for task in tasks] and 3 <= len(tasks) <= 6
    assert isinstance(tasks[-1], OpenTask) and not any(isinstance(task, OpenTask) for task in tasks[:-1])
    assert len({task.kind for task in tasks}) >= 4  # of different kinds


@pytest.mark.parametrize("topic", TOPICS)
def test_the_last_cells_sum_up_and_no_code_line_is_too_long_for_a_notebook(topic):
    *_, score, after = source.for_student(cells(topic))
    assert score.source == f'score("{topic}")'
    (task,) = re.findall(rf"`python -m course reset {topic}/(\w+)`", after.source)
    assert f"{topic}/{task}" in CODED and "`solutions`" in after.source
    lines = [line for cell in cells(topic) if cell.kind == "code" for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > 110] == []


def test_the_score_of_the_solution_is_full(monkeypatch):
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strict")
    for topic in TOPICS:
        for name in names(topic):
            if name in CODED:
                check(name, solution(name))
            if name in BEAT:
                check(name, weights_of(name))
        full_score = sum(get(name).points for name in names(topic) if name in (*CODED, *BEAT))
        assert score(topic).text.startswith(f"{full_score} of {full_score} points")


def test_the_kernel_that_the_open_task_starts_from_is_a_mean_of_each_colour():
    (cell,) = [c for c in source.for_student(cells("partial_convolution")) if c.name == "compare"]
    space = dict(solutions("partial_convolution"))
    exec(compile(cell.source, "<compare>", "exec"), space)
    photo, mean = space["photo"], space["mean"]
    assert (F.conv2d(photo, mean) <= photo.amax((2, 3), keepdim=True) + 1e-6).all()  # ones / 25 would add up the colours
    torch.testing.assert_close(F.conv2d(photo, mean)[0, 1, 0, 0], photo[0, 1, :5, :5].mean())


@pytest.mark.parametrize("name", CODED)
def test_stub_and_task_agree_on_name_and_signature(name):
    task = get(name)
    (cell,) = [c for c in source.for_student(cells(name.partition("/")[0])) if c.name == name.partition("/")[2]]
    (function,) = [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
    assert f"{function.name}({ast.unparse(function.args)})" == task.signature
    assert 'raise NotImplementedError("' in cell.source and ast.get_docstring(function)


@pytest.mark.parametrize("name", CODED)
def test_the_solution_does_not_use_what_the_task_forbids(name):
    (cell,) = [c for c in source.for_solution(cells(name.partition("/")[0])) if c.name == name.partition("/")[2]]
    code = ast.unparse(ast.parse(cell.source))
    assert not [word for word in get(name).forbids if re.search(rf"\b{re.escape(word)}\b", code)]


@pytest.mark.parametrize(
    ("topic", "name"),
    [("convolution", "found"), ("partial_convolution", "found"), ("masks_and_baselines", "found"), ("partial_unet", "found")],
)
def test_the_code_with_the_bugs_is_the_mutant_that_is_tested(topic, name):
    def without_docstring(text):
        function = ast.parse(text).body[0]
        function.body = [node for node in function.body if not isinstance(node, ast.Expr)]
        return ast.dump(function)

    (cell,) = [c for c in cells(topic) if c.kind == "code" and c.source.startswith(f"def {name}(")]
    shown = ast.unparse(ast.parse(cell.source).body[0])
    assert without_docstring(shown) == without_docstring(inspect.getsource(getattr(part(topic, "mutants"), name)))


# --- right answers -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODED)
def test_right_answers_pass_for_every_seed(name, full):
    for seed in range(200 if full else 10):
        result = run(get(name), solution(name), seed=seed)
        assert result.passed, f"seed {seed}\n{result}"


@pytest.mark.parametrize("name", CODED)
def test_right_answers_written_differently_pass(name, full):
    assert len(equivalents(name)) >= 3
    for i, function in enumerate(equivalents(name)):
        for seed in range(200 if full else 1):
            result = run(get(name), function, seed=seed + i)
            assert result.passed, f"equivalent {i}, seed {seed + i}\n{result}"


@pytest.mark.parametrize("name", CODED)
def test_the_stub_is_unwritten_and_nothing_else(name):
    def stub(*_, **__):
        raise NotImplementedError(name)

    result = run(get(name), stub)
    assert result.status == "stub" and type(result.got) is NotImplementedError and result.misconception is None and not result.hint


@pytest.mark.parametrize("name", CODED)
def test_a_check_takes_five_seconds_at_most(name):
    """In computing time of this thread; a machine that is busy with other things takes longer by the clock."""
    for function in (solution(name), next(iter(mutants(name).values())).fresh):
        draw_cases.cache_clear()
        begin = time.thread_time()
        run(get(name), function)
        assert time.thread_time() - begin < 5


# --- wrong answers -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODED)
def test_every_misconception_has_its_mutants(name):
    known = [m.id for m in get(name).misconceptions]
    assert len(known) >= 4 and set(known) == set(mutants(name)) and len(set(known)) == len(known)
    assert len({m.hint for m in get(name).misconceptions}) == len(known)


@pytest.mark.parametrize(("name", "mistake", "which"), [(n, m, w) for n in CODED for m in mutants(n) for w in ("looked_at", "fresh")])
def test_every_mutant_is_rejected_with_the_hint_of_its_misconception(name, mistake, which):
    with np.errstate(all="ignore"):
        result = run(get(name), getattr(mutants(name)[mistake], which), shrink=False)
    (known,) = [m for m in get(name).misconceptions if m.id == mistake]
    assert not result.passed and result.misconception == mistake and result.hint == known.hint, str(result)


@pytest.mark.parametrize("name", CODED)
def test_hidden_cases_alone_reject_every_mutant_with_its_diagnosis(name):
    task = get(name)
    drawn = [(case, expected_answer(task, case)) for case in hidden(name, 40)]
    for mistake, pair in mutants(name).items():
        if mistake == "never_ends":
            continue  # a loop that does not end: the business of the grader's limits
        outcomes = []
        for case, expected in drawn:
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                outcomes.append(judge(task, case, asked(task, pair.fresh, case), expected))
        assert any(outcome.status != "right" for outcome in outcomes) or len(outcomes) < len(drawn), mistake
        if all(outcome.got is not None for outcome in outcomes) and len(outcomes) == len(drawn):
            found = diagnose(task, outcomes)
            assert found is not None and found.id == mistake


@pytest.mark.parametrize("name", [n for n in CODED if not get(n).tolerance.exact])
def test_rounding_does_not_let_a_mistake_through(name):
    """The tolerance for bfloat16 is the widest: in it, every mutant is still wrong."""
    for mistake, pair in mutants(name).items():
        with np.errstate(all="ignore"):
            result = run(get(name), in_bfloat16(pair.looked_at), shrink=False)
        assert not result.passed, mistake


def in_bfloat16(function):
    def rounded(value):
        return value.bfloat16() if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    def wrapped(*arguments, **named):
        answer = function(*arguments, **named)
        return tuple(rounded(v) for v in answer) if isinstance(answer, tuple) else rounded(answer)

    return wrapped


UNLIKE_ANY = {
    "zeros": lambda y: np.zeros_like(y),
    "ones": lambda y: np.ones_like(y),
    "one more": lambda y: y + 1,
    "negative": lambda y: -y - 1,
    "squared": lambda y: y**2 + 0.5,
    "noise": lambda y: np.random.default_rng(0).normal(size=y.shape),
    "mirrored and half": lambda y: y.reshape(-1)[::-1].reshape(y.shape) / 2 + 0.25,
}


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("way", UNLIKE_ANY)
def test_an_answer_unlike_any_known_mistake_gets_the_general_hint(name, way):
    task = get(name)

    def other(*arguments, **named):
        right = task.oracle(*arguments, **named)
        parts = right if isinstance(right, tuple) else (right,)
        wrong = tuple(torch.as_tensor(UNLIKE_ANY[way](np.asarray(p, dtype=float)).copy()) for p in parts)
        return wrong if isinstance(right, tuple) else wrong[0]

    if task.probe is None:
        result = run(task, other, shrink=False)
    else:  # the oracle is asked for what the probe gives, not for what the function gives
        cases = [*task.corners, *draw_cases(task, 30, 0)]
        result = run_cases(task, lambda case: judge(task, case, task.call(other, case)), cases, shrink=False)
    assert result.status != "error" and result.misconception is None and result.hint == task.hints[0], str(result)


STAGES = [bugs for n in (1, 2, 3) for bugs in itertools.combinations(("channels", "padding", "bias"), n)]


@pytest.mark.parametrize("bugs", STAGES, ids="+".join)
def test_the_found_layer_is_diagnosed_at_every_stage_of_its_repair(bugs):
    """Whichever of the three bugs are left, the hint names one of them."""

    def layer(image, mask, weight, bias, stride=1, padding=0):
        k, channels = weight.shape[-1], image.shape[1] if "channels" in bugs else 1
        mask = mask.expand(-1, channels, -1, -1)
        image, mask = F.pad(image * mask, [padding] * 4), F.pad(mask, [padding] * 4, value=float("padding" in bugs))
        known = F.conv2d(mask, torch.ones(1, channels, k, k), stride=stride)
        y, b = F.conv2d(image, weight, stride=stride) * k**2 / known.clamp(min=1), bias[:, None, None]
        y = torch.where(known > 0, y, torch.zeros_like(y)) + b if "bias" in bugs else torch.where(known > 0, y + b, torch.zeros_like(y))
        return y, (known > 0).float()

    found = {"scaled_by_channels": "channels", "padding_known": "padding", "bias_in_holes": "bias"}
    assert found[run(get("partial_convolution/partial_layer"), layer, shrink=False).misconception] in bugs


def test_the_example_shows_the_mistake_that_the_hint_names_and_no_other():
    """A missing factor, in a function that also lets the bias into the holes, is not shown on a window of holes, where it says nothing."""

    def without_factor(image, mask, kernel, bias=0.0):
        return F.conv2d((image * mask)[None, None], kernel[None, None])[0, 0] + bias

    result = run(get("partial_convolution/one_channel"), without_factor)
    case = result.case.arguments
    places = case["kernel"].shape
    known = F.conv2d(case["mask"][None, None], torch.ones(1, 1, *places))[0, 0].numpy()
    wrong = result.got[0] != result.expected[0]
    assert result.misconception == "not_rescaled" and ((known > 0) & (known < places.numel()) & wrong).any()

    def plain(size, kernel, stride=1, padding=0, dilation=1):
        return size - kernel + 1

    result = run(get("convolution/output_size"), plain)
    plainly = {"stride": 1, "padding": 0, "dilation": 1}
    more = [name for name, value in result.case.arguments.items() if value != plainly.get(name, value)]
    assert result.misconception == "plain_formula" and len(more) == 1, str(result)


# --- hidden cases ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODED)
def test_hidden_cases_come_from_the_key_and_the_solution_passes_them(name):
    task = get(name)
    cases = hidden(name, 40)
    for case in cases:
        outcome = judge(task, case, asked(task, solution(name), case))
        assert outcome.status == "right", f"{case}\n{outcome.message}"
        assert all(isinstance(value, torch.Tensor | int | float | list | tuple) for value in case.arguments.values())

    def show(drawn):
        return [str({n: v.tolist() if isinstance(v, torch.Tensor) else v for n, v in case.arguments.items()}) for case in drawn]

    assert show(cases) == show(hidden(name, 40)) and show(cases)[:5] == show(hidden(name, 5))
    assert len(set(show(cases)) & set(show(hidden(name, 40, b"another key of the tests")))) < 20


def test_every_coded_task_has_hidden_cases():
    assert sorted(CODED) == sorted(task for topic in TOPICS for task in part(topic, "hidden").DRAW)


# --- the oracles themselves, against others ----------------------------------------------------------------------------------------------


def every_case(name: str):
    """Visible and hidden cases with the oracle's answer."""
    task = get(name)
    for case in [*task.corners, *draw_cases(task, 30, 3), *hidden(name)]:
        yield case.fresh(), expected_answer(task, case)


def test_oracle_of_output_size():
    for a, (size,) in every_case("convolution/output_size"):
        starts = range(-a.get("padding", 0), a["size"] + a.get("padding", 0), a.get("stride", 1))
        fits = [s for s in starts if s + a.get("dilation", 1) * (a["kernel"] - 1) < a["size"] + a.get("padding", 0)]
        assert len(fits) == size


def exact(tensor):
    return np.vectorize(Fraction)(tensor.double().numpy())


def test_oracle_of_correlate():
    for a, (y,) in every_case("convolution/correlate"):
        padding, stride, dilation = a.get("padding", 0), a.get("stride", 1), a.get("dilation", 1)
        padded = F.pad(a["image"].double(), (padding,) * 4).numpy()
        (cout, _, high, wide), kernel = a["kernel"].shape, a["kernel"].double().numpy()
        for o, i, j in np.ndindex(cout, *y.shape[1:]):
            window = padded[:, i * stride :: dilation, j * stride :: dilation][:, :high, :wide]
            assert y[o, i, j] == pytest.approx((window * kernel[o]).sum(), abs=1e-12)


def test_oracle_of_convolve():
    for a, (y,) in every_case("convolution/convolve"):
        np.testing.assert_allclose(y, scipy.signal.convolve2d(a["image"].double(), a["kernel"].double(), mode="full"), atol=1e-12)


def test_oracle_of_seen():
    """By derivatives: the pixels on which the output depends. The row is long enough that no padding is needed to see them all."""
    for a, (first, last) in every_case("convolution/seen"):
        reach = int(last - first) + 1 + 2 * sum(p for _, _, p, _ in a["layers"]) * 3**6
        if reach > 3000:
            continue
        x = torch.ones(1, 1, reach, dtype=torch.float64, requires_grad=True)
        y, start, jump = x, 0, 1  # output 0 of this row starts on pixel 0; with padding it would start on -sum(p * jump)
        for kernel, stride, padding, dilation in a["layers"]:
            y = F.conv1d(y, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride, dilation=dilation)
            start, jump = start - padding * jump, jump * stride
        y[0, 0, 0].backward()
        touched = x.grad[0, 0].nonzero()
        assert touched[0] == 0 and (first, last) == (start + a["index"] * jump, start + a["index"] * jump + touched[-1].item())


def test_oracle_of_mean_filter():
    for a, (y,) in every_case("convolution/mean_filter"):
        image, ones = a["image"].double().numpy(), np.ones((a["size"], a["size"]))
        for _ in range(a.get("times", 1)):
            there = scipy.ndimage.correlate(np.ones_like(image), ones, mode="constant")
            image = scipy.ndimage.correlate(image, ones, mode="constant") / there
        np.testing.assert_allclose(y, image, atol=1e-12)


def test_oracle_of_window_factor():
    for a, (factor,) in every_case("partial_convolution/window_factor"):
        known = int((a["mask"] == 1).sum())
        assert float(factor) == (float(Fraction(a["mask"].numel(), known)) if known else 0)


def slow_partial_convolution(image, mask, weight, bias, stride=1, padding=0):
    """Exact fractions, place by place: what the definition says (Liu et al., equations 1 and 2)."""
    (batch, cin, rows, columns), (cout, _, high, wide) = image.shape, weight.shape
    down, across = (rows + 2 * padding - high) // stride + 1, (columns + 2 * padding - wide) // stride + 1
    x, w, b = exact(image), exact(weight), exact(bias)
    y, new = np.zeros((batch, cout, down, across)), np.zeros((batch, 1, down, across))
    for n, i, j in np.ndindex(batch, down, across):
        places = [(i * stride - padding + u, j * stride - padding + v, u, v) for u in range(high) for v in range(wide)]
        known = [(r, c, u, v) for r, c, u, v in places if 0 <= r < rows and 0 <= c < columns and mask[n, 0, r, c] == 1]
        new[n, 0, i, j] = bool(known)
        for o in range(cout):
            total = sum((x[n, ch, r, c] * w[o, ch, u, v] for ch in range(cin) for r, c, u, v in known), Fraction(0))
            y[n, o, i, j] = float(total * Fraction(high * wide, len(known)) + b[o]) if known else 0.0
    return y, new


def test_oracle_of_one_channel():
    for a, (y,) in every_case("partial_convolution/one_channel"):
        bias = torch.tensor([a.get("bias", 0.0)], dtype=torch.float64)
        right, _ = slow_partial_convolution(a["image"][None, None], a["mask"][None, None], a["kernel"][None, None], bias)
        np.testing.assert_allclose(y, right[0, 0], rtol=1e-12, atol=1e-12)


def test_oracle_of_partial_layer():
    for a, (y, new) in every_case("partial_convolution/partial_layer"):
        right, updated = slow_partial_convolution(**a)
        np.testing.assert_allclose(y, right, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(new, updated)


def test_oracle_of_update_mask():
    for a, (new,) in every_case("partial_convolution/update_mask"):
        stride, padding, size, mask = a.get("stride", 1), a.get("padding", 0), a["size"], a["mask"]
        for i, j in np.ndindex(new.shape):
            top, left = i * stride - padding, j * stride - padding
            assert new[i, j] == mask[max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)].any()


def test_oracle_of_layers_until_full():
    """The chessboard distance to the nearest known pixel, by SciPy."""
    for a, (layers,) in every_case("partial_convolution/layers_until_full"):
        mask = a["mask"].numpy()
        distance = scipy.ndimage.distance_transform_cdt(mask == 0, metric="chessboard").max() if mask.any() else None
        assert layers == (-1 if distance is None else -(-int(distance) // (a.get("size", 3) // 2)))
