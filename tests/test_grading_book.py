"""The grade book: nothing that existed is lost, nothing is ignored without a word, and a reader has the last one."""

from __future__ import annotations

import inspect
import os
import zipfile
from fractions import Fraction

import pytest
from classes import TOPIC, by_student, put, rows, work

from course import CourseError
from course.grading import exports, grade, runner
from course.grading.collect import Collection, Found, Identity, collect
from course.grading.earlier import Change, nothing_lost, write_changes
from course.grading.feedback import comment, feedback_page
from course.grading.gradebook import FINAL, Gradebook, Mark, Row
from course.grading.look import CARRIED, ON_PAGE_ONLY, extensions_fit, maximum_differs, to_look_at
from course.grading.manual import NOTHING, Asked, answer_digest, read_sheet, stale, write_sheet
from course.grading.result import Hidden, SubmissionResult, TaskResult, Visible
from course.grading.roster import Joined, Roster, Student, join, read_roster
from course.grading.rules import Late, Rules, read_rules
from course.grading.trouble import OTHER_UNIT, trouble

CHANGED = "changed after a reader had marked them"
TASKS = {"correlate": Fraction(3), "seen": Fraction(2), "design": Fraction(4)}


def sheet_with(path, **cells):
    """The sheet with these cells in its first line."""
    first, *others = rows(path)
    lines = [",".join(f'"{value}"' for value in row.values()) for row in ({**first, **cells}, *others)]
    path.write_text("\n".join([",".join(first), *lines]), "utf-8")


def results(**tasks):
    """Task -> status, as a result."""
    found = [TaskResult(f"{TOPIC}/{name}", status, None if status == "open" else 0, 2) for name, status in tasks.items()]
    return SubmissionResult("ada", TOPIC, tasks=tuple(found))


# --- a reader's marks -------------------------------------------------------------------------------------------------------------------


def test_a_mark_for_nothing_comes_up_again_when_an_answer_arrives(graded, tmp_path):
    hand, sheet, unit = put(tmp_path / "hand", ada="{"), tmp_path / "out" / "manual.csv", ("--unit", TOPIC)
    graded(hand, *unit)
    assert rows(sheet)[0]["answer"] == NOTHING
    sheet_with(sheet, points="0", remark="Nothing was handed in.")
    assert CHANGED not in graded(hand, *unit)[1]
    put(hand, ada=work())
    now = f"{NOTHING}, now {answer_digest('my kernel')}"
    for _ in range(2):  # as long as nobody has read it
        status, said = graded(hand, *unit)
        assert status == 0 and CHANGED in said and "ada: design" in said and rows(sheet)[0]["answer"] == now
    assert "<li>ada: design</li>" in (tmp_path / "out" / "class.html").read_text("utf-8")
    sheet_with(sheet, points="3")
    assert CHANGED not in graded(hand, *unit)[1] and rows(sheet)[0]["answer"] == answer_digest("my kernel")
    put(hand, ada=work(answer="another"))
    assert CHANGED in graded(hand, *unit)[1]
    sheet_with(sheet, answer="")  # "the mark stands"
    assert CHANGED not in graded(hand, *unit)[1] and by_student(tmp_path / "out", "design") == {"ada": "3"}


