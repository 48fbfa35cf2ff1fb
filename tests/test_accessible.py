"""Headings, text alternatives, contrast and palette: the rules on made-up pages, then everything that the course shows."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba

from course import Tree, source
from course.accessible import (
    CONTRAST,
    DICHROMATS,
    colours_alone,
    contrast,
    css_problems,
    figure_problems,
    heading_problems,
    html_problems,
    seen_by,
)
from course.notebook import read_notebook
from inpaintlib import evaluation, example, viz
from inpaintlib.viz import theme

TREE = Tree()
NOTEBOOKS = [path for folder in (TREE.notebooks, TREE.exercises, TREE.solutions) for path in sorted(folder.glob("*.ipynb"))]
SHEETS = ["inpaintlib/widgets/widgets.css", "course/checks/predict.css"]
PALETTE = {name: getattr(theme, name) for name in ("BLUE", "VERMILLION", "GREEN", "PURPLE", "SKY", "INK", "ORANGE")}
FAR = 10.0  # CIEDE2000; about 1 is the least that can be seen side by side


def markdown(*texts):
    cells = [{"cell_type": "markdown", "id": f"c{i}", "metadata": {}, "source": [text]} for i, text in enumerate(texts)]
    return {"cells": cells}


def output(**data):
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {key.replace("_", "/"): [value] for key, value in data.items()}}]
    return {"cells": [{"cell_type": "code", "id": "code", "metadata": {}, "source": [""], "outputs": outputs}]}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_notebook_is_accessible(path):
    notebook = read_notebook(path)
    assert notebook is not None
    assert heading_problems(notebook) == []
    assert figure_problems(notebook) == []
    shown = [out.get("data", {}).get("text/html", []) for cell in notebook["cells"] for out in cell.get("outputs", [])]
    assert sorted({what for html in shown for what in html_problems("".join(html))}) == []


@pytest.mark.parametrize("name", ["lesson", "exercise"])
def test_no_unit_tells_lines_apart_by_colour_alone(name):
    paths = sorted((TREE.root / "course" / "units").glob(f"*/{name}.py"))
    found = [(path.parent.name, line) for path in paths for c in source.read(path) if c.kind == "code" for line in colours_alone(c.source)]
    assert paths and found == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["## Two", "# One"], "first heading, 'Two'"),
        (["# One", "## Two\n\n#### Four"], "'Four' has level 4 below 'Two'"),
        (["# One", "# Another"], "2 headings of level 1"),
        (["## Two"], "0 headings"),
    ],
)
def test_headings_out_of_order_are_named(texts, message):
    assert any(message in what for what in heading_problems(markdown(*texts)))


def test_headings_in_order_may_go_up_by_more_than_one_level():
    assert heading_problems(markdown("# One", "## Two\n### Three\n```\n# a comment\n```", "## Two again")) == []


@pytest.mark.parametrize(
    "notebook",
    [
        output(image_png="AAAA"),
        output(image_png="AAAA", text_plain="<Figure>"),
        output(text_html='<figure><img src="x"></figure>'),
        output(text_html='<figure><img src="x" alt=" "></figure>'),
        output(text_html='<img src="x" alt="A cat.">, <img src="y">'),
        output(text_html='<figure><img src="x" alt="A cat."><figcaption>A  cat</figcaption></figure>'),
        output(text_html="<svg><path/></svg>"),
        markdown("![](cat.png)"),
        markdown("![the expected picture](attachment:expected-1.png)"),
        markdown("![A cat.](attachment:expected-1.png)\n\n*A cat.*"),
        markdown('<img src="cat.png">'),
    ],
)
def test_a_picture_without_an_alternative_of_its_own_is_found(notebook):
    assert len(figure_problems(notebook)) == 1


def test_pictures_that_say_what_they_show_pass():
    good = output(image_png="AAAA", text_html='<figure><img src="x" alt="A cat on a mat."><figcaption>Before.</figcaption></figure>')
    assert figure_problems(good) == [] == figure_problems(markdown("![A cat \\[left\\].](cat.png)\n\n*Before.*"))


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ('<p style="color:#777;background:#fff">faint</p>', "4.48"),
        ('<div style="background:#0072b2"><b style="color:#1a1a2e">dark</b></div>', "contrast"),
        ('<p style="color:#1a1a2e">ink</p>', "leaves the other to the theme"),
        ('<td style="background:#fff">paper</td>', "leaves the other to the theme"),
        ('<td style="background:repeating-linear-gradient(45deg,#fff,#333 4px);color:#000">striped</td>', "#333"),
    ],
)
def test_faint_text_is_found(html, message):
    assert message in " ".join(html_problems(html))


def test_text_that_can_be_read_passes():
    light = '<b style="background:#0072b2;color:#fff">light</b>'
    assert html_problems(f'<div style="background:#fff;color:#1a1a2e"><p>dark {light}</p></div>') == []
    assert html_problems("<p>As the theme has it.</p>") == []


def test_the_inline_styles_of_checks_and_questions_have_contrast():
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted((TREE.root / "course" / "checks").glob("*.py"))]
    words = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    styles = [word.removeprefix('style="').rstrip('"') for word in words if "color:#" in word and "background:" in word]
    assert len(styles) >= 4
    assert [what for style in styles for what in html_problems(f'<p style="{style}">{style}</p>')] == []


@pytest.mark.parametrize("sheet", SHEETS)
def test_style_sheets_have_contrast(sheet):
    css = Path(TREE.root, sheet).read_text("utf-8")
    assert css_problems(css, theme.INK, "#ffffff") == []
    faint = css.replace("82%", "50%").replace("color: #fff;", "color: #ccc;")
    assert faint != css and css_problems(faint, theme.INK, "#ffffff")  # and the test would see if they had not


def test_variables_mixtures_and_states_of_a_style_sheet_are_worked_out():
    css = ".a { --ink: var(--theme, #000000); color: color-mix(in srgb, var(--ink) 50%, #ffffff); }"
    assert "#808080 on #ffffff" in css_problems(css, "#000000", "#ffffff")[0]
    css = ".b { color: #fff; background: #0072b2; } .b:hover:not(:disabled) { background: #5599ff; }"
    assert [what.split(":")[0] for what in css_problems(css, "#000000", "#ffffff")] == [".b"]


def test_the_matrices_of_dichromats_keep_greys_and_merge_what_they_confuse():
    from skimage.color import deltaE_ciede2000, rgb2lab

    for kind, matrix in DICHROMATS.items():
        assert np.allclose(np.sum(matrix, axis=1), 1, atol=2e-6)
        assert seen_by("#808080", kind) == pytest.approx((128 / 255,) * 3, abs=2e-3)
    red, green = (rgb2lab(np.array(seen_by(colour, "deuteranopia"))) for colour in ("#d2691e", "#808000"))
    assert deltaE_ciede2000(red, green) < FAR  # a brown and an olive, a known confusion: the measure is able to fail


@pytest.mark.parametrize("kind", DICHROMATS)
def test_colours_used_together_stay_apart_for_colour_blind_eyes(kind):
    from skimage.color import deltaE_ciede2000, rgb2lab

    lab = {name: rgb2lab(np.array(seen_by(colour, kind))) for name, colour in PALETTE.items()}
    close = {(a, b): float(deltaE_ciede2000(lab[a], lab[b])) for a, b in itertools.combinations(lab, 2)}
    assert {pair: distance for pair, distance in close.items() if distance < FAR} == {}


def test_the_style_gives_each_line_dashes_and_each_series_a_marker_of_its_own():
    import matplotlib

    with viz.style():
        cycle = list(matplotlib.rcParams["axes.prop_cycle"])
    assert [entry["color"] for entry in cycle] == list(viz.CYCLE)
    assert len({str(entry["linestyle"]) for entry in cycle}) == len(cycle) == len(set(viz.MARKERS))
    for colour in (theme.INK, theme.GREY):
        assert contrast(colour, "#ffffff") >= CONTRAST


@pytest.fixture(scope="module")
def drawings():
    def grey(level):
        return lambda image, mask: image * mask + level * (1 - mask)

    images, masks = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.ones(8, 1, 16, 16)
    for index in range(8):
        masks[index, :, : 1 + index] = 0
    table = evaluation.compare({str(i): grey(i / 6) for i in range(6)}, images, masks, metrics=["psnr"])
    grid = {"holes": example.image, "kernel": example.kernel}
    return {
        **{f"comparison by {by}": viz.comparison(table, by=by) for by in ("inpainter", "hole", "time")},
        "timeline": viz.timeline({"a": {2000: "one"}, "b": {2001: "two"}, "c": {2003: "three"}}),
        "numbers": viz.number_row(grid, masks={"holes": example.mask}),
        "pictures": viz.image_row([images[0], images[1]], ["a", "b"], notes=["x", "y"], masks=[masks[0], None]),
    }


def test_no_chart_tells_series_apart_by_colour_alone(drawings):
    for name, drawing in drawings.items():
        for ax in drawing.axes:
            lines = [line for line in ax.lines if line.get_label() and not str(line.get_label()).startswith("_")]
            lines += [bar.lines[0] for bar in ax.containers if hasattr(bar, "has_yerr")]
            looks: dict[tuple[str, str], set[str]] = {}
            for line in lines:
                looks.setdefault((str(line.get_marker()), str(line.get_linestyle())), set()).add(to_hex(line.get_color()))
            assert all(len(colours) == 1 for colours in looks.values()), (name, looks)


def test_text_in_figures_has_contrast_with_what_lies_under_it(drawings):
    from matplotlib.text import Text

    seen = 0
    for name, drawing in drawings.items():
        drawing.draw_without_rendering()
        for text in drawing.findobj(Text):
            if not text.get_visible() or not text.get_text().strip():
                continue
            (x0, y0), (x1, y1) = text.get_window_extent().get_points()
            under = ["#ffffff"]
            for patch in text.axes.patches if text.axes else ():
                filled = patch.get_fill() and to_rgba(patch.get_facecolor())[3]
                under += [to_hex(patch.get_facecolor())] if filled and patch.contains_point(((x0 + x1) / 2, (y0 + y1) / 2)) else []
            box = text.get_bbox_patch()
            back = to_hex(box.get_facecolor()) if box else under[-1]
            ratio = contrast(to_hex(text.get_color()), back)
            assert ratio >= CONTRAST, f"{name}: {text.get_text()!r} on {back}: {ratio:.2f}"
            seen += back != "#ffffff"
    assert seen > 3  # the cells that are holes are among them
