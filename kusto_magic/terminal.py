"""A build in a terminal: one live line while it runs, plain lines where the output is no terminal."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.text import Text

from kusto_magic.background import TICK
from kusto_magic.build import Build
from kusto_magic.card import card, text
from kusto_magic.clock import SystemClock


def follow(build: Build, console: Console | None = None) -> None:
    """Show a build until it has ended, in the caller's thread. An interrupt ends the showing, not the build."""
    console = console or Console(highlight=False, soft_wrap=True)
    ended = threading.Event()
    build.observe(lambda _change: ended.set(), "ended")
    if console.is_terminal:
        with console.status(_line(build)) as status:
            while not build.ended and not ended.wait(TICK):
                status.update(_line(build))
    else:
        _follow_plainly(build, console, ended)
    console.print(Text(text(card(build, SystemClock().wall()))))


def _follow_plainly(build: Build, console: Console, ended: threading.Event) -> None:
    shown = None
    while not build.ended:
        if build.operation.phase is not shown:
            shown = build.operation.phase
            console.print(_line(build))
        ended.wait(TICK)


def _line(build: Build) -> Text:
    # The spinner stands for the glyph; rich's markup is never read from a name or a message.
    return Text(text(card(build, SystemClock().wall())))
