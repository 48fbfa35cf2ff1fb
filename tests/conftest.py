"""What all tests share: the size of the run, and a small course of two units for the tests of the product."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from course import Tree
from course import build as course_build

SYLLABUS = """
background = "Python"
[[unit]]
slug = "start"
title = "The start"
goals = ["Add two numbers", "Show a picture"]
minutes = 5
needs = []
status = "ready"
[[unit]]
slug = "later"
title = "Much later"
goals = ["Wait"]
minutes = 5
needs = ["start"]
status = "planned"
[[unit]]
slug = "windows"
title = "Windows"
goals = ["Count"]
minutes = 5
exercise_minutes = 10
needs = ["start"]
status = "ready"
"""

START = """\
# %% [markdown]
# {{ head }}
#
# Then come [windows](unit:windows), their [exercise](exercise:windows#tasks) and [more](unit:later).

# %% name="sum" tags=["compare"]
print("the sum is", 1 + 2)

# %% [markdown]
# A picture.

# %%
from IPython.display import HTML

HTML('<figure><img src="data:image/png;base64,AAAA" alt="nothing"><figcaption>Nothing</figcaption></figure>')
"""

WINDOWS = """\
# %% [markdown]
# {{ head }}

# %%
import statistics
"""

EXERCISE = '''\
# %% [markdown]
# {{ head }}

# %% name="count"
def count(window):
    """How many are known."""
    # solution:
    total = 0
    for row in window:
        total += sum(row)
    return total
    # end of solution

# %% name="picture" tags=["expected"]
from IPython.display import HTML

HTML(f'<figure><img src="data:image/png;base64,BBBB" alt="a [bar] of {count([[1, 1]])}"><figcaption>Two</figcaption></figure>')

# %% name="mend"
def mend(total, size):
    # solution:
    return total * size**2
    # student:
    # return total * size  # the bug
    # end of solution

# %% tags=["solution"]
assert count([[1, 0], [1, 1]]) == 3 and mend(1, 3) == 9

# %% [markdown] tags=["student"]
# Write down what you see.
'''


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same chance for each test, whichever ran before it on the same worker."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the large sizes are asked for (``make test-full``)."""
    return os.environ.get("INPAINTLIB_TEST_SIZE") == "full"


@pytest.fixture
def small_course(tmp_path: Path) -> Tree:
    """The sources of a small course, nothing built."""
    return write_sources(tmp_path / "Kurs für alle")  # a space and an umlaut, as on students' machines


@pytest.fixture(scope="session")
def executed_once(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The small course, built and executed; use :func:`executed_course`, a copy of one's own."""
    tree = write_sources(tmp_path_factory.mktemp("executed") / "Kurs für alle")
    course_build.execute(tree, say=lambda _: None)
    return tree


@pytest.fixture
def executed_course(executed_once: Tree, tmp_path: Path) -> Tree:
    """The small course with executed notebooks."""
    shutil.copytree(executed_once.root, tmp_path / "Kurs für alle")
    return Tree(tmp_path / "Kurs für alle")


def write_sources(root: Path) -> Tree:
    tree = Tree(root)
    files = {
        tree.syllabus: SYLLABUS,
        tree.lesson("start"): START,
        tree.lesson("windows"): WINDOWS,
        tree.exercise("windows"): EXERCISE,
        root / "README.md": "Before.\n<!-- course map -->\n<!-- end of course map -->\nAfter.\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tree


@pytest.fixture
def graded(monkeypatch, tmp_path, capsys):
    """Grades submissions with a runner that pretends, and returns (exit status, what was said)."""
    from classes import KEY, pretend

    from course.__main__ import main
    from course.grading import runner, sandbox

    monkeypatch.setattr(runner, "run", pretend)
    monkeypatch.setattr(sandbox, "available", lambda: "")
    key = tmp_path / "home" / "key"
    key.parent.mkdir()
    key.write_text(KEY)

    def grade(submissions, *options):
        said = main(["grade", str(submissions), "--out", str(tmp_path / "out"), "--key", str(key), *map(str, options)])
        return said, "".join(capsys.readouterr())

    return grade
