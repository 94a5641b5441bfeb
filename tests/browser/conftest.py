"""Browser tests run only when they are named: `make test-browser`, or `pytest tests/browser`. They need Playwright and Chromium."""

import os
import shutil
from pathlib import Path

import pytest

from tests.browser.desks import Desk, Room

HERE = Path(__file__).parent
# Debian, Fedora and a usual installation call it by different names.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # The course needs no network after its set-up: a page that asks for one gets none.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
#: Where the screenshots are kept.
PICTURES = HERE.parents[1] / "build" / "browser"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out of a run of all tests: two JupyterLabs and a browser want the machine for themselves."""
    named = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    return None if any(path.resolve().is_relative_to(HERE) for path in named) else True


@pytest.fixture(scope="session")
def browser():
    """Chromium as the system has it; nothing is downloaded."""
    from playwright.sync_api import sync_playwright

    if os.name == "nt":
        pytest.skip("nbgrader's exchange refuses Windows")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("the browser tests need Chromium: on Debian and Ubuntu, `apt-get install chromium`")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def room(tmp_path) -> Room:
    """An instructor's and a student's folder, and the exchange between them."""
    return Room(tmp_path)


@pytest.fixture
def sit_down(browser, request):
    """A function: at a desk, open JupyterLab in a browser window; returns its `Screen`."""
    from tests.browser.screen import Screen  # not at the top: a run of all tests reads this file, and may have no Playwright

    opened = []

    def open_screen(desk: Desk, path: str = "") -> Screen:
        opened.append(desk)
        desk.start()
        screen = Screen(browser.new_context(viewport={"width": 1400, "height": 900}).new_page(), PICTURES / f"{request.node.name}-{desk.name}")
        opened.append(screen)
        screen.open_lab(desk.address(f"/lab/tree/{path}" if path else "/lab"))
        return screen

    yield open_screen
    for thing in reversed(opened):
        thing.close()
