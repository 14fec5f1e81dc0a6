"""State machine of a long-running operation of Azure Resource Manager.

This module decides whether an operation is done, which URL to poll next and how long to wait first.
`operation_start.start_operation` creates an Operation from the response to the first request; `advance` returns the
next one for each poll response. There is no I/O and no clock here: the poller sends a GET to `poll_url` after `delay`
seconds.

Transitions (an illegal one raises ValueError and changes nothing)::

    SUBMITTING ──start──► BUILDING ──► CONFIRMING ──► SUCCEEDED
                             │             │  (GET of the image until its own state is terminal)
                             └─────────────┴────────► FAILED, CANCELED, SUCCEEDED

    SUBMITTING ──start──► DELETING, ENABLING, DISABLING ──► DELETED, ENABLED, DISABLED, FAILED, CANCELED

    SUBMITTING ──start──► SUCCEEDED, DELETED, ENABLED, DISABLED  (the first response is already final)

`_POLLS`, at the end, has the reader (`operation_answers`) of each kind of response, and the transition after success.

Source: Azure/azure-resource-manager-rpc v1.0, async-api-reference.md ("the RPC" below), and recorded traffic of
the service ("seen") where it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from urllib.parse import unquote

from kusto_magic.arm import operation_answers as answers
from kusto_magic.arm import service_errors
from kusto_magic.arm.operation_answers import TERMINAL_STATES, Answer, Reading
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.arm.response import ArmResponse, display_text
from kusto_magic.errors import (
    BuildCanceledError,
    BuildError,
    BuildFailedError,
    ImageDiffersError,
    StatusUnreadableError,
    UnexpectedStateError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import NOT_STARTED, BuildState
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import UNREADABLE_STATE, Image, ImageSpec
from kusto_magic.service_fault import ServiceFault

MAX_UNREADABLE = 5
"""Responses of the service, unreadable or without the expected result, tolerated before polling stops.

