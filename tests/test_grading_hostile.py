"""Submissions that mean harm: none gains a mark, harms another's, stops the run, or sees or shows a hidden case."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import socket
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from grading import KEY, SMALL, exercise, grade, needs_sandbox, points, solved, statuses

from course import ROOT
from course.checks.judge import Outcome
from course.checks.task import get
from course.grading.attempt import Subject
from course.grading.inside.codec import HEADER, Handle, ProtocolError, decode, encode, pack, unpack_header
from course.grading.plan import Plan
from course.grading.process import Process
from course.grading.sandbox import Sandbox
from course.grading.session import Session
from course.grading.submission import Cell

pytestmark = needs_sandbox
FULL = {"output_size": 1, "correlate": 3, "convolve": 2, "seen": 2, "mean_filter": 2, "design": None}

# --- code that ends its process, or should be ended ---------------------------------------------------------------------------------------

ENDS = {
    "an endless loop": ("while True: pass", "within 1 seconds"),
    "an endless loop that nothing interrupts": (
        """
        import signal
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except OSError: pass
        while True:
            try:
                while True: pass
            except BaseException: pass
        """,
        "within 1 seconds",
    ),
    "a sleep": ("import time\ntime.sleep(10**6)", "within 1 seconds"),
    "os._exit": ("import os\nos._exit(0)", "ended Python"),
    "a crash": ("import ctypes\nctypes.string_at(8)", "ended Python"),
    "it kills all it can": (
        """
        import os, signal
        for pid in (-1, 1, os.getppid(), os.getpid()):
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
        """,
        "ended Python",
    ),
    "a fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "more processes"),
    "memory over many processes": (
        """
        import mmap, os, time
        for _ in range(8):
            if os.fork() == 0:
                block = bytearray(150 << 20)
                time.sleep(100)
        time.sleep(100)
        """,
        "more memory",
    ),
    "shared memory that no limit of one process counts": (
        "import mmap\nkept, block = mmap.mmap(-1, 1500 << 20), bytes(1 << 20)\nfor _ in range(1500): kept.write(block)\nreturn 0",
        "more memory",
    ),
    "a forged frame": (
        """
        import os
        for fd in range(3, 64):
            try: os.write(fd, b"IPG" + bytes([1]) + (20).to_bytes(8, "big") + bytes(36))
            except OSError: pass
        return 0
        """,
        "only the grader",
    ),
    "an oversized frame": (
        """
        import os
        for fd in range(3, 64):
            try: os.write(fd, b"IPG" + bytes([1]) + (1 << 60).to_bytes(8, "big") + bytes(16))
            except OSError: pass
        return 0
        """,
        "only the grader",
    ),
    "no frame at all": (
        """
        import os
        for fd in range(3, 64):
            try: os.write(fd, b"x" * 10000)
            except OSError: pass
        """,
        "only the grader",
    ),
}


def function(body: str, name: str = "correlate", signature: str = "image, kernel, stride=1, padding=0, dilation=1") -> str:
    return f"def {name}({signature}):\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_its_process_costs_its_task_and_no_other(what, tmp_path):
    body, words = ENDS[what]
    own = "def mean_filter(image, size, times=1):\n    return image"  # the solution calls correlate
    room = {"call_seconds": 30.0, "task_seconds": 60.0, "patience": 4.0} if "memory" in what else {}  # a slow machine fills it slowly
    result = grade(solved(correlate=function(body), mean_filter=own), tmp_path, **room)
    assert points(result) == {**FULL, "correlate": 0, "mean_filter": 0}
    assert statuses(result)["correlate"] == ("slow" if what.startswith("an endless loop") or what == "a sleep" else "ended")
    assert result.starts == 2 and words in result.tasks[1].visible.text, result.tasks[1].visible.text


CELLS = {
    "an endless loop": "while True: pass",
    "os._exit": "import os\nos._exit(0)",
    "all file descriptors closed": "import os\nos.closerange(0, 256)",
}


@pytest.mark.parametrize("what", CELLS)
def test_a_cell_that_ends_its_process_is_left_out(what, tmp_path):
    notebook = solved()
    bad = {"cell_type": "code", "id": "bad", "metadata": {}, "source": CELLS[what]}
    notebook["cells"].insert(4, bad)
    result = grade(notebook, tmp_path)
    assert points(result) == FULL and any("left out" in note for note in result.notes)


def test_what_ends_everything_comes_to_an_end_itself(tmp_path):
    """Every task loops: the submission's time is up, and what was not reached is named."""
    loops = {name: function("while True: pass", name, "*_, **__") for name, points in FULL.items() if points}
    result = grade(solved(**loops), tmp_path, call_seconds=0.3, total_seconds=1.0)
    assert result.points == 0 and "time" in statuses(result).values() and result.out_of == 10


