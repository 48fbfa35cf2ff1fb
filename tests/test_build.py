"""Sources to notebooks: the same bytes twice, outputs kept where the code did not change, and every kind of staleness named."""

from __future__ import annotations

import json
import subprocess
import sys

import nbformat
import pytest

from course import CourseError, Tree, build, outputs
from course.__main__ import main
from course.notebook import read_notebook


def notebook(path):
    return json.loads(path.read_text("utf-8"))


def source_of(cell):
    return "".join(cell["source"])


def edit(path, before, after):
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")


def contents(tree: Tree):
    return {path.relative_to(tree.root): path.read_bytes() for path in sorted(tree.root.rglob("*")) if path.is_file()}


def whys(tree):
    return {stale.path: stale.why for stale in build.check(tree)}


def test_building_twice_gives_the_same_bytes(small_course):
    build.build(small_course)
    before = contents(small_course)
    assert build.build(small_course) == [] and contents(small_course) == before
    for path in small_course.notebooks.glob("*.ipynb"):
        path.unlink()
    build.build(small_course)
    assert contents(small_course) == before


def test_notebooks_are_valid_and_their_ids_come_from_names(executed_course):
    paths = sorted(executed_course.root.rglob("*.ipynb"))
    names = ["exercises/03_windows", "notebooks/01_start", "notebooks/03_windows", "solutions/03_windows"]
    assert [executed_course.shown(path) for path in paths] == [f"{name}.ipynb" for name in names]
    for path in paths:
        nbformat.validate(nbformat.read(path, as_version=4))
    assert [cell["id"] for cell in notebook(paths[1])["cells"]] == ["start-001", "start-sum", "start-003", "start-004"]


def test_student_and_instructor_get_their_versions(executed_course):
    student = {cell["id"]: cell for cell in notebook(executed_course.exercises / "03_windows.ipynb")["cells"]}
    solution = {cell["id"]: cell for cell in notebook(executed_course.solutions / "03_windows.ipynb")["cells"]}
    assert 'raise NotImplementedError("count")' in source_of(student["windows-count"])
    assert "total += sum(row)" in source_of(solution["windows-count"])
    assert set(student) - set(solution) == {"windows-006", "windows-picture-expected"}
    assert set(solution) - set(student) == {"windows-005"}
    assert all(cell["execution_count"] is None and not cell["outputs"] for cell in student.values() if cell["cell_type"] == "code")


def test_the_expected_picture_is_the_one_that_the_solution_drew(executed_course):
    cells = notebook(executed_course.exercises / "03_windows.ipynb")["cells"]
    (place,) = [number for number, cell in enumerate(cells) if cell["id"] == "windows-picture-expected"]
    assert cells[place + 1]["id"] == "windows-picture"
    assert cells[place]["attachments"] == {"expected-1.png": {"image/png": "BBBB"}}
    assert "![a \\[bar\\] of 2](attachment:expected-1.png)" in source_of(cells[place]) and "*Two*" in source_of(cells[place])
    assert source_of(cells[place]).startswith("<details>\n<summary>") and source_of(cells[place]).endswith("\n\n</details>")
    assert "</summary>\n\n!" in source_of(cells[place])  # without the empty line the picture would not be read as markdown


def test_an_executed_course_is_up_to_date(executed_course):
    assert whys(executed_course) == {}
    assert main(["--root", str(executed_course.root), "build", "--check"]) == 0


def test_prose_is_mended_without_executing(executed_course):
    edit(executed_course.lesson("start"), "# A picture.", "# A lovely picture.")
    assert whys(executed_course) == {"notebooks/01_start.ipynb": "the cell start-003 differs from course/units/start/lesson.py"}
    before = notebook(executed_course.notebooks / "01_start.ipynb")
    build.build(executed_course)
    after = notebook(executed_course.notebooks / "01_start.ipynb")
    assert [c.get("outputs") for c in after["cells"]] == [c.get("outputs") for c in before["cells"]]
    assert whys(executed_course) == {}


