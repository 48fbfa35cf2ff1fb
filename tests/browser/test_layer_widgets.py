"""ReceptiveField, MaskPropagation, GateExplorer and one's own photograph, as a student meets them: by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from inpaintlib import layers, widgets
from inpaintlib.widgets.stack import planes, read_layers

from .harness import Lab, notebook, open_notebook, run_all, run_cell
from .test_widgets import in_browser, poor_contrast, python_says, status

LAYERS = """
import torch
from inpaintlib import models, widgets
field = widgets.ReceptiveField({"growing": [(3, 1, 1), (3, 1, 2), (3, 1, 4)], "equal": [(3, 1, 4)] * 3, "strided": [(3, 2, 1)] * 3})
field"""
MASK = """
mask = torch.ones(12, 12)
mask[3:9, 3:9] = 0
spread = widgets.MaskPropagation(mask, [(3, 1, 1)] * 3)
spread"""
GATES = """
torch.manual_seed(0)
hole = torch.ones(1, 1, 16, 16)
hole[..., 5:11, 4:12] = 0
net = models.create("gated_unet", size=16, width=4)
gates = widgets.GateExplorer(net, torch.rand(1, 3, 16, 16), hole, layers=["at_full", "to_half"])
gates"""
PHOTO = """
import torch
from inpaintlib import baselines, widgets
painter = widgets.MaskPainter(torch.rand(1, 3, 32, 32), {"mean fill": baselines.mean_fill}, own=64)
painter"""


def point(page: Page, plane: Locator, row: int, column: int, rows: int, *, click: bool = False) -> None:
    """The mouse on a cell of a square plane, counted from 1."""
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    assert box is not None
    place = (box["x"] + box["width"] * (column - 0.5) / rows, box["y"] + box["height"] * (row - 0.5) / rows)
    (page.mouse.click if click else page.mouse.move)(*place)


def test_the_browser_and_python_see_the_same(page: Page) -> None:
    for stack in ([(3, 1, 1), (3, 1, 2), (3, 1, 4)], [(5, 2, 1), (2, 2, 1), (3, 1, 3)], [(4, 2, 2), (3, 1, 1)]):
        view = widgets.ReceptiveField(stack, size=20)
        mask = (torch.rand(20, 20, generator=torch.Generator().manual_seed(0)) < 0.03).int().tolist()
        after = [m.int().tolist() for m in widgets.MaskPropagation(mask, stack).masks]
        read = read_layers(stack)
        sizes = planes(read, (20, 20))
        assert in_browser(page, "stack.js", "[m.planeSizes(x, [20, 20]), m.fields(x)]", read) == [
            [list(size) for size in sizes],
            [1, *layers.receptive_field(stack)],
        ]
        assert in_browser(page, "stack.js", "m.masksAfter(x[0], x[1])", [mask, read]) == after
        for level in range(1, len(sizes)):
            for index in (0, sizes[level][0] // 2, sizes[level][0] - 1):
                view.position = (level, index, index)
                sides = [size[0] for size in sizes]
                found = in_browser(page, "stack.js", "[...m.ways(x[0], x[1], x[2], x[3])[0]]", [read, sides, level, index])
                along = torch.zeros(20, dtype=torch.float64)
                for place, count in found:
                    along[place] = count
                assert torch.equal(along[:, None] * along[None], view.seen)


@pytest.fixture
def shown(page: Page, lab: Lab) -> list[Locator]:
    open_notebook(page, lab.write("layers.ipynb", notebook([LAYERS, MASK, GATES])))
    run_all(page)
    return [page.locator(".inp-widget").nth(k) for k in range(3)]


def test_three_widgets_of_layers(page: Page, shown: list[Locator]) -> None:
    check_receptive_field(page, shown[0])
    check_mask_propagation(page, shown[1])
    check_gates(page, shown[2])
    assert poor_contrast(page) == []


def check_receptive_field(page: Page, widget: Locator) -> None:
    notes = widget.locator(".inp-plane-note")
    expect(notes).to_have_text(["31 × 31", "sees 3 × 3", "sees 7 × 7", "sees 15 × 15"])
    expect(status(widget)).to_have_text("Layer 3, row 16, column 16 sees a field of 15 × 15, all 225 pixels of it.")
    plane = widget.locator("canvas")
    before = plane.first.evaluate("canvas => canvas.toDataURL()")
    point(page, plane.nth(2), 2, 3, 31)
    expect(status(widget)).to_contain_text("Layer 2, row 2, column 3 sees a field of 7 × 7")
    expect(status(widget)).to_contain_text("19 of them lie outside the image")  # two rows and a column are: 49 - 5 * 6
    assert plane.first.evaluate("canvas => canvas.toDataURL()") != before
    python_says(page, "print(field.position, int((field.seen > 0).sum()))", "(2, 1, 2) 30")
    widget.get_by_role("combobox", name="Layers").select_option("equal")
    expect(status(widget)).to_contain_text("25 × 25, but only 49 of its 625 pixels")
    widget.get_by_role("combobox").focus()
    for _ in range(3):
        page.keyboard.press("Tab")  # through the layers
    expect(plane.nth(3)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    expect(status(widget)).to_contain_text("Layer 3, row 12, column 17")
    python_says(page, "print(field.stack, field.position)", "equal (3, 11, 16)")
    run_cell(page, "field.stack = 'strided'")
    expect(notes).to_have_text(["31 × 31", "sees 3 × 3", "sees 7 × 7", "sees 15 × 15"])
    expect(status(widget)).to_contain_text("Layer 3, row 3, column 3")


def check_mask_propagation(page: Page, widget: Locator) -> None:
    notes, plane = widget.locator(".inp-plane-note"), widget.locator("canvas")
    expect(notes).to_have_text(["holes: 36", "?", "?", "?"])
    point(page, plane.nth(2), 5, 5, 12, click=True)
    expect(status(widget)).to_contain_text("Layer 2 is not shown yet")
    widget.get_by_role("button", name="Next layer").click()
    widget.get_by_role("button", name="Next layer").click()
    expect(notes).to_have_text(["holes: 36", "holes: 16", "holes: 4", "?"])
    point(page, plane.nth(2), 5, 5, 12, click=True)
    expect(status(widget)).to_have_text(
        "After layer 2, row 5, column 5: known, because 5 of the 9 places of its window are known after layer 1."
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(status(widget)).to_contain_text("row 6, column 6: still a hole, because none of the 9 places")
    point(page, plane.first, 6, 6, 12, click=True)  # the hole gets an island
    expect(notes).to_have_text(["holes: 35", "holes: 7", "no hole is left", "?"])
    page.keyboard.press(" ")
    expect(notes.first).to_have_text("holes: 36")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(" ")
    python_says(page, "print(spread.mask[5][3:9], spread.shown)", "[0, 1, 0, 0, 0, 0] 2")
    widget.get_by_role("button", name="Original mask").click()
    widget.get_by_role("button", name="Show all").click()
    expect(notes).to_have_text(["holes: 36", "holes: 16", "holes: 4", "no hole is left"])
    point(page, plane.nth(1), 1, 1, 12, click=True)
    expect(status(widget)).to_contain_text("4 of the 9 places of its window are known in the mask (5 lie outside the image")


def check_gates(page: Page, widget: Locator) -> None:
    channels = widget.get_by_role("radio")
    expect(channels).to_have_count(4)
    expect(channels.first).to_have_attribute("aria-checked", "true")
    plane = widget.locator(".inp-planes canvas")
    point(page, plane.nth(2), 7, 9, 16)
    expect(status(widget)).to_contain_text("row 7, column 9, in the hole: feature ")
    said = re.search(r"Channel (\d+), .* feature (\S+) × gate (\S+) = (\S+)", status(widget).inner_text().replace("−", "-"))
    assert said is not None
    channel, feature, gate, product = (float(text) for text in said.groups())
    code = f"print(*(round(float(t[{int(channel) - 1}, 6, 8]), 2) for t in (gates.feature, gates.gate, gates.product)))"
    assert [float(text) for text in run_cell(page, code).split()] == pytest.approx([feature, gate, product], abs=0.0101)
    before = plane.nth(3).evaluate("canvas => canvas.toDataURL()")
    channels.first.focus()
    page.keyboard.press("End")
    expect(channels.last).to_be_focused()
    expect(channels.last).to_have_attribute("aria-checked", "true")
    assert plane.nth(3).evaluate("canvas => canvas.toDataURL()") != before
    python_says(page, "print(gates.channel == gates._about()['order'][-1])", "True")
    widget.get_by_role("combobox", name="Layer").select_option("to_half")
    expect(channels).to_have_count(8)
    python_says(page, "print(gates.layer, gates.channel == gates._about()['order'][0])", "to_half True")
    plane.nth(1).focus()
    page.keyboard.press("Home")
    expect(status(widget)).to_contain_text("column 1, known: feature")


def test_a_photograph_of_ones_own(page: Page, lab: Lab, tmp_path: Path) -> None:
    open_notebook(page, lab.write("photo.ipynb", notebook([PHOTO])))
    run_all(page)
    widget = page.locator(".inp-widget")
    chooser = widget.get_by_label("Your own photograph")
    back = widget.get_by_role("button", name="Back to the first picture")
    expect(back).to_be_hidden()
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    Image.new("RGB", (400, 10)).save(tmp_path / "strip.png")
    for name, problem in {
        "notes.txt": "“notes.txt” is not a picture that this browser can open. Choose a JPEG",
        "cut.jpg": "“cut.jpg” is not a picture",
        "strip.png": "“strip.png” is 400 × 10 pixels: too small or too narrow",
    }.items():
        chooser.set_input_files(tmp_path / name)
        expect(status(widget)).to_contain_text(problem)
    huge = Image.new("RGB", (1500, 2000), (200, 30, 60))  # stored lying, to be shown upright
    exif = Image.Exif()
    exif[0x0112] = 6
    huge.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "huge one.jpg", exif=exif)
    chooser.set_input_files(tmp_path / "huge one.jpg")
    expect(widget).to_contain_text("huge one.jpg: 1500 × 2000 pixels, scaled down to 48 × 64.")
    expect(status(widget)).to_contain_text("Nothing is painted yet")
    colour = "(painter.image.mean((0, 2, 3)) * 255 - torch.tensor([200.0, 30, 60])).abs().max() < 4"
    python_says(page, f"print(tuple(painter.image.shape), bool({colour}))", "(1, 3, 64, 48) True")
    canvas = widget.locator("canvas.inp-canvas")
    canvas.focus()
    page.keyboard.press(" ")
    expect(status(widget)).to_contain_text("of 3072 pixels")
    expect(widget.locator(".inp-card canvas")).to_have_count(2)
    back.click()
    expect(canvas).to_have_attribute("aria-label", "Picture of 32 by 32 pixels to paint a hole into")
    expect(back).to_be_hidden()
    python_says(page, "print(tuple(painter.image.shape), len(painter._upload))", "(1, 3, 32, 32) 0")
