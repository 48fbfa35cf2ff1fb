"""A JupyterLab of its own and a headless Chromium, and the few things that a test does with them.

    def test_lesson(lab, page):
        open_notebook(page, lab.write("a.ipynb", notebook(["1 + 1"])))
        run_all(page)
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

from course.lab import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90_000  # milliseconds: two busy cores, and a kernel that imports torch

# Lines that JupyterLab itself writes as errors and that say nothing about a notebook. Keep this list short, and say why for each.
NOT_OURS: tuple[str, ...] = ()


def launch(playwright: Playwright, path: str) -> Browser:
    """Chromium without a window, without its sandbox where it would refuse to run as root, and without calls to its maker."""
    quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, headless=True, args=[*quiet, *root])


@dataclass
class Lab:
    """A running JupyterLab: its address, its token and the folder that it shows."""

    address: str
    token: str
    folder: Path

    def write(self, name: str, notebook: nbformat.NotebookNode) -> str:
        """Put a notebook into the folder; returns the path by which :func:`open_notebook` opens it."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, self.folder / name)
        return name

    def stop_kernels(self) -> None:
        """End what a test has started: each kernel holds torch in memory."""
        for session in json.loads(self._call("GET", "api/sessions")):
            self._call("DELETE", f"api/sessions/{session['id']}")

    def _call(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self.address}/{path}", method=method, headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


@contextmanager
def serve(folder: Path, home: Path) -> Iterator[Lab]:
    """A JupyterLab on a free port that shows ``folder``, with settings, runtime files and workspaces of its own under ``home``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    places = {name: home / name.lower() for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")}
    environment = os.environ | {f"JUPYTER_{name}": str(path) for name, path in places.items()}
    environment |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    defaults = home / "defaults"
    defaults.mkdir(parents=True)
    (defaults / "overrides.json").write_text(json.dumps(SETTINGS))  # the settings that `make lab` gives to students
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
        *(f"--LabApp.app_settings_dir={defaults}", "--LabApp.expose_app_in_browser=True"),
        *("--LabApp.extension_manager=readonly", "--allow-root"),
    ]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for_server(server, f"{address}/api/status?token={token}", home / "server.log")
        yield Lab(address, token, folder)
    finally:
        server.terminate()  # it shuts its kernels down first
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_server(server: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def notebook(cells: Sequence[str]) -> nbformat.NotebookNode:
    """A notebook of code cells; a cell that begins with "#:" is markdown."""
    made = [
        nbformat.v4.new_markdown_cell(text[2:].strip()) if text.startswith("#:") else nbformat.v4.new_code_cell(text) for text in cells
    ]
    for index, cell in enumerate(made):
        cell["id"] = f"cell-{index}"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=made, metadata=kernel)


class ConsoleErrors(list[str]):
    """What a page has written to the browser's console as an error, and every exception that nobody caught."""

    def attach(self, page: Page) -> None:
        page.on("console", self._message)
        page.on("pageerror", lambda error: self.append(f"uncaught: {error}"))

    def _message(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "") if message.location else ""
        text = f"{message.text} ({where})"
        if message.type == "error" and not any(known in text for known in NOT_OURS):
            self.append(text)


def open_notebook(page: Page, path: str, *, lab: Lab | None = None, kernel: bool = True) -> None:
    """Open a notebook of the lab's folder; wait until its cells are there and, unless ``kernel`` is False, its kernel is idle."""
    base: Any = lab if lab is not None else page.lab  # type: ignore[attr-defined]  # the fixture puts it there
    page.goto(f"{base.address}/lab/tree/{path}?reset&token={base.token}", timeout=PATIENCE)
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell", timeout=PATIENCE)
    if kernel:
        wait_idle(page)


_NOTEBOOK = "window.jupyterapp.shell.currentWidget"


def wait_idle(page: Page) -> None:
    """Wait until the kernel has nothing to do and no cell is waiting for it."""
    page.wait_for_function(
        f"""() => {{
            const panel = {_NOTEBOOK};
            const kernel = panel?.sessionContext?.session?.kernel;
            const waiting = panel?.content?.widgets?.some((cell) => cell.prompt === "*");
            return kernel?.status === "idle" && kernel.connectionStatus === "connected" && !waiting;
        }}""",
        timeout=PATIENCE,
    )


def run_all(page: Page) -> None:
    """Run all cells from the top, and fail with the traceback of the first cell that raises."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_idle(page)
    problem = page.evaluate(
        f"""() => {_NOTEBOOK}.content.model.toJSON().cells
            .flatMap((cell) => cell.outputs ?? []).find((output) => output.output_type === "error") ?? null"""
    )
    assert problem is None, f"a cell raised {problem['ename']}: {problem['evalue']}"


def run_cell(page: Page, source: str) -> str:
    """Run Python in the notebook's kernel, unseen, and return what it printed; how a test looks at a widget's values."""
    printed = page.evaluate(
        f"""async (code) => {{
            const future = {_NOTEBOOK}.sessionContext.session.kernel.requestExecute({{ code, store_history: false }});
            let text = "";
            future.onIOPub = (message) => {{
                if (message.header.msg_type === "stream") text += message.content.text;
                if (message.header.msg_type === "error") text += message.content.traceback.join("\\n");
            }};
            await future.done;
            return text;
        }}""",
        source,
    )
    return str(printed).strip()


def save(page: Page) -> None:
    """Save the notebook as a student does."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(f"() => !{_NOTEBOOK}.context.model.dirty", timeout=PATIENCE)


def set_theme(page: Page, name: str) -> None:
    """Change the theme: "JupyterLab Light" or "JupyterLab Dark"."""
    page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
    dark = str("Dark" not in name).lower()
    page.wait_for_function(f"document.body.dataset.jpThemeLight === '{dark}'", timeout=PATIENCE)
