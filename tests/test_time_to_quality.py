"""The script that records how soon a run is good: that looks cost no time of the run, and that targets are read off right."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import pytest
import torch

from inpaintlib import masks, train
from tests.training import noise, one_thread, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parent.parent / "docs" / "time_to_quality.py"
    spec = importlib.util.spec_from_file_location("time_to_quality", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_targets_are_reached_at_the_first_look_that_passes_them(script):
    rows = [{"seconds": 10, "mae": 0.3, "psnr": 20.0}, {"seconds": 15, "loss": 1.0}, {"seconds": 20, "mae": 0.1, "psnr": 31.0}]
    assert script.Target("", "mae", 0.2, 60, True).reached(rows) == 20
    assert script.Target("", "mae", 0.05, 60, True).reached(rows) is None
    assert script.Target("", "psnr", 30.0, 60, False).reached(rows) == 20
    assert script.Target("", "psnr", 19.0, 60, False).reached(rows) == 10


def test_looks_take_no_time_of_the_run(script):
    class Slow(script.Look):
        def measure(self, run: train.Run) -> None:
            time.sleep(0.5)
            super().measure(run)

    target = noise(8).float()
    look = Slow(target, masks.lines(8, 16, generator=torch.Generator().manual_seed(0)).float(), 0.1)
    started = time.monotonic()
    history = short(tiny(), epochs=None, minutes=0.5 / 60, callbacks=[look])
    looks = len(history["mae_raw"][0])
    assert looks >= 3 and time.monotonic() - started > 0.5 * looks
    assert history.rows[-1]["seconds"] < 1.0, "the looks were counted"
    assert history.stopped_by == "time is up"


def test_the_page_and_the_log_hold_the_curve(script, tmp_path, capsys):
    page = tmp_path / "results" / "page.md"
    words = ["--preset", "s0", "--data", "photos", "--limit", "64", "--minutes", "0.03", "--every", "0.7", "--images", "20"]
    assert script.main([*words, "--threads", "1", "--page", str(page)]) == 1, "so soon nothing is reached"
    text, rows = page.read_text("utf-8"), [json.loads(line) for line in page.with_suffix(".jsonl").read_text().splitlines()]
    looks = [row for row in rows if "mae_raw" in row]
    assert looks and all(f"| {row['mae_raw']:.4f} | {row['mae_composited']:.4f} | {row['psnr_composited']:.2f} |" in text for row in looks)
    assert "MAE 0.0132" in text and "not reached" in text and "Navier-Stokes" in text and str(tmp_path) not in text
    assert "not reached (within 180 s)" in capsys.readouterr().out
