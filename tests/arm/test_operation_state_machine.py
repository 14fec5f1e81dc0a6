"""Random sequences of responses: an operation always ends correctly, with its error, and never polls without delay."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.arm_responses import HTML_RESPONSE, IMAGE_URL, LOCATION_URL, POLL_URL, SPEC, image_resource, make_response

from kusto_magic.arm import poll_schedule
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import adopt_existing, resume, start_operation, submitting, with_image
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.arm.response import MAX_RETRY_AFTER, MIN_RETRY_AFTER, ArmResponse
from kusto_magic.errors import (
    BuildCanceledError,
    BuildError,
    BuildFailedError,
    ImageDiffersError,
    KustoImageError,
    ServiceError,
    StatusUnreadableError,
    UntrustedAddressError,
)
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import LanguageExtension

WORDS = ["Succeeded", "SUCCEEDED", "Failed", "failed", "Canceled", "Cancelled", "Running", "Accepted", "Creating",
         "Deleting", "", "Success", " Succeeded"]  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["status", "properties", "provisioningState", "id", "error", "code", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
FOREIGN_URLS = frozenset({"https://elsewhere.example/x"})
ERRORS = st.sampled_from([None, "broken", {"code": "ServiceIsInMaintenance"}, {"code": "Bad", "message": "why"}, 5, {}])


def operation_documents() -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"status": st.sampled_from(WORDS) | JSON}, optional={"error": ERRORS})


def cluster_documents() -> st.SearchStrategy[Any]:
    """Generate clusters as a GET returns them, with Python on an image or off."""
    custom = {"languageExtensionImageName": "PythonCustomImage", "languageExtensionCustomImageName": "IMG"}
    python = {"value": [{"languageExtensionName": "PYTHON", **custom}]}
    properties = st.fixed_dictionaries(
        {"provisioningState": st.sampled_from(WORDS)}, optional={"languageExtensions": st.just(python)}
    )
    return st.fixed_dictionaries({"id": st.just("/subscriptions/s"), "properties": properties})


def image_documents() -> st.SearchStrategy[Any]:
    text = st.sampled_from(["Pillow", "numpy"])
    shown = st.fixed_dictionaries({"requirementsFileContent": text}, optional={"provisioningState": JSON})
    return st.builds(lambda state, more: image_resource(state, **more), st.sampled_from([*WORDS, None]), shown)


pytestmark = pytest.mark.slow  # thousands of random responses


def bodies() -> st.SearchStrategy[bytes]:
    known = (operation_documents(), image_documents(), cluster_documents())
    documents = st.one_of(*known, JSON, st.builds(lambda error: {"error": error}, ERRORS))
    whole = documents.map(lambda document: make_response(document).body)
    torn = st.builds(lambda body, cut: body[: len(body) // cut], whole, st.integers(1, 4))
    return st.one_of(whole, torn, st.just(b""), st.just(HTML_RESPONSE.body), st.binary(max_size=12))


def headers() -> st.SearchStrategy[dict[str, str]]:
    addresses = st.sampled_from([POLL_URL, LOCATION_URL, "/relative", "https://[", "", *sorted(FOREIGN_URLS)])
    waits = st.sampled_from(["0", "7", "99999", "-1", "nan", "soon", "5, 5", "Mon, 23 Nov 2026 09:00:30 GMT"])
    named = {"azure-asyncoperation": addresses, "location": addresses, "retry-after": waits, "retry-after-ms": waits}
    return st.fixed_dictionaries({}, optional=named)


STATUSES = st.sampled_from([200] * 8 + [201, 202, 204, 302, 400, 401, 403, 404, 404, 404, 408, 409, 429, 500, 503])
RESPONSES = st.builds(
    lambda body, status, named, cut: ArmResponse(
        status, named, b"" if cut else body, POLL_URL, make_response().received_at, cut
    ),
    bodies(),
    STATUSES,
    headers(),
    st.sampled_from([False] * 9 + [True]),
)


FIRST_RESPONSES = st.builds(
    lambda document, code, named: make_response(document, code, named),
    image_documents(),
    st.sampled_from([200, 201, 202]),
    headers(),
)
TYPICAL_RESPONSES = {
    PollTarget.OPERATION: operation_documents().map(make_response),
    PollTarget.LOCATION: st.sampled_from([200, 202, 204]).map(lambda code: make_response(b"", code)),
    PollTarget.IMAGE: (image_documents() | cluster_documents()).map(make_response) | st.just(make_response(b"", 404)),
}
WORKING_PHASE = {
    Action.BUILD: BuildState.BUILDING,
    Action.DELETE: BuildState.DELETING,
    Action.ENABLE: BuildState.ENABLING,
    Action.DISABLE: BuildState.DISABLING,
}
ACCEPTED = make_response(image_resource("Creating"), 202, {"azure-asyncoperation": POLL_URL})
ORDER = [*WORKING_PHASE.values(), BuildState.CONFIRMING, BuildState.SUCCEEDED, BuildState.FAILED, BuildState.CANCELED]
EXTENSIONS = {Action.ENABLE: LanguageExtension("PYTHON", "img"), Action.DISABLE: LanguageExtension("PYTHON", "img")}


def state_of(response: ArmResponse) -> object:
    """Return the state of an image without using the package's own models; "?" if it is unreadable."""
    document = response.document()
    if not isinstance(document, dict) or response.status not in (200, 201):
        return "?"
    properties = document.get("properties")
    if not isinstance(properties, dict):
        return "succeeded" if isinstance(document.get("id"), str) else "?"
    state = properties.get("provisioningState", "Succeeded")
    return state.lower() if isinstance(state, str) else "?"


