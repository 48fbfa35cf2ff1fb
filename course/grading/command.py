"""``python -m course grade SUBMISSIONS --out GRADES``: a class from what it handed in to marks, feedback and a summary."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from course import CourseError, Tree
from course.checks.task import names
from course.files import named_failures, write_atomically
from course.grading import cluster, runner
from course.grading.collect import Collection, collect, unit_of
from course.grading.earlier import changes, known, nothing_lost
from course.grading.exercise import HIDDEN, Exercise, load
from course.grading.gradebook import FAILED, FINAL, MISSING, READ, Gradebook, make, worth
from course.grading.key import default_path, load_key
from course.grading.look import ON_PAGE_ONLY, extensions_fit, to_look_at
from course.grading.manual import marked_again, read_sheet
from course.grading.network import pack_pictures
from course.grading.outputs import before, canvas_column, write_all
from course.grading.progress import Progress
from course.grading.result import SubmissionResult
from course.grading.roster import Joined, join, read_roster
from course.grading.rules import read_rules
from course.grading.runner import Done, Job
from course.grading.sandbox import NOT_HELD_OFF
from course.grading.settings import Settings
from course.syllabus import load as load_syllabus

__all__ = ["configure", "main"]

SHOWN = 12  # lines of a list on the terminal


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("submissions", type=Path, metavar="SUBMISSIONS", help="a folder of notebooks, or the zip from Moodle or Canvas")
    parser.add_argument("--out", type=Path, required=True, metavar="GRADES", help="a folder for marks and feedback, one for each exercise")
    parser.add_argument("--roster", type=Path, metavar="CSV", help="the class, as Moodle, Canvas or your university exports it")
    parser.add_argument("--rules", type=Path, metavar="TOML", help="points, deadline, late policy (grading.toml)")
    parser.add_argument("--unit", help="the unit; found in the notebooks by default")
    made = str(default_path()).replace("%", "%%")
    parser.add_argument("--key", type=Path, metavar="FILE", help=f"your key, which hidden cases are drawn from; made at first use: {made}")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="your own, to judge networks on, where a task asks for one")
    parser.add_argument("--workers", type=int, metavar="N", help="submissions at a time (one for each core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="grade on the workers of a Dask scheduler, tls://HOST:8786")
    parser.add_argument("--assignment", metavar="NAME", help='the column for Canvas, such as "Convolution (4711)"')
    parser.add_argument("--withdrawn", metavar="ID", action="append", default=[], help="a student who took back what they had handed in")
    parser.add_argument("--anonymous", action="store_true", help="also write marks and mistakes under pseudonyms, to share")
    parser.add_argument("--unsafe", action="store_true", help="without a sandbox; says what it can then not hold off")


def main(args: argparse.Namespace, tree: Tree) -> int:
    if args.workers is not None and args.workers < 1:
        raise CourseError(f"--workers is {args.workers}; expected 1 or more.")
    if args.workers is not None and args.scheduler:
        raise CourseError("--workers is for this machine; with --scheduler, as many work as its workers have places. Leave one out.")
    out, submissions = args.out.resolve(), args.submissions.resolve()
    rules, roster = read_rules(args.rules), read_roster(args.roster) if args.roster else None
    key, new = load_key(args.key)
    if new:
        where = (args.key or default_path()).expanduser().resolve()
        print(f"A new key was made: {where}\nKeep a copy of it: another key asks other hidden cases, and marks may change.", flush=True)
    with _alone(out):
        collection = collect(submissions, out / "submissions", args.unit or rules.unit)
        unit = _unit(args.unit or rules.unit, collection)
        title = load_syllabus(tree)[unit].title
        hidden = HIDDEN if rules.hidden is None else rules.hidden
        exercise = load(unit, key, hidden)
        tasks = worth(exercise.tasks, rules)
        joined, old = join(collection.found, roster), before(out)
        nothing_lost(old, unit, joined, args.withdrawn, out)
        read_sheet(out / "manual.csv", tasks, known(old, joined))  # a slip in it is told now, not after an hour
        for words in extensions_fit(rules, joined):
            print(f"Warning: {words}", file=sys.stderr)
        settings = Settings(unit, key, hidden, unsafe=args.unsafe, hide=(str(submissions), str(out)))
        if args.scheduler:
            if words := cluster.exposed(args.scheduler):
                print(f"Warning: {words}", file=sys.stderr)
        else:
            _ = settings.sandbox  # refuses here if there is none
        if args.unsafe:
            print(f"Warning: {NOT_HELD_OFF}", file=sys.stderr)
        print(f"{title}: {len(joined.found)} submissions of {len(joined.roster.students)} students.", flush=True)
        jobs = _jobs(joined, _pictures(exercise, args.images or rules.images, out))
        if args.scheduler:
            done = cluster.run(jobs, settings, out / "results", args.scheduler)
        else:
            done = runner.run(jobs, settings, out / "results", args.workers)
        results = _graded(done, len(joined.found))
        sheet = marked_again(read_sheet(out / "manual.csv", tasks, known(old, joined)), old)  # a reader may have gone on meanwhile
        book = make(unit, tasks, joined, results, rules, sheet, collection.remarks)
        look = to_look_at(book, joined, collection, rules, sheet, args.assignment or canvas_column(joined, title))
        now = write_all(out, book, joined, look, title, sheet, args.assignment, key if args.anonymous else None)
    print("\n".join([*_summary(book), *_to_look_at(look, book)]))
    if old is not None:
        changed = [f"{c.student}, {c.task}: {c.before} -> {c.after}" for c in changes(old, now)]
        print(_listed("Marks that changed since the last run", changed) if changed else "No mark changed since the last run.")
    print(f"Marks: {out / 'grades.csv'}\nThe class: {out / 'class.html'}")
    return 1 if joined.strangers or collection.refused or any(row.state == FAILED for row in book.rows) else 0


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Two runs into one folder would undo each other's files."""
    with named_failures(out):
        out.mkdir(parents=True, exist_ok=True)
        out.chmod(0o700)  # personal data
        lock = (out / ".lock").open("w")
    with lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such locks on this system
            pass
        except BlockingIOError:
            raise CourseError(f"Another run is grading into {out}. Wait for it, or give another folder.") from None
        for half in out.rglob(".writing-*"):  # of a run that was killed
            half.unlink(missing_ok=True)
        write_atomically(out / ".gitignore", "*\n")  # marks are never committed by accident
        yield


