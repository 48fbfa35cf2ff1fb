"""The still figures: what they show is what they were given, every reader can read it, and nothing is left behind."""

from __future__ import annotations

import base64
import io
import itertools
import re
import subprocess
import sys
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import Tensor

from inpaintlib import evaluation, example, viz
from inpaintlib.layers import partial_conv2d
from inpaintlib.train.history import History


def render(drawing: Figure, dpi: int = 100) -> np.ndarray:
    """uint8 (H, W, 3)."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=dpi)
    return np.asarray(Image.open(buffer).convert("RGB"))


def picture_of(markup: str) -> Image.Image:
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', markup)
    return Image.open(io.BytesIO(base64.b64decode(source)))


def patches(drawing: Figure, name: str) -> list[Any]:
    return [patch for ax in drawing.axes for patch in ax.patches if patch.get_gid() == name]


def texts(drawing: Figure, index: int = 0) -> list[str]:
    return [text.get_text() for text in drawing.axes[index].texts]


def hole(*rows: slice, size: int = 8) -> Tensor:
    mask = torch.ones(1, size, size)
    mask[0, rows[0], rows[1]] = 0
    return mask


# show -------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


def test_show_gives_the_picture_its_text_alternative_and_caption(displayed: list[Any]) -> None:
    viz.show(viz.image_row([torch.rand(3, 8, 8)]), alt='A "frog" & a hole', caption="PSNR < 30 dB")
    (still,) = displayed
    bundle = still._repr_mimebundle_()
    assert re.fullmatch(r"<figure><img [^>]+><figcaption>PSNR &lt; 30 dB</figcaption></figure>", bundle["text/html"])
    assert 'alt="A &quot;frog&quot; &amp; a hole"' in bundle["text/html"]
    assert bundle["text/plain"] == '[figure] A "frog" & a hole'
    assert picture_of(bundle["text/html"]).width > 400


@pytest.mark.parametrize("alt", ["", "  \n", None, 3])
def test_a_figure_without_text_alternative_is_refused(alt: Any, displayed: list[Any]) -> None:
    with pytest.raises(ValueError, match="expected a sentence"):
        viz.show(viz.image_row([torch.rand(3, 8, 8)]), alt=alt)
    assert not displayed


def test_show_says_what_it_needs(displayed: list[Any]) -> None:
    with pytest.raises(TypeError, match=r"figure is a tensor of shape \(3, 8, 8\) and dtype float32; expected a matplotlib Figure"):
        viz.show(torch.rand(3, 8, 8), alt="x")  # type: ignore[arg-type]


def test_show_closes_a_figure_of_pyplot(displayed: list[Any]) -> None:
    import matplotlib.pyplot as plt

    drawing, _ = plt.subplots()
    viz.show(drawing, alt="an empty plot")
    assert drawing.number not in plt.get_fignums()
    assert not drawing.axes


def test_drawing_leaves_no_trace() -> None:
    code = """
import sys, torch
from inpaintlib import viz
assert "matplotlib" not in sys.modules, "importing viz must not import matplotlib"
import matplotlib
before = matplotlib.rcParams.copy()  # dict() would ask for the backend, and that imports pyplot
viz.figure_html(viz.image_row([torch.rand(3, 8, 8)]), alt="x")
viz.figure_html(viz.number_grid([[1, 2]]), alt="x")
assert matplotlib.rcParams.copy() == before, "the style leaked"
assert "matplotlib.pyplot" not in sys.modules, "figures must not go through pyplot"
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_the_style_holds_inside_its_context_only() -> None:
    outside = matplotlib.rcParams["font.size"]
    with viz.style():
        assert matplotlib.rcParams["figure.facecolor"] == "white"
        matplotlib.rcParams["font.size"] = 99
    assert matplotlib.rcParams["font.size"] == outside


