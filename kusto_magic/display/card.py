"""Card of an operation: one bundle of versioned JSON, plain HTML and text, which is saved in the notebook.

The card must be readable without a kernel, on a page that strips styles and scripts: text and glyphs carry the meaning,
times are absolute, and all external text is escaped. `card_sources` makes the card of a build and of a record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kusto_magic.display import preflight_report
from kusto_magic.display.bundle import (
    LEFT,
    Bundle,
    bundle_of,
    code,
    duration,
    isolated,
    requirements_html,
    visible_json,
)
from kusto_magic.display_text import DisplayText, visible, visible_line
from kusto_magic.hints import Hint, HintTable, hint_json
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState, Outcome, phase_of
from kusto_magic.preflight.report_json import report_json
from kusto_magic.program_hints import PROGRAM
from kusto_magic.requirements.correction import Correction, correction_json

if TYPE_CHECKING:
    from kusto_magic.preflight.report import PreflightReport

MIME = "application/vnd.kusto-image.build+json"
"""MIME type of the JSON, which the JupyterLab extension renders."""

VERSION = 1
"""Version of the JSON; incremented by changes that are incompatible with existing readers."""

GLYPHS = {
    Outcome.SUCCEEDED: "✔",
    Outcome.FAILED: "✖",
    Outcome.REJECTED: "✖",
    Outcome.NOT_SUBMITTED: "✖",
    Outcome.CANCELED: "✖",
    Outcome.UNKNOWN: "?",
}
"""Glyph of each outcome."""

MAX_ESTIMATED_SHARE = 0.95
"""Maximum share of the bar that is filled by an estimate; the rest is filled when the build has succeeded."""

WORKING_GLYPH = "•"
"""Glyph of an operation that is in progress."""


def glyph_of(outcome: Outcome | None) -> str:
    """Return the glyph of an outcome; None is in progress."""
    return WORKING_GLYPH if outcome is None else GLYPHS[outcome]


@dataclass(frozen=True, slots=True)
class Card:
    """Data of an operation that is shown and saved.

    Times are UTC; `seconds` is the time from the start to `as_of`, which is the end of an ended operation.
    `start_known` is whether this machine knows when it was started. `is_found` is whether it found an image that was
    built before; `built_at` and `built_seconds` are when that build ended and how long it took, None if that is not
    known. `brief_estimate` is the estimate without its source, `estimate_high` its upper bound in seconds; `waited` is
    how long it was queued. `python` is the Python version of an image without a base image. `fleet` is the id that the
    operations of a fleet share, or "". `error` is what happened and why, a line each, `ids` what to quote in a support
    request. `reason` is the failure without ids, the same text for all failures of one kind; `detail` is the first line
    of the service's error, or the reason of the preflight.
    """

    id: str
    image: str
    cluster: str
    emulator: bool
    action: Action
    state: BuildState
    ended: bool
    base: str
    requirements: str
    started_at: datetime
    as_of: datetime
    last_response_at: datetime | None
    seconds: float
    estimate: str
    error: tuple[str, ...]
    hint: Hint | None
    note: str
    report: PreflightReport | None = None
    estimate_high: float = 0.0
    brief_estimate: str = ""
    waited: float = 0.0
    start_known: bool = True
    is_found: bool = False
    built_at: datetime | None = None
    built_seconds: float | None = None
    python: str = ""
    fleet: str = ""
    reason: str = ""
    detail: str = ""
    ids: str = ""
    correction: Correction | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How the operation ended, or None while it is in progress."""
        return self.state.outcome

    @property
    def states(self) -> object:
        """A value that differs when the state has changed."""
        return self.state

    @property
    def share(self) -> float:
        """The filled share of a progress bar: of the usual duration, at most 0.95 before the build has succeeded."""
        if self.ended and self.state.succeeded:
            return 1.0
        # Without an estimate the bar stays empty: the service's `percentComplete` is 0.5 from start to end (seen).
        if self.estimate_high <= 0:
            return 0.0
        return min(MAX_ESTIMATED_SHARE, MAX_ESTIMATED_SHARE * (self.seconds - self.waited) / self.estimate_high)

    @property
    def estimate_line(self) -> str:
        """The estimate, and whether the operation takes longer; "" if there is none."""
        return self._overdue_head + self.estimate

    @property
    def brief_estimate_line(self) -> str:
        """The estimate without its source, as `estimate_line` has it."""
        return self._overdue_head + self.brief_estimate

    @property
    def _overdue_head(self) -> str:
        is_overdue = not self.ended and 0 < self.estimate_high < self.seconds - self.waited
        return "longer than usual · " if is_overdue else ""

    @property
    def progress_text(self) -> DisplayText:
        """The line beside a progress bar."""
        last = self.last_response_at
        updated = f"last update {last:%H:%M:%S} UTC" if last else "waiting for the first response"
        head = f"{glyph_of(self.outcome)} {self.state} {self.image}"
        return _joined(head, duration(self.seconds), updated, self.note, self.estimate_line)

    def live_text(self, hints: HintTable) -> DisplayText:
        """Return the text that a terminal replaces while the build is running."""
        return self.text(hints)

    def bundle(self, hints: HintTable = PROGRAM) -> Bundle:
        """Return the MIME bundle to display for a card; HTML and text have the sentences of `hints`."""
        return {MIME: self.to_json(), **bundle_of(self._html(hints), self.text(hints))}

    def text(self, hints: HintTable = PROGRAM) -> DisplayText:
        """Return a card as text: one line, then the lines of the preflight report, the error and the next step."""
        place = f" on {self._cluster_kind} {self.cluster}" if self.cluster else ""
        head = f"{glyph_of(self.outcome)} {self.state}: image {self.image}{place}"
        line = _joined(head, self._times(), self.estimate_line, self.note)
        details = [*self.error, *([self.ids] if self.ids else []), *hints.next_line(self.hint)]
        if self.correction is not None:
            details[len(self.error) : len(self.error)] = self.correction.lines()
        if self.report is not None:
            details = [*preflight_report.lines(self.report, hints), *self._pinned_lines(), *details]
        return visible("\n".join([line, *(f"  {detail}" for detail in details)]))

    def _pinned_lines(self) -> list[str]:
        """Return the requirements if they are the versions that the check selected, not the text of the user."""
        if self.report is None or not self.requirements or self.requirements != self.report.pinned_text():
            return []
        return ["Pinned requirements:", *(f"  {line}" for line in self.requirements.splitlines())]

    def to_json(self) -> dict[str, Any]:
        """Return the versioned JSON of a card.

        It contains no subscription id, no URL and no secret, since notebooks are shared.
        """
        document: dict[str, Any] = {
            "version": VERSION,
            "id": self.id,
            "image": self.image,
            "cluster": self.cluster,
            "emulator": self.emulator,
            "action": self.action.value,
            "state": self.state.value,
            "ended": self.ended,
            "base": self.base,
            "requirements": self.requirements,
            "startedAt": _iso(self.started_at),
            "asOf": _iso(self.as_of),
            # A key of version 1, which saved notebooks contain.
            "heardAt": _iso(self.last_response_at),
            "seconds": round(self.seconds, 1),
        }
        # Empty values are omitted to keep saved notebooks small.
        optional = {key: value for key, value in self._optional_json().items() if value}
        shown_json: dict[str, Any] = visible_json(document | optional)
        return shown_json

    def _optional_json(self) -> dict[str, Any]:
        return {
            "usual": self.estimate,
            "usualBrief": self.brief_estimate,
            "error": list(self.error),
            "hint": hint_json(self.hint),
            "note": self.note,
            "outcome": self.outcome,
            "phase": phase_of(self.state),
            "createsImage": ACTIONS[self.action].creates_image,
            "waited": round(self.waited, 1),
            "usualHigh": self.estimate_high,  # for a progress bar that is based on the estimate
            "startUnknown": not self.start_known,
            "python": self.python,
            "isFound": self.is_found,
            "builtAt": _iso(self.built_at),
            "builtSeconds": self.built_seconds and round(self.built_seconds, 1),
            "fleet": self.fleet,
            "reason": self.reason,
            "detail": self.detail,
            "ids": self.ids,
            "plan": self.report and report_json(self.report),
            "correction": correction_json(self.correction),
        }

    @property
    def _cluster_kind(self) -> str:
        return "emulator cluster" if self.emulator else "cluster"

    def _html(self, hints: HintTable) -> str:
        title = (
            f"<p><strong>{glyph_of(self.outcome)} {isolated(visible_line(self.state))}</strong>: image "
            f"<code>{isolated(visible_line(self.image))}</code>{self._place_html()}</p>"
        )
        facts = [
            ("Base image", self.base),
            (self._times_label, self._times()),
            ("Estimate", self.estimate_line),
            ("Note", self.note),
        ]
        failure = [("Error", "\n".join(self.error)), ("Next step", hints.text(self.hint)), ("Details", self.ids)]
        report = preflight_report.html(self.report, hints) if self.report is not None else ""
        corrected = code(self.correction.text, self.correction.heading)["text/html"] if self.correction else ""
        text = requirements_html(self.requirements)
        parts = (title, _rows_html(facts), report, _rows_html(failure), corrected, text)
        return f"<div>{''.join(parts)}</div>"

    def _place_html(self) -> str:
        return f" on {self._cluster_kind} <code>{isolated(visible_line(self.cluster))}</code>" if self.cluster else ""

    @property
    def _times_label(self) -> str:
        if not self.ended:
            return "Elapsed"
        return "Built" if self.state is BuildState.SUCCEEDED else self.state

    def _times(self) -> str:
        if self.ended and self.is_found and self.state.succeeded:
            return self._built_text()
        if self.ended:
            after = f", after {duration(self.seconds)}" if self.start_known else ""
            return f"{self.as_of:%Y-%m-%d %H:%M:%S} UTC{after}"
        updated = f", last update {self.last_response_at:%H:%M:%S} UTC" if self.last_response_at else ""
        return f"{duration(self.seconds)} at {self.as_of:%Y-%m-%d %H:%M:%S} UTC{updated}"

    def _built_text(self) -> str:
        """Return when an image was built that this operation only found."""
        if self.built_at is None:  # the service does not say it
            return f"before {self.as_of:%Y-%m-%d %H:%M:%S} UTC"
        after = f", after {duration(self.built_seconds)}" if self.built_seconds else ""
        return f"{self.built_at:%Y-%m-%d %H:%M:%S} UTC{after}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _joined(*parts: str) -> DisplayText:
    return visible_line(" · ".join(part for part in parts if part))


def _rows_html(rows: Iterable[tuple[str, str]]) -> str:
    """Return labeled values as a table, without those that are empty."""
    shown = [(label, isolated(visible(value)).replace("\n", "<br>")) for label, value in rows if value]
    cells = "".join(f"<tr><th {LEFT}>{label}</th><td {LEFT}>{value}</td></tr>" for label, value in shown)
    return f"<table>{cells}</table>" if shown else ""
