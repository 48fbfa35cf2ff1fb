"""The attention field in colours: the directions are those of its source, nothing is told by colour alone, the marks say the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from inpaintlib import models, viz
from inpaintlib.layers import contextual_attention


def around(reach: int = 1) -> torch.Tensor:
    """Every step of up to ``reach`` in each direction: the place in the middle attends to itself."""
    line = torch.arange(-reach, reach + 1)
    return torch.stack(torch.meshgrid(line, line, indexing="ij"))


def pixels(drawing, index: int) -> np.ndarray:
    return np.asarray(drawing.axes[index].images[0].get_array())


def test_white_is_itself_pink_bottom_left_and_green_top_right():
    colours = viz.attention_colours(around()).permute(1, 2, 0).numpy()
    assert (colours[1, 1] == 1).all() and (colours.reshape(-1, 3) == 1).all(1).sum() == 1
    pink, green = rgb2lab(colours[2, 0][None, None])[0, 0], rgb2lab(colours[0, 2][None, None])[0, 0]
    assert pink[1] > 30 and green[1] < -30  # CIELAB's a: from green to red
    assert -30 < np.degrees(np.arctan2(pink[2], pink[1])) < 15  # between the hues of magenta and of the pink of web pages
    assert colours[2, 0, 0] == colours[2, 0].max() and colours[0, 2, 1] == colours[0, 2].max()
    assert pink[0] - green[0] > 20, "readers who see no difference between pink and green see which is darker"


def test_eight_directions_and_three_distances_are_told_apart():
    lab = rgb2lab(viz.attention_colours(around(3)).permute(1, 2, 0).numpy())
    ring = [lab[3 + 3 * y, 3 + 3 * x] for y in (-1, 0, 1) for x in (-1, 0, 1)]  # the middle among them
    assert min(deltaE_ciede2000(a, b) for i, a in enumerate(ring) for b in ring[:i]) > 8
    for y, x in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1)):
        ray = [lab[3 + step * y, 3 + step * x] for step in range(4)]
        chroma = [float(np.hypot(*colour[1:])) for colour in ray]
        assert chroma == sorted(chroma) and deltaE_ciede2000(ray[0], ray[1]) > 5


def test_a_common_reach_makes_fields_comparable():
    near, far = torch.tensor([[[0]], [[2]]]), torch.tensor([[[0, 0]], [[2, 8]]])
    assert torch.equal(viz.attention_colours(near, 8)[:, 0, 0], viz.attention_colours(far)[:, 0, 0])
    assert not torch.equal(viz.attention_colours(near)[:, 0, 0], viz.attention_colours(far)[:, 0, 0])


def test_the_figure_shows_the_picture_the_colours_the_hole_and_the_wheel():
    image, mask, field = torch.rand(3, 12, 12), torch.ones(1, 1, 12, 12), around()
    mask[..., 4:8, 8:] = 0
    drawing = viz.attention_field(field, image=image, mask=mask)
    assert len(drawing.axes) == 3
    np.testing.assert_allclose(pixels(drawing, 0), image.permute(1, 2, 0), atol=1e-6)
    assert any(patch.get_gid() == "holes" for patch in drawing.axes[0].patches)
    np.testing.assert_allclose(pixels(drawing, 1), viz.attention_colours(field).permute(1, 2, 0), atol=1e-6)
    lines = next(c for c in drawing.axes[1].collections if c.get_gid() == "hole").get_segments()
    ends = np.concatenate(lines)  # rows 4 to 8 and columns 8 to 12 of 12 pixels: row 1 and column 2 of 3 places
    assert (ends.min(0).tolist(), ends.max(0).tolist(), len(lines)) == ([1.5, 0.5], [2.5, 1.5], 16)
    wheel = pixels(drawing, 2)
    middle = wheel.shape[0] // 2
    assert (wheel[middle, middle] == 1).all() and (wheel[0, 0] == 1).all()
    at = int(middle * 0.6)  # towards the corners, inside the rim
    pink, green = wheel[middle + at, middle - at], wheel[middle - at, middle + at]
    assert pink[0] > pink[1] and green[1] > green[0], "the wheel is turned"
    words = {text.get_text().strip() for text in drawing.axes[2].texts}
    assert {"up", "down", "left", "right", "itself", "rim: 1.41 steps away"} <= words


def test_arrows_point_at_the_patch():
    field = torch.tensor([[[0, 0], [-2, 3]], [[0, 5], [0, -3]]])
    (arrows,) = [c for c in viz.attention_field(field, marks="arrows").axes[0].collections if c.get_gid() == "arrows"]
    directions = {(float(x), float(y)): (float(u), float(v)) for x, y, u, v in zip(arrows.X, arrows.Y, arrows.U, arrows.V, strict=True)}
    assert set(directions) == {(1, 0), (0, 1), (1, 1)}  # x, y; the first place attends to itself and has a dot
    assert directions[1, 0][0] > 0 == directions[1, 0][1]
    assert directions[0, 1][1] < 0 == directions[0, 1][0]
    assert directions[1, 1][0] == pytest.approx(-directions[1, 1][1]) and directions[1, 1][1] > 0
    assert max(np.hypot(*d) for d in directions.values()) <= 1, "longer than a place"
    all_itself = viz.attention_field(torch.zeros(2, 3, 3, dtype=torch.int64), marks="arrows").axes[0]
    assert not all_itself.collections and len(all_itself.lines[0].get_xdata()) == 9


def test_numbers_are_the_steps():
    drawing = viz.attention_field(around(), marks="numbers")
    words = [text.get_text() for text in drawing.axes[0].texts]
    assert words == ["↑1\n←1", "↑1", "↑1\n→1", "←1", "·", "→1", "↓1\n←1", "↓1", "↓1\n→1"]


def test_the_text_alternative_counts():
    text = viz.attention_alt(around())
    assert text.startswith("Attention field of 3 by 3 places: 1 attend to themselves, ")
    for where in ("right", "top right", "left", "bottom left", "top left", "bottom right"):
        assert f"1 to the {where}" in text
    assert "1 upwards" in text and "1 downwards" in text and "look 1.2 steps far" in text
    assert viz.attention_alt(torch.zeros(2, 1, 2, dtype=torch.int64)) == "Attention field of 1 by 2 places: 2 attend to themselves."


def test_what_the_layer_and_the_model_return_can_be_drawn():
    x, mask = torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    mask[..., 3:5, 3:5] = 0
    _, field = contextual_attention(x, x, mask)
    markup = viz.figure_html(viz.attention_field(field, image=x, mask=mask, marks="numbers"), alt=viz.attention_alt(field))
    assert 'alt="Attention field of 8 by 8 places' in markup
    model = models.create("coarse_to_fine", size=32, width=4)
    big, hole = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    hole[..., 9:20, 9:20] = 0
    with torch.no_grad():
        field = model.stages(big, hole).field
    assert len(viz.attention_field(field, image=big, mask=hole).axes) == 3


@pytest.mark.parametrize(
    ("field", "options", "error", "says"),
    [
        (torch.zeros(2, 3, 3), {}, TypeError, "whole numbers"),
        (np.zeros((2, 3, 3), int), {}, TypeError, "an ndarray"),
        (torch.zeros(3, 3, 3, dtype=torch.int64), {}, ValueError, r"expected \(2, h, w\)"),
        (torch.zeros(4, 2, 3, 3, dtype=torch.int64), {}, ValueError, r"field\[0\]"),
        (around(), {"mask": torch.ones(1, 1, 8, 9)}, ValueError, "the same multiple of both"),
        (around(), {"mask": torch.ones(1, 1, 6, 9)}, ValueError, "the same multiple of both"),
        (around(), {"marks": "letters"}, ValueError, "expected None, 'arrows' or 'numbers'"),
        (around(9), {"marks": "numbers"}, ValueError, "19 by 19 places; numbers are for 256"),
        (around(), {"reach": 0}, ValueError, "positive distance"),
        (around(), {"image": torch.rand(3, 9, 9), "mask": torch.ones(1, 1, 6, 6)}, ValueError, "expected the same size"),
    ],
)
def test_bad_input_is_named(field, options, error, says):
    with pytest.raises(error, match=says):
        viz.attention_field(field, **options)
