"""The checks: what they accept, what they say about everything else, and that they cannot be fooled by accident."""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import hashlib
import hmac
import html
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

import course.checks
from course.checks import Case, CheckFailed, Misconception, Output, Task, Tolerance, check, get, hint, look, names, predict, run, score
from course.checks.cases import pixels
from course.checks.errors import first_look
from course.checks.keyed import KeyedRandom
from course.checks.predict import as_number
from course.checks.questions import question as find_question
from course.checks.run import draw_cases


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    """As in a student's notebook; pytest would make the checks strict."""
    monkeypatch.setenv("INPAINTLIB_CHECKS", "lenient")


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(course.checks.__path__)])
def test_the_examples_in_the_docstrings_hold(module, monkeypatch):
    monkeypatch.delenv("INPAINTLIB_CHECKS")
    assert doctest.testmod(importlib.import_module(f"course.checks.{module}")).failed == 0


# --- a small task ------------------------------------------------------------------------------------------------------------------------


@st.composite
def images(draw):
    return Case({"image": draw(pixels(draw(st.integers(1, 4)), draw(st.integers(1, 4)))), "shift": draw(st.integers(0, 2))})


def scaled(image, shift=0):
    """The right answer."""
    return 3.0 * image + shift


def make_task(**changes):
    mistakes = [
        Misconception("no_shift", "Where is the shift?", [lambda image, shift=0: 3.0 * image]),
        Misconception("doubled", "Three, not two.", [lambda image, shift=0: 2.0 * image + shift]),
        Misconception("inside", "Shift last.", [lambda image, shift=0: 3.0 * (image + shift)]),
        Misconception("divides", "Divide by what?", explains=lambda case, got, expected: isinstance(got, ZeroDivisionError)),
    ]
    parts = {
        "id": "small/scaled",
        "points": 2,
        "signature": "scaled(image, shift=0)",
        "goal": "Three times the image, and a shift.",
        "cases": images,
        "corners": [Case({"image": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}, "no shift"), Case({"image": torch.ones(1, 1), "shift": 2})],
        "oracle": lambda image, shift=0: 3 * image.double() + shift,
        "tolerance": Tolerance("one product and one sum, rounded"),
        "misconceptions": mistakes,
        "hints": ("general", "second", "third"),
        "tested": "small images",
    }
    return Task(**{**parts, **changes})


SCALED = make_task()
TWO = (Output("image"), Output("total", "number"))
PAIR = make_task(returns=TWO, oracle=lambda image, shift=0: (3 * image.double() + shift, image.sum()))


# --- what is accepted --------------------------------------------------------------------------------------------------------------------

FORMS = {
    "float32": lambda y: y,
    "float64": lambda y: y.double(),
    "float16": lambda y: y.half(),
    "bfloat16": lambda y: y.bfloat16(),
    "int64": lambda y: y.long(),
    "with a gradient": lambda y: y.clone().requires_grad_(),
    "a parameter": lambda y: torch.nn.Parameter(y),
    "not contiguous": lambda y: y.T.contiguous().T,
    "every second column of a wider one": lambda y: y.repeat_interleave(2, 1)[:, ::2],
    "reversed memory": lambda y: y.flip(0).flip(0),
    "numpy": lambda y: y.numpy(),
    "numpy, negative strides": lambda y: y.numpy()[::-1].copy()[::-1],
    "numpy, other byte order": lambda y: y.numpy().astype(">f8"),
    "nested lists": lambda y: y.tolist(),
    "a list of tensors": lambda y: list(y),
    "a tuple of one": lambda y: (y,),
}


@pytest.mark.parametrize("form", FORMS)
def test_right_values_pass_in_every_form(form):
    result = run(SCALED, lambda image, shift=0: FORMS[form](scaled(image, shift)))
    assert result.passed and result.points == 2 and result.cases == 32, str(result)


def test_a_number_may_come_in_many_forms():
    task = make_task(returns=(Output("total", "number"),), oracle=lambda image, shift=0: int(image.sum()) + shift)
    for form in (float, int, np.float32, torch.tensor, lambda x: torch.tensor([[x]]), lambda x: np.array([x])):
        assert run(task, lambda image, shift=0, form=form: form(image.sum().item() + shift)).passed
    pair = make_task(returns=(Output("a", "number"), Output("b", "number")), oracle=lambda image, shift=0: (shift, image.numel()))
    for form in (tuple, list, torch.tensor, np.array):
        assert run(pair, lambda image, shift=0, form=form: form([shift, image.numel()])).passed


