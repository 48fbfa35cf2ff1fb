"""``make test``: everything that must hold, part by part, with a summary at the end.

All parts run even when one fails. A part is a command of its own, so that it can be repeated alone; it is printed above what it says.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from course import CourseError, Tree
from course.doctor import find_chromium

__all__ = ["Part", "Result", "parts", "run", "summary"]

_CLOSING = re.compile(r"\b\d+ (?:passed|failed|errors?)\b.*")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Part:
    """One part: its name, its command, what is added to its environment, and why it cannot run here, if so."""

    name: str
    command: Sequence[str]
    env: dict[str, str] = field(default_factory=dict)
    skip: str = ""


@dataclass(frozen=True)
class Result:
    """How a part ended; ``closing`` is the last line in which it counted what passed."""

    name: str
    state: str  # "passed", "FAILED" or "skipped"
    seconds: float
    closing: str = ""


def parts(tree: Tree, *, full: bool = False) -> list[Part]:
    """The parts of the test run, cheap ones first.

    Args:
        tree: the course.
        full: the sizes of ``make test-full``.
    """
    python = sys.executable
    workers = str(min(2, os.cpu_count() or 1))
    size = {"INPAINTLIB_TEST_SIZE": "full"} if full else {}
    one_core = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // int(workers))), "MPLBACKEND": "Agg", **size}
    pytest = [python, "-m", "pytest", "-q", *(["-o", "timeout=3600"] if full else [])]
    # Benchmarks run each function once here, so that they cannot rot; only make bench measures.
    # A file to a worker: its tests share what they start.
    unit = ["-n", workers, "--dist", "loadfile", "-m", "not browser", "--benchmark-disable"]
    unit += ["--ignore=tests/browser", "--ignore=course/units"]
    no_chromium = "" if find_chromium() else "NO CHROMIUM ON THIS MACHINE: the browser tests are skipped (sudo apt-get install chromium)"
    return [
        Part("notebooks up to date", [python, "-m", "course", "build", "--check"]),
        Part("ruff", [python, "-m", "ruff", "check", "."]),
        Part("mypy", [python, "-m", "mypy"]),
        Part("pytest", [*pytest, *unit, "tests", "inpaintlib", "course"], one_core),
        Part("notebooks run", [python, "-m", "course", "validate", "--workers", workers], one_core),
        Part("browser", [*pytest, "-m", "browser", "tests/browser"], size, skip=no_chromium),
    ]


def run(part: Part, tree: Tree) -> Result:
    """Run one part, showing what it says as it comes."""
    print(f"\n=== {part.name} {'=' * max(3, 70 - len(part.name))}", flush=True)
    if part.skip:
        print(f"{'!' * 78}\n{part.skip}\n{'!' * 78}", flush=True)
        return Result(part.name, "skipped", 0.0, part.skip)
    print(f"$ {shlex.join(['python', *part.command[1:]])}", flush=True)
    begin, closing = time.perf_counter(), ""
    env = {**os.environ, **part.env}
    process = subprocess.Popen(
        part.command, cwd=tree.root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        for raw in process.stdout or ():
            line = raw.decode(errors="replace")
            sys.stdout.write(line)
            sys.stdout.flush()
            if match := _CLOSING.search(_COLOUR.sub("", line)):
                closing = match.group().strip(" =\n")
        status = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    return Result(part.name, "FAILED" if status else "passed", time.perf_counter() - begin, closing)


def summary(results: Sequence[Result]) -> str:
    """The closing table; its last line counts the parts."""
    width = max(len(result.name) for result in results)
    rows = [f"{'part':<{width}}  result   seconds"]
    rows += [f"{r.name:<{width}}  {r.state:<7}  {r.seconds:7.0f}  {r.closing}".rstrip() for r in results]
    count = {state: sum(result.state == state for result in results) for state in ("passed", "FAILED", "skipped")}
    total = sum(result.seconds for result in results)
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    return "\n".join([*rows, f"{count['passed']} passed, {count['FAILED']} failed{skipped} (parts of the test run), {total:.0f} s in all"])


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="the large sizes (make test-full)")
    parser.add_argument("--only", metavar="PART", action="append", help="only this part; may be given more than once")


def main(args: argparse.Namespace, tree: Tree) -> int:
    chosen = parts(tree, full=args.full)
    if args.only:
        names = [part.name for part in chosen]
        if unknown := [name for name in args.only if name not in names]:
            raise CourseError(f"There is no part {unknown[0]!r}; the parts are: {', '.join(names)}.")
        chosen = [part for part in chosen if part.name in args.only]
    results: list[Result] = []
    try:
        results.extend(run(part, tree) for part in chosen)  # one by one: Ctrl-C leaves those that are done
    finally:
        if results:
            print(f"\n{'=' * 78}\n{summary(results)}", flush=True)
    return 1 if any(result.state == "FAILED" for result in results) else 0
