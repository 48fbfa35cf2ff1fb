"""Starting the student's process where it can see little and reach nothing: the command line of bubblewrap, or, told so, without it."""

from __future__ import annotations

import functools
import json
import os
import secrets
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy
import torch

import inpaintlib
from course import ROOT, CourseError
from course.checks import modules, policy
from course.grading import inside
from course.grading.limits import Limits
from course.grading.seccomp import filter_program

__all__ = ["NOT_HELD_OFF", "Sandbox", "available"]

#: What a grader without bubblewrap can not hold off.
NOT_HELD_OFF = (
    "Without bubblewrap the code of students runs as you. It can read and change every file that you can, the marks, other students' work "
    "and your key among them; it can use the network; it can stop other programs of yours, and leave some running. Limits on time, memory "
    "and processes are still kept, and answers are still compared outside."
)
INSIDE = Path(inside.__file__).parent
GRADER = Path("/grader")
#: Users that exist nowhere, one for each sandbox, so that the count of processes is its own.
USERS = range(1_900_000_000, 2_000_000_000)
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "USER": "student",
    "LOGNAME": "student",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "INPAINTLIB_PROFILE": "quick",
    "INPAINTLIB_DEVICE": "cpu",
    "PYTHONHASHSEED": "0",
}
START = "import sys; sys.path.insert(0, {here!r}); from inside.worker import main; main()"