The operation continues. Pages of a gateway count as failed polls instead, which end only at the time limit.
"""

MAX_NOT_FOUND_BEFORE_IMAGE = 3
"""Consecutive 404 responses of an operation URL after which the image itself is polled instead."""

MAX_NOT_FOUND = 12
"""Consecutive 404 responses of an image that should exist; it may lag behind its operation (seen)."""

MAX_BACKOFF = 60.0
"""Maximum seconds between two polls while the service returns no usable response."""

NOTE_SENT_TWICE = "the request was sent twice; polling the operation that the first one started"
NOTE_UNCHANGED = "already up to date; nothing sent"
NOTE_ABSENT = "there was no image with this name"


class Resource(Enum):
    """The resource that shows the result of an operation."""

    IMAGE = auto()
    DELETED_IMAGE = auto()
    CLUSTER = auto()


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation after the last response.

    `status` is the service's own word. `poll_url` is polled next, after `delay` seconds (None: the poll schedule
    decides). `extension` is what is being enabled or disabled; `image_url` is then the URL of the cluster. `note` is
    additional information for the user, `poll_error` why the last poll failed ("" if it did not). `differences` names
    the properties in which the built image differs from what was sent. `retrying`: an earlier attempt met a busy
    cluster, and nothing confirms yet that this one does not. `failed_polls` counts consecutive polls.
    """

    action: Action
    image_url: str
    state: BuildState
    poll_target: PollTarget = PollTarget.IMAGE
    poll_url: str = field(default="", repr=False)  # signed by ARM: kept out of reprs
    delay: float | None = None
    status: str = ""
    expected: ImageSpec | None = None
    extension: LanguageExtension | None = None
    image: Image | None = None
    fault: ServiceFault | None = None
    differences: tuple[str, ...] = ()
    note: str = ""
    poll_error: str = ""
    retrying: bool = False
    failed_polls: int = 0

    # What only the transitions need. `_operation_succeeded`: the service reported success of the operation itself;
    # `_repeated`: its first request was sent more than once; `_resumed`: its URL was stored without the signature.
    # `_refusal` is the error of a repeated request, if the first one may be running: it explains an image that turns
    # out to be absent or different. The counters count consecutive polls.
    _operation_succeeded: bool = False
    _repeated: bool = False
    _resumed: bool = False
    _refusal: ServiceFault | None = None
    _unreadable_count: int = 0
    _not_found_count: int = 0

    @property
    def done(self) -> bool:
        """Whether a final state was reached."""
        return self.state.is_terminal

    @property
    def shown_state(self) -> BuildState:
        """The state to show: an attempt that may meet a busy cluster again is still queued."""
        return BuildState.QUEUED if self.retrying else self.state

    @property
    def name(self) -> str:
        """The name of the image, or the language if no image is named."""
        if self.extension is not None:
            return self.extension.name or self.extension.language
        return unquote(self.image_url.rpartition("/")[2].partition("?")[0])

    @property
    def is_cluster_busy(self) -> bool:
        """Whether it failed only because another change of the cluster was running."""
        return self.fault is not None and service_errors.is_busy(self.fault)

    def advance(self, response: ArmResponse) -> Operation:
        """Return the operation after the response to a GET of `poll_url`.

        Raises StatusUnreadableError, which carries this operation, if polling again cannot help, and
        UntrustedAddressError if the response names a URL outside the endpoint.
        """
        if self.done or self.state in NOT_STARTED:
            raise ValueError(f"cannot poll an operation in the state {self.state}")
        delay = response.retry_after()
        # The RPC: an error while polling is "a failure in reading the status but not in the underlying operation".
        if response.status in (408, 429) or response.status >= 500:
            return self.with_failed_poll(f"HTTP {response.status}", delay)
        # The page of a gateway or proxy, not an error of Resource Manager.
        if response.status >= 400 and response.is_malformed and response.may_be_from_gateway:
            return self.with_failed_poll(f"HTTP {response.status}, unreadable", delay)
        if response.status == 404:
            return self._after_not_found(response, delay)
        if 400 <= response.status < 500:
            return self._after_client_error(response)
        polled = replace(self, failed_polls=0, poll_error="", _not_found_count=0, delay=delay)
        advanced = polled._read(response)._with_new_url(response)
        # A response that cannot be read is one more failed poll, not the first one.
        return replace(advanced, failed_polls=self.failed_polls + 1) if advanced.poll_error else advanced

    def with_failed_poll(self, why: str, retry_after: float | None = None) -> Operation:
        """Return the operation after a failed poll, with a delay that doubles up to `MAX_BACKOFF`."""
        wait = _backoff(self.failed_polls) if retry_after is None else retry_after
        return replace(self, failed_polls=self.failed_polls + 1, poll_error=why, delay=wait)

    def with_listed_state(self, image: Image) -> Operation | None:
        """Return the operation if a list of images shows its image in progress, or None if it must be polled itself.

        The list only saves a poll: the final state is always read from the operation.
        """
        idle = {*TERMINAL_STATES, "", UNREADABLE_STATE, "deleting"}
        if not ACTIONS[self.action].creates_image or self._operation_succeeded or image.state.lower() in idle:
            return None
        return replace(self, status=display_text(image.state))

    def with_image_polling(self, delay: float | None = None) -> Operation:
        """Return the operation with the image itself as its poll target, after `delay` seconds."""
        state = BuildState.CONFIRMING if self._operation_succeeded else self.state
        return replace(
            self, state=state, poll_target=PollTarget.IMAGE, poll_url=self.image_url, delay=delay, _not_found_count=0
        )

    def raise_for_failure(self) -> None:
        """Raise BuildFailedError, BuildCanceledError, or ImageDiffersError if the image is not what was sent."""
        what = f"{ACTIONS[self.action].participle} image {self.name!r}"
        if self.state is BuildState.FAILED:
            kind = HintKind.FIX_REQUIREMENTS if ACTIONS[self.action].creates_image else HintKind.CHECK_IMAGES
            hint = Hint(HintKind.WAIT_FOR_CLUSTER if self.is_cluster_busy else kind)
            raise BuildFailedError(f"{what} failed", operation=self, fault=self.fault, hint=hint)
        if self.state is BuildState.CANCELED:
            raise BuildCanceledError(
                f"{what} was canceled", operation=self, fault=self.fault, hint=Hint(HintKind.RETRY)
            )
        if self.differences:
            differs = f"{what} succeeded, but the image differs from what was sent ({' and '.join(self.differences)})"
            raise ImageDiffersError(differs, operation=self, hint=Hint(HintKind.CHECK_IMAGE, self.name))

    # ── responses ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _resource(self) -> Resource:
        if self.extension is not None:
            return Resource.CLUSTER
        return Resource.DELETED_IMAGE if ACTIONS[self.action].deletes_image else Resource.IMAGE

    def _with_new_url(self, response: ArmResponse) -> Operation:
        """Return the operation with the URL that the response names, if any; redirects are ignored."""
        # Any poll may renew the URL; on a redirect, Location is where the redirect leads, not an operation.
        if self.done or self.poll_target is PollTarget.IMAGE or response.status >= 300:
            return self
        url = response.header_url(self.poll_target.lower())
        return self if url is None else replace(self, poll_url=url)

    def _read(self, response: ArmResponse) -> Operation:
        """Return the operation after a response with status 2xx or 3xx of the poll target."""
        read, after_success = _POLLS[self.poll_target, self._resource]
        answer = read(response, self.name if self.action is Action.ENABLE else "")
        updated = self if answer.status is None else replace(self, status=answer.status)
        if answer.reading is Reading.UNREADABLE:
            return self._after_unreadable(response)
        if answer.reading is Reading.UNEXPECTED:  # retry, then give up
            return updated._after_unexpected(response, answer.why)
        updated = replace(updated, _unreadable_count=0, image=answer.image or self.image)
        return updated._after_final(answer, after_success)

    def _after_final(self, answer: Answer, after_success: Callable[[Operation], Operation]) -> Operation:
        match answer.reading:
            case Reading.SUCCEEDED:
                is_own = self._operation_succeeded or self.poll_target is not PollTarget.IMAGE
                return after_success(replace(self, _operation_succeeded=is_own))
            case Reading.FAILED:
                return self._failed(answer.fault or ServiceFault())
            case Reading.CANCELED:
                return replace(self, state=BuildState.CANCELED, fault=answer.fault)
        return self

    # ── transitions ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _confirming(self) -> Operation:
        # The image may lag behind its operation (seen), so its own state decides; it is read at once.
        return self.with_image_polling(delay=0.0)

    def _ended(self) -> Operation:
        """Return the operation after the success of an action that leaves no image."""
        info = ACTIONS[self.action]
        note = info.success_note or self.note
        ended = replace(self, state=info.success_state, note=note, image=None)
        return replace(ended, delay=None, failed_polls=0, poll_error="")

    def _built(self) -> Operation:
        # There is no expectation if it is resumed without a record.
        differences = self.image.differences(self.expected) if self.image and self.expected else ()
        if not differences:
            return replace(self, state=ACTIONS[self.action].success_state, delay=None)
        mismatch = f"the image differs from what was sent ({' and '.join(differences)})"
        if self._operation_succeeded:
            return replace(self, state=ACTIONS[self.action].success_state, delay=None, differences=tuple(differences))
        # The success of this operation was never confirmed, and the image differs from what was sent.
        what, hint = f"{mismatch}; another user may have replaced it", Hint(HintKind.CHECK_IMAGE, self.name)
        raise UnexpectedStateError(what, operation=self, fault=self._refusal, hint=hint)

    def _failed(self, fault: ServiceFault) -> Operation:
        if self._repeated and not self._operation_succeeded and service_errors.is_busy(fault):
            # The second request may have collided with the first one (seen): poll the image, which shows the first.
            return replace(self, note=NOTE_SENT_TWICE, _repeated=False, _refusal=fault).with_image_polling()
        if not (fault.code or fault.message):
            # The state may be that of an earlier build: then only the refused request has a reason.
            reasons = (*fault.details, *(self._refusal.summary_lines() if self._refusal else ()))
            message = f"the service gives no reason (status: {self.status})"
            fault = replace(fault, message=message, details=reasons)
        return replace(self, state=BuildState.FAILED, fault=fault, delay=None)

    def _after_not_found(self, response: ArmResponse, delay: float | None) -> Operation:
        missed = replace(self.with_failed_poll("HTTP 404", delay), _not_found_count=self._not_found_count + 1)
        if self.poll_target is not PollTarget.IMAGE:
            # A stored URL has no signature and may be refused for good: fall back to the image at once.
            limit = 0 if self._resumed else MAX_NOT_FOUND_BEFORE_IMAGE
            return missed if missed._not_found_count < limit else missed.with_image_polling(missed.delay)
        if self._resource is Resource.DELETED_IMAGE:
            return self._ended()  # for a deletion, 404 is the success
        if missed._not_found_count < MAX_NOT_FOUND:
            return missed
        resource = "image" if self.extension is None else "cluster"
        raise self._unreadable_error(f"the {resource} does not exist", response, kind=UnexpectedStateError)

    def _after_client_error(self, response: ArmResponse) -> Operation:
        if self._resumed and self.poll_target is not PollTarget.IMAGE:
            return self.with_image_polling()  # without its signature, the stored URL may be refused
        hint = service_errors.permission_hint(response)
        raise self._unreadable_error(f"the status cannot be read (HTTP {response.status})", response, hint)

    def _after_unreadable(self, response: ArmResponse) -> Operation:
        if response.may_be_from_gateway or self._unreadable_count < MAX_UNREADABLE:
            return replace(self._retried(), poll_error=f"unreadable response, HTTP {response.status}")
        raise self._unreadable_error(f"the responses cannot be read (HTTP {response.status})", response)

    def _after_unexpected(self, response: ArmResponse, why: str) -> Operation:
        if self._unreadable_count < MAX_UNREADABLE:
            return self._retried()
        raise self._unreadable_error(f"{why} (HTTP {response.status})", response, kind=UnexpectedStateError)

    def _retried(self) -> Operation:
        wait = _backoff(self._unreadable_count) if self.delay is None else self.delay
        return replace(self, _unreadable_count=self._unreadable_count + 1, delay=wait)

    def _unreadable_error(
        self,
        what: str,
        response: ArmResponse,
        hint: Hint | None = None,
        *,
        kind: type[StatusUnreadableError] = StatusUnreadableError,
    ) -> BuildError:
        return kind(
            f"{what}; the operation itself may still be running",
            operation=self,
            fault=self._refusal if response.status == 404 and self._refusal else response.fault(),
            hint=Hint(HintKind.RESUME, self.name).after(hint),
        )