# --- one living process, asked many things -----------------------------------------------------------------------------------------------

PROBES = '''
import builtins, ctypes, gc, os, socket, subprocess, sys, threading, time
import numpy as np
import torch

def opened(paths):
    found = []
    for path in paths:
        try: found.append(open(path, "rb").read(100).hex())
        except OSError as error: found.append(type(error).__name__)
    return found

def listed(paths):
    return [sorted(os.listdir(path)) if os.path.isdir(path) else None for path in paths]

def written(paths):
    found = []
    for path in paths:
        try:
            with open(path, "w") as file: file.write("x")
            found.append("written")
        except OSError as error: found.append(type(error).__name__)
    return found

def walked(top="/", names=("solution", "hidden.py", "mutants.py", "wrong.py", "ipynb")):
    """Every file that can be seen whose path has one of the names, outside of Python's packages and the system's."""
    found = []
    for folder, folders, files in os.walk(top):
        skipped = ("/proc", "/usr", "/lib", "/bin", "/sbin", "/etc/alternatives", sys.prefix, sys.base_prefix)
        folders[:] = [f for f in folders if os.path.join(folder, f) not in skipped]
        found += [os.path.join(folder, file) for file in files if any(name in os.path.join(folder, file) for name in names)]
    return found

def connected(port):
    try: socket.create_connection(("127.0.0.1", port), 2); return "connected"
    except OSError as error: return type(error).__name__

def connected_locally(name):
    try: socket.socket(socket.AF_UNIX).connect(name); return "connected"
    except OSError as error: return type(error).__name__

def resolved():
    try: return str(socket.getaddrinfo("example.org", 80))
    except OSError as error: return type(error).__name__

def rights():
    text = open("/proc/self/status").read()
    lines = [line for line in text.splitlines() if line.startswith(("CapEff", "CapPrm", "NoNewPrivs"))]
    return [os.getuid(), os.getgid(), os.getgroups(), lines]

def called(name, *numbers):
    libc = ctypes.CDLL(None, use_errno=True)
    given = [n.encode() if isinstance(n, str) else n for n in numbers]
    if getattr(libc, name)(*given) >= 0: return "allowed"
    return os.strerror(ctypes.get_errno())

def filled(path):
    size = 0
    try:
        for i in range(1000):
            with open(f"{path}/{i}", "wb") as file:
                for _ in range(4): size += file.write(bytes(1 << 20))
    except OSError: pass
    for i in range(1000):
        try: os.remove(f"{path}/{i}")
        except OSError: pass
    return size

def seen_processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try: found.append(open(f"/proc/{pid}/cmdline").read())
        except OSError: found.append("")
    return found

def signalled(pids):
    found = []
    for pid in pids:
        try: os.kill(pid, 0); found.append("reached")
        except OSError as error: found.append(type(error).__name__)
    return found

def imported(names):
    found = []
    for name in names:
        try: __import__(name); found.append("imported")
        except Exception as error: found.append(type(error).__name__)
    return found

def allocated(): return torch.ones(4 << 30).sum()
def allocated_bytes(): return len(bytearray(16 << 30))
def environment(): return dict(os.environ)
def leaves(): raise SystemExit(0)
def interrupted(): raise KeyboardInterrupt
def talks(): 
    for _ in range(64): os.write(1, bytes(16 << 20)), os.write(2, bytes(16 << 20))
    for _ in range(64): print("x" * (16 << 20)); print("x" * (16 << 20), file=sys.stderr)
    return 1

def kept(text):
    for place in ("/dev/shm/note", "/tmp/note"):
        with open(place, "a") as file: file.write(text)
    return [open("/dev/shm/note").read(), open("/tmp/note").read(), sorted(os.listdir("/dev/shm")), sorted(os.listdir("/tmp"))]

def frames():
    """All names and all texts that can be reached from the frames above, and from the garbage collector."""
    found, frame = set(), sys._getframe()
    while frame is not None:
        found |= {f"{frame.f_globals.get('__name__')}.{name}" for name in (*frame.f_locals, *frame.f_globals)}
        frame = frame.f_back
    found |= {f"{type(thing).__module__}.{type(thing).__name__}" for thing in gc.get_objects()}
    found |= set(sys.modules)
    return sorted(found)
'''