@functools.cache
def available() -> str:
    """Why there is no sandbox here, or an empty string.

    bubblewrap must be there, know the options that we need, and be allowed to make namespaces.
    """
    program = shutil.which("bwrap")
    if sys.platform != "linux" or program is None:
        return "bubblewrap is not installed (on Debian and Ubuntu: sudo apt-get install bubblewrap; it needs Linux)"
    known = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    if "--size" not in known.stdout + known.stderr:
        return "this bubblewrap is too old; version 0.8 or newer is needed"
    command = [program, *_namespaces(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"bubblewrap may not make namespaces here: {tried.stderr.strip()[:200]}" if tried.returncode else ""


@dataclass(frozen=True)
class Sandbox:
    """How the processes of students are started.

    Args:
        limits: what each may use.
        unsafe: without bubblewrap; see :data:`NOT_HELD_OFF`.
        hide: folders that must not be seen even if they lie inside Python's own, such as the submissions.

    Raises:
        CourseError: bubblewrap cannot be used, and ``unsafe`` was not asked for.
    """

    limits: Limits = field(default_factory=Limits)
    unsafe: bool = False
    hide: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.unsafe and (reason := available()):
            raise CourseError(f"There is no sandbox for the code of students: {reason}.\n{NOT_HELD_OFF}\nIf you accept that, add --unsafe.")

    @property
    def name(self) -> str:
        return "none" if self.unsafe else "bubblewrap"

    def start(self, number: bytes, optimiser: bool = False) -> tuple[subprocess.Popen[bytes], Path | None]:
        """Start a student's process, which takes requests on its standard input and replies on its standard output.

        Args:
            number: what its first reply, that it is ready, must carry.
            optimiser: whether it loads what PyTorch needs for an optimiser before it is ready.

        Returns:
            the process, and the folder to remove after it, if there is one.
        """
        settings = json.dumps({**self._settings(number), "optimiser": optimiser})
        here = str(INSIDE.parent if self.unsafe else GRADER)
        python = [sys.executable, "-s", "-B", "-c", START.format(here=here), settings]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "bufsize": 0}
        pipes["start_new_session"] = True
        if self.unsafe:
            folder = tempfile.mkdtemp(prefix="grading-")
            kept = {name: os.environ[name] for name in ("SYSTEMROOT", "PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
            return subprocess.Popen(python, env={**kept, **ENVIRONMENT, **_places(folder)}, cwd=folder, **pipes), Path(folder)
        with tempfile.TemporaryFile() as program:
            options = self._options(program)
            return subprocess.Popen([*options, *python], pass_fds=(program.fileno(),), env={}, cwd="/", **pipes), None

    def _settings(self, number: bytes) -> dict[str, object]:
        limits = self.limits
        rlimits = {
            "CPU": int(limits.total_seconds) + 1,
            "NPROC": 2 * limits.processes,
            "FSIZE": limits.disk,
            "NOFILE": limits.open_files,
            "CORE": 0,
            "MSGQUEUE": 0,
        }
        if self.unsafe:  # a count of processes would be one of all those of this user
            del rlimits["NPROC"]
        return {
            "number": number.hex(),
            "limits": rlimits,
            "memory": limits.memory,
            "reply": limits.reply,
            "user": None if self.unsafe or os.geteuid() != 0 else _user(),
            "here": str(INSIDE.parent if self.unsafe else GRADER),
            "policy": str(policy.__file__ if self.unsafe else GRADER / "policy.py"),
            "modules": str(modules.__file__ if self.unsafe else GRADER / "modules.py"),
        }

    def _options(self, program: IO[bytes]) -> list[str]:
        """The command line of bubblewrap up to the command."""
        options = [str(shutil.which("bwrap")), *_namespaces(), "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
        for name, value in {**ENVIRONMENT, **_places("/tmp")}.items():
            options += ["--setenv", name, value]
        writable = ["--perms", "1777", "--size", str(self.limits.disk), "--tmpfs"]
        options += [*writable, "/tmp", *_mounts(self.hide)]  # /tmp comes first: Python itself may lie below it
        options += ["--proc", "/proc", "--ro-bind-try", "/proc/sys", "/proc/sys", "--dev", "/dev", *writable, "/dev/shm"]
        options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
        if (filter_ := filter_program()) is not None:
            program.write(filter_)
            program.seek(0)
            options += ["--seccomp", str(program.fileno())]
        return [*options, "--"]


def _places(folder: str) -> dict[str, str]:
    return {"HOME": folder, "TMPDIR": folder, "XDG_CACHE_HOME": folder, "MPLCONFIGDIR": folder}


def _namespaces() -> list[str]:
    """Root needs no user namespace, and drops to another user inside; whoever is not root is given one, and no more after it."""
    common = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        return [*common, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*common, "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]


def _user() -> int:
    """A user that nobody is; where this root is one of a container, the last ones that the container has."""
    last = 0
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        last = max(last, first + count - 1)
    if last >= USERS[-1]:
        return secrets.choice(USERS)
    return last - 1 - secrets.randbelow(max(1, min(500, last // 4))) if last > 2 else 65534


def _mounts(hide: Sequence[Path]) -> list[str]:
    """What can be seen, read only: the system's programs and libraries, Python, its packages, inpaintlib, and what serves requests.

    The repository itself is not among them; where it lies inside one of them, it is covered by an empty folder.
    """
    options: list[str] = ["--ro-bind", "/usr", "/usr"]
    for place in (Path("/bin"), Path("/sbin"), Path("/lib"), Path("/lib32"), Path("/lib64")):
        if place.is_symlink():
            options += ["--symlink", os.readlink(place), str(place)]
        elif place.exists():
            options += ["--ro-bind", str(place), str(place)]
    options += ["--perms", "0755", "--dir", "/etc"]
    for place in (Path("/etc/ld.so.cache"), Path("/etc/alternatives"), Path("/etc/localtime")):
        options += ["--ro-bind-try", str(place), str(place)] if place.exists() else []
    fixed = [Path("/usr"), *(Path(f"/{name}") for name in ("bin", "sbin", "lib", "lib32", "lib64"))]
    floors: dict[Path, bool] = dict.fromkeys(fixed, True)  # place -> whether what lies below it is there already
    covers, made = [], {Path("/"), Path("/etc"), Path("/tmp")}
    steps = [(len(place.parts), place, True) for place in {*_python_places(), Path(inpaintlib.__file__).resolve().parent}]
    steps += [(len(place.parts), place, False) for place in _covered(hide)]
    for _, place, shown in sorted(steps):
        floor = max((f for f in floors if place.is_relative_to(f)), key=lambda f: len(f.parts), default=None)
        if not shown:
            if floor is not None and floors[floor] and place.is_dir():
                covers.append(str(place))
                options += ["--perms", "0755", "--tmpfs", covers[-1]]
                floors[place] = False
            continue
        if floor is None or not floors[floor]:
            for parent in reversed(place.parents):
                if parent not in made and (floor is None or (parent != floor and parent.is_relative_to(floor))):
                    options += ["--perms", "0755", "--dir", str(parent)]
                    made.add(parent)
        options += ["--ro-bind", str(place), str(place)]
        floors[place] = True
    options += ["--perms", "0755", "--dir", str(GRADER), "--ro-bind", str(INSIDE), str(GRADER / "inside")]
    options += ["--ro-bind", str(policy.__file__), str(GRADER / "policy.py")]
    options += ["--ro-bind", str(modules.__file__), str(GRADER / "modules.py")]
    return [*options, *(word for cover in covers for word in ("--remount-ro", cover))]


def _covered(hide: Sequence[Path]) -> set[Path]:
    """The folders that must not be seen where they lie inside of what is shown: the course, however installed, and what is asked for."""
    packages = _packages()
    places = {ROOT} if ROOT not in packages else set()
    places |= {folder / "course" for folder in packages} | {Path("/usr/share/fonts")}  # matplotlib would read all fonts, for seconds
    return {place.resolve() for place in {*places, *hide}}


def _packages() -> list[Path]:
    folders = {Path(module.__file__).parents[1] for module in (torch, numpy) if module.__file__}
    return sorted(folders | {Path(p) for p in site.getsitepackages() if Path(p).is_dir()})


def _python_places() -> list[Path]:
    """The folders that this Python is made of, under every name by which one of them calls another."""
    places = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve(), *_packages()}
    link = Path(sys.executable)
    while link.is_symlink():  # .venv/bin/python -> python3 -> /somewhere/bin/python3.11
        link = link.parent / os.readlink(link)
        places.add(Path(os.path.normpath(link.parent.parent)))
    places = {place for place in places if not place.is_relative_to("/usr") and place != Path("/")}
    return sorted(place for place in places if not any(place != other and place.is_relative_to(other) for other in places))
