"""pyproject.toml gives ranges, constraints.txt exact versions, environment.yml points conda at both; they must agree."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course import ROOT, CourseError, bootstrap
from course.lock import constraints

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LINES = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line and not line.startswith("#")]
PINNED = {canonicalize_name(Requirement(line).name): Requirement(line) for line in LINES}
DIRECT = [Requirement(text) for text in sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])]


def pinned_version(name: str) -> Version:
    (specifier,) = PINNED[canonicalize_name(name)].specifier
    return Version(specifier.version)


def test_every_constraint_is_one_exact_public_version():
    assert len(PINNED) == len(LINES)
    for line in LINES:
        assert re.fullmatch(r"[\w.-]+==[\w.!]+", line), f"{line}: expected NAME==VERSION without a local part"
        assert not line.lower().startswith(("nvidia", "triton", "inpaintlib", "pip=", "setuptools="))


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_constraints_lie_in_the_ranges(requirement):
    assert canonicalize_name(requirement.name) in PINNED, f"run make lock: {requirement.name} is in pyproject.toml only"
    assert requirement.specifier.contains(pinned_version(requirement.name))


def test_torch_and_torchvision_are_the_pair_everywhere():
    pair = {"torch": "2.13.0", "torchvision": "0.28.0"}
    for name, version in pair.items():
        assert str(pinned_version(name)) == version
        (direct,) = [r for r in DIRECT if r.name == name]
        assert str(direct.specifier) == f"=={version}"


def test_what_is_installed_is_what_is_tested():
    """A plain ``pip install -c constraints.txt`` leads here; a local build (+cpu) of a version counts as that version."""
    differing = {}
    for name in {canonicalize_name(r.name) for r in DIRECT}:
        try:
            have = Version(importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed here
        if Version(have.public) != pinned_version(name):
            differing[name] = f"{have} installed, {pinned_version(name)} in constraints.txt"
    assert not differing


def test_every_pinned_version_runs_on_the_oldest_python():
    """Debian 12 has Python 3.11.2: one pin that needs more, and an older pip there searches for minutes and ends with another torch."""
    (floor,) = SpecifierSet(PROJECT["requires-python"])
    needs = {name: importlib.metadata.metadata(name).get("Requires-Python") for name in PINNED if installed(name)}
    refusing = {name: text for name, text in needs.items() if text and f"{floor.version}.0" not in SpecifierSet(text)}
    assert not refusing


def test_transitive_dependencies_are_pinned_too():
    """Everything that an installed direct dependency needs on this machine stands in constraints.txt."""
    todo, seen = [r for r in DIRECT if installed(r.name)], set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        key = (name, *sorted(requirement.extras))
        if key in seen or not installed(name):
            continue
        seen.add(key)
        if name not in ("setuptools", "pip", "wheel", "triton") and not name.startswith(("nvidia", "cuda")):
            assert name in PINNED, f"{name} is needed but not in constraints.txt; run make lock"
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            extras = [*requirement.extras, ""]
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(needed)
    assert len(seen) > len(DIRECT)


def installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def test_conda_gets_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["--constraint constraints.txt", f"--editable .[{bootstrap.EXTRAS}]"]
    (python,) = [entry for entry in environment["dependencies"] if isinstance(entry, str) and entry.startswith("python")]
    supported, allowed = SpecifierSet(PROJECT["requires-python"]), SpecifierSet(python.removeprefix("python"))
    for minor in range(8, 20):
        version = f"3.{minor}"
        if allowed.contains(version):
            assert supported.contains(version) and bootstrap.suits((3, minor))
    assert allowed.contains("3.11")


def test_the_set_up_takes_the_pythons_that_the_project_supports():
    supported = SpecifierSet(PROJECT["requires-python"])
    assert supported.contains("{}.{}".format(*bootstrap.OLDEST))
    assert not supported.contains(f"{bootstrap.OLDEST[0]}.{bootstrap.OLDEST[1] - 1}")
    assert "You need Python {}.{} to {}.{}, ".format(*bootstrap.OLDEST, *bootstrap.NEWEST) in (ROOT / "README.md").read_text("utf-8")
    assert set(bootstrap.EXTRAS.split(",")) <= set(PROJECT["optional-dependencies"])


def test_lock_drops_what_belongs_to_one_machine():
    kept = ["Attrs==26.1.0", "torch==2.13.0+cu130", "zipp==1.0"]
    dropped = ["nvidia-nccl-cu13==2.27.7", "triton==3.4.0", "-e git+x#egg=inpaintlib", "pip==25.0", "inpaintlib==0.1.0", ""]
    lines = [line for line in constraints(kept[::-1] + dropped).splitlines() if not line.startswith("#")]
    assert lines == ["Attrs==26.1.0", "torch==2.13.0", "zipp==1.0"]


def test_lock_refuses_what_has_no_version():
    with pytest.raises(CourseError, match=r"torch @ file:///wheels/torch\.whl.*NAME==VERSION"):
        constraints(["torch @ file:///wheels/torch.whl"])


def test_constraints_is_what_lock_writes():
    """Locking what is locked changes nothing: the file was not edited by hand into another form."""
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert constraints(text.splitlines()) == text


def test_pip_reads_the_files_as_we_mean_them():
    """pip itself resolves the direct dependencies against the constraints without complaint (nothing is installed, no index asked)."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps", "-q", "-c", str(ROOT / "constraints.txt")]
    done = subprocess.run([*command, *(str(r) for r in DIRECT if installed(r.name))], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
