"""Validation: what nbval lets pass must not pass here, and a stub may fail in one way only."""

from __future__ import annotations

import json
import textwrap

import nbformat
import pytest

from course import meter, validate
from course.__main__ import main


def notebook(*cells, name="n"):
    """A notebook of code cells, each given as its source, or as (source, tags, outputs, execution_count)."""
    made = []
    for number, cell in enumerate(cells, 1):
        source, tags, outputs, count = cell if isinstance(cell, tuple) else (cell, [], [], number)
        raw = {"cell_type": "code", "id": f"{name}-{number}", "metadata": {"tags": tags}, "source": source}
        made.append(raw | {"outputs": outputs, "execution_count": count})
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def printed(text):
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
    nbformat.validate(nbformat.read(path, as_version=4))
    return path


def test_tagged_cells_without_output_and_cells_that_never_ran_are_gaps(tmp_path):
    good = ("print(1)", ["compare"], printed("1\n"), 1)
    assert validate.gaps(write(tmp_path / "a.ipynb", notebook(good, "x = 1"))) == []
    found = validate.gaps(write(tmp_path / "b.ipynb", notebook(good, ("print(2)", ["compare"], [], 2), ("y = 1", [], [], None))))
    assert found == ["cell n-2 is tagged compare, but has no stored output", "1 cells have no execution count, the first is n-3"]
    (tmp_path / "c.ipynb").write_text("{")
    assert validate.gaps(tmp_path / "c.ipynb") == ["it is no notebook"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Seven notebooks run at once through nbval, from and in folders with a space and an umlaut."""
    folder = tmp_path_factory.mktemp("origin") / "Hefte für alle"
    picture = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<img src='data:image/png;base64,QUFB'>"}}
    show = "from IPython.display import display, HTML\ndisplay(HTML(\"<img src='data:image/png;base64,QkJC'>\"), metadata={})"
    cases = {
        "good": [("print('same')", ["compare"], printed("same\n"), 1), ("import random; print(random.random())", [], printed("0.5\n"), 2)],
        "other": [("print('new')", ["compare"], printed("old\n"), 1), "print('and on')"],
        "broken": ["1 / 0", "print('and on')"],
        "unsolved": ["from course.checks import check", "check('convolution/output_size', lambda size, *_, **__: size)"],
        "picture": [(show, ["compare"], [picture | {"data": picture["data"] | {"text/plain": "<IPython.core.display.HTML object>"}}], 1)],
        "large": ["block = bytearray(300_000_000)\nimport time; time.sleep(0.6)"],
        "settings": ["import os\nassert os.environ['INPAINTLIB_PROFILE'] == 'quick' and 'ä' in os.getcwd() and ' ' in os.getcwd()"],
    }
    paths = [write(folder / f"0{number}_{name}.ipynb", notebook(*cells)) for number, (name, cells) in enumerate(cases.items(), 1)]
    found = validate.run_nbval(paths, tmp_path_factory.mktemp("läuft hier"), "quick", workers=2)
    return {row.notebook.split("/")[1][3:-6]: row for row in found}


def test_only_tagged_cells_are_compared(rows):
    assert rows["good"].problems == () and rows["good"].cells == 2


@pytest.mark.parametrize("name", ["other", "broken", "unsolved"])
def test_a_cell_that_differs_or_fails_is_a_problem(rows, name):
    assert rows[name].problems == ("1 cells failed; what nbval said stands above",) and rows[name].cells == 2


def test_the_bytes_of_pictures_are_not_compared(rows):
    assert rows["picture"].problems == ()


def test_notebooks_run_in_their_profile_in_any_folder(rows):
    assert rows["settings"].problems == ()


def test_seconds_and_memory_are_measured(rows):
    assert 0.3 < rows["large"].peak_gb < 0.6 and rows["large"].peak_gb > rows["good"].peak_gb + 0.2
    assert 0.6 < rows["large"].seconds < validate.SECONDS
    assert 0.02 < rows["good"].peak_gb < 0.3


def test_limits_are_kept(tmp_path):
    measured = {"seconds": 61.0, "peak_bytes": 2.5e9, "passed": 3, "failed": 0}
    row = validate._row(tmp_path / "a.ipynb", measured, "quick", 0)
    assert row.problems == (
        "it took 61 s; at most 60 s are allowed in the quick profile",
        "it took 2.50 GB of memory; at most 2 GB are allowed",
    )
    assert validate._row(tmp_path / "a.ipynb", measured | {"peak_bytes": 1e9}, "full", 0).problems == ()
    assert "did not run to its end" in validate._row(tmp_path / "a.ipynb", None, "quick", 1).problems[0]


def test_memory_of_children_counts():
    import os
    import subprocess
    import sys

    alone = meter.memory_of_tree(os.getpid())
    code = "b = bytearray(200_000_000); print('ready', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout and child.stdout.readline() == "ready\n"
        assert meter.memory_of_tree(os.getpid()) > alone + 190e6
    finally:
        child.communicate("\n", timeout=10)
    assert meter.memory_of_tree(child.pid) == 0


STUB = 'def {0}(x):\n    raise NotImplementedError("{0}")  # replace this line with your code'
DISGUISED = "try:\n    count(1)\nexcept NotImplementedError:\n    raise ValueError('no')"
CHECK = textwrap.dedent("""
    class Result:
        def __init__(self, name, status): self.text = f"<check of {name}: {status}>"
        def __repr__(self): return self.text
    def check(name, function):
        try:
            function(1)
        except NotImplementedError:
            return Result("windows/" + name, "stub")
        return Result(name, "wrong")
    """)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([CHECK, STUB.format("count"), 'check("count", count)'], []),
        ([STUB.format("count"), "count(1)", "print('and on')"], []),
        ([STUB.format("count"), "1 / 0"], ["cell n-2 fails with ZeroDivisionError: division by zero; expected NotImpl", "count"]),
        ([STUB.format("count"), DISGUISED], ["cell n-2 fails with ValueError: no", "'count'"]),
        ([STUB.format("count"), "print('nothing calls it')"], ["nothing notices that the task 'count' is not written"]),
        ([CHECK, STUB.format("count"), 'check("other", print)', "count(1)"], ["the check of 'other' says 'wrong' although nothing"]),
        ([STUB.format("a"), STUB.format("b"), "a(1)", "b(1)"], []),
        ([STUB.format("a"), STUB.format("b"), "a(1)"], ["the task 'b' is not written"]),
    ],
    ids=["check", "call", "other error", "disguised", "unnoticed", "check of another", "two", "one of two"],
)
def test_untouched_exercises_fail_in_one_way_only(tmp_path, cells, expected):
    problems = validate.stub_problems(notebook(*cells), tmp_path)
    assert len(problems) == len(expected), problems
    for problem, part in zip(problems, expected, strict=True):
        assert part in problem


def test_the_command_validates_a_course_and_writes_its_report(executed_course, capfd):
    assert main(["--root", str(executed_course.root), "validate", "--workers", "2", "windows"]) == 0
    report = json.loads((executed_course.reports / "notebooks-quick.json").read_text("utf-8"))
    assert [row["notebook"] for row in report] == ["notebooks/03_windows.ipynb", "solutions/03_windows.ipynb", "exercises/03_windows.ipynb"]
    assert [bool(row["problems"]) for row in report] == [False, False, False]
    assert "3 notebooks passed, 0 failed" in capfd.readouterr().out
    assert "peak GB" in (executed_course.reports / "notebooks-quick.txt").read_text("utf-8")
