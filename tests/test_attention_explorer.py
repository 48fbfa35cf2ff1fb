"""AttentionExplorer without a browser: its values, its still twin, its refusals. The folder browser beside this has the live view."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

from inpaintlib import viz, widgets
from inpaintlib.layers import attention_weights, contextual_attention
from inpaintlib.widgets.base import module


def wallpaper() -> tuple[torch.Tensor, torch.Tensor]:
    """A tile of 6 x 6, three times in each direction, with a hole of 3 x 3."""
    tile = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 1, 18, 18)
    mask[..., 7:10, 8:11] = 0
    return tile.repeat(1, 1, 3, 3), mask


def explorer(**options: Any) -> widgets.AttentionExplorer:
    image, mask = wallpaper()
    settings: dict[str, Any] = {"image": image, "mask": mask, "weights": attention_weights(image - 0.5, image - 0.5, mask)}
    return widgets.AttentionExplorer(**(settings | options))


def test_every_hole_place_looks_one_tile_away():
    """The picture repeats: each place finds its twin, and the map's colours are those of the layer's own field."""
    image, mask = wallpaper()
    view = explorer()
    assert view.place == (8, 9)  # the middle of the hole
    for place in (mask[0, 0] == 0).nonzero().tolist():
        view.place = tuple(place)
        found = view.looks_at
        assert found is not None and found != tuple(place)
        assert [(a - b) % 6 for a, b in zip(found, place, strict=True)] == [0, 0]
    field = contextual_attention(image - 0.5, image - 0.5, mask)[1][0]
    torch.testing.assert_close(view._field, field * (mask[0] == 0))
    drawn = np.frombuffer(view._colours, dtype=np.uint8).reshape(18, 18, 3) / 255
    np.testing.assert_allclose(drawn, viz.attention_colours(field * (mask[0] == 0)).permute(1, 2, 0), atol=0.51 / 255)


def test_sharper_is_the_softmax_at_a_larger_scale_and_holes_stay_at_nothing():
    image, mask = wallpaper()
    for times in (0.125, 0.5, 3.0):
        view = explorer(weights=attention_weights(image - 0.5, image - 0.5, mask, propagate=False), sharpness=times)
        expected = attention_weights(image - 0.5, image - 0.5, mask, scale=10.0 * times, propagate=False)[0, 8, 9]
        torch.testing.assert_close(view.here, expected.double(), rtol=1e-3, atol=1e-5)
        assert view.here[mask[0, 0] == 0].abs().sum() == 0


def test_what_the_browser_gets_is_nothing_of_what_lies_under_the_hole():
    image, mask = wallpaper()
    pixels = np.frombuffer(explorer()._pixels, dtype=np.uint8).reshape(18, 18, 3)
    assert (pixels[7:10, 8:11] == 0).all()
    np.testing.assert_allclose(pixels[:7] / 255, image[0, :, :7].permute(1, 2, 0), atol=0.51 / 255)
    other = torch.where(mask > 0, image, 1 - image)
    assert explorer(image=other).still() == explorer().still()


def test_the_sentence_says_known_leaking_and_nothing_known():
    view = explorer(place=(0, 0))
    assert view.sentence() == "row 1, column 1 is known: nothing is filled in there." and view.looks_at is None
    even = torch.full((18, 18, 18, 18), 1 / 324)
    assert explorer(weights=even).sentence().endswith(f"half of it lies on 162 patches; {100 * 9 / 324:.1f} % lies in the hole.")
    nothing = explorer(weights=torch.zeros(18, 18, 18, 18))
    assert "no patch is known" in nothing.describe() and nothing.looks_at is None
    one = torch.zeros(18, 18, 18, 18)
    one[8, 9, 3, 15] = 1
    assert explorer(weights=one).sentence() == (
        "row 9, column 10 looks most at row 4, column 16 (5 up, 6 to the right), with 100 % of its weight; half of it lies on 1 patch."
    )


def test_places_of_several_pixels():
    image, mask = wallpaper()
    weights = attention_weights(image - 0.5, image - 0.5, mask, rate=2)
    view = explorer(weights=weights)
    assert view._cell == 2 and view._holes.nonzero().tolist() == [[3, 4], [3, 5], [4, 4], [4, 5]]
    rows = np.frombuffer(view._weights, dtype="<f4").reshape(-1, 9, 9)
    np.testing.assert_allclose(rows[0], weights[0][view._holes][0])


def test_the_output_holds_the_live_view_and_its_still_twin():
    view = explorer(filled=wallpaper()[0])
    bundle: Any = view._repr_mimebundle_()
    data, _ = bundle
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', data["text/html"])
    (alt,) = re.findall(r'alt="([^"]+)"', data["text/html"])
    assert Image.open(io.BytesIO(base64.b64decode(source))).width > 300 and len(data["text/html"]) < 120_000
    assert alt == view.describe() and "9 of them in a hole" in alt
    assert view.still() == view.still()
    assert view.still() != explorer(place=(7, 8)).still()


def test_the_module_stands_on_its_own():
    text = module("attention_explorer.js")
    assert not re.search(r"^import ", text, re.MULTILINE) and text.count("export default") == 1
    declared = re.findall(r"^(?:export )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared)), "a name is declared twice"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": torch.rand(2, 3, 18, 18)}, "expected a single picture"),
        ({"mask": torch.ones(1, 1, 18, 18)}, "mask has no hole"),
        ({"mask": torch.zeros(1, 1, 9, 18)}, "mask has height and width"),
        ({"weights": torch.rand(18, 18, 324)}, r"expected \(h, w, h, w\)"),
        ({"weights": torch.rand(4, 4, 4, 4)}, "for 4 by 4 places, the image 18 by 18"),
        ({"weights": torch.full((9, 9, 9, 9), -1.0)}, "negative numbers or NaN"),
        ({"weights": torch.full((9, 9, 9, 9), torch.nan)}, "negative numbers or NaN"),
        ({"weights": torch.ones(9, 9, 9, 9, dtype=torch.int64)}, "expected a float tensor"),
        ({"filled": torch.rand(1, 3, 9, 9)}, "expected the same shape"),
        ({"image": torch.rand(1, 3, 64, 64), "mask": torch.zeros(1, 1, 64, 64), "weights": torch.ones(1).expand((64,) * 4)}, "a smaller"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        explorer(**options)


def test_a_place_outside_is_refused():
    view = explorer()
    with pytest.raises(traitlets.TraitError, match="expected a row below 18"):
        view.place = (18, 0)
    with pytest.raises(ValueError, match="expected a row and a column"):
        viz.attention_place(*wallpaper(), torch.ones(18, 18), (0, 18))
    with pytest.raises(ValueError, match="expected the same part"):
        viz.attention_place(*wallpaper(), torch.ones(9, 18), (0, 0))
