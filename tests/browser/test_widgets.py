"""The widgets as a student meets them: in JupyterLab, with the mouse, with the keyboard, in light and dark, and without a kernel."""

from __future__ import annotations

import itertools
import math
import random
import re
from typing import Any

import nbformat
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Locator, Page, expect

from inpaintlib import baselines, example, viz, widgets
from inpaintlib.layers import partial_conv2d
from inpaintlib.widgets.base import module

from .harness import ConsoleErrors, Lab, notebook, open_notebook, run_all, run_cell, set_theme, wait_idle

STEPPERS = ["from inpaintlib import example, widgets", "widgets.ConvolutionStepper(example.image, example.kernel)"]
PARTIAL = "partial = widgets.PartialConvolutionStepper(example.image, example.kernel, example.mask)\npartial"
PAINTER = """
import time, torch
from inpaintlib import baselines, widgets
def slow(image, mask):
    time.sleep(0.5)
    return baselines.mean_fill(image, mask)
def unfinished(image, mask):
    raise NotImplementedError("write me")
image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 2).repeat_interleave(4, 3)
inpainters = {"mean fill": slow, "biharmonic": baselines.biharmonic, "my own": unfinished}
painter = widgets.MaskPainter(image, inpainters)
painter
"""


def status(widget: Locator) -> Locator:
    return widget.locator(".inp-status")


def cell(widget: Locator, grid: str, row: int, column: int) -> Locator:
    """A cell of a grid, counted from 1; its label goes on with its value."""
    return widget.locator(f'td[aria-label^="{grid} row {row}, column {column}:"]')


def choice(widget: Locator, name: str) -> Locator:
    return widget.get_by_role("combobox", name=name)


def python_says(page: Page, code: str, expected: str) -> None:
    """What the browser changed reaches Python a moment later."""
    said = ""
    for _ in range(50):
        said = run_cell(page, code)
        if said == expected:
            return
        page.wait_for_timeout(100)
    assert said == expected


def active_cell(page: Page) -> tuple[int, int]:
    """Which cell of the notebook is selected, and how many there are."""
    found = page.evaluate(
        "() => { const c = window.jupyterapp.shell.currentWidget.content; return [c.activeCellIndex, c.widgets.length]; }"
    )
    return found[0], found[1]


# Without a kernel -------------------------------------------------------------------------------------------------------------------------


def in_browser(page: Page, name: str, expression: str, argument: Any) -> Any:
    """Import one of the widgets' modules into the page and evaluate an expression with it (``m``) and an argument (``x``)."""
    code = f"""async ([text, x]) => {{
        const m = await import(URL.createObjectURL(new Blob([text], {{ type: "text/javascript" }})));
        return {expression};
    }}"""
    return page.evaluate(code, [module(name), argument])


def test_the_arithmetic_in_the_browser_is_that_of_torch(page: Page) -> None:
    dice = random.Random(0)
    generator = torch.Generator().manual_seed(0)
    cases: list[dict[str, Any]] = []
    for _ in range(60):
        height, width, h, w = (dice.randint(*sides) for sides in ((1, 9), (1, 9), (1, 4), (1, 4)))
        geometry = {"stride": dice.randint(1, 4), "padding": dice.randint(0, 4), "dilation": dice.randint(1, 3)}
        image, kernel = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((height, width), (h, w)))
        mask = (torch.rand(height, width, generator=generator) < dice.random()).long()
        cases.append({"image": image.tolist(), "kernel": kernel.tolist(), "mask": mask.tolist(), "geometry": geometry})
    answers = in_browser(
        page,
        "arithmetic.js",
        "x.map(c => [m.convolve(c.image, c.kernel, null, c.geometry), m.convolve(c.image, c.kernel, c.mask, c.geometry)])",
        cases,
    )
    fitting = 0
    for case, (plain, partial) in zip(cases, answers, strict=True):
        image, kernel, mask = (torch.tensor(case[name], dtype=torch.float64)[None, None] for name in ("image", "kernel", "mask"))
        geometry = case["geometry"]
        sides = zip(image.shape[2:], kernel.shape[2:], strict=True)
        if any(n + 2 * geometry["padding"] < geometry["dilation"] * (k - 1) + 1 for n, k in sides):
            assert plain["output"] == partial["output"] == []
            continue
        fitting += 1
        expected = F.conv2d(image, kernel, None, **geometry)[0, 0]
        torch.testing.assert_close(torch.tensor(plain["output"], dtype=torch.float64), expected, rtol=0, atol=1e-12)
        y, new_mask = partial_conv2d(image, mask, kernel, None, **geometry)
        torch.testing.assert_close(torch.tensor(partial["output"], dtype=torch.float64), y[0, 0], rtol=0, atol=1e-12)
        assert partial["newMask"] == new_mask[0, 0].tolist()
    assert fitting > 40