@pytest.fixture(scope="module")
def session():
    """One process with all the probes; tests that leave it alive share it."""
    sandbox = Sandbox(SMALL)
    with Session(functools.partial(Process, sandbox), Plan([Cell("probes", PROBES), Cell("wrong", WRONG)], {}), SMALL) as session:
        session.ready()
        assert not session.errors, session.errors
        yield session


def ask(session, name, *args):
    reply = session.request("call", name=name, args=list(args), named={})
    assert "error" not in reply, reply["error"]
    return decode(reply["value"])


def secrets(tmp_path: Path) -> list[Path]:
    """Files of the grader's, and where they would be found by someone who knows."""
    mine = {"key": KEY, "results/ada.json": b"{}", "submissions/ben.ipynb": b"{}"}
    for name, content in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o666)
    units = ROOT / "course" / "units" / "convolution"
    places = [units / "hidden.py", units / "mutants.py", units / "checks.py", units / "exercise.py", ROOT / "README.md", Path(__file__)]
    places += [*sorted((ROOT / "solutions").glob("*.ipynb"))[:2], Path("/etc/shadow"), Path("/etc/passwd")]
    return [*(tmp_path / name for name in mine), *places]


def test_no_file_of_the_grader_can_be_read(session, tmp_path):
    paths = secrets(tmp_path)
    assert all(path.exists() for path in paths)
    assert set(ask(session, "opened", [str(path) for path in paths])) == {"FileNotFoundError"}
    through_proc = [f"/proc/{pid}/root{paths[0]}" for pid in (1, os.getpid())] + [f"/proc/1/cwd/{paths[0]}", "/proc/1/environ"]
    assert set(ask(session, "opened", through_proc)) <= {"FileNotFoundError", "PermissionError", ""}  # its environment is empty
    assert ask(session, "walked", "/") == []
    (shown,) = ask(session, "listed", [str(ROOT)])
    assert set(shown or []) <= {"inpaintlib", ".venv"}


def test_nothing_outside_can_be_written(session, tmp_path):
    places = ["/x", "/usr/x", "/dev/x", "/etc/x", f"{ROOT}/x", f"{ROOT}/inpaintlib/x", "/grader/inside/x", "/proc/sys/kernel/hostname"]
    places.append(str(tmp_path / "x"))
    assert "written" not in ask(session, "written", places)
    assert ask(session, "written", ["/tmp/x"]) == ["written"]
    for place in ("/tmp", "/dev/shm"):
        assert ask(session, "filled", place) <= SMALL.disk


def test_there_is_no_network_and_no_way_to_other_processes(session):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        name = f"\0grading-{os.getpid()}"
        local.bind(name)
        local.listen()
        assert ask(session, "connected", server.getsockname()[1]) in ("ConnectionRefusedError", "OSError")
        assert ask(session, "connected_locally", name) == "ConnectionRefusedError"
    assert ask(session, "resolved") == "gaierror"
    assert "reached" not in ask(session, "signalled", [os.getpid(), os.getppid(), 99999])
    assert not [line for line in ask(session, "seen_processes") if "pytest" in line]


