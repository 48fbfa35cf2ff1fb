"""Build the notebooks from their sources: ``python -m course build [--check | --execute [TOPIC ...]]``.

Without options the text of every notebook is brought up to date and the outputs of unchanged cells are kept. Only ``--execute``
runs anything. Building twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from course import CourseError, Tree, bibliography, glossary, stamp
from course import outputs as stored_outputs
from course.files import write_atomically
from course.notebook import code_of, notebook_of, orphans, read_notebook, text_of
from course.syllabus import Syllabus, load
from course.targets import Stale, Target, missing, targets

__all__ = ["build", "check", "execute"]

LIMIT = 1_000_000  # bytes of one notebook
MAP = ("<!-- course map -->", "<!-- end of course map -->")


def stamp_of(target: Target, notebook: dict[str, Any], tree: Tree) -> dict[str, str]:
    """What the outputs of this notebook have to be made from."""
    beside = ["questions.toml", *(["checks.py"] if target.kind == "solution" else [])]
    also = [path for name in beside if (path := target.source.with_name(name)).exists()]
    return stamp.stamp(code_of(notebook), tree, also)


def check(tree: Tree) -> list[Stale]:
    """Everything that is stale, nothing executed."""
    syllabus = load(tree)
    found = targets(tree, syllabus)
    stale = list(missing(tree, syllabus))
    stale += [item for target in found for item in _check_one(target, tree, syllabus)]
    stale += [Stale(tree.shown(path), "it belongs to no ready unit", "python -m course build") for path in orphans(tree, found)]
    page = glossary.page(tree, syllabus)
    if page != (tree.glossary.read_text("utf-8") if tree.glossary.exists() else None):
        stale.append(Stale(tree.shown(tree.glossary), "it differs from the glossaries of the units", "python -m course build"))
    if (readme := _readme(tree, syllabus)) and readme[0].read_text("utf-8") != readme[1]:
        stale.append(Stale("README.md", "its map of the course differs from the syllabus", "python -m course build"))
    return stale


def _check_one(target: Target, tree: Tree, syllabus: Syllabus) -> Iterator[Stale]:
    shown = tree.shown(target.path)
    if not target.path.exists():
        yield Stale(shown, "it is missing", _command(target))
        return
    fresh, stored = notebook_of(target, tree, syllabus), target.path.read_text("utf-8")
    if text_of(fresh) != stored:
        yield Stale(shown, _difference(fresh, read_notebook(target.path), tree.shown(target.source)), "python -m course build")
    if target.executed:
        why = stamp.changes(fresh["metadata"]["course"].get("made_from"), stamp_of(target, fresh, tree))
        if why:
            yield Stale(shown, "its outputs are older than what they show: " + ", ".join(why), _command(target))
    if len(stored.encode()) > LIMIT:
        yield Stale(shown, _weight(fresh, len(stored.encode())), f"smaller figures in {tree.shown(target.source)}")


def _command(target: Target) -> str:
    return f"python -m course build --execute {target.unit.slug}" if target.executed else "python -m course build"


def _difference(fresh: dict[str, Any], stored: dict[str, Any] | None, name: str) -> str:
    if stored is None:
        return "it is no notebook"
    for new, old in zip(fresh["cells"], stored["cells"], strict=False):
        if new != old:
            return f"the cell {new['id']} differs from {name}"
    return f"it differs from {name} in its number of cells or in its metadata"


def _weight(notebook: dict[str, Any], size: int) -> str:
    heaviest, cell = max((len(json.dumps(cell)), cell["id"]) for cell in notebook["cells"])
    return f"it has {size / 1e6:.2f} MB, more than {LIMIT / 1e6:g} MB; the largest cell is {cell} with {heaviest / 1e6:.2f} MB"


def _readme(tree: Tree, syllabus: Syllabus) -> tuple[Path, str] | None:
    """README with the map of the course between its two comments, where it has them."""
    path = tree.root / "README.md"
    text = path.read_text("utf-8") if path.exists() else ""
    if not all(mark in text for mark in MAP):
        return None
    before, rest = text.split(MAP[0], 1)
    return path, f"{before}{MAP[0]}\n{syllabus.map()}\n{MAP[1]}{rest.split(MAP[1], 1)[1]}"


def build(tree: Tree, topics: Iterable[str] = ()) -> list[Path]:
    """Bring the text of the notebooks up to date, keep the outputs of unchanged cells; returns what was written.

    What no unit makes any more is deleted when all are built, not with ``topics``: a new unit gives those behind it other numbers, and
    their outputs still lie under the old ones.
    """
    syllabus, topics = load(tree), tuple(topics)
    written = [target.path for target in targets(tree, syllabus, topics) if _write(target, tree, syllabus)]
    for orphan in [] if topics else orphans(tree, targets(tree, syllabus)):
        orphan.unlink()
        written.append(orphan)
    written += _write_glossary(tree, syllabus)
    if (readme := _readme(tree, syllabus)) and readme[0].read_text("utf-8") != readme[1]:
        write_atomically(readme[0], readme[1])
        written.append(readme[0])
    return written


def _write_glossary(tree: Tree, syllabus: Syllabus) -> list[Path]:
    page, stored = glossary.page(tree, syllabus), tree.glossary.read_text("utf-8") if tree.glossary.exists() else None
    if page == stored:
        return []
    if page is None:
        tree.glossary.unlink()
    else:
        write_atomically(tree.glossary, page)
    return [tree.glossary]


def _write(target: Target, tree: Tree, syllabus: Syllabus) -> bool:
    text = text_of(notebook_of(target, tree, syllabus))
    if target.path.exists() and target.path.read_text("utf-8") == text:
        return False
    write_atomically(target.path, text)
    return True


def execute(tree: Tree, topics: Iterable[str] = (), say: Callable[[str], object] = print) -> list[Path]:
    """Run the named units, or those whose outputs are stale, and store what they show.

    Raises:
        CourseError: a cell fails, or shows something that must not be stored; the notebook stays as it was.
    """
    topics = list(topics)
    build(tree, topics)
    syllabus = load(tree)
    done: list[Path] = []
    for target in targets(tree, syllabus, topics):
        notebook = notebook_of(target, tree, syllabus)
        now = stamp_of(target, notebook, tree)
        if target.executed and (topics or stamp.changes(notebook["metadata"]["course"].get("made_from"), now)):
            say(f"executing {tree.shown(target.path)}")
            _run(target, notebook, tree)
            notebook["metadata"]["course"]["made_from"] = now
            if (size := len((text := text_of(notebook)).encode())) > LIMIT:
                raise CourseError(f"{tree.shown(target.path)}: {_weight(notebook, size)}. Draw fewer or smaller figures.")
            write_atomically(target.path, text)
            done.append(target.path)
        elif target.kind == "exercise":
            _write(target, tree, syllabus)
    return done


def _run(target: Target, notebook: dict[str, Any], tree: Tree) -> None:
    """Fill in the outputs of a notebook by running it in a fresh, empty folder."""
    import nbformat

    from course import kernel

    live = nbformat.reads(json.dumps({**notebook, "metadata": {}}), as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        try:
            kernel.run(live, Path(folder), kernel.environment("quick", INPAINTLIB_DEVICE="cpu"))
        except Exception as error:
            raise CourseError(f"{tree.shown(target.path)} did not run to its end:\n{kernel.explain(error, live)}") from None
    found = []
    for cell, ran in zip(notebook["cells"], live["cells"], strict=True):
        if cell["cell_type"] != "code":
            continue
        fails = "raises-exception" in cell["metadata"].get("tags", [])
        found += [f"    {cell['id']}: {what}" for out in ran["outputs"] for what in stored_outputs.complaints(out, meant_to_fail=fails)]
        plain = json.loads(json.dumps(ran["outputs"]))  # nbformat's own kind of dictionary stays out of the file
        cell |= {"execution_count": ran["execution_count"], "outputs": stored_outputs.clean_all(plain)}
    if found:
        where = f"{tree.shown(target.path)} shows what must not be stored; change {tree.shown(target.source)}"
        raise CourseError("\n".join([f"{where}:", *found]))


def configure(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="change and execute nothing; name what is stale, why, and what mends it")
    group.add_argument("--execute", nargs="*", metavar="TOPIC", help="run these units (or those that are stale) and store their outputs")


def main(args: argparse.Namespace, tree: Tree) -> int:
    if args.check:
        stale = check(tree)
        print("\n".join(map(str, stale)) or "Every notebook is up to date.", file=sys.stderr if stale else sys.stdout)
        return 1 if stale else 0
    written = build(tree) if args.execute is None else execute(tree, args.execute)
    print("\n".join(f"wrote {tree.shown(path)}" for path in written) or "Nothing to do: every notebook is up to date.")
    if unused := bibliography.unused(tree):
        print(f"{tree.shown(tree.bibliography)}: nothing cites {', '.join(unused)}", file=sys.stderr)
    unwritten = [] if args.execute else list(missing(tree, load(tree)))
    print("\n".join(map(str, unwritten)), end="\n" if unwritten else "", file=sys.stderr)
    return 1 if unwritten else 0
