"""The slider, the blind test and the button for a photograph as a student meets them: by mouse and by keyboard, in JupyterLab."""

from __future__ import annotations

import io
import os

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from .harness import Lab, notebook, open_notebook, run_all, run_cell
from .test_widgets import poor_contrast, python_says, status

BOTH = """
import torch
from inpaintlib import widgets
pictures = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
mask = torch.ones(4, 1, 16, 16)
mask[..., 4:9, 6:12] = 0
test = widgets.RealOrFake(pictures, {"black": pictures * mask, "white": pictures * mask + 1 - mask}, mask, rounds=3)
test
"""
SLIDER = """
three = {"first": torch.zeros(3, 16, 20), "second": torch.ones(3, 16, 20), "third": torch.full((3, 16, 20), 0.5)}
slider = widgets.CompareSlider(three, mask=mask[:1, :, :, :16].new_ones(1, 1, 16, 20).index_fill(3, torch.arange(4, 8), 0))
slider
"""

UPLOAD = "upload = widgets.PhotoUpload()\nupload"


def grey_at(canvas: Locator, share: float) -> int:
    """The red value of the canvas in its middle row, so far from its left edge."""
    code = "(c, share) => c.getContext('2d').getImageData(Math.floor(share * c.width), Math.floor(c.height / 2), 1, 1).data[0]"
    return int(canvas.evaluate(code, share))


def right_button(page: Page) -> int:
    return int(run_cell(page, "print(test._plan[test._round].truth)"))


def test_the_blind_test_the_slider_and_the_photograph(page: Page, lab: Lab) -> None:
    open_notebook(page, lab.write("showdown.ipynb", notebook([BOTH, SLIDER, UPLOAD])))
    run_all(page)
    check_blind_test(page, page.locator(".inp").nth(0))
    check_slider(page, page.locator(".inp").nth(1))
    check_photograph(page)
    assert poor_contrast(page) == []
    if folder := os.environ.get("BROWSER_SCREENSHOTS"):
        page.locator(".inp").nth(0).screenshot(path=f"{folder}/real_or_fake.png")
        page.locator(".inp").nth(1).screenshot(path=f"{folder}/compare_slider.png")


def check_blind_test(page: Page, widget: Locator) -> None:
    buttons = widget.locator("[role=toolbar] button")
    next_button, outline = buttons.nth(2), buttons.nth(3)
    expect(widget).to_contain_text("1 of 3. Which picture is untouched?")
    expect(widget.locator("canvas")).to_have_count(2)
    expect(next_button).to_be_disabled()
    assert not outline.is_visible() and "filled by" not in widget.inner_text()
    before = widget.locator("canvas").nth(1).evaluate("c => c.toDataURL()")

    truth = right_button(page)
    buttons.nth(truth).click()  # by mouse, right
    expect(status(widget)).to_contain_text("✓ Right.")
    expect(widget).to_contain_text("1 of 1 right, 100 % (95 % interval 21 % to 100 %)")
    expect(widget.locator("figcaption").nth(1 - truth)).to_contain_text("filled by")
    expect(next_button).to_be_focused()
    filled = widget.locator("canvas").nth(1 - truth)
    outlined = filled.evaluate("c => c.toDataURL()")
    page.keyboard.press("o")
    expect(outline).to_have_attribute("aria-pressed", "false")
    assert filled.evaluate("c => c.toDataURL()") != outlined
    page.keyboard.press("Enter")  # on the button

    expect(widget).to_contain_text("2 of 3.")
    expect(buttons.nth(0)).to_be_focused()
    assert "filled by" not in widget.inner_text() and widget.locator("canvas").nth(1).evaluate("c => c.toDataURL()") != before
    wrong = 1 - right_button(page)
    page.keyboard.press(["ArrowLeft", "ArrowRight"][wrong])  # by keyboard, wrong
    expect(status(widget)).to_contain_text("✗ Wrong.")
    page.keyboard.press(["ArrowLeft", "ArrowRight"][1 - wrong])  # too late
    expect(widget).to_contain_text("1 of 2 right")
    page.keyboard.press("n")

    expect(widget).to_contain_text("3 of 3.")
    widget.locator("canvas").nth(right_button(page)).click()  # the picture itself
    expect(widget).to_contain_text("2 of 3 right")
    expect(widget).to_contain_text("Guessing, 50 %, lies within.")
    expect(widget.locator(".inp-tally li")).to_have_count(2)
    python_says(page, "print(test.score.right, [answer.right for answer in test.answers])", "2 [True, False, True]")
    next_button.click()
    expect(next_button).to_have_text("Next")
    expect(widget).to_contain_text("1 of 3.")
    python_says(page, "print(test.answers)", "[]")


def check_slider(page: Page, widget: Locator) -> None:
    canvas, divider = widget.locator("canvas"), widget.get_by_role("slider", name="Divider")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    assert grey_at(canvas, 0.45) == 0 and grey_at(canvas, 0.55) == 255
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60, steps=3)
    page.mouse.up()
    assert grey_at(canvas, 0.75) == 0 and grey_at(canvas, 0.85) == 255
    python_says(page, "print(round(slider.position, 2))", "0.8")
    page.keyboard.press("Home")
    assert grey_at(canvas, 0.02) == 255
    for _ in range(5):
        page.keyboard.press("PageUp")
    page.keyboard.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuetext", "48 %: left of it first, right of it second")
    at = divider.bounding_box()
    assert at is not None and abs(at["x"] + at["width"] / 2 - box["x"] - box["width"] / 2) < box["width"] / 20 + 1
    widget.get_by_label("Right").select_option("third")
    assert grey_at(canvas, 0.9) == 128
    python_says(page, "print(slider.left, slider.right)", "first third")
    plain = canvas.evaluate("c => c.toDataURL()")
    widget.get_by_role("button", name="Outline of the hole").press("Enter")
    assert canvas.evaluate("c => c.toDataURL()") != plain
    run_cell(page, "slider.position = 1.0")
    expect(divider).to_have_attribute("aria-valuenow", "100")


def check_photograph(page: Page) -> None:
    """A portrait from a telephone: lying on its side in the file, with a note that says so."""
    file, note = io.BytesIO(), Image.Exif()
    note[0x0112] = 6  # a quarter turn
    Image.new("RGB", (60, 40), (255, 0, 0)).save(file, "jpeg", exif=note)
    button = page.get_by_role("button", name="Your photograph")
    python_says(page, "print(upload.photo())", "None")
    with page.expect_file_chooser() as chooser:
        button.press("Enter")
    chooser.value.set_files({"name": "Oma & Opa.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()})
    expect(button).to_contain_text("(1)")
    python_says(page, "print(tuple(upload.photo().shape))", "(1, 3, 60, 40)")
