"""Shows in the output of a cell that az, azd or PowerShell is being waited for."""

from __future__ import annotations

from collections.abc import Callable

from kusto_magic.display.bundle import Bundle, message

PATIENCE = 3.0
"""Seconds before the wait is shown; az usually takes one."""

TOOLS = {"default": "az, Azure PowerShell or azd", "cli": "az", "powershell": "Azure PowerShell", "developer": "azd"}
"""The programs that a sign-in method runs."""

Show = Callable[[Bundle], None]


class SlowSignIn:
    """Called with the seconds that a request has been waited for, and with None when the wait has ended.

    `running_tool` returns the sign-in method that is running a program and its limit in seconds, or None; `open_output`
    a function that shows a bundle in place of the one before.
    """

    def __init__(self, running_tool: Callable[[], tuple[str, float] | None], open_output: Callable[[], Show]) -> None:
        self._running_tool = running_tool
        self._open_output = open_output
        self._show: Show | None = None
        self._shown = ""
        self._seconds = 0.0

    def __call__(self, seconds: float | None) -> None:
        """Show or update the message if a program is running, and how long it took when it has ended."""
        running = None if seconds is None else self._running_tool()
        if running is not None and seconds is not None and seconds >= PATIENCE:
            self._seconds = seconds
            kind, limit = running
            self._update(f"Waiting for {TOOLS[kind]} to return a token: {seconds:.0f} s of {limit:g} s")
        elif self._show is not None and running is None:
            self._update(f"Waited {self._seconds:.0f} s for a token.")
            self._show = None

    def _update(self, text: str) -> None:
        if self._show is None:
            self._show = self._open_output()
        if text != self._shown:
            self._show(message(text))
        self._shown = text
