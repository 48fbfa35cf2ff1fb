"""The widget LossMixer as a student meets it: sliders by keyboard and mouse, pictures and figures that follow, dark and light."""

from __future__ import annotations

import numpy as np
import torch
from playwright.sync_api import Locator, Page, expect

from inpaintlib import widgets

from .harness import Lab, notebook, open_notebook, run_all, run_cell, set_theme
from .test_widgets import in_browser, poor_contrast, python_says, status

MIXER = ["from inpaintlib import widgets", "mixer = widgets.LossMixer()\nmixer"]


def shown(widget: Locator, row: str) -> np.ndarray:
    """The pixels of the first picture in a row of the widget, (32, 32, 3)."""
    canvas = widget.locator(f'canvas[aria-label^="{row}"]').first
    flat = canvas.evaluate("c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    return np.array(flat, np.uint8).reshape(32, 32, 4)[..., :3]


def stored(runs: widgets.LossRuns, stops: tuple[int, ...]) -> np.ndarray:
    return (runs.filled(stops)[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def test_the_browser_puts_the_pictures_together_as_python_does(page: Page) -> None:
    runs = widgets.LossRuns.load()
    count, _, height, width = runs.truth.shape
    data = [runs.truth.transpose(0, 2, 3, 1).ravel().tolist(), runs.known.ravel().tolist()]
    for stops in ((0, 0, 0), (2, 1, 0)):
        values = runs.holes[runs.index(stops)].tolist()
        call = "[...m.compose(Uint8Array.from(x[0]), x[1], x[2], x[3])]"
        made = in_browser(page, "loss_mixer.js", call, [*data, values, [count, height, width]])
        expected = (runs.filled(stops) * 255).round().byte().permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(np.array(made, np.uint8).reshape(expected.shape), expected)
    levels = [list(row) for row in runs.levels]
    found = in_browser(page, "loss_mixer.js", "x[0].map(s => m.runIndex(s, x[1]))", [[list(s) for s in runs.mixtures], levels])
    assert found == list(range(27))


def test_sliders_change_loss_pictures_and_figures(page: Page, lab: Lab) -> None:
    runs = widgets.LossRuns.load()
    open_notebook(page, lab.write("mixer.ipynb", notebook(MIXER)))
    run_all(page)
    widget = page.locator(".inp")
    widget.scroll_into_view_if_needed()
    expect(widget.locator(".inp-sum")).to_have_text("L = valid + 6 · hole")
    keep = widget.get_by_role("button", name="Keep for comparison")
    expect(keep).to_be_disabled()
    np.testing.assert_array_equal(shown(widget, "this mixture"), stored(runs, (0, 0, 0)))
    assert widget.locator("canvas").count() == 3 * len(runs.truth)  # damaged, this mixture, photograph

    style = widget.get_by_role("slider", name="style")
    style.focus()
    page.keyboard.press("ArrowRight")  # by keyboard
    expect(widget.locator(".inp-sum")).to_have_text("L = valid + 6 · hole + 120 · style")
    expect(style).to_have_attribute("aria-valuetext", "120, as in the paper")
    expect(status(widget)).to_contain_text(f"PSNR in the hole {runs.figures((0, 1, 0))['psnr_hole']:.2f} dB")
    np.testing.assert_array_equal(shown(widget, "this mixture"), stored(runs, (0, 1, 0)))
    np.testing.assert_array_equal(shown(widget, "kept"), stored(runs, (0, 0, 0)))
    python_says(page, "print(mixer.position, mixer.weights['style'])", "(0, 1, 0) 120.0")

    box = widget.get_by_role("slider", name="total variation").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)  # by mouse
    expect(widget.locator(".inp-sum")).to_contain_text("+ 3 · total variation")
    keep.click()
    expect(keep).to_be_disabled()
    expect(widget.locator('canvas[aria-label^="kept"]')).to_have_count(0)
    widget.get_by_role("button", name="Pixels only").click()
    expect(widget.locator("tbody th", has_text="kept: 0 / 120 / 3")).to_have_count(2)  # beside the figures, and beside the pictures
    np.testing.assert_array_equal(shown(widget, "kept"), stored(runs, (0, 1, 2)))

    run_cell(page, "mixer.position = (1, 1, 1)")  # from Python
    expect(widget.locator(".inp-sum")).to_have_text("L = valid + 6 · hole + 0.05 · perceptual + 120 · style + 0.1 · total variation")
    expect(widget.locator(".inp-run")).to_have_count(27)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        set_theme(page, theme)
        assert poor_contrast(page) == []
