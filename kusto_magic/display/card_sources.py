"""Cards of operations that this process polls, and of records of the history."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, TypeGuard

from kusto_magic.arm.operation import NOTE_UNCHANGED, Operation
from kusto_magic.builds.state import Origin, state_of_record
from kusto_magic.display.bundle import duration
from kusto_magic.display.card import Card
from kusto_magic.error_texts import failure_lines, failure_reason, ids_from_message, reason_from_message, support_ids
from kusto_magic.errors import BuildError, KustoImageError, RequirementsConflictError, ServiceError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import NOT_STARTED, BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    from kusto_magic.arm.poll_schedule import DurationEstimate
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.record import BuildRecord


def card(build: Build, now: datetime) -> Card:
    """Return the card of a build at the time `now` (UTC)."""
    error, operation, found = build.error, build.operation, build.built_by
    as_of = build.ended_at or now
    is_queued = build.state is BuildState.QUEUED and not build.ended
    estimate = None if build.ended or is_queued else build.estimate
    # No progress before the service has started it.
    has_progress = estimate is not None and build.operation.state not in NOT_STARTED
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
        brief_estimate="" if estimate is None else brief_estimate(estimate),
        error=_error_lines(error),
        hint=error.hint if isinstance(error, KustoImageError) else None,
        note=_note(operation),
        report=build.report or (found.report if found else None),
        estimate_high=estimate.high if estimate and has_progress else 0.0,
        python=_python(build.spec),
        ids=support_ids(error),
        is_found=build.is_unchanged or (build.origin is Origin.OBSERVED and not build.was_in_progress),
        start_known=build.origin is not Origin.OBSERVED,
        built_at=found.ended_at if found else None,
        built_seconds=found.seconds if found else None,
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
    note, reason = (record.message, "") if state.succeeded else ("", reason_from_message(record.message))
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
        error=(reason,) if reason and not _is_conflict(record.report) else (),
        hint=Hint(open_hints[state], record.name) if is_open else record.hint,
        note="final status unknown" if is_open and state is BuildState.UNKNOWN else note,
        report=record.report,
        is_found=note == NOTE_UNCHANGED,
        python=_python(record.request.spec),
        fleet=record.fleet,
        reason=reason,
        detail=record.report.reason if _is_conflict(record.report) else "",
        ids=ids_from_message(record.message),
    )


def estimate_text(estimate: DurationEstimate) -> str:
    """Return the estimate as text, with the number of builds it is based on."""
    if not estimate.count:
        source = "emulator setting" if estimate.source == "the emulator's setting" else estimate.source
        return f"{brief_estimate(estimate)} ({source})"
    builds = "1 earlier build" if estimate.count == 1 else f"{estimate.count} earlier builds"
    return f"{brief_estimate(estimate)} ({builds} on {estimate.source})"


def brief_estimate(estimate: DurationEstimate) -> str:
    """Return the estimate as text without its source, for narrow places."""
    return f"{'usually' if estimate.count else 'about'} {span_text(estimate.low, estimate.high)}"


def span_text(low: float, high: float) -> str:
    """Return a span of seconds as text: "12 s", "13–46 s", "4–6 min", "40 s to 2 min"."""
    if duration(low) == duration(high):
        return duration(low)
    if high < 60:
        return f"{round(low)}–{round(high)} s"
    if low >= 60 and high < 3600:
        first, last = int(low // 60), ceil(high / 60)  # outwards: the span must contain both
        return f"{first}–{last} min"
    return f"{duration(low)} to {duration(high)}"


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


def _python(spec: ImageSpec | None) -> str:
    return (spec.python_version if spec else None) or ""


def _base_label(build: Build) -> str:
    if build.spec is not None:
        return build.spec.base_label
    return build.operation.image.base_label if build.operation.image else ""


def _error_lines(error: BaseException | None) -> tuple[str, ...]:
    """Return what happened and why, without the ids; nothing for a conflict, which the report explains."""
    if error is None or (isinstance(error, RequirementsConflictError) and _is_conflict(error.forecast)):
        return ()
    if isinstance(error, KustoImageError):
        return failure_lines(error)
    return (f"internal error of kusto_magic: {type(error).__name__}; please report it",)


def _failure_detail(error: BaseException | None) -> str:
    """Return the first sentence of the service or of the preflight, "" if there is none."""
    if isinstance(error, RequirementsConflictError):
        return str(error.forecast.reason)
    if isinstance(error, ServiceError | BuildError):
        return next(iter(error.fault.summary_lines()), "")
    return ""


def _is_conflict(report: PreflightReport | None) -> TypeGuard[PreflightReport]:
    return report is not None and report.verdict is Verdict.CONFLICT
