"""inpaintlib._torchvision with and without torchvision's compiled operators; each in a process of its own, where torch is fresh."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

if importlib.util.find_spec("torchvision") is None:  # not importorskip, which imports it
    pytest.skip("torchvision is not installed", allow_module_level=True)

USE = """
    assert "torchvision" not in sys.modules
    vision = _torchvision.load()
    assert _torchvision.load() is vision and _torchvision.load("datasets").CIFAR10
    assert tuple(_torchvision.load("utils").make_grid(torch.zeros(4, 3, 8, 8), nrow=2).shape) == (3, 22, 22)
    assert sum(p.numel() for p in _torchvision.load("models").vgg16(weights=None).features[:5].parameters()) == 38720
"""
HIDDEN = """
    def cannot(path):
        raise OSError("Could not load this library: " + path)
    torch.ops.load_library = cannot  # as where torch and torchvision were built for different devices
"""
BOXES = """
    boxes, scores = torch.tensor([[0, 0, 9, 9], [0, 0, 9, 8.5], [20, 20, 30, 30.]]), torch.tensor([0.9, 0.8, 0.7])
"""


def run(*parts: str) -> subprocess.CompletedProcess[str]:
    code = "import sys, torch\nfrom inpaintlib import _torchvision\n" + "".join(
        line[4:] + "\n" for part in parts for line in part.splitlines()
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)


def test_without_operators() -> None:
    """The plain import fails, ours works, and an operator that is only declared says that it has no code instead of answering wrongly."""
    done = run(
        HIDDEN,
        """
    try:
        import torchvision
    except RuntimeError as error:
        assert "torchvision::nms does not exist" in str(error), error
    else:
        raise AssertionError("this torchvision does not need its operators: the detour can go")
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    """,
        USE,
        BOXES,
        """
    assert not _torchvision.operators_present()
    try:
        vision.ops.nms(boxes, scores, 0.5)
    except (RuntimeError, NotImplementedError) as error:
        print("refused:", str(error)[:60])
    """,
    )
    assert done.returncode == 0 and done.stdout.startswith("refused"), done.stdout + done.stderr


def test_with_operators_that_somebody_brought() -> None:
    """Present operators are neither declared again (torch would refuse) nor replaced."""
    done = run(
        HIDDEN,  # the library itself stays out, so that it cannot clash with the operators of this test
        """
    brought = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        brought.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        brought.impl(name, lambda dets, scores, iou_threshold: torch.tensor([42]), "CPU")
    """,
        USE,
        BOXES,
        """
    assert _torchvision.operators_present() and _torchvision._declared is None
    print(torch.ops.torchvision.nms(boxes, scores, 0.5).item(), torch.ops.torchvision.qnms(boxes, scores, 0.5).item())
    """,
    )
    assert done.returncode == 0 and done.stdout == "42 42\n", done.stdout + done.stderr


def test_only_the_missing_one_is_declared() -> None:
    done = run(
        HIDDEN,
        """
    brought = torch.library.Library("torchvision", "DEF")
    brought.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    brought.impl("nms", lambda dets, scores, iou_threshold: torch.tensor([42]), "CPU")
    """,
        USE,
        BOXES,
        """
    print(torch.ops.torchvision.nms(boxes, scores, 0.5).item(), hasattr(torch.ops.torchvision, "qnms"))
    """,
    )
    assert done.returncode == 0 and done.stdout == "42 True\n", done.stdout + done.stderr


def test_as_it_is_here() -> None:
    """Whatever this machine has: it loads, and says truly whether boxes can be suppressed."""
    done = run(
        USE,
        BOXES,
        """
    try:
        works = vision.ops.nms(boxes, scores, 0.5).tolist() == [0, 2]
    except (RuntimeError, NotImplementedError):
        works = False
    assert works == _torchvision.operators_present(), works
    """,
    )
    assert done.returncode == 0, done.stderr
