"""The glossary: generated from the units, in the order of the alphabet, its links resolve."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from course import CourseError, Tree, build, glossary
from course.notebook import read_notebook
from course.syllabus import load
from course.workspace import update


def give(tree, slug, toml, prose):
    lesson = tree.lesson(slug)
    lesson.write_text(lesson.read_text("utf-8") + f"\n# %% [markdown]\n# ## New words\n#\n# {prose}\n", "utf-8")
    lesson.with_name("glossary.toml").write_text(toml, "utf-8")


def test_a_page_is_built_checked_and_taken_away(small_course):
    give(small_course, "start", '"zebra" = "An animal."\n', "A *zebra*.")
    give(small_course, "windows", '"Window" = "A hole\\n  in a wall."\n', "Some **windows**.")
    build.build(small_course)
    text = small_course.glossary.read_text("utf-8")
    assert re.findall(r"^\*\*(.*?)\*\*: (.*?) \[", text, re.MULTILINE) == [("Window", "A hole in a wall."), ("zebra", "An animal.")]
    assert "[Windows](03_windows.ipynb#New-words)" in text and text.index("## W") < text.index("## Z")
    glossaries = [item for item in build.check(small_course) if "glossary" in item.path]
    assert glossaries == [] and build.build(small_course) == []
    give(small_course, "start", '"zebra" = "A horse."\n', "Again.")
    assert [item.why for item in build.check(small_course) if "glossary" in item.path] == ["it differs from the glossaries of the units"]
    update(small_course, say=lambda _: None)
    assert (small_course.workspace / "lessons" / "glossary.md").read_text("utf-8") == text  # as it was handed out
    for slug in ("start", "windows"):
        small_course.lesson(slug).with_name("glossary.toml").unlink()
    build.build(small_course)
    assert not small_course.glossary.exists()


@pytest.mark.parametrize(
    ("toml", "prose", "message"),
    [
        ('"zebra" = "An animal."', "A zebra.", r"nowhere prints \*zebra\*"),
        ('"zebra" = "An animal."', "A ***zebra***.", "nowhere prints"),
        ('"zebra" = "An animal"', "A *zebra*.", "expected a sentence"),
        ('"zebra" = 3', "A *zebra*.", "expected a sentence"),
        ("zebra =", "A *zebra*.", "not valid TOML"),
    ],
)
def test_what_stops_the_build(small_course, toml, prose, message):
    give(small_course, "start", toml, prose)
    with pytest.raises(CourseError, match=message):
        build.build(small_course)


def test_a_term_stands_in_one_unit(small_course):
    give(small_course, "start", '"zebra" = "An animal."', "A *zebra*.")
    give(small_course, "windows", '"Zebra" = "Another animal."', "A *zebra*.")
    with pytest.raises(CourseError, match=r"windows.*stands in the glossary of 'start'"):
        build.build(small_course)


def test_headings_in_code_blocks_are_none():
    text = "# One\n```python\n# no heading\n```\n## Two\n"
    assert [(level, words) for _, level, words in glossary.headings(text)] == [(1, "One"), (2, "Two")]
    assert [text[offset:].split("\n")[0] for offset, _, _ in glossary.headings(text)] == ["# One", "## Two"]


def test_every_link_of_the_course_s_glossary_leads_to_a_heading_of_a_lesson():
    tree = Tree()
    text = glossary.page(tree, load(tree))
    assert text is not None
    names = [name.casefold() for name in re.findall(r"^\*\*(.*?)\*\*: ", text, re.MULTILINE)]
    links = re.findall(r"\]\(([^)#]+)#?([^)]*)\)$", text, re.MULTILINE)
    assert names == sorted(names) and len(links) == len(names) > 20
    for file, place in links:
        notebook = read_notebook(tree.notebooks / file)
        assert notebook is not None, f"{file} is missing"
        prose = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        anchors = {glossary.anchor(words) for _, _, words in glossary.headings(prose)}
        assert place in anchors, f"{file} has no heading {unquote(place)!r}"
