"""Random sequences of answers: whatever comes, an operation ends rightly, with its error, and never without waiting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.answers import HTML, IMAGE_URL, LOCATION_URL, POLL_URL, SPEC, answer, image

from kusto_magic.arm import poll_schedule as schedule
from kusto_magic.arm.operation import Operation, PollTarget, start_operation
from kusto_magic.arm.operation_start import adopt_existing, resume, submitting
from kusto_magic.arm.response import MAX_RETRY_AFTER, MIN_RETRY_AFTER, ArmResponse
from kusto_magic.errors import BuildCanceled, BuildError, BuildFailed, KustoImageError, ServiceError, StatusUnreadable
from kusto_magic.models.action import Action, Phase
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
ERRORS = st.sampled_from([None, "broken", {"code": "ServiceIsInMaintenance"}, {"code": "Bad", "message": "why"}, 5, {}])


def operation_documents() -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"status": st.sampled_from(WORDS) | JSON}, optional={"error": ERRORS})


def cluster_documents() -> st.SearchStrategy[Any]:
    """Clusters as a GET shows them, with Python on an image or off."""
    custom = {"languageExtensionImageName": "PythonCustomImage", "languageExtensionCustomImageName": "IMG"}
    python = {"value": [{"languageExtensionName": "PYTHON", **custom}]}
    properties = st.fixed_dictionaries(
        {"provisioningState": st.sampled_from(WORDS)}, optional={"languageExtensions": st.just(python)}
    )
    return st.fixed_dictionaries({"id": st.just("/subscriptions/s"), "properties": properties})


def image_documents() -> st.SearchStrategy[Any]:
    text = st.sampled_from(["Pillow", "numpy"])
    shown = st.fixed_dictionaries({"requirementsFileContent": text}, optional={"provisioningState": JSON})
    return st.builds(lambda state, more: image(state, **more), st.sampled_from([*WORDS, None]), shown)


pytestmark = pytest.mark.slow  # thousands of random answers


def bodies() -> st.SearchStrategy[bytes]:
    known = (operation_documents(), image_documents(), cluster_documents())
    documents = st.one_of(*known, JSON, st.builds(lambda it: {"error": it}, ERRORS))
    whole = documents.map(lambda document: answer(document).body)
    torn = st.builds(lambda body, cut: body[: len(body) // cut], whole, st.integers(1, 4))
    return st.one_of(whole, torn, st.just(b""), st.just(HTML.body), st.binary(max_size=12))


def headers() -> st.SearchStrategy[dict[str, str]]:
    addresses = st.sampled_from([POLL_URL, LOCATION_URL, "/relative", "https://elsewhere.example/x", "https://[", ""])
    waits = st.sampled_from(["0", "7", "99999", "-1", "nan", "soon", "5, 5", "Mon, 23 Nov 2026 09:00:30 GMT"])
    named = {"azure-asyncoperation": addresses, "location": addresses, "retry-after": waits, "retry-after-ms": waits}
    return st.fixed_dictionaries({}, optional=named)


STATUSES = st.sampled_from([200] * 8 + [201, 202, 204, 302, 400, 401, 403, 404, 404, 404, 408, 409, 429, 500, 503])
ANSWERS = st.builds(
    lambda body, status, named, cut: ArmResponse(
        status, named, b"" if cut else body, POLL_URL, answer().received_at, cut
    ),
    bodies(),
    STATUSES,
    headers(),
    st.sampled_from([False] * 9 + [True]),
)


FIRST = st.builds(
    lambda document, code, named: answer(document, code, named),
    image_documents(),
    st.sampled_from([200, 201, 202]),
    headers(),
)
USUAL = {
    PollTarget.OPERATION: operation_documents().map(answer),
    PollTarget.LOCATION: st.sampled_from([200, 202, 204]).map(lambda code: answer(b"", code)),
    PollTarget.IMAGE: (image_documents() | cluster_documents()).map(answer) | st.just(answer(b"", 404)),
}
AT_WORK = {
    Action.BUILD: Phase.BUILDING,
    Action.DELETE: Phase.DELETING,
    Action.ENABLE: Phase.ENABLING,
    Action.DISABLE: Phase.DISABLING,
}
BEGUN = answer(image("Creating"), 202, {"azure-asyncoperation": POLL_URL})
ORDER = [*AT_WORK.values(), Phase.CONFIRMING, Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELED]
EXTENSIONS = {Action.ENABLE: LanguageExtension("PYTHON", "img"), Action.DISABLE: LanguageExtension("PYTHON", "img")}


def state_of(response: ArmResponse) -> object:
    """Read an image's state with no help of the package's own models; "?" where there is none to be read."""
    document = response.document()
    if not isinstance(document, dict) or response.status not in (200, 201):
        return "?"
    properties = document.get("properties")
    if not isinstance(properties, dict):
        return "succeeded" if isinstance(document.get("id"), str) else "?"
    state = properties.get("provisioningState", "Succeeded")
    return state.lower() if isinstance(state, str) else "?"


def means_success(before: Operation, response: ArmResponse) -> bool:
    """Say by the rules, not by the code, whether an answer may end an operation well."""
    if before.poll_target is PollTarget.IMAGE and before.extension is not None:
        return shows_the_change(before.action, response)
    if before.poll_target is PollTarget.IMAGE:
        deleted = response.status == 404
        return deleted if before.action is Action.DELETE else state_of(response) == "succeeded"
    if before.action is Action.BUILD:
        return False  # the image has the last word
    if before.poll_target is PollTarget.LOCATION:
        return response.status in (200, 201, 204) and not response.is_malformed
    document = response.document()
    word = document.get("status") if isinstance(document, dict) else None
    return response.status < 300 and isinstance(word, str) and word.lower() == "succeeded"


def shows_the_change(action: Action, response: ArmResponse) -> bool:
    """Read which image a cluster runs; no cluster of these tests says "Running" or so."""
    document = response.document()
    if response.status != 200 or not isinstance(document, dict) or not isinstance(document.get("id"), str):
        return False
    properties = document.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    at_rest = str(properties.get("provisioningState")).lower() in ("succeeded", "failed", "canceled", "cancelled")
    runs = "languageExtensions" in properties
    return at_rest and runs == (action is Action.ENABLE)


def begins_with_success(action: Action, repeated: bool, response: ArmResponse) -> bool:
    named = response.header_url("azure-asyncoperation") or response.header_url("location")
    if action is Action.DELETE and repeated and response.status == 404:
        return True
    if named or not 200 <= response.status < 300:
        return False
    if action in EXTENSIONS:
        return response.status == 200 and not response.is_malformed
    if action is Action.DELETE:
        says = state_of(response) if response.document() is not None else "succeeded"
        return response.status in (200, 204) and says in ("succeeded", "?") and not response.is_malformed
    return state_of(response) == "succeeded"


def outcome(step: Callable[[], Operation | None]) -> Operation | KustoImageError | None:
    """Take a step; only errors of these two kinds may come of it, and every other one fails the test."""
    try:
        return step()
    except (ServiceError, BuildError) as error:
        return error


class AnyAnswers(RuleBasedStateMachine):
    """An operation that is begun, taken up or adopted, and then hears anything."""

    operation: Operation
    waited = 0.0
    asked_at_once = 0

    @initialize(
        action=st.sampled_from(Action), way=st.sampled_from(["put"] * 4 + ["kept", "image", "adopt"]), data=st.data()
    )
    def begin(self, action: Action, way: str, data: st.DataObject) -> None:
        spec = SPEC if action is Action.BUILD else None
        extension = EXTENSIONS.get(action)
        sent = submitting(action, IMAGE_URL, spec, extension)
        self.operation = resume(action, IMAGE_URL, POLL_URL if way == "kept" else "", spec, extension)
        if way == "adopt":
            self.operation = adopt_existing(sent)
        elif way == "put":
            self._put(sent, data.draw(FIRST | ANSWERS), data.draw(st.booleans()))

    def _put(self, sent: Operation, response: ArmResponse, repeated: bool) -> None:
        begun = outcome(lambda: start_operation(sent, response, repeated=repeated))
        if isinstance(begun, ServiceError):
            assert (begun.status, begun.fault) == (response.status, response.fault())
        elif isinstance(begun, Operation):
            assert begun.phase is not Phase.SUCCEEDED or begins_with_success(sent.action, repeated, response)
            self._keeps_its_error(begun, response)
            self.operation = begun
        else:
            self._can_be_taken_up(begun)

    @rule(response=ANSWERS)
    def hear_anything(self, response: ArmResponse) -> None:
        self._hear(response)

    @rule(data=st.data())
    def hear_what_is_usual(self, data: st.DataObject) -> None:
        self._hear(data.draw(USUAL[self.operation.poll_target]))

    @rule()
    def hear_nothing(self) -> None:
        if not self.operation.done:
            before = self.operation
            self._wait()
            self.operation = before.with_failed_poll("no answer")
            assert (self.operation.phase, self.operation.poll_url) == (before.phase, before.poll_url)

    @invariant()
    def an_end_has_its_error(self) -> None:
        error = outcome(self.operation.raise_for_failure)
        match self.operation.phase:
            case Phase.FAILED:
                assert isinstance(error, BuildFailed)
                assert error.operation == self.operation
                assert error.fault.code or error.fault.message
            case Phase.CANCELED:
                assert isinstance(error, BuildCanceled)
            case _:
                assert error is None

    @invariant()
    def it_can_be_asked_on(self) -> None:
        assert self.operation.done or self.operation.poll_url
        assert self.operation.phase is not Phase.SUBMITTING

    def _hear(self, response: ArmResponse) -> None:
        before = self.operation
        if before.done:
            with pytest.raises(ValueError, match="is not asked"):
                before.advance(response)
            return
        self._wait()
        after = outcome(lambda: before.advance(response))
        if not isinstance(after, Operation):
            self._can_be_taken_up(after)
            return
        if after.phase is Phase.SUCCEEDED:
            assert means_success(before, response)
            assert (after.image is None) == (before.action is not Action.BUILD)
        self._keeps_its_error(after, response)
        assert ORDER.index(after.phase) >= ORDER.index(before.phase)
        assert (after.action, after.image_url, after.expected) == (before.action, before.image_url, before.expected)
        assert before.poll_target is not PollTarget.IMAGE or after.poll_target is PollTarget.IMAGE
        self.operation = after

    def _wait(self) -> None:
        """Wait as the client does. Only a look at the image may come at once, and not again and again."""
        operation = self.operation
        delay = schedule.next_delay(self.waited) if operation.delay is None else operation.delay
        assert 0.0 <= delay <= MAX_RETRY_AFTER
        self.asked_at_once = 0 if delay >= MIN_RETRY_AFTER else self.asked_at_once + 1
        assert self.asked_at_once <= 2, "it is asked again and again without waiting"
        self.waited += delay

    def _can_be_taken_up(self, error: KustoImageError | None) -> None:
        self.asked_at_once = 0  # somebody decides to
        assert isinstance(error, StatusUnreadable)
        assert not error.operation.done
        assert error.operation.poll_url

    @staticmethod
    def _keeps_its_error(after: Operation, response: ArmResponse) -> None:
        if after.phase is Phase.FAILED:
            said = response.fault()
            assert after.fault is not None
            assert (said.code, said.details) == (after.fault.code, after.fault.details)
            assert said.message in ("", after.fault.message)


AnyAnswersTest = AnyAnswers.TestCase
AnyAnswersTest.settings = settings(
    max_examples=150, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("phase", ORDER)
def test_random_answers_reach_every_phase(phase: Phase) -> None:
    """What is said about random answers above is worth something only if they lead everywhere."""

    def reached(answers: list[ArmResponse]) -> bool:
        action = next((action for action, at_work in AT_WORK.items() if at_work is phase), Action.BUILD)
        operation = start_operation(submitting(action, IMAGE_URL, SPEC, EXTENSIONS.get(action)), BEGUN)
        for response in answers:
            if operation.phase is phase:
                break
            if not isinstance(after := outcome(partial(operation.advance, response)), Operation) or after.done:
                return isinstance(after, Operation) and after.phase is phase
            operation = after
        return operation.phase is phase

    patient = settings(max_examples=20_000, deadline=None, database=None)
    find(st.lists(st.one_of(*USUAL.values()), max_size=4), reached, settings=patient)
