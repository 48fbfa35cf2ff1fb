"""The doctor: a healthy machine is healthy, and each illness is named with its remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest
import torch

from course import ROOT, Tree, bootstrap, doctor
from course.__main__ import main
from course.doctor import Finding
from inpaintlib import _torchvision


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """None of the settings of whoever runs the tests, and an empty cache."""
    for name in ("INPAINTLIB_DATA", "INPAINTLIB_DEVICE", "INPAINTLIB_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "Kurs für alle"
    root.mkdir()
    shutil.copy(ROOT / "constraints.txt", root)
    return Tree(root)


def findings(check, tree):
    return {finding.what: finding for finding in check(tree)}


def test_this_machine_passes_and_every_line_is_there(tree, capsys):
    status = main(["--root", str(tree.root), "doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    problems = [f"{line['what']}: {line['detail']}" for line in found if line["state"] == "problem"]
    assert problems == [] and status == 0
    expected = ["Python", "Versions", "Device", "Profile", "torchvision", "Data", "Workspace", "Cache", "Disk", "Chromium", "bubblewrap"]
    assert [line["what"] for line in found] == expected


def test_a_problem_makes_the_exit_status_1_a_note_does_not(tree, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "CHECKS", (lambda _: iter([Finding("Ink", "note", "low", "Buy some.")]),))
    assert main(["--root", str(tree.root), "doctor"]) == 0
    monkeypatch.setattr(doctor, "CHECKS", (lambda _: iter([Finding("Ink", "problem", "none", "Buy some.")]),))
    assert main(["--root", str(tree.root), "doctor"]) == 1
    out = capsys.readouterr().out
    assert "PROBLEM Ink" in out and "Buy some." in out and "1 problems to mend" in out


def test_a_check_that_breaks_is_a_finding(tree, monkeypatch):
    def check_ink(_):
        raise RuntimeError("spilled")

    monkeypatch.setattr(doctor, "CHECKS", (check_ink,))
    assert doctor.examine(tree) == [Finding("Ink", "problem", "RuntimeError: spilled", "Please report this, with the line above.")]


def test_an_old_python_is_a_problem_a_very_new_one_a_note(tree, monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 2))
    found = findings(doctor.check_python, tree)["Python"]
    assert found.state == "problem" and bootstrap.remedy_for_python() in found.remedy
    monkeypatch.setattr(doctor.sys, "version_info", (3, 99, 0))
    assert findings(doctor.check_python, tree)["Python"].state == "note"


def test_other_versions_are_named(tree, monkeypatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "1.0" if name == "matplotlib" else real(name))
    found = findings(doctor.check_versions, tree)["Versions"]
    assert found.state == "note" and "matplotlib 1.0 (tested: " in found.detail and "-c constraints.txt" in found.remedy
    monkeypatch.setattr(doctor, "_version", lambda name: "2.12.0+cpu" if name == "torch" else real(name))
    assert findings(doctor.check_versions, tree)["Versions"].state == "problem"  # torchvision belongs to one torch
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "safetensors" else real(name))
    found = findings(doctor.check_versions, tree)["Versions"]
    assert found.state == "problem" and found.detail == "not installed: safetensors"
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "tensorboard" else real(name))  # an extra
    assert findings(doctor.check_versions, tree)["Versions"].state == "ok"


def test_a_local_build_counts_as_its_version(tree, monkeypatch):
    real = doctor._version
    for version in ("2.13.0", "2.13.0+cpu", "2.13.0+cu130"):
        monkeypatch.setattr(doctor, "_version", lambda name, v=version: v if name == "torch" else real(name))
        assert findings(doctor.check_versions, tree)["Versions"].state == "ok"


def test_missing_constraints_are_named(tmp_path):
    assert "git checkout constraints.txt" in findings(doctor.check_versions, Tree(tmp_path))["Versions"].remedy


def test_settings_that_cannot_be_met_are_named(tree, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DEVICE", "abacus")
    monkeypatch.setenv("INPAINTLIB_PROFILE", "fast")
    found = findings(doctor.check_torch, tree)
    assert found["Device"].state == "problem" and "abacus" in found["Device"].detail
    assert found["Profile"].state == "problem" and "quick or full" in found["Profile"].remedy


def test_a_gpu_that_is_asked_for_and_absent_is_named(tree, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("INPAINTLIB_DEVICE", "cuda")
    found = findings(doctor.check_torch, tree)["Device"]
    assert found.state == "problem" and "unset INPAINTLIB_DEVICE" in found.remedy


@pytest.mark.parametrize(("present", "words"), [(True, "its compiled operators load"), (False, "do not match this torch")])
def test_torchvisions_operators_are_reported_and_never_a_problem(tree, monkeypatch, present, words):
    monkeypatch.setattr(_torchvision, "operators_present", lambda: present)
    found = findings(doctor.check_torch, tree)["torchvision"]
    assert found.state == "ok" and words in found.detail


def test_a_torchvision_that_does_not_start_is_a_problem(tree, monkeypatch):
    def refuse():
        raise ImportError("not the partner of this torch")

    monkeypatch.setattr(_torchvision, "load", refuse)
    assert findings(doctor.check_torch, tree)["torchvision"].state == "problem"


def test_the_data_step_is_named(tree, tmp_path, monkeypatch):
    def data():
        return findings(doctor.check_data, tree)["Data"]

    assert data().state == "ok" and data().detail.startswith("step 4")
    cache = tmp_path / "cache" / "inpaintlib"
    cache.mkdir(parents=True)
    (cache / "cifar10-official-train-32-0123456789abcdef.npy").touch()
    assert data().detail == f"step 2: CIFAR-10 in {cache}"
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    assert data().detail.startswith("step 4")
    folder = tmp_path / "pictures"
    for name in ("train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "test/cat/1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not decoded")
    monkeypatch.setenv("INPAINTLIB_DATA", str(folder))
    assert data().state == "ok" and data().detail == f"step 1: INPAINTLIB_DATA={folder}, 3 training images"


@pytest.mark.parametrize("what", ["missing", "empty", "file"])
def test_data_that_is_not_there_is_a_problem(tree, tmp_path, monkeypatch, what):
    path = tmp_path / what
    if what == "empty":
        path.mkdir()
    elif what == "file":
        path.write_text("?")
    monkeypatch.setenv("INPAINTLIB_DATA", str(path))
    found = findings(doctor.check_data, tree)["Data"]
    assert found.state == "problem" and "unset it to use the embedded photographs" in found.remedy


def test_places_that_cannot_be_written_are_named(tree, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    found = findings(doctor.check_writing, tree)
    assert found["Workspace"].state == "problem" and "folder of your own" in found["Workspace"].remedy
    assert found["Cache"].state == "note" and "XDG_CACHE_HOME" in found["Cache"].remedy


def test_a_full_disk_is_a_problem(tree, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(10**12, 10**12 - 10**8, 10**8))
    found = findings(doctor.check_writing, tree)["Disk"]
    assert found.state == "problem" and "0.1 GB free" in found.detail


def test_the_doctor_leaves_nothing_behind(tree):
    before = sorted(tree.root.rglob("*"))
    doctor.examine(tree)
    assert sorted(tree.root.rglob("*")) == before


def test_missing_tools_are_notes(tree, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    found = findings(doctor.check_tools, tree)
    assert [f.state for f in found.values()] == ["note", "note"] and "apt-get install" in found["Chromium"].remedy


@pytest.mark.parametrize("words", [["course", "grade"], ["course.examples.classroom", "--to"]])
def test_a_python_in_which_the_course_was_not_set_up_is_named(words, tmp_path):
    command = [sys.executable, "-S", "-m", *words, str(tmp_path)]  # -S: no packages
    tried = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert tried.returncode == 2 and "Traceback" not in tried.stderr
    assert f"this Python, {sys.executable}, has no " in tried.stderr and ("activate" in tried.stderr or "make setup" in tried.stderr)
