"""Display of a build or a fleet in a terminal: one live line, or plain lines if the output is not a terminal."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.text import Text

from kusto_magic.builds.event_loop import WAIT_INTERVAL
from kusto_magic.clock import SystemClock
from kusto_magic.display.views import Shown, View, view_of
from kusto_magic.display_text import DisplayText
from kusto_magic.hints import HintTable
from kusto_magic.program_hints import PROGRAM


def show_until_done(shown: Shown, console: Console | None = None, hints: HintTable = PROGRAM) -> None:
    """Show a build or a fleet until it has ended, blocking the caller. An interrupt ends only the display.

    `hints` are the sentences of the front end that shows it.
    """
    # rich would color numbers in names and break long lines.
    console = console or Console(highlight=False, soft_wrap=True)
    ended = threading.Event()
    shown.observe(lambda _change: ended.set(), "ended")
    if console.is_terminal:
        with console.status(_plain(_view(shown).live_text(hints))) as status:
            while not shown.ended and not ended.wait(WAIT_INTERVAL):  # may have ended before `observe`
                status.update(_plain(_view(shown).live_text(hints)))
    else:
        _show_plainly(shown, console, ended, hints)
    console.print(_plain(_view(shown).text(hints)))


def _show_plainly(shown: Shown, console: Console, ended: threading.Event, hints: HintTable) -> None:
    previous: object = None
    while not shown.ended:
        view = _view(shown)
        if view.states != previous:
            previous = view.states
            console.print(_plain(view.live_text(hints)))
        ended.wait(WAIT_INTERVAL)  # not a sleep, so that the last line follows the end at once


def _view(shown: Shown) -> View:
    return view_of(shown, SystemClock().wall())


def _plain(text: DisplayText) -> Text:
    # Text, not str: rich would interpret markup in a name or a message.
    return Text(text)
