"""``make lab``: a free port, the first lesson, and a JupyterLab that really answers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from course import CourseError, build, lab, workspace


def listening():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server, server.getsockname()[1]


def test_a_port_in_use_is_named_with_another_one():
    server, port = listening()
    with server, pytest.raises(CourseError, match=rf"Port {port} is in use.*--port \d+"):
        lab.find_port(port)
    assert lab.find_port(port) == port  # free again


def test_who_holds_the_port_is_said_where_the_system_tells():
    server, port = listening()
    with server:
        said = lab._user_of(port)
    assert said == "" or f"(process {os.getpid()})" in said


def test_without_a_wish_the_next_free_port_is_taken(monkeypatch):
    server, port = listening()
    monkeypatch.setattr(lab, "PORT", port)
    said: list[str] = []
    with server:
        found = lab.find_port(None, said.append)
    assert port < found < port + lab.TRIES and said == [said[0]] and f"taking {found} instead" in said[0]


def test_ports_that_cannot_be(monkeypatch):
    with pytest.raises(CourseError, match="expected a number from"):
        lab.find_port(70000)
    monkeypatch.setattr(lab, "_refused", lambda _: "is in use")
    with pytest.raises(CourseError, match=r"No port from .* is free"):
        lab.find_port(None)


def test_the_first_lesson_is_opened(small_course):
    with pytest.raises(CourseError, match="is empty"):
        lab.command(small_course, 8888)
    build.build(small_course)
    workspace.update(small_course)
    command = lab.command(small_course, 8123, browser=False)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/lessons/01_start.ipynb" in command and "--no-browser" in command
    assert f"--ServerApp.root_dir={small_course.workspace}" in command and "--ServerApp.port=8123" in command
    assert "--no-browser" not in lab.command(small_course, 8123)


def test_untouched_copies_are_trusted_and_no_others(small_course, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    build.build(small_course)
    workspace.update(small_course)
    mine = small_course.workspace / "lessons" / "03_windows.ipynb"
    mine.write_text(mine.read_text("utf-8").replace("import statistics", "import os"), "utf-8")
    lab.trust(small_course)
    trusted = {path.name: NotebookNotary().check_signature(nbformat.read(path, 4)) for path in mine.parent.glob("*.ipynb")}
    assert trusted == {"01_start.ipynb": True, "03_windows.ipynb": False}


def test_jupyterlab_starts_on_the_workspace(small_course, tmp_path):
    """The whole verb: update the workspace, pick the port, serve the first lesson with the course's settings, stop on a signal."""
    build.build(small_course)
    server, port = listening()
    server.close()
    places = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    env = os.environ | places | {"JUPYTER_TOKEN": "secret"}
    command = [sys.executable, "-m", "course", "--root", str(small_course.root), "lab", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stdout), daemon=True)
    reader.start()
    try:
        content = json.loads(get(process, said, f"http://127.0.0.1:{port}/api/contents/lessons?token=secret"))
        assert sorted(item["name"] for item in content["content"]) == ["01_start.ipynb", "03_windows.ipynb"]
        page = get(process, said, f"http://127.0.0.1:{port}/lab/tree/lessons/01_start.ipynb?token=secret")
        assert "jupyter-config-data" in page
        plugin = f"http://127.0.0.1:{port}/lab/api/settings/@jupyterlab/apputils-extension:notification?token=secret"
        properties = json.loads(get(process, said, plugin))["schema"]["properties"]
        assert properties["fetchNews"]["default"] == "false"  # nobody is asked about news before the first lesson
        second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert second.returncode == 2 and f"Port {port} is in use" in second.stderr
    finally:
        process.terminate()
        process.wait(timeout=30)
        reader.join(timeout=10)
    assert re.search(rf"JupyterLab starts on port {port}", "".join(said))


def get(process, said, url):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not answer:\n{''.join(said)[-3000:]}")
