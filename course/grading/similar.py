"""Submissions that are alike: a place to look, never a verdict. Short tasks have few good answers, and friends learn together.

Code is compared as the grammar sees it, so that other names, comments and spaces change nothing. What was handed out, and what many of the
class wrote, counts for nothing or little. Source: S. Schleimer, D. Wilkerson, A. Aiken, Winnowing (SIGMOD 2003), for shingles of programs.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from course import ROOT
from course.grading.repair import parses
from course.grading.submission import Unreadable, read

__all__ = ["Pair", "pairs", "shingles", "shingles_of_files"]

LENGTH = 7  # nodes of a shingle
FEWEST = 25  # own shingles below which likeness says nothing
ALIKE = 0.8  # weighted part that two have in common
LARGEST = 20 << 20  # bytes of a file that is compared
SECONDS = 60.0  # for one file


@dataclass(frozen=True)
class Pair:
    """Two submissions, and the part of both that they have in common, 0 to 1."""

    a: str
    b: str
    likeness: float
    shingles: int


def shingles(sources: Iterable[str]) -> frozenset[int]:
    """The shingles of some cells: hashes of runs of nodes, names replaced by their place in order of appearance within a function.

    >>> shingles(["def f(a):\\n    return a * 2 + a"]) == shingles(["def g(x):  # mine\\n    return x*2 + x"])
    True
    """
    found: set[int] = set()
    for source in sources:
        if parses(source):
            for node in ast.parse(source).body:
                words = _words(node)
                runs = (" ".join(words[i : i + LENGTH]) for i in range(max(1, len(words) - LENGTH + 1)))
                found |= {int.from_bytes(hashlib.blake2b(run.encode(), digest_size=6).digest()) for run in runs}
    return frozenset(found)


def _words(top: ast.stmt) -> list[str]:
    """The nodes in order. No recursion: what students nest may be deep."""
    words: list[str] = []
    names: dict[str, int] = {}
    waiting: list[ast.AST] = [top]
    while waiting:
        node = waiting.pop()
        word = type(node).__name__
        name = getattr(node, "id", None) or getattr(node, "arg", None)
        if isinstance(node, ast.Attribute):
            word += f".{node.attr}"
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                continue  # docstrings and messages
            word += repr(node.value)[:20]
        elif isinstance(name, str):
            word += str(names.setdefault(name, len(names)))
        words.append(word)
        waiting += reversed([child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)])
    return words


def pairs(sets: Mapping[str, frozenset[int]], handed_out: frozenset[int], most: int = 50) -> list[Pair]:
    """The pairs that are alike, most alike first.

    Args:
        sets: submission -> its shingles.
        handed_out: those of the empty notebook.
        most: how many pairs.
    """
    own = {name: found - handed_out for name, found in sets.items()}
    own = {name: found for name, found in own.items() if len(found) >= FEWEST}
    users = Counter(shingle for found in own.values() for shingle in found)
    # What half of a class has is no sign of anything; in a small class two are no crowd.
    crowd = max(3.0, len(own) / 2)
    weight = {shingle: max(0.0, math.log(crowd / (count - 1))) if count > 1 else math.log(crowd) for shingle, count in users.items()}
    total = {name: sum(weight[shingle] for shingle in found) for name, found in own.items()}
    names = sorted(own)
    result = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if min(total[a], total[b]) < ALIKE * max(total[a], total[b]):
                continue
            common = own[a] & own[b]
            if len(common) < FEWEST:
                continue
            shared = sum(weight[shingle] for shingle in common)
            likeness = shared / (total[a] + total[b] - shared) if shared else 0.0
            if likeness >= ALIKE:
                result.append(Pair(a, b, round(likeness, 3), len(common)))
    return sorted(result, key=lambda pair: (-pair.likeness, pair.a, pair.b))[:most]


def shingles_of_files(paths: Sequence[Path]) -> dict[Path, frozenset[int]]:
    """The shingles of files, computed in a process of its own: what brings a parser down costs that file and no other."""
    found: dict[Path, frozenset[int]] = {}
    left = [path for path in paths if path.is_file() and path.stat().st_size <= LARGEST]
    while left:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "course.grading.similar"],
                input="\n".join(json.dumps(str(path.absolute())) for path in left).encode(),
                capture_output=True,
                cwd=ROOT,
                timeout=SECONDS + 2.0 * len(left),
                check=False,
            )
            output = done.stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
        lines = output.decode("ascii", "replace").splitlines()
        for path, line in zip(left, lines, strict=False):
            with contextlib.suppress(ValueError):
                found[path] = frozenset(json.loads(line))
        left = left[len(lines) + 1 :]  # the next one is what ended it
    return found


def main() -> None:
    """Serve :func:`shingles_of_files`: a path a line in, a list of numbers a line out."""
    for line in sys.stdin:
        try:
            submission = read(Path(json.loads(line)))
            numbers = sorted(shingles(cell.source for cell in submission.cells))
        except (Unreadable, RecursionError, MemoryError):
            numbers = []
        print(json.dumps(numbers), flush=True)


if __name__ == "__main__":
    main()
