"""The rules of the long-running operation, one by one; random sequences of answers are in test_operations_machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.answers import (
    DONE,
    HTML,
    IMAGE_URL,
    LOCATION_URL,
    POLL_URL,
    RUNNING,
    SPEC,
    THERE,
    answer,
    failed,
    image,
    status,
)

from kusto_magic.arm.operation import (
    MAX_NOT_FOUND,
    MAX_UNREADABLE,
    NOTE_SENT_TWICE,
    Operation,
    PollTarget,
    start_operation,
)
from kusto_magic.arm.operation_start import adopt_existing, resume, submitting
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.service_errors import error_from_response
from kusto_magic.errors import (
    BuildCanceled,
    BuildFailed,
    Conflict,
    Forbidden,
    KustoImageError,
    NotFound,
    ServiceError,
    StatusUnreadable,
    Throttled,
)
from kusto_magic.models.action import Action, Phase
from kusto_magic.models.image import ImageSpec

ASYNC = {"azure-asyncoperation": POLL_URL}
LOCATION = {"location": LOCATION_URL}


def put(response: ArmResponse, *, repeated: bool = False, spec: ImageSpec = SPEC) -> Operation:
    return start_operation(submitting(Action.BUILD, IMAGE_URL, spec), response, repeated=repeated)


def deleting(response: ArmResponse, *, repeated: bool = False) -> Operation:
    return start_operation(submitting(Action.DELETE, IMAGE_URL), response, repeated=repeated)


def after(operation: Operation, *responses: ArmResponse) -> Operation:
    for response in responses:
        operation = operation.advance(response)
    return operation


BUILDING = put(answer(image("Creating"), 201, ASYNC))
AT_LOCATION = put(answer(image("Creating"), 202, LOCATION))
BY_IMAGE = put(answer(image("Creating"), 201))
CONFIRMING = BUILDING.advance(DONE)
DELETING = deleting(answer(b"", 202, {**ASYNC, **LOCATION}))
DELETING_BY_IMAGE = deleting(answer(b"", 202))
RUNNING_OPERATIONS = [BUILDING, AT_LOCATION, BY_IMAGE, CONFIRMING, DELETING, DELETING_BY_IMAGE]
IDS = ["operation", "location", "image", "confirming", "deleting", "deleting by image"]


# ── rules 1, 2 and 9: the first answer ───────────────────────────────────────────────────────────────────────────

FIRST_ANSWERS: dict[str, tuple[ArmResponse, Phase, PollTarget, str]] = {
    "seen for a new image": (answer(image("Creating"), 201, ASYNC), Phase.BUILDING, PollTarget.OPERATION, POLL_URL),
    "seen for an old image": (answer(image("Accepted"), 200, ASYNC), Phase.BUILDING, PollTarget.OPERATION, POLL_URL),
    "200 that says Succeeded": (answer(image(), 200, ASYNC), Phase.BUILDING, PollTarget.OPERATION, POLL_URL),
    "201 that says Succeeded": (answer(image(), 201, ASYNC), Phase.BUILDING, PollTarget.OPERATION, POLL_URL),
    "both headers": (answer(image(), 202, {**LOCATION, **ASYNC}), Phase.BUILDING, PollTarget.OPERATION, POLL_URL),
    "Location alone": (answer(image(), 201, LOCATION), Phase.BUILDING, PollTarget.LOCATION, LOCATION_URL),
    "an empty header": (
        answer(image("Creating"), 201, {"azure-asyncoperation": "", **LOCATION}),
        Phase.BUILDING,
        PollTarget.LOCATION,
        LOCATION_URL,
    ),
    "no header, finished": (answer(image(), 200), Phase.SUCCEEDED, PollTarget.IMAGE, IMAGE_URL),
    "no header, created": (answer(image("SUCCEEDED"), 201), Phase.SUCCEEDED, PollTarget.IMAGE, IMAGE_URL),
    "no header, no state": (answer(image(None), 200), Phase.SUCCEEDED, PollTarget.IMAGE, IMAGE_URL),
    "no header, Creating": (answer(image("Creating"), 201), Phase.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, Accepted": (answer(image("Accepted"), 200), Phase.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, Failed": (answer(image("Failed"), 200), Phase.FAILED, PollTarget.IMAGE, IMAGE_URL),
    "no header, Canceled": (answer(image("Canceled"), 200), Phase.CANCELED, PollTarget.IMAGE, IMAGE_URL),
    "no header, state null": (
        answer(image(provisioningState=None), 200), Phase.BUILDING, PollTarget.IMAGE, IMAGE_URL
    ),
    "no header, HTML": (HTML, Phase.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, no body": (answer(b"", 200), Phase.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, 202": (answer(image(), 202), Phase.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, 204": (answer(b"", 204), Phase.BUILDING, PollTarget.IMAGE, IMAGE_URL),
}  # fmt: skip


@pytest.mark.parametrize(("first", "phase", "watch", "url"), FIRST_ANSWERS.values(), ids=FIRST_ANSWERS.keys())
def test_the_first_answer_to_a_put(first: ArmResponse, phase: Phase, watch: PollTarget, url: str) -> None:
    operation = put(first)
    assert (operation.phase, operation.poll_target, operation.poll_url) == (phase, watch, url)


DELETE_ANSWERS: dict[str, tuple[ArmResponse, Phase, PollTarget]] = {
    "seen": (answer(b"", 202, {**ASYNC, **LOCATION}), Phase.DELETING, PollTarget.OPERATION),
    "Location alone": (answer(b"", 202, LOCATION), Phase.DELETING, PollTarget.LOCATION),
    "200 with the header": (answer(b"", 200, ASYNC), Phase.DELETING, PollTarget.OPERATION),
    "no header, 202": (answer(b"", 202), Phase.DELETING, PollTarget.IMAGE),
    "no header, 200": (answer(b"", 200), Phase.SUCCEEDED, PollTarget.IMAGE),
    "no header, 204": (answer(b"", 204), Phase.SUCCEEDED, PollTarget.IMAGE),
    "no header, 200 and the image": (answer(image(), 200), Phase.SUCCEEDED, PollTarget.IMAGE),
    "no header, Deleting": (answer(image("Deleting"), 200), Phase.DELETING, PollTarget.IMAGE),
    "no header, Failed": (answer(image("Failed"), 200), Phase.DELETING, PollTarget.IMAGE),
    "no header, HTML": (HTML, Phase.DELETING, PollTarget.IMAGE),
}


@pytest.mark.parametrize(("first", "phase", "watch"), DELETE_ANSWERS.values(), ids=DELETE_ANSWERS.keys())
def test_the_first_answer_to_a_delete(first: ArmResponse, phase: Phase, watch: PollTarget) -> None:
    operation = deleting(first)
    assert (operation.phase, operation.poll_target) == (phase, watch)


REFUSALS: dict[int, type[ServiceError]] = {
    302: ServiceError, 307: ServiceError, 400: ServiceError, 401: Forbidden, 403: Forbidden, 404: NotFound,
    409: Conflict, 412: ServiceError, 429: Throttled, 500: ServiceError, 503: ServiceError,
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("start", [put, deleting])
def test_a_refusal_is_a_typed_error_with_the_services_words(
    code: int, start: Callable[[ArmResponse], Operation]
) -> None:
    headers = {"x-ms-request-id": "r-1", "location": "https://elsewhere.example/"}
    with pytest.raises(ServiceError) as caught:
        start(failed(code, "Why", "because", headers))
    assert type(caught.value) is REFUSALS[code]
    assert (caught.value.status, caught.value.code, caught.value.fault.request_id) == (code, "Why", "r-1")
    assert caught.value.next_step


def test_a_refusal_without_words_still_says_its_status() -> None:
    assert "HTTP 502" in str(error_from_response(answer(b"<html>", 502), "build was refused"))


# ── rule 3: the words that end it ────────────────────────────────────────────────────────────────────────────────

ENDS = {"Succeeded": Phase.CONFIRMING, "Failed": Phase.FAILED, "Canceled": Phase.CANCELED, "Cancelled": Phase.CANCELED}
GOES_ON = ["Running", "Accepted", "Creating", "InProgress", "Completed", "Ready", "OK", " Succeeded", "Succeeded!",
           "Success", "Failing", "Deleted", "Timeout", "None", "0", "ſucceeded"]  # fmt: skip


@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.title, str.swapcase])
@pytest.mark.parametrize("word", ENDS)
def test_four_words_end_an_operation_in_any_case(word: str, spelled: Callable[[str], str]) -> None:
    assert BUILDING.advance(status(spelled(word))).phase is ENDS[word]


@pytest.mark.parametrize("word", GOES_ON)
@pytest.mark.parametrize("operation", [BUILDING, DELETING], ids=["building", "deleting"])
def test_every_other_word_is_still_running(operation: Operation, word: str) -> None:
    heard = operation.advance(status(word))
    assert (heard.phase, heard.poll_url, heard.unreadable_count) == (operation.phase, POLL_URL, 0)
    assert heard.status == word


@pytest.mark.parametrize("word", ["Accepted", "Creating", "Running", "Moving", "Deleting", "Whatever"])
@pytest.mark.parametrize("operation", [BY_IMAGE, CONFIRMING], ids=["image", "confirming"])
def test_an_image_in_any_other_state_is_still_being_built(operation: Operation, word: str) -> None:
    heard = operation.advance(answer(image(word)))
    assert (heard.phase, heard.status) == (operation.phase, word)


def test_the_words_of_the_service_are_safe_to_show() -> None:
    heard = BUILDING.advance(status("Bearer abcdefgh\x1b[2J" + "x" * 100_000))
    assert "abcdefgh" not in heard.status
    assert "\x1b" not in heard.status
    assert len(heard.status) <= 2000


# ── rule 4: what cannot be read ──────────────────────────────────────────────────────────────────────────────────

UNREADABLE: dict[str, ArmResponse] = {
    "no status": answer({"id": "x"}),
    "null": answer({"status": None}),
    "a number": answer({"status": 1}),
    "true": answer({"status": True}),
    "a list of it": answer({"status": ["Succeeded"]}),
    "an object": answer({"status": {"value": "Succeeded"}}),
    "an empty word": answer({"status": ""}),
    "empty": answer(b""),
    "204": answer(b"", 204),
    "HTML": HTML,
    "JSON cut short": answer(b'{"status": "Succeeded"'),
    "a list": answer([{"status": "Succeeded"}]),
    "a text": answer("Succeeded"),
    "null document": answer(None),
    "a redirect": answer({"status": "Succeeded"}, 302, {"location": "https://elsewhere.example/"}),
    "not modified": answer(b"", 304),
    "in the properties only": answer({"properties": {"provisioningState": "Succeeded", "operationState": "Completed"}}),
}
NO_IMAGE = {
    "empty": answer(b""),
    "204": answer(b"", 204),
    "HTML": HTML,
    "cut short": answer(b'{"properties": {"provisioningState": "Succeeded"'),
    "a list": answer([image()]),
    "no resource": answer({"status": "Succeeded"}),
    "an error in 200": answer({"error": {"code": "Oops"}}),
    "state null": answer(image(provisioningState=None)),
    "state empty": answer(image("")),
    "state a number": answer(image(provisioningState=1)),
    "state a list": answer(image(provisioningState=["Succeeded"])),
    "a redirect": answer(image(), 302),
    "202": answer(image(), 202),
}


def unreadable_cases() -> list[Any]:
    cases = [(BUILDING, name, it) for name, it in UNREADABLE.items()]
    cases += [(DELETING, name, it) for name, it in UNREADABLE.items()]
    cases += [(which, name, it) for which in (BY_IMAGE, CONFIRMING, DELETING_BY_IMAGE) for name, it in NO_IMAGE.items()]
    cases += [(AT_LOCATION, "HTML", HTML), (AT_LOCATION, "a redirect", answer(b"", 302))]
    return [pytest.param(which, it, id=f"{IDS[RUNNING_OPERATIONS.index(which)]}-{name}") for which, name, it in cases]


@pytest.mark.parametrize(("operation", "response"), unreadable_cases())
def test_an_answer_that_cannot_be_read_is_asked_for_again_and_ends_nothing(
    operation: Operation, response: ArmResponse
) -> None:
    waits = []
    heard = operation
    for _ in range(MAX_UNREADABLE):
        heard = heard.advance(response)
        assert (heard.phase, heard.poll_url) == (operation.phase, operation.poll_url)
        waits.append(heard.delay)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    with pytest.raises(StatusUnreadable) as caught:
        heard.advance(response)
    assert caught.value.operation.poll_url == operation.poll_url
    assert "attach img" in caught.value.next_step


@pytest.mark.parametrize("operation", [BUILDING, BY_IMAGE], ids=["operation", "image"])
def test_a_readable_answer_forgives_the_unreadable_ones(operation: Operation) -> None:
    readable = RUNNING if operation is BUILDING else answer(image("Creating"))
    tired = after(operation, *[HTML] * MAX_UNREADABLE)
    assert after(tired, readable, *[HTML] * MAX_UNREADABLE).phase is operation.phase


def test_an_operation_that_could_not_be_read_can_be_taken_up_again() -> None:
    with pytest.raises(StatusUnreadable) as caught:
        after(BUILDING, *[HTML] * (MAX_UNREADABLE + 1))
    assert after(caught.value.operation, DONE, THERE).phase is Phase.SUCCEEDED


# ── rule 5: errors while asking ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [408, 429, 500, 501, 502, 503, 504, 599])
@pytest.mark.parametrize("operation", RUNNING_OPERATIONS, ids=IDS)
def test_a_failure_in_reading_the_status_is_none_of_the_operation(operation: Operation, code: int) -> None:
    troubled = after(operation, *[failed(code)] * 200)
    assert (troubled.phase, troubled.poll_url, troubled.delay) == (operation.phase, operation.poll_url, 60.0)
    assert troubled.poll_error == f"HTTP {code}"


def test_the_waits_grow_up_to_a_minute_and_start_small_again() -> None:
    waits, operation = [], BUILDING
    for _ in range(8):
        operation = operation.advance(failed(503))
        waits.append(operation.delay)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    calm = operation.advance(RUNNING)
    assert (calm.delay, calm.poll_error, calm.advance(failed(503)).delay) == (None, "", 1.0)


def test_a_terminal_word_in_the_body_of_a_failure_counts_for_nothing() -> None:
    for word in ("Succeeded", "Failed", "Canceled"):
        assert BUILDING.advance(answer({"status": word}, 503)).phase is Phase.BUILDING


@pytest.mark.parametrize("code", [400, 401, 403, 405, 409, 410, 412])
@pytest.mark.parametrize("operation", RUNNING_OPERATIONS, ids=IDS)
def test_a_refused_reading_is_a_typed_error_at_once(operation: Operation, code: int) -> None:
    with pytest.raises(StatusUnreadable) as caught:
        operation.advance(failed(code, "Why", "because"))
    assert caught.value.operation == operation
    assert caught.value.fault.code == "Why"
    assert "attach img" in caught.value.next_step
    assert f"HTTP {code}" in str(caught.value)


def test_who_may_not_ask_is_told_which_right_is_missing() -> None:
    with pytest.raises(StatusUnreadable) as caught:
        BUILDING.advance(failed(403))
    assert "operationresults/read" in caught.value.next_step


def test_an_operation_whose_record_is_gone_is_waited_for_and_then_the_image_is_asked() -> None:
    gone = failed(404)
    twice = after(BUILDING, gone, gone)
    assert (twice.poll_url, twice.delay) == (POLL_URL, 2.0)
    thrice = twice.advance(gone)
    assert (thrice.poll_target, thrice.poll_url, thrice.phase) == (PollTarget.IMAGE, IMAGE_URL, Phase.BUILDING)
    assert thrice.advance(THERE).phase is Phase.SUCCEEDED
    assert thrice.advance(answer(image("Failed"))).phase is Phase.FAILED
    assert after(thrice, answer(image("Creating")), THERE).phase is Phase.SUCCEEDED


def test_a_record_that_is_missing_for_a_moment_is_asked_on() -> None:
    gone = failed(404)
    assert after(BUILDING, gone, gone, RUNNING, gone, gone).poll_url == POLL_URL


def test_a_deletion_whose_record_is_gone_ends_when_the_image_is_gone() -> None:
    gone = failed(404)
    assert after(DELETING, gone, gone, gone).poll_target is PollTarget.IMAGE
    assert after(DELETING, gone, gone, gone, gone).phase is Phase.SUCCEEDED


# ── rules 6 and 8 ────────────────────────────────────────────────────────────────────────────────────────────────

OTHER = POLL_URL.replace("s=SIG", "s=NEW")


@pytest.mark.parametrize("body", [RUNNING.body, b"<html>", b""], ids=["running", "unreadable", "empty"])
def test_an_address_renewed_by_any_answer_is_used_from_then_on(body: bytes) -> None:
    heard = BUILDING.advance(answer(body, 200, {"azure-asyncoperation": OTHER}))
    assert heard.poll_url == OTHER
    assert heard.advance(RUNNING).poll_url == OTHER
    assert AT_LOCATION.advance(answer(b"", 202, {"location": OTHER})).poll_url == OTHER


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_renews_nothing(code: int) -> None:
    elsewhere = {"location": "https://elsewhere.example/", "azure-asyncoperation": "https://elsewhere.example/"}
    assert AT_LOCATION.advance(answer(b"", code, elsewhere)).poll_url == LOCATION_URL
    assert BUILDING.advance(answer(b"", code, elsewhere)).poll_url == POLL_URL


def test_the_image_is_asked_at_its_own_address_whatever_the_answers_name() -> None:
    headers = {"location": OTHER, "azure-asyncoperation": OTHER}
    assert CONFIRMING.advance(answer(image("Creating"), 200, headers)).poll_url == IMAGE_URL


@pytest.mark.parametrize("response", [answer(b""), answer(image("Creating")), answer(b"", 204), answer({}, 201)])
def test_at_a_location_202_is_running_and_200_is_done_with_or_without_a_body(response: ArmResponse) -> None:
    running = AT_LOCATION.advance(answer(b"", 202))
    assert (running.phase, running.poll_url) == (Phase.BUILDING, LOCATION_URL)
    assert running.advance(response).phase is Phase.CONFIRMING
    assert deleting(answer(b"", 202, LOCATION)).advance(response).phase is Phase.SUCCEEDED


# ── rule 7: after Succeeded ──────────────────────────────────────────────────────────────────────────────────────


def test_after_succeeded_the_image_is_asked_at_once_until_it_says_so_itself() -> None:
    assert (CONFIRMING.phase, CONFIRMING.poll_url, CONFIRMING.delay) == (Phase.CONFIRMING, IMAGE_URL, 0.0)
    lagging = after(CONFIRMING, failed(404), answer(image("Creating")), failed(404), answer(image("Accepted")))
    assert lagging.phase is Phase.CONFIRMING
    there = lagging.advance(THERE)
    assert there.phase is Phase.SUCCEEDED
    assert there.image is not None
    assert (there.image.name, there.note) == ("img", "")


def test_an_image_that_never_comes_is_an_error_that_can_be_taken_up() -> None:
    missing = after(CONFIRMING, *[failed(404)] * (MAX_NOT_FOUND - 1))
    with pytest.raises(StatusUnreadable, match="not there") as caught:
        missing.advance(failed(404))
    assert caught.value.operation.advance(THERE).phase is Phase.SUCCEEDED


@pytest.mark.parametrize(
    ("state", "error"), [("Failed", BuildFailed), ("Canceled", BuildCanceled), ("cancelled", BuildCanceled)]
)
def test_an_image_that_failed_after_all_is_a_failed_build(state: str, error: type[KustoImageError]) -> None:
    ended = CONFIRMING.advance(answer(image(state)))
    assert ended.done
    with pytest.raises(error):
        ended.raise_for_failure()


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (image(requirementsFileContent="numpy"), "other requirements"),
        (image(languageVersion="3.9.7"), "other Python version"),
        (image(languageVersion="3.9.7", requirementsFileContent="numpy"), "Python version and requirements"),
    ],
)
def test_an_image_that_shows_something_else_is_said_so(shown: object, words: str) -> None:
    ended = CONFIRMING.advance(answer(shown))
    assert ended.phase is Phase.SUCCEEDED
    assert words in ended.note
    with pytest.raises(StatusUnreadable, match=words):  # nobody said that our own operation succeeded
        BY_IMAGE.advance(answer(shown))


# ── deletions ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deletion_ends_with_its_operation() -> None:
    ended = after(DELETING, RUNNING, DONE)
    assert (ended.phase, ended.image) == (Phase.SUCCEEDED, None)


def test_a_deletion_ends_when_the_image_is_gone() -> None:
    ended = after(DELETING_BY_IMAGE, answer(image("Deleting")), failed(404))
    assert (ended.phase, ended.image) == (Phase.SUCCEEDED, None)


@pytest.mark.parametrize("state", ["Succeeded", "Failed", "Canceled", "Cancelled", None])
def test_an_image_that_stays_or_was_made_anew_ends_the_wait_for_its_deletion(state: str | None) -> None:
    still_there = after(DELETING_BY_IMAGE, answer(image("Deleting")), *[answer(image(state))] * MAX_UNREADABLE)
    assert still_there.phase is Phase.DELETING
    with pytest.raises(StatusUnreadable, match="still there"):
        still_there.advance(answer(image(state)))


def test_a_failed_deletion_keeps_the_services_words() -> None:
    ended = DELETING.advance(status("Failed", error={"code": "InUse", "message": "[Conflict] in use"}))
    with pytest.raises(BuildFailed, match="deleting image 'img' failed") as caught:
        ended.raise_for_failure()
    assert caught.value.fault.code == "InUse"
    assert "requirements" not in caught.value.next_step


# ── rules 10 and 11 ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("first", [answer(image("Creating"), 201, {**ASYNC, "retry-after": "7"}), answer(
    image("Creating"), 201, {"retry-after": "7"})])  # fmt: skip
def test_retry_after_counts_on_the_first_answer_and_for_one_wait_only(first: ArmResponse) -> None:
    operation = put(first)
    assert operation.delay == 7.0
    running = RUNNING if operation.poll_target is PollTarget.OPERATION else answer(image("Creating"))
    assert operation.advance(running).delay is None


@pytest.mark.parametrize("response", [failed(503), failed(429), failed(404), HTML, RUNNING], ids=range(5))
def test_retry_after_counts_on_every_answer(response: ArmResponse) -> None:
    asked = ArmResponse(response.status, {"retry-after": "77"}, response.body, POLL_URL, response.received_at)
    assert BUILDING.advance(asked).delay == 77.0


BUSY = {"code": "ServiceIsInMaintenance", "message": "[Conflict] Cluster 'c' is in process of maintenance."}


def test_a_repeated_request_whose_operation_collides_follows_what_the_first_one_began() -> None:
    repeated = put(answer(image("Creating"), 201, ASYNC), repeated=True).advance(status("Failed", error=BUSY))
    assert (repeated.phase, repeated.poll_target, repeated.note) == (Phase.BUILDING, PollTarget.IMAGE, NOTE_SENT_TWICE)
    assert after(repeated, answer(image("Creating")), THERE).phase is Phase.SUCCEEDED
    assert repeated.advance(answer(image("Failed"))).phase is Phase.FAILED


def test_a_request_that_was_sent_once_and_collides_has_failed() -> None:
    ended = BUILDING.advance(status("Failed", error=BUSY))
    with pytest.raises(BuildFailed) as caught:
        ended.raise_for_failure()
    assert "another change" in caught.value.next_step


def test_a_repeated_request_that_fails_for_another_reason_has_failed() -> None:
    repeated = put(answer(image("Creating"), 201, ASYNC), repeated=True)
    assert repeated.advance(status("Failed", error={"code": "BadInput"})).phase is Phase.FAILED


def test_a_repeated_request_that_met_a_conflict_is_decided_by_the_image() -> None:
    adopted = adopt_existing(submitting(Action.BUILD, IMAGE_URL, SPEC))
    assert (adopted.phase, adopted.poll_url, adopted.note) == (Phase.BUILDING, IMAGE_URL, NOTE_SENT_TWICE)
    assert after(adopted, answer(image("Creating")), THERE).phase is Phase.SUCCEEDED
    with pytest.raises(StatusUnreadable, match="replaced"):
        adopted.advance(answer(image(requirementsFileContent="numpy")))


def test_a_repeated_deletion_that_finds_nothing_has_deleted() -> None:
    assert deleting(failed(404), repeated=True).phase is Phase.SUCCEEDED
    with pytest.raises(NotFound):
        deleting(failed(404))
    with pytest.raises(NotFound):
        put(failed(404), repeated=True)


# ── taking up again ──────────────────────────────────────────────────────────────────────────────────────────────

KEPT = POLL_URL.partition("&t=")[0]


@pytest.mark.parametrize("refused", [failed(400), failed(401), failed(403), failed(404), failed(410)], ids=range(5))
def test_an_address_kept_without_its_signature_gives_way_to_the_image(refused: ArmResponse) -> None:
    kept = resume(Action.BUILD, IMAGE_URL, KEPT, SPEC)
    assert (kept.poll_target, kept.poll_url, kept.delay) == (PollTarget.OPERATION, KEPT, 0.0)
    asked = kept.advance(refused)
    assert (asked.poll_target, asked.poll_url) == (PollTarget.IMAGE, IMAGE_URL)
    assert asked.advance(THERE).phase is Phase.SUCCEEDED


def test_without_a_kept_address_the_image_is_asked() -> None:
    assert resume(Action.BUILD, IMAGE_URL).poll_url == IMAGE_URL
    assert resume(Action.DELETE, IMAGE_URL).advance(failed(404)).phase is Phase.SUCCEEDED
    assert resume(Action.BUILD, IMAGE_URL).advance(failed(404)).phase is Phase.BUILDING


# ── the value itself ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", [[DONE, THERE], [status("Failed")], [status("Canceled")]])
def test_what_has_ended_is_not_asked_again(ending: Sequence[ArmResponse]) -> None:
    with pytest.raises(ValueError, match="is not asked"):
        after(BUILDING, *ending).advance(RUNNING)


def test_what_is_not_sent_is_not_asked_and_nothing_is_begun_twice() -> None:
    with pytest.raises(ValueError, match="Submitting"):
        submitting(Action.BUILD, IMAGE_URL).advance(RUNNING)
    with pytest.raises(ValueError, match="before"):
        start_operation(BUILDING, THERE)


FAILURES: dict[str, tuple[dict[str, Any], str, str]] = {
    "seen": ({"error": {"code": "Cannot", "message": "[BadRequest] no"}}, "Cannot", "[BadRequest] no"),
    "no error": ({}, "", "the service gives no reason (it says Failed)"),
    "error null": ({"error": None}, "", "the service gives no reason (it says Failed)"),
    "error a text": ({"error": "broken"}, "", "broken"),
    "code alone": ({"error": {"code": "X", "message": None}}, "X", ""),
    "in the properties": ({"properties": {"error": {"code": "X", "message": "m"}}}, "X", "m"),
}


@pytest.mark.parametrize(("more", "code", "message"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_says_why_or_that_no_reason_is_given(more: dict[str, Any], code: str, message: str) -> None:
    ended = BUILDING.advance(status("Failed", **more))
    with pytest.raises(BuildFailed, match="building image 'img' failed") as caught:
        ended.raise_for_failure()
    assert (caught.value.fault.code, caught.value.fault.message) == (code, message)


def test_neither_the_repr_of_an_operation_nor_an_error_shows_the_signature() -> None:
    assert "SIGNATURE" in BUILDING.poll_url
    assert "SIGNATURE" not in repr(BUILDING)
    with pytest.raises(StatusUnreadable) as caught:
        BUILDING.advance(failed(403, "Why", f"look at {POLL_URL}"))
    assert "SIGNATURE" not in f"{caught.value} {caught.value!r} {caught.value.lines()}"