def test_numbers_read_alike_in_the_browser_and_in_python(page: Page) -> None:
    values = [0.0, -0.0, 7.0, -12.0, 16.5, -1.125, 72 / 7, -36 / 7, 123456.0, 0.1 + 0.2, 1234.5678, -99.999]
    assert in_browser(page, "common.js", "x.map(m.numberText)", values) == [viz.number_text(value) for value in values]


def test_a_brush_paints_what_geometry_says(page: Page) -> None:
    found = in_browser(
        page,
        "raster.js",
        "x.map(([X, Y, d]) => { const a = new Uint8Array(99).fill(1); const c = m.dab(a, 11, 9, X, Y, d, 0); return [c, [...a]]; })",
        [[5, 4, 1], [5, 4, 5], [0, 0, 3], [10, 8, 64]],
    )
    for (x, y, diameter), (changed, pixels) in zip([(5, 4, 1), (5, 4, 5), (0, 0, 3), (10, 8, 64)], found, strict=True):
        expected = [0 if math.hypot(k % 11 - x, k // 11 - y) <= diameter / 2 else 1 for k in range(99)]
        assert changed and pixels == expected
    line = in_browser(page, "raster.js", "m.line(...x)", [1, 1, 6, 3])
    assert line[0] == [1, 1] and line[-1] == [6, 3]
    assert all(max(abs(a - c), abs(b - d)) == 1 for (a, b), (c, d) in itertools.pairwise(line))  # no gaps


def test_an_error_in_the_console_does_not_go_unnoticed(page: Page, console_errors: ConsoleErrors) -> None:
    page.evaluate("() => { console.error('broken'); setTimeout(() => { throw new Error('lost'); }); }")
    page.wait_for_timeout(200)
    assert len(console_errors) == 2 and "broken" in console_errors[0] and "lost" in console_errors[1]
    console_errors.clear()


def test_stills_are_seen_where_nothing_runs(page: Page, lab: Lab) -> None:
    """As in a committed notebook: the live view is taken out, nobody has trusted it, and no cell is run."""
    mask = torch.ones(1, 1, 32, 32)
    mask[..., 8:20, 10:24] = 0
    shown = [
        widgets.ConvolutionStepper(example.image, example.kernel),
        widgets.PartialConvolutionStepper(example.image, example.kernel, example.mask),
        widgets.MaskPainter(torch.linspace(0, 1, 32).expand(1, 3, 32, 32), {"mean fill": baselines.mean_fill}, mask=mask),
    ]
    content = notebook(["widget"] * 3)
    for code, widget in zip(content.cells, shown, strict=True):
        bundle: Any = widget._repr_mimebundle_()
        data = {kind: value for kind, value in bundle[0].items() if "widget-view" not in kind}
        code["outputs"] = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
    open_notebook(page, lab.write("stills.ipynb", content), kernel=False)
    pictures = page.locator(".jp-OutputArea-output figure img")
    expect(pictures).to_have_count(3)
    for index, widget in enumerate(shown):
        picture = pictures.nth(index)
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_attribute("alt", widget.describe())
        assert picture.evaluate("image => image.complete && image.naturalWidth > 300 && image.clientWidth > 200")
        expect(page.locator("figcaption").nth(index)).to_contain_text("Interactive in a running notebook")
    assert page.locator(".inp").count() == 0


# Steppers ---------------------------------------------------------------------------------------------------------------------------------


def test_steppers_step(page: Page, lab: Lab) -> None:
    open_notebook(page, lab.write("steppers.ipynb", notebook([*STEPPERS, PARTIAL])))
    run_all(page)
    plain, partial = page.locator(".inp").nth(0), page.locator(".inp").nth(1)
    check_plain_stepper(plain, page)
    check_partial_stepper(partial, page)


def check_plain_stepper(plain: Locator, page: Page) -> None:
    expect(plain.locator(".inp-sum")).to_contain_text("7·1")
    expect(plain.locator(".inp-sum")).to_contain_text("= 6")
    expect(cell(plain, "output", 1, 1)).to_have_text("6")
    expect(cell(plain, "output", 1, 2)).to_have_text("")  # not computed before the reader's eyes yet
    plain.get_by_role("button", name="Next").click()
    expect(cell(plain, "output", 1, 2)).to_have_text("−9")
    cell(plain, "output", 3, 3).click()
    expect(status(plain)).to_contain_text("Window 9 of 9")
    expect(cell(plain, "output", 2, 2)).to_have_text("")
    expect(plain.get_by_role("button", name="Next")).to_be_disabled()
    page.keyboard.press("Home")
    expect(status(plain)).to_contain_text("Window 1 of 9")
    plain.get_by_role("button", name="Show all").click()
    expected = F.conv2d(example.image[None, None], example.kernel[None, None])[0, 0]
    for row in range(3):
        for column in range(3):
            expect(cell(plain, "output", row + 1, column + 1)).to_have_text(viz.number_text(float(expected[row, column])))
    choice(plain, "stride").select_option("2")
    choice(plain, "padding").select_option("1")
    expect(status(plain)).to_contain_text("of 9")
    expect(plain).to_contain_text("⌊(5 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = 3")
    expect(plain.locator(".inp-padding")).to_have_count(24)
    plain.get_by_role("button", name="Play").click()
    expect(status(plain)).to_contain_text("Window 2 of 9", timeout=5000)
    plain.get_by_role("button", name="Pause").click()
    assert choice(plain, "dilation").locator("option[value='3']").is_enabled()  # 5 + 2 reach over 7
    choice(plain, "padding").select_option("0")
    expect(choice(plain, "dilation").locator("option[value='3']")).to_be_disabled()


def check_partial_stepper(partial: Locator, page: Page) -> None:
    expect(status(partial)).to_contain_text("16.5 (6 of 9 known)")
    expect(partial.locator(".inp-factor")).to_have_text("11 × 9/6 = 16.5")
    partial.get_by_role("button", name="Next").click()
    page.keyboard.press("ArrowDown")  # the focus is on a button: the arrow keys move the window all the same
    expect(cell(partial, "output", 2, 2)).to_have_text("1.8")
    python_says(page, "print(partial.position, round(partial.value, 6))", "(1, 1) 1.8")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    cell(partial, "image", 2, 2).click()  # the hole is known again
    expect(partial.locator(".inp-factor")).to_have_text("11 × 9/7 = 14.14")
    expect(cell(partial, "image", 2, 2)).to_have_text("5×0")
    again = partial.get_by_role("button", name="Original holes")
    again.click()
    expect(partial.locator(".inp-factor")).to_have_text("11 × 9/6 = 16.5")
    expect(again).to_be_disabled()
    python_says(page, "print(partial.mask == example.mask.int().tolist())", "True")
    cell(partial, "image", 2, 2).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")  # and its neighbour, by keyboard
    expect(partial.locator(".inp-factor")).to_have_text("8 × 9/8 = 9")
    python_says(page, "print(partial.mask[1], partial.output[0, 0].item())", "[1, 1, 1, 1, 1] 9.0")
    for row, column in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2)]:
        cell(partial, "image", row, column).click()
    expect(partial.locator(".inp-sum")).to_contain_text("nothing in the window is known")
    expect(cell(partial, "output", 1, 1)).to_have_text("0")
    expect(cell(partial, "new mask", 1, 1)).to_have_text("0")
    expect(cell(partial, "new mask", 1, 1)).to_have_class(re.compile(r"\binp-hole\b"))