def _unit(given: str | None, collection: Collection) -> str:
    """The unit that is graded: what is asked for, or the one that most notebooks belong to.

    Raises:
        CourseError: no notebook belongs to any.
    """
    if given:
        return given
    units = Counter(unit for file in collection.found if (unit := unit_of(file.path)) and names(unit))
    if not units:
        raise CourseError("No notebook calls check(...) of an exercise of this course, so its unit is not known. Name it with --unit.")
    unit, count = units.most_common(1)[0]
    if len(units) > 1:
        others = ", ".join(f"{other} ({n})" for other, n in units.most_common()[1:])
        print(f"Graded as {unit} ({count} notebooks); there are others of {others}. If that is wrong, say --unit.")
    return unit


def _pictures(exercise: Exercise, images: Path | None, out: Path) -> Path | None:
    """The pictures that networks are judged on, packed; None for test pictures chosen by the key, or if no task asks for a network."""
    if not exercise.networks:
        return None
    if images is None:
        print("Networks are judged on test pictures chosen by your key, which are public. With --images FOLDER, on your own.", flush=True)
        return None
    count = pack_pictures(images.expanduser(), out / "pictures.npy")
    least = max(task.images for task in exercise.networks)
    some = "" if count >= least else f" Few: {least} are better, since the mean over pictures decides."
    print(f"Networks are judged on {min(count, least)} of your {count} pictures.{some}", flush=True)
    return out / "pictures.npy"


def _jobs(joined: Joined, pictures: Path | None) -> list[Job]:
    return [Job(student, file.path, file.weights, pictures) for student, file in joined.found.items()]


def _graded(graded: Iterable[Done], count: int) -> dict[str, SubmissionResult | str]:
    """The results by id of the student; each is stored before the next one is looked at."""
    progress = Progress(count)
    results: dict[str, SubmissionResult | str] = {}
    try:
        for done in graded:
            results[done.job.name] = done.result if done.result is not None else done.problem
            progress.step(done.stored)
    except KeyboardInterrupt:
        print(f"\nStopped. {progress.done} of {count} are graded and kept; the same command goes on from there.", file=sys.stderr)
        raise
    finally:
        progress.close()
    return results


def _summary(book: Gradebook) -> list[str]:
    counts = Counter(row.state for row in book.rows)
    return ["; ".join(f"{counts[state]} {state}" for state in (FINAL, READ, MISSING, FAILED) if counts[state]) + "."]


def _to_look_at(look: Mapping[str, Sequence[str]], book: Gradebook) -> list[str]:
    """What a person has to decide."""
    lines = [_listed(head, found) for head, found in look.items() if head not in ON_PAGE_ONLY]
    if waiting := sum(row.state == READ for row in book.rows):
        lines.append(f"{waiting} wait for a reader: fill in manual.csv (the answers are in reading.html), then run this again.")
    return lines


def _listed(head: str, found: Sequence[str]) -> str:
    more = [f"  ... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "\n".join([f"{head} ({len(found)}):", *(f"  {_line(line)}" for line in found[:SHOWN]), *more])


def _line(text: str) -> str:
    """One line for a terminal: names of files come from students, and could hold what a terminal obeys."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
