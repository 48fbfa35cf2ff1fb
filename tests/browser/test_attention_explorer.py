"""AttentionExplorer as a student meets it: in JupyterLab, with the mouse and with the keyboard; what it says is what Python says."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from .harness import Lab, notebook, open_notebook, run_all, run_cell

EXPLORER = """
import torch
from inpaintlib import widgets
from inpaintlib.layers import attention_weights
tile = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
image, mask = tile.repeat(1, 1, 3, 3), torch.ones(1, 1, 18, 18)
mask[..., 7:10, 8:11] = 0
weights = attention_weights(image - 0.5, image - 0.5, mask, propagate=False)
explorer = widgets.AttentionExplorer(image, mask, weights, filled=image)
explorer
"""


def says(page: Page, widget: Locator, start: str) -> None:
    """The live view and Python say the same, and it begins like this."""
    status = widget.locator(".inp-status")
    expect(status).to_contain_text(start)
    for _ in range(30):
        if status.inner_text() == run_cell(page, "print(explorer.sentence())"):
            return
        page.wait_for_timeout(100)
    assert status.inner_text() == run_cell(page, "print(explorer.sentence())")


def looks(widget: Locator) -> list[str]:
    return widget.locator("canvas").evaluate_all("all => all.map(canvas => canvas.toDataURL())")


def test_pointing_with_mouse_and_keys(page: Page, lab: Lab) -> None:
    open_notebook(page, lab.write("explorer.ipynb", notebook([EXPLORER])))
    run_all(page)
    widget = page.locator(".inp-widget")
    canvas = widget.locator("canvas").first
    says(page, widget, "row 9, column 10 looks most at row ")
    before = looks(widget)

    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 8.5 / 18, box["y"] + box["height"] * 7.5 / 18)
    says(page, widget, "row 8, column 9 looks most at row ")
    assert all(a != b for a, b in zip(before, looks(widget), strict=True))
    page.mouse.click(box["x"] + 3, box["y"] + 3)
    says(page, widget, "row 1, column 1 is known: nothing is filled in there.")

    expect(canvas).to_be_focused()
    page.keyboard.press("End")
    says(page, widget, "row 10, column 11 looks")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    says(page, widget, "row 9, column 10 looks")
    page.keyboard.press("Shift+ArrowLeft")
    says(page, widget, "row 9, column 6 is known")
    page.keyboard.press("Shift+ArrowRight")

    # A scale eight times smaller spreads the weight, one larger gathers it on fewer patches; both as in Python.
    slider = widget.get_by_role("slider", name="Scale of the softmax")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "times 0.125")
    says(page, widget, "row 9, column 10 looks")
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "times 16")
    says(page, widget, "row 9, column 10 looks")
    expect(widget.locator(".inp-status")).to_contain_text("13 % of its weight; half of it lies on 4 patches")  # its eight twins are alike

    hidden = looks(widget)[0]
    widget.get_by_role("checkbox", name="show the filling").check()
    assert looks(widget)[0] != hidden
    run_cell(page, "explorer.sharpness = 1.0; explorer.place = (7, 8)")  # and Python can point too
    says(page, widget, "row 8, column 9 looks")