def test_changed_code_loses_its_output_and_only_its_own(executed_course):
    edit(executed_course.lesson("start"), "1 + 2", "1 + 3")
    build.build(executed_course)
    cells = {cell["id"]: cell for cell in notebook(executed_course.notebooks / "01_start.ipynb")["cells"]}
    assert cells["start-sum"]["outputs"] == [] and cells["start-sum"]["execution_count"] is None
    assert cells["start-004"]["outputs"] != []
    (stale,) = build.check(executed_course)
    assert "its code changed" in stale.why and stale.mend == "python -m course build --execute start"
    done = build.execute(executed_course, say=lambda _: None)
    assert [executed_course.shown(path) for path in done] == ["notebooks/01_start.ipynb"]  # and nothing else
    cells = {cell["id"]: cell for cell in notebook(executed_course.notebooks / "01_start.ipynb")["cells"]}
    assert cells["start-sum"]["outputs"][0]["text"] == ["the sum is 4\n"] and whys(executed_course) == {}


def test_a_changed_module_makes_its_lessons_stale(executed_course):
    library = executed_course.root / "inpaintlib"
    library.mkdir()
    (library / "__init__.py").write_text("")
    (library / "viz.py").write_text("A = 1\n")
    path = executed_course.notebooks / "03_windows.ipynb"
    edit(executed_course.lesson("windows"), "import statistics", "from inpaintlib import viz")
    build.build(executed_course)
    stored = notebook(path)
    stored["metadata"]["course"]["made_from"] = build.stamp_of(target(executed_course, "windows"), stored, executed_course)
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    assert whys(executed_course) == {}
    (library / "viz.py").write_text("A = 2\n")
    assert whys(executed_course) == {
        "notebooks/03_windows.ipynb": "its outputs are older than what they show: inpaintlib/viz.py changed"
    }


def target(tree, slug):
    from course.syllabus import load
    from course.targets import targets

    return next(t for t in targets(tree, load(tree)) if t.unit.slug == slug and t.kind == "lesson")


def test_checks_make_solutions_stale(executed_course):
    executed_course.lesson("windows").with_name("checks.py").write_text("POINTS = 3\n")
    assert whys(executed_course) == {
        "solutions/03_windows.ipynb": "its outputs are older than what they show: it now uses course/units/windows/checks.py"
    }


def test_questions_make_what_shows_them_stale(executed_course):
    executed_course.lesson("windows").with_name("questions.toml").write_text("[first]\nanswer = '3'\n")
    assert set(whys(executed_course)) == {"notebooks/03_windows.ipynb", "solutions/03_windows.ipynb"}


def test_a_notebook_that_was_edited_by_hand_is_named(executed_course):
    edit(executed_course.exercises / "03_windows.ipynb", "Write down", "Note down")
    assert whys(executed_course) == {"exercises/03_windows.ipynb": "the cell windows-006 differs from course/units/windows/exercise.py"}
    (executed_course.notebooks / "01_start.ipynb").write_text("{", "utf-8")
    assert "it is no notebook" in [stale.why for stale in build.check(executed_course) if stale.path == "notebooks/01_start.ipynb"]


def test_moving_a_unit_moves_its_notebooks_with_their_outputs(executed_course):
    before = notebook(executed_course.notebooks / "03_windows.ipynb")
    syllabus = executed_course.syllabus.read_text("utf-8")
    head, start, later, windows = syllabus.split("[[unit]]")
    executed_course.syllabus.write_text("[[unit]]".join([head, start, windows, later]), "utf-8")
    assert whys(executed_course)["notebooks/03_windows.ipynb"] == "it belongs to no ready unit"
    build.build(executed_course, ["start"])  # of one unit alone: the outputs of the others still lie under their old numbers
    assert (executed_course.notebooks / "03_windows.ipynb").exists()
    build.build(executed_course)
    assert sorted(p.name for p in executed_course.root.rglob("*.ipynb")) == ["01_start.ipynb"] + ["02_windows.ipynb"] * 3
    after = notebook(executed_course.notebooks / "02_windows.ipynb")
    assert [c.get("outputs") for c in after["cells"]] == [c.get("outputs") for c in before["cells"]]
    assert whys(executed_course) == {}
    assert "02_windows.ipynb" in source_of(notebook(executed_course.notebooks / "01_start.ipynb")["cells"][0])


