"""``import inpaintlib`` must cost almost nothing beside ``import torch``, on which it stands."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

pytestmark = pytest.mark.bench
CODE = "import time, torch; start = time.perf_counter(); import inpaintlib; print(time.perf_counter() - start)"
HEAVY = ("cv2", "matplotlib", "torchvision", "anywidget", "skimage", "scipy", "IPython")


def test_import(benchmark, report):
    rounds = 1 if benchmark.disabled else 7
    seconds: list[float] = []
    benchmark.pedantic(lambda: seconds.append(float(subprocess.check_output([sys.executable, "-c", CODE]))), rounds=rounds)
    report("import inpaintlib after import torch", statistics.median(seconds), bar=0.3, unit="s", how="median of 7 fresh processes")


def test_no_part_pulls_in_a_heavy_library_early():
    code = (
        "import sys, inpaintlib; [getattr(inpaintlib, p) for p in ('data', 'masks', 'metrics', 'baselines', 'layers', 'models', 'train')];"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
