"""The lessons as a student meets them: run from top to bottom, touched with mouse and keyboard, and opened without a kernel's help."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from course.syllabus import load

from .harness import PATIENCE, ROOT, Lab, open_notebook, run_all, run_cell

READY = load().ready()


def lesson(lab: Lab, slug: str) -> str:
    """A fresh copy of a lesson's notebook in the lab's folder, as ``make lab`` would lay it out."""
    name = load()[slug].file_name
    (lab.folder / "lessons").mkdir(exist_ok=True)
    shutil.copy(ROOT / "notebooks" / name, lab.folder / "lessons" / name)
    return f"lessons/{name}"


def results(page: Page) -> list[str]:
    """The filled pictures that a painter shows, as data URLs; the original, which never changes, is left out."""
    return page.evaluate("() => [...document.querySelectorAll('.inp-results canvas')].slice(1).map((canvas) => canvas.toDataURL())")


def wait_for_other_results(page: Page, before: list[str]) -> list[str]:
    page.wait_for_function(
        """(before) => {
            const now = [...document.querySelectorAll('.inp-results canvas')].slice(1).map((canvas) => canvas.toDataURL());
            return now.length === before.length && now.every((picture, k) => picture !== before[k]);
        }""",
        arg=before,
        timeout=PATIENCE,
    )
    return results(page)


def test_welcome_is_painted_with_mouse_and_keyboard(lab: Lab, page: Page) -> None:
    open_notebook(page, lesson(lab, "welcome"))
    run_all(page)
    canvas = page.locator("canvas.inp-canvas").first
    canvas.scroll_into_view_if_needed()
    expect(page.locator(".inp-results canvas")).to_have_count(8)  # seven inpainters and the original
    start = results(page)

    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.6, steps=8)
    page.mouse.up()
    by_mouse = wait_for_other_results(page, start)

    holes = int(canvas.get_attribute("data-hole") or 0)
    canvas.focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.down("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.keyboard.up("Space")
    assert int(canvas.get_attribute("data-hole") or 0) > holes
    wait_for_other_results(page, by_mouse)


def test_partial_convolution_shows_the_worked_example(lab: Lab, page: Page) -> None:
    open_notebook(page, lesson(lab, "partial_convolution"))
    run_all(page)
    stepper = page.locator(".inp-widget", has=page.locator(".inp-sum")).first
    stepper.scroll_into_view_if_needed()
    expect(stepper.locator(".inp-sum")).to_contain_text("16.5")
    stepper.locator(".inp-sum").focus()
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(stepper.locator(".inp-sum")).to_contain_text("1.8")
    expect(stepper.locator(".inp-sum")).not_to_contain_text("18")


def test_a_prediction_opens_after_a_guess(lab: Lab, page: Page) -> None:
    open_notebook(page, lesson(lab, "convolution"))
    run_all(page)
    question = page.locator(".course-predict").first
    question.scroll_into_view_if_needed()
    expect(question).not_to_contain_text("14 - 8 = 6")
    question.locator("input[type=radio]").first.focus()
    page.keyboard.press("Space")
    question.locator("button").first.press("Enter")
    expect(question).to_contain_text("14 - 8 = 6")
    assert run_cell(page, "print(len(image))") == "5"


@pytest.mark.parametrize("slug", [unit.slug for unit in READY])
def test_stills_stand_in_for_widgets_before_anything_is_run(lab: Lab, page: Page, slug: str) -> None:
    open_notebook(page, lesson(lab, slug))
    sources = Path(ROOT / "course" / "units" / slug / "lesson.py").read_text("utf-8")
    shown = page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap((cell) => cell.outputs ?? [])
            .map((output) => output.data ?? {}).map((data) => [Object.keys(data), String(data['text/html'] ?? '')])"""
    )
    assert not [kinds for kinds, _ in shown if "application/vnd.jupyter.widget-view+json" in kinds]
    stills = [html for _, html in shown if "<img" in html]
    assert len(stills) >= sources.count("widgets.") and all('alt="' in html for html in stills)
    image = page.locator(".jp-OutputArea img").first
    image.scroll_into_view_if_needed()
    expect(image).to_be_visible()
    assert page.evaluate("(img) => img.naturalWidth > 0", image.element_handle())
    expect(page.get_by_text("Error displaying widget")).to_have_count(0)