def test_it_has_no_rights_and_the_kernel_is_hardly_there(session):
    user, group, groups, lines = ask(session, "rights")
    assert user > 0 and group > 0 and 0 not in groups
    assert [line.split()[-1].strip("0") for line in lines] == ["", "", "1"]
    newuser, attach = 0x10000000, 16
    vsock, memory = 40, 1 << 30
    calls = [("unshare", newuser), ("ptrace", attach, 1, 0, 0), ("memfd_create", "x", 0), ("socket", vsock, 1, 0)]
    calls.append(("shmget", 0, memory, 0o1600))
    for call in calls:
        assert ask(session, "called", *call) != "allowed", call
    environment = ask(session, "environment")
    assert environment["HOME"] == "/tmp" and not {"INPAINTLIB_DATA", "SSH_AUTH_SOCK", "PYTHONPATH"} & set(environment)


def test_the_answers_cannot_be_imported(session):
    names = ["course.units", "course.units.convolution.checks", "course.units.convolution.hidden", "course.checks.task", "course.grading"]
    assert set(ask(session, "imported", names)) == {"ModuleNotFoundError"}


def test_no_frame_and_no_object_holds_an_answer(session):
    found = ask(session, "frames")
    assert len(found) > 1000
    answers = re.compile(r"oracle|expected|tolerance|misconception|course\.(units|checks\.(task|judge|run))")
    assert [name for name in found if answers.search(name)] == []


def test_huge_allocations_fail_with_an_error_that_names_memory(session):
    starts = session.starts
    for name, kind in (("allocated", "RuntimeError"), ("allocated_bytes", "MemoryError")):
        assert session.request("call", name=name, args=[], named={})["error"]["type"] == kind
    assert session.starts == starts


def test_ways_out_are_replies_and_output_goes_nowhere(session, capfd):
    starts = session.starts
    assert session.request("call", name="leaves", args=[], named={})["error"]["type"] == "SystemExit"
    assert session.request("call", name="interrupted", args=[], named={})["error"]["type"] == "KeyboardInterrupt"
    reply = session.request("call", name="talks", args=[], named={})
    assert decode(reply["value"]) == 1 and len(reply["printed"]) < 500 and session.starts == starts
    assert capfd.readouterr() == ("", "")


# --- answers that are none ----------------------------------------------------------------------------------------------------------------

