"""Exit codes: which error ends with which."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from support.arm_responses import TARGET

from kusto_magic.arm import operation_start
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.urls import image_url
from kusto_magic.cli.exit_codes import ExitCode, exit_code_of, exit_code_of_members
from kusto_magic.errors import (
    BuildCanceledError,
    BuildFailedError,
    ConflictError,
    EmulatorError,
    EndedElsewhereError,
    ForbiddenError,
    ImageDiffersError,
    InUseError,
    InvalidInputError,
    NotFoundError,
    NotSubmittedError,
    OutcomeUnknownError,
    PollTimeoutError,
    Problem,
    ServiceError,
    SignInError,
    StatusUnreadableError,
    ThrottledError,
    UnreachableError,
)
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.service_fault import ServiceFault

RUNNING = operation_start.resume(Action.BUILD, image_url(TARGET, "img"))
FAULT = ServiceFault("Code", "message")


def _service(kind: type[ServiceError], status: int) -> ServiceError:
    return kind("it failed", status=status, fault=FAULT)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInputError([Problem("name", "wrong")]), ExitCode.INVALID),
        (InUseError("in use"), ExitCode.NOT_SUBMITTED),
        (_service(ConflictError, 409), ExitCode.NOT_SUBMITTED),
        (NotSubmittedError("never sent"), ExitCode.NOT_SUBMITTED),
        (SignInError("no token"), ExitCode.NOT_ALLOWED),
        (_service(ForbiddenError, 403), ExitCode.NOT_ALLOWED),
        (OutcomeUnknownError("unknown"), ExitCode.UNKNOWN),
        (PollTimeoutError("too long", operation=RUNNING), ExitCode.UNKNOWN),
        (StatusUnreadableError("unreadable", operation=RUNNING), ExitCode.UNKNOWN),
        (BuildFailedError("failed", operation=Operation(Action.BUILD, "", BuildState.FAILED)), ExitCode.FAILED),
        (BuildCanceledError("canceled", operation=Operation(Action.BUILD, "", BuildState.CANCELED)), ExitCode.FAILED),
        (ImageDiffersError("differs", operation=Operation(Action.BUILD, "", BuildState.SUCCEEDED)), ExitCode.FAILED),
        (_service(NotFoundError, 404), ExitCode.FAILED),
        (_service(ThrottledError, 429), ExitCode.FAILED),
        (_service(ServiceError, 500), ExitCode.FAILED),
        (UnreachableError("no network"), ExitCode.FAILED),
        (EmulatorError("no emulator"), ExitCode.FAILED),
        (EndedElsewhereError("ended", operation=RUNNING, state="Succeeded"), ExitCode.DONE),
        (EndedElsewhereError("ended", operation=RUNNING, state="Failed"), ExitCode.FAILED),
        (EndedElsewhereError("ended", operation=RUNNING), ExitCode.UNKNOWN),
        (ValueError("a bug"), ExitCode.FAILED),
    ],
)
def test_error_has_its_exit_code(error: BaseException, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def test_lost_connection_to_a_running_operation_ends_with_4() -> None:
    lost = SignInError("the token has expired")
    lost.operation = RUNNING
    assert exit_code_of(lost) is ExitCode.UNKNOWN


def test_several_operations_end_with_the_most_severe_code() -> None:
    def member(error: BaseException | None, state: BuildState = BuildState.SUCCEEDED) -> SimpleNamespace:
        return SimpleNamespace(error=error, state=state)

    done, conflict, failed = member(None), member(InUseError("x")), member(_service(ServiceError, 500))
    unknown = member(None, BuildState.UNKNOWN)
    assert exit_code_of_members([done, done]) is ExitCode.DONE  # type: ignore[list-item]
    assert exit_code_of_members([done, conflict]) is ExitCode.NOT_SUBMITTED  # type: ignore[list-item]
    assert exit_code_of_members([conflict, unknown]) is ExitCode.UNKNOWN  # type: ignore[list-item]
    assert exit_code_of_members([unknown, failed, conflict]) is ExitCode.FAILED  # type: ignore[list-item]
