"""Display of a build or a fleet in a terminal until it has ended: one live line, or plain lines in another output."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.text import Text

from kusto_magic.builds.event_loop import WAIT_INTERVAL, interruptible
from kusto_magic.clock import SystemClock
from kusto_magic.display.live_line import live_line
from kusto_magic.display.terminal_table import STYLES
from kusto_magic.display.views import Shown, View, view_of
from kusto_magic.display_text import DisplayText
from kusto_magic.hints import HintTable
from kusto_magic.program_hints import PROGRAM

REMOTE_WIDTH = 79
"""Width of the live line where the terminal is that of another process, which does not tell its width."""


MIN_SHOWN = 0.3
"""Seconds before the live line is shown; one that disappears at once would only flicker."""


class LiveLine:
    """A line that replaces itself. The cursor stays at its start, where a terminal keeps it when it is resized."""

    def __init__(self, file: IO[str], width: Callable[[], int], *, has_escapes: bool) -> None:
        self._file = file
        self._width = width
        self._has_escapes = has_escapes

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Hide the cursor while the line is shown, and clear the line at the end."""
        self._write("\x1b[?25l" if self._has_escapes else "")
        try:
            yield
        finally:
            self._write("\x1b[J\x1b[?25h" if self._has_escapes else f"{' ' * self._width()}\r")

    def update(self, shown: Shown) -> None:
        """Show the current state."""
        width = self._width()
        line = live_line(shown, SystemClock().wall(), width)
        self._write(f"\x1b[J{line}\r" if self._has_escapes else f"{line:<{width}}\r")

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def show_until_done(
    shown: Shown, console: Console | None = None, hints: HintTable = PROGRAM, *, is_remote: bool = False
) -> None:
    """Show a build or a fleet until it has ended, then its result, blocking the caller.

    An interrupt ends only the display. `hints` are the sentences of the front end that shows it. `is_remote` is whether
    another process shows the output in a terminal, such as jupyter console.
    """
    console = console or new_console()
    ended = threading.Event()
    shown.observe(lambda _change: ended.set(), "ended")
    follow(shown, console, ended, hints, is_remote=is_remote)
    console.print(result_text(shown, hints))


def new_console(*, stderr: bool = False) -> Console:
    """Return a console for output that is laid out already, on the standard output or error."""
    # rich would color numbers in names, break long lines, and show HTML in a kernel.
    return Console(highlight=False, soft_wrap=True, force_jupyter=False, stderr=stderr)


def follow(
    shown: Shown, console: Console, until: threading.Event, hints: HintTable, *, is_remote: bool = False
) -> None:
    """Show the progress of a build or a fleet until the event is set or it has ended, blocking the caller.

    A terminal has one line that is replaced; other outputs have a line for each change.
    """
    if is_remote or (console.is_terminal and not console.legacy_windows):
        _show_live(shown, console, until, is_remote=is_remote)
    else:
        _show_plainly(shown, console, until, hints)


def result_text(shown: Shown, hints: HintTable) -> Text:
    """Return a build or a fleet as text, with the color of its outcome in its first words."""
    view = _view(shown)
    text = _plain(view.text(hints))
    text.stylize(STYLES[view.outcome], 0, max(0, text.plain.find(":")))
    return text


def _show_live(shown: Shown, console: Console, until: threading.Event, *, is_remote: bool) -> None:
    line = LiveLine(
        # One column less than the terminal has: some wrap after the last one.
        console.file, lambda: REMOTE_WIDTH if is_remote else console.width - 1, has_escapes=not is_remote
    )  # fmt: skip
    with interruptible():
        if shown.ended or until.wait(MIN_SHOWN):  # may have ended before `observe`
            return
    with line.shown(), interruptible():
        line.update(shown)
        while not (until.wait(WAIT_INTERVAL) or shown.ended):
            line.update(shown)


def _show_plainly(shown: Shown, console: Console, until: threading.Event, hints: HintTable) -> None:
    previous: object = None
    while not (shown.ended or until.is_set()):
        view = _view(shown)
        if view.states != previous:
            previous = view.states
            console.print(_plain(view.live_text(hints)))
        with interruptible():
            until.wait(WAIT_INTERVAL)  # not a sleep, so that the last line follows the end at once


def _view(shown: Shown) -> View:
    return view_of(shown, SystemClock().wall())


def _plain(text: DisplayText) -> Text:
    # Text, not str: rich would interpret markup in a name or a message.
    return Text(text)
