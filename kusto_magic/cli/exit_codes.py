"""Exit codes of `kusto-image`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from kusto_magic.errors import (
    BuildFailedError,
    ConflictError,
    EndedElsewhereError,
    ForbiddenError,
    InUseError,
    InvalidInputError,
    KustoImageError,
    LockDriftError,
    NotActiveError,
    NotSubmittedError,
    OutcomeUnknownError,
    PollTimeoutError,
    RequirementsConflictError,
    SignInError,
    StatusUnreadableError,
)

if TYPE_CHECKING:
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.record import BuildRecord


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    """It is done, or nothing had to be done."""
    FAILED = 1
    """The operation failed or was canceled, or the service cannot be used."""
    INVALID = 2
    """The arguments or the requirements break a rule; nothing was sent."""
    NOT_SUBMITTED = 3
    """The requirements conflict or differ from the lock, the image is in use or not active, or the cluster is busy."""
    UNKNOWN = 4
    """The outcome is not known: `kusto-image attach NAME` follows the operation."""
    NOT_ALLOWED = 5
    """The sign-in failed, or the account lacks a permission."""
    CHANGES = 10
    """With `--plan` or `--fail-on-change`: something would change; nothing was sent."""
    INTERRUPTED = 130
    """It was interrupted (Ctrl-C) before anything was submitted."""
    TERMINATED = 143
    """It was terminated (SIGTERM) before anything was submitted."""


_CODES: tuple[tuple[tuple[type[KustoImageError], ...], ExitCode], ...] = (
    ((InvalidInputError,), ExitCode.INVALID),
    (
        (RequirementsConflictError, LockDriftError, InUseError, ConflictError, NotSubmittedError, NotActiveError),
        ExitCode.NOT_SUBMITTED,
    ),
    ((SignInError, ForbiddenError), ExitCode.NOT_ALLOWED),
    ((OutcomeUnknownError, PollTimeoutError, StatusUnreadableError), ExitCode.UNKNOWN),
)

_SEVEREST_FIRST = (
    ExitCode.FAILED, ExitCode.UNKNOWN, ExitCode.NOT_ALLOWED, ExitCode.NOT_SUBMITTED, ExitCode.INVALID,
)  # fmt: skip


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error."""
    if isinstance(error, EndedElsewhereError):
        return _of_state(error.state)
    if isinstance(error, BuildFailedError) and error.operation.is_cluster_busy:
        return ExitCode.NOT_SUBMITTED
    code = next((code for types, code in _CODES if isinstance(error, types)), ExitCode.FAILED)
    # What this process can no longer poll continues in the service.
    from kusto_magic.models.build_state import NOT_STARTED

    operation = error.operation if isinstance(error, KustoImageError) else None
    is_running = operation is not None and not operation.done and operation.state not in NOT_STARTED
    return ExitCode.UNKNOWN if is_running else code


def _of_state(state: str | None) -> ExitCode:
    from kusto_magic.models.build_state import BuildState, Outcome

    outcome = None if state is None else BuildState(state).outcome
    if outcome is Outcome.SUCCEEDED:
        return ExitCode.DONE
    return ExitCode.FAILED if outcome in (Outcome.FAILED, Outcome.CANCELED, Outcome.REJECTED) else ExitCode.UNKNOWN


def exit_code_of_members(members: Iterable[Build | BuildRecord]) -> ExitCode:
    """Return the exit code of several operations: that of the most severe failure."""
    found = {_of_member(member) for member in members}
    return next((code for code in _SEVEREST_FIRST if code in found), ExitCode.DONE)


def _of_member(member: Build | BuildRecord) -> ExitCode:
    error: BaseException | None = getattr(member, "error", None)
    if error is not None:
        return exit_code_of(error)
    return _of_state(member.state)