def means_success(before: Operation, response: ArmResponse) -> bool:
    """Return whether a response may end an operation successfully, by the rules and not by the code."""
    if before.poll_target is PollTarget.IMAGE and before.extension is not None:
        return shows_the_change(before.action, response)
    if before.poll_target is PollTarget.IMAGE:
        deleted = response.status == 404
        return deleted if before.action is Action.DELETE else state_of(response) == "succeeded"
    if before.action is Action.BUILD:
        return False  # the state of the image decides
    if before.poll_target is PollTarget.LOCATION:
        return response.status in (200, 201, 204) and not response.is_malformed
    document = response.document()
    word = document.get("status") if isinstance(document, dict) else None
    return response.status < 300 and isinstance(word, str) and word.lower() == "succeeded"


def shows_the_change(action: Action, response: ArmResponse) -> bool:
    """Return whether a cluster shows the change; no cluster in these tests has a state such as "Running"."""
    document = response.document()
    if response.status != 200 or not isinstance(document, dict) or not isinstance(document.get("id"), str):
        return False
    properties = document.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    idle = str(properties.get("provisioningState")).lower() in ("succeeded", "failed", "canceled", "cancelled")
    enabled = "languageExtensions" in properties
    return idle and enabled == (action is Action.ENABLE)


def starts_with_success(action: Action, repeated: bool, response: ArmResponse) -> bool:
    named = response.header_url("azure-asyncoperation") or response.header_url("location")
    if action is Action.DELETE and repeated and response.status == 404:
        return True
    if named or not 200 <= response.status < 300:
        return False
    if action in EXTENSIONS:
        return response.status == 200 and not response.is_malformed
    if action is Action.DELETE:
        state = state_of(response) if response.document() is not None else "succeeded"
        return response.status in (200, 204) and state in ("succeeded", "?") and not response.is_malformed
    return state_of(response) == "succeeded"


def outcome(step: Callable[[], Operation | None]) -> Operation | KustoImageError | None:
    """Run a step and return its result or its error; errors of other types fail the test."""
    try:
        return step()
    except (ServiceError, BuildError, UntrustedAddressError) as error:
        return error


