"""The line that a terminal replaces while a build or a fleet is running, cut to the width of the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.display.bundle import duration
from kusto_magic.display.card import glyph_of
from kusto_magic.display.card_sources import card
from kusto_magic.display.fleet_card import fleet_card
from kusto_magic.display.views import Shown
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.models.build_state import NOT_STARTED

BAR_CELLS = 10
"""Characters of the bar between its brackets."""

MIN_HEAD = 12
"""Minimum width of the first part, which is shortened only if nothing else is left."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the line; in a narrow terminal, those with the highest `rank` are left out first."""

    text: str
    rank: int


def live_line(shown: Shown, now: datetime, width: int) -> DisplayText:
    """Return the line for a build or a fleet at the time `now` (UTC), at most `width` characters wide."""
    parts = _build_parts(shown, now) if isinstance(shown, Build) else _fleet_parts(shown, now)
    return fitted([part for part in parts if part.text], width)


def _build_parts(build: Build, now: datetime) -> list[Part]:
    shown = card(build, now)
    # A state can be final before the build has ended, while that is being recorded. Without an estimate there is no
    # bar: the service's `percentComplete` is 0.5 from start to end (seen).
    has_estimate = shown.estimate_high > 0 and shown.outcome is None
    is_waiting = shown.state in NOT_STARTED
    return [
        Part(f"{glyph_of(shown.outcome)} {shown.state} {shown.image}", 0),
        Part(bar(shown.share) if has_estimate else "", 3),
        Part(duration(shown.seconds if is_waiting else shown.seconds - shown.waited), 1),
        Part(shown.brief_estimate_line if has_estimate else "", 2),
        Part(shown.cluster, 4),
    ]


def _fleet_parts(fleet: Fleet, now: datetime) -> list[Part]:
    card = fleet_card(fleet, now)
    counts = ", ".join(f"{count} {state.lower()}" for state, count in card.counts.items())
    return [
        Part(f"{glyph_of(None)} {card.image} on {len(card.rows)} clusters", 0),
        Part(bar(card.share), 3),
        Part(f"{card.done_count} of {len(card.rows)} done", 1),
        Part(duration(card.seconds), 2),
        Part(counts, 4),
    ]


def bar(share: float) -> str:
    """Return a bar that is filled by this share, "[####------]"; it is full only at the end."""
    filled = int(share * BAR_CELLS)
    return f"[{'#' * filled}{'-' * (BAR_CELLS - filled)}]"


def fitted(parts: Sequence[Part], width: int) -> DisplayText:
    """Return the parts as one line of at most `width` characters."""
    left = list(parts)
    while len(left) > 1 and cell_len(_joined(left)) > width:
        # A long name gives way to the time: that shows that something is happening.
        if len(left) == 2 and width - cell_len(_joined(left[1:])) - 3 >= MIN_HEAD:
            break
        left.remove(max(left, key=lambda part: part.rank))
    head, rest = left[0].text, _joined(left[1:])
    left_over = width - (cell_len(rest) + 3 if rest else 0)
    return visible_line(_joined([Part(shortened(visible_line(head), left_over), 0), *left[1:]]))


def _joined(parts: Sequence[Part]) -> DisplayText:
    return visible_line(" · ".join(part.text for part in parts).replace("] · ", "] "))


def shortened(text: str, width: int) -> str:
    """Return a text with its middle replaced by "…" if it is wider than `width`."""
    if cell_len(text) <= width:
        return text
    head = text[: max(0, (width - 1) // 2)]
    tail = text[len(text) - max(0, width - 1 - len(head)) :]
    while head and cell_len(head) + cell_len(tail) + 1 > width:  # wide characters
        head, tail = head[:-1], tail[1:]
    return f"{head}…{tail}"
