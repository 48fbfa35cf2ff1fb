"""The training monitor in JupyterLab: curves that grow, Pause and Stop by mouse and by keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from .harness import Lab, notebook, open_notebook, run_all, run_cell

MONITOR = """
import time, torch
torch.set_num_threads(1)
from inpaintlib import data, losses, masks, train, widgets
def monitor():
    torch.manual_seed(0)
    class Net(torch.nn.Module):
        name, options = "net", {}
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 3, 3, padding=1)
        def forward(self, image, mask):
            time.sleep(0.002)  # room for the other threads of a small machine
            return self.layer(image)
    pictures = torch.randint(0, 256, (64, 3, 16, 16), dtype=torch.uint8)
    images = data.ImageSet(pictures, torch.zeros(64, dtype=torch.int64), ("noise",), "noise")
    looks = train.Samples(images, masks.boxes, count=3, every=5)
    return widgets.TrainingMonitor(
        train.fit, Net(), images, masks.boxes, losses.hole_l1, epochs=1e6, batch_size=16, device="cpu", precision="fp32", samples=looks,
    )
first = monitor()
first
"""
SECOND = "second = monitor().start()\nsecond"


def step(widget: Locator) -> int:
    """The newest step that the widget tells of."""
    found = re.search(r"Step (\d+)", widget.inner_text())
    return int(found[1]) if found else 0


def wait_for_steps(page: Page, widget: Locator, more: int) -> int:
    target = step(widget) + more
    for _ in range(200):
        if step(widget) >= target:
            return step(widget)
        page.wait_for_timeout(50)
    raise AssertionError(f"it stands at step {step(widget)}, not at {target}")


def test_the_run_is_watched_paused_and_stopped(page: Page, lab: Lab) -> None:
    open_notebook(page, lab.write("monitor.ipynb", notebook([MONITOR, SECOND])))
    run_all(page)
    by_keys, by_mouse = page.locator(".inp").nth(0), page.locator(".inp").nth(1)

    wait_for_steps(page, by_mouse, 10)  # the second run goes on by itself
    expect(by_mouse.locator(".inp-status")).to_have_text("Running.")
    curve = by_mouse.locator("svg.inp-curves")
    expect(curve).to_have_attribute("aria-label", re.compile(r"lower is better: loss from [\d.]+ to [\d.]+, after \d+ training steps"))
    expect(by_mouse.locator("img.inp-samples")).to_have_attribute("alt", re.compile("3 held-out pictures after step"))
    assert by_mouse.locator("img.inp-samples").evaluate("image => image.complete && image.naturalWidth > 100")

    by_mouse.get_by_role("button", name="Pause").click()
    expect(by_mouse.locator(".inp-status")).to_have_text("Paused.")
    page.wait_for_timeout(300)  # what was sent before has come
    stands = step(by_mouse)
    page.wait_for_timeout(400)
    assert step(by_mouse) == stands
    by_mouse.get_by_role("button", name="Resume").click()
    wait_for_steps(page, by_mouse, 5)
    by_mouse.get_by_role("button", name="Stop").click()
    expect(by_mouse.locator(".inp-status")).to_have_text("The run has ended: stopped.")
    ended = run_cell(page, "print(second.wait(5).stopped_by, second.history.rows[-1]['step'], second._thread.is_alive())")
    page.wait_for_timeout(400)
    assert ended == f"stopped {step(by_mouse)} False"  # the loss has ended, and the widget says where
    drawn = curve.get_attribute("aria-label") or ""
    assert drawn.endswith(f"after {step(by_mouse)} training steps.")

    begin, end = by_keys.get_by_role("button", name="Start"), by_keys.get_by_role("button", name="Stop")
    expect(end).to_have_attribute("aria-disabled", "true")
    expect(by_keys.locator(".inp-status")).to_have_text("Not started yet.")
    begin.focus()
    page.keyboard.press("Enter")
    wait_for_steps(page, by_keys, 5)
    page.keyboard.press("Space")  # the button keeps the focus, and is the one that pauses now
    expect(by_keys.locator(".inp-status")).to_have_text("Paused.")
    page.keyboard.press("Tab")
    expect(end).to_be_focused()
    page.keyboard.press("Enter")
    expect(by_keys.locator(".inp-status")).to_have_text("The run has ended: stopped.")
    expect(end).to_be_focused()  # a button that has nothing to do any more does not drop the focus
    assert run_cell(page, "print(first.wait(5).stopped_by)") == "stopped"
