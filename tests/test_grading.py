"""Grading what is meant well: right, partly right, wrong and broken submissions get the marks that their working parts deserve."""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from grading import KEY, SMALL, TOPIC, add, exercise, grade, handed_out, needs_sandbox, points, solution, solved, statuses

from course import ROOT, CourseError, Tree
from course.checks.call import try_case
from course.checks.judge import expected_answer
from course.checks.run import run_cases
from course.checks.task import Case, OpenTask, Output, Task, get, names
from course.checks.tolerance import Tolerance
from course.grading import preflight, sandbox
from course.grading.answers import AT_END, WHOLE, answers, sections
from course.grading.attempt import Subject
from course.grading.carried import carried_on
from course.grading.exercise import load
from course.grading.grade import grade_one
from course.grading.limits import Limits
from course.grading.plan import Plan, defined, flags, make_plan
from course.grading.process import Process
from course.grading.repair import as_python, parses
from course.grading.result import SubmissionResult, TaskResult, Visible
from course.grading.runner import Job, Store, file_name, run
from course.grading.sandbox import Sandbox
from course.grading.scope import needed_below
from course.grading.seccomp import filter_program
from course.grading.session import Session
from course.grading.settings import Settings
from course.grading.submission import Cell, Unreadable, read
from course.networks.judge import solution as weights_of

FULL = {"output_size": 1, "correlate": 3, "convolve": 2, "seen": 2, "mean_filter": 2, "design": None}
TOPICS = [t for t in dict.fromkeys(name.partition("/")[0] for name in names()) if list((ROOT / "exercises").glob(f"[0-9][0-9]_{t}.ipynb"))]


def written(tmp_path, content, name="ada.ipynb"):
    path = tmp_path / name
    data = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


# --- reading ------------------------------------------------------------------------------------------------------------------------------

OLD = {
    "nbformat": 3,
    "metadata": {},
    "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n", "y = 2"]}, {"cell_type": "markdown", "source": "words"}]}],
}


def test_every_kind_of_notebook_can_be_read(tmp_path):
    plain = read(written(tmp_path, solved()))
    assert plain.unit == TOPIC and plain.notes == () and len(plain.digest) == 64 and "convolution-correlate" in plain.texts
    assert [cell.source for cell in read(written(tmp_path, OLD)).cells] == ["x = 1\ny = 2"]
    older = solved()
    for cell in older["cells"]:
        del cell["id"]
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
    assert [cell.source for cell in read(written(tmp_path, older)).cells] == [cell.source for cell in plain.cells]
    umlaut = json.dumps({"cells": [{"cell_type": "code", "source": "größe = 1"}]}, ensure_ascii=False)
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        found = read(written(tmp_path, umlaut.encode(encoding)))
        assert [cell.source for cell in found.cells] == ["größe = 1"] and bool(found.notes) == (encoding != "utf-8-sig")
    script = '# %% [markdown]\n# words\n# %% tags=["experiment"]\nx = 1\n# %%\ny = 2\n'
    found = [(cell.source, cell.tags) for cell in read(written(tmp_path, script, "ada.py")).cells]
    assert found == [("x = 1", ("experiment",)), ("y = 2", ())]


def test_outputs_of_a_hundred_megabytes_are_no_trouble(tmp_path):
    notebook = solved()
    notebook["cells"][5]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * (100 << 20)}]
    assert len(read(written(tmp_path, notebook)).cells) > 10


UNREADABLE = {
    "": "empty",
    "{": "cut off",
    "[]": "no notebook",
    "{}": "no cells",
    "<!DOCTYPE html><html>": "web page",
    "%PDF-1.7": "PDF",
    "PK\x03\x04": "zip",
    '{"cells": [\n<<<<<<< HEAD\n]}': "git conflict",
    "[" * 100_000: "no notebook",
    "[" + "[]," * 2_000_000 + "[]]": "too large",
}


@pytest.mark.parametrize("content", UNREADABLE, ids=UNREADABLE.values())
def test_what_is_no_notebook_is_named(content, tmp_path):
    path = written(tmp_path, content)
    with pytest.raises(Unreadable, match=UNREADABLE[content]):
        read(path)
    result = grade_one(path, exercise(), Sandbox(SMALL, unsafe=True))  # nothing runs
    assert result.points == 0 and set(statuses(result).values()) == {"unread", "open"} and UNREADABLE[content] in result.notes[0]


def test_notebooks_full_of_nonsense_are_read_or_refused(tmp_path):
    sources = [{"cell_type": "code", "source": source} for source in (3, [3, "x = 1"], None, {})]
    for cells in (None, 3, [], [None], [3], [{}], [{"cell_type": "code"}], *([cell] for cell in sources)):
        for metadata in (None, [], {"course": 3}, {"course": {"unit": 3}}):
            try:
                found = read(written(tmp_path, json.dumps({"cells": cells, "metadata": metadata})))
                assert found.unit == "" and all(isinstance(cell.source, str) for cell in found.cells)
            except Unreadable:
                assert not cells or not isinstance(cells, list) or cells == [3]


