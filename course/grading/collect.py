"""Finding what a class handed in: notebooks in a folder, one by one, or in the zip that Moodle or Canvas hands out."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from course import CourseError
from course.grading import archive
from course.grading.runner import file_name

__all__ = ["Collection", "Found", "Identity", "collect", "identify", "unit_of"]

# Moodle: "Ada Lovelace_4711_assignsubmission_file_/work.ipynb", the same without a folder, "onlinetext" for what was typed in.
MOODLE = re.compile(r"^(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?P<kind>file|onlinetext)(?:_|/|$)")
# Canvas: "lovelaceada_4711_815_work.ipynb", "lovelaceada_LATE_4711_815_work-1.ipynb".
CANVAS = re.compile(r"^(?P<name>[^_/]+)_(?:(?P<late>LATE)_)?(?P<id>\d+)_(?P<file>\d+)_(?P<rest>[^/]+)$")
ENDINGS = (".ipynb", ".py")
WEIGHTS = ".safetensors"
SCANNED = 64 << 20  # bytes of a file that are searched for its unit
UNIT = re.compile(rb"""\bcheck\(\s*\\?["'](\w+)/""")
FOLDERS_TOO_DEEP = 6
# How browsers, systems and Canvas name the second file of a name: "work (1).ipynb", "work-1.ipynb".
AGAIN = re.compile(r"(?:\s?\((\d{1,3})\)|-(\d{1,2}))$")


@dataclass(frozen=True)
class Identity:
    """Whose file it is, as far as its name says.

    Args:
        name: of the student, or of the folder or file.
        id: a number of Moodle or Canvas, or an empty string.
        scheme: "moodle", "canvas" or "plain".
        late: whether Canvas marked it so.
    """

    name: str
    id: str = ""
    scheme: str = "plain"
    late: bool = False

    @property
    def key(self) -> str:
        """One for each student."""
        return f"{self.name} ({self.id})" if self.id else self.name


@dataclass(frozen=True)
class Found:
    """One file that was handed in: whose it is, what it was called, where it lies now, and when it was last changed; and the file of
    weights that came with it.
    """

    who: Identity
    title: str
    path: Path
    time: datetime | None = None
    order: tuple[int, ...] = ()
    weights: Path | None = None


@dataclass
class Collection:
    """What was found.

    Args:
        found: one file for each student.
        remarks: student's key -> sentences about their files.
        refused: (entry, why) of what was not taken out of a zip.
    """

    found: list[Found] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


def collect(submissions: Path, into: Path, unit: str | None = None) -> Collection:
    """Find the submissions, one for each student.

    Args:
        submissions: a notebook, a folder or a zip.
        into: where files of a zip are put, under names of our own.
        unit: notebooks of it come first where a student handed in several.

    Raises:
        CourseError: there is nothing to grade.
    """
    collection = Collection()
    if submissions.is_dir():
        files = _in_folder(submissions)
    elif not submissions.is_file():
        raise CourseError(f"There is nothing at {submissions}. Give a notebook, a folder of them, or the zip from Moodle or Canvas.")
    elif zipfile.is_zipfile(submissions):
        files = _in_zip(submissions, into, collection)
    else:
        files = [Found(Identity(submissions.stem), submissions.name, submissions, _changed(submissions))]
    by_student: dict[str, list[Found]] = {}
    for file in files:
        by_student.setdefault(file.who.key, []).append(file)
    for key, own in sorted(by_student.items()):
        chosen, remarks = _chosen(own, unit)
        collection.found.append(chosen)
        if remarks:
            collection.remarks[key] = remarks
    if not collection.found:
        why = "; ".join(f"{name}: {reason}" for name, reason in collection.refused[:3])
        raise CourseError(f"There is no submission in {submissions}{f' ({why})' if why else ''}. Students hand in notebooks (.ipynb).")
    return collection


def identify(path: str) -> Identity | None:
    """Whose file that is, by its path inside of the folder or zip; None for what is no file of a student.

    >>> identify("Ada Lovelace_4711_assignsubmission_file_/work.ipynb")
    Identity(name='Ada Lovelace', id='4711', scheme='moodle', late=False)
    >>> identify("lovelaceada_LATE_4711_815_work.ipynb")
    Identity(name='lovelaceada', id='4711', scheme='canvas', late=True)
    >>> identify("ada/work.ipynb").key
    'ada'
    """
    parts = [part for part in path.split("/") if part]
    if not parts or any(part.startswith(".") for part in parts):
        return None
    for part in parts:
        if match := MOODLE.match(part):
            return Identity(match["name"], match["id"], "moodle") if match["kind"] == "file" else None
    if match := CANVAS.match(parts[-1]):
        return Identity(match["name"], match["id"], "canvas", bool(match["late"]))
    return Identity(parts[-2] if len(parts) > 1 else Path(parts[-1]).stem)


def unit_of(path: Path) -> str:
    """The unit whose checks a notebook calls, found without reading it as a notebook; an empty string if there is none."""
    try:
        with path.open("rb") as file:
            names = UNIT.findall(file.read(SCANNED))
    except OSError:
        return ""
    return max(set(names), key=names.count).decode() if names else ""


def _in_folder(folder: Path) -> list[Found]:
    found = []
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    if any(len(path.relative_to(folder).parts) > FOLDERS_TOO_DEEP for path in paths):
        paths = [path for path in paths if len(path.relative_to(folder).parts) <= FOLDERS_TOO_DEEP]
    names = [path.relative_to(folder).as_posix() for path in paths]
    for path, name, shown in zip(paths, names, _without_wrapper(names), strict=True):
        who = identify(shown)
        if who and _wanted(shown, who):
            found.append(Found(who, name, path, _changed(path), _order(path.name, _changed(path))))
    return found


def _in_zip(path: Path, into: Path, collection: Collection) -> list[Found]:
    found, total = [], 0
    try:
        with zipfile.ZipFile(path) as opened:
            listed = list(archive.entries(opened))
            named = zip(listed, _without_wrapper([e.name for e in listed]), strict=True)
            for entry, shown in sorted(named, key=lambda pair: pair[0].info.file_size):  # a huge one costs no small one its place
                who = identify(shown)
                if entry.refused:
                    collection.refused.append((entry.name, entry.refused))
                elif who and _wanted(shown, who):
                    total += entry.info.file_size
                    if total > archive.TOTAL:
                        collection.refused.append((entry.name, f"with it, the archive holds more than {archive.TOTAL >> 30} GB"))
                        continue
                    ending = Path(shown).suffix.lower()
                    to = into / (Path(file_name(entry.name)).stem + (ending if ending in (*ENDINGS, WEIGHTS) else ".other"))
                    if why := archive.extract(opened, entry, to):
                        collection.refused.append((entry.name, why))
                        continue
                    found.append(Found(who, entry.name, to, entry.time, _order(shown, entry.time)))
    except zipfile.BadZipFile as error:
        raise CourseError(f"{path} is a damaged zip ({error}). Download it once more.") from None
    return found


def _without_wrapper(names: list[str]) -> list[str]:
    """Paths without a folder that wraps everything: what one gets by zipping a folder. A folder of a student's own is none."""
    tops = {name.split("/", 1)[0] for name in names}
    deep = all(name.count("/") >= 1 for name in names)
    if len(tops) != 1 or not deep or MOODLE.match(next(iter(tops))):
        return names
    inner = [name.split("/", 1)[1] for name in names]
    several = len({name.split("/", 1)[0] for name in inner}) > 1
    return _without_wrapper(inner) if several or any("/" in name for name in inner) else names


def _wanted(name: str, who: Identity) -> bool:
    """Notebooks; and what a student handed in to Moodle or Canvas instead, so that they are told."""
    return name.lower().endswith((*ENDINGS, WEIGHTS)) or who.scheme != "plain"


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _order(name: str, time: datetime | None) -> tuple[int, ...]:
    """Later ones are larger: Canvas counts uploads in the number of the file; elsewhere the time decides."""
    if match := CANVAS.match(name.rsplit("/", 1)[-1]):
        return (int(match["file"]),)
    return (int(time.replace(tzinfo=None).timestamp()) if time else 0,)


def _chosen(files: Iterable[Found], unit: str | None) -> tuple[Found, list[str]]:
    """The file that counts: a notebook before anything else, one of this unit before others, the newest of these; of two with the same
    time the one whose name says that it is the later one.
    """

    def worth(file: Found) -> tuple[object, ...]:
        ending = Path(file.title).suffix.lower()
        return (ending == ".ipynb", ending in ENDINGS, unit is not None and unit_of(file.path) == unit, *_age(file))

    best, *others = sorted(files, key=worth, reverse=True)
    weights = sorted((file for file in files if file.title.lower().endswith(WEIGHTS)), key=_age)
    if weights:
        best = replace(best, weights=weights[-1].path)
    left = ", ".join(sorted(Path(other.title).name for other in others if other not in weights[-1:]))
    graded = f"`{Path(best.title).name}`" + (f" and `{Path(weights[-1].title).name}`" if weights and weights[-1].path != best.path else "")
    return best, [f"Several files were handed in. {graded} was graded, not {left}."] if left else []


def _age(file: Found) -> tuple[tuple[int, ...], int, str]:
    """Larger for a later file."""
    again = AGAIN.search(Path(file.title).stem)
    return file.order, int(again[1] or again[2]) if again else 0, file.title
