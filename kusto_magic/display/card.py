"""Card of a build: one bundle of versioned JSON, plain HTML and text, which is saved in the notebook.

The card must be readable without a kernel, on a page that strips styles and scripts: text and glyphs carry the meaning,
times are absolute, and all external text is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kusto_magic.arm.operation import NOTE_UNCHANGED, Operation
from kusto_magic.builds.state import Origin, state_of_record
from kusto_magic.display import preflight_report
from kusto_magic.display.bundle import Bundle, bundle_of, duration, isolated, requirements_html, visible_json
from kusto_magic.display_text import DisplayText, visible, visible_line
from kusto_magic.errors import (
    BuildError,
    KustoImageError,
    RequirementsConflictError,
    ServiceError,
    failure_reason,
    reason_from_message,
)
from kusto_magic.hints import Hint, HintKind, HintTable, hint_json
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState, Outcome
from kusto_magic.preflight.report_json import report_json
from kusto_magic.program_hints import PROGRAM
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    from kusto_magic.arm.poll_schedule import DurationEstimate
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.record import BuildRecord
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
    """Data of a build that is shown and saved.

    Times are UTC; `seconds` is the time from the start to `as_of`, which is the end of an ended build. `estimate_high`
    is the upper bound of the estimate in seconds; `waited` is how long it was queued. `fleet` is the id that the builds
    of a fleet share, or "". `reason` is the failure without ids, the same text for all failures of one kind; `detail`
    is the first line of the service's error, or the reason of the preflight.
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
    waited: float = 0.0
    start_known: bool = True
    fleet: str = ""
    reason: str = ""
    detail: str = ""

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
    def progress_text(self) -> DisplayText:
        """The line beside a progress bar."""
        last = self.last_response_at
        updated = f"last update {last:%H:%M:%S} UTC" if last else "waiting for the first response"
        head = f"{glyph_of(self.outcome)} {self.state} {self.image}"
        parts = (head, duration(self.seconds), updated, self.note, self.estimate)
        return visible_line(" · ".join(part for part in parts if part))

    def live_text(self, hints: HintTable) -> DisplayText:
        """Return the text that a terminal replaces while the build is running."""
        return self.text(hints)

    def bundle(self, hints: HintTable = PROGRAM) -> Bundle:
        """Return the MIME bundle to display for a card; HTML and text have the sentences of `hints`."""
        return {MIME: self.to_json(), **bundle_of(self._html(hints), self.text(hints))}

    def text(self, hints: HintTable = PROGRAM) -> DisplayText:
        """Return a card as text: one line, then the lines of the preflight report, the error and the next step."""
        cluster = f"{'emulator ' if self.emulator else ''}cluster {self.cluster}"
        parts = [
            f"{glyph_of(self.outcome)} {self.state}: image {self.image} on {cluster}",
            self._times(),
        ]
        line = visible_line(" · ".join(part for part in (*parts, self.estimate, self.note) if part))
        details = [*self.error, *hints.next_line(self.hint)]
        if self.report is not None:
            details = [*preflight_report.remarks(self.report, hints), *details]
        return visible("\n".join([line, *(f"  {detail}" for detail in details)]))

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
            "startedAt": self.started_at.isoformat(timespec="seconds"),
            "asOf": self.as_of.isoformat(timespec="seconds"),
            # A key of version 1, which saved notebooks contain.
            "heardAt": self.last_response_at.isoformat(timespec="seconds") if self.last_response_at else None,
            "seconds": round(self.seconds, 1),
        }
        extras: dict[str, Any] = {
            "usual": self.estimate,
            "error": list(self.error),
            "hint": hint_json(self.hint),
            "note": self.note,
            "outcome": self.outcome,
            "createsImage": ACTIONS[self.action].creates_image,
        }
        extras["waited"] = round(self.waited, 1)
        extras["usualHigh"] = self.estimate_high  # for a progress bar that is based on the estimate
        extras |= {"fleet": self.fleet, "reason": self.reason, "detail": self.detail}
        if self.report is not None:
            extras["plan"] = report_json(self.report)
        # Empty values are omitted to keep saved notebooks small.
        shown_json: dict[str, Any] = visible_json(document | {key: value for key, value in extras.items() if value})
        return shown_json

    def _html(self, hints: HintTable) -> str:
        cluster = f"{'emulator ' if self.emulator else ''}cluster"
        title = (
            f"<p><strong>{glyph_of(self.outcome)} {isolated(visible_line(self.state))}</strong>: image "
            f"<code>{isolated(visible_line(self.image))}</code> on {cluster} "
            f"<code>{isolated(visible_line(self.cluster))}</code></p>"
        )
        rows = [
            ("Base image", self.base),
            ("Elapsed" if not self.ended else "Duration" if self.start_known else "Seen", self._times()),
            ("Estimate", self.estimate),
            ("Note", self.note),
            ("Error", "\n".join(self.error)),
            ("Next step", hints.text(self.hint)),
        ]
        cells = "".join(
            f"<tr><th>{label}</th><td>{isolated(visible(value)).replace(chr(10), '<br>')}</td></tr>"
            for label, value in rows
            if value
        )
        report = preflight_report.html(self.report, hints) if self.report is not None else ""
        return f"<div>{title}<table>{cells}</table>{report}{requirements_html(self.requirements)}</div>"

    def _times(self) -> str:
        if self.ended and not self.start_known:
            return f"seen {self.as_of:%Y-%m-%d %H:%M:%S} UTC"
        if self.ended:
            return f"{duration(self.seconds)}, ended {self.as_of:%Y-%m-%d %H:%M:%S} UTC"
        updated = f", last update {self.last_response_at:%H:%M:%S} UTC" if self.last_response_at else ""
        return f"{duration(self.seconds)} at {self.as_of:%Y-%m-%d %H:%M:%S} UTC{updated}"


