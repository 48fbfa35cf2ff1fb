"""What lessons read of the studies: there or not, damaged, and whether a difference may be spoken of."""

from __future__ import annotations

import json

import pytest

from inpaintlib.reproduce import results


def test_what_a_study_wrote_is_read(tmp_path):
    (tmp_path / "s9.json").write_text(json.dumps({"seeds": 3, "results": {"table": {}}}))
    assert results.stored("s9", tmp_path) == {"seeds": 3, "results": {"table": {}}}
    assert results.stored("s8", tmp_path) is None


@pytest.mark.parametrize("text", ["{", "[1]", '{"seeds": 3}', '{"results": 1}'])
def test_a_damaged_file_is_refused_by_its_name(tmp_path, text):
    (tmp_path / "s9.json").write_text(text)
    with pytest.raises(ValueError, match=r"s9\.json .* python -m inpaintlib\.reproduce s9"):
        results.stored("s9", tmp_path)


@pytest.mark.parametrize("name", ["s3", "s4"])
def test_the_stored_studies_of_the_course_can_be_read(name):
    found = results.stored(name)
    assert found is not None and found["seeds"] >= 3 and all(found["results"].values())


@pytest.mark.parametrize(
    ("mean", "half", "seeds", "said"),
    [
        (0.2, 0.1, [0.1, 0.2, 0.3], "higher"),
        (-0.2, 0.1, [-0.1, -0.2, -0.3], "lower"),
        (0.1, 0.1, [0.1, 0.1, 0.1], "not to be told"),  # the interval reaches 0
        (0.2, 0.1, [0.5, 0.2, -0.1], "not to be told"),  # another training, another sign
        (0.2, 0.1, [0.0, 0.2, 0.4], "not to be told"),
        (0.2, 0.1, [0.2], "higher"),
    ],
)
def test_a_difference_is_spoken_of_only_when_images_and_seeds_agree(mean, half, seeds, said):
    assert results.in_words({"mean": mean, "half": half, "seeds": seeds}) == said
