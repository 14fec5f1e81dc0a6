"""Card of a fleet: one bundle with a row per cluster and the failures grouped by reason, saved in the notebook.

The counterpart of `card` for several clusters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kusto_magic.builds.fleet import Fleet, Member, common_hint, failures_of, labels
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display import preflight_report
from kusto_magic.display.bundle import (
    Bundle,
    bundle_of,
    duration,
    isolated,
    requirements_html,
    table,
    visible_json,
)
from kusto_magic.display.card import Card, glyph_of
from kusto_magic.display.card_sources import card, card_from_record
from kusto_magic.display_text import DisplayText, visible, visible_line
from kusto_magic.errors import group_by_reason
from kusto_magic.hints import Hint, HintKind, HintTable, hint_json
from kusto_magic.models.build_state import Outcome
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.preflight.report_json import report_json
from kusto_magic.program_hints import PROGRAM

MIME = "application/vnd.kusto-image.fleet+json"
"""MIME type of the JSON, which the JupyterLab extension renders."""

VERSION = 1
"""Version of the JSON; incremented by changes that are incompatible with existing readers."""

MAX_ROWS_AS_TEXT = 20
"""Maximum number of clusters that are shown expanded, and in the text."""


@dataclass(frozen=True, slots=True)
class FleetCard:
    """Data of a fleet that is shown and saved.

    `rows` are a label and a card for each cluster, in their order; times are UTC. `failures` maps each reason to the
    clusters that failed; `report` is the result of the check; it says if other clusters have another one.
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
    hint: Hint | None
    report: PreflightReport | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Number of clusters in each state, most frequent state first."""
        return dict(Counter(row.state for _, row in self.rows).most_common())

    @property
    def _size_text(self) -> str:
        return "1 cluster" if len(self.rows) == 1 else f"{len(self.rows)} clusters"

    @property
    def done_count(self) -> int:
        """Number of clusters that are done."""
        return sum(row.ended for _, row in self.rows)

    @property
    def seconds(self) -> float:
        """Seconds from the first start to `as_of`."""
        return max(0.0, (self.as_of - self.started_at).total_seconds())

    @property
    def is_found(self) -> bool:
        """Whether all images were built before, so that the duration says nothing."""
        return self.ended and all(row.is_found for _, row in self.rows)

    @property
    def outcome(self) -> Outcome | None:
        """How the fleet as a whole ended, or None while it is in progress."""
        return self._end[1]

    @property
    def state(self) -> str:
        """State of the fleet as a whole, as text: "Succeeded", "1 of 3 failed"."""
        return self._end[0]

    @property
    def _end(self) -> tuple[str, Outcome | None]:
        if not self.ended:
            return "Working", None
        failed = [row for _, row in self.rows if not row.state.succeeded]
        first, *others = failed or [row for _, row in self.rows]
        is_same = all(row.state is first.state for row in others)
        if is_same and len(failed) in (0, len(self.rows)):
            return first.state, first.outcome
        what = first.state.lower() if is_same else "did not succeed"
        return f"{len(failed)} of {len(self.rows)} {what}", first.outcome if is_same else Outcome.FAILED

    @property
    def states(self) -> object:
        """A value that differs when the number of clusters in a state has changed."""
        return self.counts

    @property
    def share(self) -> float:
        """The filled share of a progress bar: the mean of those of the clusters, of which ended ones count as full."""
        return sum(1.0 if row.ended else row.share for _, row in self.rows) / len(self.rows)

    @property
    def estimate(self) -> str:
        """The estimate of the cluster that is expected to take longest, "" if there is none."""
        working = (row for _, row in self.rows if not row.ended)
        slowest = max(working, key=lambda row: row.estimate_high, default=None)
        return slowest.estimate_line if slowest else ""

    @property
    def progress_text(self) -> DisplayText:
        """The line beside a progress bar."""
        done = f"{self.done_count} of {len(self.rows)} done"
        return visible_line(" · ".join(part for part in (done, self.headline(), self.estimate) if part))

    def live_text(self, _hints: HintTable) -> DisplayText:
        """Return the line that a terminal replaces while the fleet is running."""
        return self.headline()

    def bundle(self, hints: HintTable = PROGRAM) -> Bundle:
        """Return the MIME bundle to display for a fleet; HTML and text have the sentences of `hints`."""
        return {MIME: visible_json(self.to_json()), **bundle_of(self._html(hints), self.text(hints))}

    def headline(self) -> DisplayText:
        """Return a fleet as one line."""
        parts = [f"{count} {state.lower()}" for state, count in self.counts.items()]
        elapsed = "" if self.is_found else f"{duration(self.seconds)}, "
        times = f"{elapsed}{'ended' if self.ended else 'at'} {self.as_of:%Y-%m-%d %H:%M:%S} UTC"
        head = f"{glyph_of(self.outcome)} {self.state}: image {self.image} on {self._size_text}"
        return visible_line(" · ".join([head, ", ".join(parts), times]))

    def text(self, hints: HintTable = PROGRAM) -> DisplayText:
        """Return a fleet as text: the headline, the failures, and up to 20 clusters."""
        lines: list[str] = [self.headline()]
        if self.report is not None:
            lines += [f"  {line}" for line in preflight_report.lines(self.report, hints)]
        lines += [f"  ✖ {', '.join(clusters)}: {reason}" for reason, clusters in self._listed_failures()]
        if len(self.rows) <= MAX_ROWS_AS_TEXT:
            lines += [f"  {line}" for line in table(_HEAD, self._rows(), "")["text/plain"].splitlines()]
        lines += [f"  {line}" for line in hints.next_line(self.hint)]
        return visible("\n".join(lines))

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Return the clusters as rows of a table: failed ones first, then those in progress, then the others.

        Those that failed have no message, since the failures are listed by reason.
        """
        grouped = sorted(self.rows, key=lambda item: _GROUPS.index(_group(item[1])))
        return [
            (name, _state(row), _duration(row), "" if _group(row) is False else _row_message(row))
            for name, row in grouped
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the versioned JSON; it has no subscription id, no URL and no secret, since notebooks are shared."""
        return {
            "version": VERSION,
            "id": self.id,
            "image": self.image,
            "state": self.state,
            "outcome": self.outcome,
            "ended": self.ended,
            "base": self.base,
            "requirements": self.requirements,
            "startedAt": self.started_at.isoformat(timespec="seconds"),
            "asOf": self.as_of.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "clusters": [
                {
                    "id": row.id,
                    "cluster": name,
                    "state": row.state,
                    "outcome": row.outcome,
                    "ended": row.ended,
                    "seconds": round(row.seconds, 1),
                    "usualHigh": row.estimate_high,
                    "waited": round(row.waited, 1),
                    "isFound": row.is_found,
                    "builtSeconds": row.built_seconds or 0,
                    "said": _row_message(row),  # the key in version 1 of the JSON
                }
                for name, row in self.rows
            ],
            "failures": [{"reason": reason, "clusters": clusters} for reason, clusters in self.failures.items()],
            "hint": hint_json(self.hint),
            "usual": self.estimate,
            "plan": self.report and report_json(self.report),
        }

    def _html(self, hints: HintTable) -> str:
        step = hints.text(self.hint)
        head, _, rest = self.headline().partition(": ")
        expanded = " open" if len(self.rows) <= MAX_ROWS_AS_TEXT else ""
        clusters = table(_HEAD, self._rows(), "")["text/html"]
        parts = [
            f"<p><strong>{isolated(visible(head))}</strong>: {isolated(visible(rest))}</p>",
            preflight_report.html(self.report, hints) if self.report is not None else "",
            self._failures_html(),
            f"<p>Next step: {isolated(visible(step))}</p>" if step else "",
            f"<details{expanded}><summary>{self._size_text}</summary>{clusters}</details>",
            requirements_html(self.requirements),
        ]
        return f"<div>{''.join(parts)}</div>"

    def _listed_failures(self) -> list[tuple[str, list[str]]]:
        """Return the clusters by the reason of their failure, without those for which the check is the reason."""
        explained = set[str]()
        if self.report is not None and self.report.verdict is Verdict.CONFLICT:
            explained = {name for name, row in self.rows if row.outcome is Outcome.NOT_SUBMITTED}
        return [(reason, clusters) for reason, clusters in self.failures.items() if not explained.issuperset(clusters)]

    def _failures_html(self) -> str:
        rows = [(", ".join(clusters), reason) for reason, clusters in self._listed_failures()]
        if not rows:
            return ""
        return str(table(("Failed on", "Reason"), rows, "")["text/html"])


def fleet_card(fleet: Fleet, now: datetime) -> FleetCard:
    """Return the card of a fleet at the time `now` (UTC)."""
    return fleet_card_of(fleet.id, fleet.name, fleet.members, now)


def fleet_card_of(id: str, name: str, members: Sequence[Member], now: datetime) -> FleetCard:  # noqa: A002
    """Return the card of the members of a fleet on image `name` at the time `now` (UTC)."""
    cards = [card_from_record(member) if isinstance(member, BuildRecord) else card(member, now) for member in members]
    names = labels([member.target for member in members])
    ended = all(row.ended for row in cards)
    as_of = max((row.as_of for row in cards), default=now) if ended else now
    return FleetCard(
        id=id,
        image=name,
        rows=tuple(zip(names, cards, strict=True)),
        ended=ended,
        base=next((row.base for row in cards if row.base), ""),
        requirements=next((row.requirements for row in cards if row.requirements), ""),
        started_at=min((row.started_at for row in cards), default=now),
        as_of=as_of,
        failures=group_by_reason(failures_of(members)),
        hint=common_hint(members) if ended else Hint(HintKind.RESUME_AFTER_RESTART, name),
        report=_common_report([row.report for row in cards if row.report]),
    )


def _common_report(reports: Sequence[PreflightReport]) -> PreflightReport | None:
    """Return the report to show for all clusters, a conflict first; it says if others have another result.

    Their results differ if what was read from the clusters does.
    """
    if not reports:
        return None
    shown = min(reports, key=lambda report: report.verdict is not Verdict.CONFLICT)
    others = sum(_result(report) != _result(shown) for report in reports)
    if not others:
        return shown
    warning = f"the check has another result on {others} of {len(reports)} clusters: their base images differ"
    return replace(shown, warnings=(*shown.warnings, warning))


def _result(report: PreflightReport) -> tuple[object, ...]:
    return report.verdict, report.reason, report.packages


_HEAD = ("Cluster", "State", "Duration", "Message")


_GROUPS = (False, None, True)
"""Groups of clusters in the order in which they are shown: not succeeded, in progress, succeeded."""


def _group(row: Card) -> bool | None:
    return row.state.succeeded if row.ended else None


def _duration(row: Card) -> str:
    """Return how long a cluster has taken; for an image that was found, how long its build took, "" if unknown."""
    if not row.is_found:
        return duration(row.seconds)
    return duration(row.built_seconds) if row.built_seconds else ""


def _state(row: Card) -> str:
    return f"{glyph_of(row.outcome)} {row.state}"


def _row_message(row: Card) -> str:
    return "; ".join(part for part in (row.note, *row.error) if part)