def card(build: Build, now: datetime) -> Card:
    """Return the card of a build at the time `now` (UTC)."""
    error, operation = build.error, build.operation
    as_of = build.ended_at or now
    is_queued = build.state is BuildState.QUEUED and not build.ended
    # A queued build has no progress: the service has not started it.
    estimate = None if build.ended or is_queued else build.estimate
    return Card(
        id=build.id,
        image=build.name,
        cluster=build.target.cluster,
        emulator=build.target.is_local,
        action=build.action,
        state=build.state,
        ended=build.ended,
        base=_base_label(build),
        requirements=_requirements_of(build),
        started_at=build.started_at,
        as_of=as_of,
        last_response_at=build.last_response_at,
        seconds=_seconds_between(build.started_at, as_of),  # the clock may be set back
        estimate="" if estimate is None else estimate_text(estimate),
        error=_error_lines(error),
        hint=error.hint if isinstance(error, KustoImageError) else None,
        note=_note(operation),
        report=build.report,
        start_known=build.origin is not Origin.OBSERVED and operation.note != NOTE_UNCHANGED,
        estimate_high=0.0 if estimate is None else estimate.high,
        waited=_waited(build, as_of, is_queued),
        fleet=build.fleet,
        reason=failure_reason(error),
        detail=_failure_detail(error),
    )


def card_from_record(record: BuildRecord, *, is_starting: bool = False) -> Card:
    """Return the card of a build that this process does not poll.

    `is_starting` is for the card that is shown until the build of the record is polled.
    """
    state = state_of_record(record, is_active=is_starting)
    is_open = record.ended_at is None and not is_starting  # its process has ended without recording an end
    open_hints = {BuildState.UNKNOWN: HintKind.RESUME, BuildState.NOT_SUBMITTED: HintKind.SEND_AGAIN}
    as_of = record.ended_at or record.last_response_at or record.started_at
    return Card(
        id=record.id,
        image=record.name,
        cluster=record.target.cluster,
        emulator=record.target.is_local,
        action=record.action,
        state=state,
        ended=not is_starting,
        base=record.request.spec.base_label if record.request.spec else "",
        requirements=record.requirements,
        started_at=record.started_at,
        as_of=as_of,
        last_response_at=record.last_response_at,
        seconds=_seconds_between(record.started_at, as_of),
        estimate="",
        error=(record.message,) if record.message else (),
        hint=Hint(open_hints[state], record.name) if is_open else None,
        note="final status unknown" if is_open and state is BuildState.UNKNOWN else "",
        fleet=record.fleet,
        reason=reason_from_message(record.message),
    )


def estimate_text(estimate: DurationEstimate) -> str:
    """Return the estimate as text, with the number of builds it is based on."""
    low, high = duration(estimate.low), duration(estimate.high)
    span = low if low == high else f"{low} to {high}"
    if not estimate.count:
        source = "emulator setting" if estimate.source == "the emulator's setting" else estimate.source
        return f"about {span} ({source})"
    builds = "1 earlier build" if estimate.count == 1 else f"{estimate.count} earlier builds"
    return f"usually {span} ({builds} on {estimate.source})"


def _waited(build: Build, as_of: datetime, is_queued: bool) -> float:
    end = as_of if is_queued else build.queued_until
    return 0.0 if end is None else _seconds_between(build.started_at, end)


def _seconds_between(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())


def _requirements_of(build: Build) -> str:
    """Return the requirements to show; those of another user's image are redacted."""
    if build.spec is not None:
        return build.spec.requirements
    return redact(build.operation.image.requirements) if build.operation.image else ""


def _note(operation: Operation) -> str:
    """Return the note of the operation, and while polls fail, their number and the last error."""
    polls = "the last poll" if operation.failed_polls == 1 else f"the last {operation.failed_polls} polls"
    failing = f"{polls} failed ({operation.poll_error}); retrying" if operation.failed_polls else ""
    return "; ".join(part for part in (operation.note, failing) if part)


def _base_label(build: Build) -> str:
    if build.spec is not None:
        return build.spec.base_label
    return build.operation.image.base_label if build.operation.image else ""


def _error_lines(error: BaseException | None) -> tuple[str, ...]:
    if error is None:
        return ()
    if isinstance(error, RequirementsConflictError):
        return (error.what,)  # the details are in the preflight report, which is shown as well
    if isinstance(error, KustoImageError):
        return (error.what, *(line.strip() for line in error.details()))
    return (f"internal error of kusto_magic: {type(error).__name__}; please report it",)


def _failure_detail(error: BaseException | None) -> str:
    """Return the first sentence of the service or of the preflight, "" if there is none."""
    if isinstance(error, RequirementsConflictError):
        return str(error.forecast.reason)
    if isinstance(error, ServiceError | BuildError):
        return next(iter(error.fault.summary_lines()), "")
    return ""
