"""How an operation ends: the words of each end, and that nothing of its troubles is left in the value."""

from __future__ import annotations

import pytest
from support.answers import (
    CREATING,
    DONE,
    HTML,
    IMAGE_URL,
    LOCATION_URL,
    POLL_URL,
    SPEC,
    THERE,
    answer,
    failed,
    image,
    status,
)

from kusto_magic.arm.operation import MAX_NOT_FOUND, MAX_UNREADABLE, Operation, PollTarget, start_operation
from kusto_magic.arm.operation_start import resume, submitting
from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import BuildCanceled, BuildFailed, ServiceError, StatusUnreadable
from kusto_magic.models.action import Action, Phase
from kusto_magic.models.cluster import LanguageExtension

EXTENSION = LanguageExtension("PYTHON", "img")
BY_OPERATION = {"azure-asyncoperation": POLL_URL, "retry-after": "7"}
BY_LOCATION = {"location": LOCATION_URL, "retry-after": "7"}
LATER = {"retry-after": "9"}


def begun(action: Action, headers: dict[str, str] = BY_OPERATION) -> Operation:
    switches = action in (Action.ENABLE, Action.DISABLE)
    sent = submitting(action, IMAGE_URL, extension=EXTENSION if switches else None)
    return start_operation(sent, answer(image("Creating"), 202, headers))


def troubled(operation: Operation) -> Operation:
    """Return the operation after two answers that brought nothing."""
    return operation.with_failed_poll("HTTP 503").with_failed_poll("HTTP 503", 30.0)


def is_calm(operation: Operation) -> bool:
    return (operation.failed_polls, operation.poll_error, operation.delay) == (0, "", None)


DONE_LATER = answer({"status": "Succeeded"}, 200, LATER)


@pytest.mark.parametrize("action", [Action.DELETE, Action.ENABLE, Action.DISABLE])
@pytest.mark.parametrize("headers", [BY_OPERATION, BY_LOCATION], ids=["operation", "location"])
def test_after_an_outage_it_ends_without_a_trace_of_it(action: Action, headers: dict[str, str]) -> None:
    ended = troubled(begun(action, headers)).advance(DONE_LATER)
    assert ended.phase is Phase.SUCCEEDED
    assert is_calm(ended)
    assert ended.operation_succeeded


def test_a_deletion_that_the_image_tells_ends_without_a_trace_too() -> None:
    operation = troubled(resume(Action.DELETE, IMAGE_URL))
    ended = operation.advance(failed(404, headers=LATER))
    assert ended.phase is Phase.SUCCEEDED
    assert is_calm(ended)
    assert ended.image is None


def test_a_build_that_the_image_tells_ends_without_a_trace_too() -> None:
    operation = troubled(resume(Action.BUILD, IMAGE_URL, expected=SPEC))
    ended = operation.advance(answer(image(), 200, LATER))
    assert ended.phase is Phase.SUCCEEDED
    assert is_calm(ended)
    assert ended.image is not None


def test_a_build_of_which_nothing_is_expected_is_what_it_is() -> None:
    ended = resume(Action.BUILD, IMAGE_URL).advance(THERE)
    assert (ended.phase, ended.note, ended.expected) == (Phase.SUCCEEDED, "", None)


def test_a_confirmed_build_of_something_else_says_so_and_waits_for_nothing() -> None:
    other = answer(image(requirementsFileContent="numpy"), 200, LATER)
    sent = submitting(Action.BUILD, IMAGE_URL, SPEC)
    ended = start_operation(sent, answer(image("Creating"), 201, BY_OPERATION)).advance(DONE).advance(other)
    assert (ended.phase, ended.delay) == (Phase.SUCCEEDED, None)
    assert ended.note == "the image shows other requirements than were sent"


def test_an_unconfirmed_build_of_something_else_says_what_to_do() -> None:
    with pytest.raises(StatusUnreadable) as caught:
        resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(answer(image(requirementsFileContent="numpy")))
    assert caught.value.what == "the image shows other requirements than were sent; somebody may have replaced it"
    assert caught.value.next_step == (
        "look at the image with %kusto_image show, and run the cell again if it should be yours."
    )


