"""The syllabus: the one place that numbers units."""

from __future__ import annotations

import pytest

from course import CourseError
from course.syllabus import load

GOOD = """
[[unit]]
slug = "a"
title = "A"
goals = ["See"]
minutes = 5
needs = []
status = "ready"
[[unit]]
slug = "b"
title = "B"
goals = ["Do"]
minutes = 5
needs = ["a"]
status = "planned"
"""


def load_text(tmp_path, text):
    path = tmp_path / "syllabus.toml"
    path.write_text(text, "utf-8")
    return load(path)


def test_the_course_has_its_sixteen_units_in_order():
    syllabus = load()
    slugs = [unit.slug for unit in syllabus.units]
    assert slugs[:6] == ["welcome", "convolution", "masks_and_baselines", "metrics", "autoencoder", "depth"]
    assert slugs[6:11] == ["partial_convolution", "partial_unet", "losses", "gated_convolution", "attention"]
    assert slugs[11:] == ["context_encoder", "patch_gan", "showdown", "capstone", "beyond"]
    assert [unit.number for unit in syllabus.units] == list(range(1, 17))
    assert syllabus["partial_convolution"].file_name == "07_partial_convolution.ipynb"
    for unit in syllabus.units:
        assert 3 <= len(unit.goals) <= 5 and unit.minutes > 0
    assert {unit.slug for unit in syllabus.ready()} >= {"welcome", "convolution", "partial_convolution"}


def test_numbers_come_from_the_place_alone(tmp_path):
    syllabus = load_text(tmp_path, GOOD)
    assert [(unit.slug, unit.number) for unit in syllabus.units] == [("a", 1), ("b", 2)]
    assert syllabus.map().splitlines()[2:] == ["| 1 | [A](notebooks/01_a.ipynb) | see | 5 |", "| 2 | B *(to come)* | do | 5 |"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('slug = "b"', 'slug = "a"', "'a' stands at 1 and again at 2"),
        ('needs = ["a"]', 'needs = ["c"]', "'b' needs 'c', which is no unit"),
        ("needs = []", 'needs = ["b"]', "'a' needs 'b', which comes later"),
        ('status = "planned"', 'status = "soon"', "expected ready or planned"),
        ("minutes = 5", 'minutes = "5"', "'minutes' is '5'; expected int"),
        ("minutes = 5", "minutes = 5\nhours = 1", "unknown keys hours"),
        ('slug = "b"', 'slug = "b c"', "letters, digits and underscores"),
        ('slug = "b"', 'slug = "b', "not valid TOML"),
        ('title = "B"\n', "", "'title' is None"),
    ],
)
def test_mistakes_are_named(tmp_path, before, after, message):
    assert before in GOOD
    with pytest.raises(CourseError, match=message):
        load_text(tmp_path, GOOD.replace(before, after))


def test_unknown_slugs_get_the_nearest_one(tmp_path):
    with pytest.raises(CourseError, match="Did you mean 'partial_convolution'"):
        load()["partial_conv"]
    with pytest.raises(CourseError, match=r"is missing.*clone"):
        load(tmp_path / "none.toml")
