"""Waits that block a cell or a command: a message that appears when one takes long, and counts the seconds."""

from __future__ import annotations

from collections.abc import Callable

from kusto_magic.display.bundle import Bundle, message

PATIENCE = 3.0
"""Seconds before a wait is shown; az usually takes one, a check two."""

TOOLS = {"default": "az, Azure PowerShell or azd", "cli": "az", "powershell": "Azure PowerShell", "developer": "azd"}
"""The programs that a sign-in method runs."""

Show = Callable[[Bundle], None]


class WaitMessage:
    """One message at a time; `open_output` returns a function that shows a bundle in place of the one before."""

    def __init__(self, open_output: Callable[[], Show]) -> None:
        self._open_output = open_output
        self._show: Show | None = None
        self._shown = ""

    def update(self, text: str) -> None:
        """Show a text, in place of the one before it."""
        if self._show is None:
            self._show = self._open_output()
        if text != self._shown:
            self._show(message(text))
        self._shown = text

    def end(self, text: str) -> None:
        """Show a last text if a message is shown; the next one has an output of its own."""
        if self._show is not None:
            self.update(text)
            self._show = None


class SlowSignIn:
    """Called with the seconds that a request has been waited for, and with None when the wait has ended.

    `running_tool` returns the sign-in method that is running a program and its limit in seconds, or None; `open_output`
    is that of `WaitMessage`.
    """

    def __init__(self, running_tool: Callable[[], tuple[str, float] | None], open_output: Callable[[], Show]) -> None:
        self._running_tool = running_tool
        self._message = WaitMessage(open_output)
        self._seconds = 0.0

    def __call__(self, seconds: float | None) -> None:
        """Show or update the message if a program is running, and how long it took when it has ended."""
        running = None if seconds is None else self._running_tool()
        if running is not None and seconds is not None and seconds >= PATIENCE:
            self._seconds = seconds
            kind, limit = running
            self._message.update(f"Waiting for {TOOLS[kind]} to return a token: {seconds:.0f} s of {limit:g} s")
        elif running is None:
            self._message.end(f"Waited {self._seconds:.0f} s for a token.")


class SlowQuery:
    """Called as `SlowSignIn`, while a query runs on a cluster."""

    def __init__(self, open_output: Callable[[], Show], cluster: str) -> None:
        self._message = WaitMessage(open_output)
        self._cluster = cluster
        self._seconds = 0.0

    def __call__(self, seconds: float | None) -> None:
        """Show or update the message, and how long the query took when it has ended."""
        if seconds is None:
            self._message.end(f"Waited {self._seconds:.0f} s for cluster {self._cluster}.")
        elif seconds >= PATIENCE:
            self._seconds = seconds
            # Source: documentation of sandboxes.
            usual = "a new sandbox takes 10 to 15 s"
            self._message.update(f"Querying cluster {self._cluster}: {seconds:.0f} s ({usual})")


class SlowCheck:
    """Called as `SlowSignIn`, while the requirements are being checked."""

    def __init__(self, open_output: Callable[[], Show]) -> None:
        self._message = WaitMessage(open_output)
        self._seconds = 0.0

    def __call__(self, seconds: float | None) -> None:
        """Show or update the message, and how long the check took when it has ended."""
        if seconds is None:
            self._message.end(f"Checked the requirements in {self._seconds:.0f} s.")
        elif seconds >= PATIENCE:
            self._seconds = seconds
            self._message.update(f"Checking the requirements: {seconds:.0f} s")
