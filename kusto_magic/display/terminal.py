"""Display of a build or a fleet in a terminal: one live line, or plain lines if the output is not a terminal."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.text import Text

from kusto_magic.builds.build import Build
from kusto_magic.builds.event_loop import WAIT_INTERVAL
from kusto_magic.builds.fleet import Fleet
from kusto_magic.clock import SystemClock
from kusto_magic.display import fleet_card
from kusto_magic.display.card import card, text
from kusto_magic.display.fleet_card import FleetCard
from kusto_magic.display_text import DisplayText
from kusto_magic.hints import HintTable
from kusto_magic.program_hints import PROGRAM


def show_until_done(shown: Build | Fleet, console: Console | None = None, hints: HintTable = PROGRAM) -> None:
    """Show a build or a fleet until it has ended, blocking the caller. An interrupt ends only the display.

    `hints` are the sentences of the front end that shows it.
    """
    # rich would color numbers in names and break long lines.
    console = console or Console(highlight=False, soft_wrap=True)
    ended = threading.Event()
    shown.observe(lambda _change: ended.set(), "ended")
    if console.is_terminal:
        with console.status(_line(shown, hints)) as status:
            while not shown.ended and not ended.wait(WAIT_INTERVAL):  # may have ended before `observe`
                status.update(_line(shown, hints))
    else:
        _show_plainly(shown, console, ended, hints)
    console.print(_whole(shown, hints))


def _show_plainly(shown: Build | Fleet, console: Console, ended: threading.Event, hints: HintTable) -> None:
    previous: object = None
    while not shown.ended:
        now = shown.operation.shown_state if isinstance(shown, Build) else _fleet(shown).counts
        if now != previous:
            previous = now
            console.print(_line(shown, hints))
        ended.wait(WAIT_INTERVAL)  # not a sleep, so that the last line follows the end at once


def _fleet(fleet: Fleet) -> FleetCard:
    return fleet_card.fleet_card(fleet, SystemClock().wall())


def _line(shown: Build | Fleet, hints: HintTable) -> Text:
    return _whole(shown, hints) if isinstance(shown, Build) else _plain(fleet_card.headline(_fleet(shown)))


def _whole(shown: Build | Fleet, hints: HintTable) -> Text:
    if isinstance(shown, Build):
        return _plain(text(card(shown, SystemClock().wall()), hints))
    return _plain(fleet_card.text(_fleet(shown), hints))


def _plain(text: DisplayText) -> Text:
    # Text, not str: rich would interpret markup in a name or a message.
    return Text(text)
