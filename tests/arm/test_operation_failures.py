"""The end of an operation: its messages and next steps, and that the poll counters are reset."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.arm_responses import (
    HTML_RESPONSE,
    IMAGE_CREATING,
    IMAGE_SUCCEEDED,
    IMAGE_URL,
    LOCATION_URL,
    POLL_URL,
    SPEC,
    STATUS_SUCCEEDED,
    error_response,
    from_service,
    image_resource,
    make_response,
    status_response,
)

from kusto_magic.arm.operation import MAX_NOT_FOUND, MAX_UNREADABLE, Operation
from kusto_magic.arm.operation_start import resume, start_operation, submitting
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import (
    BuildCanceledError,
    BuildFailedError,
    ImageDiffersError,
    ServiceError,
    StatusUnreadableError,
    UnexpectedStateError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import LanguageExtension

EXTENSION = LanguageExtension("PYTHON", "img")
BY_OPERATION = {"azure-asyncoperation": POLL_URL, "retry-after": "7"}
BY_LOCATION = {"location": LOCATION_URL, "retry-after": "7"}
RETRY_AFTER = {"retry-after": "9"}


def started(action: Action, headers: dict[str, str] = BY_OPERATION) -> Operation:
    is_switch = action in (Action.ENABLE, Action.DISABLE)
    sent = submitting(action, IMAGE_URL, extension=EXTENSION if is_switch else None)
    return start_operation(sent, make_response(image_resource("Creating"), 202, headers))


def after_failed_polls(operation: Operation) -> Operation:
    """Return the operation after two failed polls."""
    return operation.with_failed_poll("HTTP 503").with_failed_poll("HTTP 503", 30.0)


def has_no_poll_errors(operation: Operation) -> bool:
    return (operation.failed_polls, operation.poll_error, operation.delay) == (0, "", None)


SUCCEEDED_WITH_RETRY_AFTER = make_response({"status": "Succeeded"}, 200, RETRY_AFTER)


@pytest.mark.parametrize("action", [Action.DELETE, Action.ENABLE, Action.DISABLE])
@pytest.mark.parametrize("headers", [BY_OPERATION, BY_LOCATION], ids=["operation", "location"])
def test_success_after_failed_polls_clears_their_counters(action: Action, headers: dict[str, str]) -> None:
    ended = after_failed_polls(started(action, headers)).advance(SUCCEEDED_WITH_RETRY_AFTER)
    assert ended.state is ACTIONS[action].success_state
    assert has_no_poll_errors(ended)
    assert ended._operation_succeeded


def test_delete_by_image_clears_the_poll_counters() -> None:
    operation = after_failed_polls(resume(Action.DELETE, IMAGE_URL))
    ended = operation.advance(error_response(404, headers=RETRY_AFTER))
    assert ended.state is BuildState.DELETED
    assert has_no_poll_errors(ended)
    assert ended.image is None


def test_build_by_image_clears_the_poll_counters() -> None:
    operation = after_failed_polls(resume(Action.BUILD, IMAGE_URL, expected=SPEC))
    ended = operation.advance(make_response(image_resource(), 200, RETRY_AFTER))
    assert ended.state is BuildState.SUCCEEDED
    assert has_no_poll_errors(ended)
    assert ended.image is not None


def test_build_without_expectation_succeeds_without_note() -> None:
    ended = resume(Action.BUILD, IMAGE_URL).advance(IMAGE_SUCCEEDED)
    assert (ended.state, ended.note, ended.expected) == (BuildState.SUCCEEDED, "", None)


def test_confirmed_build_that_differs_names_the_differences() -> None:
    other = make_response(image_resource(requirementsFileContent="numpy"), 200, RETRY_AFTER)
    sent = submitting(Action.BUILD, IMAGE_URL, SPEC)
    ended = (
        start_operation(sent, make_response(image_resource("Creating"), 201, BY_OPERATION))
        .advance(STATUS_SUCCEEDED)
        .advance(other)
    )
    assert (ended.state, ended.delay) == (BuildState.SUCCEEDED, None)
    assert ended.differences == ("requirements",)


def test_unconfirmed_build_that_differs_raises_with_a_hint() -> None:
    with pytest.raises(UnexpectedStateError, match=r"\(requirements\)") as caught:
        resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(
            make_response(image_resource(requirementsFileContent="numpy"))
        )
    assert caught.value.hint == Hint(HintKind.CHECK_IMAGE, "img")


@pytest.mark.parametrize("action", Action)
def test_location_202_is_running_and_resets_the_unreadable_count(action: Action) -> None:
    operation = started(action, BY_LOCATION).advance(HTML_RESPONSE)
    assert operation._unreadable_count == 1
    for _ in range(2 * MAX_UNREADABLE):
        operation = operation.advance(make_response(b"", 202))
        assert (operation._unreadable_count, operation.status, operation.poll_target) == (
            0,
            "Running",
            PollTarget.LOCATION,
        )
    assert not operation.done


def test_finished_location_resets_the_unreadable_count() -> None:
    operation = started(Action.BUILD, BY_LOCATION).advance(HTML_RESPONSE).advance(HTML_RESPONSE)
    assert operation.advance(make_response(b""))._unreadable_count == 0


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("action", "code", "kind"),
    [
        (Action.BUILD, "Bad", HintKind.FIX_REQUIREMENTS),
        (Action.DELETE, "Bad", HintKind.CHECK_IMAGES),
        (Action.ENABLE, "Bad", HintKind.CHECK_IMAGES),
        (Action.BUILD, "ServiceIsInMaintenance", HintKind.WAIT_FOR_CLUSTER),
        (Action.DELETE, "ServiceIsInMaintenance", HintKind.WAIT_FOR_CLUSTER),
    ],
)
def test_failure_has_a_hint(action: Action, code: str, kind: HintKind) -> None:
    ended = started(action).advance(status_response("Failed", error={"code": code, "message": "reason"}))
    with pytest.raises(BuildFailedError) as caught:
        ended.raise_for_failure()
    error = caught.value
    assert (error.hint, error.operation, error.fault.message) == (Hint(kind), ended, "reason")


@pytest.mark.parametrize("word", ["Canceled", "Cancelled"])
def test_cancellation_raises_with_a_hint(word: str) -> None:
    ended = started(Action.BUILD).advance(status_response(word, error={"code": "ByAdmin", "message": "reason"}))
    with pytest.raises(BuildCanceledError) as caught:
        ended.raise_for_failure()
    error = caught.value
    assert (error.hint, error.operation) == (Hint(HintKind.RETRY), ended)
    assert (error.fault.code, error.fault.message) == ("ByAdmin", "reason")


def test_hints_have_the_name_of_the_image() -> None:
    url = IMAGE_URL.replace("/img?", "/my%20image%27s?")
    operation = resume(Action.BUILD, url, expected=SPEC)
    assert operation.name == "my image's"
    with pytest.raises(StatusUnreadableError) as caught:
        operation.advance(error_response(403))
    assert caught.value.hint is not None
    assert caught.value.hint.then == Hint(HintKind.RESUME, "my image's")
    with pytest.raises(ImageDiffersError) as differs:
        replace(operation, state=BuildState.SUCCEEDED, differences=("the requirements",)).raise_for_failure()
    assert differs.value.hint == Hint(HintKind.CHECK_IMAGE, "my image's")


@pytest.mark.parametrize("headers", [BY_OPERATION, BY_LOCATION], ids=["operation", "location"])
def test_unreadable_response_is_one_more_failed_poll(headers: dict[str, str]) -> None:
    failing = after_failed_polls(started(Action.DELETE, headers)).advance(HTML_RESPONSE)
    assert (failing.failed_polls, failing.poll_error) == (3, "unreadable response, HTTP 200")
    running = failing.advance(status_response("Running") if headers is BY_OPERATION else make_response(b"", 202))
    assert (running.failed_polls, running.poll_error) == (0, "")


def _advance_until_it_raises(operation: Operation, response: ArmResponse) -> None:
    """Advance with the same response until it raises."""
    for _ in range(MAX_NOT_FOUND + MAX_UNREADABLE):
        operation = operation.advance(response)


UNREADABLE: dict[str, tuple[Operation, ArmResponse, type[StatusUnreadableError], str]] = {
    "403": (started(Action.BUILD), error_response(403), StatusUnreadableError, "HTTP 403"),
    "a list": (started(Action.BUILD), from_service(make_response([])), StatusUnreadableError, "HTTP 200"),
    "no image": (resume(Action.BUILD, IMAGE_URL), error_response(404), UnexpectedStateError, "the image does not"),
    "no cluster": (
        resume(Action.ENABLE, IMAGE_URL, extension=EXTENSION),
        error_response(404),
        UnexpectedStateError,
        "the cluster does not",
    ),
    "still exists": (resume(Action.DELETE, IMAGE_URL), IMAGE_SUCCEEDED, UnexpectedStateError, "still exists"),
}


@pytest.mark.parametrize(("operation", "response", "kind", "part"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_status_unreadable_has_a_reason_and_a_hint(
    operation: Operation, response: ArmResponse, kind: type[StatusUnreadableError], part: str
) -> None:
    with pytest.raises(StatusUnreadableError) as caught:
        _advance_until_it_raises(operation, response)
    assert type(caught.value) is kind
    assert part in caught.value.what
    assert caught.value.what.endswith("still be running")
    assert caught.value.hint is not None
    assert Hint(HintKind.RESUME, "img") in (caught.value.hint, caught.value.hint.then)
    assert caught.value.fault == response.fault()
    assert not caught.value.operation.done


MAINTENANCE = {"code": "ServiceIsInMaintenance", "message": "busy"}
PUT = submitting(Action.BUILD, IMAGE_URL, SPEC)
BUILDING = start_operation(PUT, make_response(image_resource("Creating"), 201, BY_OPERATION))


def test_cluster_busy_falls_back_to_the_image_only_once() -> None:
    """If the image reports the same error, that is the result: falling back again would never end."""
    repeated = start_operation(PUT, make_response(image_resource("Creating"), 201, BY_OPERATION), repeated=True)
    polled = repeated.advance(status_response("Failed", error=MAINTENANCE))
    assert (polled.poll_target, polled._repeated, polled.done) == (PollTarget.IMAGE, False, False)
    failed_image = {**image_resource("Failed"), "error": MAINTENANCE}
    ended = polled.advance(make_response(failed_image, 200, RETRY_AFTER))
    assert (ended.state, ended.delay) == (BuildState.FAILED, None)
    assert ended.is_cluster_busy


def test_image_is_polled_without_delay_after_success() -> None:
    polled = BUILDING.advance(SUCCEEDED_WITH_RETRY_AFTER)
    assert (polled.delay, polled._operation_succeeded, polled.state) == (0.0, True, BuildState.CONFIRMING)


@pytest.mark.parametrize("action", [Action.DELETE, Action.ENABLE, Action.DISABLE])
def test_operation_succeeded_is_set_by_its_own_status(action: Action) -> None:
    assert started(action).advance(STATUS_SUCCEEDED)._operation_succeeded
    assert not started(action)._operation_succeeded


def test_404_of_the_operation_keeps_retry_after() -> None:
    missed = BUILDING.advance(error_response(404, headers=RETRY_AFTER))
    assert (missed.poll_error, missed.failed_polls, missed._not_found_count, missed.delay) == ("HTTP 404", 1, 1, 9.0)
    by_image = missed.advance(error_response(404)).advance(error_response(404, headers=RETRY_AFTER))
    assert (by_image.poll_target, by_image._not_found_count, by_image.delay, by_image.poll_error) == (
        PollTarget.IMAGE,
        0,
        9.0,
        "HTTP 404",
    )


def test_first_404_of_a_stored_url_falls_back_to_the_image() -> None:
    resumed = resume(Action.BUILD, IMAGE_URL, POLL_URL, SPEC)
    assert resumed.advance(error_response(404)).poll_target is PollTarget.IMAGE


@pytest.mark.parametrize(("state", "shown"), [(None, "Succeeded"), ("succeeded", "succeeded"), ("Failed", "Failed")])
def test_status_is_the_state_of_the_service(state: str | None, shown: str) -> None:
    assert resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(make_response(image_resource(state))).status == shown
    still_there = resume(Action.DELETE, IMAGE_URL).advance(make_response(image_resource(state)))
    assert (still_there.status, still_there._unreadable_count) == (shown, 1)


def test_canceled_image_contains_the_reason() -> None:
    canceled = {**image_resource("Canceled"), "error": {"code": "ByAdmin", "message": "reason"}}
    ended = resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(make_response(canceled))
    assert ended.state is BuildState.CANCELED
    assert ended.fault is not None
    assert ended.fault.code == "ByAdmin"


def test_404_of_a_repeated_delete_is_marked_as_repeated() -> None:
    assert start_operation(submitting(Action.DELETE, IMAGE_URL), error_response(404), repeated=True)._repeated


@pytest.mark.parametrize("code", [401, 403])
def test_forbidden_poll_has_a_permission_hint_and_then_resumes(code: int) -> None:
    with pytest.raises(StatusUnreadableError) as caught:
        BUILDING.advance(error_response(code))
    assert caught.value.hint is not None
    assert caught.value.hint.kind in (HintKind.SIGN_IN_TO_TENANT, HintKind.CHECK_PERMISSIONS)
    assert caught.value.hint.then == Hint(HintKind.RESUME, "img")
    with pytest.raises(StatusUnreadableError) as caught:
        BUILDING.advance(error_response(400))
    assert caught.value.hint == Hint(HintKind.RESUME, "img")


def test_300_is_not_a_success() -> None:
    renewing = make_response({"status": "Succeeded"}, 300, {"azure-asyncoperation": f"{POLL_URL}&new"})
    polled = BUILDING.advance(renewing)
    assert (polled.poll_url, polled._unreadable_count, polled.state) == (POLL_URL, 1, BuildState.BUILDING)
    with pytest.raises(ServiceError):
        start_operation(PUT, make_response(image_resource(), 300))


def test_first_response_sets_the_status() -> None:
    assert BUILDING.status == "Creating"
    assert start_operation(PUT, make_response(b"", 202, BY_OPERATION)).status == ""


def test_202_without_url_polls_the_image() -> None:
    operation = start_operation(PUT, make_response(image_resource(), 202))
    assert (operation.state, operation.poll_target, operation._unreadable_count) == (
        BuildState.BUILDING,
        PollTarget.IMAGE,
        0,
    )


def test_replaced_build_can_be_resumed() -> None:
    with pytest.raises(StatusUnreadableError) as caught:
        resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(
            make_response(image_resource(requirementsFileContent="numpy"))
        )
    assert caught.value.operation.poll_url == IMAGE_URL


def test_creating_is_not_terminal() -> None:
    assert not resume(Action.BUILD, IMAGE_URL).advance(IMAGE_CREATING).done