MAGICS = {
    "!pip install torch\nimport torch": "pass\nimport torch",
    "%matplotlib inline\nx = 1": "pass\nx = 1",
    "if x:\n    !ls\n    y = 1": "if x:\n    pass\n    y = 1",
    "files = !ls\nx = 1": "files = None\nx = 1",
    "%timeit -n 10 f(3)": "f(3)",
    "%%time\nx = 1": "\nx = 1",
    "%%bash\nrm -rf /": "",
    "correlate?": "pass",
    "?correlate\nx = 1": "pass\nx = 1",
    "a = 7\nb = (a\n % 3)": "a = 7\nb = (a\n % 3)",
    'x = """\n%time\n!ls\n"""': 'x = """\n%time\n!ls\n"""',
    "  x = 1\n  y = 2": "x = 1\ny = 2",
    "x = 1\r\ny = 2": "x = 1\ny = 2",
}


@pytest.mark.parametrize("source", MAGICS)
def test_magics_are_taken_out(source):
    python, notes = as_python(source)
    assert python == MAGICS[source] and parses(python)
    assert bool(notes) == (source.startswith(("  ", "!", "?", "%m", "%%", "if", "files", "correlate")))


# --- the plan -----------------------------------------------------------------------------------------------------------------------------


def plan_of(notebook, tmp_path):
    return make_plan(read(written(tmp_path, notebook)), exercise().coded, exercise().set_up)


def test_only_what_may_matter_is_run_and_the_imports_first(tmp_path):
    notebook = add(solved(), "1 / 0", tags=["experiment"])
    plan = plan_of(notebook, tmp_path)
    ran = [cell.name for cell in plan.cells]
    assert ran[0] == "set-up convolution-003" and "more-3" not in ran and ran[-1] == "convolution-mean_filter" and plan.notes == []


@pytest.mark.parametrize(("topic", "given"), [("context_encoder", {"Generator", "Critic"}), ("patch_gan", {"rate"})])
def test_what_an_exercise_gives_is_run_first_even_if_it_was_deleted(topic, given, tmp_path):
    notebook, own = solved(topic), exercise(topic)
    notebook["cells"] = [cell for cell in notebook["cells"] if given.isdisjoint(defined("".join(cell["source"])))]
    plan = make_plan(read(written(tmp_path, notebook)), own.coded, own.set_up)
    order = [name for cell in plan.cells for name in defined(cell.source)]
    asked = [task.function for task in own.coded]
    assert given < set(order[: order.index(asked[0])]) and all(order.count(name) == 1 for name in asked)


def test_a_stub_that_was_left_below_does_not_undo_an_answer(tmp_path):
    stub = next("".join(cell["source"]) for cell in handed_out()["cells"] if cell["id"] == "convolution-seen")
    notebook = add(solved(), stub, place=len(handed_out()["cells"]))
    plan = plan_of(notebook, tmp_path)
    assert [cell.name for cell in plan.cells].count("convolution-seen") == 1 and "the written one counts" in plan.notes[0]


def test_a_constant_below_the_last_definition_is_run_and_experiments_there_are_not(tmp_path):
    filter_ = solution()["convolution-mean_filter"].replace("size // 2", "reach(size)")
    notebook = solved(mean_filter="def reach(size):\n    return size // HALF[0]\n\n" + filter_)
    below = next(i for i, cell in enumerate(notebook["cells"]) if "def mean_filter" in "".join(cell["source"])) + 1
    assert "def" not in "".join("".join(cell["source"]) for cell in notebook["cells"][below:] if cell["cell_type"] == "code")
    half = "image = network = 1 / 0  # a training\nHALF = [TWO]\nHALF.append(network)"
    add(notebook, half, below)
    add(notebook, "TWO = 3\nTWO = 2", below)
    add(notebook, "TWO = 5  # another experiment\nsize = 1 / 0", len(notebook["cells"]))
    ran = plan_of(notebook, tmp_path).cells
    assert [cell.source for cell in ran[-2:]] == ["TWO = 3\nTWO = 2", half]
    plain = plan_of(add(solved(), "TWO = 2\noutput = image = padded = 1 / 0", below), tmp_path)
    assert [cell.name for cell in plain.cells][-1] == "convolution-mean_filter", "names of local variables are nobody's"


BELOW = """
fast = 1 / 0
TABLE = {}  # for f
TABLE["a"] = STEP
draw(TABLE)
for i in range(3): slow = i
"""


