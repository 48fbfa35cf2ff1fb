"""The student's copies: updated while they are untouched, never overwritten once they are not, and fresh again on request."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat

import pytest

from course import CourseError, Tree, build, files, workspace
from course.__main__ import main

LESSON, EXERCISE = "lessons/01_start.ipynb", "exercises/03_windows.ipynb"


@pytest.fixture
def tree(small_course) -> Tree:
    build.build(small_course)
    workspace.update(small_course, say=lambda _: None)
    return small_course


def update(tree: Tree) -> list[str]:
    said: list[str] = []
    workspace.update(tree, said.append)
    return said


def read(tree, name):
    return json.loads((tree.workspace / name).read_text("utf-8"))


def change(tree, name, cell, text):
    """A student writes into a cell (what JupyterLab does when saving, with other metadata and indentation)."""
    notebook = read(tree, name)
    next(c for c in notebook["cells"] if c["id"] == cell)["source"] = text
    notebook["metadata"]["language_info"] = {"name": "python", "version": "3.12.1"}
    (tree.workspace / name).write_text(json.dumps(notebook, indent=2), "utf-8")


def run_cell(tree, name, cell):
    """A student runs a cell and changes nothing."""
    notebook = read(tree, name)
    found = next(c for c in notebook["cells"] if c["id"] == cell)
    found["execution_count"], found["outputs"] = 7, [{"output_type": "stream", "name": "stdout", "text": "mine"}]
    (tree.workspace / name).write_text(json.dumps(notebook), "utf-8")


def new_version(tree, before="A picture.", after="A better picture.", source=None):
    path = source or tree.lesson("start")
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")
    build.build(tree)


def text_of(tree, name):
    return "\n".join("".join(cell["source"]) for cell in read(tree, name)["cells"])


def names(tree, folder):
    return sorted(path.name for path in (tree.workspace / folder).iterdir())


def test_lessons_and_exercises_are_copied(tree):
    assert names(tree, "lessons") == ["01_start.ipynb", "03_windows.ipynb"] and names(tree, "exercises") == ["03_windows.ipynb"]
    assert (tree.workspace / LESSON).read_bytes() == (tree.notebooks / "01_start.ipynb").read_bytes()
    assert not (tree.workspace / "solutions").exists()


def test_links_to_lessons_point_into_the_workspace(tree):
    assert "(../lessons/03_windows.ipynb)" in text_of(tree, EXERCISE)
    assert "(../exercises/03_windows.ipynb#tasks)" in text_of(tree, LESSON)
    for name in (LESSON, EXERCISE):
        for target in ("../lessons/03_windows.ipynb", "../exercises/03_windows.ipynb"):
            assert ((tree.workspace / name).parent / target).exists()


def test_a_second_time_changes_nothing(tree):
    before = {path: path.stat().st_mtime_ns for path in tree.workspace.rglob("*.ipynb")}
    assert update(tree) == []
    assert {path: path.stat().st_mtime_ns for path in tree.workspace.rglob("*.ipynb")} == before


def test_an_untouched_copy_is_updated_silently(tree):
    new_version(tree)
    assert update(tree) == [] and "A better picture." in text_of(tree, LESSON)
    assert names(tree, "lessons") == ["01_start.ipynb", "03_windows.ipynb"] and not (tree.workspace / "backups").exists()


def test_what_a_student_wrote_is_kept_and_the_new_version_laid_beside(tree):
    change(tree, LESSON, "start-sum", "my own thoughts")
    assert update(tree) == []  # no new version, nothing to say
    mine = (tree.workspace / LESSON).read_bytes()
    new_version(tree)
    (said,) = update(tree)
    assert "workspace/lessons/01_start.ipynb has your changes" in said and "01_start (new version).ipynb" in said
    assert (tree.workspace / LESSON).read_bytes() == mine
    assert "A better picture." in text_of(tree, "lessons/01_start (new version).ipynb")
    assert update(tree) == [] and (tree.workspace / LESSON).read_bytes() == mine


def test_a_still_newer_version_replaces_the_one_beside_unless_that_is_in_use(tree):
    change(tree, LESSON, "start-sum", "mine")
    new_version(tree)
    update(tree)
    new_version(tree, "A better picture.", "The best picture.")
    update(tree)
    assert names(tree, "lessons")[:2] == ["01_start (new version).ipynb", "01_start.ipynb"]
    assert "The best picture." in text_of(tree, "lessons/01_start (new version).ipynb")
    change(tree, "lessons/01_start (new version).ipynb", "start-sum", "mine too")
    new_version(tree, "The best picture.", "No picture.")
    update(tree)
    assert "mine too" in text_of(tree, "lessons/01_start (new version).ipynb")
    assert "No picture." in text_of(tree, "lessons/01_start (new version 2).ipynb")
    assert "mine" in text_of(tree, LESSON)


def test_a_new_version_that_was_thrown_away_does_not_come_back(tree):
    change(tree, LESSON, "start-sum", "mine")
    new_version(tree)
    update(tree)
    (tree.workspace / "lessons" / "01_start (new version).ipynb").unlink()
    assert update(tree) == [] and "01_start (new version).ipynb" not in names(tree, "lessons")


def test_outputs_of_a_lesson_that_was_only_run_are_backed_up(tree):
    run_cell(tree, LESSON, "start-sum")
    new_version(tree)
    assert update(tree) == [] and "A better picture." in text_of(tree, LESSON)
    (backup,) = (tree.workspace / "backups").iterdir()
    assert "mine" in backup.read_text("utf-8") and backup.name.startswith("01_start (20")


def test_a_deleted_copy_comes_back(tree):
    (tree.workspace / LESSON).unlink()
    update(tree)
    assert (tree.workspace / LESSON).exists()


def test_without_a_memory_every_file_is_the_students(tree):
    (tree.workspace / workspace.STATE).write_text("{broken")
    change(tree, LESSON, "start-sum", "mine")
    new_version(tree)
    (said,) = update(tree)
    assert "has your changes" in said and "mine" in text_of(tree, LESSON)
    assert update(tree) == []


def test_a_notebook_that_was_damaged_is_kept_too(tree):
    (tree.workspace / LESSON).write_bytes(b"\xff\xfe half a note")
    new_version(tree)
    assert "new version" in update(tree)[0]
    assert (tree.workspace / LESSON).read_bytes() == b"\xff\xfe half a note"


def test_other_files_of_the_student_stay(tree):
    own = tree.workspace / "lessons" / "notes.ipynb"
    own.write_text("mine")
    new_version(tree)
    update(tree)
    assert own.read_text() == "mine"


def renumber(tree):
    head, start, later, windows = tree.syllabus.read_text("utf-8").split("[[unit]]")
    tree.syllabus.write_text("[[unit]]".join([head, start, windows, later]), "utf-8")
    build.build(tree)


def test_a_unit_that_moves_takes_untouched_copies_along(tree):
    renumber(tree)
    update(tree)
    assert names(tree, "lessons") == ["01_start.ipynb", "02_windows.ipynb"] and names(tree, "exercises") == ["02_windows.ipynb"]


def test_a_unit_that_moves_leaves_a_students_work_where_it_is(tree):
    change(tree, EXERCISE, "windows-count", "def count(window): return 3")
    mine = (tree.workspace / EXERCISE).read_bytes()
    renumber(tree)
    new_version(tree, "Write down", "Note", tree.exercise("windows"))
    update(tree)
    assert (tree.workspace / EXERCISE).read_bytes() == mine
    assert names(tree, "exercises") == ["02_windows (new version).ipynb", "03_windows.ipynb"]


def test_reset_of_a_unit_keeps_a_backup(tree):
    change(tree, EXERCISE, "windows-count", "def count(window): return 3")
    mine = (tree.workspace / EXERCISE).read_bytes()
    said: list[str] = []
    workspace.reset(tree, "windows", said.append)
    assert "NotImplementedError" in text_of(tree, EXERCISE)
    (backup,) = (tree.workspace / "backups").iterdir()
    assert backup.read_bytes() == mine and any(backup.name in line for line in said)
    assert "workspace/lessons/03_windows.ipynb is as it was handed out." in said
    new_version(tree, "Write down", "Note", tree.exercise("windows"))
    assert update(tree) == [] and "Note" in text_of(tree, EXERCISE)  # it counts as untouched again


def test_reset_of_a_task_touches_that_task_alone(tree):
    change(tree, EXERCISE, "windows-count", "def count(window): return 3")
    change(tree, EXERCISE, "windows-mend", "def mend(a, b): return 4")
    mine = (tree.workspace / EXERCISE).read_bytes()
    assert main(["--root", str(tree.root), "reset", "count"]) == 0
    assert 'raise NotImplementedError("count")' in text_of(tree, EXERCISE) and "return 4" in text_of(tree, EXERCISE)
    (backup,) = (tree.workspace / "backups").iterdir()
    assert backup.read_bytes() == mine
    workspace.reset(tree, "windows/mend", say=lambda _: None)
    assert "return total * size  # the bug" in text_of(tree, EXERCISE)
    assert len(names(tree, "backups")) == 2


def test_a_task_whose_cell_was_deleted_comes_back_at_its_place(tree):
    notebook = read(tree, EXERCISE)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != "windows-mend"]
    (tree.workspace / EXERCISE).write_text(json.dumps(notebook))
    workspace.reset(tree, "mend", say=lambda _: None)
    ids = [cell["id"] for cell in read(tree, EXERCISE)["cells"]]
    assert ids == [cell["id"] for cell in json.loads((tree.exercises / "03_windows.ipynb").read_text("utf-8"))["cells"]]


def test_reset_names_what_there_is(tree):
    with pytest.raises(CourseError, match=r"no unit or task 'sum'\. Units: start, windows\. Tasks: windows/count"):
        workspace.reset(tree, "sum")
    with pytest.raises(CourseError, match="no unit or task 'start/count'"):
        workspace.reset(tree, "start/count")


def test_without_lessons_it_says_how_to_get_them(small_course):
    with pytest.raises(CourseError, match="holds no lessons"):
        workspace.update(small_course)


def test_a_full_disk_loses_nothing(tree, monkeypatch):
    new_version(tree)
    before = (tree.workspace / LESSON).read_bytes()

    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    real = os.fdopen
    monkeypatch.setattr(files.os, "fdopen", lambda handle, mode: (os.close(handle), Full())[1])
    with pytest.raises(CourseError, match=r"01_start\.ipynb: the disk is full\. Free some space"):
        update(tree)
    monkeypatch.setattr(files.os, "fdopen", real)
    assert (tree.workspace / LESSON).read_bytes() == before
    assert not list(tree.workspace.rglob(".writing-*"))
    assert update(tree) == [] and "A better picture." in text_of(tree, LESSON)


@pytest.mark.parametrize(("number", "message"), [(errno.EROFS, "read-only disk"), (errno.EACCES, "may not write"), (errno.EDQUOT, "quota")])
def test_a_place_that_cannot_be_written_is_named(tree, monkeypatch, number, message):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    new_version(tree)
    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(CourseError, match=message):
        update(tree)


def test_a_folder_that_may_not_be_written_is_named(tree):
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        shutil.rmtree(tree.workspace)
        tree.workspace.write_text("a file")  # root may write everywhere; a file in the way stops root too
        with pytest.raises(CourseError, match="a file stands where a folder should be"):
            update(tree)
        return
    new_version(tree)
    lessons = tree.workspace / "lessons"
    lessons.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(CourseError, match="may not write there"):
            update(tree)
    finally:
        lessons.chmod(stat.S_IRWXU)


def test_a_folder_in_the_place_of_a_notebook_is_named(tree):
    (tree.workspace / LESSON).unlink()
    (tree.workspace / LESSON).mkdir()
    new_version(tree)
    with pytest.raises(CourseError, match="is a folder, but a notebook belongs there"):
        update(tree)


def test_files_have_ordinary_permissions(tree):
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tree.workspace / LESSON).stat().st_mode) == 0o666 & ~mask