def test_pictures_are_small_enough_for_a_notebook() -> None:
    noise = torch.rand(3, 1200, 1200, generator=torch.Generator().manual_seed(0))  # the worst case for PNG
    free = picture_of(viz.figure_html(viz.image_row([noise]), alt="noise", max_bytes=10**9))
    tight = picture_of(viz.figure_html(viz.image_row([noise]), alt="noise"))
    assert tight.width < free.width


def test_fewer_dots_are_not_taken_where_they_are_more_bytes() -> None:
    noise = torch.rand(3, 100, 100, generator=torch.Generator().manual_seed(0))  # at 150 dots an inch its pixels fall on whole dots nearly
    sizes = [len(viz.figure_html(viz.image_row([noise], width=4), alt="noise", max_bytes=limit)) for limit in (10**9, 1)]
    assert sizes[1] <= sizes[0]


def test_a_convolution_picture_is_small_and_the_same_on_every_run() -> None:
    output = F.conv2d(example.image[None, None], example.kernel[None, None])
    once, again = (viz.figure_html(viz.convolution_picture(example.image, example.kernel, output), alt="x") for _ in range(2))
    assert once == again, "two runs give other bytes"  # not printed: they are long
    assert len(once) < 60_000


# The palette ------------------------------------------------------------------------------------------------------------------------------

# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB: how the colours look to readers without one kind of cone.
_BLIND = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}


@pytest.mark.parametrize("eyes", _BLIND)
def test_the_palette_is_told_apart_by_colour_blind_readers(eyes: str) -> None:
    def seen(colour: str) -> np.ndarray:
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        linear = np.clip(_BLIND[eyes] @ linear, 0, 1)
        return rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)[None, None])[0, 0]

    for one, other in itertools.combinations((*viz.CYCLE, viz.ORANGE), 2):
        assert deltaE_ciede2000(seen(one), seen(other)) > 7, (one, other)


def test_nothing_is_told_by_colour_alone() -> None:
    assert len(set(viz.MARKERS)) == len(viz.CYCLE) == len(set(viz.CYCLE))
    assert viz.ORANGE not in viz.CYCLE  # orange means hole


# Pictures ---------------------------------------------------------------------------------------------------------------------------------


def test_a_row_shows_the_very_pixels_and_marks_the_very_holes() -> None:
    image = torch.rand(3, 8, 8)
    mask = (torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(3)) > 0.4).float()
    drawing = viz.image_row({"damaged": image, "filled": image[None]}, masks=[mask, None], notes=["", "31.2 dB"])
    for ax in drawing.axes:
        assert np.allclose(np.asarray(ax.images[0].get_array()), image.permute(1, 2, 0))
    assert [ax.get_title() for ax in drawing.axes] == ["damaged", "filled"]
    assert texts(drawing, 1) == ["31.2 dB"]
    (cover,) = patches(drawing, "holes")
    path, known = cover.get_path(), mask[0, 0].bool().numpy()
    inside = np.array([[path.contains_point((x, y)) for x in range(8)] for y in range(8)])
    assert (inside == ~known).all()
    assert to_hex(cover.get_facecolor()).upper() == viz.ORANGE.upper() and cover.get_hatch()


