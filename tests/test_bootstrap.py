"""The set-up that ``make`` runs with a system Python: once, then at once; and a remedy for everything that can be missing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
import venv
from collections import namedtuple
from pathlib import Path

import pytest

from course import ROOT, bootstrap

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
"""

ALL = f"install {bootstrap.EXTRAS}"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    return tmp_path


@pytest.fixture
def steps(monkeypatch):
    """Stand-ins for what takes long: making the environment and installing into it; the list says what was done."""
    done: list[str] = []

    def create(venv, base, say):
        done.append("create")
        (Path(venv) / "bin").mkdir(parents=True)
        (Path(venv) / "pyvenv.cfg").touch()
        (Path(venv) / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(bootstrap, "create", create)
    monkeypatch.setattr(bootstrap, "install", lambda root, python, say, extras: done.append(f"install {extras}"))
    monkeypatch.setattr(bootstrap, "check_space", lambda root: done.append("space"))
    return done


def test_the_second_call_does_nothing(root, steps):
    python = bootstrap.prepare(str(root))
    assert steps == ["space", "create", ALL] and Path(python) == root / ".venv" / "bin" / "python"
    assert bootstrap.prepare(str(root)) == python and steps == ["space", "create", ALL]


@pytest.mark.parametrize("name", bootstrap.DECIDE)
def test_a_changed_dependency_file_installs_again_into_the_same_environment(root, steps, name):
    bootstrap.prepare(str(root))
    (root / name).write_text((root / name).read_text() + "\n# more")
    bootstrap.prepare(str(root))
    assert steps == ["space", "create", ALL, "space", ALL]


def test_each_verb_gets_its_packages_once(root, steps):
    """A student's lab goes without the tools of the tests; the tests add what is missing; then both start at once."""
    few = bootstrap.FEWER["lab"]
    for _ in range(2):
        bootstrap.prepare(str(root), extras=few)
    assert steps == ["space", "create", f"install {few}"]
    for extras in (bootstrap.EXTRAS, few, bootstrap.EXTRAS):
        bootstrap.prepare(str(root), extras=extras)
    assert steps == ["space", "create", f"install {few}", "space", ALL]
    (root / "constraints.txt").write_text("torch==2.14.0\n")
    bootstrap.prepare(str(root), extras=few)  # the tools stay, and stay in step
    assert steps[-2:] == ["space", ALL]


@pytest.mark.parametrize(("verb", "extras"), [("lab", "course"), ("doctor", "course"), ("test", "course,test"), ("lock", "course,test")])
def test_verbs_ask_for_their_extras(monkeypatch, verb, extras):
    asked: list[str] = []
    monkeypatch.setattr(bootstrap, "prepare", lambda root, extras: asked.append(extras) or sys.executable)
    monkeypatch.setattr(bootstrap.os, "execv", lambda *_: None)  # it never comes back; and nothing must be started in its place
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda *_: 0)
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", verb])
    bootstrap.main()
    monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
    assert bootstrap.main() == 0  # only set up: everything
    assert asked == [extras, bootstrap.EXTRAS]


def test_an_environment_made_by_hand_is_kept_and_added_to(root, steps, monkeypatch):
    """README: python3 -m venv .venv, pip install a small torch into it, make lab."""
    venv.create(root / ".venv", with_pip=False, symlinks=True)
    (torch,) = (root / ".venv").glob("lib/python*/site-packages")
    (torch / "torch-2.13.0+cpu").mkdir()
    bootstrap.prepare(str(root), extras="course")
    assert steps == ["space", "install course"] and (torch / "torch-2.13.0+cpu").exists()


def test_an_interrupted_installation_is_taken_up_again(root, steps, monkeypatch):
    finishing = bootstrap.install

    def interrupted(root, python, say, extras):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.prepare(str(root))
    assert not (root / ".venv" / bootstrap.STAMP).exists()
    monkeypatch.setattr(bootstrap, "install", finishing)
    bootstrap.prepare(str(root))
    assert steps == ["space", "create", "space", ALL] and (root / ".venv" / bootstrap.STAMP).exists()