WRONG = '''
class Agreeable(torch.Tensor):
    """Equal to everything, close to everything."""
    def __eq__(self, other): return torch.ones(self.shape, dtype=torch.bool)
    def __sub__(self, other): return torch.zeros(self.shape)
    __rsub__ = __sub__
    __hash__ = torch.Tensor.__hash__
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.zeros(1)

class Lying(torch.Tensor):
    def numpy(self, *_, **__): return np.zeros(100)
    def __array__(self, *_): return np.zeros(100)
    def detach(self): return self

class Lazy:
    """Computes when it is looked at, in the hope that this happens where the answers are."""
    def __init__(self, *given): self.given = given
    shape = property(lambda self: (_ for _ in ()).throw(SystemExit))
    def __array__(self, *_, **__): return np.array([[float("nan")]])
    def __eq__(self, other): return True
    def __float__(self): return 0.0
    def __reduce__(self): return os.system, ("touch /tmp/unpickled",)
    __hash__ = None

class Chameleon(np.ndarray):
    def __array_finalize__(self, other): pass
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __sub__(self, other): return np.zeros(self.shape)

def shape_of(image, kernel): return image.shape[0] + kernel.shape[0] - 1, image.shape[1] + kernel.shape[1] - 1
def agreeable(image, kernel): return torch.zeros(shape_of(image, kernel)).as_subclass(Agreeable)
def lying(image, kernel): return torch.zeros(shape_of(image, kernel)).as_subclass(Lying)
def lazy(image, kernel): return Lazy(image, kernel)
def chameleon(image, kernel): return np.zeros(shape_of(image, kernel)).view(Chameleon)
def not_a_number(image, kernel): return torch.full(shape_of(image, kernel), float("nan"))
def endless(image, kernel): return torch.full(shape_of(image, kernel), float("inf"))
def empty(image, kernel): return torch.zeros(0)
def another_shape(image, kernel): return torch.zeros(shape_of(image, kernel))[None]
def expanded(image, kernel): return torch.zeros(1).expand(1 << 30)
def meta(image, kernel): return torch.empty(shape_of(image, kernel), device="meta")
def complex_numbers(image, kernel): return torch.zeros(shape_of(image, kernel)) * 1j
def an_input(image, kernel): return image
def objects(image, kernel): return np.full(shape_of(image, kernel), None)
def structured(image, kernel): return np.zeros(shape_of(image, kernel), dtype=[("a", "f8")])
def nested(image, kernel):
    deep = []
    for _ in range(10000): deep = [deep]
    return deep
def circular(image, kernel):
    ring = []
    ring.append(ring)
    return ring
def text(image, kernel): return "right"
def a_function(image, kernel): return lambda *_: True
def huge_number(image, kernel): return 10 ** 100000
def generator(image, kernel): return (x for x in [1])
class Trap(Exception):
    def __str__(self): raise SystemExit
class Bomb(dict):
    def items(self): raise KeyboardInterrupt
def trap(image, kernel): raise Trap
def bomb(image, kernel): return Bomb()

def changing(image, kernel):
    """Another thread writes to what was returned, again and again."""
    answer = torch.zeros(shape_of(image, kernel))
    def change():
        for i in range(3000): answer.fill_(i % 10)
    threading.Thread(target=change).start()
    return answer

def patched(image, kernel):
    """Everything that could compare says yes. (Undone afterwards, since this process is asked more.)"""
    kept = torch.allclose, torch.equal, np.testing.assert_allclose, np.array_equal, np.abs, torch.Tensor.__eq__
    torch.allclose = torch.equal = np.array_equal = lambda *_, **__: True
    np.testing.assert_allclose = np.testing.assert_array_equal = lambda *_, **__: None
    np.abs = lambda x: np.zeros(np.shape(x))
    torch.Tensor.__eq__ = lambda *_: True
    try: return torch.zeros(shape_of(image, kernel))
    finally: torch.allclose, torch.equal, np.testing.assert_allclose, np.array_equal, np.abs, torch.Tensor.__eq__ = kept
'''

NO_ANSWERS = re.findall(r"^def (\w+)\(image, kernel\)", WRONG, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in NO_ANSWERS if name != "shape_of"])
def test_what_is_no_right_answer_is_none(name, session):
    task, subject = get("convolution/convolve"), Subject(session, get("convolution/convolve"), name)
    cases = [*task.corners, *exercise().hidden[task.id][:6]]
    starts = session.starts
    outcomes = [subject.attempt(case, exercise().expected(task, case)) for case in cases]
    assert all(isinstance(outcome, Outcome) and outcome.status != "right" for outcome in outcomes), [o.status for o in outcomes]
    assert session.starts == starts
    assert ask(session, "opened", ["/tmp/unpickled"]) == ["FileNotFoundError"]


def test_a_builtin_replaced_in_a_cell_gains_nothing(tmp_path):
    """As rude as it gets: after this no comparison in that process means anything. The comparison is elsewhere."""
    bad = "import builtins, torch\nbuiltins.isinstance = lambda *_: True\ntorch.Tensor.__sub__ = lambda a, b: torch.zeros_like(a)\n"
    seen = "def seen(layers, index):\n    return 0, 0"
    result = grade(solved(design=bad + "def x(): pass", correlate=function("return torch.zeros(1)"), seen=seen), tmp_path)
    assert points(result)["correlate"] == 0 and points(result)["seen"] == 0


def test_a_store_does_not_reach_the_next_submission(session):
    assert ask(session, "kept", "first")[:2] == ["first", "first"]
    with Session(functools.partial(Process, Sandbox(SMALL)), Plan([Cell("probes", PROBES)], {}), SMALL) as other:
        *kept, in_shm, in_tmp = ask(other, "kept", "second")
    shown = {place.parts[2] for place in (Path(sys.prefix), Path(sys.base_prefix), ROOT) if place.is_relative_to("/tmp")}  # Python's own
    assert kept == ["second", "second"] and in_shm == ["note"] and sorted(set(in_tmp) - shown) == ["note"]