@pytest.mark.parametrize("action", Action)
def test_202_of_a_location_is_running_as_long_as_it_lasts(action: Action) -> None:
    operation = begun(action, BY_LOCATION).advance(HTML)
    assert operation.unreadable_count == 1
    for _ in range(2 * MAX_UNREADABLE):
        operation = operation.advance(answer(b"", 202))
        assert (operation.unreadable_count, operation.status, operation.poll_target) == (
            0,
            "Running",
            PollTarget.LOCATION,
        )
    assert not operation.done


def test_what_was_misread_before_does_not_count_after_the_location_is_done() -> None:
    operation = begun(Action.BUILD, BY_LOCATION).advance(HTML).advance(HTML)
    assert operation.advance(answer(b"")).unreadable_count == 0


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────

REQUIREMENTS = "read the service's words above, mend the requirements and run the cell again."
OTHERS = "read the service's words above; %kusto_image list shows what is there."
BUSY = "another change of this cluster is running; run it again later, or with --queue, which waits."


@pytest.mark.parametrize(
    ("action", "code", "step"),
    [
        (Action.BUILD, "Bad", REQUIREMENTS),
        (Action.DELETE, "Bad", OTHERS),
        (Action.ENABLE, "Bad", OTHERS),
        (Action.BUILD, "ServiceIsInMaintenance", BUSY),
        (Action.DELETE, "ServiceIsInMaintenance", BUSY),
    ],
)
def test_a_failure_says_what_to_do(action: Action, code: str, step: str) -> None:
    ended = begun(action).advance(status("Failed", error={"code": code, "message": "words"}))
    with pytest.raises(BuildFailed) as caught:
        ended.raise_for_failure()
    error = caught.value
    assert (error.next_step, error.operation, error.fault.message) == (step, ended, "words")


@pytest.mark.parametrize("word", ["Canceled", "Cancelled"])
def test_a_cancellation_says_so_and_what_to_do(word: str) -> None:
    ended = begun(Action.BUILD).advance(status(word, error={"code": "ByAdmin", "message": "words"}))
    with pytest.raises(BuildCanceled) as caught:
        ended.raise_for_failure()
    error = caught.value
    assert error.what == "building image 'img' was cancelled"
    assert (error.next_step, error.operation) == ("run the cell again to start over.", ended)
    assert (error.fault.code, error.fault.message) == ("ByAdmin", "words")


def _insisting(operation: Operation, response: ArmResponse) -> None:
    """Give the same answer again and again."""
    for _ in range(MAX_NOT_FOUND + MAX_UNREADABLE):
        operation = operation.advance(response)


UNREADABLE: dict[str, tuple[Operation, ArmResponse, str]] = {
    "403": (begun(Action.BUILD), failed(403), "the service does not tell how it stands (HTTP 403)"),
    "html": (begun(Action.BUILD), HTML, "the answers cannot be read (HTTP 200)"),
    "no image": (resume(Action.BUILD, IMAGE_URL), failed(404), "the image is not there"),
    "no cluster": (resume(Action.ENABLE, IMAGE_URL, extension=EXTENSION), failed(404), "the cluster is not there"),
    "still there": (resume(Action.DELETE, IMAGE_URL), THERE, "the image is still there (HTTP 200)"),
}


