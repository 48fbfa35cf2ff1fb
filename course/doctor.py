"""``python -m course doctor``: what this machine has, what could go wrong on it, and how to mend that.

Each check is a function that returns findings; nothing here changes anything, and nothing but a real problem makes the exit status 1.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from course import Tree
from course.bootstrap import NEWEST, OLDEST, remedy_for_python

__all__ = ["CHECKS", "Finding", "find_chromium", "report"]

FREE_GB = 1.0  # of disk, for checkpoints and the cache
SIGNS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``state``: "ok"; "note", something that a student may do without; "problem", what lessons will fail on."""

    what: str
    state: str
    detail: str
    remedy: str = ""


def check_python(tree: Tree) -> Iterator[Finding]:
    version = sys.version_info[:2]
    detail = f"{platform.python_version()} in {sys.prefix}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if version < OLDEST:
        yield Finding("Python", "problem", detail, remedy_for_python())
    elif version > NEWEST:
        yield Finding("Python", "note", detail, "The course is tested up to Python {}.{}; an older one is safer.".format(*NEWEST))
    else:
        yield Finding("Python", "ok", detail)


def check_versions(tree: Tree) -> Iterator[Finding]:
    """Every package of constraints.txt that is installed has the version that the course is tested with."""
    path = tree.root / "constraints.txt"
    wanted = dict(re.findall(r"^([\w.-]+)==(\S+)$", path.read_text("utf-8"), re.MULTILINE)) if path.exists() else {}
    if not wanted:
        yield Finding("Versions", "problem", "constraints.txt is missing or empty", "Restore it with: git checkout constraints.txt")
        return
    here: dict[str, str | None] = {name: _version(name) for name in wanted}
    needed = {re.split(r"[^\w.-]", text)[0].lower() for text in importlib.metadata.requires("inpaintlib") or [] if "extra ==" not in text}
    absent = [name for name in wanted if here[name] is None and name.lower() in needed]
    other = [f"{name} {have} (tested: {wanted[name]})" for name, have in here.items() if have and have.split("+")[0] != wanted[name]]
    if absent:
        yield Finding("Versions", "problem", f"not installed: {', '.join(absent)}", "Install everything with: make lab")
    torch_differs = any(text.startswith(("torch ", "torchvision ")) for text in other)
    if other:
        shown = ", ".join(other[:6]) + (f" and {len(other) - 6} more" if len(other) > 6 else "")
        yield Finding("Versions", "problem" if torch_differs else "note", shown, 'pip install -c constraints.txt -e ".[course,test]"')
    if not absent and not other:
        yield Finding("Versions", "ok", f"{sum(map(bool, here.values()))} packages, as in constraints.txt")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_torch(tree: Tree) -> Iterator[Finding]:
    """That torch starts, the device that lessons will compute on, and torchvision's operators."""
    mend = 'pip install -c constraints.txt -e ".[course]"'
    try:
        import torch

        import inpaintlib
        from inpaintlib import _torchvision
    except (ImportError, OSError) as error:
        yield Finding("PyTorch", "problem", f"it does not start: {error}", mend)
        return
    try:
        yield Finding("Device", "ok", f"{_device_name(inpaintlib.device())}; torch {torch.__version__}, {torch.get_num_threads()} threads")
    except ValueError as error:
        yield Finding("Device", "problem", str(error), "unset INPAINTLIB_DEVICE, or set it to auto")
    try:
        yield Finding("Profile", "ok", inpaintlib.profile())
    except ValueError as error:
        yield Finding("Profile", "problem", str(error), "unset INPAINTLIB_PROFILE, or set it to quick or full")
    try:
        _torchvision.load()
        there = _torchvision.operators_present()
        detail = "its compiled operators load" if there else "its compiled operators do not match this torch; the course does not need them"
        yield Finding("torchvision", "ok", detail)
    except ImportError as error:
        yield Finding("torchvision", "problem", str(error), mend)


def _device_name(device: object) -> str:
    import torch

    return f"{device} ({torch.cuda.get_device_name()})" if str(device).startswith("cuda") else str(device)


