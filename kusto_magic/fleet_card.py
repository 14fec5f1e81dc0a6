"""How a fleet looks in a saved notebook: one bundle with a row per cluster, and what failed put together by reason.

What `card` does for one build; the record of each stays in the history.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from kusto_magic.card import GLYPHS, WORKING, Bundle, Card, card, card_of, duration, requirements_html, table
from kusto_magic.errors import by_reason
from kusto_magic.fleet import RUN_AGAIN, Fleet, labels
from kusto_magic.records import BuildRecord

MIME = "application/vnd.kusto-image.fleet+json"
VERSION = 1
"""Raised when a reader of the JSON would have to be changed."""

_GOES_ON = "goes on after a restart of the kernel."

FEW = 20
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
    foundation: str
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
    def over(self) -> int:
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
    cards = [card_of(it) if isinstance(it, BuildRecord) else card(it, now) for it in fleet.members]
    names = labels([member.target for member in fleet.members])
    as_of = max((it.as_of for it in cards), default=now) if fleet.ended else now
    return FleetCard(
        id=fleet.id,
        image=fleet.name,
        rows=tuple(zip(names, cards, strict=True)),
        ended=fleet.ended,
        foundation=next((it.foundation for it in cards if it.foundation), ""),
        requirements=next((it.requirements for it in cards if it.requirements), ""),
        started_at=min((it.started_at for it in cards), default=now),
        as_of=as_of,
        failures=by_reason(fleet.failures),
        next_step=fleet.next_step if fleet.ended else f"%kusto_image attach {fleet.name} {_GOES_ON}",
    )


def bundle(it: FleetCard) -> Bundle:
    """Return the MIME bundle to display for a fleet."""
    return {MIME: _json(it), "text/html": _html(it), "text/plain": text(it)}


def headline(it: FleetCard) -> str:
    """Return a fleet in one line."""
    parts = [f"{count} {state.lower()}" for state, count in it.counts.items()]
    times = f"{duration(it.seconds)}, {'ended' if it.ended else 'at'} {it.as_of:%Y-%m-%d %H:%M:%S} UTC"
    head = f"{GLYPHS.get(it.state, WORKING)} {it.state}: image {it.image} on {len(it.rows)} clusters"
    return " · ".join([head, ", ".join(parts), times])


def text(it: FleetCard) -> str:
    """Return a fleet as text: a line, what failed, and the clusters where they are few."""
    lines = [headline(it)]
    lines += [f"  ✖ {', '.join(clusters)}: {reason}" for reason, clusters in it.failures.items()]
    if len(it.rows) <= FEW:
        lines += [f"  {line}" for line in table(_HEAD, _rows(it), "")["text/plain"].splitlines()]
    if it.next_step:
        lines.append(f"  Next: {it.next_step}")
    return "\n".join(lines)


_HEAD = ("cluster", "state", "took", "said")


def _rows(it: FleetCard) -> list[tuple[str, str, str, str]]:
    return [(name, _state(row), duration(row.seconds), _said(row)) for name, row in it.rows]


def _state(row: Card) -> str:
    return f"{GLYPHS.get(row.state, WORKING)} {row.state}"


def _said(row: Card) -> str:
    return "; ".join(part for part in (row.note, *row.error) if part)


def _json(it: FleetCard) -> dict[str, Any]:
    """Return the versioned record: names and times, no id of a subscription, no address, no secret."""
    return {
        "version": VERSION,
        "id": it.id,
        "image": it.image,
        "state": it.state,
        "ended": it.ended,
        "base": it.foundation,
        "requirements": it.requirements,
        "startedAt": it.started_at.isoformat(timespec="seconds"),
        "asOf": it.as_of.isoformat(timespec="seconds"),
        "seconds": round(it.seconds, 1),
        "clusters": [
            {
                "id": row.id,
                "cluster": name,
                "state": row.state,
                "ended": row.ended,
                "seconds": round(row.seconds, 1),
                "said": _said(row),
            }
            for name, row in it.rows
        ],
        "failures": [{"reason": reason, "clusters": clusters} for reason, clusters in it.failures.items()],
        "next": it.next_step,
        "nextOnFailure": RUN_AGAIN,  # for a reader that learns of the end from the Jupyter server
    }


def _html(it: FleetCard) -> str:
    head, _, rest = headline(it).partition(": ")
    unfolded = " open" if len(it.rows) <= FEW else ""
    clusters = table(_HEAD, _rows(it), "")["text/html"]
    parts = [
        f"<p><strong>{escape(head)}</strong>: {escape(rest)}</p>",
        _failures_html(it),
        f"<p>Next: {escape(it.next_step)}</p>" if it.next_step else "",
        f"<details{unfolded}><summary>{len(it.rows)} clusters</summary>{clusters}</details>",
        requirements_html(it.requirements),
    ]
    return f"<div>{''.join(parts)}</div>"


def _failures_html(it: FleetCard) -> str:
    if not it.failures:
        return ""
    rows = [(", ".join(clusters), reason) for reason, clusters in it.failures.items()]
    return str(table(("failed on", "because"), rows, "")["text/html"])
