"""Builds in IPython and in jupyter console, each in a terminal of its own: the live line, resizing, and the result."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if sys.platform == "win32":
    pytest.skip("pexpect has no terminals on Windows", allow_module_level=True)

from rich.cells import cell_len
from support.home import Home
from support.terminal import CONSOLE, IPYTHON, Terminal, running_terminal

if TYPE_CHECKING:
    from kusto_magic.emulator import ReadyTarget

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Start = Callable[[float], "ReadyTarget"]
USE = "%load_ext kusto_magic", "%kusto_image use emulator"
BUILD = "get_ipython().run_cell_magic('kusto_image', '{} --base {} --no-check{}', 'humanize')"


@pytest.fixture
def ipython(home: Home) -> Iterator[Terminal]:
    with running_terminal(home, IPYTHON) as terminal:
        yield terminal


@pytest.fixture
def console(home: Home) -> Iterator[Terminal]:
    with running_terminal(home, CONSOLE) as terminal:
        yield terminal


def _live_lines(shown: str) -> list[str]:
    """Return the states of the live line."""
    return [line for line in re.split(r"\r|\n", _plain(shown)) if line.startswith("• ")]


def _plain(shown: str) -> str:
    """Return a text without terminal sequences."""
    return re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", shown)


def test_live_line_fits_a_terminal_that_is_resized(ipython: Terminal, emulator: Start) -> None:
    emulator(6)
    for line in USE:
        ipython.run(line)
    ipython.start(BUILD.format("forecast-of-all-teams-and-all-products", "Python3_11_7", ""))
    ipython.wait_for("Building forecast-of-all-teams-and-all-products · ")
    ipython.resize(40)
    ipython.wait_for("…")
    shown = ipython.finish()
    narrow = _live_lines(shown)
    assert narrow
    assert max(map(cell_len, narrow)) < 40
    assert all(re.search(r"\d s$", line) for line in narrow)
    assert "\x1b[J\x1b[?25h\x1b[32m✔ Succeeded" in shown  # the line is cleared, and the cursor is visible


def test_failure_is_printed_once(ipython: Terminal, emulator: Start) -> None:
    emulator(0.2)
    for line in USE:
        ipython.run(line)
    shown = ipython.run(BUILD.format("img", "no-such-image", ""))
    assert shown.count("the build request was refused") == 1
    assert shown.count("Next: ") == 1
    assert shown.rstrip().endswith("ServiceError: see the result above.")


def test_interrupt_restores_the_cursor_and_says_how_to_attach(ipython: Terminal, emulator: Start) -> None:
    emulator(3600)
    for line in USE:
        ipython.run(line)
    ipython.start(BUILD.format("img", "Python3_11_7", ""))
    ipython.wait_for("Building img")
    ipython.interrupt()
    shown = ipython.finish()
    assert "\x1b[?25h" in shown
    assert "%kusto_image attach img resumes it" in shown


def test_cell_of_jupyter_console_ends_with_the_result(console: Terminal, emulator: Start) -> None:
    emulator(1)
    for line in USE:
        console.run(line)
    shown = console.run(BUILD.format("img", "Python3_11_7", ""))
    assert any(line.startswith("• Building img · [") for line in _live_lines(shown))
    assert "✔ Succeeded: image img" in _plain(shown)
    detached = console.run(BUILD.format("other", "Python3_11_7", " --no-wait"))
    assert "%kusto_image wait other waits for it and shows the result." in detached
    assert "✔ Succeeded: image other" in _plain(console.run("%kusto_image wait other"))
    assert "The next prompt contains the cell." in console.run("%kusto_image edit img")