def test_a_buffer_that_is_used_again_is_no_wrong_answer():
    buffer = torch.empty(16)

    def reuses(image, shift=0):
        y = buffer[: image.numel()].view_as(image)
        return torch.add(3.0 * image, shift, out=y) if y.is_contiguous() else None

    assert run(SCALED, reuses).passed


def test_masks_pass_as_bool_or_bytes_and_counts_do_not():
    task = make_task(returns=(Output("mask", "mask"),), oracle=lambda image, shift=0: image > 1)
    for convert in (torch.Tensor.bool, torch.Tensor.byte, torch.Tensor.double):
        assert run(task, lambda image, shift=0, convert=convert: convert((image > 1).float())).passed
    assert run(task, lambda image, shift=0: (image > 1) * 1.001).status == "wrong"


# --- what is not -------------------------------------------------------------------------------------------------------------------------


def loops(image, shift=0):
    while True:
        with contextlib.suppress(Exception):  # which must not stop the alarm
            shift += 1


def raises(error):
    def function(image, shift=0):
        raise error

    return function


def changes_input(image, shift=0):
    image *= 3
    return image + shift


def zeroes_input(image, shift=0):
    image.zero_()
    return image + shift


def one_element_off(image, shift=0):
    y = scaled(image, shift)
    y.view(-1)[-1] += 0.1
    return y


