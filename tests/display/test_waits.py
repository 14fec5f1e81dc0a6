"""What a cell shows while az or the check is being waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.panel_environment import RecordingShell

from kusto_magic.arm.credentials import CredentialFactory, RunningTool
from kusto_magic.display.updated_output import first_only, updated_output
from kusto_magic.display.waits import PATIENCE, TOOLS, SlowCheck, SlowSignIn

AZ = RunningTool("cli", 15.0)


class Waiting:
    """A wait for a program; `shown` has the texts and whether each replaces the one before."""

    def __init__(self, *, in_kernel: bool = True) -> None:
        self.tool: RunningTool | None = None
        self.shell = RecordingShell()

        def output() -> Callable[[dict[str, Any]], None]:
            return updated_output(self.shell.publish) if in_kernel else first_only(self.shell.publish)

        self.observer = SlowSignIn(lambda: self.tool, output)

    def wait(self, seconds: float | None, tool: RunningTool | None = AZ) -> None:
        self.tool = tool
        self.observer(seconds)

    @property
    def shown(self) -> list[tuple[str, bool]]:
        return [(data["text/plain"], is_update) for data, is_update in self.shell.shown]


def test_short_wait_and_wait_for_the_service_show_nothing() -> None:
    waiting = Waiting()
    waiting.wait(PATIENCE - 0.5)
    waiting.wait(60.0, None)
    waiting.wait(None)
    assert waiting.shown == []


def test_long_wait_is_shown_in_one_output_that_ends_with_its_duration() -> None:
    waiting = Waiting()
    for seconds in (2.5, 3.0, 3.5, 4.0):
        waiting.wait(seconds)
    waiting.wait(4.5, None)
    waiting.wait(9.0, None)
    waiting.wait(None)
    assert [is_update for _, is_update in waiting.shown] == [False] + [True] * (len(waiting.shown) - 1)
    assert waiting.shown[0][0] == "Waiting for az to return a token: 3 s of 15 s"
    assert waiting.shown[-1][0] == "Waited 4 s for a token."


def test_failed_wait_ends_the_message_and_the_next_one_has_its_own() -> None:
    waiting = Waiting()
    waiting.wait(5.0)
    waiting.wait(None)
    waiting.wait(5.0)
    waiting.wait(None)
    assert [is_update for _, is_update in waiting.shown] == [False, True, False, True]
    assert waiting.shown[1][0] == "Waited 5 s for a token."


def test_terminal_shows_one_line() -> None:
    waiting = Waiting(in_kernel=False)
    for seconds in (3.0, 4.0, 5.0):
        waiting.wait(seconds)
    waiting.wait(None)
    assert [text for text, _ in waiting.shown] == ["Waiting for az to return a token: 3 s of 15 s"]


@pytest.mark.parametrize("kind", ["cli", "default", "powershell", "developer", "environment", "device"])
def test_only_a_method_that_runs_a_program_is_waited_for(kind: str) -> None:
    factory = CredentialFactory(kind, az_timeout=20.0)
    credential: Any = factory("https://management.azure.com", "a")
    assert factory.running_tool is None
    with credential._lock:
        assert factory.running_tool == (RunningTool(kind, 20.0) if kind in TOOLS else None)


def test_long_check_is_shown_in_one_output_that_ends_with_its_duration() -> None:
    shell = RecordingShell()
    observer = SlowCheck(lambda: updated_output(shell.publish))
    for seconds in (1.0, 3.0, 3.5, 4.5, None):
        observer(seconds)
    shown = [(data["text/plain"], is_update) for data, is_update in shell.shown]
    assert shown[0] == ("Checking the requirements: 3 s", False)
    assert shown[-1] == ("Checked the requirements in 4 s.", True)


def test_short_check_is_not_shown() -> None:
    shell = RecordingShell()
    observer = SlowCheck(lambda: updated_output(shell.publish))
    for seconds in (PATIENCE - 0.5, None):
        observer(seconds)
    assert shell.shown == []