def test_what_is_needed_below_is_cut_to_its_statements():
    above = ["import torch", "def f(x, times=1):\n    slow = 1\n    return [x * TABLE['a'] * slow for fast in range(times)]"]
    wanted = '\n\nTABLE = {}  # for f\nTABLE["a"] = STEP'
    assert needed_below(above, [BELOW, "STEP = 2", "STEP = 3"], 2) == [wanted, "STEP = 2", ""], "behind the last check the first counts"
    assert needed_below(above, [BELOW, "STEP = 2", "STEP = 3"], 3) == [wanted, "STEP = 2", "STEP = 3"], "above it all do, in order"
    assert needed_below([*above, "TABLE = 1"], [BELOW], 1) == [""] and needed_below(above, ["x =", "(" * 500], 2) == ["", ""]


def test_names_that_a_task_rules_out_are_flagged(tmp_path):
    code = "def correlate(image, kernel, **o):\n    return F.conv2d(image[None], kernel, **o)[0]"
    found = read(written(tmp_path, solved(correlate=code)))
    assert flags(get("convolution/correlate"), found) == ["convolution/correlate: `conv2d` stands in its cell"]
    assert flags(get("convolution/correlate"), read(written(tmp_path, solved()))) == []


# --- marks --------------------------------------------------------------------------------------------------------------------------------


@needs_sandbox
@pytest.mark.parametrize("topic", TOPICS)
def test_the_solution_in_the_students_notebook_scores_all_points_and_the_stub_none(topic, tmp_path):
    networks = [task.id for task in exercise(topic).networks]
    result = grade(solved(topic), tmp_path, topic, weights=weights_of(networks[0]) if networks else None)
    assert all(task.status in ("passed", "open") for task in result.tasks), [(t.id, t.status, t.message) for t in result.tasks]
    assert result.points == result.out_of > 0 and result.starts == 1 and result.notes == ()
    assert result.flags == tuple(f"{name}: nearly the weights of the solution" for name in networks)
    assert all(task.hidden.cases == 20 and task.hidden.failed == 0 for task in result.tasks if task.hidden)
    assert SubmissionResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result
    untouched = grade(handed_out(topic), tmp_path, topic)
    missing = {"missing"} if networks else set()
    assert untouched.points == 0 and set(statuses(untouched).values()) == {"stub", "open"} | missing and untouched.notes == ()


BROKEN = """
def correlate(image, kernel, stride=1, padding=0, dilation=1):
    return F.conv2d(image[None], kernel.flip(2, 3), None, stride, padding, dilation)[0]
"""


@needs_sandbox
def test_a_notebook_with_everything_wrong_keeps_the_marks_of_what_works(tmp_path):
    """A syntax error, a renamed function, magics, deleted imports, a cell that stops, an order of its own; and one common mistake."""
    notebook = solved(
        correlate=BROKEN.strip(),
        output_size="!pip install torch\n" + solution()["convolution-output_size"],
        convolve=solution()["convolution-convolve"].replace("def convolve", "def fold"),
        seen="def seen(layers, index)\n    return 0, 0",
        mean_filter=solution()["convolution-mean_filter"].replace("correlate(", "slow_correlate("),
    )
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace('check("convolution/convolve", convolve)', 'check("convolution/convolve", fold)')
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != "convolution-003"]  # the imports
    helper = solution()["convolution-correlate"].replace("def correlate", "def slow_correlate")
    add(notebook, "x = slow_correlate\n" + "def uses(): return x", place=2)
    add(notebook, helper, place=len(notebook["cells"]))
    result = grade(notebook, tmp_path)
    assert points(result) == {**FULL, "correlate": 0, "seen": 0}
    (wrong,) = [task for task in result.tasks if task.id == "convolution/correlate"]
    assert wrong.misconception == "kernel_flipped" and wrong.visible.failed and "conv2d" in result.flags[0]
    assert wrong.hidden.failed > 10 and wrong.hidden.statuses["wrong"] == wrong.hidden.failed
    said = "\n".join(result.notes)
    for words in ("Syntax error in the cell of `seen`", "`convolve` is called `fold`", "pip install torch` was left out"):
        assert words in said
    (missing,) = [task for task in result.tasks if task.id == "convolution/seen"]
    assert missing.status == "missing" and "Python cannot read the cell of `seen`" in missing.message


def test_a_mistake_that_is_carried_on_is_named_and_changes_no_mark():
    sources = ["def first(x): return x", "def helper(x): return first(x)\ndef second(x): return helper(x)", "def third(x): second(x)"]
    status = {"first": "wrong", "second": "error", "third": "hidden"}

    def told(**changed):
        tasks = [
            TaskResult(f"unit/{name}", found, 0, 2, "Not right", visible=Visible(found, 5, 3, html="<div><p>head</p><p>more</p></div>"))
            for name, found in {**status, **changed}.items()
        ]
        return carried_on(tasks, {task.id: task.id.partition("/")[2] for task in tasks}, sources)

    first, second, third = told()
    assert [task.calls for task in (first, second, third)] == [(), ("first",), ("first", "second")] and second.points == 0
    assert first.message == "Not right" and "<strong>" not in first.visible.html
    assert second.message == "Not right. This answer calls `first`, which is not right yet; it may be right by itself: mend that first."
    assert second.visible.html.startswith("<div><p>head</p>\n<p><strong>This answer calls <code>first</code>, which is not right yet;")
    assert "calls `first` and `second`, which are not right yet" in third.message
    assert [task.calls for task in told(first="passed", third="passed")] == [(), (), ()]
    assert [task.calls for task in told(first="forbidden", second="stub")] == [(), (), ("second",)]


