"""Published figures: each with source and unit, and what is computed from them against the formula, exactly."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest

from inpaintlib import example, published


def test_every_figure_has_a_title_a_source_and_a_unit() -> None:
    assert len(published.names()) > 100
    for key in published.names():
        figure = published.get(key)
        assert figure.title and figure.unit and figure.source, key
        assert figure.source == published.sources()[figure.cite]
        assert math.isfinite(figure.value) and figure.kind in published.KINDS
        assert str(figure).startswith(figure.text) and figure.cite in str(figure)


def test_values_read_as_they_were_printed() -> None:
    assert published.get("s4.dice_high").text == "0.610"  # not 0.61
    assert published.get("s4.depth.mae_2").text == "0.02766 ± 0.00767"
    assert published.get("s1.vanilla.parameters").text == "7,760,931 parameters"
    assert published.get("s3.liu.days_fine").text == "1 day"
    assert str(published.get("s2.boxes.one_psnr")) == "21.26 dB (S2, printed)"


@pytest.mark.parametrize(("net", "printed"), [("vanilla", 78.56), ("partial", 75.26)])
def test_the_wrong_peak_is_undone_exactly(net: str, printed: float) -> None:
    right = published.get(f"s1.{net}.psnr_right")
    assert right.value == printed - 20 * math.log10(255)
    # an independent way: the error that gives the printed figure with a peak of 255, with a peak of 1
    error = 255**2 / 10 ** (printed / 10)
    assert right.value == pytest.approx(10 * math.log10(1 / error), abs=1e-9)
    assert right.kind == "computed" and "20 log10(255)" in right.formula


def test_the_other_computed_figures() -> None:
    value = lambda key: published.get(key).value  # noqa: E731
    assert value("s1.gap") == 78.56 - 75.26
    assert value("s1.gap") == pytest.approx(value("s1.vanilla.psnr_right") - value("s1.partial.psnr_right"))
    assert value("s1.partial.weights") == 1_718_679 - 858_816
    assert value("s1.vanilla.psnr_if_mse") == -10 * math.log10(0.0116)
    assert value("s4.images_a_second") == pytest.approx(32 / 0.033)
    for depth, printed, rows in ((2, 0.02766, 0.02785), (3, 0.02026, 0.02023), (5, 0.01439, 0.01442)):
        assert value(f"s4.depth.mae_{depth}_off") == printed - rows
    assert value("s4.depth.dice_standard_error") == 0.12 / 50**0.5


def test_the_worked_example_in_exact_fractions() -> None:
    rows = range(1, 4)
    window = [(i, j) for i in rows for j in rows if example.mask[i, j]]
    exact = sum(Fraction(int(example.image[i, j])) * int(example.kernel[i - 1, j - 1]) for i, j in window) * Fraction(9, len(window))
    assert exact == Fraction(9, 5)
    assert published.get("s0.example_centre_right").value == pytest.approx(float(exact), abs=1e-12)


def test_parameter_counts_are_those_of_the_networks() -> None:
    from inpaintlib import models

    networks = {"s0.parameters": "partial_unet", "s1.vanilla.parameters": "vanilla_unet", "s1.partial.weights": "partial_unet_s1"}
    for key, name in networks.items():
        assert sum(p.numel() for p in models.create(name).parameters()) == published.get(key).value


def test_no_computed_value_is_typed() -> None:
    text = published.PATH.read_text("utf-8")
    for key in published.names():
        figure = published.get(key)
        if figure.kind == "computed":
            line = next(line for line in text.splitlines() if f'"{figure.title}"' in line)
            assert "value" not in re.sub(r'"[^"]*"', "", line), key


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"s1\.vanilla\.psnr"):
        published.get("s1.vanila.psnr")


def test_tables_hold_figures_and_no_settings_unless_asked() -> None:
    table = published.table("s1")
    assert "30.43 dB" in table and "20 epochs" not in table
    assert "20 epochs" in published.table("s1", kinds=("setting",))
    with pytest.raises(KeyError, match="no published figures"):
        published.table("s9")


def test_a_broken_entry_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"sources": {"S1": "a"}, "x": {"y": {"title": "t", "unit": "dB", "source": "S1"}}}
    monkeypatch.setattr(published, "_load", lambda: broken)
    published._read.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"x\.y lacks a value"):
            published.get("x.y")
        broken["x"]["y"] |= {"value": 1, "source": "S2"}  # type: ignore[index]
        with pytest.raises(ValueError, match="source 'S2'"):
            published.get("x.y")
    finally:
        monkeypatch.undo()
        published._read.cache_clear()
