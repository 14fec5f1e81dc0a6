"""How a build looks in a saved notebook: one bundle of versioned JSON, plain html and one line of text.

The record must read well without a kernel, on a page that strips styles and scripts: words and glyphs carry the
meaning, times are absolute, and everything that came from outside is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from kusto_magic.arm.operation import NOTE_UNCHANGED, Operation
from kusto_magic.display import preflight_report as plan
from kusto_magic.display.bundle import Bundle, duration, requirements_html
from kusto_magic.errors import KustoImageError, RequirementsConflict, ServiceError
from kusto_magic.models.action import NOT_STARTED, SUCCESS_STATES, Action, Phase
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    from kusto_magic.arm.poll_schedule import DurationEstimate
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.record import BuildRecord
    from kusto_magic.preflight.report import PreflightReport

MIME = "application/vnd.kusto-image.build+json"
VERSION = 1
"""Raised when a reader of the JSON would have to be changed."""

GLYPHS = {
    **dict.fromkeys(SUCCESS_STATES.values(), "✔"),
    "Failed": "✖",
    "Rejected": "✖",
    "Not submitted": "✖",
    "Canceled": "⊘",
    "Unknown": "?",
}
WORKING_GLYPH = "⏳"


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown and kept of one build. Times are UTC, `seconds` the time from start to `as_of` or the end.

    `fleet` is the id that the builds of a fleet have in common, "" for one alone.
    """

    id: str
    image: str
    cluster: str
    emulator: bool
    action: str
    state: str
    ended: bool
    base: str
    requirements: str
    started_at: datetime
    as_of: datetime
    last_response_at: datetime | None
    seconds: float
    estimate: str
    error: tuple[str, ...]
    next_step: str
    note: str
    report: PreflightReport | None = None
    estimate_high: float = 0.0
    start_known: bool = True
    fleet: str = ""


def card(build: Build, now: datetime) -> Card:
    """Return the card of a build as it stands at `now` (UTC)."""
    error, operation = build.error, build.operation
    as_of = build.ended_at or now
    return Card(
        id=build.id,
        image=build.name,
        cluster=build.target.cluster,
        emulator=build.target.is_local,
        action=build.action.value,
        state=_state(build),
        ended=build.ended,
        base=_base_label(build),
        requirements=_requirements_of(build),
        started_at=build.started_at,
        as_of=as_of,
        last_response_at=build.last_response_at,
        seconds=max(0.0, (as_of - build.started_at).total_seconds()),
        estimate="" if build.ended or build.estimate is None else estimate_text(build.estimate),
        error=_error_lines(error),
        next_step=error.next_step if isinstance(error, KustoImageError) else "",
        note=_note(operation),
        report=build.report,
        start_known=build.start_known and operation.note != NOTE_UNCHANGED,
        estimate_high=0.0 if build.ended or build.estimate is None else build.estimate.high,
        fleet=build.fleet,
    )


def card_from_record(record: BuildRecord, *, is_coming: bool = False) -> Card:
    """Return the card of a build that nobody here follows: as it ended, as it begins, or Unknown."""
    is_lost = record.ended_at is None and not is_coming
    as_of = record.ended_at or record.last_response_at or record.started_at
    state = _success_state(record.action) if record.state == Phase.SUCCEEDED else record.state
    return Card(
        id=record.id,
        image=record.image,
        cluster=record.target.cluster,
        emulator=record.target.is_local,
        action=record.action,
        state="Unknown" if is_lost else state,
        ended=not is_coming,
        base=record.base_image or (f"Python {record.python_version}" if record.python_version else ""),
        requirements=record.requirements,
        started_at=record.started_at,
        as_of=as_of,
        last_response_at=record.last_response_at,
        seconds=max(0.0, (as_of - record.started_at).total_seconds()),
        estimate="",
        error=(record.message,) if record.message else (),
        next_step=f"%kusto_image attach {record.image}" if is_lost else "",
        note="no end was heard of" if is_lost else "",
        fleet=record.fleet,
    )


def bundle(shown: Card) -> Bundle:
    """Return the MIME bundle to display for a card."""
    return {MIME: _json(shown), "text/html": _html(shown), "text/plain": text(shown)}


def text(shown: Card) -> str:
    """Return a card as text: one line, and the error's lines when there is one."""
    where = f"{'emulator ' if shown.emulator else ''}cluster {shown.cluster}"
    parts = [f"{GLYPHS.get(shown.state, WORKING_GLYPH)} {shown.state}: image {shown.image} on {where}", _times(shown)]
    line = " · ".join(part for part in (*parts, shown.estimate, shown.note) if part)
    following = [*shown.error, *([f"Next: {shown.next_step}"] if shown.next_step else [])]
    if shown.report is not None:
        following = [*plan.remarks(shown.report), *following]
    return "\n".join([line, *(f"  {more}" for more in following)])