@needs_sandbox
def test_right_for_the_visible_cases_alone_is_not_right(tmp_path):
    code = textwrap.dedent(
        """
        def convolve(image, kernel):
            padded = F.pad(image, (kernel.shape[1] - 1,) * 2 + (kernel.shape[0] - 1,) * 2)
            y = F.conv2d(padded[None, None], kernel.flip(0, 1)[None, None])[0, 0]
            return y if image.numel() <= 20 else y.round()
        """
    )
    result = grade(solved(convolve=code), tmp_path)
    task = result.tasks[2]
    assert task.status == "hidden" and task.points == 0 and task.visible.status == "passed" and 0 < task.hidden.failed < 20
    assert "others are not" in task.message and points(result) == {**FULL, "convolve": 0}


@needs_sandbox
def test_the_answer_by_a_call_that_is_ruled_out_earns_nothing_and_is_flagged(tmp_path):
    code = BROKEN.replace("kernel.flip(2, 3)", "kernel")
    result = grade(solved(correlate=code), tmp_path)
    assert statuses(result)["correlate"] == "forbidden" and points(result) == {**FULL, "correlate": 0}
    assert any("calls `conv2d`" in flag for flag in result.flags)


@needs_sandbox
def test_every_form_of_a_right_answer_and_faults_that_are_told_apart(tmp_path):
    backwards = "    return np.asarray(output.double())[..., ::-1].copy()[..., ::-1]"
    changes = solution()["convolution-mean_filter"].replace("def mean_filter", "def clean") + textwrap.dedent(
        """
        def mean_filter(image, size, times=1):
            result = clean(image.clone(), size, times)
            image.zero_()
            return result
        """
    )
    notebook = solved(
        output_size=solution()["convolution-output_size"].replace("return room // stride + 1", "return torch.tensor([room // stride + 1])"),
        correlate="import numpy as np\n" + solution()["convolution-correlate"].replace("    return output", backwards),
        convolve=solution()["convolution-convolve"].replace("[0, 0]", "[0, 0].half()"),
        seen="def seen(layers):\n    return 0, 0",
        mean_filter=changes,
    )
    result = grade(notebook, tmp_path)
    assert list(statuses(result).values()) == ["passed", "passed", "passed", "signature", "changed", "open"]
    assert "must be callable as seen(layers, index)" in result.tasks[3].visible.text and "`image`" in result.tasks[4].visible.text


@needs_sandbox
def test_the_same_file_gets_the_same_result(tmp_path):
    notebook = solved(correlate=BROKEN)
    first, second = (grade(notebook, tmp_path).as_dict() for _ in range(2))
    for result in (first, second):
        del result["seconds"]
    assert first == second


@needs_sandbox
@pytest.mark.parametrize("topic", ["convolution", "partial_convolution"])
def test_every_known_mistake_is_recognised_from_the_other_side_of_the_wall(topic):
    """The unit's own mutants, inside: their answers come out as arrays, and the diagnosis is the one of a notebook."""
    mutants = importlib.import_module(f"course.units.{topic}.mutants")
    text = Path(mutants.__file__).read_text("utf-8").replace("from __future__ import annotations\n", "")
    pair = "from collections import namedtuple\nPair = namedtuple('Pair', 'looked_at fresh')"
    text = text.replace("from course.checks.mutant import Pair", pair)
    asked = [(name, mistake) for name in mutants.MUTANTS for mistake in mutants.MUTANTS[name] if mistake != "never_ends"]
    names = [f"mutant_{i} = MUTANTS[{name!r}][{mistake!r}].fresh" for i, (name, mistake) in enumerate(asked)]
    plan = Plan([Cell("mutants", text), Cell("names", "\n".join(names))], {})
    with Session(functools.partial(Process, Sandbox(SMALL)), plan, SMALL) as session:
        session.ready()
        assert session.errors == {}
        for i, (name, mistake) in enumerate(asked):
            task, subject = get(name), Subject(session, get(name), f"mutant_{i}")

            def attempt(case, task=task, subject=subject):
                return subject.attempt(case, exercise(topic).expected(task, case))

            result = run_cases(task, attempt, exercise(topic).visible[name], shrink=False)
            assert not result.passed and result.misconception == mistake, f"{name} {mistake}\n{result}"
        assert session.starts == 1


# --- modules and training steps -----------------------------------------------------------------------------------------------------------

