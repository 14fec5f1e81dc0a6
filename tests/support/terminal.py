"""IPython and jupyter console in a terminal of their own: type lines, read what is shown, resize."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pexpect

from support.home import Home
from support.interrupts import accept_interrupts

TIMEOUT_S = 60
IPYTHON = ("-m", "IPython", "--simple-prompt", "--no-banner", "--colors=nocolor", "--no-confirm-exit")
CONSOLE = ("-m", "jupyter_console", "--kernel", "python3", "--simple-prompt")


class Terminal:
    """A running program with numbered prompts."""

    def __init__(self, process: pexpect.spawn[str]) -> None:
        self._process = process
        self._prompt = 1

    def run(self, line: str) -> str:
        """Run a line and return what is shown until the next prompt."""
        self.start(line)
        return self.finish()

    def start(self, line: str) -> None:
        """Type a line."""
        self.wait_for(f"In \\[{self._prompt}\\]: ")
        self._prompt += 1
        self._process.sendline(line)
        self.wait_for("\r\n")

    def finish(self) -> str:
        """Return what is shown until the next prompt."""
        self.wait_for(f"(?=In \\[{self._prompt}\\]: )")
        return str(self._process.before).replace("\r\n", "\n")

    def wait_for(self, pattern: str) -> None:
        """Wait until this pattern is shown. Raises pexpect.TIMEOUT."""
        self._process.expect(pattern)

    def resize(self, columns: int) -> None:
        """Change the width of the terminal."""
        self._process.setwinsize(40, columns)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.sendintr()


@contextmanager
def running_terminal(home: Home, program: tuple[str, ...], *, columns: int = 80) -> Iterator[Terminal]:
    """Start IPYTHON or CONSOLE in a terminal of this width; end it when the block ends."""
    environment = {name: value for name, value in home.env.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    process: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, [*program], env=environment, cwd=str(home.work), dimensions=(40, columns), encoding="utf-8",
        timeout=TIMEOUT_S, preexec_fn=accept_interrupts,
    )  # fmt: skip
    try:
        yield Terminal(process)
    finally:
        process.close(force=True)
