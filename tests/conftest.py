"""Fixtures. Slow modules are imported inside the fixtures: only the browser fixtures import Playwright."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from support.home import Home, make_home, temporary_home

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
    from support.environment import EmulatedEnvironment
    from support.kernel import Kernel
    from support.lab import Lab
    from support.notebook import LabNotebook

    from kusto_magic.emulator import ReadyTarget

hypothesis.settings.register_profile("fast", max_examples=20)
EXPECT_MS = 30_000
"""Milliseconds that a browser test waits for a condition; long, because a busy machine is several times slower."""

SCREENSHOTS = Path(__file__).parent.parent / ".dev" / "screenshots"
STARTED = frozenset({"emulator", "kernel", "lab", "shared_kernel", "shell"})
"""Slow fixtures; `python noxfile.py fast` skips the tests that use one."""
SWITCHES = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore the tests that need pytest-jupyter unless it is loaded: they run separately with `-p`."""
    if collection_path.name == "test_handlers.py" and not config.pluginmanager.hasplugin(
        "pytest_jupyter.jupyter_server"
    ):
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that start an IPython or a process as slow, before tests are selected by marker."""
    for item in items:
        if STARTED.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Exclude the thousands of collected tests from garbage collection, which each IPython triggers when it ends."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_test_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Isolate every test from the developer's settings and sign-in, also those without the fixture `home`."""
    with pytest.MonkeyPatch.context() as environment:
        _move_into(environment, make_home(tmp_path_factory.mktemp("no-home")))
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Create a home for the test and select it in the environment; `home.env` is for child processes."""
    path = tmp_path / "home"
    path.mkdir()
    with temporary_home(path) as made:
        _move_into(monkeypatch, made)
        yield made


def _move_into(environment: pytest.MonkeyPatch, home: Home) -> None:
    for name in os.environ.keys() - home.env.keys():
        environment.delenv(name)
    for name, value in home.settings.items():
        environment.setenv(name, value)


@pytest.fixture
def shell(home: Home) -> Iterator[InteractiveShell]:
    """Create a terminal IPython in this process, new for each test and without history."""
    from support.shell import running_shell

    with running_shell() as running:
        yield running


@pytest.fixture
def emulator(home: Home) -> Iterator[Callable[[float], ReadyTarget]]:
    """Return a function that starts the emulator of this home with builds of the given duration in seconds."""
    from kusto_magic.arm import local_emulator

    yield lambda build_seconds: local_emulator.start(build_seconds=build_seconds).target
    local_emulator.stop()


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    """Create an emulated cluster without a socket, and a history for the build managers of several processes."""
    from support.emulator_transport import EmulatorTransport
    from support.environment import EmulatedEnvironment, always_compatible

    made = EmulatedEnvironment(tmp_path, always_compatible, EmulatorTransport())
    yield made
    made.close()


@pytest.fixture
def kernel(home: Home) -> Iterator[Kernel]:
    """Start a real kernel in a separate process."""
    from support.kernel import running_kernel

    with running_kernel(home) as running:
        yield running


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Start one real kernel for all tests of a module that can share it; starting one takes two seconds."""
    from support.kernel import running_kernel

    with temporary_home(tmp_path_factory.mktemp("kernel")) as made, running_kernel(made) as running:
        yield running


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start a real JupyterLab for the tests of a module, with its `LAB_OPTIONS` if it has any."""
    from support.lab import running_lab

    options: Sequence[str] = getattr(request.module, "LAB_OPTIONS", ())
    with temporary_home(tmp_path_factory.mktemp("lab")) as made, running_lab(made, *options) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the browser's executable; if there is none, the test fails in CI and is skipped elsewhere."""
    import chromium

    if found := chromium.find():
        return found
    missing = "no Chromium, Chrome or Edge on this machine; see CONTRIBUTING.md"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Start a headless browser, per module because Playwright's running event loop breaks asyncio tests."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=EXPECT_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=SWITCHES, chromium_sandbox=False)
        yield started
        started.close()


@pytest.fixture(scope="module")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """Create one browser profile for the pages of a module, so that JupyterLab is cached."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """Open a page; its errors become part of the report of a failing test."""
    with profile.new_page() as opened:
        opened.on("console", _write_error)
        opened.on("pageerror", _write)
        yield opened


def _write_error(message: ConsoleMessage) -> None:
    if message.type == "error":
        _write(message.text)


def _write(text: object) -> None:
    sys.stdout.write(f"{text}\n")


@pytest.fixture
def notebook(lab: Lab, page: Page, request: pytest.FixtureRequest) -> Iterator[Callable[[Sequence[str]], LabNotebook]]:
    """Return a function that opens a notebook with these code cells in JupyterLab; call it once per test."""
    from support.notebook import LabNotebook

    lab.reset_settings()
    yield lambda cells: LabNotebook.create(lab, page, _file_name(request.node), cells)
    lab.stop_kernels()


@pytest.fixture
def screenshot(page: Page, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return a function that saves a named screenshot of the page and returns its path."""
    return lambda name: _picture(page, f"{_file_name(request.node)}-{name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save a screenshot of the page when a browser test fails and report its path."""
    report = yield
    page: Page | None = getattr(item, "funcargs", {}).get("page")
    if page is not None and report.when == "call" and report.failed:
        report.sections.append(("Screenshot", str(_picture(page, _file_name(item)))))
    return report


def _picture(page: Page, name: str) -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def _file_name(item: pytest.Item) -> str:
    """Return the name of the test, including its parameters, as a file name."""
    return re.sub(r"[^\w-]+", "-", f"{item.path.stem}-{item.name}").strip("-")