def test_widgets_and_notebook_share_the_keyboard_and_the_theme(page: Page, lab: Lab) -> None:
    twice = "widgets.ConvolutionStepper(example.image, example.kernel, padding=1, simple=True)"
    open_notebook(page, lab.write("keys.ipynb", notebook([*STEPPERS[:1], PARTIAL, "partial", twice])))
    run_all(page)
    one, same, other = (page.locator(".inp").nth(k) for k in range(3))
    assert one.get_by_role("combobox").count() == 3 and other.get_by_role("combobox").count() == 0
    expect(one).to_contain_text("Output size")
    expect(other).not_to_contain_text(re.compile("Output size|stride|padding|dilation"))
    one.get_by_role("button", name="Next").click()
    expect(status(same)).to_contain_text("Window 2 of 9")  # two views of one widget
    expect(status(other)).to_contain_text("Window 1 of 25")  # and another widget
    before = active_cell(page)
    for key in ("ArrowDown", "ArrowDown", "j", "d", "d", "a", "x"):  # in JupyterLab these move, delete and insert cells
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert active_cell(page) == before
    button = one.get_by_role("button", name="Show all")
    button.focus()
    page.keyboard.press("Enter")  # presses the button, and does not open the editor
    expect(cell(one, "output", 1, 3)).to_have_text("−19.5")
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode") == "command"
    check_focus_and_names(page, one)
    one.get_by_role("button", name="Back").focus()
    page.keyboard.press("Escape")  # leaves the widget
    page.keyboard.press("ArrowDown")
    assert active_cell(page) == (before[0] + 1, before[1])
    for theme in ("JupyterLab Dark", "JupyterLab Light"):  # the server keeps the last one for the tests that follow
        set_theme(page, theme)
        assert poor_contrast(page) == []
    other.get_by_role("button", name="Next").click()
    page.keyboard.press("Control+Enter")  # runs the widget's cell: a fresh view in place of the old one
    expect(status(page.locator(".inp").nth(2))).to_contain_text("Window 1 of 25")
    wait_idle(page)
    assert page.locator(".inp").count() == 3


