"""A notebook's cell as plain Python: without magics, shell commands and question marks, line by line where it was."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings

__all__ = ["as_python", "parses"]

LINE_MAGIC = re.compile(r"^(\s*)(?:[%!]|\?+\s*\w)")
ASSIGNED = re.compile(r"^(\s*[\w.,\[\] ]+=\s*)[%!].*$")
ASKED = re.compile(r"^(\s*)[\w.]+\s*\?+\s*$")
TIMED = re.compile(r"^(\s*)%{1,2}(?:time|timeit|prun|capture)\b(?:\s+-\w+(?:\s+\d+)?)*\s*(?P<rest>.*)$")
PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%py")


def parses(source: str) -> bool:
    """Whether it is valid Python.

    >>> parses("x = 1"), parses("x =")
    (True, False)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def as_python(source: str) -> tuple[str, list[str]]:
    """The cell without what only Jupyter understands, and a sentence about each kind of thing that was taken out.

    >>> as_python("!pip install x\\nimport x")[0]
    'pass\\nimport x'
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").lstrip("\ufeff")
    if parses(source):
        return source, []
    lines = source.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    notes: list[str] = []
    if lines[first].startswith("%%"):
        word = lines[first].split()[0]
        if not word.startswith(PYTHON_CELLS):
            return "", [f"A cell begins with {word} and is not Python; it is not run."]
        lines[first] = ""
        notes.append(f"The line {word} was left out.")
    plain = [_plain(line, notes) for line in lines]
    repaired = "\n".join(plain)
    if not parses(repaired) and parses(textwrap.dedent(repaired)):
        return textwrap.dedent(repaired), [*notes, "A cell was indented as a whole; that was mended."]
    return repaired, notes


def _plain(line: str, notes: list[str]) -> str:
    """One line of Python in place of a magic; the indentation stays, so that blocks do."""
    if match := ASSIGNED.match(line):
        notes.append(f"`{line.strip()[:60]}` was left out: commands of Jupyter and of the shell are not run.")
        return f"{match[1]}None"
    if (match := TIMED.match(line)) and match["rest"] and parses(match["rest"]):
        return match[1] + match["rest"]
    if match := LINE_MAGIC.match(line) or ASKED.match(line):
        notes.append(f"`{line.strip()[:60]}` was left out: commands of Jupyter and of the shell are not run.")
        return f"{match[1]}pass"
    return line