def test_an_environment_whose_python_is_gone_is_made_anew(root, steps):
    python = Path(bootstrap.prepare(str(root)))
    python.unlink()
    (root / ".venv" / "bin").rmdir()
    bootstrap.prepare(str(root))
    assert steps[-3:] == ["space", "create", ALL]


def test_a_moved_course_is_installed_again(root, steps, tmp_path):
    bootstrap.prepare(str(root))
    first = bootstrap.stamp(str(root))
    assert first != bootstrap.stamp(str(root) + "/.")


def test_missing_dependency_files_are_named(tmp_path):
    with pytest.raises(bootstrap.Problem, match=r"git checkout pyproject\.toml"):
        bootstrap.stamp(str(tmp_path))


def fake_python(folder: Path, name: str, version: str, venv: bool = True) -> None:
    """An interpreter that says what its version is and whether it has venv."""
    script = f'#!/bin/sh\ncase "$2" in *version_info*) echo "{version}";; *ensurepip*) exit {0 if venv else 1};; esac\n'
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


@pytest.fixture
def pythons(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin{os.pathsep}/usr/bin")
    names = tuple(f"test-{name}" for name in bootstrap.NAMES)  # none that this machine has
    return folder, names


def test_a_suitable_python_is_found_among_others(pythons):
    folder, names = pythons
    fake_python(folder, "test-python3", "3 9")
    fake_python(folder, "test-python3.12", "3 12")
    assert bootstrap.find_python(names) == str(folder / "test-python3.12")


def test_an_old_python_is_named_with_its_remedy(pythons):
    folder, names = pythons
    fake_python(folder, "test-python3", "3 9")
    with pytest.raises(bootstrap.Problem, match=r"needs Python 3\.11 to 3\.\d+; found here: test-python3 is 3\.9\.\n.*[Ii]nstall"):
        bootstrap.find_python(names)
    (folder / "test-python3").unlink()
    with pytest.raises(bootstrap.Problem, match="found here: none"):
        bootstrap.find_python(names)


def test_a_python_without_venv_is_passed_over_or_named(pythons):
    folder, names = pythons
    fake_python(folder, "test-python3.13", "3 13", venv=False)
    with pytest.raises(bootstrap.Problem, match=r"sudo apt-get install python3\.13-venv"):
        bootstrap.find_python(names)
    fake_python(folder, "test-python3.11", "3 11")
    assert bootstrap.find_python(names) == str(folder / "test-python3.11")


def disk(monkeypatch, free):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: usage(10**13, 0, int(free * 1e9)))


def test_a_full_disk_is_named_before_anything_is_installed(root, monkeypatch, capsys):
    disk(monkeypatch, 2.0)
    with pytest.raises(bootstrap.Problem, match=r"Only 2\.0 GB are free in .*; the installation needs 3\.0"):
        bootstrap.prepare(str(root))
    assert not (root / ".venv").exists()
    disk(monkeypatch, 100)
    bootstrap.check_space(str(root))
    assert capsys.readouterr().err == ""
    disk(monkeypatch, 5)
    monkeypatch.setattr(bootstrap.platform, "system", lambda: "Linux")
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "x86_64")
    bootstrap.check_space(str(root))
    assert "README says how to get the small one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("The virtual environment was not created because ensurepip is not available.", "python3-venv"),
        ("OSError: [Errno 30] Read-only file system: 'x'", "folder of your own"),
        ("WARNING: Retrying after NewConnectionError: Temporary failure in name resolution", "Is there a network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "download was damaged"),
        ("ERROR: No matching distribution found for torch==2.13.0", "64-bit Python"),
        ("something new", "ask with these lines"),
    ],
)
def test_what_pip_says_is_explained(said, remedy):
    text = bootstrap.explain(f"Collecting torch\n{said}", "pip could not:")
    assert remedy in text and said in text


