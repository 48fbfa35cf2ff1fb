"""Run every notebook as a student would, and compare what must not change: ``python -m course validate``.

nbval runs lessons and solutions and compares the cells tagged ``compare``; our own runner makes sure that untouched exercises fail with
NotImplementedError and nothing else. A report names seconds and peak memory of each notebook.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from course import CourseError, Tree, kernel
from course.files import write_atomically
from course.notebook import read_notebook

__all__ = ["Row", "gaps", "run_nbval", "stub_problems"]

SECONDS, GIGABYTES = 60.0, 2.0  # of a notebook in the quick profile
CELL_SECONDS = {"quick": 120, "full": 4 * 3600}
#: What nbval must not compare even in a tagged cell: pictures, whose bytes depend on fonts and libraries.
SANITIZE = """\
regex: data:image/[\\w+.-]+;base64,[A-Za-z0-9+/=]+
replace: PICTURE
regex: [ \\t]+\\n
replace: \\n
"""


@dataclass(frozen=True)
class Row:
    """What one notebook took, and what was wrong with it."""

    notebook: str
    cells: int
    seconds: float
    peak_gb: float
    problems: tuple[str, ...] = ()


def gaps(path: Path) -> list[str]:
    """What would let nbval pass without comparing: tagged cells without stored output, code that was never executed."""
    notebook = read_notebook(path)
    if notebook is None:
        return ["it is no notebook"]
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    found = [
        f"cell {cell['id']} is tagged compare, but has no stored output"
        for cell in code
        if "compare" in cell["metadata"].get("tags", []) and not cell["outputs"]
    ]
    unrun = [cell["id"] for cell in code if cell["execution_count"] is None]
    return found + ([f"{len(unrun)} cells have no execution count, the first is {unrun[0]}"] if unrun else [])


def run_nbval(paths: Sequence[Path], folder: Path, profile: str, workers: int) -> list[Row]:
    """Run notebooks through nbval on copies in ``folder``.

    Args:
        paths: notebooks, at most one of each name and parent folder.
        folder: an empty folder; its name may hold anything a student's may.
        profile: quick or full.
        workers: processes side by side; each gets its share of the cores.

    Returns:
        A row for each notebook; failed cells are named in its problems.
    """
    copies = {folder / path.parent.name / path.name: path for path in paths}
    for copy, path in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_for_nbval(path), "utf-8")
    meters = folder / "meters"
    meters.mkdir()
    (folder / "sanitize.cfg").write_text(SANITIZE, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")  # not the settings of whatever lies above
    command = [sys.executable, "-m", "pytest", "-p", "course.meter", "--nbval-lax", "--nbval-current-env", "-q", "--tb=short", "--color=no"]
    command += [f"--nbval-cell-timeout={CELL_SECONDS[profile]}", f"--nbval-sanitize-with={folder / 'sanitize.cfg'}", "--timeout=0"]
    command += ["-p", "no:cacheprovider", f"--rootdir={folder}", "-c", str(folder / "pytest.ini")]
    command += ["-n", str(workers), "--dist", "loadscope"] if workers > 1 else []
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    env = kernel.environment(profile, COURSE_METER=str(meters), OMP_NUM_THREADS=threads)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).resolve().parent.parent), env.get("PYTHONPATH")]))
    env = {key: value for key, value in env.items() if not key.startswith("PYTEST_")}  # of a test run that we may be part of
    status = subprocess.call([*command, *map(str, copies)], cwd=folder, env=env)
    measured = {row["path"]: row for file in meters.glob("*.jsonl") for row in map(json.loads, file.read_text("utf-8").splitlines())}
    rows = [_row(path, measured.get(str(copy)), profile, status) for copy, path in copies.items()]
    if status and not any(row.problems for row in rows):
        raise CourseError(f"nbval ended with status {status} although no notebook failed; what it said stands above.")
    return rows


def _for_nbval(path: Path) -> str:
    """The notebook with the course's tag translated to nbval's."""
    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "compare" in tags:
            cell["metadata"]["tags"] = [*tags, "nbval-check-output"]
    return json.dumps(notebook)


def _row(path: Path, measured: dict[str, Any] | None, profile: str, status: int) -> Row:
    name = f"{path.parent.name}/{path.name}"
    if measured is None:
        return Row(name, 0, 0.0, 0.0, ("it did not run to its end; what nbval said stands above",) if status else ("it has no cells",))
    seconds, peak = measured["seconds"], measured["peak_bytes"] / 1e9
    problems = [f"{measured['failed']} cells failed; what nbval said stands above"] if measured["failed"] else []
    if profile == "quick" and seconds > SECONDS:
        problems.append(f"it took {seconds:.0f} s; at most {SECONDS:.0f} s are allowed in the quick profile")
    if peak > GIGABYTES:
        problems.append(f"it took {peak:.2f} GB of memory; at most {GIGABYTES:g} GB are allowed")
    return Row(name, measured["passed"] + measured["failed"], seconds, peak, tuple(problems))


_STATUS = re.compile(r"<check of (?:\w+/)?(\w+): (\w+)")


def stub_problems(notebook: dict[str, Any], folder: Path, profile: str = "quick") -> list[str]:
    """Run an untouched exercise and say what is wrong with how it fails.

    Every error must be a NotImplementedError, every check must say that nothing is written yet, and every stub must be noticed by one of
    the two. The type is asserted here: nbval's ``raises-exception`` would accept any.

    Args:
        notebook: the student's notebook, as nbformat reads it from JSON.
        folder: an empty folder to run it in.
        profile: quick or full.
    """
    import nbformat

    live = nbformat.reads(json.dumps(notebook), as_version=4)
    code = [cell for cell in live.cells if cell.cell_type == "code"]
    tasks = {name for cell in code for name in re.findall(r'raise NotImplementedError\("(\w+)"\)', cell.source)}
    given = {cell["id"].partition("-")[2] for cell in code} - tasks  # cells whose task starts from something that runs
    kernel.run(live, folder, kernel.environment(profile), allow_errors=True, timeout=CELL_SECONDS[profile])
    problems, noticed = [], set()
    for cell in code:
        for out in cell.outputs:
            if out.output_type == "error" and out.ename != "NotImplementedError":
                problems.append(f"cell {cell.id} fails with {out.ename}: {out.evalue}; expected NotImplementedError")
            elif out.output_type == "error":
                noticed.add(out.evalue)
            for task, status in _STATUS.findall("".join(out.get("data", {}).get("text/plain", ""))):
                noticed.add(task)
                if status != "stub" and not (task in given and status != "passed"):
                    problems.append(f"cell {cell.id}: the check of {task!r} says {status!r} although nothing is written yet")
    unseen = sorted(tasks - noticed)
    return problems + [f"nothing notices that the task {task!r} is not written: no check, no NotImplementedError" for task in unseen]


def run_stubs(paths: Sequence[Path], folder: Path, profile: str, workers: int) -> list[Row]:
    """A row for each untouched exercise; ``workers`` of them run side by side."""

    def run(path: Path) -> Row:
        place = folder / "stubs" / path.stem
        place.mkdir(parents=True)
        begin = time.perf_counter()
        notebook = json.loads(path.read_text("utf-8"))
        problems = stub_problems(notebook, place, profile)
        count = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
        return Row(f"{path.parent.name}/{path.name}", count, time.perf_counter() - begin, 0.0, tuple(problems))

    with ThreadPoolExecutor(workers) as pool:  # they wait for their kernels, which are processes
        return list(pool.map(run, paths))


def report(rows: Sequence[Row], profile: str) -> str:
    """The table that is printed and written."""
    width = max([len(row.notebook) for row in rows] + [8])
    lines = [f"{'notebook':<{width}}  cells  seconds  peak GB", *(_line(row, width) for row in rows)]
    total = sum(row.seconds for row in rows)
    failed = sum(bool(row.problems) for row in rows)
    return "\n".join([*lines, f"{len(rows) - failed} notebooks passed, {failed} failed; {total:.0f} s in all, profile {profile}"]) + "\n"


def _line(row: Row, width: int) -> str:
    memory = f"{row.peak_gb:7.2f}" if row.peak_gb else "      -"
    first = f"{row.notebook:<{width}}  {row.cells:5d}  {row.seconds:7.1f}  {memory}"
    return "\n".join([first, *(f"    {problem}" for problem in row.problems)])


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help="only these units")
    parser.add_argument("--profile", choices=["quick", "full"], default="quick", help="full: real training, no limit on time")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="notebooks side by side")


def main(args: argparse.Namespace, tree: Tree) -> int:
    executed, stubs = _found((tree.notebooks, tree.solutions), args.topics), _found((tree.exercises,), args.topics)
    if unknown := set(args.topics) - {path.stem[3:] for path in executed}:
        raise CourseError(f"There is no notebook of {', '.join(sorted(unknown))}.")
    if not executed:
        raise CourseError("There is no notebook to run. Build them first: python -m course build --execute")
    workers = max(1, args.workers)
    folder = Path(tempfile.mkdtemp(prefix="course läuft "))  # as on a student's machine: a space, an umlaut
    try:
        rows = run_nbval(executed, folder, args.profile, workers) + run_stubs(stubs, folder, args.profile, workers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    missing = {f"{path.parent.name}/{path.name}": gaps(path) for path in executed}
    rows = [Row(row.notebook, row.cells, row.seconds, row.peak_gb, (*missing.get(row.notebook, ()), *row.problems)) for row in rows]
    text = report(rows, args.profile)
    print(f"\n{text}", end="")
    write_atomically(tree.reports / f"notebooks-{args.profile}.txt", text)
    write_atomically(tree.reports / f"notebooks-{args.profile}.json", json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 1 if any(row.problems for row in rows) else 0


def _found(folders: Sequence[Path], topics: Sequence[str]) -> list[Path]:
    paths = [path for folder in folders for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]
    return [path for path in paths if not topics or path.stem[3:] in topics]