def estimate_text(estimate: DurationEstimate) -> str:
    """Return the experience with earlier builds in words; it is an estimate and says so."""
    low, high = duration(estimate.low), duration(estimate.high)
    span = low if low == high else f"{low} to {high}"
    if not estimate.count:
        return f"estimate: {span} ({estimate.source})"
    builds = "1 earlier build" if estimate.count == 1 else f"{estimate.count} earlier builds"
    return f"estimate: usually {span} ({builds} on {estimate.source})"


def _state(build: Build) -> str:
    error, phase = build.error, build.operation.phase
    if error is None or build.operation.done:
        return _success_state(build.action) if phase is Phase.SUCCEEDED else phase.value
    if isinstance(error, KustoImageError) and error.operation is not None:
        return "Unknown"  # it may well go on
    return "Rejected" if isinstance(error, ServiceError) else "Not submitted" if phase in NOT_STARTED else "Unknown"


def _success_state(action: str) -> str:
    """Return the state to show after success; an action that this version does not know has just succeeded."""
    return SUCCESS_STATES.get(Action(action), "Succeeded") if action in set(Action) else "Succeeded"


def _requirements_of(build: Build) -> str:
    """Return the requirements to show: our own as they are, somebody else's without what is secret in them."""
    if build.spec is not None:
        return build.spec.requirements
    return redact(build.operation.image.requirements) if build.operation.image else ""


def _note(operation: Operation) -> str:
    """Return what the reader should know besides: also, while it runs, that the service is not answering."""
    silent = (
        f"no answer at the last {operation.failed_polls} tries ({operation.poll_error}); asking on"
        if operation.failed_polls
        else ""
    )
    return "; ".join(part for part in (operation.note, silent) if part)


def _base_label(build: Build) -> str:
    if build.spec is not None:
        return build.spec.base_label
    return build.operation.image.base_label if build.operation.image else ""


def _error_lines(error: BaseException | None) -> tuple[str, ...]:
    if error is None:
        return ()
    if isinstance(error, RequirementsConflict):
        return (error.what,)  # the rest is in the forecast, which is shown as well
    if isinstance(error, KustoImageError):
        return (error.what, *(line.strip() for line in error.details()))
    return (f"{type(error).__name__} in kusto_magic itself; please report it",)


def _times(shown: Card) -> str:
    if shown.ended and not shown.start_known:
        return f"seen {shown.as_of:%Y-%m-%d %H:%M:%S} UTC"
    if shown.ended:
        return f"{duration(shown.seconds)}, ended {shown.as_of:%Y-%m-%d %H:%M:%S} UTC"
    heard = f", last heard of {shown.last_response_at:%H:%M:%S} UTC" if shown.last_response_at else ""
    return f"{duration(shown.seconds)} at {shown.as_of:%Y-%m-%d %H:%M:%S} UTC{heard}"


def _json(shown: Card) -> dict[str, Any]:
    """Return the versioned record: names and times, no id of a subscription, no address, no secret."""
    document: dict[str, Any] = {
        "version": VERSION,
        "id": shown.id,
        "image": shown.image,
        "cluster": shown.cluster,
        "emulator": shown.emulator,
        "action": shown.action,
        "state": shown.state,
        "ended": shown.ended,
        "base": shown.base,
        "requirements": shown.requirements,
        "startedAt": shown.started_at.isoformat(timespec="seconds"),
        "asOf": shown.as_of.isoformat(timespec="seconds"),
        "heardAt": shown.last_response_at.isoformat(timespec="seconds") if shown.last_response_at else None,
        "seconds": round(shown.seconds, 1),
    }
    extras: dict[str, Any] = {
        "usual": shown.estimate,
        "error": list(shown.error),
        "next": shown.next_step,
        "note": shown.note,
    }
    extras["usualHigh"] = shown.estimate_high  # for a bar that follows the estimate
    extras["fleet"] = shown.fleet
    if shown.report is not None:
        extras["plan"] = plan.json(shown.report)
    return document | {key: value for key, value in extras.items() if value}


def _html(shown: Card) -> str:
    where = f"{'emulator ' if shown.emulator else ''}cluster"
    title = (
        f"<p><strong>{GLYPHS.get(shown.state, WORKING_GLYPH)} {escape(shown.state)}</strong>: image "
        f"<code>{escape(shown.image)}</code> on {where} <code>{escape(shown.cluster)}</code></p>"
    )
    rows = [
        ("Base", shown.base),
        ("So far" if not shown.ended else "Took" if shown.start_known else "When", _times(shown)),
        ("Usually", shown.estimate),
        ("Note", shown.note),
        ("Error", "\n".join(shown.error)),
        ("Next", shown.next_step),
    ]
    cells = "".join(
        f"<tr><th>{label}</th><td>{escape(value).replace(chr(10), '<br>')}</td></tr>" for label, value in rows if value
    )
    checked = plan.html(shown.report) if shown.report is not None else ""
    return f"<div>{title}<table>{cells}</table>{checked}{requirements_html(shown.requirements)}</div>"
