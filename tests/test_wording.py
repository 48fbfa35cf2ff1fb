"""What lessons may type: the rule, on made-up sentences, and the course's own units under it."""

from __future__ import annotations

import pytest

from course import CourseError, Tree, wording
from course.syllabus import load
from course.wording import Given, Text, check, measured, numbered
from inpaintlib import published

TREE = Tree()
READY = [unit.slug for unit in load(TREE).ready()]


def value(key: str) -> float:
    return published.get(key).value


@pytest.mark.parametrize("slug", READY)
def test_a_unit_types_no_measured_number_and_no_number_of_another_unit(slug):
    unit = load(TREE)[slug]
    found = list(wording.texts(TREE, unit))
    assert len(found) > 50  # it reads something
    assert check(found, wording.givens(TREE.lesson(slug).with_name("givens.toml")), value) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "it reaches 31.2 dB",
        "about three decibels more",
        "it took 2.5 s on a laptop",
        "in 40 seconds",
        "a 5-second run",
        "12 ms an image",
        "fits into 300 MB",
        "7,760,931 parameters",
        "1.7 million trainable parameters",
        "ten per cent better",
        "35 % of the holes",
        "35% of the holes",
        "SSIM was above 0.95",
        "a PSNR of 30",
        "with an accuracy of only 0.86",
        "1,200 images per second",
        "four times as fast as before",
    ],
)
def test_what_counts_as_measured(sentence):
    assert list(measured(sentence))
    assert check([Text("here", sentence)], [], value)


@pytest.mark.parametrize(
    "sentence",
    [
        "a kernel of 3 x 3 on 32 x 32 pixels",
        "in the 1990s, ICCV 2019",
        "means with their 95 % confidence intervals",
        "after 10 steps, in 16 pictures",
        "the loss of Liu et al. 2018",
        "one parameterisation in two",
        "SSIM compares two pictures",
        "PSNR is the same number on another scale",
        "the second network",
    ],
)
def test_what_does_not(sentence):
    assert [match.group() for match in measured(sentence)] == []


@pytest.mark.parametrize(
    "sentence",
    ["as in lesson 6", "see Unit 12", "the third lesson", "lessons 4 and 5", "lesson six", "notebook 02", "see 07_partial.ipynb"],
)
def test_units_are_not_called_by_number(sentence):
    assert numbered(sentence)
    assert "link by slug" in check([Text("here", sentence)], [], value)[0]


@pytest.mark.parametrize("sentence", ["the next lesson", "a unit of length", "one lesson", "this notebook's 3 cells", "the first exercise"])
def test_other_numbers_are_not_those_of_units(sentence):
    assert numbered(sentence) == []


def test_code_formulas_links_and_marks_of_emphasis_are_not_read():
    text = "`time.sleep(5 s)` $10 \\text{ dB}$ [a](https://x.org/5 s) and **31** dB, *3 s*\n```\n4 MB\n```"
    assert [match.group() for match in measured(wording.plain(text))] == ["31 dB", "3 s"]


def test_everything_that_a_student_reads_is_read(small_course):
    unit = load(small_course)["start"]
    code = '# %%\n# took 1 ms\nx = f"{3} dB"\nshow(alt="At 2 ms.", caption=f"{x} and 3 ms")\n\n# %% [markdown]\n# 4 ms\n'
    lesson = small_course.lesson("start")
    lesson.write_text(code, "utf-8")
    question = '[a]\nquestion = "Is 5 ms long?"\nchoices = ["6 ms", "no"]\nanswer = "no"\nexplain = "7 ms"\n[a.remarks]\n"6 ms" = "8 ms"\n'
    lesson.with_name("questions.toml").write_text(question, "utf-8")
    lesson.with_name("glossary.toml").write_text('"word" = "9 ms."\n', "utf-8")
    found = [match.group() for text in wording.texts(small_course, unit) for match in measured(text.words)]
    assert sorted(found) == ["1 ms", "2 ms", "3 ms", "4 ms", "7 ms", "8 ms", "9 ms"]  # a question and its choices are given


def test_a_given_covers_its_own_place_only():
    here = [Text("here", "At most 60 s are allowed. It took 60 s.")]
    wrong = check(here, [Given("At most 60 s", why="a limit")], value)
    assert len(wrong) == 1 and "It took 60 s" in wrong[0]


@pytest.mark.parametrize(
    ("given", "sound"),
    [
        (Given("48 dB", computed="20 * log10(255)"), True),
        (Given("47 dB", computed="20 * log10(255)"), False),
        (Given("48.13 dB", computed="20 * log10(255)"), True),
        (Given("48.11 dB", computed="20 * log10(255)"), False),
        (Given("PSNR of 78 dB", published="s1.vanilla.psnr"), True),
        (Given("PSNR of 76 dB", published="s1.vanilla.psnr"), False),
        (Given("ten per cent", computed="100 / 10"), True),
        (Given("7,760,931 parameters", published="s1.vanilla.parameters"), True),
    ],
)
def test_a_given_that_can_be_checked_is(given, sound):
    wrong = check([Text("here", given.phrase)], [given], value)
    assert (wrong == []) == sound, wrong


def test_givens_that_are_out_of_date_or_unclear_are_named(tmp_path):
    assert "stands nowhere any more" in check([Text("here", "nothing")], [Given("60 s", why="x")], value)[0]
    path = tmp_path / "givens.toml"
    for text in ('"60 s" = "a limit"', '"60 s" = { }', '"60 s" = { why = "a", computed = "60" }', '"60 s" = { because = "a" }'):
        path.write_text(text, "utf-8")
        with pytest.raises(CourseError, match="expected one of computed, published and why"):
            wording.givens(path)
    with pytest.raises(CourseError, match="cannot be computed"):
        check([Text("here", "60 s")], [Given("60 s", computed="open('x')")], value)
