"""Operations on a cluster (python() on another image, or off), and what an operation is before it is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.answers import (
    CLUSTER_PATH,
    DONE,
    ENDPOINT,
    HTML,
    IMAGE_URL,
    LOCATION_URL,
    POLL_URL,
    RUNNING,
    SPEC,
    answer,
    failed,
    image,
    status,
)

from kusto_magic.arm.operation import (
    MAX_NOT_FOUND,
    MAX_UNREADABLE,
    NOTE_UNCHANGED,
    SERVICE_IS_IN_MAINTENANCE,
    Operation,
    PollTarget,
    start_operation,
)
from kusto_magic.arm.operation_start import adopt_existing, checking, existing_operation, queued, resume, submitting
from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import BuildFailed, Conflict, StatusUnreadable
from kusto_magic.models.action import Action, Phase
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import Image, ImageSpec

CLUSTER_URL = f"{ENDPOINT}{CLUSTER_PATH}?api-version=2024-04-13"
PYTHON = LanguageExtension("PYTHON", "img")
ACCEPTED = answer(b"", 202, {"azure-asyncoperation": POLL_URL})
BUSY = {"code": SERVICE_IS_IN_MAINTENANCE, "message": "busy"}
BOTH = pytest.mark.parametrize("action", [Action.ENABLE, Action.DISABLE])


def switching(action: Action, response: ArmResponse = ACCEPTED, *, repeated: bool = False) -> Operation:
    return start_operation(submitting(action, CLUSTER_URL, extension=PYTHON), response, repeated=repeated)


def cluster(runs: str | None, state: object = "Succeeded") -> ArmResponse:
    """Return a cluster whose python() runs on an image, or is off."""
    entry = {"languageExtensionName": "PYTHON", "languageExtensionImageName": "PythonCustomImage"}
    value = [] if runs is None else [{**entry, "languageExtensionCustomImageName": runs}]
    properties = {"provisioningState": state, "languageExtensions": {"value": value}}
    return answer({"id": CLUSTER_PATH, "name": "kustoCluster", "properties": properties})


# ── switching ────────────────────────────────────────────────────────────────────────────────────────────────────

AT_WORK = {Action.ENABLE: Phase.ENABLING, Action.DISABLE: Phase.DISABLING}
SAID = {Action.ENABLE: "python() runs on it now", Action.DISABLE: "python() is switched off"}


@BOTH
def test_it_ends_with_its_operation_and_nothing_else_is_asked(action: Action) -> None:
    begun = switching(action)
    assert (begun.phase, begun.poll_target, begun.poll_url, begun.name) == (
        AT_WORK[action],
        PollTarget.OPERATION,
        POLL_URL,
        "img",
    )
    ended = begun.advance(RUNNING).advance(DONE)
    assert (ended.phase, ended.note, ended.operation_succeeded, ended.delay) == (
        Phase.SUCCEEDED,
        SAID[action],
        True,
        None,
    )
    assert (ended.failed_polls, ended.poll_error, ended.image) == (0, "", None)


@BOTH
def test_how_long_it_may_take_is_said_until_it_is_over(action: Action) -> None:
    minutes = {Action.ENABLE: "60 minutes", Action.DISABLE: "30 minutes"}[action]
    assert minutes in submitting(action, CLUSTER_URL, extension=PYTHON).note
    assert minutes in switching(action).note
    assert submitting(Action.BUILD, IMAGE_URL).note == ""


@BOTH
def test_by_location(action: Action) -> None:
    begun = switching(action, answer(b"", 202, {"location": LOCATION_URL}))
    assert begun.poll_target is PollTarget.LOCATION
    assert begun.advance(answer(b"", 202)).phase is AT_WORK[action]
    assert begun.advance(answer(b"")).phase is Phase.SUCCEEDED


@BOTH
def test_a_200_without_an_address_is_its_end_unless_it_cannot_be_read(action: Action) -> None:
    ended = switching(action, answer({"value": []}))
    assert (ended.phase, ended.note) == (Phase.SUCCEEDED, SAID[action])
    for response in (HTML, answer(b"", 202), answer(b"", 201)):
        begun = switching(action, response)
        assert (begun.phase, begun.poll_target, begun.poll_url) == (AT_WORK[action], PollTarget.IMAGE, CLUSTER_URL)


SHOWS: dict[str, tuple[Action, ArmResponse, Phase]] = {
    "on": (Action.ENABLE, cluster("img"), Phase.SUCCEEDED),
    "on, in capitals": (Action.ENABLE, cluster("IMG"), Phase.SUCCEEDED),
    "on another": (Action.ENABLE, cluster("other"), Phase.ENABLING),
    "still off": (Action.ENABLE, cluster(None), Phase.ENABLING),
    "at work": (Action.ENABLE, cluster("img", "Updating"), Phase.ENABLING),
    "at rest after a failure": (Action.ENABLE, cluster("img", "Failed"), Phase.SUCCEEDED),
    "off": (Action.DISABLE, cluster(None), Phase.SUCCEEDED),
    "still on": (Action.DISABLE, cluster("img"), Phase.DISABLING),
    "off, at work": (Action.DISABLE, cluster(None, "Updating"), Phase.DISABLING),
}


@pytest.mark.parametrize(("action", "shown", "phase"), SHOWS.values(), ids=SHOWS.keys())
def test_without_an_operation_the_cluster_tells(action: Action, shown: ArmResponse, phase: Phase) -> None:
    asked = resume(action, CLUSTER_URL, extension=PYTHON).advance(shown)
    assert asked.phase is phase
    state = shown.document()["properties"]["provisioningState"]
    assert asked.status == state
    assert asked.unreadable_count == (1 if state == "Succeeded" and phase is AT_WORK[action] else 0)


@BOTH
@pytest.mark.parametrize("unreadable", [HTML, answer(b""), answer([]), answer({"value": []}), answer({"id": 5})])
def test_a_cluster_that_cannot_be_read_is_asked_again_a_few_times(action: Action, unreadable: ArmResponse) -> None:
    operation = resume(action, CLUSTER_URL, extension=PYTHON)
    for number in range(MAX_UNREADABLE):
        operation = operation.advance(unreadable)
        assert (operation.phase, operation.unreadable_count) == (AT_WORK[action], number + 1)
    with pytest.raises(StatusUnreadable, match="the answers cannot be read") as caught:
        operation.advance(unreadable)
    assert "attach img" in caught.value.next_step


def test_a_cluster_that_never_shows_the_change_ends_the_following() -> None:
    operation = resume(Action.ENABLE, CLUSTER_URL, extension=PYTHON)
    for _ in range(MAX_UNREADABLE):
        operation = operation.advance(cluster("other"))
    again = operation.advance(cluster("other", "Updating"))
    assert again.unreadable_count == 0, "it is at work: it may still come"
    with pytest.raises(StatusUnreadable) as caught:
        operation.advance(cluster("other"))
    assert caught.value.what.startswith("the cluster does not show the change (HTTP 200);")
    assert operation.advance(cluster("img")).unreadable_count == 0


@pytest.mark.parametrize("code", [201, 202, 204])
def test_a_cluster_comes_with_200_only(code: int) -> None:
    shown = replace(cluster("img"), status=code)
    assert resume(Action.ENABLE, CLUSTER_URL, extension=PYTHON).advance(shown).unreadable_count == 1


def test_a_cluster_that_is_gone_is_named() -> None:
    operation = resume(Action.DISABLE, CLUSTER_URL, extension=PYTHON)
    for _ in range(MAX_NOT_FOUND - 1):
        operation = operation.advance(failed(404))
    with pytest.raises(StatusUnreadable, match="the cluster is not there"):
        operation.advance(failed(404))


@BOTH
def test_a_failure_keeps_the_services_words_and_says_what_to_do(action: Action) -> None:
    ended = switching(action).advance(status("Failed", error={"code": "Bad", "message": "no such image"}))
    with pytest.raises(BuildFailed, match=rf"{AT_WORK[action].value.lower()} image 'img' failed") as caught:
        ended.raise_for_failure()
    assert caught.value.fault.message == "no such image"
    assert "%kusto_image list" in caught.value.next_step


@BOTH
def test_a_repeated_request_that_met_a_conflict_is_decided_by_the_cluster(action: Action) -> None:
    sent = submitting(action, CLUSTER_URL, extension=PYTHON)
    adopted = adopt_existing(sent)
    assert (adopted.extension, adopted.poll_url, adopted.phase) == (PYTHON, CLUSTER_URL, AT_WORK[action])
    with pytest.raises(Conflict, match=f"{action} was refused"):
        start_operation(sent, failed(409))


@BOTH
def test_it_is_taken_up_by_its_kept_address(action: Action) -> None:
    kept = resume(action, CLUSTER_URL, POLL_URL, extension=PYTHON)
    assert (kept.poll_target, kept.extension, kept.advance(DONE).phase) == (
        PollTarget.OPERATION,
        PYTHON,
        Phase.SUCCEEDED,
    )
    assert kept.advance(failed(404)).poll_url == CLUSTER_URL


def test_its_name_is_that_of_the_image_or_the_language() -> None:
    off = LanguageExtension("PYTHON", "")
    assert submitting(Action.DISABLE, CLUSTER_URL, extension=off).name == "PYTHON"
    assert submitting(Action.ENABLE, CLUSTER_URL, extension=PYTHON).name == "img"


# ── before it is sent ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_build_is_checked_before_it_is_an_operation() -> None:
    before = checking(SPEC)
    assert before == Operation(Action.BUILD, "", Phase.CHECKING, expected=SPEC)
    assert not before.done
    with pytest.raises(ValueError, match="Checking"):
        before.advance(RUNNING)


@pytest.mark.parametrize(
    "met",
    [
        submitting(Action.BUILD, IMAGE_URL, SPEC),
        submitting(Action.DELETE, IMAGE_URL),
        submitting(Action.ENABLE, CLUSTER_URL, extension=PYTHON),
    ],
)
def test_what_waits_for_another_change_keeps_what_is_to_be_done(met: Operation) -> None:
    waiting = queued(met)
    assert waiting.phase is Phase.QUEUED
    kept = (waiting.action, waiting.image_url, waiting.expected, waiting.extension)
    assert kept == (met.action, met.image_url, met.expected, met.extension)
    assert waiting.note == "another change of the cluster is running; this one is sent again when it is over"
    with pytest.raises(ValueError, match="Queued"):
        waiting.advance(RUNNING)


def test_what_met_another_change_is_known_by_its_code() -> None:
    begun = start_operation(
        submitting(Action.BUILD, IMAGE_URL, SPEC), answer(image(), 201, {"azure-asyncoperation": POLL_URL})
    )
    met = begun.advance(status("Failed", error=BUSY))
    assert met.is_cluster_busy
    assert not begun.is_cluster_busy
    assert not begun.advance(status("Failed", error={"code": "Other"})).is_cluster_busy
    with pytest.raises(BuildFailed) as caught:
        met.raise_for_failure()
    assert "--queue" in caught.value.next_step


def _image(state: str | None, **properties: Any) -> Image:
    return Image.from_json(image(state, **properties))


@pytest.mark.parametrize("state", ["Succeeded", "succeeded"])
def test_an_image_that_is_made_of_the_same_needs_no_request(state: str) -> None:
    found = existing_operation(_image(state), IMAGE_URL, SPEC)
    assert found is not None
    assert (found.action, found.phase, found.image_url, found.note) == (
        Action.BUILD, Phase.SUCCEEDED, IMAGE_URL, NOTE_UNCHANGED
    )  # fmt: skip
    assert (found.expected, found.image) == (SPEC, _image(state))


@pytest.mark.parametrize("state", ["Creating", "Updating", "Accepted", "Running", "InProgress"])
def test_an_image_that_is_being_made_of_the_same_is_followed(state: str) -> None:
    found = existing_operation(_image(state), IMAGE_URL, SPEC)
    assert found is not None
    assert (found.phase, found.poll_url, found.expected) == (Phase.BUILDING, IMAGE_URL, SPEC)
    assert found.note == "it is being built already; nothing was sent"
    assert found.delay == 0.0


@pytest.mark.parametrize("state", ["Failed", "FAILED", "Canceled", "Cancelled", "Deleting"])
def test_an_image_that_failed_or_goes_away_is_made_anew(state: str) -> None:
    assert existing_operation(_image(state), IMAGE_URL, SPEC) is None


@pytest.mark.parametrize("state", ["Succeeded", "Creating"])
def test_an_image_that_is_made_of_something_else_is_made_anew(state: str) -> None:
    assert existing_operation(_image(state), IMAGE_URL, ImageSpec("numpy", python_version="3.10.8")) is None
    assert existing_operation(_image(state, languageVersion="3.11.7"), IMAGE_URL, SPEC) is None


def test_an_image_whose_state_cannot_be_read_is_made_anew() -> None:
    unreadable = Image.from_json({**image(None), "properties": {**image(None)["properties"], "provisioningState": 5}})
    assert existing_operation(unreadable, IMAGE_URL, SPEC) is None