def check_data(tree: Tree) -> Iterator[Finding]:
    """Which step of the ladder ``load_images("auto")`` stands on; files are listed, no image is decoded."""
    from inpaintlib._images import cache, cifar
    from inpaintlib._images.layout import arrange
    from inpaintlib._images.listing import open_listing

    named = os.environ.get("INPAINTLIB_DATA", "").strip()
    if named and named != "photos":
        try:
            listing = open_listing(Path(named).expanduser())
            batches = cifar.find_batches(listing) is not None
            what = "the official CIFAR-10" if batches else f"{len(arrange(listing, 'train').names):,} training images"
            yield Finding("Data", "ok", f"step 1: INPAINTLIB_DATA={named}, {what}")
        except (ValueError, OSError) as error:
            remedy = "Point INPAINTLIB_DATA at a folder of images, or unset it to use the embedded photographs."
            yield Finding("Data", "problem", f"INPAINTLIB_DATA={named}: {error}", remedy)
    elif not named and any(map(cache.find, (f"{cifar.KIND}-train-32-*.npy", cifar.ARCHIVE, "cifar10-*-copy-train-32-*.npy"))):
        yield Finding("Data", "ok", f"step 2: CIFAR-10 in {cache.folder()}")
    else:
        remedy = "For CIFAR-10, run load_images('cifar10', download=True) in a notebook once. Every lesson works without it."
        yield Finding("Data", "ok", "step 4: crops of the photographs that come with scikit-image", remedy)


def check_writing(tree: Tree) -> Iterator[Finding]:
    """That the workspace and the cache can be written, and that there is room."""
    from inpaintlib._images import cache

    places = {"Workspace": (tree.workspace, "problem", "Copy the course to a folder of your own, where you may write.")}
    try:
        places["Cache"] = (cache.folder(), "note", "Set XDG_CACHE_HOME to a folder where you may write; without it, images load slowly.")
    except OSError as error:
        yield Finding("Cache", "note", str(error), "Set XDG_CACHE_HOME to a folder where you may write.")
    for what, (place, state, remedy) in places.items():
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        try:
            with tempfile.NamedTemporaryFile(dir=there):
                pass
            yield Finding(what, "ok", f"{place} can be written")
        except OSError as error:
            yield Finding(what, state, f"{place} cannot be written: {error.strerror}", remedy)
    free = shutil.disk_usage(tree.root).free / 1e9
    room = "Free some space: checkpoints and decoded images need it."
    yield Finding("Disk", "ok" if free >= FREE_GB else "problem", f"{free:.1f} GB free", "" if free >= FREE_GB else room)


def find_chromium() -> str | None:
    """The Chromium of this system, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def check_tools(tree: Tree) -> Iterator[Finding]:
    """What contributors and instructors need besides."""
    chromium = find_chromium()
    remedy = "Only the browser tests need it: sudo apt-get install chromium (Debian), or install Chrome."
    yield Finding("Chromium", "ok", chromium) if chromium else Finding("Chromium", "note", "not found", remedy)
    bubblewrap = shutil.which("bwrap")
    remedy = "Only the grader's sandbox needs it: sudo apt-get install bubblewrap (Linux)."
    yield Finding("bubblewrap", "ok", bubblewrap) if bubblewrap else Finding("bubblewrap", "note", "not found", remedy)


Check = Callable[[Tree], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (check_python, check_versions, check_torch, check_data, check_writing, check_tools)


def examine(tree: Tree) -> list[Finding]:
    """All findings. A check that itself breaks is a finding too: the doctor must not fall ill."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check(tree)
        except Exception as error:
            name = check.__name__.removeprefix("check_").capitalize()
            found.append(Finding(name, "problem", f"{type(error).__name__}: {error}", "Please report this, with the line above."))
    return found


def report(findings: list[Finding]) -> str:
    """The findings as a table for a terminal, remedies below what they mend."""
    lines = []
    for finding in findings:
        lines.append(f"{SIGNS[finding.state]:<8}{finding.what:<12}{finding.detail}")
        lines += [f"{'':20}{line}" for line in finding.remedy.splitlines()]
    problems = sum(finding.state == "problem" for finding in findings)
    return "\n".join([*lines, "", f"{problems} problems to mend." if problems else "All is well: start with make lab."])


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for machines")


def main(args: argparse.Namespace, tree: Tree) -> int:
    found = examine(tree)
    print(json.dumps([asdict(finding) for finding in found], indent=1) if args.json else report(found))
    return 1 if any(finding.state == "problem" for finding in found) else 0
