"""``make lab``: bring workspace/ up to date and open JupyterLab on the first lesson."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course import CourseError, Tree, workspace
from course.files import write_atomically

__all__ = ["command", "environment", "find_port"]

PORT, TRIES = 8888, 30
#: JupyterLab asks newcomers whether it may fetch its news; a lesson should be the first thing that they see. And it saves widgets with
#: their notebook only when told to: without that, a lesson that is opened again the next day says "model not found" for each of them.
SETTINGS: dict[str, Any] = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser (on a remote machine)")
    parser.add_argument("--port", type=int, help=f"the port to listen on; by default the first free one from {PORT}")


def find_port(asked: int | None, say: Callable[[str], object] = print) -> int:
    """The port to use: the one that was asked for, or the first free one.

    Raises:
        CourseError: the asked port is in use (by whom is said where it can be found out), out of range, or none is free.
    """
    if asked is not None:
        if not 1 <= asked <= 65535:
            raise CourseError(f"--port is {asked}; expected a number from 1024 to 65535.")
        if reason := _refused(asked):
            raise CourseError(f"Port {asked} {reason}. Choose another one, for example --port {_first_free(asked + 1)}, or leave it out.")
        return asked
    port = _first_free(PORT)
    if port != PORT:
        say(f"Port {PORT} {_refused(PORT)}; taking {port} instead.")
    return port


def _first_free(start: int) -> int:
    for port in range(start, min(start + TRIES, 65536)):
        if not _refused(port):
            return port
    raise CourseError(f"No port from {start} to {start + TRIES - 1} is free. Stop some servers (jupyter server list), or name one: --port.")


def _refused(port: int) -> str:
    """Why a port cannot be listened on, or an empty string."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return ""
        except PermissionError:
            return "may only be opened by an administrator"
        except OSError:
            return f"is in use{_user_of(port)}"


def _user_of(port: int) -> str:
    """`` by NAME (process 123)`` where the system lets us know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""


def command(tree: Tree, port: int, *, browser: bool = True, settings: Path | None = None) -> list[str]:
    """The command line of JupyterLab, opened on the first lesson of the workspace.

    Args:
        tree: the course.
        port: a free port; JupyterLab is told not to look for another one.
        browser: open a browser.
        settings: a folder with ``overrides.json``, JupyterLab's default settings.
    """
    lessons = sorted((tree.workspace / "lessons").glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise CourseError(f"{tree.shown(tree.workspace)}/lessons is empty. Run python -m course build, then this again.")
    options = [
        f"--ServerApp.root_dir={tree.workspace}",
        f"--LabApp.default_url=/lab/tree/lessons/{lessons[0].name}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
    ]
    options += [f"--LabApp.app_settings_dir={settings}"] if settings else []
    options += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # in a container one often is root; JupyterLab would refuse to start
    return [sys.executable, "-m", "jupyterlab", *options]


def trust(tree: Tree) -> None:
    """Tell Jupyter that the untouched copies are ours, so that it shows their stored figures as they are instead of taking parts out."""
    import nbformat
    from nbformat.sign import NotebookNotary

    try:
        notary = NotebookNotary()
        for path in workspace.untouched(tree):
            notebook = nbformat.read(path, as_version=4)
            if not notary.check_signature(notebook):
                notary.sign(notebook)
    except (OSError, sqlite3.Error) as error:
        print(f"Note: the lessons could not be marked as trusted ({error}); run their cells to see every figure.", file=sys.stderr)


def environment() -> dict[str, str]:
    """The environment of the server: its kernels come from this Python, and run in the quick profile unless another one is set."""
    return {"INPAINTLIB_PROFILE": "quick", **os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}


def main(args: argparse.Namespace, tree: Tree) -> int:
    workspace.update(tree)
    trust(tree)
    port = find_port(args.port)
    settings = tree.workspace / ".jupyterlab"
    write_atomically(settings / "overrides.json", json.dumps(SETTINGS, indent=1) + "\n")
    arguments = command(tree, port, browser=not args.no_browser, settings=settings)
    print(f"JupyterLab starts on port {port} and serves {tree.workspace}. Ctrl-C here, twice, stops it.", flush=True)
    if os.name == "posix":  # take its place, so that Ctrl-C and its question reach the person
        os.chdir(tree.workspace)
        os.execve(arguments[0], arguments, environment())
    return subprocess.call(arguments, cwd=tree.workspace, env=environment())
