"""Grading a class: what goes in, what comes out, and what is kept. The code of students is not run here, but for one test at the end."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from classes import TOPIC, by_student, put, rows, work
from grading import needs_sandbox

from course import ROOT
from course.__main__ import main
from course.examples import classroom
from course.grading import runner

SUMMED = ["output_size", "correlate", "convolve", "seen", "mean_filter"]  # 1, 3, 2, 2, 2 points; design has 4


def test_a_folder_of_notebooks(graded, tmp_path):
    hand = put(tmp_path / "hand", ada=work(), bob=work("correlate", "seen"), cut="{")
    status, said = graded(hand)
    assert status == 0 and "3 submissions of 3 students" in said and "3 to be read" in said
    assert by_student(tmp_path / "out") == {"ada": "10", "bob": "5", "cut": "0"}
    assert [rows(tmp_path / "out" / "grades.csv")[1][task] for task in SUMMED] == ["1", "0", "2", "0", "2"]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    stored = json.loads((tmp_path / "out" / "grades.json").read_text())
    assert stored["students"][1]["tasks"]["correlate"]["misconception"] == "kernel_flipped"


def test_one_notebook_and_a_zip_that_wraps_a_folder(graded, tmp_path):
    hand = put(tmp_path / "hand", ada=work(), bob=work("seen"))
    assert graded(hand / "bob.ipynb")[0] == 0 and by_student(tmp_path / "out") == {"bob": "8"}
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("ada", "bob"):
            archive.write(hand / f"{name}.ipynb", f"hand/{name}/work.ipynb")
        archive.writestr("__MACOSX/hand/._ada", "x")
    assert graded(tmp_path / "all.zip")[0] == 0 and by_student(tmp_path / "out") == {"ada": "10", "bob": "8"}


@pytest.mark.parametrize("form", classroom.FORMS)
def test_the_schemes_of_moodle_and_canvas_are_joined_with_their_rosters(form, graded, tmp_path):
    """Every member of the example class is found, by number, by name or by e-mail, however the file is called."""
    submissions = classroom.make(tmp_path / "class", form)
    status, said = graded(submissions, "--roster", tmp_path / "class" / "roster.csv", "--rules", tmp_path / "class" / "grading.toml")
    assert status == 0, said
    table = rows(tmp_path / "out" / "grades.csv")
    assert len(table) == len(classroom.members()) == 23
    assert [row["name"] for row in table if row["state"] == "nothing handed in"] == ["Hypatia"]
    late = {row["name"]: row["late days"] for row in table if row["late days"]}
    assert late == ({"Turing, Alan": "1"} if form == "canvas" else {"Alan Turing": "2"})
    points = next(row["points"] for row in table if "Turing" in row["name"])
    assert points == ("9.9" if form == "canvas" else "8.8")  # convolve is worth 3 here, and a day costs 10 %


def test_what_moodle_takes_back(graded, tmp_path):
    """Its worksheet with marks and a comment, only where a mark is final; and a zip of pages under the names it knows."""
    submissions = classroom.make(tmp_path / "class", "moodle")
    roster = tmp_path / "class" / "roster.csv"
    (tmp_path / "no_reader.toml").write_text("[points]\ndesign = 0\n")
    graded(submissions, "--roster", roster)
    assert {row["Grade"] for row in rows(tmp_path / "out" / "moodle.csv")} == {""}  # all of them wait for a reader
    graded(submissions, "--roster", roster, "--rules", tmp_path / "no_reader.toml")
    before, after = rows(roster), rows(tmp_path / "out" / "moodle.csv")
    assert list(before[0]) == list(after[0]) and not (tmp_path / "out" / "canvas.csv").exists()
    assert (after[0]["Identifier"], after[0]["Grade"]) == ("Participant 4001", "10")
    assert after[0]["Feedback comments"] == "Everything is right." and after[-1]["Grade"] == ""
    kept = [column for column in before[0] if column not in ("Grade", "Feedback comments")]
    assert [[row[c] for c in kept] for row in before] == [[row[c] for c in kept] for row in after]
    with zipfile.ZipFile(tmp_path / "out" / "moodle-feedback.zip") as archive:
        names = archive.namelist()
        assert len(names) == 22 and names[0] == "Ada Lovelace_4001_assignsubmission_file_/feedback.html"
        assert b"10 of 10 points" in archive.read(names[0])


def test_what_canvas_takes_back(graded, tmp_path):
    submissions = classroom.make(tmp_path / "class", "canvas")
    (tmp_path / "no_reader.toml").write_text("points.design = 0\n")
    graded(submissions, "--roster", tmp_path / "class" / "roster.csv", "--rules", tmp_path / "no_reader.toml", "--assignment", "Work (99)")
    found = rows(tmp_path / "out" / "canvas.csv")
    assert list(found[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Work (99)"]
    assert list(found[0].values()) == ["Lovelace, Ada", "4001", "u4001", "ada.lovelace@example.org", "A", "10"]


def test_points_deadline_grace_extension_and_a_day_that_is_too_late(graded, tmp_path):
    hand = put(tmp_path / "hand", **{name: work("seen") for name in ("early", "grace", "late", "extended", "never")})
    times = ["2026-11-01T20:00", "2026-11-02T00:10", "2026-11-02T00:30", "2026-11-04T12:00", "2026-11-04T12:00"]
    lines = [f"{name},{at}" for name, at in zip(("early", "grace", "late", "extended", "never"), times, strict=True)]
    (tmp_path / "roster.csv").write_text("id,submitted\n" + "\n".join(lines))
    (tmp_path / "rules.toml").write_text(
        "deadline = 2026-11-01T23:59:00\ntimezone = 'Europe/Berlin'\ngrace_minutes = 15\npenalty_per_day = 10\ndays_accepted = 2\n"
        "[points]\ncorrelate = 4.5\ndesign = 0\n[extensions]\nextended = 2026-11-08\n"
    )
    status, _ = graded(hand, "--roster", tmp_path / "roster.csv", "--rules", tmp_path / "rules.toml")
    assert status == 0
    assert by_student(tmp_path / "out") == {"early": "9.5", "grace": "9.5", "late": "8.55", "extended": "9.5", "never": "0"}
    pages = {path.name.rpartition("-")[0]: path.read_text() for path in (tmp_path / "out" / "feedback").iterdir()}
    assert "after the deadline: 10 % of the points are taken off" in pages["late"] and "taken off" not in pages["grace"]


def test_marks_of_a_reader_are_merged_and_never_lost(graded, tmp_path):
    hand, out = put(tmp_path / "hand", ada=work(), bob=work("seen")), tmp_path / "out"
    graded(hand)
    sheet = rows(out / "manual.csv")
    assert [list(row.values())[:5] for row in sheet] == [["ada", "ada", "design", "4", ""], ["bob", "bob", "design", "4", ""]]
    assert "my kernel" in (out / "reading.html").read_text() and "The aim is said" in (out / "reading.html").read_text()
    # As a German spreadsheet saves it:
    filled = [f"ada;;design;4;3,5;=good;{sheet[0]['answer']}", f"bob;;design;4;;;{sheet[1]['answer']}"]
    (out / "manual.csv").write_text("\n".join(["student;name;task;out of;points;remark;answer", *filled]), "cp1252")
    _, said = graded(hand)
    assert by_student(out) == {"ada": "13.5", "bob": "8"} and by_student(out, "state") == {"ada": "final", "bob": "to be read"}
    assert "ada, design: - -> 3.5" in said and "ada, total: 10 -> 13.5" in said
    assert [(c["student"], c["task"], c["before"], c["after"]) for c in rows(out / "changes.csv")] == [
        ("ada", "design", "-", "3.5"),
        ("ada", "total", "10", "13.5"),
    ]
    page = next((out / "feedback").glob("ada-*.html")).read_text()
    assert "Your reader says:</strong> =good" in page
    put(hand, ada=work(answer="another kernel"))
    (hand / "bob.ipynb").unlink()
    _, said = graded(hand, "--withdrawn", "bob")
    assert "changed after a reader had marked them" in said and "ada: design" in said and by_student(out) == {"ada": "13.5"}
    (hand / "ada.ipynb").rename(hand / "eve.ipynb")
    graded(hand, "--withdrawn", "ada")
    assert [(row["student"], row["points"], row["remark"]) for row in rows(out / "manual.csv")][1:] == [("ada", "3.5", "'=good")]


@pytest.mark.parametrize(("points", "word"), [("five", "'five' is no number"), ("4.5", "expected 0 to 4"), ("-1", "expected 0 to 4")])
def test_a_slip_of_the_reader_is_told_before_anything_is_graded(points, word, graded, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manual.csv").write_text(f"student,task,points\nada,design,{points}\n")
    monkeypatch.setattr(runner, "run", None)
    status, said = graded(put(tmp_path / "hand", ada=work()))
    assert status == 2 and word in said and "line 2 (ada, design)" in said


def test_a_regrade_lists_what_changed_and_nothing_else(graded, tmp_path):
    hand, out = put(tmp_path / "hand", ada=work(), bob=work("seen")), tmp_path / "out"
    graded(hand)
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    _, said = graded(hand)
    assert "No mark changed since the last run." in said
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == files
    put(hand, ada=work("seen"), eve=work())
    _, said = graded(hand)
    assert "Marks that changed since the last run (8)" in said  # two of ada's, five tasks and the sum of eve's
    found = [(c["student"], c["task"], c["before"], c["after"]) for c in rows(out / "changes.csv")]
    assert found[:2] == [("ada", "seen", "2", "0"), ("ada", "total", "10", "8")] and found[-1] == ("eve", "total", "-", "10")


NASTY = ["=1+1", "@SUM(A1)", "+cmd", "-2+3", "\tx", "<script>alert(1)</script>", 'a"b,c;d', "‮evil", "Robert'); DROP"]


def test_formulas_and_html_in_names_and_answers_do_nothing(graded, tmp_path):
    import csv as plain

    hand, lines = tmp_path / "hand", []
    hand.mkdir()
    for i, name in enumerate(NASTY):
        (hand / f"u{i}.ipynb").write_text(work("seen", answer="<script>steal()</script><img src=x onerror=y>"))
        lines.append([f"u{i}", name])
    with (tmp_path / "roster.csv").open("w", newline="") as file:
        plain.writer(file).writerows([["id", "name"], *lines])
    graded(hand, "--roster", tmp_path / "roster.csv")
    out = tmp_path / "out"
    for path in out.glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for line in plain.reader(file) for cell in line]
        assert not [cell for cell in cells if re.match(r"[=+@\t\r]|-.*[^\d.]", cell) and cell != "-"], path
    pages = [path.read_text() for path in out.rglob("*.html")]
    assert len(pages) == len(NASTY) + 2
    for text in pages:
        assert "<script" not in text and "onerror=y>" not in text.replace("&gt;", "") and "‮" not in text
        assert "default-src 'none'" in text


def test_feedback_says_nothing_of_hidden_cases_but_counts(graded, tmp_path):
    graded(put(tmp_path / "hand", ada=work("correlate")))
    (page,) = (path.read_text() for path in (tmp_path / "out" / "feedback").iterdir())
    assert "7 of 10" not in page and "Cases that are not shown: 13 of 20 right." in page and "expected 3, got 4" in page


def test_strangers_and_twins_are_listed_and_graded_for_nobody(graded, tmp_path):
    (tmp_path / "roster.csv").write_text("id,name\n1,Ada Lovelace\n2,Ada Lovelace\n3,Bob Ross\n")
    hand = put(tmp_path / "hand", **{"Ada Lovelace": work(), "Ross Bob": work(), "3": work(), "nobody": work()})
    status, said = graded(hand, "--roster", tmp_path / "roster.csv")
    assert status == 1 and "2 students of the roster fit" in said and "nobody of the roster fits" in said
    assert "it fits 3, and so does another one" in said
    assert set(by_student(tmp_path / "out", "state").values()) == {"nothing handed in"}


def test_of_several_files_the_newest_notebook_of_the_unit_counts(graded, tmp_path):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("lovelaceada_1_100_work.ipynb", work("correlate"))
        archive.writestr("lovelaceada_1_200_work-1.ipynb", work())
        archive.writestr("lovelaceada_1_300_notes.pdf", "%PDF")
        archive.writestr("lovelaceada_1_400_metrics.ipynb", '{"cells": ["check(\\"metrics/psnr\\", psnr)"]}')
        archive.writestr("rossbob_2_500_only.pdf", "%PDF")
    graded(tmp_path / "c.zip", "--unit", TOPIC)
    assert by_student(tmp_path / "out") == {"1": "10", "2": "0"}
    page = next((tmp_path / "out" / "feedback").glob("1-*.html")).read_text()
    assert "Several files were handed in. <code>lovelaceada_1_200_work-1.ipynb</code> was graded" in page


def test_a_zip_that_climbs_out_or_lies_costs_only_its_own_entries(graded, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escaped.ipynb", work())
        archive.writestr("/tmp/absolute.ipynb", work())
        archive.writestr("C:\\windows.ipynb", work())
        link = zipfile.ZipInfo("link.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("ada.ipynb", work())
        archive.writestr("liar.ipynb", "x" * 3_000_000)
    data = bytearray((tmp_path / "bad.zip").read_bytes())
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"liar.ipynb"))
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")  # it claims to have 100 bytes
    (tmp_path / "bad.zip").write_bytes(data)
    status, said = graded(tmp_path / "bad.zip")
    assert status == 1 and by_student(tmp_path / "out") == {"ada": "10"}
    assert said.count("leads out of the archive") == 3 and "no plain file but a link" in said and "liar.ipynb: it is" in said
    assert not list(tmp_path.rglob("*escaped*")) and not Path("/tmp/absolute.ipynb").exists()


def test_a_bomb_is_not_unpacked(graded, tmp_path, monkeypatch):
    from course.grading import archive as unpacked

    monkeypatch.setattr(unpacked, "FILE", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.ipynb", bytes(4 << 20))
        archive.writestr("ada.ipynb", work())
    status, said = graded(tmp_path / "bomb.zip")
    assert status == 1 and "bomb.ipynb: it has 4 MB" in said and by_student(tmp_path / "out") == {"ada": "10"}
    monkeypatch.setattr(unpacked, "ENTRIES", 1)
    assert "2 entries; at most 1" in graded(tmp_path / "bomb.zip")[1]


def test_pseudonyms_hide_who_it_was_and_are_the_same_next_time(graded, tmp_path):
    (tmp_path / "roster.csv").write_text("id,name,email\nada7,Ada Lovelace,ada@example.org\nbob8,Bob Ross,bob@example.org\n")
    hand = put(tmp_path / "hand", ada7=work("seen", answer="by Ada Lovelace"), bob8=work())
    graded(hand, "--roster", tmp_path / "roster.csv", "--anonymous")
    texts = [(tmp_path / "out" / f"anonymous.{kind}").read_text("utf-8") for kind in ("csv", "json")]
    assert all(not re.search("ada|lovelace|bob|ross|example", text, re.IGNORECASE) and "wrong_order" in text for text in texts)
    before = [row["student"] for row in rows(tmp_path / "out" / "anonymous.csv")]
    graded(hand, "--roster", tmp_path / "roster.csv", "--anonymous")
    assert before == [row["student"] for row in rows(tmp_path / "out" / "anonymous.csv")] and len(set(before)) == 2
    (tmp_path / "home" / "key").write_text("cd" * 32)
    graded(hand, "--roster", tmp_path / "roster.csv", "--anonymous")
    assert not set(before) & {row["student"] for row in rows(tmp_path / "out" / "anonymous.csv")}


WRONG = {
    "deadlin = 2026-11-01": "Did you mean 'deadline'",
    "deadline = 'tomorrow'": "expected a date and time",
    "penalty_per_day = 200": "expected a number from 0 to 100",
    "timezone = 'Berlin/Europe'": "Europe/Berlin",
    "[points]\nfold = 3": "the tasks are output_size",
    "[points]\nseen = true": "points.seen is True",
    "unit = 'convolutions'": "convolution",
    "= 3": "is not valid TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_rules_that_cannot_be_meant_are_named(text, graded, tmp_path):
    (tmp_path / "grading.toml").write_text(text)
    status, said = graded(put(tmp_path / "hand", ada=work()), "--rules", tmp_path / "grading.toml")
    assert status == 2 and WRONG[text] in said and "Traceback" not in said


def test_what_cannot_be_graded_is_said(graded, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "roster.csv").write_text("id\nada\nada\n")
    hand = put(tmp_path / "hand", ada=work())
    for wrong, words in (
        ([tmp_path / "nothing"], "There is nothing at"),
        ([tmp_path / "empty"], "There is no submission in"),
        ([hand, "--roster", tmp_path / "roster.csv"], "'ada' twice, again in line 3"),
        ([hand, "--roster", tmp_path / "absent.csv"], "The roster"),
        ([hand, "--workers", "0"], "expected 1 or more"),
        ([hand, "--key", ROOT / "grading.key"], "lies inside the course"),
    ):
        status, said = graded(*wrong)
        assert status == 2 and words in said, said
    assert not (ROOT / "grading.key").exists()


def test_the_key_is_made_once_and_is_for_its_owner_alone(tmp_path):
    from course.grading.key import load_key

    key, new = load_key(tmp_path / "deep" / "key")
    assert new and len(key) == 32 and stat.S_IMODE((tmp_path / "deep" / "key").stat().st_mode) == 0o600
    assert load_key(tmp_path / "deep" / "key") == (key, False)


def test_likeness_survives_other_names_and_layout_but_not_another_way(graded, tmp_path):
    texts = classroom.answers()
    one = texts["other"]["correlate"] + texts["other"]["seen"]
    twin = re.sub(r"\b(answer|sides|origin|width|step|framed)\b", r"x_\1", one).replace("    ", "  ")
    other = classroom.solution()["correlate"] + classroom.solution()["seen"]
    hand = put(tmp_path / "hand", a=work(code=one), b=work(code=twin), c=work(code=other), d=work(code="def f("), e="[" * 10_000)
    status, _ = graded(hand)
    page = (tmp_path / "out" / "class.html").read_text()
    listed = re.findall(r"<tr><td>(\w)</td><td>(\w)</td><td>(\d+) %", page.partition("alike</h2>")[2])
    assert status == 0 and listed == [("a", "b", "100")] and "not a verdict" in page


def test_the_class_page_shows_how_the_points_are_spread_and_what_was_hard(graded, tmp_path):
    hand = put(tmp_path / "hand", **{f"s{i}": work(*(["correlate"] * (i < 4)), *(["seen"] * (i == 5))) for i in range(8)})
    graded(hand)
    page = (tmp_path / "out" / "class.html").read_text()
    alternatives = re.findall(r'alt="([^"]*)"', page)
    assert len(alternatives) == 3 and page.count("data:image/png") == 3
    assert alternatives[0] == "Histogram of points: 5 in 50 to 60 %, 3 in 70 to 80 %."  # 7/14 and 8/14, 10/14
    assert alternatives[1].startswith("Bars, mean part of the points, %. correlate: 50; seen: 88;")
    assert alternatives[2] == "Bars, students. correlate: kernel_flipped: 4; seen: wrong_order: 1."
    for words in ("delete the folder", "discrimination", "mistakes that explain"):
        assert words in page


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
import classes
from course.__main__ import main
from course.grading import runner, sandbox
def slow(jobs, *rest):
    for done in classes.pretend(jobs, *rest):
        time.sleep(0.0 if done.stored else 0.04)
        yield done
runner.run, sandbox.available = slow, lambda: ""
print("ready", flush=True)
sys.exit(main({arguments!r}))
"""