MODULE = """
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(3, width)
    def forward(self, x):
        return self.inner(x) ** 2

class Misnamed(Layer):
    def __init__(self, width):
        super().__init__(width)
        self.outer = self.inner
        del self.inner

class Wrong(Layer):
    def forward(self, x):
        return self.inner(x).detach() * self.inner(x)

class Broken(Layer):
    def forward(self, x):
        raise ZeroDivisionError

def train_step(model, batch, noise, sign=-1):
    loss = model(batch + noise).mean()
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += sign * 0.1 * parameter.grad
    return loss.item()

def ascends(model, batch, noise):
    return train_step(model, batch, noise, 1)
"""
GENERATOR = torch.Generator().manual_seed(0)
STATE = {"width": 2, "weight": torch.randn(2, 3, generator=GENERATOR), "bias": torch.randn(2, generator=GENERATOR)}
GIVEN = {**STATE, "x": torch.randn(4, 3, generator=GENERATOR)}
UP = torch.randn(4, 2, generator=GENERATOR)


def ask_layer(ask, width, weight, bias, x):
    layer = ask.made(width).load({"inner.weight": weight, "inner.bias": bias})
    (dx,), gradients = layer.gradient([x.double()], [UP])
    return layer.forward(x.double()), dx, gradients["inner.weight"]


def right_layer(width, weight, bias, x):
    y = x.double() @ weight.T.double() + bias.double()
    return y**2, 2 * y * UP @ weight.double(), (2 * y * UP).T @ x.double()


def ask_steps(ask, width, weight, bias, x):
    made = ask.made_by("Layer", width).load({"inner.weight": weight, "inner.bias": bias})
    said, (state,) = ask.steps([made], [[x.double(), 0 * x], [x.double(), 0 * x]])
    return torch.as_tensor(said), state["inner.weight"]


def right_steps(width, weight, bias, x):
    weight, bias, x, said = weight.double(), bias.double(), x.double(), []
    for _ in range(2):
        y = x @ weight.T + bias
        said.append((y**2).mean())
        weight, bias = weight - 0.1 * (2 * y / 8).T @ x, bias - 0.1 * (2 * y / 8).sum(0)
    return torch.stack(said), weight


def task_of(signature, probe, oracle, returns):
    tolerance, hints = Tolerance("sums of few products, in double precision"), ("a", "b", "c")
    outputs, case = tuple(Output(name) for name in returns), [Case(GIVEN)]
    return Task("small/layer", 1, signature, "", list, case, oracle, tolerance, [], hints, "", outputs, probe=probe)


LAYER = task_of("Layer(width)", ask_layer, right_layer, ("output", "by input", "by weight"))
STEPS = task_of("train_step(model, batch, noise)", ask_steps, right_steps, ("losses", "weight"))
ASKED = {"Layer": (LAYER, "right"), "Misnamed": (LAYER, "type"), "Wrong": (LAYER, "wrong"), "Broken": (LAYER, "error")}
ASKED |= {"train_step": (STEPS, "right"), "ascends": (STEPS, "wrong")}


@needs_sandbox
def test_modules_and_training_steps_are_asked_the_same_way_in_a_notebook_and_by_the_grader():
    space = {}
    exec(MODULE, space)
    with Session(functools.partial(Process, Sandbox(SMALL)), Plan([Cell("model", MODULE)], {}), SMALL) as session:
        for name, (task, status) in ASKED.items():
            expected = expected_answer(task, task.corners[0])
            here, there = try_case(task, space[name], task.corners[0], 10), Subject(session, task, name).attempt(task.corners[0], expected)
            assert here.status == there.status == status, (name, here, there)
            assert here.message.partition("\n")[0].rstrip(".") == there.message.partition("\n")[0].rstrip(".")
            if isinstance(here.got, tuple):
                assert all(np.array_equal(a, b) for a, b in zip(here.got, there.got, strict=True))
        assert session.starts == 1


# --- what a reader is shown -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", ["kept", "new"])
@pytest.mark.parametrize("topic", TOPICS)
def test_a_reader_sees_all_that_was_written_for_an_open_task_and_nothing_else(topic, ids, tmp_path):
    (path,) = (ROOT / "exercises").glob(f"[0-9][0-9]_{topic}.ipynb")
    tasks = [name for name in names(topic) if isinstance(get(name), OpenTask)]
    (name,) = [task.rpartition("/")[2] for task in tasks]

    def read_back(notebook):
        (tmp_path / "work.ipynb").write_text(json.dumps(notebook), "utf-8")
        return answers(read(tmp_path / "work.ipynb").texts, sections(path, tasks), tasks)

    notebook = handed_out(topic)
    assert read_back(notebook) == {}, "as it was handed out"
    (section,) = [section for section in sections(path, tasks) if section.task]
    for cell in notebook["cells"]:
        if cell["metadata"].get("tags") == ["student"] or cell["id"] in solution(topic):
            cell["source"] = f"WRITTEN {cell['id']}"
    check = next(i for i, cell in enumerate(notebook["cells"]) if f'check("{tasks[0]}"' in "".join(cell["source"]))
    add(notebook, "ADDED", check + 1)
    add(notebook, "ELSEWHERE", 3)
    wanted = ["ADDED", *(cell["source"] for cell in notebook["cells"] if cell["id"] in section.cells and "WRITTEN" in cell["source"])]
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = cell["id"] if ids == "kept" else f"cell{number}"
        cell["source"] = "".join(cell["source"]).replace("\n", " \r\n" if ids == "new" else "\n")
    found = read_back(notebook)
    assert list(found) == [name] and found[name].split("\n\n") == wanted and len(wanted) >= 3