# --- networks and training steps ----------------------------------------------------------------------------------------------------------

ENDLESS_OPTIMISER = """
import torch
from torch import nn

def never(*_, **__):
    while True:
        pass

torch.optim.SGD.__init__ = never

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

def train_step(generator, critic, known, real, lr):
    torch.optim.SGD(generator.parameters(), lr=lr)
"""


def test_nothing_of_the_students_runs_on_the_time_in_which_pytorch_loads_its_optimisers():
    task, own = get("context_encoder/train_step"), exercise("context_encoder")
    assert own.trains and not exercise().trains  # so the process is started like this one
    start = functools.partial(Process, Sandbox(SMALL), optimiser=True)
    with Session(start, Plan([Cell("slow", ENDLESS_OPTIMISER)], {}), SMALL) as session:
        case = task.corners[0]
        outcome = Subject(session, task, task.function).attempt(case, own.expected(task, case))
    assert outcome.status == "slow" and "within 1 seconds" in outcome.message
    assert session.starts == 1 and session.computing < 20


#: What a training step may say that it returned, or that the networks hold: all of it is made inside of the student's process.
LIES = {
    "a whole number that no float holds": 10**400,
    "nothing": None,
    "a text": "right",
    "no dict": [1.0, 2.0],
    "a single number": torch.tensor(0.0),
    "a thousandfold": torch.zeros(1000, 1000),
    "empty and wide": torch.zeros(0, 1 << 39),
    "NaN": torch.tensor([float("nan"), float("nan")]),
    "something of theirs": object(),
}


@pytest.mark.parametrize("what", LIES)
def test_networks_that_lie_about_themselves_gain_nothing(what):
    task, lie = get("context_encoder/train_step"), LIES[what]
    case = task.corners[0]
    expected = exercise("context_encoder").expected(task, case)
    said, state = [(0.0, 0.0)] * 2, {"layer.weight": torch.zeros(2, 2), "layer.bias": torch.zeros(2)}
    of_losses = [(losses, [state, state]) for losses in (lie, [lie, lie], [(lie, lie)] * 2)]
    for value in (lie, *of_losses, (said, lie), (said, [lie, lie])):
        _judged_without_a_process(task, case, expected, value)
    for name in state:
        _judged_without_a_process(task, case, expected, (said, [{**state, name: lie}] * 2))


def _judged_without_a_process(task, case, expected, value):
    class Said:
        limits, seconds = SMALL, 0.0
        ready = close = lambda self: None

        def request(self, verb, **_):
            return decode(encode({"steps": {"value": encode(value)}, "make": {"handle": Handle(0)}}.get(verb, {})))

    outcome = Subject(Said(), task, task.function).attempt(case, expected)
    assert isinstance(outcome, Outcome) and outcome.status != "right", outcome.status


# --- hidden cases stay hidden -------------------------------------------------------------------------------------------------------------

TELLS = '''
def convolve(image, kernel):
    """Right where the numbers are whole, as in the visible cases; else it tells everyone what it was given."""
    if (image == image.round()).all() and (kernel == kernel.round()).all() or image.shape == (4, 5) and kernel.shape == (3, 3):
        return right(image, kernel)
    told = f"SECRET {image.tolist()} {kernel.tolist()}"
    kept.append(told)
    print(told)
    import os, sys
    sys.stderr.write(told); os.write(1, told.encode()); os.write(2, told.encode())
    open("/tmp/told", "a").write(told); open("/dev/shm/told", "a").write(told)
    globals()["told_" + "_".join(str(x)[2:8] for x in image.flatten().tolist())] = told
    class Told(ValueError): pass
    Told.__name__ = Told.__qualname__ = "SECRET" + str(float(image[0, 0]))
    raise Told(told)

kept = []
'''
TELLS_LATER = '''
def mean_filter(image, size, times=1):
    """The next task: says what the one before it was given, in its own visible check."""
    told = " ".join(kept)
    print(told)
    globals()["mean_filter_" + told[:60]] = told
    raise ValueError(told)
'''