def test_digests_survive_spreadsheets_and_older_sheets(tmp_path):
    digest = answer_digest("my kernel")
    assert digest.startswith("x") and answer_digest(" \n") == NOTHING
    asked = [Asked("ada", "Ada", "design", Fraction(4), digest)]
    for marked, changed in ((digest, False), (digest[1:] + "0", False), (NOTHING, True), ("", False)):
        (tmp_path / "manual.csv").write_text(f"student,task,points,answer\nada,design,1,{marked}\n")
        sheet = read_sheet(tmp_path / "manual.csv", TASKS)
        assert bool(stale(asked, sheet)) == changed, marked
        write_sheet(tmp_path / "manual.csv", asked, sheet)
        assert rows(tmp_path / "manual.csv")[0]["answer"] == (f"{NOTHING}, now {digest}" if changed else digest)
    write_sheet(tmp_path / "manual.csv", [], read_sheet(tmp_path / "manual.csv", TASKS))
    (tmp_path / "manual.csv").write_text("student,task,points\neve,design,0\n")  # added for somebody of whom there is nothing yet
    write_sheet(tmp_path / "manual.csv", asked, read_sheet(tmp_path / "manual.csv", TASKS))
    assert rows(tmp_path / "manual.csv")[1]["answer"] == NOTHING


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ada,convolv,1", "there is no task 'convolv'. Did you mean 'convolve'?"),
        ("adda,design,1", "no student has the id 'adda'. Did you mean 'ada'?"),
    ],
)
def test_a_line_that_fits_no_task_or_student_stops_before_anything_is_graded(line, words, graded, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manual.csv").write_text(f"student,task,points\n{line}\n")
    monkeypatch.setattr(runner, "run", None)
    status, said = graded(put(tmp_path / "hand", ada=work()))
    assert status == 2 and words in said and "manual.csv, line 2" in said


def test_where_a_reader_overrules_theirs_is_the_last_word():
    task = TaskResult(
        f"{TOPIC}/correlate", "forbidden", 0, 3, "The values are right, but `blur` is the answer here. No points for it.",
        visible=Visible("wrong", 9, 4, html="<p>not right yet</p>"), hidden=Hidden(20, 7),
    )  # fmt: skip
    for points, shown in ((3, False), (1, True)):
        mark = Mark("correlate", Fraction(points), Fraction(3), task, "That counts.", read=True)
        row = Row(Student("ada"), FINAL, (mark,), result=SubmissionResult("ada", TOPIC, tasks=(task,)))
        page = feedback_page(Gradebook(TOPIC, {"correlate": Fraction(3)}, (row,)), row, "Convolution")
        assert f"gave {points} of 3 points" in page and "No points for it" not in page and "decided by a reader" in page
        assert ("not right yet" in page) == shown and "7 of 20" not in page and "13 of 20" not in page
        assert page.index("That counts.") > page.find("not right yet")


# --- nothing is lost --------------------------------------------------------------------------------------------------------------------


def test_files_that_are_missing_now_cost_nobody_a_mark(graded, tmp_path):
    hand, out = put(tmp_path / "hand", ada=work(), bob=work("seen"), eve=work()), tmp_path / "out"
    graded(hand)
    files = {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    late = put(tmp_path / "late", zoe=work(), eve=work("seen"))
    status, said = graded(late)
    assert status == 2 and "has the work of 2 students" in said and "ada, bob" in said and "Hand over all files" in said
    assert {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()} == files
    assert "has the work of 1 student who" in graded(late, "--withdrawn", "ada")[1]
    assert graded(late, "--withdrawn", "ada", "--withdrawn", "bob")[0] == 0 and set(by_student(out)) == {"zoe", "eve"}


def test_students_are_known_again_with_another_roster_and_an_exercise_has_a_folder_of_its_own(tmp_path):
    found = [Found(Identity("Ada Lovelace", "4001", "moodle"), "work.ipynb", tmp_path)]
    joined = join(found, Roster((Student("Participant 4001", row={"Identifier": "Participant 4001"}), Student("Participant 4002"))))
    entry = {"id": "4001", "name": "Ada Lovelace", "email": "", "state": FINAL, "tasks": {}}
    nothing_lost({"unit": TOPIC, "students": [entry]}, TOPIC, joined, [], tmp_path)
    with pytest.raises(CourseError, match="1 student who has no file"):
        nothing_lost({"unit": TOPIC, "students": [{**entry, "id": "4002"}]}, TOPIC, joined, [], tmp_path)
    joined.strangers.append((Found(Identity("x"), "\x1b[2Jx.ipynb", tmp_path), "nobody fits"))
    with pytest.raises(CourseError, match=r"No student fits \?\[2Jx.ipynb: nobody fits"):
        nothing_lost({"unit": TOPIC, "students": [{**entry, "id": "4002"}]}, TOPIC, joined, [], tmp_path)
    with pytest.raises(CourseError, match=r"the marks of losses.*--out"):
        nothing_lost({"unit": "losses", "students": []}, TOPIC, joined, [], tmp_path)


def test_the_list_of_changes_keeps_those_of_earlier_runs(tmp_path):
    path, one, two = tmp_path / "changes.csv", Change("ada", "Ada", "seen", "2", "0"), Change("bob", "", "total", "-", "7")
    path.write_text("student,name,task,before,after\neve,Eve,seen,0,2\n")  # of an older version
    write_changes(path, [one])
    write_changes(path, [one])  # the run was killed after it, and came again
    write_changes(path, [two])
    listed = rows(path)
    assert [row["student"] for row in listed] == ["eve", "ada", "bob"] and [bool(row["run"]) for row in listed] == [False, True, True]
    path.write_text("what is this\n")
    write_changes(path, [one])
    assert [row["student"] for row in rows(path)] == ["ada"] and (tmp_path / "changes-1.csv").read_text() == "what is this\n"


# --- nothing is ignored -----------------------------------------------------------------------------------------------------------------


def test_an_extension_that_fits_nobody_is_named_before_anything_is_graded(graded, tmp_path, monkeypatch):
    hand = put(tmp_path / "hand", ada=work())
    (tmp_path / "roster.csv").write_text("id,email\nada,ada@example.org\nbob,bob@example.org\n")
    (tmp_path / "rules.toml").write_text('deadline = 2026-11-01\n[extensions]\n"ada@exmaple.org" = 2026-11-08\n')
    monkeypatch.setattr(runner, "run", None)
    status, said = graded(hand, "--roster", tmp_path / "roster.csv", "--rules", tmp_path / "rules.toml")
    assert status == 2 and "'ada@exmaple.org', which fits no student. Did you mean 'ada@example.org'?" in said
    students = (Student("Participant 7", email="Ada@example.org", row={"Identifier": "Participant 7"}),)
    for name in ("7", "participant 7", "ada@example.org"):
        assert extensions_fit(Rules(extensions={name: None}), Joined(Roster(students))) == []
    assert "'ada', which fits" in extensions_fit(Rules(extensions={"ada": None}), Joined(Roster(students, given=False)))[0]


def test_files_that_are_no_work_are_named_to_everybody(graded, tmp_path):
    hand, out = put(tmp_path / "hand", ada=work(), cut="{"), tmp_path / "out"
    (tmp_path / "rules.toml").write_text("points.design = 0\n")
    _, said = graded(hand, "--rules", tmp_path / "rules.toml")
    assert "cut, cut.ipynb: The file could not be read." in said
    assert "<li>cut, cut.ipynb: The file could not be read.</li>" in (out / "class.html").read_text("utf-8")
    assert by_student(out, "problem") == {"ada": "", "cut": "The file could not be read."}


def test_what_is_wrong_with_a_file_as_a_whole():
    unread, open_ = results(correlate="unread", seen="unread", design="open"), {"design": "an answer"}
    assert trouble(None) == trouble(results(correlate="passed", seen="missing")) == ""
    assert trouble(SubmissionResult("a", TOPIC, tasks=unread.tasks, notes=("The file is empty.",))) == "The file is empty."
    assert "None of the functions" in trouble(results(correlate="missing", seen="missing", design="open"))
    untouched = results(correlate="stub", seen="missing", design="open")
    assert "Nothing was written" in trouble(untouched)
    assert trouble(SubmissionResult("a", TOPIC, tasks=untouched.tasks, answers=open_)) == ""
    other = f"{OTHER_UNIT}losses, but it was graded as convolution."
    assert trouble(SubmissionResult("a", TOPIC, tasks=untouched.tasks, notes=(other,))) == other
    assert OTHER_UNIT in inspect.getsource(grade)
    marks = (Mark("correlate", Fraction(0), Fraction(3)),)
    row = Row(Student("ada"), FINAL, marks, Late(1, said="A day late."), result=SubmissionResult("a", TOPIC, tasks=unread.tasks))
    assert comment(row) == "The file could not be read. A day late."


def test_of_two_files_of_one_time_the_one_that_is_called_the_second_counts(tmp_path):
    for name in ("02_convolution (1)", "02_convolution", "02_convolution (10)", "02_convolution (9)"):
        put(put(tmp_path / "hand", bob=work()) / "ada", **{name: work()})
    for path in (tmp_path / "hand" / "ada").iterdir():
        os.utime(path, (1e9, 1e9))
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        for name in ("work.ipynb", "work-1.ipynb"):
            archive.writestr(zipfile.ZipInfo(f"Ada_1_assignsubmission_file_/{name}", (2026, 11, 1, 9, 0, 0)), work())
    assert collect(tmp_path / "hand", tmp_path / "out").found[0].title.endswith("(10).ipynb")
    collection = collect(tmp_path / "one.zip", tmp_path / "out")
    assert collection.found[0].title.endswith("work-1.ipynb")
    joined = join(collection.found, None)
    row = Row(joined.roster.students[0], FINAL, result=results(seen="passed"), found=collection.found[0])
    lists = to_look_at(Gradebook(TOPIC, {}, (row,)), joined, collection, Rules(), {})
    ((head, (line,)),) = lists.items()
    assert head == "Students who handed in several files" and "Ada (1): " in line and "`work-1.ipynb` was graded, not work.ipynb" in line


def test_who_is_late_by_canvas_is_not_counted_as_in_time(tmp_path):
    (tmp_path / "rules.toml").write_text("deadline = 2026-11-01\npenalty_per_day = 10\n")
    rules, students, result = read_rules(tmp_path / "rules.toml"), [Student("1"), Student("2")], results(seen="passed")
    files = [Found(Identity(s.id, s.id, "canvas", late), "work.ipynb", tmp_path) for s, late in zip(students, (True, False), strict=True)]
    lates = [rules.late(None, marked=file.who.late) for file in files]
    book = [Row(s, FINAL, late=late, result=result, found=file) for s, late, file in zip(students, lates, files, strict=True)]
    absent = Row(Student("3", row={"Submitted": "2026-10-30T12:00"}), "nothing handed in")
    lists = to_look_at(Gradebook(TOPIC, {}, (*book, absent)), Joined(Roster(tuple(students))), Collection(), rules, {})
    assert list(lists.values()) == [["2"], ["1"], ["3"]]
    assert [head.rpartition("; ")[2] for head in lists][:2] == ["counted as in time", "counted as one day"]


def test_a_mistake_that_is_carried_on_is_listed_until_somebody_decided():
    found = TaskResult(f"{TOPIC}/seen", "wrong", 0, 2, calls=("output_size",))
    result = SubmissionResult("", TOPIC, tasks=(found,))
    open_row, decided = (
        Row(Student(name), FINAL, (Mark("seen", Fraction(0), Fraction(2), found, read=read),), result=result)
        for name, read in (("ada", False), ("bob", True))
    )
    lists = to_look_at(Gradebook(TOPIC, TASKS, (open_row, decided)), Joined(Roster(())), Collection(), Rules(), {})
    assert lists == {CARRIED: ["ada: seen calls output_size"]} and CARRIED in ON_PAGE_ONLY


# --- Moodle and Canvas ------------------------------------------------------------------------------------------------------------------

GERMAN = (
    "ID,Vollständiger Name,E-Mail-Adresse,Status,Bewertung,Bestwertung,Bewertung kann geändert werden,Zuletzt geändert (Abgabe),"
    "Zuletzt geändert (Bewertung),Feedback als Kommentar\n"
    'Teilnehmer/in5000,Jürgen Größmann,j@example.org,Zur Bewertung abgegeben,,"14,00",Ja,"Sonntag, 1. März 2026, 20:15",-,\n'
)


def test_a_german_worksheet_is_read_and_filled_in(tmp_path):
    (tmp_path / "roster.csv").write_text(GERMAN, "utf-8")
    roster = read_roster(tmp_path / "roster.csv")
    joined = join([Found(Identity("Jurgen G", "5000", "moodle"), "work.ipynb", tmp_path)], roster)
    (student,) = roster.students
    assert roster.lms == "moodle" and list(joined.found) == ["Teilnehmer/in5000"] and student.email == "j@example.org"
    time = Rules().time(student.submitted)
    assert time is not None and time.isoformat() == "2026-03-01T20:15:00+00:00" and student.name == "Jürgen Größmann"
    row = Row(student, FINAL, (Mark("seen", Fraction(2), Fraction(2)),))
    exports.moodle(tmp_path / "moodle.csv", Gradebook(TOPIC, {"seen": Fraction(2)}, (row,)), roster, comment)
    (filled,) = rows(tmp_path / "moodle.csv")
    assert (filled["Bewertung"], filled["Feedback als Kommentar"]) == ("2", "Everything is right.")
    assert list(filled) == GERMAN.splitlines()[0].split(",") and filled["ID"] == "Teilnehmer/in5000"
    assert maximum_differs(roster, "", Fraction(14)) == "" and "maximum of 14,00" in maximum_differs(roster, "", Fraction(15))


def test_canvas_has_its_own_maximum(tmp_path):
    lines = ["Student,ID,SIS User ID,SIS Login ID,Section,Work (9)", "    Points Possible,,,,,14.0", '"King, Ada",1,u1,ada,A,']
    (tmp_path / "roster.csv").write_text("\n".join(lines))
    roster = read_roster(tmp_path / "roster.csv")
    assert [student.id for student in roster.students] == ["1"] and maximum_differs(roster, "Work (9)", Fraction(14)) == ""
    said = maximum_differs(roster, "Work (9)", Fraction(27, 2))
    assert "Canvas has a maximum of 14.0" in said and "to 13.5" in said and maximum_differs(roster, "New", Fraction(3)) == ""


def test_a_new_key_says_where_it_lies(tmp_path, graded):
    said = graded(put(tmp_path / "hand", ada=work()), "--key", tmp_path / "deep" / "key")[1]
    assert f"A new key was made: {tmp_path / 'deep' / 'key'}\n" in said and "Keep a copy" in said