def as_percent(notebook):
    """As jupytext and editors write it."""
    heads = {"markdown": "# %% [markdown]", "code": '# %% tags=["student"]'}
    cells = [f"{heads[cell['cell_type']]}\n{source_of(cell, '#')}" for cell in notebook["cells"]]
    return "\n\n".join(["# ---\n# jupyter:\n# ---", *cells])


def as_nbconvert(notebook):
    """As ``jupyter nbconvert --to python`` writes it."""
    return "#!/usr/bin/env python\n# coding: utf-8\n" + "".join(
        f"\n{source_of(cell, '# ')}\n" if cell["cell_type"] == "markdown" else f"\n# In[ ]:\n\n\n{source_of(cell, '')}\n\n"
        for cell in notebook["cells"]
    )


def source_of(cell, empty):
    lines = "".join(cell["source"]).split("\n")
    return "\n".join(lines if cell["cell_type"] == "code" else [f"# {line}" if line else empty for line in lines])


@pytest.mark.parametrize("form", [as_percent, as_nbconvert])
@pytest.mark.parametrize("topic", TOPICS)
def test_open_answers_in_exported_scripts_are_shown(topic, form, tmp_path):
    (path,) = (ROOT / "exercises").glob(f"[0-9][0-9]_{topic}.ipynb")
    tasks = [name for name in names(topic) if isinstance(get(name), OpenTask)]

    def read_back(notebook):
        return answers(read(written(tmp_path, form(notebook), "ada.py")).texts, sections(path, tasks), tasks)

    notebook = handed_out(topic)
    assert read_back(notebook) == {}, "as it was handed out"
    wanted = []
    (section,) = [section for section in sections(path, tasks) if section.task]
    for cell in notebook["cells"]:
        own = cell["id"] in section.cells and cell["metadata"].get("tags") == ["student"]
        if own:
            wanted.append("# MY TITLE\n\nwords" if cell["cell_type"] == "markdown" else "x = 1\n\n\n# a comment\ny = 2")
        cell["source"] = wanted[-1] if own else solution(topic).get(cell["id"], cell["source"])
    (found,) = read_back(notebook).values()
    assert found == "\n\n".join(wanted) and wanted


def test_an_answer_behind_everything_is_shown_and_so_is_a_script_of_another_form(tmp_path):
    (path,) = (ROOT / "exercises").glob(f"[0-9][0-9]_{TOPIC}.ipynb")
    tasks = [f"{TOPIC}/design"]

    def read_back(notebook, name="ada.ipynb", **options):
        return answers(read(written(tmp_path, notebook, name)).texts, sections(path, tasks), tasks, **options).get("design", "")

    notebook = add(solved(), "my_kernel = 3", len(handed_out()["cells"]))
    notebook["cells"].append({"cell_type": "markdown", "id": "mine", "metadata": {}, "source": "I want edges."})
    assert read_back(notebook) == f"{AT_END}\n\nmy_kernel = 3\n\nI want edges."
    answered = json.loads(json.dumps(notebook))
    next(cell for cell in answered["cells"] if cell["id"] == "convolution-design")["source"] = "x = 1"
    assert read_back(answered).startswith(f"x = 1\n\n{AT_END}") and read_back(add(solved(), "helper = 1")) == ""
    for cell in notebook["cells"]:
        del cell["id"]
    assert read_back(notebook).startswith(f"{AT_END}\n\nmy_kernel"), "without ids too"
    assert read_back(as_nbconvert(notebook).replace("# In[ ]:", ""), "ada.py").endswith("my_kernel = 3\n\nI want edges.")
    assert read_back("x = 1\n# words", "bob.py") == f"{WHOLE}\n\nx = 1\n# words" and read_back("x = 1", "bob.py", whole=False) == ""


# --- many at once -------------------------------------------------------------------------------------------------------------------------


def settings(**changes):
    return Settings(TOPIC, KEY, limits=SMALL, **changes)


