"""The rules of the long-running operation, one by one; `test_operation_state_machine` has random responses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
from support.arm_responses import (
    HTML_RESPONSE,
    IMAGE_SUCCEEDED,
    IMAGE_URL,
    LOCATION_URL,
    POLL_URL,
    SPEC,
    STATUS_RUNNING,
    STATUS_SUCCEEDED,
    error_response,
    from_service,
    image_resource,
    make_response,
    status_response,
)

from kusto_magic.arm.operation import (
    _POLLS,
    MAX_NOT_FOUND,
    MAX_UNREADABLE,
    NOTE_ABSENT,
    NOTE_SENT_TWICE,
    Operation,
    Resource,
)
from kusto_magic.arm.operation_start import adopt_existing, resume, start_operation, submitting
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.service_errors import error_from_response
from kusto_magic.errors import (
    BuildCanceledError,
    BuildFailedError,
    ForbiddenError,
    ImageDiffersError,
    KustoImageError,
    NotFoundError,
    ServiceError,
    StatusUnreadableError,
    ThrottledError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.permission import IMAGES

ASYNC = {"azure-asyncoperation": POLL_URL}
LOCATION = {"location": LOCATION_URL}


def start_build(response: ArmResponse, *, repeated: bool = False, spec: ImageSpec = SPEC) -> Operation:
    return start_operation(submitting(Action.BUILD, IMAGE_URL, spec), response, repeated=repeated)


def start_delete(response: ArmResponse, *, repeated: bool = False) -> Operation:
    return start_operation(submitting(Action.DELETE, IMAGE_URL), response, repeated=repeated)


def advance_all(operation: Operation, *responses: ArmResponse) -> Operation:
    for response in responses:
        operation = operation.advance(response)
    return operation


BUILDING = start_build(make_response(image_resource("Creating"), 201, ASYNC))
AT_LOCATION = start_build(make_response(image_resource("Creating"), 202, LOCATION))
BY_IMAGE = start_build(make_response(image_resource("Creating"), 201))
CONFIRMING = BUILDING.advance(STATUS_SUCCEEDED)
DELETING = start_delete(make_response(b"", 202, {**ASYNC, **LOCATION}))
DELETING_BY_IMAGE = start_delete(make_response(b"", 202))
RUNNING_OPERATIONS = [BUILDING, AT_LOCATION, BY_IMAGE, CONFIRMING, DELETING, DELETING_BY_IMAGE]
IDS = ["operation", "location", "image", "confirming", "deleting", "deleting by image"]


# ── rules 1, 2 and 9: the first response ────────────────────────────────────────────────────────────────────────────

PUT_RESPONSES: dict[str, tuple[ArmResponse, BuildState, PollTarget, str]] = {
    "seen for a new image": (
        make_response(image_resource("Creating"), 201, ASYNC),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
    "seen for an old image": (
        make_response(image_resource("Accepted"), 200, ASYNC),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
    "200 with Succeeded": (
        make_response(image_resource(), 200, ASYNC),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
    "201 with Succeeded": (
        make_response(image_resource(), 201, ASYNC),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
    "both headers": (
        make_response(image_resource(), 202, {**LOCATION, **ASYNC}),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
    "Location alone": (
        make_response(image_resource(), 201, LOCATION),
        BuildState.BUILDING,
        PollTarget.LOCATION,
        LOCATION_URL,
    ),
    "an empty header": (
        make_response(image_resource("Creating"), 201, {"azure-asyncoperation": "", **LOCATION}),
        BuildState.BUILDING,
        PollTarget.LOCATION,
        LOCATION_URL,
    ),
    "no header, finished": (make_response(image_resource(), 200), BuildState.SUCCEEDED, PollTarget.IMAGE, IMAGE_URL),
    "no header, created": (
        make_response(image_resource("SUCCEEDED"), 201),
        BuildState.SUCCEEDED,
        PollTarget.IMAGE,
        IMAGE_URL,
    ),
    "no header, no state": (
        make_response(image_resource(None), 200),
        BuildState.SUCCEEDED,
        PollTarget.IMAGE,
        IMAGE_URL,
    ),
    "no header, Creating": (
        make_response(image_resource("Creating"), 201),
        BuildState.BUILDING,
        PollTarget.IMAGE,
        IMAGE_URL,
    ),
    "no header, Accepted": (
        make_response(image_resource("Accepted"), 200),
        BuildState.BUILDING,
        PollTarget.IMAGE,
        IMAGE_URL,
    ),
    "no header, Failed": (make_response(image_resource("Failed"), 200), BuildState.FAILED, PollTarget.IMAGE, IMAGE_URL),
    "no header, Canceled": (
        make_response(image_resource("Canceled"), 200),
        BuildState.CANCELED,
        PollTarget.IMAGE,
        IMAGE_URL,
    ),
    "no header, state null": (
        make_response(image_resource(provisioningState=None), 200),
        BuildState.BUILDING,
        PollTarget.IMAGE,
        IMAGE_URL,
    ),
    "no header, HTML": (HTML_RESPONSE, BuildState.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, no body": (make_response(b"", 200), BuildState.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, 202": (make_response(image_resource(), 202), BuildState.BUILDING, PollTarget.IMAGE, IMAGE_URL),
    "no header, 204": (make_response(b"", 204), BuildState.BUILDING, PollTarget.IMAGE, IMAGE_URL),
}


@pytest.mark.parametrize(("first", "phase", "target", "url"), PUT_RESPONSES.values(), ids=PUT_RESPONSES.keys())
def test_put_response_determines_phase_and_poll_target(
    first: ArmResponse, phase: BuildState, target: PollTarget, url: str
) -> None:
    operation = start_build(first)
    assert (operation.state, operation.poll_target, operation.poll_url) == (phase, target, url)


DELETE_RESPONSES: dict[str, tuple[ArmResponse, BuildState, PollTarget]] = {
    "seen": (make_response(b"", 202, {**ASYNC, **LOCATION}), BuildState.DELETING, PollTarget.OPERATION),
    "Location alone": (make_response(b"", 202, LOCATION), BuildState.DELETING, PollTarget.LOCATION),
    "200 with the header": (make_response(b"", 200, ASYNC), BuildState.DELETING, PollTarget.OPERATION),
    "no header, 202": (make_response(b"", 202), BuildState.DELETING, PollTarget.IMAGE),
    "no header, 200": (make_response(b"", 200), BuildState.DELETED, PollTarget.IMAGE),
    "no header, 204": (make_response(b"", 204), BuildState.DELETED, PollTarget.IMAGE),
    "no header, 200 and the image": (make_response(image_resource(), 200), BuildState.DELETED, PollTarget.IMAGE),
    "no header, Deleting": (make_response(image_resource("Deleting"), 200), BuildState.DELETING, PollTarget.IMAGE),
    "no header, Failed": (make_response(image_resource("Failed"), 200), BuildState.DELETING, PollTarget.IMAGE),
    "no header, HTML": (HTML_RESPONSE, BuildState.DELETING, PollTarget.IMAGE),
}


@pytest.mark.parametrize(("first", "phase", "target"), DELETE_RESPONSES.values(), ids=DELETE_RESPONSES.keys())
def test_delete_response_determines_phase_and_poll_target(
    first: ArmResponse, phase: BuildState, target: PollTarget
) -> None:
    operation = start_delete(first)
    assert (operation.state, operation.poll_target) == (phase, target)


REJECTIONS: dict[int, type[ServiceError]] = {
    302: ServiceError, 307: ServiceError, 400: ServiceError, 401: ForbiddenError, 403: ForbiddenError,
    404: NotFoundError, 409: ServiceError, 412: ServiceError, 429: ThrottledError, 500: ServiceError, 503: ServiceError,
}  # fmt: skip


@pytest.mark.parametrize("code", REJECTIONS)
@pytest.mark.parametrize("start", [start_build, start_delete])
def test_rejected_request_raises_a_typed_error(code: int, start: Callable[[ArmResponse], Operation]) -> None:
    headers = {"x-ms-request-id": "r-1", "location": "https://elsewhere.example/"}
    with pytest.raises(ServiceError) as caught:
        start(error_response(code, "Why", "because", headers))
    assert type(caught.value) is REJECTIONS[code]
    assert (caught.value.status, caught.value.code, caught.value.fault.request_id) == (code, "Why", "r-1")
    assert caught.value.hint


def test_rejection_without_message_shows_the_http_status() -> None:
    error = error_from_response(make_response(b"<html>", 502), "the build request was refused")
    assert (error.status, error.fault.message) == (502, "")
    assert "HTTP 502" in str(error)


# ── rule 3: terminal states ─────────────────────────────────────────────────────────────────────────────────────────

TERMINAL = {
    "Succeeded": BuildState.CONFIRMING,
    "Failed": BuildState.FAILED,
    "Canceled": BuildState.CANCELED,
    "Cancelled": BuildState.CANCELED,
}
NOT_TERMINAL = ["Running", "Accepted", "Creating", "InProgress", "Completed", "Ready", "OK", " Succeeded", "Succeeded!",
           "Success", "Failing", "Deleted", "Timeout", "None", "0", "ſucceeded"]  # fmt: skip


@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title, str.swapcase])
@pytest.mark.parametrize("word", TERMINAL)
def test_terminal_status_is_case_insensitive(word: str, spelling: Callable[[str], str]) -> None:
    assert BUILDING.advance(status_response(spelling(word))).state is TERMINAL[word]


@pytest.mark.parametrize("word", NOT_TERMINAL)
@pytest.mark.parametrize("operation", [BUILDING, DELETING], ids=["building", "deleting"])
def test_any_other_status_means_running(operation: Operation, word: str) -> None:
    advanced = operation.advance(status_response(word))
    assert (advanced.state, advanced.poll_url, advanced._unreadable_count) == (operation.state, POLL_URL, 0)
    assert advanced.status == word


@pytest.mark.parametrize("word", ["Accepted", "Creating", "Running", "Moving", "Deleting", "Whatever"])
@pytest.mark.parametrize("operation", [BY_IMAGE, CONFIRMING], ids=["image", "confirming"])
def test_any_other_image_state_means_building(operation: Operation, word: str) -> None:
    advanced = operation.advance(make_response(image_resource(word)))
    assert (advanced.state, advanced.status) == (operation.state, word)


def test_status_is_redacted_and_limited() -> None:
    advanced = BUILDING.advance(status_response("Bearer abcdefgh\x1b[2J" + "x" * 100_000))
    assert "abcdefgh" not in advanced.status
    assert "\x1b" not in advanced.status
    assert len(advanced.status) <= 2000


# ── rule 4: unreadable responses ────────────────────────────────────────────────────────────────────────────────────

UNREADABLE: dict[str, ArmResponse] = {
    "no status": make_response({"id": "x"}),
    "null": make_response({"status": None}),
    "a number": make_response({"status": 1}),
    "true": make_response({"status": True}),
    "a list of strings": make_response({"status": ["Succeeded"]}),
    "an object": make_response({"status": {"value": "Succeeded"}}),
    "an empty word": make_response({"status": ""}),
    "empty": make_response(b""),
    "204": make_response(b"", 204),
    "HTML": HTML_RESPONSE,
    "JSON cut short": make_response(b'{"status": "Succeeded"'),
    "a list": make_response([{"status": "Succeeded"}]),
    "a string": make_response("Succeeded"),
    "null document": make_response(None),
    "a redirect": make_response({"status": "Succeeded"}, 302, {"location": "https://elsewhere.example/"}),
    "not modified": make_response(b"", 304),
    "in the properties only": make_response(
        {"properties": {"provisioningState": "Succeeded", "operationState": "Completed"}}
    ),
}
UNREADABLE_IMAGES = {
    "empty": make_response(b""),
    "204": make_response(b"", 204),
    "HTML": HTML_RESPONSE,
    "cut short": make_response(b'{"properties": {"provisioningState": "Succeeded"'),
    "a list": make_response([image_resource()]),
    "no resource": make_response({"status": "Succeeded"}),
    "an error in 200": make_response({"error": {"code": "Oops"}}),
    "state null": make_response(image_resource(provisioningState=None)),
    "state empty": make_response(image_resource("")),
    "state a number": make_response(image_resource(provisioningState=1)),
    "state a list": make_response(image_resource(provisioningState=["Succeeded"])),
    "a redirect": make_response(image_resource(), 302),
    "202": make_response(image_resource(), 202),
}


UNREADABLE_JSON = from_service(make_response([]))


def unreadable_cases(*, is_malformed: bool = True) -> list[Any]:
    """Return all cases, or those whose body is empty or JSON."""
    cases = [(BUILDING, name, response) for name, response in UNREADABLE.items()]
    cases += [(DELETING, name, response) for name, response in UNREADABLE.items()]
    cases += [
        (operation, name, response)
        for operation in (BY_IMAGE, CONFIRMING, DELETING_BY_IMAGE)
        for name, response in UNREADABLE_IMAGES.items()
    ]
    cases += [(AT_LOCATION, "HTML", HTML_RESPONSE), (AT_LOCATION, "a redirect", make_response(b"", 302))]
    return [
        pytest.param(operation, response, id=f"{IDS[RUNNING_OPERATIONS.index(operation)]}-{name}")
        for operation, name, response in cases
        if is_malformed or not response.is_malformed
    ]


@pytest.mark.parametrize(("operation", "response"), unreadable_cases())
def test_page_of_a_gateway_is_a_failed_poll(operation: Operation, response: ArmResponse) -> None:
    delays = []
    advanced = operation
    for _ in range(200):
        advanced = advanced.advance(response)
        delays.append(advanced.delay)
    assert delays[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert delays[-1] == 60.0
    assert (advanced.state, advanced.poll_url) == (operation.state, operation.poll_url)
    assert (advanced.failed_polls, advanced.poll_error) == (200, f"unreadable response, HTTP {response.status}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 511])
@pytest.mark.parametrize("operation", RUNNING_OPERATIONS, ids=IDS)
def test_error_page_of_a_gateway_is_a_failed_poll(operation: Operation, status: int) -> None:
    page = make_response(b"<html>Sign in to the network", status)
    advanced = advance_all(operation, *[page] * 200)
    assert (advanced.state, advanced.poll_url) == (operation.state, operation.poll_url)
    assert advanced.failed_polls == 200


@pytest.mark.parametrize(("operation", "response"), unreadable_cases(is_malformed=False))
def test_unreadable_response_is_retried_and_then_raises(operation: Operation, response: ArmResponse) -> None:
    response = from_service(response)
    delays = []
    advanced = operation
    for _ in range(MAX_UNREADABLE):
        advanced = advanced.advance(response)
        assert (advanced.state, advanced.poll_url) == (operation.state, operation.poll_url)
        delays.append(advanced.delay)
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0]
    with pytest.raises(StatusUnreadableError) as caught:
        advanced.advance(response)
    assert caught.value.operation.poll_url == operation.poll_url
    assert caught.value.hint == Hint(HintKind.RESUME, "img")


@pytest.mark.parametrize("operation", [BUILDING, BY_IMAGE], ids=["operation", "image"])
def test_readable_response_resets_the_unreadable_count(operation: Operation) -> None:
    readable = STATUS_RUNNING if operation is BUILDING else make_response(image_resource("Creating"))
    unreadable = advance_all(operation, *[UNREADABLE_JSON] * MAX_UNREADABLE)
    assert advance_all(unreadable, readable, *[UNREADABLE_JSON] * MAX_UNREADABLE).state is operation.state


def test_operation_can_be_resumed_after_status_unreadable() -> None:
    with pytest.raises(StatusUnreadableError) as caught:
        advance_all(BUILDING, *[UNREADABLE_JSON] * (MAX_UNREADABLE + 1))
    assert advance_all(caught.value.operation, STATUS_SUCCEEDED, IMAGE_SUCCEEDED).state is BuildState.SUCCEEDED


# ── rule 5: failed polls ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [408, 429, 500, 501, 502, 503, 504, 599])
@pytest.mark.parametrize("operation", RUNNING_OPERATIONS, ids=IDS)
def test_transient_http_error_does_not_end_the_operation(operation: Operation, code: int) -> None:
    failing = advance_all(operation, *[error_response(code)] * 200)
    assert (failing.state, failing.poll_url, failing.delay) == (operation.state, operation.poll_url, 60.0)
    assert failing.poll_error == f"HTTP {code}"


def test_backoff_doubles_up_to_a_minute_and_resets() -> None:
    delays, operation = [], BUILDING
    for _ in range(8):
        operation = operation.advance(error_response(503))
        delays.append(operation.delay)
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    recovered = operation.advance(STATUS_RUNNING)
    assert (recovered.delay, recovered.poll_error, recovered.advance(error_response(503)).delay) == (None, "", 1.0)


def test_terminal_status_in_an_error_response_is_ignored() -> None:
    for word in ("Succeeded", "Failed", "Canceled"):
        assert BUILDING.advance(make_response({"status": word}, 503)).state is BuildState.BUILDING


@pytest.mark.parametrize("code", [400, 401, 403, 405, 409, 410, 412])
@pytest.mark.parametrize("operation", RUNNING_OPERATIONS, ids=IDS)
def test_rejected_poll_raises_status_unreadable(operation: Operation, code: int) -> None:
    with pytest.raises(StatusUnreadableError) as caught:
        operation.advance(error_response(code, "Why", "because"))
    assert caught.value.operation == operation
    assert caught.value.fault.code == "Why"
    assert caught.value.hint is not None
    assert Hint(HintKind.RESUME, "img") in (caught.value.hint, caught.value.hint.then)
    assert f"HTTP {code}" in str(caught.value)


def test_403_on_a_poll_names_the_missing_permission() -> None:
    with pytest.raises(StatusUnreadableError) as caught:
        BUILDING.advance(error_response(403, "AuthorizationFailed"))
    resume = Hint(HintKind.RESUME, "img")
    assert caught.value.hint == Hint(HintKind.ASK_FOR_ROLE, values=IMAGES, then=resume)


def test_repeated_404_of_the_operation_falls_back_to_the_image() -> None:
    missing = error_response(404)
    twice = advance_all(BUILDING, missing, missing)
    assert (twice.poll_url, twice.delay) == (POLL_URL, 2.0)
    thrice = twice.advance(missing)
    assert (thrice.poll_target, thrice.poll_url, thrice.state) == (PollTarget.IMAGE, IMAGE_URL, BuildState.BUILDING)
    assert thrice.advance(IMAGE_SUCCEEDED).state is BuildState.SUCCEEDED
    assert thrice.advance(make_response(image_resource("Failed"))).state is BuildState.FAILED
    assert advance_all(thrice, make_response(image_resource("Creating")), IMAGE_SUCCEEDED).state is BuildState.SUCCEEDED


def test_temporary_404_keeps_the_operation_url() -> None:
    missing = error_response(404)
    assert advance_all(BUILDING, missing, missing, STATUS_RUNNING, missing, missing).poll_url == POLL_URL


def test_delete_without_operation_succeeds_when_the_image_is_404() -> None:
    missing = error_response(404)
    assert advance_all(DELETING, missing, missing, missing).poll_target is PollTarget.IMAGE
    assert advance_all(DELETING, missing, missing, missing, missing).state is BuildState.DELETED


# ── rules 6 and 8 ───────────────────────────────────────────────────────────────────────────────────────────────────

RENEWED_URL = POLL_URL.replace("s=SIG", "s=NEW")


@pytest.mark.parametrize("body", [STATUS_RUNNING.body, b"<html>", b""], ids=["running", "unreadable", "empty"])
def test_renewed_url_is_used_from_then_on(body: bytes) -> None:
    advanced = BUILDING.advance(make_response(body, 200, {"azure-asyncoperation": RENEWED_URL}))
    assert advanced.poll_url == RENEWED_URL
    assert advanced.advance(STATUS_RUNNING).poll_url == RENEWED_URL
    assert AT_LOCATION.advance(make_response(b"", 202, {"location": RENEWED_URL})).poll_url == RENEWED_URL


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_redirect_does_not_renew_the_url(code: int) -> None:
    elsewhere = {"location": "https://elsewhere.example/", "azure-asyncoperation": "https://elsewhere.example/"}
    assert AT_LOCATION.advance(make_response(b"", code, elsewhere)).poll_url == LOCATION_URL
    assert BUILDING.advance(make_response(b"", code, elsewhere)).poll_url == POLL_URL


def test_image_polling_ignores_urls_in_headers() -> None:
    headers = {"location": RENEWED_URL, "azure-asyncoperation": RENEWED_URL}
    assert CONFIRMING.advance(make_response(image_resource("Creating"), 200, headers)).poll_url == IMAGE_URL


@pytest.mark.parametrize(
    "response",
    [make_response(b""), make_response(image_resource("Creating")), make_response(b"", 204), make_response({}, 201)],
)
def test_location_202_is_running_and_200_is_done(response: ArmResponse) -> None:
    running = AT_LOCATION.advance(make_response(b"", 202))
    assert (running.state, running.poll_url) == (BuildState.BUILDING, LOCATION_URL)
    assert running.advance(response).state is BuildState.CONFIRMING
    assert start_delete(make_response(b"", 202, LOCATION)).advance(response).state is BuildState.DELETED


# ── rule 7: after Succeeded ─────────────────────────────────────────────────────────────────────────────────────────


def test_succeeded_operation_is_confirmed_by_the_image() -> None:
    assert (CONFIRMING.state, CONFIRMING.poll_url, CONFIRMING.delay) == (BuildState.CONFIRMING, IMAGE_URL, 0.0)
    lagging = advance_all(
        CONFIRMING,
        error_response(404),
        make_response(image_resource("Creating")),
        error_response(404),
        make_response(image_resource("Accepted")),
    )
    assert lagging.state is BuildState.CONFIRMING
    confirmed = lagging.advance(IMAGE_SUCCEEDED)
    assert confirmed.state is BuildState.SUCCEEDED
    assert confirmed.image is not None
    assert (confirmed.image.name, confirmed.note) == ("img", "")


def test_image_that_stays_404_raises_and_can_be_resumed() -> None:
    missing = advance_all(CONFIRMING, *[error_response(404)] * (MAX_NOT_FOUND - 1))
    with pytest.raises(StatusUnreadableError, match="does not exist") as caught:
        missing.advance(error_response(404))
    assert caught.value.operation.advance(IMAGE_SUCCEEDED).state is BuildState.SUCCEEDED


@pytest.mark.parametrize(
    ("state", "error"),
    [("Failed", BuildFailedError), ("Canceled", BuildCanceledError), ("cancelled", BuildCanceledError)],
)
def test_failed_image_after_a_succeeded_operation_is_a_failure(state: str, error: type[KustoImageError]) -> None:
    ended = CONFIRMING.advance(make_response(image_resource(state)))
    assert ended.done
    with pytest.raises(error):
        ended.raise_for_failure()


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (image_resource(requirementsFileContent="numpy"), "(requirements)"),
        (image_resource(languageVersion="3.9.7"), "(Python version)"),
        (image_resource(languageVersion="3.9.7", requirementsFileContent="numpy"), "(Python version and requirements)"),
    ],
)
def test_image_that_differs_is_not_a_silent_success(shown: object, text: str) -> None:
    ended = CONFIRMING.advance(make_response(shown))
    assert ended.state is BuildState.SUCCEEDED
    with pytest.raises(ImageDiffersError, match=re.escape(text)) as caught:
        ended.raise_for_failure()
    assert caught.value.operation.image == ended.image
    with pytest.raises(StatusUnreadableError, match=re.escape(text)):  # the operation's own success was never confirmed
        BY_IMAGE.advance(make_response(shown))


# ── delete ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_delete_ends_with_its_operation() -> None:
    ended = advance_all(DELETING, STATUS_RUNNING, STATUS_SUCCEEDED)
    assert (ended.state, ended.image) == (BuildState.DELETED, None)


def test_delete_ends_when_the_image_is_404() -> None:
    ended = advance_all(DELETING_BY_IMAGE, make_response(image_resource("Deleting")), error_response(404))
    assert (ended.state, ended.image) == (BuildState.DELETED, None)


@pytest.mark.parametrize("state", ["Succeeded", "Failed", "Canceled", "Cancelled", None])
def test_image_that_still_exists_after_deletion_raises(state: str | None) -> None:
    still_there = advance_all(
        DELETING_BY_IMAGE,
        make_response(image_resource("Deleting")),
        *[make_response(image_resource(state))] * MAX_UNREADABLE,
    )
    assert still_there.state is BuildState.DELETING
    with pytest.raises(StatusUnreadableError, match="still exists"):
        still_there.advance(make_response(image_resource(state)))


def test_delete_of_an_image_that_does_not_exist_says_so() -> None:
    absent = start_delete(make_response(b"", 204))
    assert (absent.state, absent.note) == (BuildState.DELETED, NOTE_ABSENT)
    assert start_delete(make_response(b"", 204), repeated=True).note == ""  # the first request may have deleted it
    assert start_delete(make_response(b"", 200)).note == ""


def test_failed_delete_contains_the_service_error() -> None:
    ended = DELETING.advance(status_response("Failed", error={"code": "InUse", "message": "[Conflict] in use"}))
    with pytest.raises(BuildFailedError, match="deleting image 'img'") as caught:
        ended.raise_for_failure()
    assert caught.value.fault.code == "InUse"
    assert caught.value.hint == Hint(HintKind.CHECK_IMAGES)


# ── rules 10 and 11 ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "first",
    [
        make_response(image_resource("Creating"), 201, {**ASYNC, "retry-after": "7"}),
        make_response(image_resource("Creating"), 201, {"retry-after": "7"}),
    ],
)
def test_retry_after_of_the_first_response_applies_once(first: ArmResponse) -> None:
    operation = start_build(first)
    assert operation.delay == 7.0
    running = (
        STATUS_RUNNING if operation.poll_target is PollTarget.OPERATION else make_response(image_resource("Creating"))
    )
    assert operation.advance(running).delay is None


@pytest.mark.parametrize(
    "response",
    [error_response(503), error_response(429), error_response(404), HTML_RESPONSE, STATUS_RUNNING],
    ids=range(5),
)
def test_retry_after_applies_to_every_response(response: ArmResponse) -> None:
    delayed = ArmResponse(response.status, {"retry-after": "77"}, response.body, POLL_URL, response.received_at)
    assert BUILDING.advance(delayed).delay == 77.0


BUSY = {"code": "ServiceIsInMaintenance", "message": "[Conflict] Cluster 'c' is in process of maintenance."}


def test_cluster_busy_of_a_repeated_request_polls_the_image() -> None:
    operation = start_build(make_response(image_resource("Creating"), 201, ASYNC), repeated=True).advance(
        status_response("Failed", error=BUSY)
    )
    assert (operation.state, operation.poll_target, operation.note) == (
        BuildState.BUILDING,
        PollTarget.IMAGE,
        NOTE_SENT_TWICE,
    )
    assert (
        advance_all(operation, make_response(image_resource("Creating")), IMAGE_SUCCEEDED).state is BuildState.SUCCEEDED
    )
    assert operation.advance(make_response(image_resource("Failed"))).state is BuildState.FAILED


def test_cluster_busy_of_a_single_request_is_a_failure() -> None:
    ended = BUILDING.advance(status_response("Failed", error=BUSY))
    with pytest.raises(BuildFailedError) as caught:
        ended.raise_for_failure()
    assert caught.value.hint == Hint(HintKind.WAIT_FOR_CLUSTER)


def test_other_failure_of_a_repeated_request_is_a_failure() -> None:
    operation = start_build(make_response(image_resource("Creating"), 201, ASYNC), repeated=True)
    assert operation.advance(status_response("Failed", error={"code": "BadInput"})).state is BuildState.FAILED


def test_adopted_operation_polls_the_image() -> None:
    adopted = adopt_existing(submitting(Action.BUILD, IMAGE_URL, SPEC))
    assert (adopted.state, adopted.poll_url, adopted.note) == (BuildState.BUILDING, IMAGE_URL, NOTE_SENT_TWICE)
    assert (
        advance_all(adopted, make_response(image_resource("Creating")), IMAGE_SUCCEEDED).state is BuildState.SUCCEEDED
    )
    with pytest.raises(StatusUnreadableError, match="replaced"):
        adopted.advance(make_response(image_resource(requirementsFileContent="numpy")))


def test_404_of_a_repeated_delete_is_success() -> None:
    assert start_delete(error_response(404), repeated=True).state is BuildState.DELETED
    with pytest.raises(NotFoundError):
        start_delete(error_response(404))
    with pytest.raises(NotFoundError):
        start_build(error_response(404), repeated=True)


# ── resuming ────────────────────────────────────────────────────────────────────────────────────────────────────────

STORED_URL = POLL_URL.partition("&t=")[0]


@pytest.mark.parametrize(
    "refused",
    [error_response(400), error_response(401), error_response(403), error_response(404), error_response(410)],
    ids=range(5),
)
def test_rejected_stored_url_falls_back_to_the_image(refused: ArmResponse) -> None:
    resumed = resume(Action.BUILD, IMAGE_URL, STORED_URL, SPEC)
    assert (resumed.poll_target, resumed.poll_url, resumed.delay) == (PollTarget.OPERATION, STORED_URL, 0.0)
    polled = resumed.advance(refused)
    assert (polled.poll_target, polled.poll_url) == (PollTarget.IMAGE, IMAGE_URL)
    assert polled.advance(IMAGE_SUCCEEDED).state is BuildState.SUCCEEDED


def test_resume_without_url_polls_the_image() -> None:
    assert resume(Action.BUILD, IMAGE_URL).poll_url == IMAGE_URL
    assert resume(Action.DELETE, IMAGE_URL).advance(error_response(404)).state is BuildState.DELETED
    assert resume(Action.BUILD, IMAGE_URL).advance(error_response(404)).state is BuildState.BUILDING


# ── illegal transitions and errors ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "ending", [[STATUS_SUCCEEDED, IMAGE_SUCCEEDED], [status_response("Failed")], [status_response("Canceled")]]
)
def test_advance_after_the_end_raises(ending: Sequence[ArmResponse]) -> None:
    with pytest.raises(ValueError, match="cannot poll"):
        advance_all(BUILDING, *ending).advance(STATUS_RUNNING)


def test_advance_before_the_start_and_second_start_raise() -> None:
    with pytest.raises(ValueError, match="Submitting"):
        submitting(Action.BUILD, IMAGE_URL).advance(STATUS_RUNNING)
    with pytest.raises(ValueError, match="before"):
        start_operation(BUILDING, IMAGE_SUCCEEDED)


FAILURES: dict[str, tuple[dict[str, Any], str, str]] = {
    "seen": ({"error": {"code": "Cannot", "message": "[BadRequest] no"}}, "Cannot", "[BadRequest] no"),
    "no error": ({}, "", "the service gives no reason (status: Failed)"),
    "error null": ({"error": None}, "", "the service gives no reason (status: Failed)"),
    "error a string": ({"error": "broken"}, "", "broken"),
    "code alone": ({"error": {"code": "X", "message": None}}, "X", ""),
    "in the properties": ({"properties": {"error": {"code": "X", "message": "m"}}}, "X", "m"),
}


@pytest.mark.parametrize(("more", "code", "message"), FAILURES.values(), ids=FAILURES.keys())
def test_failure_has_a_reason_or_says_that_none_is_given(more: dict[str, Any], code: str, message: str) -> None:
    ended = BUILDING.advance(status_response("Failed", **more))
    with pytest.raises(BuildFailedError) as caught:
        ended.raise_for_failure()
    assert (caught.value.fault.code, caught.value.fault.message) == (code, message)


def test_repr_and_errors_contain_no_signature() -> None:
    assert "SIGNATURE" in BUILDING.poll_url
    assert "SIGNATURE" not in repr(BUILDING)
    with pytest.raises(StatusUnreadableError) as caught:
        BUILDING.advance(error_response(403, "Why", f"look at {POLL_URL}"))
    assert "SIGNATURE" not in f"{caught.value} {caught.value!r} {caught.value.lines()}"


def test_every_poll_target_of_every_resource_has_a_reader() -> None:
    assert set(_POLLS) == set(product(PollTarget, Resource))