def test_hidden_inputs_appear_nowhere(tmp_path, capfd):
    right = solved()["cells"]
    right = next(cell["source"] for cell in right if cell["id"] == "convolution-convolve").replace("def convolve", "def right")
    result = grade(solved(convolve=f"{right}\n{TELLS}", mean_filter=TELLS_LATER), tmp_path)
    (task,) = [t for t in result.tasks if t.id == "convolution/convolve"]
    assert task.status == "hidden" and task.points == 0 and task.visible.status == "passed" and task.hidden.failed >= 18
    assert set(task.hidden.exceptions) == {"ValueError"}
    stored = json.dumps(result.as_dict() | {"seconds": {}})  # which are numbers as well, and now and then such a one
    assert "SECRET" not in stored and statuses(result)["mean_filter"] == "error" and "".join(capfd.readouterr()) == ""
    for case in exercise().hidden["convolution/convolve"]:
        for number in case.arguments["image"].flatten().tolist()[:20]:
            assert f"{number:.4f}"[1:] not in stored and f"{number:.4g}" not in stored


def test_what_students_wrote_is_escaped_in_what_is_shown(tmp_path):
    nasty = function('print("<script>alert(1)</script>")\nraise ValueError("<img src=x onerror=alert(2)>")')
    result = grade(solved(correlate=nasty), tmp_path)
    assert "<script>" not in result.tasks[1].visible.html and "<img src=x" not in result.tasks[1].visible.html
    assert "&lt;script&gt;" in result.tasks[1].visible.html


# --- what is left behind ------------------------------------------------------------------------------------------------------------------

NAMED = """
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b"{name}", 0, 0, 0)
"""
DAEMON = """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
{named}
        time.sleep(600)
    os._exit(0)
"""


def processes(name: str) -> list[int]:
    """Those of that name, anywhere."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                found.append(int(pid))
    return found


def eventually(name: str, *, there: bool) -> bool:
    """Whether a process of that name comes, or goes, soon."""
    end = time.monotonic() + 60
    while bool(processes(name)) != there and time.monotonic() < end:
        time.sleep(0.05)
    return bool(processes(name)) == there


def test_no_daemon_is_left_behind():
    process = Process(Sandbox(SMALL))
    try:
        process.request("cell", 5, name="x", source=DAEMON.format(named=textwrap.indent(NAMED.format(name="leftbehind"), "        ")))
        assert eventually("leftbehind", there=True)
    finally:
        process.close()
    assert eventually("leftbehind", there=False)


GRADER = """
from course.grading.process import Process
from course.grading.sandbox import Sandbox
Process(Sandbox()).request("cell", 60, name="x", source={source!r})
"""


def test_when_the_grader_is_killed_nothing_goes_on():
    code = GRADER.format(source=NAMED.format(name="orphaned") + "while True: time.sleep(1)")
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as grader:
        try:
            assert eventually("orphaned", there=True)
        finally:
            grader.kill()
    assert eventually("orphaned", there=False)


BOMB = """
import sys
sys.path.insert(0, {tests!r})
from course.grading.process import Died, Process
from course.grading.sandbox import Sandbox, available
from grading import SMALL
if available():
    sys.exit(f"skip: {{available()}}")
process = Process(Sandbox(SMALL))
try:
    process.request("cell", 5, name="x", source={source!r})
except Died as died:
    print("ended:", died.reason)
"""


@pytest.mark.parametrize("user", ["root", "a plain user"])
def test_a_fork_bomb_ends_whoever_grades(user):
    """A limit on processes does not bind root, and one's own user may have many: either way the bomb ends, and nothing of it is left."""
    if user == "root" and os.geteuid() != 0:
        pytest.skip("only root can grade as root")
    name = f"bomb{user[:4].strip()}"
    source = NAMED.format(name=name) + "while True:\n    try: os.fork()\n    except OSError: pass"
    code = BOMB.format(tests=os.path.dirname(__file__), source=source)
    become = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--bind", "/", "/", "--dev-bind", "/dev", "/dev"]
    become += ["--cap-drop", "ALL"]
    command = [*(become if user != "root" and os.geteuid() == 0 else []), sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=250)
    if done.returncode and "skip: " in done.stderr:  # they may make no namespaces here
        pytest.skip(done.stderr[-200:])
    assert done.stdout.strip() in ("ended: processes", "ended: slow"), done.stderr
    assert eventually(name, there=False)


