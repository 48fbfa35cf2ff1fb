"""The glossary: ``notebooks/glossary.md``, generated from the units.

A unit's ``glossary.toml`` has a line for each term that its lesson introduces, ``"receptive field" = "The region of ..."``. The lesson must
print the term in bold or italics where it introduces it; the glossary links to that section.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from course import CourseError, Tree, source
from course.syllabus import Syllabus, Unit

__all__ = ["Term", "anchor", "headings", "page", "terms"]

_HEADING = re.compile(r"^(#{1,6}) +(.+?) *$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")


@dataclass(frozen=True)
class Term:
    """One entry: the term, what it means, and the section of the lesson that introduces it."""

    name: str
    meaning: str
    unit: Unit
    section: str


def headings(text: str) -> Iterator[tuple[int, int, str]]:
    """The headings of a markdown text, code blocks left out: (offset, level, words)."""
    offset, fenced = 0, False
    for line in text.splitlines(keepends=True):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (match := _HEADING.match(line.rstrip("\n"))):
            yield offset, len(match[1]), match[2]
        offset += len(line)


def anchor(heading: str) -> str:
    """What JupyterLab lets one link to for a heading.

    >>> anchor("Where holes come from")
    'Where-holes-come-from'
    """
    return quote(re.sub(r"[*`]", "", heading).replace(" ", "-"), safe="-")


def terms(tree: Tree, syllabus: Syllabus) -> list[Term]:
    """The terms of all ready units, in the order of the alphabet.

    Raises:
        CourseError: a file is not as expected, a term stands in two units, or its lesson does not print it in bold or italics.
    """
    found: dict[str, Term] = {}
    for unit in syllabus.ready():
        path = tree.lesson(unit.slug).with_name("glossary.toml")
        if not path.exists() or not tree.lesson(unit.slug).exists():
            continue
        text = "\n\n".join(cell.source for cell in source.read(tree.lesson(unit.slug)) if cell.kind == "markdown")
        for name, meaning in _read(path, tree).items():
            term = Term(name, meaning, unit, _section(name, text, unit, tree.shown(path)))
            if (before := found.get(name.casefold())) is not None:
                raise CourseError(f"{tree.shown(path)}: {name!r} stands in the glossary of {before.unit.slug!r} already.")
            found[name.casefold()] = term
    return [found[name] for name in sorted(found)]


def _read(path: Path, tree: Tree) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{tree.shown(path)} is not valid TOML: {error}.") from None
    for name, meaning in table.items():
        if not isinstance(meaning, str) or not meaning.strip().endswith("."):
            raise CourseError(f'{tree.shown(path)}: {name!r} is {meaning!r}; expected a sentence, "{name}" = "What it means.".')
    return {name: " ".join(meaning.split()) for name, meaning in table.items()}


def _section(name: str, text: str, unit: Unit, shown: str) -> str:
    """The heading above the first place that prints the term in bold or italics; the unit's title where there is none."""
    match = re.search(rf"(?<![*\w])(\*{{1,2}}){re.escape(name)}s?[.,:]?\1(?!\*)", text, re.IGNORECASE)
    if not match:
        raise CourseError(f"{shown}: the lesson {unit.slug!r} nowhere prints *{name}* or **{name}**; mark the place that introduces it.")
    above = [words for offset, _, words in headings(text) if offset <= match.start()]
    return above[-1] if above else ""


def page(tree: Tree, syllabus: Syllabus) -> str | None:
    """The page as markdown, or None where no unit has a glossary."""
    found = terms(tree, syllabus)
    if not found:
        return None
    lines = ["# Glossary", "", "The words of the course, and where each of them is introduced. (Generated: `python -m course build`.)"]
    letter = ""
    for term in found:
        if term.name[0].upper() != letter:
            letter = term.name[0].upper()
            lines += ["", f"## {letter}"]
        place = f"{term.unit.file_name}#{anchor(term.section)}" if term.section else term.unit.file_name
        lines += ["", f"**{term.name}**: {term.meaning} [{term.unit.title}]({place})"]
    return "\n".join(lines) + "\n"
