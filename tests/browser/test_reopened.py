"""A notebook that was run and saved, opened again on another day: no kernel knows its widgets any more, and they are seen all the same."""

from __future__ import annotations

import nbformat
from playwright.sync_api import Page, expect

from .harness import ConsoleErrors, Lab, notebook, open_notebook, run_all, save
from .test_widgets import PAINTER, PARTIAL, STEPPERS

PREDICT = "from course.checks import predict\npredict('Half of 33?', answer=16.5, explain='33 / 2.')"
HOLE = "mask = torch.ones(1, 1, 32, 32)\nmask[..., 8:20, 8:20] = 0\npainter.mask = mask"
LARGEST = 1_000_000  # bytes of such a notebook


def test_widgets_are_restored_without_their_kernel(page: Page, lab: Lab, browser, console_errors: ConsoleErrors) -> None:
    name = lab.write("reopened.ipynb", notebook([*STEPPERS, PARTIAL, PAINTER, HOLE, PREDICT]))
    open_notebook(page, name)
    run_all(page)
    expect(page.locator(".inp-card canvas")).to_have_count(3)  # the original and two inpainters; the third raises
    page.locator(".inp").nth(1).get_by_role("button", name="Next").click()
    save(page)
    page.goto("about:blank")
    lab.stop_kernels()

    saved = nbformat.read(lab.folder / name, as_version=4)
    assert "widgets" in saved.metadata and (lab.folder / name).stat().st_size < LARGEST
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    again = context.new_page()
    console_errors.attach(again)
    open_notebook(again, name, lab=lab)
    expect(again.locator(".inp")).to_have_count(3)
    plain, partial, painter = (again.locator(".inp").nth(k) for k in range(3))
    expect(partial.locator(".inp-status")).to_contain_text("Window 2 of 9")  # as it was left
    plain.get_by_role("button", name="Next").click()  # what the browser computes still goes on
    expect(plain.locator(".inp-status")).to_contain_text("Window 2 of 9")
    expect(painter.locator(".inp-card canvas")).to_have_count(3)
    painter.get_by_role("button", name="Inpaint").click()
    expect(painter.locator(".inp-status")).to_contain_text("Python is not running")
    question = again.locator(".course-predict")
    question.get_by_label("Your guess:").fill("16.5")
    question.get_by_role("button").click()
    expect(question).to_contain_text("Right. 33 / 2.")
    expect(again.get_by_text("model not found")).to_have_count(0)
    context.close()
