"""``python -m course release --to DIST``: the package for a class, made from a list of what may be in it.

What is not on the list is not in the package: solutions, hidden cases, mutants, the sources of exercises, the grader's command, the
tests. A check needs its oracle and the known mistakes in computed form, so these are in it. The solutions stay public in the repository;
so marks rest on hidden cases, not on this package.
"""

from __future__ import annotations

import argparse
import io
import json
import posixpath
import re
import subprocess
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from course import CourseError, Tree
from course.bootstrap import NEWEST, OLDEST
from course.files import write_atomically
from course.syllabus import Syllabus
from course.syllabus import load as load_syllabus

__all__ = ["allowed", "configure", "contents", "main", "readme"]

NAME = "inpainting-course"
GLOSSARY = "notebooks/glossary.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^()\s:]+\.ipynb)(?:#[^()\s]*)?\)")

#: Single files, and everything that git knows below a folder that ends in one of these ways.
FILES = (
    ".gitignore",
    "LICENSE",
    "constraints.txt",
    "environment.yml",
    "pyproject.toml",
    "course/syllabus.toml",
    "inpaintlib/weights/SHA256SUMS",
    GLOSSARY,
)
FOLDERS = {
    "inpaintlib": (".py", ".toml", ".safetensors", ".md", ".js", ".css", ".npz"),
    "course/checks": (".py", ".js", ".css"), "course/networks": (".py",),
    "docs/results": (".json",),  # of longer runs, which lessons show
}
#: What a student's verbs are made of: lab, check-submission, reset, doctor.
MODULES = ("__init__", "__main__", "bootstrap", "doctor", "files", "lab", "outside", "syllabus", "workspace")
#: What check-submission is made of; it asks visible cases only.
GRADING = (
    "__init__",
    "answers",
    "attempt",
    "carried",
    "exercise",
    "grade",
    "limits",
    "network",
    "plan",
    "preflight",
    "process",
    "remote",
    "repair",
    "result",
    "sandbox",
    "scope",
    "seccomp",
    "session",
    "submission",
    "watch",
)
#: Of a unit: what its checks and its questions need.
UNIT = ("__init__.py", "cases.py", "checks.py", "wrong.py", "questions.toml")