def test_holes_are_hatched_where_one_looks() -> None:
    drawing = viz.image_row([torch.ones(3, 8, 8)], masks=hole(slice(0, 8), slice(0, 4)))
    pixels = render(drawing)
    middle = pixels[pixels.shape[0] // 4 : -pixels.shape[0] // 4]
    left, right = middle[:, 20 : middle.shape[1] // 2 - 20], middle[:, middle.shape[1] // 2 + 20 : -20]
    orange = (abs(left.astype(int) - np.array([230, 159, 0])).max(-1) < 12).mean()
    dark = (left.max(-1) < 110).mean()
    assert 0.5 < orange < 0.95 and 0.03 < dark < 0.4  # stripes on orange
    assert (right == 255).all()


def test_grids_take_every_kind_of_picture() -> None:
    pictures = [torch.rand(3, 8, 8), torch.rand(1, 8, 12), torch.rand(6, 5), torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)]
    drawing = viz.image_grid(pictures, columns=3, titles=list("abcd"), row_titles=["top", "bottom"])
    assert len(drawing.axes) == 6
    assert np.asarray(drawing.axes[3].images[0].get_array()).max() <= 1
    assert len(viz.image_row(torch.rand(5, 3, 4, 4)).axes) == 5  # a batch
    assert not drawing.axes[4].images  # the last row is not full


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([torch.rand(8, 8, 3)], {}, r"shape \(8, 8, 3\).*expected \(3, H, W\)"),
        ([torch.full((3, 2, 2), torch.nan)], {}, "12 values that are NaN"),
        ([], {}, "images is empty"),
        ([torch.rand(3, 8, 8)], {"titles": ["a", "b"]}, "titles holds 2 entries; expected 1"),
        ([torch.rand(3, 8, 8)], {"masks": torch.ones(1, 4, 4)}, r"expected the same size"),
        ({"a": torch.rand(3, 8, 8)}, {"titles": ["a"]}, "beside a mapping"),
    ],
)
def test_bad_pictures_are_named(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.image_row(arguments, **options)


# Numbers ----------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, -0.0, 7.0, -12.0, 16.5, -1.125, 72 / 7, 123456.0, 1e-7, -3.14159e8, 0.1 + 0.2])
def test_numbers_read_as_what_they_are(value: float) -> None:
    text = viz.number_text(value)
    assert float(text.replace("−", "-")) == pytest.approx(value, rel=6e-4)
    assert "-" not in text and text != "−0" and len(text) <= 10


def test_a_number_grid_shows_each_number_and_hides_what_a_hole_hides() -> None:
    wrong = torch.tensor([[False, False], [False, True]])
    drawing = viz.number_grid([[1.5, -2], [3, float("nan")]], mask=[[1, 1], [0, 1]], highlight=wrong)
    assert texts(drawing) == ["1.5", "−2", "?", "nan"]
    (cell,) = patches(drawing, "hole")
    assert cell.get_xy() == (0, 1) and cell.get_hatch() and to_hex(cell.get_facecolor()).upper() == viz.ORANGE.upper()
    (frame,) = patches(drawing, "highlight")
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((1, 1), 1, 1)
    assert texts(viz.number_grid([[5]], mask=[[0]], hole=None)) == ["5"]


def test_bad_grids_are_named() -> None:
    with pytest.raises(ValueError, match=r"array has shape \(2, 2, 2\)"):
        viz.number_grid(torch.ones(2, 2, 2))
    with pytest.raises(ValueError, match="Show a crop"):
        viz.number_grid(torch.ones(64, 64))
    with pytest.raises(ValueError, match=r"highlight has \(1, 1, 2, 2\)"):
        viz.number_grid(torch.ones(2, 2), highlight=(1, 1, 2, 2))
    with pytest.raises(ValueError, match="mask is"):
        viz.number_grid(torch.ones(2, 2), mask=torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"window is \(3, 0\)"):
        viz.convolution_picture(torch.ones(3, 3), torch.ones(1, 1), torch.ones(3, 3), window=(3, 0))
    for output, options in ((torch.ones(3, 3), {}), (torch.ones(1, 1), {"padding": 1}), (torch.ones(3, 3), {"padding": 1, "stride": 2})):
        with pytest.raises(ValueError, match=r"output is .* give \("):
            viz.convolution_picture(torch.ones(3, 3), torch.ones(3, 3), output, **options)
    for known in (None, torch.ones(2, 2)):
        with pytest.raises(ValueError, match=r"values are \(2, 2\) high and wide, the kernel \(1, 2\)"):
            viz.window_sum(torch.ones(2, 2), torch.ones(1, 2), known)


@pytest.mark.parametrize("seed", range(6))
def test_the_sum_that_is_spelled_out_is_the_convolution(seed: int) -> None:
    """The text is read as arithmetic and compared with torch."""
    generator = torch.Generator().manual_seed(seed)
    values, kernel = (torch.randint(-9, 10, (3, 3), generator=generator).float() for _ in range(2))
    mask = (torch.rand(3, 3, generator=generator) > 0.5).float()
    mask[seed % 3, seed % 2] = 1
    text = viz.window_sum(values, kernel, mask).replace("·", "*").replace("−", "-").replace("▨", "0").replace("×", "*").split("   (")[0]
    plain, rescaled = text.rsplit("\n", 1)
    left, total = plain.replace("\n", " ").rsplit("=", 1)
    assert eval(left) == float(total) == float((values * kernel * mask).sum())
    expected, _ = partial_conv2d(values[None, None], mask[None, None], kernel[None, None])
    left, result = rescaled.split("=")
    assert eval(left) == pytest.approx(float(expected), abs=1e-4)
    assert float(result) == pytest.approx(float(expected), rel=1e-3, abs=1e-6)


def test_a_window_without_known_pixels_says_so() -> None:
    assert "stays a hole" in viz.window_sum([[1.0]], [[1.0]], [[0]])


@pytest.mark.parametrize(("window", "result"), [((0, 0), "16.5"), ((1, 1), "1.8"), ((2, 1), "10.29")])
def test_the_worked_example_of_partial_convolution(window: tuple[int, int], result: str) -> None:
    y, new_mask = partial_conv2d(example.image[None, None], example.mask[None, None], example.kernel[None, None])
    drawing = viz.convolution_picture(example.image, example.kernel, y, window=window, mask=example.mask, new_mask=new_mask)
    assert drawing.get_supxlabel().split("=")[-1].split("(")[0].strip() == result
    frames = [(f.get_xy(), f.get_width(), f.get_height()) for f in patches(drawing, "highlight")]
    assert frames[0] == (window[::-1], 3, 3) and frames[1] == (window[::-1], 1, 1)
    assert len(patches(drawing, "hole")) == 4


def test_stride_padding_and_dilation_frame_the_right_cells() -> None:
    y = F.conv2d(example.image[None, None], example.kernel[None, None], stride=2, padding=1, dilation=2)
    drawing = viz.convolution_picture(example.image, example.kernel, y, window=(1, 1), stride=2, padding=1, dilation=2)
    cells = {f.get_xy() for f in patches(drawing, "highlight")[:9]}
    assert cells == {(c, r) for r in (2, 4, 6) for c in (2, 4, 6)}
    assert drawing.get_supxlabel().endswith(f"= {viz.number_text(float(y[0, 0, 1, 1]))}")


# Charts -----------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> evaluation.Comparison:
    def grey(level: float) -> Any:
        return lambda image, mask: image * mask + level * (1 - mask)

    images = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    masks = torch.ones(12, 1, 16, 16)
    for index in range(12):
        masks[index, :, : 1 + index // 2] = 0
    return evaluation.compare({"black": grey(0.0), "grey": grey(0.5), "white": grey(0.9)}, images, masks)


def test_a_comparison_draws_means_and_intervals(table: evaluation.Comparison) -> None:
    drawing = viz.comparison(table, ["psnr", "mae_hole"])
    first, second = drawing.axes
    assert [label.get_text() for label in first.get_yticklabels()][-1] == "grey"  # the best on top
    for ax, name in ((first, "psnr"), (second, "mae_hole")):
        rows = sorted(table.rows, key=lambda row: row.values["psnr"].mean)
        bars: Any = ax.containers
        for bar, row in zip(bars, rows, strict=True):
            (x,), (segment,) = bar.lines[0].get_xdata(), bar.lines[2][0].get_segments()
            value = row.values[name]
            assert x == pytest.approx(value.mean) and segment[:, 0] == pytest.approx([value.low, value.high])
    assert "dB" in first.get_xlabel() and "higher is better" in first.get_xlabel() and "lower is better" in second.get_xlabel()


@pytest.mark.parametrize("by", ["hole", "time"])
def test_a_comparison_against_hole_size_and_time(table: evaluation.Comparison, by: Any) -> None:
    drawing = viz.comparison(table, by=by)
    (ax,) = drawing.axes
    bars: Any = ax.containers
    looks = {(bar.lines[0].get_color(), bar.lines[0].get_marker()) for bar in bars}
    assert len(looks) == len({marker for _, marker in looks}) == 3  # told apart by markers too
    assert ("%" if by == "hole" else "ms") in ax.get_xlabel()
    if by == "hole":
        means = [bucket.rows[1].values["psnr"].mean for bucket in table.buckets]
        assert bars[1].lines[0].get_ydata() == pytest.approx(means)
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["black", "grey", "white"]


def test_bad_comparisons_are_named(table: evaluation.Comparison) -> None:
    with pytest.raises(KeyError, match="'fid'"):
        viz.comparison(table, "fid")
    with pytest.raises(ValueError, match="by is 'luck'"):
        viz.comparison(table, by="luck")  # type: ignore[arg-type]


def test_curves_draw_what_was_measured_a_panel_for_each_unit() -> None:
    rows = [{"step": s, "epoch": s / 10, "seconds": s / 2, "loss": 1 / s, "hole_l1": 0.5 / s, "lr": 0.1} for s in range(1, 9)]
    history = History([*rows, *({"step": 2 * s, "seconds": s, "psnr": 18.0 + s} for s in (2, 4))])
    drawing = viz.curves(history, x="seconds")
    losses, quality = drawing.axes
    assert [line.get_label() for line in losses.lines] == ["loss", "hole_l1"]
    assert losses.lines[0].get_ydata() == pytest.approx([1 / s for s in range(1, 9)])
    assert quality.lines[0].get_xdata() == pytest.approx([2, 4]) and quality.lines[0].get_ydata() == pytest.approx([20, 22])
    assert "dB" in quality.get_ylabel() and "(s)" in quality.get_xlabel()
    both = viz.curves({"one": history, "two": history}, ["loss"])
    legend: Any = both.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    with pytest.raises(KeyError, match="'accuracy'"):
        viz.curves(history, ["accuracy"])
    with pytest.raises(ValueError, match="no measurements yet"):
        viz.curves(History())


def test_no_text_is_cut_off_or_too_small(table: evaluation.Comparison) -> None:
    image = torch.rand(3, 32, 32)
    y, new_mask = partial_conv2d(example.image[None, None], example.mask[None, None], example.kernel[None, None])
    names = ["with its hole", "mean fill", "fast marching", "Navier-Stokes", "biharmonic", "partial U-Net"]
    drawings = [
        viz.image_row(dict.fromkeys(names, image), notes=["31.2 dB\nMAE 0.012"] * 6),
        viz.image_grid([image] * 6, columns=3, column_titles=["a", "b", "c"], row_titles=["first row", "second"], notes=["x"] * 6),
        viz.convolution_picture(example.image, example.kernel, y, mask=example.mask, new_mask=new_mask),
        viz.number_grid([[1]], title="output"),
        *(viz.comparison(table, by=by) for by in ("inpainter", "hole", "time")),
        viz.comparison(table, ["psnr", "mae_hole"]),
    ]
    for number, drawing in enumerate(drawings):
        drawing.draw_without_rendering()  # places everything
        box = drawing.bbox
        found = [t for t in drawing.findobj(matplotlib.text.Text) if t.get_visible() and t.get_text().strip()]
        # Labels of ticks beyond the ends of an axis exist, but are not drawn.
        ticks = {label for ax in drawing.axes for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels(which="both")}
        for text in found:
            if text in ticks:
                continue
            extent = text.get_window_extent()
            inside = extent.x0 >= -1 and extent.y0 >= -1 and extent.x1 <= box.x1 + 1 and extent.y1 <= box.y1 + 1
            assert inside, (number, text.get_text(), extent, box)
            assert float(text.get_fontsize()) >= 9


def test_whole_numbers_other_than_bytes_are_no_picture():
    with pytest.raises(TypeError, match=r"int64.*to\(torch.uint8\)"):
        viz.image_row([torch.full((3, 2, 2), 200)])
