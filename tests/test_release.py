"""The class package: what is in it, what is not, and that it works; and the instructor's guide, command by command."""

from __future__ import annotations

import itertools
import json
import posixpath
import re
import shlex
import subprocess
import sys
import zipfile
from urllib.parse import unquote

import pytest
from classes import pretend

from course import ROOT, CourseError, Tree, release
from course.__main__ import main
from course.examples import classroom
from course.grading import runner, sandbox
from course.syllabus import load

SYLLABUS = load()
KNOWN = set(release._known(Tree()))
#: Ready units whose notebooks are committed.
UNITS = [unit.slug for unit in SYLLABUS.ready() if f"notebooks/{unit.file_name}" in KNOWN]
EXERCISES = [slug for slug in UNITS if Tree().exercise(slug).exists() and f"exercises/{SYLLABUS[slug].file_name}" in KNOWN]
LONG, SHORT = 50, 12  # characters of two lines together, and of each of them


@pytest.fixture(scope="module")
def package():
    return release.contents(Tree(), SYLLABUS, EXERCISES)


def lines(text: str) -> list[str]:
    """The lines of a program that say something, without what stands at their sides."""
    stripped = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith(("#", "import ", "from ", '"""'))]


def neighbours(text: str) -> set[tuple[str, str]]:
    """Two lines in succession: what hardly anybody writes twice, while one alone may be anybody's."""
    found = lines(text)
    pairs = itertools.pairwise(found)
    return {(a, b) for a, b in pairs if len(a + b) >= LONG and min(len(a), len(b)) >= SHORT and not (a[:4] == b[:4] == "for ")}


def in_a_row(text: str, count: int) -> set[tuple[str, ...]]:
    """That many lines in succession."""
    found = lines(text)
    return {tuple(found[i : i + count]) for i in range(len(found) - count + 1)}


def readable(name: str, data: bytes) -> str:
    if name.endswith(".ipynb"):
        return "\n".join("".join(cell["source"]) for cell in json.loads(data)["cells"])
    return "" if name.endswith((".safetensors", ".npz")) else data.decode("utf-8")


def solved(text: str) -> str:
    """The parts of an exercise's source that only the solution has."""
    return "\n".join(re.findall(r"# solution:\n(.*?)# (?:student:|end of solution)", text, re.DOTALL))


@pytest.mark.parametrize("slug", EXERCISES)
def test_no_text_of_solutions_hidden_cases_or_mutants_is_in_it(slug, package):
    texts = {name: readable(name, data) for name, data in package.items()}
    inside = set().union(*(neighbours(text) for name, text in texts.items() if not name.startswith("inpaintlib/")))
    # The library is the subject: a task may ask for a layer that it has (and then rules its name out); but four lines are no chance.
    library = set().union(*(in_a_row(text, 4) for name, text in texts.items() if name.startswith("inpaintlib/")))
    given = neighbours(readable("x.ipynb", package[f"exercises/{SYLLABUS[slug].file_name}"]))  # bugs to find stand in the notebook
    folder = ROOT / "course" / "units" / slug
    for name, least in (("exercise.py", 3), ("hidden.py", 3), ("mutants.py", 10)):
        text = (folder / name).read_text("utf-8")
        secret = neighbours(solved(text) if name == "exercise.py" else text) - given
        assert len(secret) >= least, f"{name}: nothing to look for"
        assert not secret & inside, f"{name}: {secret & inside}"
        assert not in_a_row(solved(text) if name == "exercise.py" else text, 4) & library, name
        assert not [path for path in package if path.endswith(f"units/{slug}/{name}")]


def test_the_search_finds_a_solution_that_leaks():
    text = Tree().exercise("convolution").read_text("utf-8")
    leaked = "\n".join(["x = 1", *(f"        {line}" for line in solved(text).splitlines()[4:9])])
    assert neighbours(solved(text)) & neighbours(leaked)


def test_only_what_is_on_the_list_is_in_it(package):
    assert {name.split("/")[0] for name in package} <= {
        ".gitignore", "LICENSE", "Makefile", "README.md", "constraints.txt", "course", "docs", "environment.yml", "exercises", "inpaintlib",
        "notebooks", "pyproject.toml",
    }  # fmt: skip
    others = ("solutions/02_convolution.ipynb", "tests/grading.py", "course/build.py", "course/grading/command.py", "course/release.py")
    more = ("course/units/convolution/lesson.py", "course/examples/classroom.py", "course/units/convolution/secret.txt", ".ci/run")
    assert not [name for name in (*others, *more) if release.allowed(name, SYLLABUS, UNITS)]
    assert not release.allowed("exercises/04_metrics.ipynb", SYLLABUS, ["convolution"])
    assert not release.allowed("course/units/metrics/checks.py", SYLLABUS, ["convolution"])


