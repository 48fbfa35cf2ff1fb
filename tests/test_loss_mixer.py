"""The widget LossMixer and the runs that it shows, without a browser. tests/browser/test_loss_mixer.py has the live view."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

from inpaintlib import losses, metrics, published, widgets
from inpaintlib.widgets.base import module

MIXER = Path(__file__).resolve().parents[1] / "docs" / "results" / "loss_mixer.md"


@pytest.fixture(scope="module")
def runs() -> widgets.LossRuns:
    return widgets.LossRuns.load()


def test_the_middle_stops_are_the_weights_of_the_paper(runs: widgets.LossRuns) -> None:
    paper = runs.weights((1, 1, 1))
    assert paper == {name: published.get(f"s3.liu.{name}").value for name in ("perceptual", "style", "tv")}
    assert paper["style"] == losses.LIU_WEIGHTS["style_out"] and runs.weights((0, 0, 0)) == dict.fromkeys(paper, 0)
    assert len(runs.mixtures) == len(set(runs.mixtures)) == 27 == len(runs.holes)
    assert all(len(values) == 27 for values in runs.metrics.values())


def test_fillings_keep_what_is_known_and_differ_in_the_holes(runs: widgets.LossRuns) -> None:
    truth, known = torch.from_numpy(runs.truth).float() / 255, torch.from_numpy(runs.known).bool().expand(-1, 3, -1, -1)
    seen = set()
    for stops in runs.mixtures:
        filled = runs.filled(stops)
        assert torch.equal(filled[known], truth[known]) and not torch.equal(filled, truth)
        seen.add(filled.numpy().tobytes())
    assert len(seen) == 27


def test_the_stored_figures_fit_the_stored_pictures(runs: widgets.LossRuns) -> None:
    """Six pictures stand for three hundred: more smoothness shows in both, and so does the style term."""
    truth, mask = torch.from_numpy(runs.truth).float() / 255, torch.from_numpy(runs.known).float()

    def bends(stops: tuple[int, ...]) -> float:
        hole = 1 - mask
        filled = runs.filled(stops)
        return float(((filled[..., 1:] - filled[..., :-1]).abs() * hole[..., 1:] * hole[..., :-1]).sum())

    detail = {stops: runs.figures(stops)["detail"] for stops in runs.mixtures}
    assert bends((0, 0, 2)) < bends((0, 0, 0)) < bends((1, 1, 1)) and detail[0, 0, 2] < detail[0, 0, 0] < detail[1, 1, 1]
    near = [float(metrics.psnr(runs.filled(s), truth, data_range=1, mask=mask, region="hole").mean()) for s in ((0, 0, 0), (2, 2, 0))]
    assert near[0] > near[1] and runs.figures((0, 0, 0))["psnr_hole"] > runs.figures((2, 2, 0))["psnr_hole"]


def test_the_page_and_the_file_hold_the_same_figures(runs: widgets.LossRuns) -> None:
    rows = re.findall(r"^\| (\S+) \| (\S+) \| (\S+) \| ([\d.]+) \| ([\d.]+) \| (\d+)% \|$", MIXER.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 27
    for stops, row in zip(runs.mixtures, rows, strict=True):
        figures = runs.figures(stops)
        assert [float(x) for x in row[:3]] == pytest.approx(list(runs.weights(stops).values()))
        assert row[3:] == (f"{figures['psnr_hole']:.2f}", f"{figures['perceptual']:.3f}", f"{round(100 * figures['detail'])}")


def test_no_such_mixture(runs: widgets.LossRuns) -> None:
    for stops in ((0, 0), (0, 0, 3), (-1, 0, 0)):
        with pytest.raises(ValueError, match="expected 3 whole numbers, 0 to 2 for perceptual"):
            widgets.LossMixer(stops)
    mixer = widgets.LossMixer((1, 0, 0))
    with pytest.raises(traitlets.TraitError, match="0 to 2 for tv"):
        mixer.position = (0, 0, 9)
    assert mixer.position == (1, 0, 0)
    mixer.position = [0, 2, 0]  # as the browser sends it
    assert mixer.weights["style"] == 3600 and mixer.figures == runs.figures((0, 2, 0))
    assert torch.equal(mixer.filled, runs.filled((0, 2, 0)))


def test_the_still_twin(runs: widgets.LossRuns) -> None:
    mixer = widgets.LossMixer((1, 1, 1), kept=(0, 0, 0))
    bundle: Any = mixer._repr_mimebundle_()
    data, _ = bundle
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == mixer.model_id
    assert data["text/plain"] == f"[LossMixer] {mixer.describe()}" and mixer.still() == data["text/html"]
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', data["text/html"])
    (alt,) = re.findall(r'alt="([^"]+)"', data["text/html"])
    assert Image.open(io.BytesIO(base64.b64decode(source))).width > 500 and len(data["text/html"]) < 200_000
    assert alt == mixer.describe() and f"{runs.figures((1, 1, 1))['psnr_hole']:.2f} dB" in alt and "valid + 6 hole;" not in alt
    assert "move the sliders" in data["text/html"] and "valid + 6 hole + 0.05 perceptual + 120 style + 0.1 total variation" in alt


def test_what_the_browser_gets_is_small_and_whole(runs: widgets.LossRuns) -> None:
    mixer = widgets.LossMixer()
    count, height, width = mixer._shape
    assert len(mixer._truth) == 3 * len(mixer._known) == 3 * count * height * width
    assert len(mixer._holes) == 27 * 3 * int((runs.known == 0).sum()) < 200_000
    first = np.frombuffer(mixer._truth, np.uint8).reshape(count, height, width, 3)[0]
    np.testing.assert_array_equal(first, runs.truth[0].transpose(1, 2, 0))


def test_the_module_stands_on_its_own() -> None:
    text = module("loss_mixer.js")
    assert not re.search(r"^import ", text, re.MULTILINE) and text.count("export default") == 1
    declared = re.findall(r"^(?:export )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared))
