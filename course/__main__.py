"""``python -m course <verb>``: everything that students, instructors and contributors do with the course."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

from course import CourseError, Tree
from course.outside import named_absence

#: verb -> (the module that does it, one line of help). Each has configure(parser) and main(args, tree) -> exit status.
VERBS = {
    "lab": ("course.lab", "copy lessons and exercises into workspace/ and open JupyterLab on them"),
    "check-submission": ("course.grading.preflight", "run an exercise afresh, as the grader will, with the visible checks"),
    "release": ("course.release", "make the package that a class gets: no solutions, no hidden cases"),
    "grade": ("course.grading.command", "grade what a class handed in: marks, feedback pages, a summary"),
    "reset": ("course.workspace", "put a fresh copy of a unit or a task into workspace/, keeping yours as a backup"),
    "doctor": ("course.doctor", "look for what could go wrong on this machine, and say how to mend it"),
    "build": ("course.build", "make the notebooks from their sources"),
    "validate": ("course.validate", "run every notebook and compare what must not change"),
    "test": ("course.testing", "run everything that must hold"),
    "lock": ("course.lock", "write constraints.txt from a fresh environment"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one verb.

    Returns:
        The exit status: 0 when all is well, 1 when the verb found something wrong, 2 when it could not be run as asked.
    """
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m course", description="The inpainting course.")
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)  # another course than the one this package lies in, for tests
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    own = None
    asked = next((word for word in arguments if word in VERBS), None)
    for verb, (module, line) in VERBS.items():
        if importlib.util.find_spec(module) is None:  # the class package has what students need
            continue
        sub = verbs.add_parser(verb, help=line, description=f"{line[0].upper()}{line[1:]}.")
        if verb == asked:  # only the verb that is asked for is imported
            own = sub
    try:
        with named_absence():
            if asked and own:
                importlib.import_module(VERBS[asked][0]).configure(own)
            args = parser.parse_args(arguments)
            tree = Tree(args.root.resolve()) if args.root else Tree()
            return int(importlib.import_module(VERBS[args.verb][0]).main(args, tree))
    except CourseError as error:
        print(f"course {asked}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
