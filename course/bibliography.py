"""The bibliography: one BibTeX file for all units, cited by key.

In a markdown cell ``[@liu2018partial]`` becomes "Liu et al., 2018", a link to the section Sources. There, ``{{ sources }}`` lists whatever
the notebook cites, and an item ``- [@liu2018partial]: where it began`` prints the full entry at that place, with the remark.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course import CourseError, Tree
from course.source import Cell

__all__ = ["Entry", "fill", "read", "unused"]

#: kind -> the field that names where it appeared; misc needs none
VENUES = {"article": "journal", "inproceedings": "booktitle", "book": "publisher", "misc": "howpublished"}
FIELDS = {"author", "title", "year", "volume", "doi", "eprint", "url", *VENUES.values()}
_CITE = re.compile(r"\[@([\w-]+(?:; *@[\w-]+)*)\]")
_ITEM = re.compile(r"^- \[@([\w-]+)\]", re.MULTILINE)
_TOKEN = re.compile(r"^\{\{ *sources *\}\} *$", re.MULTILINE)
_HEADING = re.compile(r"^## Sources *$", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One work; ``authors`` are (family name, given names)."""

    key: str
    authors: tuple[tuple[str, str], ...]
    title: str
    year: int
    venue: str = ""
    volume: str = ""
    address: str = ""

    @property
    def label(self) -> str:
        """How it is cited in a sentence: "Telea, 2004", "Yu and Koltun, 2016", "Liu et al., 2018"."""
        families = [family for family, _ in self.authors]
        names = " and ".join(families) if len(families) < 3 else f"{families[0]} et al."
        return f"{names}, {self.year}"

    @property
    def text(self) -> str:
        """The full entry as markdown, without a full stop at its end."""
        names = ", ".join(f"{_initials(given)} {family}".strip() for family, given in self.authors)
        title = f"[*{self.title}*]({self.address})" if self.address else f"*{self.title}*"
        where = " ".join(filter(None, (self.venue, self.volume)))
        joint = " " if where and not self.volume and " " not in where else ", "  # ECCV 2018, but Nature 323, 1986
        return f"{names}, {title}, {where}{joint if where else ''}{self.year}"


def _initials(given: str) -> str:
    """``Ting-Chun`` as ``T.-C.``, ``Alexei A.`` as ``A. A.``, a lone letter without a full stop as its owner writes it."""
    return " ".join("-".join(part if len(part) == 1 else f"{part[0]}." for part in name.split("-")) for name in given.split())


def read(path: Path) -> dict[str, Entry]:
    """The entries of a BibTeX file, by key.

    A strict subset: ``@kind{key,``, a field ``name = {value},`` a line, ``}``; ``%`` starts a comment line; letters as UTF-8, no TeX.

    Raises:
        CourseError: the file is missing, or a line, a kind, a field or a key is not as expected; the line is named.
    """
    if not path.exists():
        raise CourseError(f"{path} is missing, but something is cited.")
    entries: dict[str, Entry] = {}
    kind = key = ""
    fields: dict[str, str] = {}
    start = 0
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        where = f"{path.name}, line {number}"
        if not line.strip() or line.startswith("%"):
            continue
        if not key and (match := re.fullmatch(r"@(\w+)\{([\w-]+),", line)):
            (kind, key), fields, start = match.groups(), {}, number
            if kind not in VENUES:
                raise CourseError(f"{where}: the kind is {kind!r}; expected {', '.join(VENUES)}.")
            if key in entries:
                raise CourseError(f"{where}: the key {key!r} stands twice.")
        elif key and (match := re.fullmatch(r"\s+(\w+) = \{([^{}\\]+)\},", line)):
            name, value = match.groups()
            if name not in FIELDS or name in fields:
                raise CourseError(f"{where}: the field {name!r} {'stands twice' if name in fields else 'is unknown'}.")
            fields[name] = " ".join(value.split())
        elif key and line == "}":
            entries[key] = _entry(kind, key, fields, f"{path.name}, line {start}")
            key = ""
        else:
            raise CourseError(f"{where}: {line.strip()!r} cannot be read; expected '@article{{key,', '  field = {{value}},' or '}}'.")
    if key:
        raise CourseError(f"{path.name}, line {start}: the entry {key!r} is never closed.")
    return entries