MAKEFILE = """# What students do. Each command first makes sure that .venv is there (course/bootstrap.py).
PYTHON ?= python3
COURSE := $(PYTHON) course/bootstrap.py

.PHONY: lab doctor setup

lab: ## open JupyterLab on the first lesson
\t@$(COURSE) lab $(ARGS)

doctor: ## look for what could go wrong on this machine, and how to mend it
\t@$(COURSE) doctor $(ARGS)

setup: ## only make .venv and install everything
\t@$(COURSE)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, required=True, metavar="DIST", help="a folder that is empty or not there, or the name of a zip")
    parser.add_argument("--units", nargs="+", metavar="UNIT", help="only these units; all that are ready by default")


def main(args: argparse.Namespace, tree: Tree) -> int:
    syllabus = load_syllabus(tree)
    units = [syllabus[slug].slug for slug in args.units] if args.units else [unit.slug for unit in syllabus.ready()]
    files = contents(tree, syllabus, units)
    to = args.to.resolve()
    if to.suffix == ".zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                entry = zipfile.ZipInfo(f"{NAME}/{name}", (2020, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16  # everybody may read what comes out of it
                archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
        write_atomically(to, packed.getvalue())
    else:
        if to.is_file() or (to.is_dir() and any(to.iterdir())):
            raise CourseError(f"{to} is there and not empty. Give a new folder, so that nothing old stays in the package.")
        for name, data in files.items():
            write_atomically(to / name, data)
    print(f"{len(files)} files, {sum(map(len, files.values())) / 1e6:.0f} MB, units {', '.join(units)}: {args.to}")
    print("Hand it out as it is: solutions, hidden cases and mutants are not in it.")
    return 0


def contents(tree: Tree, syllabus: Syllabus, units: list[str]) -> dict[str, bytes]:
    """The files of the package, by their path in it.

    Raises:
        CourseError: something that belongs into it is missing.
    """
    files = {name: (tree.root / name).read_bytes() for name in _known(tree) if allowed(name, syllabus, units)}
    for slug in units:
        unit = syllabus[slug]
        if not unit.ready:
            raise CourseError(f"The unit {slug!r} is planned and cannot be handed out yet.")
        wanted = [f"notebooks/{unit.file_name}", *([f"exercises/{unit.file_name}"] if tree.exercise(slug).exists() else [])]
        if lost := [name for name in wanted if name not in files]:
            raise CourseError(f"{lost[0]} is missing, or git does not know it. Make it with  python -m course build  and commit it.")
    for name in files:
        if name == GLOSSARY or (name.startswith("notebooks/") and name.endswith(".ipynb")):
            files[name] = _without_dead_links(name, files[name], files.keys())
    files["README.md"] = readme(syllabus, units).encode()
    files["Makefile"] = MAKEFILE.encode()
    return dict(sorted(files.items()))


def allowed(name: str, syllabus: Syllabus, units: list[str]) -> bool:
    """Whether a file of the repository may be in the package.

    Args:
        name: its path, with forward slashes.
        syllabus: all units.
        units: the slugs of those that are handed out.
    """
    path = PurePosixPath(name)
    if name in FILES:
        return True
    if any(path.is_relative_to(folder) and path.suffix in endings for folder, endings in FOLDERS.items()):
        return True
    match path.parts:
        case ("course", module):
            return path.suffix == ".py" and path.stem in MODULES
        case ("course", "grading", "inside", _):
            return path.suffix == ".py"
        case ("course", "grading", module):
            return path.suffix == ".py" and PurePosixPath(module).stem in GRADING
        case ("course", "units", "__init__.py"):
            return True
        case ("course", "units", unit, file):
            return unit in units and file in UNIT
        case ("notebooks" | "exercises", notebook):
            return notebook in {syllabus[unit].file_name for unit in units}
    return False


def _without_dead_links(name: str, data: bytes, there: Collection[str]) -> bytes:
    """A lesson or the glossary in which links to lessons that are not handed out are plain text."""

    def lead(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(link[2])))
        return link[0] if target in there else link[1]

    text = data.decode("utf-8")
    if not name.endswith(".ipynb"):
        return LINK.sub(lead, text).encode()
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(lead, "".join(cell["source"])).splitlines(keepends=True)
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()


def _known(tree: Tree) -> Iterator[str]:
    """The files that git knows and that are there: nothing that lies about by chance.

    Raises:
        CourseError: this is no clone.
    """
    done = subprocess.run(["git", "-C", str(tree.root), "ls-files", "-z"], capture_output=True, check=False)
    if done.returncode:
        raise CourseError("The class package is made from a clone of the repository, with git: it takes the files that git knows.")
    for name in done.stdout.decode().split("\0"):
        if name and (tree.root / name).is_file():
            yield name


def readme(syllabus: Syllabus, units: list[str]) -> str:
    """The page that students read first."""
    rows = [f"| [{u.title}](notebooks/{u.file_name}) | {u.minutes} + {u.exercise_minutes or 0} |" for u in map(syllabus.__getitem__, units)]
    oldest, newest = (".".join(map(str, version)) for version in (OLDEST, NEWEST))
    table = "\n".join(["| unit | minutes of the lesson + of its exercise |", "|---|---|", *rows])
    return f"""# Image inpainting, from one convolution to adversarial training

You need Python {oldest} to {newest}, `make`, and about 3 GB of disk.

    make lab

installs everything into `.venv`, copies lessons and exercises into `workspace/`, and opens JupyterLab. Work in `workspace/`: nothing
there is ever overwritten. `make doctor` says what is missing on your machine.

{table}

## Handing in

Before you hand in an exercise, run it as the grader will, from its top in a fresh process:

    .venv/bin/python -m course check-submission convolution

It says what each task earns by the checks that you see, and which file to hand in. The grader asks further cases: larger ones, with real
numbers. What you write is run without network and compared outside; your name and marks stay with your instructors.
`python -m course reset convolution` gives you a fresh copy and keeps yours as a backup.
"""
