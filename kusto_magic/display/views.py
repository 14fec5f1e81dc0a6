"""One view of what is shown, a build or a fleet: the only place where presenters tell them apart."""

from __future__ import annotations

from datetime import datetime

from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.display import card, fleet_card
from kusto_magic.display.bundle import Bundle, duration
from kusto_magic.display.card import GLYPHS, WORKING_GLYPH, Card
from kusto_magic.display.fleet_card import FleetCard
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.hints import HintTable

Shown = Build | Fleet
"""What can be shown: both have `ended`, `observe` and `add_tick_callback`."""

View = Card | FleetCard
"""The data of one of them at one moment."""

MAX_ESTIMATED_SHARE = 0.95
"""Maximum share of the bar that is filled by an estimate; the rest is filled when the build has succeeded."""


def view_of(shown: Shown, now: datetime) -> View:
    """Return the view of a build or a fleet at the time `now` (UTC)."""
    return card.card(shown, now) if isinstance(shown, Build) else fleet_card.fleet_card(shown, now)


def bundle_of(view: View, hints: HintTable) -> Bundle:
    """Return the MIME bundle of a view, with the sentences of a front end."""
    return card.bundle(view, hints) if isinstance(view, Card) else fleet_card.bundle(view, hints)


def text_of(view: View, hints: HintTable) -> DisplayText:
    """Return all of a view as text, with the sentences of a front end."""
    return card.text(view, hints) if isinstance(view, Card) else fleet_card.text(view, hints)


def live_text_of(view: View, hints: HintTable) -> DisplayText:
    """Return the text that a terminal replaces while the work is running."""
    return card.text(view, hints) if isinstance(view, Card) else fleet_card.headline(view)


def states_of(view: View) -> object:
    """Return a value that differs when the state of the build, or the number of clusters in a state, has changed."""
    return view.state if isinstance(view, Card) else view.counts


def size_of(shown: Shown) -> int:
    """Return the number of clusters."""
    return 1 if isinstance(shown, Build) else len(shown.members)


def share_of(view: View) -> float:
    """Return the filled share of the bar, from 0 to 1.

    For a build, the share of the usual duration, at most 0.95 before it has succeeded; for a fleet, the share of the
    clusters that are done.
    """
    if isinstance(view, FleetCard):
        return view.done_count / len(view.rows)
    if view.ended and view.state.succeeded:
        return 1.0
    # Without an estimate the bar stays empty: the service's `percentComplete` is 0.5 from start to end (seen).
    if view.estimate_high <= 0:
        return 0.0
    return min(MAX_ESTIMATED_SHARE, MAX_ESTIMATED_SHARE * (view.seconds - view.waited) / view.estimate_high)


def progress_text_of(view: View) -> DisplayText:
    """Return the line beside the bar."""
    if isinstance(view, FleetCard):
        return visible_line(f"{view.done_count} of {len(view.rows)} · {fleet_card.headline(view)}")
    last = view.last_response_at
    updated = f"last update {last:%H:%M:%S} UTC" if last else "waiting for the first response"
    head = f"{GLYPHS.get(view.state, WORKING_GLYPH)} {view.state} {view.image}"
    parts = (head, duration(view.seconds), updated, view.note, view.estimate)
    return visible_line(" · ".join(part for part in parts if part))