FAULTS = {
    "returns nothing": (lambda image, shift=0: None, "type", "return"),
    "returns a word": (lambda image, shift=0: "three", "type", "str"),
    "returns a dictionary": (lambda image, shift=0: {"y": image}, "type", "dict"),
    "ragged lists": (lambda image, shift=0: [[1.0], [1.0, 2.0]], "type", "list"),
    "an array of objects": (lambda image, shift=0: np.array([None] * image.numel()), "type", "object"),
    "complex numbers": (lambda image, shift=0: scaled(image, shift) + 0j, "type", "complex"),
    "a sparse tensor": (lambda image, shift=0: scaled(image, shift).to_sparse(), "type", "sparse"),
    "no content": (lambda image, shift=0: scaled(image, shift).to("meta"), "type", "tensor"),
    "another dimension": (lambda image, shift=0: scaled(image, shift)[None], "shape", "(1, "),
    "empty": (lambda image, shift=0: scaled(image, shift)[:0], "shape", "(0, "),
    "NaN": (lambda image, shift=0: scaled(image, shift) * float("nan"), "nan", "nan"),
    "infinity": (lambda image, shift=0: scaled(image, shift) + float("inf"), "nan", "inf"),
    "an exception": (raises(RuntimeError("the window is too large")), "error", "RuntimeError: the window is too large"),
    "an exit": (raises(SystemExit(0)), "error", "SystemExit"),
    "a loop without end": (loops, "slow", "loop that never ends"),
    "the stub": (raises(NotImplementedError("scaled")), "stub", "raise NotImplementedError"),
    "another signature": (lambda image: image, "signature", "scaled(image, shift=0)"),
    "changes its input": (changes_input, "changed", "`image`"),
    "zeroes its input": (zeroes_input, "wrong", "also wrote into its argument `image`"),
    "one element of many": (one_element_off, "wrong", "expected"),
    "a thousandth off": (lambda image, shift=0: scaled(image, shift) * 1.001, "wrong", "expected"),
    "bfloat16, a tenth off": (lambda image, shift=0: (scaled(image, shift) * 1.1).bfloat16(), "wrong", "expected"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_own_message(fault):
    function, status, words = FAULTS[fault]
    begin = time.perf_counter()
    result = run(SCALED, function)
    assert not result.passed and result.points == 0 and result.status == status, str(result)
    markup = result._repr_html_().replace("<code>", "`").replace("</code>", "`")
    assert words in str(result) and html.escape(words, quote=False) in markup
    assert time.perf_counter() - begin < 15  # 5 s on a machine that does nothing else
    if status in ("wrong", "shape", "nan", "error"):
        assert result.hint == (first_look(result.got) if status == "error" else "general") and 'hint("small/scaled", 2)' in str(result)


def test_too_few_things_are_named():
    for answer, words in ((torch.ones(1), "return image, total"), ((1, 2, 3), "3 things"), ([1], "one thing")):
        result = run(PAIR, lambda image, shift=0, answer=answer: answer)
        assert result.status == "type" and words in str(result)


def test_the_line_that_failed_is_shown():
    def looks_too_far(image, shift=0):
        y = image.clone()
        y[99] = 0
        return y

    assert "in looks_too_far, line" in str(run(SCALED, looks_too_far)) and "`y[99] = 0`" in str(run(SCALED, looks_too_far))


ONES = torch.ones(1, 1, 1, 1)
ERRORS = {
    "a bool mask in a convolution": ("update_mask", lambda mask, size, **k: F.conv2d(mask[None, None] > 0, ONES), "write `.float()`"),
    "no batch": ("update_mask", lambda mask, size, **k: F.conv2d(mask, torch.ones(1, 1, size, size)), "`mask[None, None]`"),
    "a kernel without channels": ("update_mask", lambda mask, size, **k: F.conv2d(mask[None, None], mask), "`kernel[None, None]`"),
    "no padding": ("update_mask", lambda mask, size, **k: torch.ones(2, 4) * torch.ones(5, 7), "pad first"),
    "a bias along the columns": ("partial_layer", lambda x, m, w, b, **k: torch.ones(1, 2, 5, 4) + b, "`bias[:, None, None]`"),
    "a negative step": ("update_mask", lambda mask, size, **k: mask[::-1, ::-1], "`kernel.flip(0, 1)`"),
    "size without brackets": ("window_factor", lambda mask: mask.size / mask.sum(), "`mask.numel()`"),
    "whole numbers in a kernel": ("update_mask", lambda mask, size, **k: F.conv2d(mask[None, None], ONES.long()), "(Long) and floats"),
    "an array of NumPy": ("update_mask", lambda mask, size, **k: F.conv2d(mask.numpy()[None, None], ONES), "torch.from_numpy"),
}


@pytest.mark.parametrize("habit", ERRORS)
def test_errors_that_students_meet_are_explained(habit):
    name, function, words = ERRORS[habit]
    task = get(f"partial_convolution/{name}")
    if name == "partial_layer":  # two channels, so that the bias does not fit by chance
        task = dataclasses.replace(task, corners=[case for case in task.corners if len(case.arguments["bias"]) == 2])
    result = run(task, function, shrink=False, examples=0)
    assert result.status == "error" and words in str(result) and f"Hint: {result.hint}" in str(result) and result.hint


def test_a_torch_error_is_no_stub_and_a_stub_that_is_called_is_named():
    def calls(image, shift=0):
        raise NotImplementedError("window_sum")

    result = run(SCALED, calls)
    assert result.status == "stub" and "`scaled` calls `window_sum`, and that is not written yet" in str(result)
    assert run(SCALED, raises(NotImplementedError("\"max_pool2d\" not implemented for 'Bool'"))).status == "error"


def test_numpys_warning_about_tensors_is_not_shown(recwarn):
    assert run(SCALED, lambda image, shift=0: 3 * np.array(image) + shift).passed
    assert not [warning for warning in recwarn if "__array__" in str(warning.message)]


def test_prints_are_caught_and_shown_with_the_failing_case(capsys):
    def talks(image, shift=0):
        print("sum is", image.sum().item(), "x" * 5000)
        return image

    text = str(run(SCALED, talks))
    assert capsys.readouterr().out == "" and "printed: sum is" in text and len(text) < 2000


def test_an_interrupt_by_the_student_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        run(SCALED, raises(KeyboardInterrupt()))


def test_cancelling_terms_are_judged_by_their_size():
    """A sum of large terms that leaves almost nothing: the rounding of the terms is no mistake, another result is."""
    task = make_task(
        cases=lambda: st.builds(lambda x: Case({"image": torch.tensor([[1e6 + x, -1e6]])}), st.integers(0, 3)),
        corners=[Case({"image": torch.tensor([[1e6, -1e6]])})],
        oracle=lambda image: image.double().sum(1),
        tolerance=Tolerance("the rounding of the terms", scale=lambda image: image.abs().double().sum(1)),
        misconceptions=[],
        signature="total(image)",
    )
    assert run(task, lambda image: image.sum(1) + 0.5).passed  # half a unit of a million
    assert not run(task, lambda image: image.sum(1) + 100).passed
    assert not run(dataclasses.replace(task, tolerance=Tolerance("none")), lambda image: image.sum(1) + 0.5).passed


# --- the diagnosis -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "known"),
    [
        (lambda image, shift=0: 3 * image, "no_shift"),
        (lambda image, shift=0: (image + image + image).numpy(), "no_shift"),
        (lambda image, shift=0: 2 * image + shift, "doubled"),
        (lambda image, shift=0: 3 * image + 3 * shift, "inside"),
        (raises(ZeroDivisionError()), "divides"),
        (lambda image, shift=0: torch.zeros_like(image), None),
        (lambda image, shift=0: image, None),
        (lambda image, shift=0: scaled(image, shift).T, None),
        (lambda image, shift=0: torch.full_like(image, float("nan")), None),
        (raises(ValueError("no")), None),
    ],
)
def test_known_mistakes_are_named_and_others_get_the_general_hint(function, known):
    result = run(SCALED, function)
    assert result.misconception == known and not result.passed
    general = first_look(result.got) if result.status == "error" else "general"
    assert result.hint == next((m.hint for m in SCALED.misconceptions if m.id == known), general)


def test_a_mistake_that_would_also_be_wrong_where_the_answer_is_right_is_not_it():
    """Where the image is 0, `doubled` and `no_scale` look alike; the cases that are right tell them apart."""
    task = make_task(misconceptions=[Misconception("shift_only", "", [lambda image, shift=0: torch.zeros_like(image) + shift])])
    assert run(task, lambda image, shift=0: torch.zeros_like(image) + shift).misconception == "shift_only"
    right_but_for_one = run(task, lambda image, shift=0: torch.zeros(1, 1) + shift if image.numel() == 1 else scaled(image, shift))
    assert not right_but_for_one.passed and right_but_for_one.misconception is None


def test_of_two_mistakes_one_is_named():
    """Twice the image and no shift: where the shift is 0, only the one shows, and those cases tell."""
    both = run(SCALED, lambda image, shift=0: 2 * image)
    assert both.misconception == "doubled" and both.case.arguments["shift"] == 0


# --- the smallest failing input ----------------------------------------------------------------------------------------------------------


def test_the_smallest_failing_input_is_found_and_does_fail():
    result = run(SCALED, lambda image, shift=0: 3 * image)
    assert result.case.arguments["image"].shape == (1, 1) and result.case.arguments["shift"] == 1
    assert float(result.got[0][0, 0]) == 0.0 and float(result.expected[0][0, 0]) == 1.0
    only_wide = run(SCALED, lambda image, shift=0: scaled(image, shift) + (image.shape[1] > 2))
    assert only_wide.case.arguments["image"].shape == (1, 3) and only_wide.case.arguments["image"].sum() == 0


def test_the_picture_keeps_to_the_mistake_that_the_hint_names():
    """With two mistakes the smallest failing input of all might show the other one."""
    result = run(SCALED, lambda image, shift=0: image if image.numel() == 1 else 2 * image + shift)
    assert result.misconception == "doubled" and result.case.arguments["image"].numel() > 1


def test_the_same_function_gives_the_same_result():
    first, second = (run(SCALED, lambda image, shift=0: 2 * image + shift) for _ in range(2))
    assert str(first) == str(second) and first._repr_html_() == second._repr_html_()


def test_the_cases_are_those_of_the_seed_and_differ():
    def seen(seed):
        return [str(case.arguments) for case in draw_cases(make_task(), 30, seed)]

    assert seen(0) == seen(0) != seen(1) and len(set(seen(0))) > 20


def test_holes_and_wrong_places_are_marked_by_more_than_colour():
    task = get("partial_convolution/one_channel")
    image, mask = torch.tensor([[4.0, 7.0]]), torch.tensor([[1.0, 0.0]])
    case = Case({"image": image, "mask": mask, "kernel": torch.ones(1, 2), "bias": 0.0})
    plain_sum = lambda image, mask, kernel, bias=0.0: torch.full((1, 1), 4.0)  # noqa: E731
    result = run(dataclasses.replace(task, corners=[case]), plain_sum, examples=0, shrink=False)
    text, markup = str(result), result._repr_html_()
    assert "(7)" in text and "4*" in text and "8" in text
    for mark in ("(7)", "repeating-linear-gradient", "✗", "<caption", 'role="status"'):
        assert mark in markup


def test_large_planes_become_images_with_a_text_alternative():
    big = Case({"image": torch.arange(400.0).reshape(20, 20)})
    task = make_task(corners=[big])
    result = run(task, lambda image, shift=0: image, examples=0, shrink=False)
    assert "<img alt=" in result._repr_html_() and "20 by 20 values" in result._repr_html_() and "wrong" in result._repr_html_()
    assert "20 x 20" in str(result)


def test_what_students_wrote_is_escaped():
    result = run(SCALED, raises(ValueError("<script>alert(1)</script>")))
    assert "<script>" in str(result) and "<script>" not in result._repr_html_() and "&lt;script&gt;" in result._repr_html_()


# --- in a notebook -----------------------------------------------------------------------------------------------------------------------


def stub(*_, **__):
    raise NotImplementedError("output_size")


def wrong_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride


def test_lenient_checks_go_on_and_strict_ones_raise(monkeypatch, capsys):
    assert check("convolution/output_size", stub).status == "stub"
    assert check("convolution/output_size", wrong_size).misconception == "first_place_forgotten"
    assert "Not written yet" in capsys.readouterr().out
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strict")
    with pytest.raises(NotImplementedError, match=r"^output_size$") as stubbed:
        check("convolution/output_size", stub)
    assert type(stubbed.value) is NotImplementedError
    with pytest.raises(NotImplementedError, match=r"^output_size$"):
        look("convolution/output_size", stub)
    with pytest.raises(CheckFailed, match="cannot move at all") as failed:
        check("convolution/output_size", wrong_size)
    assert failed.value.result.misconception == "first_place_forgotten" and failed.value._render_traceback_()[0].startswith("CheckFailed")
    monkeypatch.delenv("INPAINTLIB_CHECKS")  # under pytest, and so under nbval, checks are strict by themselves
    with pytest.raises(CheckFailed):
        check("convolution/output_size", wrong_size)
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strickt")
    with pytest.raises(ValueError, match="'strickt'"):
        check("convolution/output_size", wrong_size)


CELLS = [
    "from course.checks import check\ndef size(size, kernel, stride=1, padding=0, dilation=1):\n    raise NotImplementedError('size')",
    "check('convolution/output_size', size)",
    "size = lambda size, kernel, stride=1, padding=0, dilation=1: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1",
    "result = check('convolution/output_size', size)\n'more'",
    "result",
]


def notebook(cells):
    import nbformat

    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])


