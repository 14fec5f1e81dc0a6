"""One view of what is shown, a build or a fleet: presenters do not tell them apart."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.display.bundle import Bundle
from kusto_magic.display.card_sources import card
from kusto_magic.display.fleet_card import fleet_card
from kusto_magic.display_text import DisplayText
from kusto_magic.hints import HintTable
from kusto_magic.models.build_state import Outcome

Shown = Build | Fleet
"""What can be shown: both have `ended`, `observe` and `add_tick_callback`."""


class View(Protocol):
    """What is shown of a build or a fleet at one moment. `hints` are the sentences of the front end that shows it."""

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, or None while it is in progress."""
        ...

    @property
    def states(self) -> object:
        """A value that differs when a state has changed."""
        ...

    @property
    def share(self) -> float:
        """The filled share of a progress bar, from 0 to 1."""
        ...

    @property
    def progress_text(self) -> DisplayText:
        """The line beside a progress bar."""
        ...

    def live_text(self, hints: HintTable, /) -> DisplayText:
        """Return the text that a terminal replaces while the work is running."""
        ...

    def text(self, hints: HintTable) -> DisplayText:
        """Return everything as text."""
        ...

    def bundle(self, hints: HintTable) -> Bundle:
        """Return the MIME bundle."""
        ...


def view_of(shown: Shown, now: datetime) -> View:
    """Return the view of a build or a fleet at the time `now` (UTC)."""
    return card(shown, now) if isinstance(shown, Build) else fleet_card(shown, now)


def size_of(shown: Shown) -> int:
    """Return the number of clusters."""
    return 1 if isinstance(shown, Build) else len(shown.members)