def test_a_file_that_is_not_ours_is_left_alone(executed_course):
    own = executed_course.notebooks / "99_mine.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), own)
    build.build(executed_course)
    assert own.exists() and whys(executed_course) == {}


def test_the_readme_map_follows_the_syllabus(executed_course):
    edit(executed_course.syllabus, 'title = "Windows"', 'title = "Small windows"')
    assert whys(executed_course)["README.md"] == "its map of the course differs from the syllabus"
    build.build(executed_course)
    text = (executed_course.root / "README.md").read_text("utf-8")
    assert "[Small windows](notebooks/03_windows.ipynb)" in text and text.startswith("Before.\n") and text.endswith("After.\n")


def test_missing_sources_are_named_and_the_rest_is_built(small_course):
    small_course.lesson("start").unlink()
    small_course.exercise("windows").unlink()
    assert main(["--root", str(small_course.root), "build"]) == 1
    assert (small_course.notebooks / "03_windows.ipynb").exists()
    found = whys(small_course)
    assert "the syllabus calls 'start' ready" in found["course/units/start/lesson.py"]
    assert "exercise_minutes" in found["course/units/windows/exercise.py"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("unit:windows", "unit:doors", r"course/units/start/lesson\.py: There is no unit 'doors'"),
        ("{{ head }}", "{{ foot }}", r"cell 001: \{\{ foot \}\} is no token"),
        ('print("the sum is", 1 + 2)', "# solution:\n1\n# end of solution", "cell sum: a lesson has no marked solutions"),
    ],
)
def test_a_source_that_cannot_be_built_is_named(small_course, before, after, message):
    edit(small_course.lesson("start"), before, after)
    with pytest.raises(CourseError, match=message):
        build.build(small_course)


def test_topics_are_checked(small_course):
    with pytest.raises(CourseError, match="Did you mean 'start'"):
        build.execute(small_course, ["stard"])
    with pytest.raises(CourseError, match="'later' is planned"):
        build.execute(small_course, ["later"])


FORBIDDEN = {
    "spoken": ("import sys; print('careful', file=sys.stderr)", "a message on stderr: 'careful'"),
    "warned": ("import warnings; warnings.warn('old')", "UserWarning: old"),
    "address": ("object()", "an object's address"),
    "path": ("import tempfile; print(tempfile.gettempdir() + '/x')", "an absolute path"),
}


def refused(tree, code):
    """The message with which storing a lesson of these cells is refused; the stored notebook must stay as it was."""
    path = tree.notebooks / "01_start.ipynb"
    cells = [f'# %% name="{name}"\n{text}\n' for name, text in code.items()]
    tree.lesson("start").write_text("# %% [markdown]\n# {{ head }}\n\n" + "\n".join(cells), "utf-8")
    build.build(tree)
    before = path.read_bytes()
    with pytest.raises(CourseError) as caught:
        build.execute(tree, ["start"], say=lambda _: None)
    assert path.read_bytes() == before
    return str(caught.value)


def test_what_must_not_be_stored_is_refused_cell_by_cell(executed_course):
    message = refused(executed_course, {"fine": "print(1)"} | {name: code for name, (code, _) in FORBIDDEN.items()})
    assert "start-fine" not in message and "change course/units/start/lesson.py" in message
    for name, (_, what) in FORBIDDEN.items():
        assert any(f"start-{name}: " in line and what in line for line in message.splitlines()), message


def test_a_cell_that_fails_is_named_with_its_error(executed_course):
    message = refused(executed_course, {"fine": "print(1)", "broken": "x = 1\nx / 0"})
    assert "cell start-broken: ZeroDivisionError: division by zero" in message and "x / 0" in message