PIP = """Obtaining file:///course
Collecting torch==2.13.0
  Downloading torch-2.13.0-cp311-manylinux_2_28_x86_64.whl.metadata (29 kB)
Collecting numpy
  Using cached numpy-2.4.0-cp311-manylinux.whl.metadata (62 kB)
Downloading typing_extensions-4.15.0-py3-none-any.whl (44 kB)
Downloading numpy-2.4.0-cp311-manylinux.whl (16.9 MB)
Downloading https://example.org/whl/cpu/torch-2.13.0%2Bcpu-cp311-manylinux_2_28_x86_64.whl (190.5 MB)
WARNING: Retrying (Retry(total=4)) after connection broken
Downloading soupsieve-2.8-py3-none-any.whl (36 kB)
Using cached pillow-12.0.0-cp311.whl (7.0 MB)
Installing collected packages: typing-extensions, numpy, torch, soupsieve, pillow
Successfully installed numpy-2.4.0"""


def test_progress_is_a_few_true_lines():
    now = [0.0]
    progress = bootstrap.Progress(clock=lambda: now[0])
    shown = [progress.line()]
    for line in PIP.splitlines():
        now[0] += 1
        shown.append(progress.read(line))
    assert [line.strip() for line in shown if line] == [
        "step 1 of 3: looking up which packages are needed ...",
        "step 1 of 3: looking up which packages are needed ...",  # five seconds later: it is alive
        "step 2 of 3: downloading; 0 packages, 0 MB so far ...",
        "step 2 of 3: downloading; 2 packages, 17 MB so far, now torch (190 MB) ...",
        "WARNING: Retrying (Retry(total=4)) after connection broken",
        "step 3 of 3: installing 5 packages ...",
    ]
    assert progress.megabytes == pytest.approx(0.044 + 16.9 + 190.5 + 0.036)


def test_something_else_in_the_place_of_the_environment_is_left_alone(root):
    (root / ".venv").mkdir()
    (root / ".venv" / "thesis.txt").write_text("all of it")
    with pytest.raises(bootstrap.Problem, match="it is no Python environment"):
        bootstrap.create(str(root / ".venv"), sys.executable, print)
    assert (root / ".venv" / "thesis.txt").read_text() == "all of it"


def test_two_at_once_wait_for_each_other(root):
    code = "import sys, time\nfrom course import bootstrap\nwith bootstrap.Lock(sys.argv[1]): print('in', flush=True); time.sleep(1)"
    first = subprocess.Popen([sys.executable, "-c", code, str(root)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert first.stdout and first.stdout.readline() == "in\n"
    begin = time.monotonic()
    with bootstrap.Lock(str(root)):
        waited = time.monotonic() - begin
    first.wait(timeout=10)
    assert waited > 0.5


def test_a_real_environment_is_made_and_a_failing_pip_explained(root):
    """With the real venv and pip: a project that needs what does not exist fails with pip's words, and leaves no stamp."""
    extras = 'dependencies = ["no-such-package-at-all"]\n[project.optional-dependencies]\ncourse = []\ntest = []\n'
    (root / "pyproject.toml").write_text(PYPROJECT + extras)
    (root / "backend.py").write_text(BACKEND)
    env = os.environ | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    code = "import sys\nfrom course import bootstrap\nbootstrap.ROOT = sys.argv.pop()\nsys.exit(bootstrap.main())"
    done = subprocess.run([sys.executable, "-c", code, str(root)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "The course could not be set up.\npip could not install everything:" in done.stderr
    assert "no-such-package-at-all" in done.stderr and "Traceback" not in done.stderr
    assert (root / ".venv" / "pyvenv.cfg").exists() and not (root / ".venv" / bootstrap.STAMP).exists()


BACKEND = '''
import zipfile


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        about = ["Metadata-Version: 2.1", "Name: tiny", "Version: 1", "Requires-Dist: no-such-package-at-all"]
        wheel.writestr("tiny-1.dist-info/METADATA", "\\n".join(about) + "\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return name
'''


def test_only_the_standard_library_is_imported():
    tree = ast.parse(Path(bootstrap.__file__).read_text("utf-8"), feature_version=(3, 7))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names <= set(sys.stdlib_module_names)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_it_runs_as_a_script_with_nothing_installed(tmp_path):
    """From another folder, isolated from the environment's packages: the help must come."""
    command = [sys.executable, "-S", str(ROOT / "course" / "bootstrap.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Set up .venv" in done.stdout


def test_make_help_lists_every_command():
    done = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True)
    for target in ("lab", "test", "test-full", "bench", "doctor", "build", "lock", "clean"):
        assert f"  make {target} " in done.stdout
