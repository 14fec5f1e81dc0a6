"""Operations on a cluster (enabling and disabling python()), and operations before they are sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.arm_responses import (
    CLUSTER_PATH,
    ENDPOINT,
    HTML_RESPONSE,
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

from kusto_magic.arm.operation import MAX_NOT_FOUND, MAX_UNREADABLE, NOTE_UNCHANGED, Operation
from kusto_magic.arm.operation_start import (
    NOTE_BUSY,
    adopt_existing,
    checking,
    existing_operation,
    queued,
    resume,
    start_operation,
    submitting,
)
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import BuildFailedError, ConflictError, StatusUnreadableError, UnexpectedStateError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import Image, ImageSpec

CLUSTER_URL = f"{ENDPOINT}{CLUSTER_PATH}?api-version=2024-04-13"
PYTHON = LanguageExtension("PYTHON", "img")
ACCEPTED = make_response(b"", 202, {"azure-asyncoperation": POLL_URL})
BUSY = {"code": "ServiceIsInMaintenance", "message": "busy"}
BOTH = pytest.mark.parametrize("action", [Action.ENABLE, Action.DISABLE])


def start_switch(action: Action, response: ArmResponse = ACCEPTED, *, repeated: bool = False) -> Operation:
    return start_operation(submitting(action, CLUSTER_URL, extension=PYTHON), response, repeated=repeated)


def cluster(active: str | None, state: object = "Succeeded") -> ArmResponse:
    """Return the response for a cluster whose python() runs on an image, or is off."""
    entry = {"languageExtensionName": "PYTHON", "languageExtensionImageName": "PythonCustomImage"}
    value = [] if active is None else [{**entry, "languageExtensionCustomImageName": active}]
    properties = {"provisioningState": state, "languageExtensions": {"value": value}}
    return make_response({"id": CLUSTER_PATH, "name": "kustoCluster", "properties": properties})


# ── enabling and disabling ──────────────────────────────────────────────────────────────────────────────────────────

WORKING_STATE = {Action.ENABLE: BuildState.ENABLING, Action.DISABLE: BuildState.DISABLING}
DONE = {Action.ENABLE: BuildState.ENABLED, Action.DISABLE: BuildState.DISABLED}
NOTES = {Action.ENABLE: "python() now uses this image", Action.DISABLE: "python() is disabled"}


@BOTH
def test_switch_ends_with_its_operation(action: Action) -> None:
    started = start_switch(action)
    assert (started.state, started.poll_target, started.poll_url, started.name) == (
        WORKING_STATE[action],
        PollTarget.OPERATION,
        POLL_URL,
        "img",
    )
    ended = started.advance(STATUS_RUNNING).advance(STATUS_SUCCEEDED)
    assert (ended.state, ended.note, ended._operation_succeeded, ended.delay) == (
        DONE[action],
        NOTES[action],
        True,
        None,
    )
    assert (ended.failed_polls, ended.poll_error, ended.image) == (0, "", None)


@BOTH
def test_note_shows_the_documented_duration_until_the_end(action: Action) -> None:
    minutes = {Action.ENABLE: "60 minutes", Action.DISABLE: "30 minutes"}[action]
    assert minutes in submitting(action, CLUSTER_URL, extension=PYTHON).note
    assert minutes in start_switch(action).note
    assert submitting(Action.BUILD, IMAGE_URL).note == ""


@BOTH
def test_location_is_polled_until_done(action: Action) -> None:
    started = start_switch(action, make_response(b"", 202, {"location": LOCATION_URL}))
    assert started.poll_target is PollTarget.LOCATION
    assert started.advance(make_response(b"", 202)).state is WORKING_STATE[action]
    assert started.advance(make_response(b"")).state is DONE[action]


@BOTH
def test_readable_200_without_url_ends_the_switch(action: Action) -> None:
    ended = start_switch(action, make_response({"value": []}))
    assert (ended.state, ended.note) == (DONE[action], NOTES[action])
    for response in (HTML_RESPONSE, make_response(b"", 202), make_response(b"", 201)):
        started = start_switch(action, response)
        assert (started.state, started.poll_target, started.poll_url) == (
            WORKING_STATE[action],
            PollTarget.IMAGE,
            CLUSTER_URL,
        )


CLUSTER_RESPONSES: dict[str, tuple[Action, ArmResponse, BuildState]] = {
    "on": (Action.ENABLE, cluster("img"), BuildState.ENABLED),
    "on, in capitals": (Action.ENABLE, cluster("IMG"), BuildState.ENABLED),
    "on another": (Action.ENABLE, cluster("other"), BuildState.ENABLING),
    "still off": (Action.ENABLE, cluster(None), BuildState.ENABLING),
    "at work": (Action.ENABLE, cluster("img", "Updating"), BuildState.ENABLING),
    "at rest after a failure": (Action.ENABLE, cluster("img", "Failed"), BuildState.ENABLED),
    "off": (Action.DISABLE, cluster(None), BuildState.DISABLED),
    "still on": (Action.DISABLE, cluster("img"), BuildState.DISABLING),
    "off, at work": (Action.DISABLE, cluster(None, "Updating"), BuildState.DISABLING),
}


@pytest.mark.parametrize(("action", "shown", "phase"), CLUSTER_RESPONSES.values(), ids=CLUSTER_RESPONSES.keys())
def test_cluster_polling_determines_the_phase(action: Action, shown: ArmResponse, phase: BuildState) -> None:
    polled = resume(action, CLUSTER_URL, extension=PYTHON).advance(shown)
    assert polled.state is phase
    state = shown.document()["properties"]["provisioningState"]
    assert polled.status == state
    assert polled._unreadable_count == (1 if state == "Succeeded" and phase is WORKING_STATE[action] else 0)


@BOTH
@pytest.mark.parametrize(
    "unreadable",
    [make_response(b""), make_response([]), make_response({"value": []}), make_response({"id": 5})],
)
def test_unreadable_cluster_is_retried_and_then_raises(action: Action, unreadable: ArmResponse) -> None:
    operation = resume(action, CLUSTER_URL, extension=PYTHON)
    unreadable = from_service(unreadable)
    for number in range(MAX_UNREADABLE):
        operation = operation.advance(unreadable)
        assert (operation.state, operation._unreadable_count) == (WORKING_STATE[action], number + 1)
    with pytest.raises(StatusUnreadableError) as caught:
        operation.advance(unreadable)
    assert type(caught.value) is StatusUnreadableError, "the cluster was not read, so nothing unexpected was seen"
    assert caught.value.hint == Hint(HintKind.RESUME, "img")


def test_cluster_without_the_change_raises_after_retries() -> None:
    operation = resume(Action.ENABLE, CLUSTER_URL, extension=PYTHON)
    for _ in range(MAX_UNREADABLE):
        operation = operation.advance(cluster("other"))
    updating = operation.advance(cluster("other", "Updating"))
    assert updating._unreadable_count == 0, "a cluster in progress may still change"
    with pytest.raises(UnexpectedStateError, match=r"\(HTTP 200\)") as caught:
        operation.advance(cluster("other"))
    assert caught.value.hint == Hint(HintKind.RESUME, "img")
    assert operation.advance(cluster("img"))._unreadable_count == 0


@pytest.mark.parametrize("code", [201, 202, 204])
def test_cluster_response_other_than_200_is_unreadable(code: int) -> None:
    shown = replace(cluster("img"), status=code)
    assert resume(Action.ENABLE, CLUSTER_URL, extension=PYTHON).advance(shown)._unreadable_count == 1


def test_missing_cluster_raises_status_unreadable() -> None:
    operation = resume(Action.DISABLE, CLUSTER_URL, extension=PYTHON)
    for _ in range(MAX_NOT_FOUND - 1):
        operation = operation.advance(error_response(404))
    with pytest.raises(UnexpectedStateError, match=r"^the cluster"):
        operation.advance(error_response(404))


@BOTH
def test_failed_switch_contains_the_service_error_and_a_hint(action: Action) -> None:
    ended = start_switch(action).advance(status_response("Failed", error={"code": "Bad", "message": "no such image"}))
    with pytest.raises(BuildFailedError, match=rf"{WORKING_STATE[action].value.lower()} image 'img' failed") as caught:
        ended.raise_for_failure()
    assert caught.value.fault.message == "no such image"
    assert caught.value.hint == Hint(HintKind.CHECK_IMAGES)


@BOTH
def test_adopted_switch_polls_the_cluster(action: Action) -> None:
    sent = submitting(action, CLUSTER_URL, extension=PYTHON)
    adopted = adopt_existing(sent)
    assert (adopted.extension, adopted.poll_url, adopted.state) == (PYTHON, CLUSTER_URL, WORKING_STATE[action])
    with pytest.raises(ConflictError, match=f"the {action} request was refused"):
        start_operation(sent, error_response(409, "RequestConflict"))


@BOTH
def test_resume_of_a_switch_polls_its_stored_url(action: Action) -> None:
    resumed = resume(action, CLUSTER_URL, POLL_URL, extension=PYTHON)
    assert (resumed.poll_target, resumed.extension, resumed.advance(STATUS_SUCCEEDED).state) == (
        PollTarget.OPERATION,
        PYTHON,
        DONE[action],
    )
    assert resumed.advance(error_response(404)).poll_url == CLUSTER_URL


def test_name_is_the_image_or_the_language() -> None:
    unnamed = LanguageExtension("PYTHON", "")
    assert submitting(Action.DISABLE, CLUSTER_URL, extension=unnamed).name == "PYTHON"
    assert submitting(Action.ENABLE, CLUSTER_URL, extension=PYTHON).name == "img"


# ── before the request is sent ──────────────────────────────────────────────────────────────────────────────────────


def test_checking_operation_cannot_be_polled() -> None:
    operation = checking(SPEC)
    assert operation == Operation(Action.BUILD, "", BuildState.CHECKING, expected=SPEC)
    assert not operation.done
    with pytest.raises(ValueError, match="Checking"):
        operation.advance(STATUS_RUNNING)


@pytest.mark.parametrize(
    "busy",
    [
        submitting(Action.BUILD, IMAGE_URL, SPEC),
        submitting(Action.DELETE, IMAGE_URL),
        submitting(Action.ENABLE, CLUSTER_URL, extension=PYTHON),
    ],
)
def test_queued_operation_keeps_its_request(busy: Operation) -> None:
    operation = queued(busy)
    assert operation.state is BuildState.QUEUED
    request = (operation.action, operation.image_url, operation.expected, operation.extension)
    assert request == (busy.action, busy.image_url, busy.expected, busy.extension)
    assert operation.note == NOTE_BUSY
    with pytest.raises(ValueError, match="Queued"):
        operation.advance(STATUS_RUNNING)


def test_is_cluster_busy_depends_on_the_error_code() -> None:
    started = start_operation(
        submitting(Action.BUILD, IMAGE_URL, SPEC),
        make_response(image_resource(), 201, {"azure-asyncoperation": POLL_URL}),
    )
    busy = started.advance(status_response("Failed", error=BUSY))
    assert busy.is_cluster_busy
    assert not started.is_cluster_busy
    assert not started.advance(status_response("Failed", error={"code": "Other"})).is_cluster_busy
    with pytest.raises(BuildFailedError) as caught:
        busy.raise_for_failure()
    assert caught.value.hint == Hint(HintKind.WAIT_FOR_CLUSTER)


def _image(state: str | None, **properties: Any) -> Image:
    return Image.from_json(image_resource(state, **properties))


@pytest.mark.parametrize("state", ["Succeeded", "succeeded"])
def test_identical_image_needs_no_request(state: str) -> None:
    existing = existing_operation(_image(state), IMAGE_URL, SPEC)
    assert existing is not None
    assert (existing.action, existing.state, existing.image_url, existing.note) == (
        Action.BUILD, BuildState.SUCCEEDED, IMAGE_URL, NOTE_UNCHANGED
    )  # fmt: skip
    assert (existing.expected, existing.image) == (SPEC, _image(state))


@pytest.mark.parametrize("state", ["Creating", "Updating", "Accepted", "Running", "InProgress"])
def test_identical_image_in_progress_is_polled(state: str) -> None:
    existing = existing_operation(_image(state), IMAGE_URL, SPEC)
    assert existing is not None
    assert (existing.state, existing.poll_url, existing.expected) == (BuildState.BUILDING, IMAGE_URL, SPEC)
    assert existing.note.startswith("already being built")
    assert existing.delay == 0.0


@pytest.mark.parametrize("state", ["Failed", "FAILED", "Canceled", "Cancelled", "Deleting"])
def test_failed_or_deleting_image_is_rebuilt(state: str) -> None:
    assert existing_operation(_image(state), IMAGE_URL, SPEC) is None


@pytest.mark.parametrize("state", ["Succeeded", "Creating"])
def test_different_image_is_rebuilt(state: str) -> None:
    assert existing_operation(_image(state), IMAGE_URL, ImageSpec("numpy", python_version="3.10.8")) is None
    assert existing_operation(_image(state, languageVersion="3.11.7"), IMAGE_URL, SPEC) is None


def test_image_with_unreadable_state_is_rebuilt() -> None:
    unreadable = Image.from_json(
        {**image_resource(None), "properties": {**image_resource(None)["properties"], "provisioningState": 5}}
    )
    assert existing_operation(unreadable, IMAGE_URL, SPEC) is None
