"""Set up ``.venv`` and run a verb of the course in it: what ``make`` calls, with nothing but a system Python.

Only the standard library is used, and only syntax that Python 3.7 can read, so that an old Python can still say what is wrong. A verb
gets the packages that it needs: a student's ``lab`` does without those of the tests. The environment is stamped once they are installed,
with a hash of what decides over it and their extras: a second call starts at once, an interrupted one goes on. An environment that is
there already, made by hand for example, is kept and only added to.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 14)
NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")
EXTRAS = "course,test"  # everything; of pyproject.toml
#: What these verbs need of it.
FEWER = {"lab": "course", "doctor": "course", "build": "course", "check-submission": "course", "reset": "course"}
DECIDE = ("pyproject.toml", "constraints.txt")
STAMP = "course-stamp.txt"
#: Free space that an installation needs, in GB: the environment takes 2.0 with a CPU build of torch, the downloads about 0.6 more. The
#: usual torch for Linux on x86-64 brings NVIDIA's libraries along, several GB of them.
NEEDS, NEEDS_TEMPORARY, NEEDS_CUDA = 3.0, 1.0, 9.0
AGAIN = "run the same command again"


class Problem(Exception):
    """What is wrong, and how to mend it."""


def main():
    """Prepare the environment, then hand over to ``python -m course``."""
    parser = argparse.ArgumentParser(description="Set up .venv and run a verb of the course in it.")
    parser.add_argument("verb", nargs=argparse.REMAINDER, help="what python -m course is to do; nothing: only set up")
    args = parser.parse_args()
    try:
        python = prepare(ROOT, extras=FEWER.get(args.verb[0] if args.verb else "", EXTRAS))
    except Problem as problem:
        sys.stderr.write(f"\nThe course could not be set up.\n{problem}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"\nStopped. To go on with the set-up, {AGAIN}.\n")
        return 130
    if not args.verb:
        return 0
    command = [python, "-m", "course", *args.verb]
    if os.name == "posix":
        os.execv(python, command)
    return subprocess.call(command)


def prepare(root, say=print, extras=EXTRAS):
    """Return the path of the environment's Python, making the environment or adding the extras first where that is needed."""
    venv = os.path.join(root, ".venv")
    python = os.path.join(venv, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    with Lock(root):
        wanted, there = stamp(root), (read(os.path.join(venv, STAMP)) or "").split()
        have = set((there[1] if there[1:] else EXTRAS).split(",")) if there else set()
        if there[:1] == [wanted] and have >= set(extras.split(",")) and version_of(python):
            return python
        check_space(root)
        if not suits(version_of(python)):
            create(venv, find_python(), say)
            have = set()
        extras = ",".join(sorted(have | set(extras.split(","))))  # what was there is brought up to date too
        install(root, python, say, extras)
        try:
            with open(os.path.join(venv, STAMP), "w") as file:  # last: an interrupted installation is taken up again
                file.write(f"{wanted} {extras}")
        except OSError as error:
            raise Problem(f"{venv} cannot be written: {error.strerror}.") from error
    return python


def stamp(root):
    """A hash of everything that decides over the environment, the place of the tree included: the installation points at it."""
    digest = hashlib.sha256(f"{root}\n{EXTRAS}\n".encode())
    for name in DECIDE:
        try:
            with open(os.path.join(root, name), "rb") as file:
                digest.update(file.read())
        except OSError:
            raise Problem(f"{name} is missing. Restore it with:  git checkout {name}") from None
    return digest.hexdigest()


def read(path):
    """The text of a small file, or None."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


class Lock:
    """Two ``make`` at once wait for each other; where the file system has no locks, they do not."""

    def __init__(self, root):
        self.path = os.path.join(root, DECIDE[0])
        self.file = None

    def __enter__(self):
        try:
            import fcntl

            self.file = open(self.path)
            fcntl.flock(self.file, fcntl.LOCK_EX)
        except (ImportError, OSError):
            pass

    def __exit__(self, *_):
        if self.file:
            self.file.close()


def version_of(python):
    """(major, minor) of an interpreter, or None if it does not start."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60)
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def suits(version):
    """Whether the course runs on this version."""
    return version is not None and OLDEST <= version <= NEWEST


def find_python(names=NAMES):
    """A suitable Python on the PATH that can make an environment.

    Raises:
        Problem: there is none, or the only ones lack the module ``venv``.
    """
    seen, without_venv = [], []
    for name in names:
        path = shutil.which(name)
        version = version_of(path) if path else None
        if version is None:
            continue
        seen.append("{} is {}.{}".format(name, *version))
        if not suits(version):
            continue
        if subprocess.run([path, "-c", "import venv, ensurepip"], stderr=subprocess.DEVNULL).returncode == 0:
            return path
        without_venv.append("{}.{}".format(*version))
    if without_venv:
        raise Problem(
            f"Python {without_venv[0]} is here, but without its module venv. On Debian and Ubuntu, install it with\n"
            f"    sudo apt-get install python{without_venv[0]}-venv\nand {AGAIN}."
        )
    wanted = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
    raise Problem(f"The course needs Python {wanted}; found here: {', '.join(seen) or 'none'}.\n{remedy_for_python()}")


def remedy_for_python():
    """How to get a Python on this system."""
    ways = {
        "Darwin": "Install one with  brew install python@3.12  or from python.org,",
        "Windows": "Install one with  winget install Python.Python.3.12  or from python.org,",
    }
    linux = "Install one with  sudo apt-get install python3 python3-venv  (Debian 12, Ubuntu 24.04, newer) or  sudo dnf install python3.12,"
    conda = "or use conda:  conda env create -f environment.yml && conda activate inpaint && python -m course lab"
    return f"{ways.get(platform.system(), linux)}\nand {AGAIN},\n{conda}"


def check_space(root):
    """Refuse to begin an installation that cannot end.

    Raises:
        Problem: too little free space where the environment or temporary files go.
    """
    for place, needs in ((root, NEEDS), (tempfile.gettempdir(), NEEDS_TEMPORARY)):
        free = shutil.disk_usage(place).free / 1e9
        if free < needs:
            raise Problem(f"Only {free:.1f} GB are free in {place}; the installation needs {needs:.1f}. Free some space and {AGAIN}.")
    free = shutil.disk_usage(root).free / 1e9
    if free < NEEDS_CUDA and platform.system() == "Linux" and platform.machine() == "x86_64":
        sys.stderr.write(
            f"Note: {free:.1f} GB are free here. The usual torch for Linux brings NVIDIA's libraries along and may need\n"
            f"{NEEDS_CUDA:.0f} GB; README says how to get the small one for processors only.\n"
        )


def create(venv, base, say):
    """Make the environment; one that is there but does not start, or has another Python, is made anew."""
    if os.path.exists(venv) and not os.path.exists(os.path.join(venv, "pyvenv.cfg")) and os.listdir(venv):
        raise Problem(f"{venv} is there, but it is no Python environment. Move it out of the way and {AGAIN}.")
    say(f"Making a Python environment in {venv} with {base} ...")
    done = subprocess.run([base, "-m", "venv", "--clear", venv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Problem(explain(done.stdout.decode(errors="replace"), "The environment could not be made:"))


def install(root, python, say, extras=EXTRAS):
    """Install the course with the exact versions of constraints.txt; what is there already stays."""
    say("Installing the course and its libraries; the first time this takes some minutes.")
    if subprocess.run([python, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        subprocess.run([python, "-m", "ensurepip"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # some tools make one without pip
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["-c", os.path.join(root, "constraints.txt"), "-e", f"{root}[{extras}]"]
    said, progress = [], Progress()
    say(progress.line())
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=root)
    for raw in process.stdout or ():
        line = raw.decode(errors="replace").rstrip()
        said.append(line)
        news = progress.read(line)
        if news:
            say(news)
    if process.wait():
        raise Problem(explain("\n".join(said), "pip could not install everything:"))
    say("Ready.")


class Progress:
    """How far pip is, from what it says: a line now and then instead of one for each of a hundred packages."""

    EVERY = 5.0  # seconds between two lines
    LARGE = 30.0  # MB: a download that one waits for is named
    DOWNLOAD = re.compile(r"Downloading (?:\S*/)?([^\s/]+?)-\d\S*\.(?:whl|tar\.gz|zip) \(([\d.]+) (bytes|kB|MB|GB)\)")

    def __init__(self, clock=time.monotonic):
        self.clock, self.said = clock, clock()
        self.step, self.packages, self.megabytes = 1, 0, 0.0
        self.now = None  # the download that goes on: its name and its MB

    def read(self, text):
        """Take in a line of pip's; return one to show, or None."""
        text = text.strip()
        if text.startswith(("ERROR", "WARNING: Retrying")):
            return "  " + text[:120]
        step, found = self.step, self.DOWNLOAD.match(text)
        if text.startswith("Installing collected packages:"):
            self.finish()
            self.step, self.packages = 3, text.count(",") + 1
        elif found:
            self.finish()
            self.step = 2
            size = float(found.group(2)) * {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}[found.group(3)]
            self.now = (found.group(1).replace("_", "-"), size)
        large = found and self.now and self.now[1] >= self.LARGE
        if self.step == step and not large and self.clock() - self.said < self.EVERY:
            return None
        self.said = self.clock()
        return self.line()

    def finish(self):
        """pip names a download when it begins: it has ended when the next line comes."""
        if self.now:
            self.packages, self.megabytes, self.now = self.packages + 1, self.megabytes + self.now[1], None

    def line(self):
        """Where the installation stands."""
        if self.step == 1:
            return "  step 1 of 3: looking up which packages are needed ..."
        if self.step == 3:
            return f"  step 3 of 3: installing {self.packages} packages ..."
        now = ", now {} ({:.0f} MB)".format(*self.now) if self.now and self.now[1] >= self.LARGE else ""
        return f"  step 2 of 3: downloading; {self.packages} packages, {self.megabytes:.0f} MB so far{now} ..."


def explain(text, what):
    """What pip or venv said last, and its remedy."""
    remedies = (
        (("No space left on device", "Errno 28", "Disk quota exceeded"), f"The disk is full. Free some space and {AGAIN}."),
        (("ensurepip",), f"Install the package python3-venv (Debian, Ubuntu) and {AGAIN}."),
        (("Read-only file system", "Permission denied"), "You may not write there. Copy the course to a folder of your own."),
        (("DO NOT MATCH THE HASHES", "BadZipFile", "IncompleteRead"), f"A download was damaged; {AGAIN}."),
        (("NewConnectionError", "NameResolution", "Max retries", "timed out", "SSLError", "Proxy"), f"Is there a network? If so, {AGAIN}."),
        (("No matching distribution",), "Is there a network, and is this a 64-bit Python from python.org, the system or conda?"),
    )
    hint = next((remedy for signs, remedy in remedies if any(sign in text for sign in signs)), f"Please {AGAIN}, or ask with these lines.")
    tail = "\n".join("    | " + line for line in text.strip().splitlines()[-8:])
    return f"{what}\n{tail}\n{hint}"


if __name__ == "__main__":
    sys.exit(main())
