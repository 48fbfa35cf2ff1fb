"""The slider and the blind test without a browser: values, still twins, secrets kept. tests/browser has the live views."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import pytest
import torch
import traitlets
from PIL import Image
from scipy.stats import binomtest
from torch import Tensor

from inpaintlib import widgets
from inpaintlib.evaluation import proportion
from inpaintlib.widgets.base import module
from inpaintlib.widgets.pictures import rgb_bytes

LIVE = "application/vnd.jupyter.widget-view+json"


def still_of(markup: str) -> tuple[Image.Image, str]:
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', markup)
    (alt,) = re.findall(r'alt="([^"]+)"', markup)
    return Image.open(io.BytesIO(base64.b64decode(source))), alt


def originals(count: int = 12, side: int = 16) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def test(**options: Any) -> widgets.RealOrFake:
    """Two inpainters, whose fillings are plain to see in Python: black and white boxes."""
    pictures = originals()
    mask = torch.ones(12, 1, 16, 16)
    mask[..., 4:9, 6:12] = 0
    fillings = {"black": pictures * mask, "white": pictures * mask + (1 - mask)}
    settings: dict[str, Any] = {"originals": pictures, "filled": fillings, "masks": mask}
    return widgets.RealOrFake(**(settings | options))


test.__test__ = False  # type: ignore[attr-defined]  # not one by itself


def slider(**options: Any) -> widgets.CompareSlider:
    three = {"before": torch.zeros(3, 8, 10), "after": torch.ones(1, 3, 8, 10), "grey": torch.full((3, 8, 10), 0.5)}
    settings: dict[str, Any] = {"pictures": three}
    return widgets.CompareSlider(**(settings | options))


def truth_of(widget: widgets.RealOrFake) -> int:
    """The right button, from the pixels: the filled picture has a black or a white box."""
    boxes = [torch.frombuffer(bytearray(view), dtype=torch.uint8).reshape(16, 16, 3)[4:9, 6:12] for view in widget._pictures]
    filled = [bool((box == 0).all() or (box == 255).all()) for box in boxes]
    return int(filled[0]) if len(filled) > 1 or not filled[0] else 1


@pytest.mark.parametrize("make", [test, slider])
def test_the_output_holds_the_live_view_and_its_still_twin(make: Any) -> None:
    widget = make()
    data, _ = widget._repr_mimebundle_()
    assert data[LIVE]["model_id"] == widget.model_id
    picture, alt = still_of(data["text/html"])
    assert picture.width > 300 and len(data["text/html"]) < 120_000 and len(alt) > 60
    assert data["text/html"] == make()._repr_mimebundle_()[0]["text/html"], "two runs give other bytes"


@pytest.mark.parametrize("name", ["compare_slider.js", "real_or_fake.js"])
def test_a_module_stands_on_its_own(name: str) -> None:
    text = module(name)
    assert not re.search(r"^import ", text, re.MULTILINE) and text.count("export default") == 1
    declared = re.findall(r"^(?:export )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared)), "a name is declared twice"


# The slider -------------------------------------------------------------------------------------------------------------------------------


def test_the_divider_stands_between_two_pixels() -> None:
    widget = slider(position=0.3)
    assert (widget.left, widget.right) == ("before", "after")
    assert widget.both()[0, 0, 0].tolist() == [0] * 3 + [1] * 7
    widget.left, widget.position = "grey", 1.0
    assert widget.both().unique().tolist() == [0.5]
    assert "left of a divider at 100 % of the width grey" in widget.describe()
    assert "the hole" not in slider().still()


def test_a_slider_refuses_what_does_not_fit() -> None:
    with pytest.raises(TypeError, match="at least two pictures"):
        widgets.CompareSlider({"one": torch.zeros(3, 8, 8)})
    with pytest.raises(ValueError, match="all of one size"):
        widgets.CompareSlider({"one": torch.zeros(3, 8, 8), "two": torch.zeros(3, 8, 9)})
    with pytest.raises(traitlets.TraitError, match="expected one of before, after, grey"):
        slider(left="nobody")
    with pytest.raises(traitlets.TraitError):
        slider().position = 1.5
    with pytest.raises(ValueError, match="mask"):
        slider(mask=torch.ones(1, 1, 5, 5))


# The blind test ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pairs", "single"])
def test_who_sees_the_difference_has_all_right(kind: Any) -> None:
    widget = test(kind=kind, rounds=10)
    truths = []
    for number in range(10):
        assert widget._round == number and widget._reveal == {}
        truths.append(truth_of(widget))
        widget.answer(truths[-1])
        assert widget._reveal["right"] and widget._reveal["words"].startswith("Right.")
        widget.answer(1 - truths[-1])  # too late
        widget.next()
    assert widget.score.right == widget.score.of == 10 == len({answer.picture for answer in widget.answers})
    assert sorted(truths) == [0] * 5 + [1] * 5  # no side is more often right
    parts = widget.by_inpainter()
    assert set(parts) == ({"black", "white"} if kind == "pairs" else {"black", "white", "untouched"})
    assert sum(part.of for part in parts.values()) == 10
    assert widget._tally["verdict"] == "Guessing, 50 %, lies outside: you see a difference."
    widget.next()
    assert widget._round == 9  # the last one
    first = [answer.picture for answer in widget.answers]
    widget.again()
    assert widget.score.of == 0 and widget._round == 0 and [now.picture for now in widget._plan] != first


def test_the_wrong_button_is_wrong_and_the_hole_is_outlined() -> None:
    widget = test()
    wrong = 1 - truth_of(widget)
    widget.answer(wrong)
    assert not widget._reveal["right"] and "Wrong. The" in widget._reveal["words"] and "was filled by" in widget._reveal["words"]
    assert widget._reveal["place"] == wrong and widget._reveal["notes"][1 - wrong] == "untouched"
    assert sum(widget._reveal["outline"]) == 256 - 30
    assert str(widget.score) == "0 of 1 right, 0 % (95 % interval 0 % to 79 %)"
    alone = test(kind="single")
    while truth_of(alone) == 0:
        alone.answer(0)
        assert "Nobody touched" in alone._reveal["words"] and alone._reveal["original"] == alone._reveal["outline"] == b""
        alone.next()
    alone.answer(1)
    now = alone._plan[alone._round]
    assert alone._reveal["original"] == rgb_bytes(originals()[now.picture][None])


@pytest.mark.parametrize("kind", ["pairs", "single"])
def test_the_truth_is_in_nothing_that_the_browser_gets_before_an_answer(kind: Any) -> None:
    """Two tests whose pictures agree but for the truth: all else that is sent is the same."""
    sent = []
    for seed in range(12):
        widget = test(kind=kind, seed=seed)
        state = {key: value for key, value in widget.get_state().items() if key not in ("_pictures", "_model_id", "layout", "tooltip")}
        sent.append(
            (truth_of(widget), repr({key: state[key] for key in sorted(state) if not key.startswith(("_esm", "_css", "_anywidget"))}))
        )
    assert {truth for truth, _ in sent} == {0, 1}
    assert len({text for _, text in sent}) == 1
    assert "black" not in sent[0][1] and "white" not in sent[0][1]
    said = widget.describe()
    assert "black" not in said and "12 p" in said


def test_requests_of_the_browser_are_answered_once_and_only_for_the_round_that_is_shown() -> None:
    widget = test()
    widget.set_state({"_request": {"do": "next", "round": 0}, "_asked": 1})
    assert widget._round == 0 and widget._answered == 1
    widget.set_state({"_request": {"do": "answer", "round": 3, "choice": 0}, "_asked": 2})
    widget.set_state({"_request": {"do": "answer", "round": 0, "choice": 7}, "_asked": 3})
    assert widget.answers == []
    widget.set_state({"_request": {"do": "answer", "round": 0, "choice": 1}, "_asked": 4})
    widget.set_state({"_request": {"do": "answer", "round": 0, "choice": 0}, "_asked": 5})
    assert len(widget.answers) == 1 and widget.answers[0].guess == "right"
    widget.set_state({"_request": {"do": "next", "round": 0}, "_asked": 6})
    widget.set_state({"_request": {"do": "next", "round": 0}, "_asked": 7})  # a second click, late
    assert widget._round == 1 and widget._answered == 7


def test_a_blind_test_refuses_what_does_not_fit() -> None:
    pictures = originals()
    with pytest.raises(ValueError, match="expected the same shape"):
        widgets.RealOrFake(pictures, {"a": pictures[:3]})
    with pytest.raises(TypeError, match="mapping name -> such pictures"):
        widgets.RealOrFake(pictures, {})
    with pytest.raises(ValueError, match="expected 1 to 12"):
        test(rounds=13)
    with pytest.raises(ValueError, match="'pairs' or 'single'"):
        test(kind="triples")
    with pytest.raises(ValueError, match="nothing to tell apart"):
        widgets.RealOrFake(pictures, pictures.clone())
    with pytest.raises(ValueError, match="expected 0"):
        test().answer(2)
    assert widgets.RealOrFake(pictures, 1 - pictures)._tally["by"] == []


@pytest.mark.parametrize(("right", "of"), [(0, 1), (0, 5), (5, 5), (3, 7), (14, 20), (15, 20), (500, 1000)])
def test_the_interval_of_a_share_is_wilsons(right: int, of: int) -> None:
    expected = binomtest(right, of).proportion_ci(method="wilson")
    found = proportion(right, of)
    assert found.low == pytest.approx(expected.low, abs=1e-9) and found.high == pytest.approx(expected.high, abs=1e-9)
    assert found.low <= found.share <= found.high


def test_a_share_of_nothing_says_nothing() -> None:
    assert str(proportion(0, 0)) == "no answers yet" and not proportion(0, 0).excludes(0.5)
    assert not proportion(14, 20).excludes(0.5) and proportion(15, 20).excludes(0.5)
    with pytest.raises(ValueError, match="3 right of 2"):
        proportion(3, 2)


# One's own photograph ---------------------------------------------------------------------------------------------------------------------


def test_an_uploaded_photograph_is_read_and_something_else_is_refused() -> None:
    upload = widgets.PhotoUpload()
    data: Any = upload._repr_mimebundle_()
    assert data[LIVE]["model_id"] == upload.model_id and "photograph" in data["text/html"]
    assert upload.photo() is None
    file = io.BytesIO()
    Image.new("RGB", (6, 4), (255, 0, 0)).save(file, "png")
    about = {"name": "../a.png", "type": "image/png", "size": 1, "last_modified": 0}
    upload.set_state({"value": [{**about, "content": memoryview(file.getvalue())}]})
    photo = upload.photo()
    assert photo is not None and photo.shape == (1, 3, 4, 6) and photo[0, :, 0, 0].tolist() == [1, 0, 0]
    upload.set_state({"value": [{**about, "content": memoryview(b"no picture")}]})
    with pytest.raises(ValueError, match="cannot be read as an image"):
        upload.photo()
