"""A long-running operation of Azure Resource Manager, as a value.

This room owns every decision about whether an operation is finished, failed, where to ask next and how long to
wait first. `begin` makes an Operation of the answer to the first request, `advance` makes the next one of each
further answer. There is no clock and no socket here; the client sends what `poll_url` says after `delay` seconds.

The way of an operation (an illegal step raises and changes nothing)::

    SENDING ──begin──► BUILDING ──► CONFIRMING ──► SUCCEEDED
                          │  ▲          │  (GET of the image, until its own state is terminal)
                          │  └──────────┘
                          └──────────────────────► FAILED, CANCELED

    SENDING ──begin──► DELETING, ENABLING, DISABLING ──► SUCCEEDED, FAILED, CANCELED

Source: Azure/azure-resource-manager-rpc v1.0, async-api-reference.md ("the RPC" below), and recorded traffic of
the service ("seen") where it differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from kusto_magic.arm import service_errors as refusals
from kusto_magic.arm.response import ArmResponse, display_text
from kusto_magic.errors import BuildCanceled, BuildError, BuildFailed, ServiceFault, StatusUnreadable
from kusto_magic.models.action import (
    NOT_STARTED,
    SWITCHED_NOTES,
    TERMINAL_PHASES,
    WORKING_PHASES,
    Action,
    Phase,
)
from kusto_magic.models.cluster import Cluster, LanguageExtension, active_image
from kusto_magic.models.image import UNREADABLE_STATE, Image, ImageSpec

MAX_UNREADABLE = 5
"""So many unreadable answers in a row are asked again; the next one ends the following, not the operation."""

MAX_NOT_FOUND_BEFORE_IMAGE = 3
"""So many 404s in a row of an operation's address, and the image itself is asked instead."""

MAX_NOT_FOUND = 12
"""So many 404s in a row of an image that should be there: it may lag behind its operation (seen)."""

MAX_BACKOFF = 60.0
"""Seconds between two tries while the service does not answer properly."""

SERVICE_IS_IN_MAINTENANCE = "ServiceIsInMaintenance"
"""What an operation fails with when another one runs on the same cluster (seen)."""

NOTE_SENT_TWICE = "the request was sent twice; following what the first one began"


NOTE_UNCHANGED = "unchanged: it was made of the same already, and nothing was sent"


TERMINAL_STATES = frozenset({"succeeded", "failed", "canceled", "cancelled"})


