"""How a fleet looks in a saved notebook: one bundle with a row per cluster, and what failed put together by reason.

What `card` does for one build; the record of each stays in the history.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from kusto_magic.builds.fleet import Fleet, labels
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display.bundle import Bundle, duration, requirements_html, table
from kusto_magic.display.card import GLYPHS, WORKING_GLYPH, Card, card, card_from_record
from kusto_magic.errors import group_by_reason

MIME = "application/vnd.kusto-image.fleet+json"
VERSION = 1
"""Raised when a reader of the JSON would have to be changed."""

_RUNNING = "goes on after a restart of the kernel."

MAX_ROWS_AS_TEXT = 20
"""So many clusters are shown without unfolding."""


@dataclass(frozen=True, slots=True)
class FleetCard:
    """What is shown and kept of a fleet. `rows` are a name and a card for each cluster, in their order; times are UTC.

    `failures` says by reason which clusters do not have the image.
    """

    id: str
    image: str
    rows: tuple[tuple[str, Card], ...]
    ended: bool
    base: str
    requirements: str
    started_at: datetime
    as_of: datetime
    failures: dict[str, list[str]]
    next_step: str

    @property
    def counts(self) -> dict[str, int]:
        """How many clusters are in each state, the most frequent first."""
        return dict(Counter(row.state for _, row in self.rows).most_common())

    @property
    def done_count(self) -> int:
        """How many clusters have come to an end."""
        return sum(row.ended for _, row in self.rows)

    @property
    def seconds(self) -> float:
        """The time from the first start to `as_of`."""
        return max(0.0, (self.as_of - self.started_at).total_seconds())

    @property
    def state(self) -> str:
        """How it stands as a whole, in a word."""
        return "Working" if not self.ended else "Failed" if self.failures else "Succeeded"


def fleet_card(fleet: Fleet, now: datetime) -> FleetCard:
    """Return the card of a fleet as it stands at `now` (UTC)."""
    cards = [card_from_record(it) if isinstance(it, BuildRecord) else card(it, now) for it in fleet.members]
    names = labels([member.target for member in fleet.members])
    as_of = max((it.as_of for it in cards), default=now) if fleet.ended else now
    return FleetCard(
        id=fleet.id,
        image=fleet.name,
        rows=tuple(zip(names, cards, strict=True)),
        ended=fleet.ended,
        base=next((it.base for it in cards if it.base), ""),
        requirements=next((it.requirements for it in cards if it.requirements), ""),
        started_at=min((it.started_at for it in cards), default=now),
        as_of=as_of,
        failures=group_by_reason(fleet.failures),
        next_step=fleet.next_step if fleet.ended else f"%kusto_image attach {fleet.name} {_RUNNING}",
    )


def bundle(shown: FleetCard) -> Bundle:
    """Return the MIME bundle to display for a fleet."""
    return {MIME: _json(shown), "text/html": _html(shown), "text/plain": text(shown)}


def headline(shown: FleetCard) -> str:
    """Return a fleet in one line."""
    parts = [f"{count} {state.lower()}" for state, count in shown.counts.items()]
    times = f"{duration(shown.seconds)}, {'ended' if shown.ended else 'at'} {shown.as_of:%Y-%m-%d %H:%M:%S} UTC"
    head = f"{GLYPHS.get(shown.state, WORKING_GLYPH)} {shown.state}: image {shown.image} on {len(shown.rows)} clusters"
    return " · ".join([head, ", ".join(parts), times])


def text(shown: FleetCard) -> str:
    """Return a fleet as text: a line, what failed, and the clusters where they are few."""
    lines = [headline(shown)]
    lines += [f"  ✖ {', '.join(clusters)}: {reason}" for reason, clusters in shown.failures.items()]
    if len(shown.rows) <= MAX_ROWS_AS_TEXT:
        lines += [f"  {line}" for line in table(_HEAD, _rows(shown), "")["text/plain"].splitlines()]
    if shown.next_step:
        lines.append(f"  Next: {shown.next_step}")
    return "\n".join(lines)


_HEAD = ("cluster", "state", "took", "said")


def _rows(shown: FleetCard) -> list[tuple[str, str, str, str]]:
    return [(name, _state(row), duration(row.seconds), _row_message(row)) for name, row in shown.rows]


def _state(row: Card) -> str:
    return f"{GLYPHS.get(row.state, WORKING_GLYPH)} {row.state}"


def _row_message(row: Card) -> str:
    return "; ".join(part for part in (row.note, *row.error) if part)


def _json(shown: FleetCard) -> dict[str, Any]:
    """Return the versioned record: names and times, no id of a subscription, no address, no secret."""
    return {
        "version": VERSION,
        "id": shown.id,
        "image": shown.image,
        "state": shown.state,
        "ended": shown.ended,
        "base": shown.base,
        "requirements": shown.requirements,
        "startedAt": shown.started_at.isoformat(timespec="seconds"),
        "asOf": shown.as_of.isoformat(timespec="seconds"),
        "seconds": round(shown.seconds, 1),
        "clusters": [
            {
                "id": row.id,
                "cluster": name,
                "state": row.state,
                "ended": row.ended,
                "seconds": round(row.seconds, 1),
                "said": _row_message(row),
            }
            for name, row in shown.rows
        ],
        "failures": [{"reason": reason, "clusters": clusters} for reason, clusters in shown.failures.items()],
        "next": shown.next_step,
    }


def _html(shown: FleetCard) -> str:
    head, _, rest = headline(shown).partition(": ")
    unfolded = " open" if len(shown.rows) <= MAX_ROWS_AS_TEXT else ""
    clusters = table(_HEAD, _rows(shown), "")["text/html"]
    parts = [
        f"<p><strong>{escape(head)}</strong>: {escape(rest)}</p>",
        _failures_html(shown),
        f"<p>Next: {escape(shown.next_step)}</p>" if shown.next_step else "",
        f"<details{unfolded}><summary>{len(shown.rows)} clusters</summary>{clusters}</details>",
        requirements_html(shown.requirements),
    ]
    return f"<div>{''.join(parts)}</div>"


def _failures_html(shown: FleetCard) -> str:
    if not shown.failures:
        return ""
    rows = [(", ".join(clusters), reason) for reason, clusters in shown.failures.items()]
    return str(table(("failed on", "because"), rows, "")["text/html"])