def check_focus_and_names(page: Page, widget: Locator) -> None:
    page.keyboard.press("Tab")
    ring = page.evaluate("() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; }")
    assert ring == ["solid", "3px"]
    nameless = widget.evaluate(
        """root => [...root.querySelectorAll("button, select, input, td, [role=group], [role=grid]")]
            .filter(node => !(node.getAttribute("aria-label") || node.innerText.trim() || node.labels?.length))
            .map(node => node.outerHTML)"""
    )
    assert nameless == []
    assert widget.locator('[aria-live="polite"]').count() >= 1
    stops = widget.locator('td[tabindex="0"]').count()
    assert stops == 2  # one in the image, one in the output: tabulator does not walk through every cell


def poor_contrast(page: Page) -> list[str]:
    """Texts of the widgets with less than 4.5 to 1 against what is behind them (WCAG 2, AA)."""
    page.wait_for_timeout(400)  # for the colours to settle
    found: list[str] = page.evaluate(
        r"""() => {
            const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
            const parse = (text) => {
                canvas.clearRect(0, 0, 1, 1);
                canvas.fillStyle = text;
                canvas.fillRect(0, 0, 1, 1);
                const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
                return [r, g, b, a / 255];
            };
            const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3])).concat(1);
            const behind = (node) => {
                if (!node) return [255, 255, 255, 1];
                const style = getComputedStyle(node);
                const hatched = style.backgroundImage.match(/rgb\([^)]+\)/g);
                const colour = parse(hatched ? hatched.at(-1) : style.backgroundColor);
                return colour[3] === 1 ? colour : over(colour, behind(node.parentElement));
            };
            const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
                .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
            const poor = [];
            for (const node of document.querySelectorAll(".inp, .inp *")) {
                const text = [...node.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join("");
                if (!text || node.closest(":disabled, option")) continue;
                const [a, b] = [light(over(parse(getComputedStyle(node).color), behind(node))), light(behind(node))];
                const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                if (ratio < 4.5) poor.push(`${ratio.toFixed(2)}: ${node.className} ${text.slice(0, 30)}`);
            }
            return poor;
        }"""
    )
    return found


# Mask painter -----------------------------------------------------------------------------------------------------------------------------


def shot(widget: Locator, name: str) -> str:
    """The pixels of a result."""
    return str(widget.locator(f'canvas[aria-label^="{name}"]').evaluate("canvas => canvas.toDataURL()"))


def holes(canvas: Locator) -> int:
    return int(canvas.get_attribute("data-hole") or 0)