@needs_sandbox
def test_many_at_once_in_little_time_and_what_is_there_is_not_done_again(tmp_path, full):
    """Six minutes of two cores for a hundred: counted in computing time, so that a busy machine says nothing."""
    import psutil

    count, kinds = 100 if full else 8, [handed_out(), solved(), solved(correlate=BROKEN, seen="def seen(layers, index):\n    return 0, 0")]
    jobs = [Job("broken", written(tmp_path, "{", "broken.ipynb")), Job("absent", tmp_path / "absent.ipynb")]
    jobs += [Job(f"../student {i}", written(tmp_path, kinds[i % 3], f"{i}.ipynb")) for i in range(count)]
    done, memory = {}, []
    for finished in run(jobs, settings(), tmp_path / "results", workers=2):
        done[finished.job.name] = finished
        memory.append(psutil.Process().memory_info().rss)
    assert [done[f"../student {i}"].result.points for i in range(count)] == [(0, 10, 5)[i % 3] for i in range(count)]
    assert done["broken"].result.points == done["absent"].result.points == 0 and len(done) == count + 2
    assert not any(d.stored for d in done.values()) and len(list((tmp_path / "results").iterdir())) == count + 2
    seconds = [d.result.seconds for d in done.values() if "computing" in d.result.seconds]
    allowed = 2 * 6 * 60 * count / 100
    assert len(seconds) == count and sum(s["computing"] + s["grader"] for s in seconds) < allowed
    assert sum(s["grader"] for s in seconds) < allowed / 10 + 3 * 2  # imports of the two helpers, each once
    assert memory[-1] - memory[len(memory) // 4] < 20 << 20
    before = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    Store(tmp_path / "results", settings()).path(jobs[0]).write_text("{damaged")
    written(tmp_path, solved(), "2.ipynb")  # handed in again
    again = {d.job.name: d for d in run(jobs, settings(), tmp_path / "results", workers=1)}
    assert {name for name, d in again.items() if not d.stored} == {"broken", "../student 2"}
    assert again["../student 2"].result.points == 10
    same = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    assert [name for name in same if same[name] != before[name]] != [] and len(same) == count + 2


def test_a_result_counts_for_its_file_key_and_limits_only(tmp_path):
    path = written(tmp_path, handed_out())
    job, result = Job("ada", path), SubmissionResult("ada", TOPIC)
    Store(tmp_path, settings()).put(job, result)
    assert Store(tmp_path, settings()).get(job) == result
    others = [Settings(TOPIC, bytes(16), limits=SMALL), Settings(TOPIC, KEY), settings(hidden=3), settings(unsafe=True)]
    assert all(Store(tmp_path, other).get(job) is None for other in others)
    path.write_text("changed")
    assert Store(tmp_path, settings()).get(job) is None


def test_file_names_of_results_are_harmless_and_differ():
    nasty = ["../../etc/passwd", "a/b", "a_b", "", "x" * 500, "ä\0", "CON", "<script>"]
    made = [file_name(name) for name in nasty]
    assert len(set(made)) == len(nasty) and all(len(name) < 100 and name.isascii() and not set(name) & set("/\\<>\0 ") for name in made)


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from course.grading.limits import Limits
from course.grading.runner import Job, run
from course.grading.settings import Settings
from grading import KEY, SMALL
folder = Path({folder!r})
jobs = [Job(path.stem, path) for path in sorted(folder.glob("*.ipynb"))]
for done in run(jobs, Settings("convolution", KEY, limits=SMALL), folder / "results", workers=2):
    print(done.job.name, done.result.points, done.stored, flush=True)
"""


@needs_sandbox
def test_a_grader_that_is_killed_loses_no_result_and_leaves_nothing_running(tmp_path, full):
    count = 12 if full else 4
    for i in range(count):
        written(tmp_path, solved() if i % 3 else handed_out(), f"{i:02d}.ipynb")
    code = RUN.format(tests=os.path.dirname(__file__), folder=str(tmp_path))
    kept = 0
    for kill in range(20 if full else 2):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
        lines = []
        while (line := process.stdout.readline()) and len([entry for entry in lines if entry.endswith("False\n")]) <= kill % 2:
            lines.append(line)
        process.send_signal(signal.SIGKILL)
        process.wait()
        there = len(list((tmp_path / "results").glob("*.json")))
        assert there >= kept + 1 - (kept == count)
        kept = there
    end = time.monotonic() + 20
    while _running(str(tmp_path)) and time.monotonic() < end:
        time.sleep(0.1)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    assert sorted(line.split()[:2] for line in done) == [[f"{i:02d}", "10" if i % 3 else "0"] for i in range(count)]
    assert sum(line.endswith("True") for line in done) >= kept


def _running(folder):
    done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if "course.grading.helper" in line and folder in line]


# --- the sandbox's command line -----------------------------------------------------------------------------------------------------------


def test_without_bubblewrap_it_refuses_and_says_what_it_then_cannot_hold_off(monkeypatch):
    monkeypatch.setattr(sandbox, "available", lambda: "bubblewrap is not installed")
    with pytest.raises(CourseError, match="not installed") as refused:
        Sandbox()
    for words in ("--unsafe", "read and change every file", "network", "your key"):
        assert words in str(refused.value)
    assert Sandbox(unsafe=True).name == "none"


def test_a_course_inside_of_what_is_shown_is_covered(monkeypatch, tmp_path):
    """The course below Python's own folder, as a clone in /usr/local/src may be, or installed among the packages."""
    places, packages = tmp_path / "python", tmp_path / "python" / "lib" / "site-packages"
    (packages / "course").mkdir(parents=True)
    (places / "clone" / ".venv").mkdir(parents=True)
    monkeypatch.setattr(sandbox, "ROOT", places / "clone")
    monkeypatch.setattr(sandbox, "_packages", lambda: [packages])
    monkeypatch.setattr(sandbox, "_python_places", lambda: [places, places / "clone" / ".venv"])
    options = sandbox._mounts([])
    steps = [(options[i], options[i + 1]) for i in range(len(options) - 1) if options[i] in ("--ro-bind", "--tmpfs", "--remount-ro")]
    clone = places / "clone"
    order = [steps.index(step) for step in (("--ro-bind", str(places)), ("--tmpfs", str(clone)), ("--ro-bind", str(clone / ".venv")))]
    assert order == sorted(order) and ("--tmpfs", str(packages / "course")) in steps
    assert ("--remount-ro", str(places / "clone")) in steps and ("--remount-ro", str(packages / "course")) in steps


def test_the_filter_of_system_calls_decides_as_it_should():
    """A small machine that runs the program, for the calls of two kinds of processors."""
    import struct

    def decide(program, architecture, number, first=0):
        data = struct.pack("<IIQQQQQQQ", number, architecture, 0, first, 0, 0, 0, 0, 0)
        at, value = 0, 0
        while True:
            code, yes, no, k = struct.unpack_from("<HBBI", program, 8 * at)
            at += 1
            if code == 0x20:
                (value,) = struct.unpack_from("<I", data, k)
            elif code == 0x06:
                return {0x7FFF0000: "allowed", 0x80000000: "killed"}.get(k, k & 0xFFFF)
            else:
                at += yes if {0x15: value == k, 0x35: value >= k, 0x45: value & k != 0}[code] else no

    for machine, architecture, (read_, clone, clone3, socket, ptrace, mount) in (
        ("x86_64", 0xC000003E, (0, 56, 435, 41, 101, 165)),
        ("aarch64", 0xC00000B7, (63, 220, 435, 198, 117, 40)),
    ):
        program = filter_program(machine)
        assert decide(program, architecture, read_) == "allowed" and decide(program, 0x40000003, read_) == "killed"
        assert decide(program, architecture, clone, 0x01200011) == "allowed" and decide(program, architecture, clone, 0x10000011) == 1
        assert [decide(program, architecture, number) for number in (clone3, ptrace, mount)] == [38, 1, 1]
        assert [decide(program, architecture, socket, family) for family in (1, 2, 10, 16, 38, 40)] == ["allowed"] * 3 + [97] * 3
    assert decide(filter_program("x86_64"), 0xC000003E, 0x40000000) == "killed"


def test_limits_that_make_no_sense_are_refused():
    for wrong in (0, -1, "many", True):
        with pytest.raises(ValueError, match="memory"):
            Limits(memory=wrong)


def test_an_exercise_that_is_not_there_is_named():
    with pytest.raises(CourseError, match="no exercise of a unit 'convolutions'"):
        load("convolutions", KEY)


# --- the student's pre-flight -------------------------------------------------------------------------------------------------------------


def test_the_preflight_says_what_the_grader_will_find(tmp_path, capsys):
    """In a process of its own, without a sandbox, which a student does not have; as a command, from its arguments to its status."""
    calling = "def convolve(image, kernel):\n    return correlate(image[None], kernel[None, None], padding=len(kernel) - 1)[0]"
    stub = "def seen(layers, index):\n    raise NotImplementedError('seen')"
    path = written(tmp_path, solved(correlate=BROKEN, seen=stub, convolve=calling))
    from course.__main__ import main

    assert main(["check-submission", str(path)]) == 1
    said = capsys.readouterr().out
    assert "3 of 10 points by the visible checks, and up to 4 from a reader" in said
    assert said.count("This answer calls `correlate`, which is not right yet") == 1
    for words in ("✓ output_size", "✗ correlate", "… seen", "not written yet", "Hint: ", str(path.resolve()), "cases that are not shown"):
        assert words in said


def test_the_preflight_finds_the_notebook_and_its_unit(tmp_path):
    tree = Tree(tmp_path)
    (tree.workspace / "exercises").mkdir(parents=True)
    path = written(tree.workspace / "exercises", handed_out(), "02_convolution.ipynb")
    assert preflight.find(tree, "convolution") == path and preflight.find(tree, str(path)) == path
    with pytest.raises(CourseError, match=r"no file nothing.*02_convolution"):
        preflight.find(tree, "nothing")
    notebook = handed_out()
    notebook["metadata"] = {}
    assert preflight.topic_of(read(written(tmp_path, notebook))) == "convolution"
    with pytest.raises(CourseError, match="no exercise of this course"):
        preflight.topic_of(read(written(tmp_path, OLD)))
