"""Citations by key: the reader of the bibliography, what a notebook prints, and what stops the build."""

from __future__ import annotations

import re

import pytest

from course import CourseError, Tree, bibliography
from course.bibliography import fill, read
from course.source import Cell

BIB = """\
% two that cannot be told apart by their label, and two that can
@inproceedings{liu2018partial,
  author = {Liu, Guilin and Wang, Ting-Chun and Tao, Andrew},
  title = {Irregular Holes},
  booktitle = {ECCV},
  year = {2018},
  eprint = {1804.07723},
}

@misc{liu2018padding,
  author = {Liu, Guilin and Shih, Kevin J. and Tao, Andrew},
  title = {Padding},
  year = {2018},
}
@article{telea2004image,
  author = {Telea, Alexandru},
  title = {Fast Marching},
  journal = {Journal of Graphics Tools},
  volume = {9},
  year = {2004},
  doi = {10.1080/1},
}
@inproceedings{yu2016multi,
  author = {Yu, Fisher and Koltun, Vladlen},
  title = {Dilated},
  booktitle = {ICLR},
  year = {2016},
}
"""


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    tree.bibliography.parent.mkdir()
    tree.bibliography.write_text(BIB, "utf-8")
    return tree


def written(tree, *texts):
    return [cell.source for cell in fill([Cell("markdown", text, str(i)) for i, text in enumerate(texts)], tree)]


def test_entries_read_as_one_writes_them(tree):
    entries = read(tree.bibliography)
    assert entries["liu2018partial"].text == "G. Liu, T.-C. Wang, A. Tao, [*Irregular Holes*](https://arxiv.org/abs/1804.07723), ECCV 2018"
    telea = "A. Telea, [*Fast Marching*](https://doi.org/10.1080/1), Journal of Graphics Tools 9, 2004"
    assert entries["telea2004image"].text == telea
    labels = ["Liu et al., 2018", "Liu et al., 2018", "Telea, 2004", "Yu and Koltun, 2016"]
    assert [entry.label for entry in entries.values()] == labels


def test_what_is_cited_is_listed_in_the_order_of_names(tree):
    text = "By [@telea2004image]; wider [@yu2016multi; @telea2004image]."
    prose, sources = written(tree, text, "## Sources\n\n{{ sources }}\n\nThe end.")
    assert prose == "By [Telea, 2004](#Sources); wider [Yu and Koltun, 2016](#Sources); [Telea, 2004](#Sources)."
    assert [line[:10] for line in sources.splitlines()] == ["## Sources", "", "- A. Telea", "- F. Yu, V", "", "The end."]


def test_an_item_prints_in_full_with_its_remark_and_is_not_listed_twice(tree):
    text = "## Sources\n\n- [@yu2016multi]: gaps.\n{{ sources }}"
    _, sources = written(tree, "[@telea2004image] and [@yu2016multi]", text)
    assert "- F. Yu, V. Koltun, *Dilated*, ICLR 2016: gaps.\n- A. Telea" in sources and sources.count("Koltun") == 1


def test_equal_labels_get_letters_that_agree_with_the_list(tree):
    prose, sources = written(tree, "[@liu2018padding], [@liu2018partial]", "## Sources\n\n{{ sources }}")
    assert prose == "[Liu et al., 2018a](#Sources), [Liu et al., 2018b](#Sources)"
    assert "*Padding*, 2018a." in sources and "ECCV 2018b." in sources


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["[@telea2004imagg]", "## Sources\n\n{{ sources }}"], "Did you mean 'telea2004image'"),
        (["[@telea2004image]", "## Sources\n\n- [@yu2016multi]."], r"\[@telea2004image\] is cited but not listed"),
        (["[@telea2004image]"], "no section '## Sources'"),
        (["## Sources\n\n{{ sources }}"], "nothing is cited"),
    ],
)
def test_what_stops_the_build(tree, texts, message):
    with pytest.raises(CourseError, match=message):
        written(tree, *texts)


def test_code_is_left_alone(tree):
    cell = Cell("code", 'print("[@nobody]")', "1")
    assert fill([cell], tree) == [cell]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  year = {2016},\n", "", "'yu2016multi' lacks year"),
        ("  booktitle = {ICLR},\n", "", "lacks booktitle"),
        ("year = {2016}", "year = {16}", "four digits"),
        ("year = {2016}", 'year = "2016"', r"line \d+: 'year = \"2016\",' cannot be read"),
        ("title = {Dilated}", "titel = {Dilated}", "'titel' is unknown"),
        ("title = {Dilated}", "title = {Dil{\\'a}ted}", "cannot be read"),
        ("@inproceedings{yu", "@thesis{yu", "the kind is 'thesis'"),
        ("@inproceedings{yu2016multi", "@inproceedings{telea2004image", "stands twice"),
    ],
)
def test_a_bibliography_that_cannot_be_read_names_the_line(tree, old, new, message):
    assert old in BIB
    tree.bibliography.write_text(BIB.replace(old, new), "utf-8")
    with pytest.raises(CourseError, match=message):
        read(tree.bibliography)


def test_unused_entries_are_reported(tree):
    unit = tree.lesson("start")
    unit.parent.mkdir(parents=True)
    unit.write_text("# %% [markdown]\n# [@telea2004image; @liu2018partial]\n", "utf-8")
    assert bibliography.unused(tree) == ["liu2018padding", "yu2016multi"]


def test_the_course_s_own_bibliography_is_sound():
    entries = read(Tree().bibliography)
    for entry in entries.values():
        family = re.sub(r"\W", "", entry.authors[0][0]).lower()
        assert re.fullmatch(rf"{family}{entry.year}[a-z]+", entry.key), f"{entry.key}: expected family name, year, a word of the title"
        assert 1900 < entry.year <= 2030 and all(given for _, given in entry.authors)
    addresses = [entry.address for entry in entries.values() if entry.address]
    assert len(set(addresses)) == len(addresses)
    assert len({entry.title.casefold() for entry in entries.values()}) == len(entries)