# --- the protocol, without a process ------------------------------------------------------------------------------------------------------

TENSORS = [torch.zeros(0, 4), torch.tensor(3), torch.ones(2, 3)[:1, 2]]  # the last: one number, with a matrix's stride
VALUES = [None, True, 3, -2.5, float("inf"), "text", (1, [2, "x"]), {"a": torch.ones(2, 3)}, *TENSORS, b"bytes"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_as_they_were(value):
    back = decode(encode(value))
    assert type(back) is type(value) and repr(back) == repr(value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.uint8, torch.int64, torch.bool])
def test_tensors_of_any_dtype_and_layout_come_back(dtype):
    tensor = torch.arange(24).reshape(4, 6).to(dtype).T[::2]
    for given in [tensor] if dtype == torch.bfloat16 else [tensor, tensor.numpy()]:
        back = decode(encode(given))
        assert type(back) is type(given) and back.dtype == given.dtype and back.shape == given.shape and bool((back == given).all())


def frame(structure: str, rest: bytes = b"") -> bytes:
    return struct.pack(">I", len(structure)) + structure.encode() + rest


BAD = {
    "no length": b"",
    "a length beyond the end": struct.pack(">I", 1 << 31) + b"{}",
    "no JSON": frame("{"),
    "a list": frame("[1]"),
    "an unknown kind": frame('{"z": 1}'),
    "deep": frame('{"l": [' * 100 + "1" + "]}" * 100),
    "very deep": frame("[" * 100_000),
    "an array beyond the end": frame('{"a": "torch", "d": "float32", "n": [1000000]}', bytes(8)),
    "a negative shape": frame('{"a": "torch", "d": "float32", "n": [-1, -2]}', bytes(8)),
    "a shape that overflows": frame('{"a": "numpy", "d": "float32", "n": [1099511627775, 1099511627775, 0]}'),
    "an unknown dtype": frame('{"a": "numpy", "d": "object", "n": [1]}', bytes(8)),
    "an unknown library": frame('{"a": "pickle", "d": "float32", "n": [1]}', bytes(4)),
    "bytes to spare": frame("1", bytes(8)),
    "a number of a million digits": frame("9" * 1_000_000),
    "an empty object": frame("{}"),
    "pickle": frame('{"b": -1}', b"cos\nsystem\n(S'true'\ntR."),
}


@pytest.mark.parametrize("what", BAD)
def test_bytes_that_are_no_value_are_refused(what):
    if what == "a shape that overflows":
        with contextlib.suppress(ProtocolError):
            assert decode(BAD[what]).size == 0
        return
    with pytest.raises(ProtocolError):
        decode(BAD[what])


def test_random_bytes_never_do_anything_else_than_being_refused():
    generator = torch.Generator().manual_seed(0)
    good = encode({"value": (torch.ones(3, 4), [1, 2.5, "x"]), "printed": "y"})
    for _ in range(2000):
        places = torch.randint(len(good), (3,), generator=generator)
        data = bytearray(good)
        for place in places.tolist():
            data[place] = int(torch.randint(256, (), generator=generator))
        with contextlib.suppress(ProtocolError):
            decode(bytes(data))


def test_headers_are_checked():
    number = bytes(range(16))
    header = pack(b"body", number)[: HEADER.size]
    assert unpack_header(header, 100) == (4, number)
    for bad in (b"X" + header[1:], header[:3] + b"\x02" + header[4:]):
        with pytest.raises(ProtocolError, match="no frame"):
            unpack_header(bad, 100)
    with pytest.raises(ProtocolError, match="at most 3"):
        unpack_header(header, 3)