class PollTarget(StrEnum):
    """What is asked to learn how it stands."""

    OPERATION = "Azure-AsyncOperation"
    LOCATION = "Location"
    IMAGE = "image"
    """The image itself; where an image is enabled or disabled, the cluster."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One long-running operation, as it stands after the last answer.

    `status` is the service's own word. `poll_url` is where to ask next, `delay` how many seconds to wait before
    (None: the asker's own schedule). `confirmed` tells that the service called the operation itself succeeded;
    `repeated` that its first request was sent more than once; `kept` that it was taken up again from an address
    kept without its signature. `extension` is what is being enabled or disabled, and then `image_url` is that of the
    cluster. `note` is something the reader should know besides, `trouble` why the last request
    brought no answer ("" where it did).
    """

    action: Action
    image_url: str
    phase: Phase
    poll_target: PollTarget = PollTarget.IMAGE
    poll_url: str = field(default="", repr=False)  # ARM signs it: it is in no repr
    delay: float | None = None
    status: str = ""
    expected: ImageSpec | None = None
    extension: LanguageExtension | None = None
    image: Image | None = None
    fault: ServiceFault | None = None
    note: str = ""
    poll_error: str = ""
    operation_succeeded: bool = False
    repeated: bool = False
    resumed: bool = False
    unreadable_count: int = 0
    not_found_count: int = 0
    failed_polls: int = 0

    @property
    def done(self) -> bool:
        """Whether it has come to an end."""
        return self.phase in TERMINAL_PHASES

    @property
    def name(self) -> str:
        """The name of the image it is about."""
        if self.extension is not None:
            return self.extension.name or self.extension.language
        return self.image_url.rpartition("/")[2].partition("?")[0]

    @property
    def is_cluster_busy(self) -> bool:
        """Whether it failed for no fault of its own: another change of the cluster was running."""
        return self.fault is not None and self.fault.code == SERVICE_IS_IN_MAINTENANCE

    def advance(self, response: ArmResponse) -> Operation:
        """Return the operation after the answer to a GET of `poll_url`.

        Raises StatusUnreadable, with this operation in it, when there is no use in asking on.
        """
        if self.done or self.phase in NOT_STARTED:
            raise ValueError(f"an operation that is {self.phase} is not asked how it stands")
        # The RPC: an error while polling is "a failure in reading the status but not in the underlying operation".
        if response.status in (408, 429) or response.status >= 500:
            return self.with_failed_poll(f"HTTP {response.status}", response.retry_after())
        if response.status == 404:
            return self._after_not_found(response)
        if 400 <= response.status < 500:
            return self._after_client_error(response)
        delay = response.retry_after()
        answered = replace(self, failed_polls=0, poll_error="", not_found_count=0, delay=delay)
        renewed = answered._with_renewed_url(response)
        if self.poll_target is PollTarget.OPERATION:
            return renewed._after_status(response)
        if self.poll_target is PollTarget.LOCATION:
            return renewed._after_location(response)
        return renewed._after_image(response)

    def with_failed_poll(self, why: str, retry_after: float | None = None) -> Operation:
        """Return the operation after a GET that brought nothing: ask again, each time later, up to a minute."""
        backoff = min(2.0 ** min(self.failed_polls, 10), MAX_BACKOFF)
        wait = backoff if retry_after is None else retry_after
        return replace(self, failed_polls=self.failed_polls + 1, poll_error=why, delay=wait)

    def with_listed_state(self, image: Image) -> Operation | None:
        """Return the operation after a list of images showed its image at work; None where it must be asked itself.

        The list only tells that there is no use in asking yet; how it ended, the operation says.
        """
        at_rest = {*TERMINAL_STATES, "", UNREADABLE_STATE, "deleting"}
        if self.action is not Action.BUILD or self.operation_succeeded or image.state.lower() in at_rest:
            return None
        return replace(self, status=display_text(image.state))

    def with_image_polling(self, delay: float | None = None) -> Operation:
        """Return the operation such that the image itself is asked next, after `delay` seconds."""
        phase = Phase.CONFIRMING if self.operation_succeeded else self.phase
        return replace(
            self, phase=phase, poll_target=PollTarget.IMAGE, poll_url=self.image_url, delay=delay, not_found_count=0
        )

    def raise_for_failure(self) -> None:
        """Raise BuildFailed or BuildCanceled when that is how it ended."""
        what = f"{WORKING_PHASES[self.action].lower()} image {self.name!r}"
        if self.phase is Phase.FAILED:
            step = "read the service's words above, mend the requirements and run the cell again."
            if self.action is not Action.BUILD:
                step = "read the service's words above; %kusto_image list shows what is there."
            if self.is_cluster_busy:
                step = "another change of this cluster is running; run it again later, or with --queue, which waits."
            raise BuildFailed(f"{what} failed", operation=self, fault=self.fault, next_step=step)
        if self.phase is Phase.CANCELED:
            step = "run the cell again to start over."
            raise BuildCanceled(f"{what} was cancelled", operation=self, fault=self.fault, next_step=step)

    # ── what each kind of address answers ────────────────────────────────────────────────────────────────────

    def _with_renewed_url(self, response: ArmResponse) -> Operation:
        """Return the operation with the address that an answer may have renewed; a redirect renews nothing."""
        address = None if self.poll_target is PollTarget.IMAGE else response.header_url(self.poll_target.lower())
        return self if address is None or response.status >= 300 else replace(self, poll_url=address)

    def _after_status(self, response: ArmResponse) -> Operation:
        document = response.document()
        status = document.get("status") if isinstance(document, dict) else None
        if not isinstance(status, str) or not status or response.status >= 300:
            return self._after_unreadable(response)
        heard = replace(self, unreadable_count=0, status=display_text(status))
        match status.lower():
            case "succeeded":
                return heard._after_success()
            case "failed":
                return heard._failed(response.fault())
            case "canceled" | "cancelled":
                return replace(heard, phase=Phase.CANCELED, fault=response.fault())
        return heard

    def _after_location(self, response: ArmResponse) -> Operation:
        # The RPC: 202 while it runs; 200, with or without a body, when it is done. A page of HTML is neither.
        if response.status == 202:
            return replace(self, unreadable_count=0, status="Running")
        if response.status in (200, 201, 204) and not response.is_malformed:
            return replace(self, unreadable_count=0)._after_success()
        return self._after_unreadable(response)

    def _after_cluster(self, response: ArmResponse) -> Operation:
        try:
            cluster = Cluster.from_json(response.document() if response.status == 200 else None)
        except ValueError:
            return self._after_unreadable(response)
        heard = replace(self, status=display_text(cluster.provisioning))
        if cluster.provisioning.lower() not in TERMINAL_STATES:
            return replace(heard, unreadable_count=0)
        active = active_image(cluster.extensions)
        wanted = self.name.lower() if self.action is Action.ENABLE else None
        if (active if active is None else active.lower()) == wanted:
            return replace(heard, unreadable_count=0)._switched()
        # Not changed yet, not at all, or it does not say which image it runs: a few times more, then nobody knows.
        return heard._after_unreadable(response, "the cluster does not show the change")

    def _after_image(self, response: ArmResponse) -> Operation:
        if self.extension is not None:
            return self._after_cluster(response)
        try:
            image = Image.from_json(response.document() if response.status in (200, 201) else None)
        except ValueError:
            return self._after_unreadable(response)
        if image.state == UNREADABLE_STATE:
            return self._after_unreadable(response)
        # The RPC: a resource without provisioningState is one that succeeded.
        state = image.state or "Succeeded"
        if self.action is Action.DELETE and state.lower() in TERMINAL_STATES:
            # Not deleted yet, not deleted at all, or made anew by somebody: a few times more, then nobody knows.
            return replace(self, status=display_text(state))._after_unreadable(response, "the image is still there")
        heard = replace(self, unreadable_count=0, status=display_text(state), image=image)
        match state.lower():
            case "succeeded":
                return heard._after_image_success(image)
            case "failed":
                return heard._failed(response.fault())
            case "canceled" | "cancelled":
                return replace(heard, phase=Phase.CANCELED, fault=response.fault())
        return heard

    # ── what follows from it ─────────────────────────────────────────────────────────────────────────────────

    def _after_success(self) -> Operation:
        if self.action is Action.DELETE:
            return replace(self, operation_succeeded=True)._deleted()
        if self.extension is not None:
            return replace(self, operation_succeeded=True)._switched()
        return replace(self, operation_succeeded=True).with_image_polling(delay=0.0)

    def _switched(self) -> Operation:
        done = replace(self, phase=Phase.SUCCEEDED, delay=None, failed_polls=0, poll_error="")
        return replace(done, note=SWITCHED_NOTES[self.action])

    def _deleted(self) -> Operation:
        return replace(self, phase=Phase.SUCCEEDED, image=None, delay=None, failed_polls=0, poll_error="")

    def _after_image_success(self, image: Image) -> Operation:
        differences = image.differences(self.expected) if self.expected else ()
        if not differences:
            return replace(self, phase=Phase.SUCCEEDED, delay=None)
        other = f"the image shows other {' and '.join(differences)} than were sent"
        if self.operation_succeeded:
            return replace(self, phase=Phase.SUCCEEDED, delay=None, note=other)
        # Nobody said that *this* operation succeeded, and what is there is not its work.
        step = "look at the image with %kusto_image show, and run the cell again if it should be yours."
        raise StatusUnreadable(f"{other}; somebody may have replaced it", operation=self, next_step=step)

    def _failed(self, fault: ServiceFault) -> Operation:
        if self.repeated and not self.operation_succeeded and fault.code == SERVICE_IS_IN_MAINTENANCE:
            # Our first request may be what the second one collided with (seen): the image knows.
            return replace(self, note=NOTE_SENT_TWICE, repeated=False).with_image_polling()
        if not (fault.code or fault.message):
            fault = replace(fault, message=f"the service gives no reason (it says {self.status})")
        return replace(self, phase=Phase.FAILED, fault=fault, delay=None)

    def _after_not_found(self, response: ArmResponse) -> Operation:
        missed = replace(
            self.with_failed_poll("HTTP 404", response.retry_after()), not_found_count=self.not_found_count + 1
        )
        if self.poll_target is not PollTarget.IMAGE:
            patience = 0 if self.resumed else MAX_NOT_FOUND_BEFORE_IMAGE
            return missed if missed.not_found_count < patience else missed.with_image_polling(missed.delay)
        if self.action is Action.DELETE:
            return self._deleted()
        if missed.not_found_count < MAX_NOT_FOUND:
            return missed
        what = "image" if self.extension is None else "cluster"
        raise self._unreadable_error(f"the {what} is not there", response)

    def _after_client_error(self, response: ArmResponse) -> Operation:
        if self.resumed and self.poll_target is not PollTarget.IMAGE:
            return self.with_image_polling()
        step = refusals.next_step(response)
        raise self._unreadable_error(
            f"the service does not tell how it stands (HTTP {response.status})", response, step
        )

    def _after_unreadable(self, response: ArmResponse, why: str = "the answers cannot be read") -> Operation:
        if self.unreadable_count < MAX_UNREADABLE:
            backoff = min(2.0**self.unreadable_count, MAX_BACKOFF)
            wait = backoff if self.delay is None else self.delay
            return replace(self, unreadable_count=self.unreadable_count + 1, delay=wait)
        raise self._unreadable_error(f"{why} (HTTP {response.status})", response)

    def _unreadable_error(self, what: str, response: ArmResponse, step: str = "") -> BuildError:
        return StatusUnreadable(
            f"{what}; the operation itself may go on",
            operation=self,
            fault=response.fault(),
            next_step=f"{step} %kusto_image attach {self.name}".lstrip(),
        )