def test_the_whole_library_is_in_it_whatever_its_files_are_called(package):
    """A lesson of a package once died for want of a file that no ending on the list matched."""
    assert {name for name in KNOWN if name.startswith("inpaintlib/")} <= set(package)


def test_every_link_to_a_lesson_leads_to_one():
    package = release.contents(Tree(), SYLLABUS, ["welcome", "convolution", "losses"])
    texts = [readable(name, data) for name, data in package.items() if name.startswith("notebooks/")]
    links = {target for text in texts for _, target in release.LINK.findall(text)}
    assert {posixpath.normpath(posixpath.join("notebooks", unquote(link))) for link in links} <= set(package)
    assert "02_convolution.ipynb" in links and "notebooks/glossary.md" in package
    assert any("autoencoder" in text or "U-Net" in text for text in texts), "the words of a link that went stay"


def test_the_grading_modules_on_the_list_are_those_that_check_submission_loads():
    code = "import sys, course.grading.preflight; print(*(m.split('.')[2] for m in sys.modules if m.startswith('course.grading.')))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout.split())
    assert loaded - {"inside"} == set(release.GRADING) - {"__init__"}


def test_it_works_where_it_is_unpacked(tmp_path):
    """The verbs of students, in a process that knows the package and no other course; those of instructors are not there."""
    assert main(["release", "--to", str(tmp_path / "class.zip"), "--units", "welcome", "convolution"]) == 0
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
        archive.extractall(tmp_path)
    folder = tmp_path / "inpainting-course"
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import course, course.bootstrap, course.lab, course.workspace, course.doctor\n"
        f"assert str(course.ROOT) == {str(folder)!r}\n"
        "from course.__main__ import main\n"
        "status = main(['check-submission', 'exercises/02_convolution.ipynb'])\n"
        "try: main(['--help'])\n"
        "finally: print('status', status)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert "status 1" in done.stdout and done.stdout.count("not written yet") == 5, done.stdout + done.stderr
    assert "check-submission" in done.stdout and "grade " not in done.stdout.partition("VERB")[2]


def test_what_is_there_is_not_mixed_with_the_package(tmp_path):
    (tmp_path / "old").write_text("x")
    assert main(["release", "--to", str(tmp_path), "--units", "convolution"]) == 2
    planned = next((unit.slug for unit in SYLLABUS.units if not unit.ready), None)
    if planned:
        with pytest.raises(CourseError, match="planned"):
            release.contents(Tree(), SYLLABUS, [planned])


# --- the guide ----------------------------------------------------------------------------------------------------------------------------

GUIDE = (ROOT / "docs" / "instructors.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]


def test_every_command_of_the_guide_runs_on_the_example_class(tmp_path, monkeypatch, capsys):
    """In the order of the page, in an empty folder. What students wrote is not run here; see test_grade_class."""
    monkeypatch.setattr(runner, "run", pretend)
    monkeypatch.setattr(sandbox, "available", lambda: "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 6
    for command in COMMANDS:
        words = shlex.split(command)
        assert words[:2] == ["python", "-m"], command
        if words[2] == "course.examples.classroom":
            classroom.main(words[3:])
        else:
            assert words[2] == "course" and main(words[3:]) == 0, command + capsys.readouterr().err
    said = capsys.readouterr().out
    assert "No mark changed since the last run." in said and "A new key was made" in said
    there = {path.name for folder in ("grades", "grades-canvas") for path in (tmp_path / folder).iterdir()}
    named = set(re.findall(r"`([\w-]+\.(?:csv|json|html|zip)|feedback/)`", GUIDE.partition("| file in")[2].partition("\n\n")[0]))
    assert {name.rstrip("/") for name in named} - there == {"changes.csv"}  # nothing changed
    assert {"anonymous.csv", "anonymous.json"} <= there and (tmp_path / "class.zip").is_file()


def test_every_unit_stands_in_the_schedule():
    table = GUIDE.partition("## A schedule")[2].partition("Units whose")[0]
    for slug in (unit.slug for unit in SYLLABUS.units):
        assert slug in table, slug


def test_every_mistake_of_the_example_class_is_the_one_that_is_meant():
    """And every known mistake of the unit is made by somebody."""
    import torch

    from course.checks.run import run
    from course.checks.task import OpenTask, get, names

    made = classroom.answers()["mistake"]
    tasks = [task for task in map(get, names("convolution")) if not isinstance(task, OpenTask)]
    assert {(m["task"], m["id"]) for m in made} == {(t.id.partition("/")[2], m.id) for t in tasks for m in t.misconceptions}
    for mistake in made[::6]:  # the whole class is graded when the guide is followed
        space = {"torch": torch, "F": torch.nn.functional}
        exec(classroom.mistaken(mistake["task"], mistake["edits"]), space)
        assert run(get(f"convolution/{mistake['task']}"), space[mistake["task"]]).misconception == mistake["id"]