def _entry(kind: str, key: str, fields: dict[str, str], where: str) -> Entry:
    needed = {"author", "title", "year"} | ({VENUES[kind]} if kind != "misc" else set())
    if lacks := sorted(needed - fields.keys()):
        raise CourseError(f"{where}: {key!r} lacks {', '.join(lacks)}.")
    if not re.fullmatch(r"\d{4}", fields["year"]):
        raise CourseError(f"{where}: the year of {key!r} is {fields['year']!r}; expected four digits.")
    authors = [tuple(part.strip() for part in person.partition(",")[::2]) for person in fields["author"].split(" and ")]
    venue = fields.get(VENUES[kind], "arXiv" if "eprint" in fields else "")
    addresses = [("doi", "https://doi.org/"), ("eprint", "https://arxiv.org/abs/"), ("url", "")]
    address = next((start + fields[name] for name, start in addresses if name in fields), "")
    return Entry(key, tuple((a, b) for a, b in authors), fields["title"], int(fields["year"]), venue, fields.get("volume", ""), address)


def cited(cells: Iterable[Cell]) -> list[str]:
    """The keys that markdown cells cite, in order, each once."""
    prose = (cell.source for cell in cells if cell.kind == "markdown")
    return list(dict.fromkeys(key for text in prose for match in _CITE.finditer(text) for key in _keys(match)))


def _keys(match: re.Match[str]) -> list[str]:
    return [key.strip().lstrip("@") for key in match[1].split(";")]


def fill(cells: Sequence[Cell], tree: Tree) -> list[Cell]:
    """The cells of one notebook, what they cite written out.

    Raises:
        CourseError: a key is unknown, something is cited and listed nowhere, or there is nothing to list.
    """
    keys = cited(cells)
    prose = [cell.source for cell in cells if cell.kind == "markdown"]
    listing = any(_TOKEN.search(text) for text in prose)
    if not keys and not listing:
        return list(cells)
    if not keys:
        raise CourseError("{{ sources }} has nothing to list: nothing is cited. Cite by key, [@liu2018partial].")
    if not any(_HEADING.search(text) for text in prose):
        raise CourseError("something is cited, but there is no section '## Sources' for it to stand in.")
    entries = read(tree.bibliography)
    for key in keys:
        if key not in entries:
            near = difflib.get_close_matches(key, entries, n=1)
            raise CourseError(f"[@{key}] is not in {tree.shown(tree.bibliography)}.{f' Did you mean {near[0]!r}?' if near else ''}")
    items = {key for text in prose for key in _ITEM.findall(text)}
    rest = sorted((entries[key] for key in keys if key not in items), key=lambda entry: (entry.authors[0][0], entry.year, entry.key))
    if rest and not listing:
        raise CourseError(f"[@{rest[0].key}] is cited but not listed; write {{{{ sources }}}} on a line of its own under '## Sources'.")
    letter = _letters(entries[key] for key in keys)
    table = "\n".join(f"- {entry.text}{letter[entry.key]}." for entry in rest)

    def full(match: re.Match[str]) -> str:
        return f"- {entries[match[1]].text}{letter[match[1]]}"

    def short(match: re.Match[str]) -> str:
        return "; ".join(f"[{entries[key].label}{letter[key]}](#Sources)" for key in _keys(match))

    def written(text: str) -> str:
        return _CITE.sub(short, _ITEM.sub(full, _TOKEN.sub(lambda _: table, text)))

    return [replace(cell, source=written(cell.source)) if cell.kind == "markdown" else cell for cell in cells]


def _letters(entries: Iterable[Entry]) -> dict[str, str]:
    """What tells works with equal labels apart in one notebook: "a", "b", ... behind the year, nothing where the label is alone."""
    same: dict[str, list[str]] = {}
    for entry in entries:
        same.setdefault(entry.label, []).append(entry.key)
    return {key: chr(ord("a") + i) if len(keys) > 1 else "" for keys in same.values() for i, key in enumerate(keys)}


def unused(tree: Tree) -> list[str]:
    """Keys of the bibliography that no source in the course cites."""
    if not tree.bibliography.exists():
        return []
    texts = [path.read_text("utf-8") for path in sorted((tree.root / "course" / "units").glob("*/*.py"))]
    known = {key for text in texts for match in _CITE.finditer(text) for key in _keys(match)}
    return [key for key in read(tree.bibliography) if key not in known]