def start_operation(sent: Operation, response: ArmResponse, *, repeated: bool = False) -> Operation:
    """Return the operation after the answer to its first request, `sent` being the one from `sending`.

    Raises a ServiceError where the service refused it, StatusUnreadable where it is done but made something else.
    """
    if sent.phase is not Phase.SUBMITTING:
        raise ValueError(f"an operation that is {sent.phase} was begun before")
    if sent.action is Action.DELETE and repeated and response.status == 404:
        return replace(sent, phase=Phase.SUCCEEDED, repeated=True)  # the first of our requests deleted it
    if not 200 <= response.status < 300:
        raise refusals.error_from_response(response, f"{sent.action} was refused")
    operation = replace(sent, phase=WORKING_PHASES[sent.action], repeated=repeated, delay=response.retry_after())
    for watch in (PollTarget.OPERATION, PollTarget.LOCATION):
        # Seen: a 200 with the header is not finished, whatever its body says.
        address = response.header_url(watch.lower())
        if address is not None:
            return replace(operation, poll_target=watch, poll_url=address, status=display_text(_image_state(response)))
    operation = replace(operation, poll_target=PollTarget.IMAGE, poll_url=sent.image_url)
    if sent.action is Action.DELETE:
        over = response.status in (200, 204) and _image_state(response).lower() in ("", "succeeded")
        return operation._deleted() if over and not response.is_malformed else operation
    if sent.extension is not None:
        return operation._switched() if response.status == 200 and not response.is_malformed else operation
    return operation._after_image(response) if response.status in (200, 201) else operation


def _image_state(response: ArmResponse) -> str:
    try:
        return Image.from_json(response.document()).state
    except ValueError:
        return ""