@pytest.mark.parametrize("context_options", [{"has_touch": True, "reduced_motion": "reduce"}])
def test_the_painter_paints_and_inpaints(page: Page, lab: Lab) -> None:
    open_notebook(page, lab.write("painter.ipynb", notebook([PAINTER])))
    run_all(page)
    widget = page.locator(".inp")
    canvas = widget.locator("canvas.inp-canvas")
    canvas.scroll_into_view_if_needed()
    expect(status(widget)).to_contain_text("Nothing is painted yet")
    box = canvas.bounding_box()
    assert box is not None and box["width"] == 32 * 12  # a whole multiple: crisp

    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 160, steps=4)
    page.mouse.up()
    page.wait_for_selector(".inp[data-busy]")  # Python is at work; what is painted meanwhile is not lost
    assert "Inpainting" in status(widget).inner_text()
    page.mouse.click(box["x"] + 340, box["y"] + 340)
    by_mouse = holes(canvas)
    assert 20 < by_mouse < 100
    expect(status(widget)).to_contain_text(f"The hole is {by_mouse} of 1024 pixels")
    first = {name: shot(widget, name) for name in ("mean fill", "biharmonic", "original")}
    assert first["mean fill"] != first["biharmonic"] != first["original"]
    expect(widget.locator(".inp-failed")).to_contain_text("NotImplementedError: write me")
    expect(widget.locator("figcaption", has_text="mean fill")).to_contain_text(" dB")

    canvas.focus()
    for key in ["+", "+", "Shift+ArrowUp", "Shift+ArrowUp"]:
        page.keyboard.press(key)
    page.keyboard.down(" ")
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    page.keyboard.up(" ")
    by_keys = holes(canvas)
    assert by_keys > by_mouse + 30
    expect(status(widget)).to_contain_text(f"The hole is {by_keys} of 1024 pixels")
    assert shot(widget, "mean fill") != first["mean fill"] and shot(widget, "original") == first["original"]
    python_says(page, "print(int((painter.mask == 0).sum()), painter.brush, *sorted(painter.filled))", f"{by_keys} 5 biharmonic mean fill")

    check_tools(page, widget, canvas, by_mouse, by_keys)
    page.touchscreen.tap(box["x"] + 300, box["y"] + 60)
    assert holes(canvas) > 0
    expect(status(widget)).to_contain_text(f"The hole is {holes(canvas)} of 1024")
    run_cell(page, "painter.mask = torch.zeros(1, 1, 32, 32)")  # from Python
    expect(status(widget)).to_contain_text("The whole picture is a hole")
    assert holes(canvas) == 1024


SEVEN = """
many = {f"way {k}": baselines.mean_fill for k in range(1, 7)}
hole = torch.ones(1, 1, 32, 32)
hole[..., 8:20, 8:20] = 0
widgets.MaskPainter(image, many, mask=hole)
"""


def test_seven_results_stand_in_two_rows_large_enough_to_compare(page: Page, lab: Lab) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})  # a student's laptop
    open_notebook(page, lab.write("seven.ipynb", notebook([PAINTER, SEVEN])))
    run_all(page)
    cards = page.locator(".inp").nth(1).locator(".inp-card")
    expect(cards).to_have_count(7)
    expect(cards.first).to_contain_text("original")
    boxes = cards.locator("canvas").evaluate_all("all => all.map(c => c.getBoundingClientRect()).map(b => [b.top, b.width])")
    tops = [round(top) for top, _ in boxes]
    assert len(set(tops[:4])) == len(set(tops[4:])) == 1 and tops[4] > tops[0]
    assert all(150 <= width <= 182 for _, width in boxes)
    expect(page.locator(".inp").nth(1)).to_contain_text("each time you let go of the brush")


def check_tools(page: Page, widget: Locator, canvas: Locator, by_mouse: int, by_keys: int) -> None:
    page.keyboard.press("u")
    assert holes(canvas) == by_mouse
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert holes(canvas) == 0
    expect(status(widget)).to_contain_text("Nothing is painted yet")
    expect(widget.locator(".inp-card")).to_have_count(1)  # the original alone
    page.keyboard.press(" ")
    page.keyboard.press("e")
    expect(widget.get_by_role("button", name="Erase")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("-")
    page.keyboard.press("-")
    painted = holes(canvas)
    page.keyboard.press(" ")
    assert 0 < holes(canvas) < painted
    widget.get_by_role("button", name="Paint", exact=True).click()
    widget.get_by_role("checkbox", name="biharmonic").uncheck()
    widget.get_by_role("checkbox", name="my own").uncheck()
    expect(status(widget)).to_contain_text("pixels")
    expect(widget.locator(".inp-card")).to_have_count(2)
    widget.get_by_role("button", name="Clear").click()
    expect(status(widget)).to_contain_text("Nothing is painted yet")
    assert holes(canvas) == 0
