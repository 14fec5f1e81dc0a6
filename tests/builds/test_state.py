"""The state of a build, from its last operation, its error and its origin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.requests import build_request

from kusto_magic.arm.operation import Operation
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.state import Origin, state_of, state_of_record
from kusto_magic.errors import (
    BuildFailedError,
    EndedElsewhereError,
    ForbiddenError,
    ImageDiffersError,
    InUseError,
    NotSubmittedError,
    OutcomeUnknownError,
    PollTimeoutError,
    UnreachableError,
)
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.service_fault import ServiceFault

HERE, RESUMED, OBSERVED = Origin.STARTED_HERE, Origin.RESUMED, Origin.OBSERVED
SENDING = Operation(Action.BUILD, "", BuildState.SUBMITTING)
BUILDING = replace(SENDING, state=BuildState.BUILDING)
REFUSED = ForbiddenError("refused", status=403, fault=ServiceFault())
STATES: dict[str, tuple[Operation, BaseException | None, Origin, BuildState]] = {
    "running": (BUILDING, None, HERE, BuildState.BUILDING),
    "an attempt that may meet a busy cluster": (replace(BUILDING, retrying=True), None, HERE, BuildState.QUEUED),
    "failed": (
        replace(BUILDING, state=BuildState.FAILED),
        BuildFailedError("no", operation=BUILDING),
        HERE,
        BuildState.FAILED,
    ),
    "deleted": (replace(BUILDING, state=BuildState.DELETED), None, RESUMED, BuildState.DELETED),
    "refused by the service": (SENDING, REFUSED, HERE, BuildState.REJECTED),
    "refused by us": (SENDING, InUseError("in use"), HERE, BuildState.NOT_SUBMITTED),
    "not reached": (SENDING, UnreachableError("no route"), HERE, BuildState.NOT_SUBMITTED),
    "a bug before the request": (SENDING, RuntimeError(), HERE, BuildState.NOT_SUBMITTED),
    "a bug while it runs": (BUILDING, RuntimeError(), HERE, BuildState.UNKNOWN),
    "the endpoint is lost while it runs": (BUILDING, UnreachableError("no route"), HERE, BuildState.UNKNOWN),
    "a timeout": (BUILDING, PollTimeoutError("too long", operation=BUILDING), HERE, BuildState.UNKNOWN),
    "its process ended before": (SENDING, NotSubmittedError("not sent"), RESUMED, BuildState.NOT_SUBMITTED),
    "its process ended meanwhile": (SENDING, OutcomeUnknownError("unknown"), RESUMED, BuildState.UNKNOWN),
    "resumed, and the status may not be read": (SENDING, REFUSED, RESUMED, BuildState.UNKNOWN),
    "no such image": (SENDING, REFUSED, OBSERVED, BuildState.UNKNOWN),
    "built, but not what was sent": (
        replace(BUILDING, state=BuildState.SUCCEEDED, differences=("requirements",)),
        ImageDiffersError("another image", operation=BUILDING),
        HERE,
        BuildState.FAILED,
    ),
    "ended by another process": (
        SENDING,
        EndedElsewhereError("ended", operation=SENDING, state="Failed"),
        RESUMED,
        BuildState.FAILED,
    ),
    "ended by another process, unknown how": (
        SENDING,
        EndedElsewhereError("ended", operation=SENDING),
        RESUMED,
        BuildState.UNKNOWN,
    ),
}


@pytest.mark.parametrize(("operation", "error", "origin", "state"), STATES.values(), ids=STATES.keys())
def test_state_follows_from_operation_error_and_origin(
    operation: Operation, error: BaseException | None, origin: Origin, state: BuildState
) -> None:
    assert state_of(operation, error, origin) is state


NOW = datetime(2026, 11, 26, tzinfo=UTC)
OPEN = BuildRecord(
    "1",
    build_request(
        Target("01234567-89ab-cdef-0123-456789abcdef", "group", "cluster"),
        "img",
        ImageSpec("six", base_image="Python3_11_7"),
    ),
    NOW,
    state=BuildState.BUILDING,
)


@pytest.mark.parametrize(
    ("record", "active", "state"),
    [
        (OPEN, True, BuildState.BUILDING),
        (OPEN, False, BuildState.UNKNOWN),
        (replace(OPEN, state=BuildState.CHECKING), True, BuildState.CHECKING),
        (replace(OPEN, state=BuildState.CHECKING), False, BuildState.NOT_SUBMITTED),
        (replace(OPEN, state=BuildState.FAILED, ended_at=NOW), False, BuildState.FAILED),
    ],
)
def test_open_record_without_a_process_is_unknown_or_was_not_submitted(
    record: BuildRecord, active: bool, state: BuildState
) -> None:
    assert state_of_record(record, is_active=active) is state
