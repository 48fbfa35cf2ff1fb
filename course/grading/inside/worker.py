"""The student's process: gives up its rights, imports PyTorch, then answers one request after another.

It is started as ``python -c "...main()" SETTINGS`` with requests on its standard input and replies on its standard output; both are
moved away before any of the student's code runs, so that a ``print`` goes nowhere. What is written there by hand is an answer like
any other: it is compared outside, and it must repeat the number of a request that is not known before it comes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import warnings
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Serve requests until the grader closes the pipe."""
    settings = json.loads(sys.argv[1])
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    failure = _give_up_rights(settings)
    import torch

    torch.set_num_threads(1)
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    from . import standin
    from .codec import HEADER, decode, encode, pack, unpack_header
    from .verbs import Student

    standin.install()
    warnings.simplefilter("ignore")
    modules = _module(settings["modules"])
    if settings["optimiser"]:
        modules.prepare()
    student = Student(_module(settings["policy"]), modules)
    sys.path[:] = [path for path in sys.path if path not in (settings["here"], "")]
    sys.argv[:] = ["notebook"]
    _limit_memory(settings)
    _write(replies, pack(encode({"ready": not failure, "why": failure}), bytes.fromhex(settings["number"])))
    while not failure:
        header = _read(requests, HEADER.size)
        length, number = unpack_header(header, sys.maxsize)
        request = decode(_read(requests, length))
        reply = student.do(request)
        if len(reply) > settings["reply"]:
            reason = f"the answer has {len(reply)} bytes, far too many"
            reply = encode({"error": {"type": "ValueError", "mro": ["ValueError"], "text": reason}})
        _write(replies, pack(reply, number))


def _give_up_rights(settings: dict[str, Any]) -> str:
    """Limits first, since only root may set some of them; then another user, for good. What failed, or nothing."""
    try:
        import resource
    except ImportError:  # Windows: only for students, on their own machine
        return ""
    if settings["limits"]:
        for name, value in settings["limits"].items():
            number = getattr(resource, f"RLIMIT_{name}", None)
            if number is not None:
                _, hard = resource.getrlimit(number)
                value = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(number, (value, value))
    if (user := settings["user"]) is not None:
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        except OSError as error:
            return f"the sandbox could not become user {user}: {error}"
        if os.getuid() == 0 or os.geteuid() == 0:
            return "the sandbox is still root"
    os.umask(0o077)
    return ""


def _limit_memory(settings: dict[str, Any]) -> None:
    """So much more than now; a friendlier end than being killed, since the code gets an exception that names its line."""
    if not settings["memory"]:
        return
    with contextlib.suppress(ImportError, OSError, ValueError, StopIteration):
        import resource

        with open("/proc/self/status") as file:
            now = next(int(line.split()[1]) for line in file if line.startswith("VmData:"))
        limit = now * 1024 + settings["memory"]
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _module(path: str) -> Any:
    """A file of the course that may be seen inside, by itself and not as part of the course."""
    spec = importlib.util.spec_from_file_location(f"grader_{os.path.basename(path)[:-3]}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read(fd: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(fd, min(length, 1 << 20))
        if not part:
            os._exit(0)  # the grader is done
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
