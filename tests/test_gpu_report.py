"""docs/gpu_report.py: quiet without a GPU, and right where two places agree or do not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parent.parent / "docs" / "gpu_report.py"
spec = importlib.util.spec_from_file_location("gpu_report", SCRIPT)
assert spec is not None and spec.loader is not None
gpu_report = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gpu_report)
SMALL = ["--models", "vanilla_unet", "--batch-size", "2", "--rounds", "1"]


def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_report.main(["--out", str(tmp_path / "gpu.md")]) == 0
    assert "no GPU here" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_a_place_agrees_with_itself(tmp_path):
    assert gpu_report.main([*SMALL, "--device", "cpu", "--out", str(tmp_path / "gpu.md")]) == 0
    text = (tmp_path / "gpu.md").read_text()
    assert "| vanilla_unet | 0.0e+00 | 0.0e+00 |" in text


def test_a_place_that_computes_otherwise_is_named(tmp_path, capsys, monkeypatch):
    right = gpu_report.measure
    monkeypatch.setattr(gpu_report, "measure", lambda *how: right(*how)._replace(apart=0.01))
    assert gpu_report.main([*SMALL, "--device", "cpu", "--out", str(tmp_path / "gpu.md")]) == 1
    assert "disagree: vanilla_unet" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_all_models_agree_on_a_gpu(tmp_path):
    assert gpu_report.main(["--rounds", "3", "--out", str(tmp_path / "gpu.md")]) == 0
