"""From a source to cells: head, links, marked solutions, ids, and what stops the build."""

from __future__ import annotations

import pytest

from course import CourseError, source
from course.source import Cell
from course.syllabus import load


@pytest.fixture
def syllabus(small_course):
    return load(small_course)


def read(tmp_path, text):
    path = tmp_path / "lesson.py"
    path.write_text(text, "utf-8")
    return source.read(path)


def test_cells_have_a_kind_a_name_and_tags(tmp_path):
    cells = read(tmp_path, '# %% [markdown]\n# Hello\n\n# %% name="sum" tags=["compare"]\n1 + 1\n\n# %%\n2\n')
    assert cells == [Cell("markdown", "Hello", "001"), Cell("code", "1 + 1", "sum", ("compare",)), Cell("code", "2", "003")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('# %% tags=["comparr"]\n1', "cell 1 has the tag 'comparr'; known are compare"),
        ("# %% colour=3\n1", "cell 1 has the options colour"),
        ('# %% name="a b"\n1', "named 'a b'"),
        ('# %% name="1"\n1', "a letter first"),
        ('# %% name="a"\n1\n# %% name="a"\n2', "cells 1 and 2 are both named 'a'"),
        ("# %% [raw]\n# x", "type 'raw'"),
    ],
)
def test_what_a_source_may_not_hold(tmp_path, text, message):
    with pytest.raises(CourseError, match=message):
        read(tmp_path, text)


def test_a_source_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "lesson.py").write_bytes("# %% [markdown]\n# Größe".encode("latin-1"))
    with pytest.raises(CourseError, match="not UTF-8"):
        source.read(tmp_path / "lesson.py")


@pytest.mark.parametrize(
    ("kind", "lesson", "exercise"),
    [
        ("lesson", "03_windows.ipynb", "../exercises/03_windows.ipynb"),
        ("exercise", "../notebooks/03_windows.ipynb", "03_windows.ipynb"),
        ("solution", "../notebooks/03_windows.ipynb", "03_windows.ipynb"),  # an instructor stays among the solutions
    ],
)
def test_links_by_slug_become_files(small_course, syllabus, kind, lesson, exercise):
    def link(text):
        return source.link(text, kind, syllabus, small_course)

    assert link("see [windows](unit:windows), [do](exercise:windows#count).") == f"see [windows]({lesson}), [do]({exercise}#count)."
    assert link("[more](unit:later) and [this](https://x.org)") == "more (to come) and [this](https://x.org)"
    with pytest.raises(CourseError, match="Did you mean 'windows'"):
        link("[x](unit:window)")
    with pytest.raises(CourseError, match="'start' has no exercise"):
        link("[x](exercise:start)")


def test_the_head_says_title_goals_minutes_and_needs(small_course, syllabus):
    cell = source.prose(Cell("markdown", "{{ head }}\n\nNow.", "001"), syllabus["windows"], "lesson", syllabus, small_course)
    assert cell.source.splitlines()[0] == "# Windows"
    for part in ("- count", "about 5 minutes", "[The start](01_start.ipynb)", "\n\nNow."):
        assert part in cell.source
    first = source.head(syllabus["start"], "lesson", syllabus)
    assert "**You need:** Python." in first
    exercise = source.head(syllabus["windows"], "exercise", syllabus)
    assert exercise.startswith("# Exercise: Windows") and "about 10 minutes" in exercise


def test_a_token_that_is_none_stops_the_build(small_course, syllabus):
    with pytest.raises(CourseError, match=r"cell 001: \{\{ heat \}\} is no token"):
        source.prose(Cell("markdown", "{{ heat }}", "001"), syllabus["start"], "lesson", syllabus, small_course)


def test_minutes_of_sections_must_add_up_to_the_syllabus(small_course, syllabus):
    def cells(*minutes):
        return [Cell("markdown", f"## Part\n\n{{{{ minutes {m} }}}}\n\nText.", str(m)) for m in minutes]

    unit = syllabus["windows"]  # of 5 minutes
    source.check_minutes([Cell("markdown", "## Part", "1"), Cell("code", "{{ minutes 9 }}", "2")], unit)  # none named
    source.check_minutes(cells(2, 3), unit)
    with pytest.raises(CourseError, match=r"2 \+ 4 = 6 minutes, the unit 5 by the syllabus"):
        source.check_minutes(cells(2, 4), unit)
    (cell, _) = (source.prose(cell, unit, "lesson", syllabus, small_course) for cell in cells(2, 3))
    assert cell.source == "## Part\n\n*About 2 minutes.*\n\nText."


SOLVED = '''\
def f(x):
    """Twice."""
    # solution:
    if x:
        return 2 * x
    return 0
    # end of solution
'''


def test_a_solution_becomes_a_stub_at_its_indentation():
    cell = Cell("code", SOLVED, "twice")
    (student,) = source.for_student([cell])
    assert student.source == 'def f(x):\n    """Twice."""\n    raise NotImplementedError("twice")  # replace this line with your code'
    (solution,) = source.for_solution([cell])
    assert solution.source == 'def f(x):\n    """Twice."""\n    if x:\n        return 2 * x\n    return 0'
    space: dict = {}
    exec(student.source, space)
    with pytest.raises(NotImplementedError, match=r"^twice$"):
        space["f"](1)
    exec(solution.source, space)
    assert space["f"](3) == 6


def test_what_a_student_starts_from_replaces_the_stub():
    start = "    # student:\n    # y = x\n    #\n    # return y + 1  # wrong\n"
    text = f"def f(x):\n    # solution:\n    return 2 * x\n{start}    # end of solution\n\nf(1)"
    (student,) = source.for_student([Cell("code", text, "twice")])
    assert student.source == "def f(x):\n    y = x\n\n    return y + 1  # wrong\n\nf(1)"
    (solution,) = source.for_solution([Cell("code", text, "twice")])
    assert solution.source == "def f(x):\n    return 2 * x\n\nf(1)"


def test_two_marked_parts_of_a_task_get_a_stub_each():
    text = SOLVED + "\n" + SOLVED.replace("f(x)", "g(x)")
    (student,) = source.for_student([Cell("code", text, "both")])
    assert student.source.count('raise NotImplementedError("both")') == 2


def test_whole_cells_are_kept_out_by_tag():
    cells = [Cell("code", "1", "001"), Cell("code", "2", "002", ("solution",)), Cell("markdown", "3", "003", ("student",))]
    assert [cell.name for cell in source.for_student(cells)] == ["001", "003"]
    assert [cell.name for cell in source.for_solution(cells)] == ["001", "002"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (SOLVED, "004", "no name"),
        ("# solution:\n1", "t", "never closed"),
        ("1\n# end of solution", "t", "wrong place"),
        ("# student:\n# 1\n# end of solution", "t", "wrong place"),
        ("# solution:\n1\n# solution:\n2\n# end of solution", "t", "wrong place"),
        ("# solution:\n1\n# student:\nx = 2\n# end of solution", "t", "comment each of these lines out"),
        ("def f():\n    # solution:\n    return (\n    # end of solution", "t", "solution's version is not valid Python"),
        ("# solution:\n1\n# student:\n# def f(:\n# end of solution", "t", "student's version is not valid Python"),
    ],
)
def test_marks_that_do_not_pair_up_are_named(text, name, message):
    with pytest.raises(CourseError, match=message):
        source.for_solution([Cell("code", text, name)])
        source.for_student([Cell("code", text, name)])


def test_marks_inside_text_are_no_marks():
    cell = Cell("markdown", "# solution:", "001")
    assert source.for_student([cell]) == [cell]
