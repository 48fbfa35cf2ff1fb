"""What partial convolution costs beside a plain one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from inpaintlib.layers import PartialConv2d

pytestmark = pytest.mark.bench
HOW = "forward + backward, batch 64, 64 channels, 32 x 32, two threads"


@pytest.fixture
def setting():
    g = torch.Generator().manual_seed(0)
    x = torch.rand(64, 64, 32, 32, generator=g, requires_grad=True)
    masks = [(torch.rand(64, 1, 32, 32, generator=g) < 0.85).float() for _ in range(2)]
    return x, masks, torch.rand(64, 64, 32, 32, generator=g)


def test_partial_over_plain(setting, ratio, report):
    x, (mask, _), up = setting
    plain, partial = nn.Conv2d(64, 64, 3, padding=1), PartialConv2d(64, 64, 3, padding=1)
    value = ratio(lambda: partial(x, mask)[0].backward(up), lambda: plain(x).backward(up))
    report("PartialConv2d / nn.Conv2d", value, bar=1.25, how=HOW)


def test_two_groups_over_plain(setting, ratio, report):
    x, (a, b), up = setting
    plain, partial = nn.Conv2d(64, 64, 3, padding=1), PartialConv2d(64, 64, 3, padding=1)
    value = ratio(lambda: partial(x, [(a, 32), (b, 32)])[0].backward(up), lambda: plain(x).backward(up))
    report("PartialConv2d with two mask groups / nn.Conv2d", value, bar=1.35, how=HOW)


MEMORY = '''
import resource, sys, torch
from pathlib import Path
from torch import nn
from inpaintlib.layers import PartialConv2d
torch.set_num_threads(2)
plain = sys.argv[1] == "plain"
layer = (nn.Conv2d if plain else PartialConv2d)(64, 64, 3, padding=1)
def step(batch):
    x = torch.rand(batch, 64, 32, 32, requires_grad=True)
    y = layer(x) if plain else layer(x, torch.ones(batch, 1, 32, 32))[0]
    y.backward(torch.ones_like(y))
def peak():
    """KiB. Linux hands ru_maxrss down from the process that started this one, however large that was; VmHWM is this program's own."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
step(1)
before = peak()
step(int(sys.argv[2]))
print(peak() - before)
'''


def _peak(kind: str, batch: int) -> int:
    """KiB by which the largest resident memory of a fresh process grows in one step."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}  # see Makefile: memory as it is by default
    run = subprocess.run([sys.executable, "-c", MEMORY, kind, str(batch)], capture_output=True, text=True, check=True, env=env)
    return int(run.stdout)


def test_memory_is_that_of_the_layer_whatever_this_process_holds():
    """Image, result and the gradients of both at least; with 600 MiB here, it was 0 when it was read from ru_maxrss."""
    ballast = torch.ones(600 << 20, dtype=torch.uint8)
    assert _peak("plain", 32) >= 4 * 32 * 64 * 32 * 32 * 4 / 1024
    del ballast


def test_peak_memory(benchmark, report):
    batch = 4 if benchmark.disabled else 256
    grown = {kind: benchmark.pedantic(_peak, (kind, batch)) if kind == "plain" else _peak(kind, batch) for kind in ("plain", "partial")}
    if benchmark.disabled:
        return
    how = f"peak {grown['partial'] / 1024:.0f} MiB over {grown['plain'] / 1024:.0f} MiB, forward + backward, batch 256"
    report("memory of PartialConv2d / nn.Conv2d", grown["partial"] / grown["plain"], bar=1.6, how=how)


class _Shapes(TorchDispatchMode):
    """Collects the shapes of all tensors that operations make."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, torch.Tensor):
                self.seen.append(tuple(tensor.shape))
        return out

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []


def test_no_wide_mask_is_made():
    """Full-size tensors: the masked image, its two parts where there are two groups, the convolution, the result. No mask."""
    layer, x = PartialConv2d(64, 48, 3, padding=1, bias=False), torch.rand(2, 64, 8, 8)
    mask = torch.ones(2, 1, 8, 8)
    for groups, parts in ((mask, 0), ([(mask, 32), (mask, 32)], 4)):  # two parts of the image, each once as it is and once masked
        with _Shapes() as mode, torch.no_grad():
            layer(x, groups)
        full = [shape for shape in mode.seen if len(shape) == 4 and shape[1] > 2]
        assert full.count((2, 64, 8, 8)) == 1 and full.count((2, 32, 8, 8)) == parts and full.count((2, 48, 8, 8)) <= 2, full
        assert set(full) <= {(2, 64, 8, 8), (2, 32, 8, 8), (2, 48, 8, 8)}, full