def test_killed_at_any_moment_the_marks_are_the_same_in_the_end(tmp_path, graded, full):
    hand = put(tmp_path / "hand", **{f"s{i:02d}": work(*SUMMED[: i % 6]) for i in range(12)})
    graded(hand)
    whole = {path.relative_to(tmp_path / "out"): path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    again = tmp_path / "again"
    arguments = ["grade", str(hand), "--out", str(again), "--key", str(tmp_path / "home" / "key")]
    code, chance, kept = KILLED.format(tests=os.path.dirname(__file__), arguments=arguments), random.Random(3), 0
    for _ in range(20 if full else 2):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
        process.stdout.readline()
        time.sleep(chance.uniform(0.1, 3.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        there = len(list((again / "results").glob("*.json"))) if again.exists() else 0
        assert there >= kept
        kept = there
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(again): path.read_bytes() for path in again.rglob("*.*")}
    assert found == whole


@needs_sandbox
def test_a_class_from_end_to_end_in_the_sandbox(tmp_path, capsys):
    """Right, a known mistake, cut off, and one that ends Python: real code, real marks, real feedback."""
    members = {m.kind: (m, text) for m, text in classroom._files()}
    for kind in ("right", "mistakes", "cut off", "script"):
        member, text = members[kind]
        put(tmp_path / "hand", **{member.login.replace(".", "_"): text})
    status = main(["grade", str(tmp_path / "hand"), "--out", str(tmp_path / "out"), "--key", str(tmp_path / "key"), "--workers", "1"])
    out, said = tmp_path / "out", "".join(capsys.readouterr())
    assert status == 0 and "A new key was made" in said, said
    assert by_student(out) == {"alan_turing": "10", "annie_easley": "7", "evariste_galois": "0", "hyperlink_https_example_org": "8"}
    pages = {path.name: path.read_text() for path in (out / "feedback").iterdir()}
    assert not [name for name, text in pages.items() if "<script" in text] and any("&lt;script&gt;" in text for text in pages.values())
    assert any("cut off" in text for text in pages.values()) and "channels_not_summed" in (out / "class.html").read_text()


def test_one_run_at_a_time_and_nothing_of_it_is_committed_by_accident(graded, tmp_path):
    import fcntl

    hand, out = put(tmp_path / "hand", ada=work()), tmp_path / "out"
    graded(hand)
    assert (out / ".gitignore").read_text() == "*\n"
    (out / "results" / ".writing-half").write_text("{")
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, said = graded(hand)
    assert status == 2 and "Another run is grading" in said and (out / "results" / ".writing-half").exists()
    assert graded(hand)[0] == 0 and not (out / "results" / ".writing-half").exists()


def test_the_bar_says_how_much_time_is_left_and_stored_results_do_not_count_for_it():
    from io import StringIO

    from course.grading.progress import Progress

    now = [0.0]
    stream = StringIO()
    progress = Progress(10, stream, clock=lambda: now[0])
    for _ in range(5):
        progress.step(stored=True)
    assert "left" not in progress.line()
    now[0] = 30.0
    progress.step()
    assert progress.line() == "[##############..........] 6 of 10, about 2 min 00 s left" and stream.getvalue() == progress.line() + "\n"
