"""``make lock``: write ``constraints.txt``, the exact versions that the course is tested with.

They are taken from a fresh environment, so that nothing creeps in that somebody happened to have installed. Builds of torch differ by
machine: local version parts (``+cpu``) and what only one kind of machine needs are left out, so that one file serves all of them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

from course import CourseError, Tree
from course.files import write_atomically

__all__ = ["constraints"]

HEADER = """\
# The exact versions that the course is tested with, transitively; made by `make lock` from the ranges in pyproject.toml.
# torch and torchvision are one pair. Builds for one kind of machine (+cpu, +cu130) and NVIDIA's libraries are left out on purpose.
"""
_BY_MACHINE = re.compile(r"^(nvidia-|triton|pytorch-triton|cuda-|intel-|tbb|pywin|colorama|appnope)", re.IGNORECASE)
_TOOLS = {"pip", "setuptools", "wheel"}


def constraints(frozen: Iterable[str], own: str = "inpaintlib") -> str:
    """The text of constraints.txt.

    Args:
        frozen: the lines of ``pip freeze``.
        own: the name of the project itself, which is left out.

    Raises:
        CourseError: a line is no ``name==version``: a package was installed from a file or a repository.

    >>> print(constraints(["torch==2.13.0+cpu", "nvidia-nccl-cu13==2.27", "# note", "-e ."]).splitlines()[-1])
    torch==2.13.0
    """
    kept = {}
    for line in (raw.strip() for raw in frozen):
        if not line or line.startswith(("#", "-e ")):
            continue
        match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)==([^\s+;]+)(\+[\w.]+)?", line)
        if not match:
            raise CourseError(f"pip freeze says {line!r}; expected NAME==VERSION. Install that package from the index, then lock again.")
        name, version, _ = match.groups()
        if name.lower() not in _TOOLS | {own} and not _BY_MACHINE.match(name):
            kept[name.lower()] = f"{name}=={version}"
    return HEADER + "\n".join(kept[name] for name in sorted(kept)) + "\n"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from-here", action="store_true", help="take the versions of this environment instead of making a fresh one")


def main(args: argparse.Namespace, tree: Tree) -> int:
    if args.from_here:
        frozen = _freeze(sys.executable)
    else:
        with tempfile.TemporaryDirectory(prefix="lock-") as folder:
            python = Path(folder) / "bin" / "python"
            extras = ",".join(tomllib.loads((tree.root / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
            print("Installing the newest allowed versions into a fresh environment; this takes some minutes ...", flush=True)
            _run([sys.executable, "-m", "venv", folder])
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{tree.root}[{extras}]"])
            frozen = _freeze(str(python))
    write_atomically(tree.root / "constraints.txt", constraints(line for line in frozen if not line.startswith("inpaintlib ")))
    print("constraints.txt is written. Now run make test, and commit it if that passes.")
    return 0


def _freeze(python: str) -> list[str]:
    return _run([python, "-m", "pip", "freeze", "--exclude-editable", "--disable-pip-version-check"]).splitlines()


def _run(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise CourseError(f"{' '.join(command[:5])} ... failed with status {done.returncode}; its message stands above.")
    return done.stdout