def test_a_notebook_over_a_megabyte_is_refused(executed_course):
    edit(executed_course.lesson("start"), 'print("the sum is", 1 + 2)', "print('x' * 1_100_000)")
    with pytest.raises(CourseError, match=r"1\.1\d MB, more than 1 MB; the largest cell is start-sum"):
        build.execute(executed_course, ["start"], say=lambda _: None)


def test_cells_run_in_an_empty_folder_in_the_quick_profile_on_the_processor(executed_course):
    code = "import os; print(os.listdir(), os.environ['INPAINTLIB_PROFILE'], os.environ['INPAINTLIB_DEVICE'])"
    edit(executed_course.lesson("start"), 'print("the sum is", 1 + 2)', code)
    build.execute(executed_course, ["start"], say=lambda _: None)
    (cell,) = [c for c in notebook(executed_course.notebooks / "01_start.ipynb")["cells"] if c["id"] == "start-sum"]
    assert cell["outputs"][0]["text"] == ["[] quick cpu\n"]


PICTURE = '<img src="data:image/png;base64,AA/tmp/BB0x123456789">'


def display(**data):
    return {"output_type": "display_data", "metadata": {}, "data": data}


def test_a_widget_leaves_its_still_twin():
    widget = display(**{outputs.WIDGET: {"model_id": "1a2b"}, "text/html": "<img alt='a'>\n<p>", "text/plain": "Stepper()"})
    assert outputs.complaints(widget) == []
    cleaned = outputs.clean(widget)
    assert cleaned["data"] == {"text/html": ["<img alt='a'>\n", "<p>"], "text/plain": ["Stepper()"]}
    assert outputs.clean(display(**{outputs.WIDGET: {}})) is None
    bare = display(**{outputs.WIDGET: {"model_id": "1a2b"}, "text/plain": "Stepper()"})
    assert outputs.complaints(bare) == ["a widget without its still twin (text/html or an image)"]


def test_what_is_printed_in_pieces_is_stored_as_one():
    def stream(text, name="stdout"):
        return {"output_type": "stream", "name": name, "text": text}

    pieces = [stream("a\nb"), stream("c\n1 %\r50 %\r100 %\n"), display(**{"text/plain": "x"}), stream("d")]
    cleaned = outputs.clean_all(pieces)
    assert [out.get("text") for out in cleaned] == [["a\n", "bc\n", "100 %\n"], None, ["d"]]


@pytest.mark.parametrize(
    "text",
    ["written to /home/ada/x.png", "C:\\Users\\ada", "at 2026-01-02 12:34", "begun 12:34:56", "<f at 0x7f3a2b1c0d10>", "see /Users/ada"],
)
def test_traces_of_one_machine_are_found(text):
    stream = {"output_type": "stream", "name": "stdout", "text": text}
    assert len(outputs.complaints(stream)) == 1
    assert len(outputs.complaints(display(**{"text/html": f"<p>{text}</p>"}))) == 1


@pytest.mark.parametrize(
    "text",
    ["3/4 of 2:1", "https://x.org/home/a", "2026-01-02", "16.5 dB in 0.3 s", "km/h or a/b", "colour #0x", PICTURE],
)
def test_harmless_text_is_left_alone(text):
    assert outputs.complaints(display(**{"text/html": text})) == []


def test_read_notebook_gives_none_for_what_is_none(tmp_path):
    path = tmp_path / "a.ipynb"
    for text in ("", "[]", "{}", '{"cells": 3, "metadata": {}}'):
        path.write_text(text)
        assert read_notebook(path) is None


def test_the_command_line_says_what_is_stale_and_how_to_mend_it(small_course):
    command = [sys.executable, "-m", "course", "--root", str(small_course.root), "build", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "notebooks/01_start.ipynb: it is missing\n    mend with: python -m course build --execute start" in done.stderr
    done = subprocess.run([*command[:-2], "reset", "nothing"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "Traceback" not in done.stderr
