"""Fixtures of the browser tests: one JupyterLab and one Chromium for each worker, a fresh browser context for each test."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from course.doctor import find_chromium

from .harness import PATIENCE, ConsoleErrors, Lab, launch, serve

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and skip them with one loud line where there is no Chromium."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.browser)
    if ours and find_chromium() is None:
        warnings.warn(f"NO CHROMIUM FOUND: {len(ours)} browser tests are skipped. Install the package chromium.", stacklevel=1)
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="no Chromium on this machine: install the package chromium"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that shows an empty folder."""
    with serve(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Headless Chromium."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE / 3)  # what is expected comes at once on an idle machine, later on a busy one

    path = find_chromium()
    assert path is not None
    with sync_playwright() as playwright:
        chromium = launch(playwright, path)
        yield chromium
        chromium.close()


@pytest.fixture
def console_errors() -> ConsoleErrors:
    """The errors in the browser's console; a test that expects one takes it out of this list."""
    return ConsoleErrors()


@pytest.fixture
def context_options() -> dict[str, object]:
    """Options of the browser context; a test may override them, for example ``{"reduced_motion": "reduce"}``."""
    return {}


@pytest.fixture
def page(browser, lab: Lab, console_errors: ConsoleErrors, context_options: dict[str, object], request: pytest.FixtureRequest):
    """A page in a fresh context; afterwards, an error in its console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, **context_options)
    fresh = context.new_page()
    fresh.set_default_timeout(PATIENCE)
    fresh.lab = lab
    console_errors.attach(fresh)
    yield fresh
    folder = os.environ.get("BROWSER_SCREENSHOTS")  # a picture of each page as its test left it
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        fresh.screenshot(path=Path(folder) / f"{request.node.name}.png")
    context.close()
    lab.stop_kernels()
    assert not console_errors, "the browser's console has errors:\n" + "\n".join(console_errors)
