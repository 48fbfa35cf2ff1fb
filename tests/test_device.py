"""The two settings that a lesson reads from the environment: where to compute, and how long."""

from __future__ import annotations

import pytest
import torch

import inpaintlib


def test_the_device_is_the_argument_then_the_setting_then_the_best(monkeypatch):
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    monkeypatch.delenv("INPAINTLIB_DEVICE", raising=False)
    assert inpaintlib.device().type == inpaintlib.device("auto").type == best
    monkeypatch.setenv("INPAINTLIB_DEVICE", "cpu")
    assert inpaintlib.device() == torch.device("cpu")
    assert inpaintlib.device("cpu:0") == torch.device("cpu:0") == inpaintlib.device(torch.device("cpu:0"))
    monkeypatch.setenv("INPAINTLIB_DEVICE", "abacus")
    assert inpaintlib.device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"device is 'abacus'; expected auto, cpu, cuda or mps.*INPAINTLIB_DEVICE"):
        inpaintlib.device()
    for name in ("cpu:x", "cpu:-1", "cpu:"):
        with pytest.raises(ValueError, match=f"device is '{name}'; expected cpu, or cpu:0"):
            inpaintlib.device(name)
    with pytest.raises(ValueError, match="device is 'meta'"):
        inpaintlib.device(torch.device("meta"))


def test_the_profile_is_quick_unless_the_setting_says_full(monkeypatch):
    monkeypatch.delenv("INPAINTLIB_PROFILE", raising=False)
    assert inpaintlib.profile() == "quick"
    for name, profile in (("", "quick"), ("quick", "quick"), ("full", "full")):
        monkeypatch.setenv("INPAINTLIB_PROFILE", name)
        assert inpaintlib.profile() == profile
    monkeypatch.setenv("INPAINTLIB_PROFILE", "slow")
    with pytest.raises(ValueError, match="INPAINTLIB_PROFILE is 'slow'; expected quick or full"):
        inpaintlib.profile()