def test_a_result_is_shown_once_wherever_it_stands_in_its_cell(tmp_path):
    from nbclient import NotebookClient

    live = notebook(CELLS)
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | {"INPAINTLIB_CHECKS": ""}
    client = NotebookClient(live, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=env)
    outputs = [cell.outputs for cell in live.cells]
    shown = [[out for out in cell if "<check of" in str(out.get("data", {}).get("text/plain", ""))] for cell in outputs]
    assert [len(found) for found in shown] == [0, 1, 0, 1, 1]
    assert [len(found) for found in outputs] == [0, 1, 0, 2, 1]
    assert "stub" in shown[1][0]["data"]["text/plain"] and "Not written yet" in shown[1][0]["data"]["text/html"]
    assert all("passed" in found[0]["data"]["text/plain"] for found in (shown[3], shown[4]))
    assert list(tmp_path.iterdir()) == []  # no .hypothesis beside the notebook


def test_a_failed_check_fails_under_nbval(tmp_path):
    """A solution notebook must not pass because its check only showed that something is wrong."""
    import nbformat

    for name, cells in {"right": CELLS[2:3] + CELLS[3:4], "wrong": [CELLS[2].removesuffix(" + 1"), CELLS[3]]}.items():
        nbformat.write(notebook(["from course.checks import check", *cells]), tmp_path / f"{name}.ipynb")
    env = {key: value for key, value in os.environ.items() if key != "INPAINTLIB_CHECKS" and not key.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider", "--tb=line"]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run([*command, "-c", "pytest.ini", "."], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "1 failed" in done.stdout and "wrong.ipynb" in done.stdout, done.stdout + done.stderr


MISUSED = {
    "Did you mean 'convolution/correlate'": lambda: check("convolution/corelate", stub),
    "no task 'correlate'": lambda: hint("correlate"),
    'check("convolution/output_size", output_size); got int 3': lambda: check("convolution/output_size", 3),
    "id of a task": lambda: check(stub, "convolution/output_size"),
    "three hints": lambda: hint("convolution/output_size", 4),
    "no single right answer": lambda: look("convolution/design"),
    "no exercise of a unit 'convolutions'": lambda: score("convolutions"),
}


@pytest.mark.parametrize("words", MISUSED)
def test_a_call_that_cannot_be_meant_gets_a_note_and_raises_only_where_answers_must_be_right(words, monkeypatch, capsys):
    note = MISUSED[words]()
    assert words in capsys.readouterr().out and note.passed is None and html.escape(words, quote=False) in note._repr_html_()
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strict")
    with pytest.raises((KeyError, TypeError)) as raised:
        MISUSED[words]()
    assert words in str(raised.value) and not str(raised.value).startswith('"')


from torch.nn.functional import conv2d as slide_by_another_name  # noqa: E402


def helped(image, kernel, stride=1, padding=0, dilation=1):
    return slide_by_another_name(image[None], kernel, None, stride, padding, dilation)[0]


def hidden_import(image, kernel, **options):
    from torch.nn.functional import conv2d as slide

    return slide(image[None], kernel, **options)[0]


BY_CONV2D = {
    "F.conv2d": lambda image, kernel, **options: F.conv2d(image[None], kernel, **options)[0],
    "torch.conv2d": lambda image, kernel, **options: torch.conv2d(image[None], kernel, **options)[0],
    "the whole path": lambda image, kernel, **options: torch.nn.functional.conv2d(image[None], kernel, **options)[0],
    "another name": helped,
    "a helper": lambda image, kernel, **options: helped(image, kernel, **options),
    "an import inside": hidden_import,
    "a function inside": lambda image, kernel, **options: (lambda: F.conv2d(image[None], kernel, **options)[0])(),
}


@pytest.mark.parametrize("way", BY_CONV2D)
def test_what_a_task_rules_out_earns_no_points(way, monkeypatch):
    result = check("convolution/correlate", BY_CONV2D[way])
    assert result.status == "forbidden" and not result.passed and result.points == 0
    assert "values are right, but `conv2d` is the answer" in str(result) and "<code>conv2d</code>" in result._repr_html_()
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strict")
    with pytest.raises(CheckFailed, match="No points"):
        check("convolution/correlate", BY_CONV2D[way])


def test_the_same_names_where_they_are_meant_to_be_used():
    from course.checks.policy import ruled_out

    def convolve(x):  # a student's own function of another task
        return x

    assert ruled_out(lambda x: convolve(x), get("convolution/correlate").forbids) == ""
    assert ruled_out(stub, ["stub"]) == "" and ruled_out(len, ["conv2d"]) == ""
    library = importlib.import_module("inpaintlib.layers")
    assert ruled_out(lambda x: library.PartialConv2d(x), ["inpaintlib.layers"]) == "inpaintlib.layers"


OWN_NAMES = """
import functools
import types
import torch
import torch.nn.functional as F

def named_outside(x): return x
blur = torch.ones(3, 3) / 9
tools = types.SimpleNamespace(unfold=named_outside)

class Filter:
    def blur(self, x): return x
    def unfold(self, x): return self.blur(x)

def nested(x, size, times=1):
    def blur(x): return x
    return [blur(x) for _ in range(times)][-1]

def inner(x, size, times=1):
    def blur(x): return x
    def go(x, n): return x if n == 0 else go(blur(x), n - 1)
    return go(x, times)

def generator(x):
    unfold = lambda row: row
    return max(unfold(row) for row in x)

def parameter(x, convolve=named_outside, blur=None):
    return [convolve(row) for row in x]

def method(x): return Filter().blur(x)
def local_object(x):
    filter = Filter()
    return filter.unfold(x)
def data(x): return (x * blur).sum()
def namespace(x): return tools.unfold(x)
def local_class(x):
    class Box:
        def blur(self): return x
    return Box().blur()
def attribute(x):
    x.blur = 3
    return x
"""
LIBRARYS = """
import functools
import torch
import torch.nn.functional as F
import scipy.ndimage
from torch.nn.functional import unfold as u
from scipy.ndimage import convolve as c

blur = functools.partial(F.avg_pool2d, kernel_size=3)
answer = torch.conv2d

class Filter:
    def go(self, x): return F.unfold(x, 3)

class Answer:
    def __call__(self, x): return F.conv2d(x, x)
class Mine(torch.Tensor):
    pass
called = Answer()

def alias(x): return u(x, 3)
def partial(x): return blur(x)
def other_name(x): return [c(row, x) for row in x]
def tensor_method(x): return x.unfold(0, 3, 1)
def of_a_class(x): return torch.Tensor.unfold(x, 0, 3, 1)
def inherited(x): return Mine(x).unfold(0, 3, 1)
def in_a_method(x): return Filter().go(x)
def by_default(x, f=F.unfold): return f(x, 3)
def inside(x):
    import cv2
    return [cv2.blur(row, (3, 3)) for row in x]
def module(x):
    import scipy.ndimage as n
    return n.convolve(x, x)
def local_alias(x):
    G = F
    return (lambda: G.unfold(x, 3))()
def both(x):
    def blur(x): return F.unfold(x, 3)
    return [blur(row) for row in x]
def by_text(x): return getattr(F, "unfold")(x, 3)
"""


def in_a_notebook(code):
    space = {"__name__": "a notebook"}
    exec(code, space)
    return {name: value for name, value in space.items() if callable(value) and getattr(value, "__module__", "") == "a notebook"} | {
        name: space[name] for name in ("answer", "called") if name in space
    }


def test_own_names_are_not_taken_for_the_librarys_and_the_librarys_are_found_under_any_name():
    from course.checks.policy import doubtful, ruled_out

    forbids = (*get("convolution/correlate").forbids, *get("convolution/mean_filter").forbids)
    own, librarys = in_a_notebook(OWN_NAMES), in_a_notebook(LIBRARYS)
    assert {name: found for name in own if (found := ruled_out(own[name], forbids))} == {} and len(own) == 12
    assert [name for name in librarys if not ruled_out(librarys[name], forbids)] == ["Mine"] and len(librarys) == 18
    assert ruled_out(lambda: F.conv2d, ["torch.nn.functional"]) == "torch.nn.functional"

    # Where nobody can tell, a person looks: a decoy beside a tensor, a text that is run.
    decoy = "class Box:\n    def unfold(self): pass\ndef f(x):\n    Box\n    return x.unfold(0, 3, 1)\n"
    decoy += "def g(x): return eval('x.unfold(0, 3, 1)')"
    for function in (in_a_notebook(decoy)[name] for name in "fg"):
        assert (ruled_out(function, forbids), doubtful(function, forbids)) == ("", "unfold")
    assert [name for name in own if doubtful(own[name], forbids)] == ["Filter", "method", "local_object", "namespace", "local_class"]


def test_a_bool_mask_is_right_and_a_note_says_what_it_is_not_good_for():
    result = run(get("partial_convolution/update_mask"), lambda *a, **k: get("partial_convolution/update_mask").oracle(*a, **k) > 0)
    assert result.passed and "`F.conv2d` takes floats only" in str(result)
    assert not run(get("partial_convolution/update_mask"), get("partial_convolution/update_mask").oracle).note


def test_the_score_adds_up_what_was_checked_last():
    right = get("convolution/output_size").oracle
    total = get("convolution/design").points
    for function, points in ((wrong_size, 0), (right, 0), (lambda *a, **k: (wrong_size(*a, **k) + 1), 1)):
        check("convolution/output_size", function)  # the oracle asks PyTorch, which is ruled out
        text = score("convolution").text
        assert text.startswith(f"{points} of 10 points so far, and up to {total} from a reader") and f"{points} of 1  output_size" in text
    assert "- of 4  design: marked by a reader" in text and "<table>" in score("convolution")._repr_html_()


def test_hints_say_different_things_and_open_tasks_show_their_rubric(capsys):
    for name in names():
        assert len({hint(name, level).text for level in (1, 2, 3)}) == 3
    result = check("convolution/design")
    assert result.passed is None and "1  The aim" in capsys.readouterr().out and "<table>" in result._repr_html_()


def test_look_draws_the_example_and_marks_what_is_wrong():
    right = look("partial_convolution/one_channel")
    wrong = look("partial_convolution/one_channel", lambda image, mask, kernel, bias=0.0: torch.zeros(3, 3))
    assert "16.5" in right.text and "1.8" in right.text and "(5)" in right.text and "got" not in right.text
    assert '<img src="data:image/png;base64,' in right.markup and "16.5 -10.8 -19.5" in right.markup  # the alternative holds the numbers
    assert "0*" in wrong.text and "expected 16.5" in wrong.text


def test_the_shape_stands_over_every_grid():
    note = look("convolution/correlate")
    for words in ("image[0] of (2, 4, 4)", "kernel[0, 1] of (1, 2, 2, 2)", "expected (1, 2, 2)"):
        assert words in note.text and words in note.markup  # in the alternative of the picture
    result = run(SCALED, lambda image, shift=0: image[None])
    assert "image (1, 1)" in str(result) and "got (1, 1, 1)" in str(result) and "<caption" in result._repr_html_()
    number = run(get("convolution/output_size"), wrong_size)
    assert "expected    got" in str(number)  # a number has no shape


LEFT_OUT = {"stride": 1, "padding": 0, "dilation": 1}


@pytest.mark.parametrize("option", LEFT_OUT)
def test_the_example_of_correlate_shows_every_option_that_is_left_out(option):
    oracle = get("convolution/correlate").oracle
    note = look("convolution/correlate", lambda image, kernel, **options: oracle(image, kernel, **{**options, option: LEFT_OUT[option]}))
    assert "gives these values" not in note.text and "expected" in note.text


# --- predict -----------------------------------------------------------------------------------------------------------------------------


def test_a_prediction_has_a_still_twin_with_a_closed_answer():
    guess = predict("Is 1 < 2?", choices=["yes", "no"], answer="yes", explain="1 is `less`.", remarks={"no": "Count again."})
    bundle = guess._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle and guess.guess is None and guess.answer == 0
    markup = bundle["text/html"]
    assert "1 &lt; 2" in markup and "<details>" in markup and markup.index("yes") < markup.index("<details>")
    assert "1 is <code>less</code>." in markup[markup.index("<details>") :] and "less" not in bundle["text/plain"]
    guess.live().guess = "1"
    assert guess.guess == "1" and json.loads(json.dumps(guess.state()))["remarks"] == {"1": "Count again."}


def test_a_question_after_the_lesson_is_no_prediction(tmp_path):
    asked = predict("Is 1 < 2?", choices=["yes", "no"], answer="yes", explain="It is.", label="Check yourself.")
    assert "<strong>Check yourself.</strong> Is" in asked._repr_html_() and "Predict." not in asked._repr_html_()
    assert asked.live().label == "Check yourself." and predict("?", answer=1, explain="x").live().label == "Predict."
    (tmp_path / "unit").mkdir()
    entry = '[one]\nkind = "{}"\nquestion = "?"\nanswer = 3\nexplain = "."\n[one.remarks]\n2 = """\ntoo\nfew"""\n'
    (tmp_path / "unit" / "questions.toml").write_text(entry.format("check"))
    stored = find_question("unit/one", tmp_path)
    assert stored["label"] == "Check yourself." and stored["remarks"] == {"2": "too few"} and "kind" not in stored
    assert predict(**stored).state()["remarks"] == {"2.0": "too few"}
    (tmp_path / "unit" / "questions.toml").write_text(entry.format("chekc"))
    with pytest.raises(ValueError, match="'chekc'; expected one of predict, check"):
        find_question("unit/one", tmp_path)


def test_predictions_that_make_no_sense_are_refused():
    two = ["a", "b"]
    for wrong in ({"choices": ["a"], "answer": 0}, {"choices": two, "answer": 2}, {"choices": two, "answer": "c"}, {"answer": "many"}):
        with pytest.raises(ValueError, match=r"answer|choices"):
            predict("?", explain="", **wrong)
    with pytest.raises(ValueError, match="tolerance"):
        predict("?", answer=1.0, explain="", tolerance=-1)


STORED = sorted(path for path in (Path(__file__).parents[1] / "course" / "units").glob("*/questions.toml"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.parent.name)
def test_every_stored_question_can_be_asked(path):
    for name in tomllib.loads(path.read_text("utf-8")):
        asked = predict(f"{path.parent.name}/{name}")
        assert asked.explain and asked.answer_text and "Answer" in asked._repr_html_()


def test_numbers_are_read_as_people_write_them():
    numbers = {"16.5": 16.5, "16,5": 16.5, " 33/2 ": 16.5, "−3": -3.0, "1e3": 1000.0}
    assert {text: as_number(text) for text in numbers} == numbers
    assert [as_number(text) for text in ("", "a", "1/0", "1//2", "nan")] == [None] * 5


# --- numbers from a key ------------------------------------------------------------------------------------------------------------------


def test_keyed_numbers_follow_their_definition():
    key = bytes(range(32))
    random = KeyedRandom(key, "a/b")
    for count in range(5):
        digest = hmac.new(key, b"a/b\0" + count.to_bytes(8, "big"), hashlib.sha256).digest()
        assert random.uniform() == (int.from_bytes(digest[:8], "big") >> 11) / 2**53
    drawn = torch.tensor([KeyedRandom(key, str(i)).integer(0, 9) for i in range(2000)])
    assert set(drawn.tolist()) == set(range(10)) and torch.bincount(drawn).min() > 140
    assert KeyedRandom(key, "x").tensor(2, 3).shape == (2, 3) and set(KeyedRandom(key, "x").mask(9, 9).unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(KeyedRandom(key, "x").tensor(4), KeyedRandom(key, "y").tensor(4))
    with pytest.raises(ValueError, match="at least 16 bytes"):
        KeyedRandom(b"short", "x")