def _backoff(failures: int) -> float:
    """Return the seconds to wait after `failures` failed polls and one more."""
    return min(2.0 ** min(failures, 10), MAX_BACKOFF)  # 2.0**1024 would overflow


_Poll = tuple[answers.Reader, Callable[[Operation], Operation]]

_POLLS: Mapping[tuple[PollTarget, Resource], _Poll] = {
    (PollTarget.OPERATION, Resource.IMAGE): (answers.read_status, Operation._confirming),
    (PollTarget.OPERATION, Resource.DELETED_IMAGE): (answers.read_status, Operation._ended),
    (PollTarget.OPERATION, Resource.CLUSTER): (answers.read_status, Operation._ended),
    (PollTarget.LOCATION, Resource.IMAGE): (answers.read_location, Operation._confirming),
    (PollTarget.LOCATION, Resource.DELETED_IMAGE): (answers.read_location, Operation._ended),
    (PollTarget.LOCATION, Resource.CLUSTER): (answers.read_location, Operation._ended),
    (PollTarget.IMAGE, Resource.IMAGE): (answers.read_image, Operation._built),
    (PollTarget.IMAGE, Resource.DELETED_IMAGE): (answers.read_remaining_image, Operation._ended),
    (PollTarget.IMAGE, Resource.CLUSTER): (answers.read_cluster, Operation._ended),
}
"""The reader of the response to a poll, and the transition after it reports success.

`read_remaining_image` never does: a deletion that is polled by its image ends with a 404.
"""