class OperationMachine(RuleBasedStateMachine):
    """An operation that is started, resumed or adopted, and then receives any responses."""

    operation: Operation
    waited = 0.0
    polls_without_delay = 0

    @initialize(
        action=st.sampled_from(Action),
        origin=st.sampled_from(["put"] * 4 + ["stored url", "image", "adopt"]),
        data=st.data(),
    )
    def start(self, action: Action, origin: str, data: st.DataObject) -> None:
        spec = SPEC if action is Action.BUILD else None
        extension = EXTENSIONS.get(action)
        sent = submitting(action, IMAGE_URL, spec, extension)
        self.operation = resume(action, IMAGE_URL, POLL_URL if origin == "stored url" else "", spec, extension)
        if origin == "adopt":
            self.operation = adopt_existing(sent)
        elif origin == "put":
            self._put(sent, data.draw(FIRST_RESPONSES | RESPONSES), data.draw(st.booleans()))

    def _put(self, sent: Operation, response: ArmResponse, repeated: bool) -> None:
        started = outcome(lambda: start_operation(sent, response, repeated=repeated))
        if isinstance(started, ServiceError):
            assert (started.status, started.fault) == (response.status, response.fault())
        elif isinstance(started, Operation):
            assert started.state is not BuildState.SUCCEEDED or starts_with_success(sent.action, repeated, response)
            self._keeps_its_error(started, response)
            self.operation = started
        else:
            self._can_be_resumed(started, response)

    @rule(response=RESPONSES)
    def receive_anything(self, response: ArmResponse) -> None:
        self._receive(response)

    @rule(data=st.data())
    def receive_a_typical_response(self, data: st.DataObject) -> None:
        self._receive(data.draw(TYPICAL_RESPONSES[self.operation.poll_target]))

    @rule()
    def receive_nothing(self) -> None:
        if not self.operation.done:
            before = self.operation
            self._wait()
            self.operation = before.with_failed_poll("no response")
            assert (self.operation.state, self.operation.poll_url) == (before.state, before.poll_url)

    @invariant()
    def terminal_phase_has_its_error(self) -> None:
        error = outcome(self.operation.raise_for_failure)
        match self.operation.state:
            case BuildState.FAILED:
                assert isinstance(error, BuildFailedError)
                assert error.operation == self.operation
                assert error.fault.code or error.fault.message
            case BuildState.CANCELED:
                assert isinstance(error, BuildCanceledError)
            case _ if self.operation.differences:
                assert isinstance(error, ImageDiffersError)
            case _:
                assert error is None

    @invariant()
    def it_can_be_polled(self) -> None:
        assert self.operation.done or self.operation.poll_url
        assert self.operation.state is not BuildState.SUBMITTING

    def _receive(self, response: ArmResponse) -> None:
        before = self.operation
        if before.done:
            with pytest.raises(ValueError, match="cannot poll"):
                before.advance(response)
            return
        self._wait()
        after = outcome(lambda: before.advance(response))
        if not isinstance(after, Operation):
            if isinstance(after, UntrustedAddressError):
                after = with_image(after, before)  # as the poller does
            self._can_be_resumed(after, response)
            return
        if after.state.succeeded:
            assert after.state is ACTIONS[after.action].success_state
            assert means_success(before, response)
            assert (after.image is None) == (before.action is not Action.BUILD)
        self._keeps_its_error(after, response)
        assert _rank(after.state) >= _rank(before.state)
        assert (after.action, after.image_url, after.expected) == (before.action, before.image_url, before.expected)
        assert before.poll_target is not PollTarget.IMAGE or after.poll_target is PollTarget.IMAGE
        self.operation = after

    def _wait(self) -> None:
        """Wait as the client does. Only a poll of the image may be without delay, and not repeatedly."""
        operation = self.operation
        delay = poll_schedule.next_delay(self.waited) if operation.delay is None else operation.delay
        assert 0.0 <= delay <= MAX_RETRY_AFTER
        self.polls_without_delay = 0 if delay >= MIN_RETRY_AFTER else self.polls_without_delay + 1
        assert self.polls_without_delay <= 2, "it is polled repeatedly without delay"
        self.waited += delay

    def _can_be_resumed(self, error: KustoImageError | None, response: ArmResponse) -> None:
        self.polls_without_delay = 0  # resuming is a decision of the user
        assert isinstance(error, StatusUnreadableError | UntrustedAddressError)
        operation = error.operation
        assert isinstance(operation, Operation)
        assert not operation.done
        assert operation.poll_url
        if isinstance(error, UntrustedAddressError):
            assert FOREIGN_URLS.intersection(response.headers.values())
            assert operation.poll_url == operation.image_url

    @staticmethod
    def _keeps_its_error(after: Operation, response: ArmResponse) -> None:
        if after.state is BuildState.FAILED:
            fault = response.fault()
            assert after.fault is not None
            assert (fault.code, fault.details) == (after.fault.code, after.fault.details)
            assert fault.message in ("", after.fault.message)


def _rank(state: BuildState) -> int:
    return ORDER.index(BuildState.SUCCEEDED if state.succeeded else state)


OperationMachineTest = OperationMachine.TestCase
OperationMachineTest.settings = settings(
    max_examples=150, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("phase", ORDER)
def test_random_responses_reach_every_phase(phase: BuildState) -> None:
    """Check that the tests above are meaningful: random responses lead to every phase."""

    def reached(responses: list[ArmResponse]) -> bool:
        action = next((action for action, working in WORKING_PHASE.items() if working is phase), Action.BUILD)
        operation = start_operation(submitting(action, IMAGE_URL, SPEC, EXTENSIONS.get(action)), ACCEPTED)
        for response in responses:
            if operation.state is phase:
                break
            if not isinstance(after := outcome(partial(operation.advance, response)), Operation) or after.done:
                return isinstance(after, Operation) and after.state is phase
            operation = after
        return operation.state is phase

    patient = settings(max_examples=20_000, deadline=None, database=None)
    find(st.lists(st.one_of(*TYPICAL_RESPONSES.values()), max_size=4), reached, settings=patient)
