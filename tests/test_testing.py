"""The runner behind ``make test``: every part runs, a failure is never lost, and a skip is loud."""

from __future__ import annotations

import sys

import pytest

from course import Tree, testing
from course.__main__ import main
from course.testing import Part, Result


def part(name, code, **options):
    return Part(name, [sys.executable, "-c", code], **options)


@pytest.fixture
def choose(monkeypatch, tmp_path):
    """Run the verb with these parts; returns its exit status."""

    def run(*parts, arguments=()):
        monkeypatch.setattr(testing, "parts", lambda tree, full: list(parts))
        return main(["--root", str(tmp_path), "test", *arguments])

    return run


def test_all_parts_run_although_one_fails(choose, capfd):
    status = choose(
        part("one", "print('3 passed in 0.1s')"),
        part("two", "print('1 failed, 2 passed in 0.2s'); raise SystemExit(1)"),
        part("three", "print('and on')"),
    )
    out = capfd.readouterr().out
    assert status == 1 and "and on" in out
    lines = out.strip().splitlines()[-5:]
    assert lines[0].split() == ["part", "result", "seconds"]
    assert [line.split()[:2] for line in lines[1:4]] == [["one", "passed"], ["two", "FAILED"], ["three", "passed"]]
    assert lines[1].endswith("3 passed in 0.1s") and lines[2].endswith("1 failed, 2 passed in 0.2s")
    assert lines[4].startswith("2 passed, 1 failed (parts of the test run)")


def test_all_well_is_status_0_and_a_skip_is_loud(choose, capfd):
    assert choose(part("one", "pass"), part("browser", "raise SystemExit(1)", skip="NO CHROMIUM")) == 0
    out = capfd.readouterr().out
    assert "!!!\nNO CHROMIUM\n!!!" in out and "1 passed, 0 failed, 1 skipped" in out


def test_a_part_that_cannot_even_start_fails(choose):
    assert choose(part("killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")) == 1


def test_parts_get_their_environment_and_no_input(choose, capfd):
    code = "import os, sys; print(os.environ['SIZE'], repr(sys.stdin.read()), os.getcwd())"
    assert choose(part("one", code, env={"SIZE": "full"})) == 0
    assert "full '' /" in capfd.readouterr().out


def test_one_part_alone(choose, capfd):
    parts = [part("one", "print('first')"), part("two", "print('second')")]
    assert choose(*parts, arguments=["--only", "two"]) == 0
    out = capfd.readouterr().out
    assert "second" in out and "first" not in out
    assert choose(*parts, arguments=["--only", "three"]) == 2
    assert "the parts are: one, two" in capfd.readouterr().err


def test_stopping_leaves_a_summary_of_what_is_done(monkeypatch, tmp_path, capfd):
    def run(part, tree):
        if part.name == "two":
            raise KeyboardInterrupt
        return Result(part.name, "passed", 1.0)

    monkeypatch.setattr(testing, "parts", lambda tree, full: [part("one", ""), part("two", "")])
    monkeypatch.setattr(testing, "run", run)
    assert main(["--root", str(tmp_path), "test"]) == 130
    assert "1 passed, 0 failed" in capfd.readouterr().out


def test_everything_that_must_hold_is_a_part(monkeypatch):
    monkeypatch.setattr(testing, "find_chromium", lambda: "/usr/bin/chromium")
    small, full = ({p.name: p for p in testing.parts(Tree(), full=size)} for size in (False, True))
    assert list(small) == list(full) == ["notebooks up to date", "ruff", "mypy", "pytest", "notebooks run", "browser"]
    assert not any(p.skip for p in small.values())
    assert full["pytest"].env["INPAINTLIB_TEST_SIZE"] == "full" and "INPAINTLIB_TEST_SIZE" not in small["pytest"].env
    monkeypatch.setattr(testing, "find_chromium", lambda: None)
    (browser,) = [p for p in testing.parts(Tree()) if p.name == "browser"]
    assert browser.skip.startswith("NO CHROMIUM")