@pytest.mark.parametrize(("operation", "response", "words"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_says_so_and_how_to_go_on(operation: Operation, response: ArmResponse, words: str) -> None:
    with pytest.raises(StatusUnreadable) as caught:
        _insisting(operation, response)
    assert caught.value.what == f"{words}; the operation itself may go on"
    assert caught.value.next_step.endswith("%kusto_image attach img")
    assert not caught.value.next_step.startswith(" ")
    assert caught.value.fault == response.fault()
    assert not caught.value.operation.done


MAINTENANCE = {"code": "ServiceIsInMaintenance", "message": "busy"}
PUT = submitting(Action.BUILD, IMAGE_URL, SPEC)
BUILDING = start_operation(PUT, answer(image("Creating"), 201, BY_OPERATION))


def test_a_collision_gives_way_to_the_image_once_and_not_again() -> None:
    """Where the image says the same of itself, that is how it ended: asking on would have no end."""
    repeated = start_operation(PUT, answer(image("Creating"), 201, BY_OPERATION), repeated=True)
    asked = repeated.advance(status("Failed", error=MAINTENANCE))
    assert (asked.poll_target, asked.repeated, asked.done) == (PollTarget.IMAGE, False, False)
    failed_image = {**image("Failed"), "error": MAINTENANCE}
    ended = asked.advance(answer(failed_image, 200, LATER))
    assert (ended.phase, ended.delay) == (Phase.FAILED, None)
    assert ended.is_cluster_busy


def test_after_succeeded_the_image_is_asked_at_once() -> None:
    asked = BUILDING.advance(DONE_LATER)
    assert (asked.delay, asked.operation_succeeded, asked.phase) == (0.0, True, Phase.CONFIRMING)


@pytest.mark.parametrize("action", [Action.DELETE, Action.ENABLE, Action.DISABLE])
def test_what_its_operation_called_succeeded_is_confirmed(action: Action) -> None:
    assert begun(action).advance(DONE).operation_succeeded
    assert not begun(action).operation_succeeded


def test_a_missing_record_is_told_and_asked_again_when_it_was_asked_for() -> None:
    missed = BUILDING.advance(failed(404, headers=LATER))
    assert (missed.poll_error, missed.failed_polls, missed.not_found_count, missed.delay) == ("HTTP 404", 1, 1, 9.0)
    gone = missed.advance(failed(404)).advance(failed(404, headers=LATER))
    assert (gone.poll_target, gone.not_found_count, gone.delay, gone.poll_error) == (
        PollTarget.IMAGE,
        0,
        9.0,
        "HTTP 404",
    )


def test_a_kept_record_that_is_missing_gives_way_at_the_first_miss() -> None:
    kept = resume(Action.BUILD, IMAGE_URL, POLL_URL, SPEC)
    assert kept.advance(failed(404)).poll_target is PollTarget.IMAGE


@pytest.mark.parametrize(("state", "shown"), [(None, "Succeeded"), ("succeeded", "succeeded"), ("Failed", "Failed")])
def test_the_state_is_shown_in_the_services_words(state: str | None, shown: str) -> None:
    assert resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(answer(image(state))).status == shown
    still_there = resume(Action.DELETE, IMAGE_URL).advance(answer(image(state)))
    assert (still_there.status, still_there.unreadable_count) == (shown, 1)


def test_an_image_that_says_canceled_says_why() -> None:
    canceled = {**image("Canceled"), "error": {"code": "ByAdmin", "message": "words"}}
    ended = resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(answer(canceled))
    assert ended.phase is Phase.CANCELED
    assert ended.fault is not None
    assert ended.fault.code == "ByAdmin"


def test_a_repeated_deletion_of_nothing_is_one() -> None:
    assert start_operation(submitting(Action.DELETE, IMAGE_URL), failed(404), repeated=True).repeated


@pytest.mark.parametrize("code", [401, 403])
def test_who_may_not_see_how_it_stands_is_told_what_to_do_and_how_to_go_on(code: int) -> None:
    with pytest.raises(StatusUnreadable) as caught:
        BUILDING.advance(failed(code))
    first, _, last = caught.value.next_step.rpartition(" %kusto_image attach ")
    assert (bool(first), last) == (True, "img")
    with pytest.raises(StatusUnreadable) as caught:
        BUILDING.advance(failed(400))
    assert caught.value.next_step == "%kusto_image attach img"


def test_300_is_no_success_of_anything() -> None:
    renewing = answer({"status": "Succeeded"}, 300, {"azure-asyncoperation": f"{POLL_URL}&new"})
    asked = BUILDING.advance(renewing)
    assert (asked.poll_url, asked.unreadable_count, asked.phase) == (POLL_URL, 1, Phase.BUILDING)
    with pytest.raises(ServiceError):
        start_operation(PUT, answer(image(), 300))


def test_the_first_answer_says_how_it_stands() -> None:
    assert BUILDING.status == "Creating"
    assert start_operation(PUT, answer(b"", 202, BY_OPERATION)).status == ""


def test_202_without_an_address_was_read_and_is_no_end() -> None:
    operation = start_operation(PUT, answer(image(), 202))
    assert (operation.phase, operation.poll_target, operation.unreadable_count) == (Phase.BUILDING, PollTarget.IMAGE, 0)


def test_a_build_that_somebody_replaced_can_be_taken_up() -> None:
    with pytest.raises(StatusUnreadable) as caught:
        resume(Action.BUILD, IMAGE_URL, expected=SPEC).advance(answer(image(requirementsFileContent="numpy")))
    assert caught.value.operation.poll_url == IMAGE_URL


def test_creating_is_no_end() -> None:
    assert not resume(Action.BUILD, IMAGE_URL).advance(CREATING).done
