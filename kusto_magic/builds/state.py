"""The state of a build: one function that derives it, and one for a record of the history."""

from __future__ import annotations

from enum import StrEnum

from kusto_magic.arm.operation import Operation
from kusto_magic.builds.record import BuildRecord
from kusto_magic.errors import EndedElsewhereError, ImageDiffersError, KustoImageError, NotSubmittedError, ServiceError
from kusto_magic.models.build_state import NOT_STARTED, UNSENT_STATES, BuildState


class Origin(StrEnum):
    """How this process came to poll an operation."""

    STARTED_HERE = "started here"
    """This process sends and polls it from its start."""
    RESUMED = "resumed"
    """The history has a record of it, of another process or of an earlier one."""
    OBSERVED = "observed"
    """Only the image is known: when its operation was started is not."""


def state_of(operation: Operation, error: BaseException | None, origin: Origin) -> BuildState:
    """Return the state of a build, from its last operation and the error that ended its polling, if any."""
    if isinstance(error, ImageDiffersError):
        return BuildState.FAILED  # the service has built an image, but not the one that was asked for
    if error is None or operation.done:
        return operation.shown_state
    if isinstance(error, EndedElsewhereError) and error.state is not None:
        return BuildState(error.state)
    if isinstance(error, NotSubmittedError):
        return BuildState.NOT_SUBMITTED
    # An operation that the service may be working on continues, even if this process cannot poll it any longer.
    if origin is not Origin.STARTED_HERE or (isinstance(error, KustoImageError) and error.operation is not None):
        return BuildState.UNKNOWN
    if isinstance(error, ServiceError):
        return BuildState.REJECTED
    return BuildState.NOT_SUBMITTED if operation.state in NOT_STARTED else BuildState.UNKNOWN


def state_of_record(record: BuildRecord, *, is_active: bool) -> BuildState:
    """Return the state of an operation that this process does not poll.

    `is_active` is whether another process still works on it, or will presumably do so in a moment.
    """
    if record.ended_at is not None or is_active:
        return record.state
    return BuildState.NOT_SUBMITTED if record.state in UNSENT_STATES else BuildState.UNKNOWN
