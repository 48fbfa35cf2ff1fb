"""The time line says what it was given: years on the axis, a row for each family, no two names on top of each other."""

from __future__ import annotations

import pytest

from inpaintlib import viz

FAMILIES = {"patches": {1999: "Efros-Leung", 2001: "quilting", 2004: "Criminisi"}, "networks": {2015: "U-Net", 2018: "partial"}}


def test_every_work_stands_at_its_year_in_the_row_of_its_family():
    ax = viz.timeline(FAMILIES).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(FAMILIES)
    stands = {text.get_text(): text.xy for text in ax.texts}
    assert stands == {name: (year, -row) for row, works in enumerate(FAMILIES.values()) for year, name in works.items()}


def test_names_do_not_touch():
    drawing = viz.timeline(FAMILIES)
    drawing.canvas.draw()
    boxes = [text.get_window_extent() for text in drawing.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("families", [{}, {"empty": {}}, {str(n): {2000: "x"} for n in range(99)}])
def test_what_cannot_be_drawn_is_refused(families):
    with pytest.raises(ValueError, match="famil"):
        viz.timeline(families)
