"""Operations at their start: new, queued and resumed ones, and the one after the response to its first request."""

from __future__ import annotations

from dataclasses import replace

from kusto_magic.arm import service_errors
from kusto_magic.arm.operation import NOTE_ABSENT, NOTE_SENT_TWICE, NOTE_UNCHANGED, Operation
from kusto_magic.arm.operation_answers import TERMINAL_STATES
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.arm.response import ArmResponse, display_text
from kusto_magic.arm.urls import cluster_url, image_url
from kusto_magic.errors import UntrustedAddressError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import PYTHON, LanguageExtension
from kusto_magic.models.image import UNREADABLE_STATE, Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.service_fault import ServiceFault

NOTE_BUSY = "waiting: the cluster is busy with another change; retrying automatically"


def checking(expected: ImageSpec, action: Action = Action.BUILD) -> Operation:
    """Return a build whose requirements are being resolved locally; nothing was sent yet."""
    return Operation(action, "", BuildState.CHECKING, expected=expected)


def queued(sent: Operation, note: str = NOTE_BUSY) -> Operation:
    """Return the operation `sent`, the last attempt, while it waits for another change of the cluster."""
    return Operation(  # not `replace`: the URL and the fault belong to the last attempt
        sent.action, sent.image_url, BuildState.QUEUED, expected=sent.expected, extension=sent.extension, note=note
    )


def existing_operation(
    image: Image, image_url: str, expected: ImageSpec, action: Action = Action.BUILD
) -> Operation | None:
    """Return the operation that already builds, or has built, the image as `expected`; None if a request is needed."""
    state = image.state.lower()
    if not image.matches(expected) or state in ("failed", "canceled", "cancelled", "deleting", UNREADABLE_STATE):
        return None
    if state in TERMINAL_STATES:
        return Operation(
            action, image_url, ACTIONS[action].success_state, expected=expected, image=image, note=NOTE_UNCHANGED
        )
    return replace(resume(action, image_url, expected=expected), note="already being built; nothing was sent")


def unchanged(action: Action, cluster_url: str, extension: LanguageExtension) -> Operation:
    """Return the operation of enabling or disabling what is enabled or disabled already; nothing was sent."""
    return Operation(action, cluster_url, ACTIONS[action].success_state, extension=extension, note=NOTE_UNCHANGED)


def submitting(
    action: Action, image_url: str, expected: ImageSpec | None = None, extension: LanguageExtension | None = None
) -> Operation:
    """Return the operation while its first request has no response."""
    note = ACTIONS[action].documented_duration
    return Operation(action, image_url, BuildState.SUBMITTING, expected=expected, extension=extension, note=note)


def resume(
    action: Action,
    image_url: str,
    stored_url: str = "",
    expected: ImageSpec | None = None,
    extension: LanguageExtension | None = None,
) -> Operation:
    """Return an operation that was started earlier, to be polled from now on.

    `stored_url` is its URL without the signature. If it is "", the image itself is polled.
    """
    # It may have ended long ago: the first poll is sent without a delay.
    resumed = replace(
        submitting(action, image_url, expected, extension), state=ACTIONS[action].working_state, delay=0.0
    )
    if not stored_url:
        return replace(resumed, poll_url=image_url)
    return replace(resumed, poll_target=PollTarget.OPERATION, poll_url=stored_url, _resumed=True)


def resume_named(
    target: Target, action: Action, name: str, stored_url: str = "", expected: ImageSpec | None = None
) -> Operation:
    """Return an operation on an image of a cluster, as `resume` does. Raises InvalidInputError for an invalid name."""
    if not ACTIONS[action].changes_image:
        extension = LanguageExtension(PYTHON, name)
        return resume(action, cluster_url(target), stored_url, extension=extension)
    return resume(action, image_url(target, name), stored_url, expected)


def adopt_existing(sent: Operation, refusal: ServiceFault | None = None) -> Operation:
    """Return the operation of a repeated request that was answered by 409: the first one may be running.

    The image itself is polled, since the URL of the first operation was lost with its response. `refusal` is the error
    of the 409.
    """
    resumed = resume(sent.action, sent.image_url, expected=sent.expected, extension=sent.extension)
    return replace(resumed, note=NOTE_SENT_TWICE, _refusal=refusal)


def start_operation(sent: Operation, response: ArmResponse, *, repeated: bool = False) -> Operation:
    """Return the operation after the response to its first request; `sent` is the one from `submitting`.

    `repeated`: an earlier attempt of the request may have reached the service. Raises ServiceError if the service
    refused the request, StatusUnreadableError if it is done but the image differs from what was sent, and
    UntrustedAddressError if the response names a URL outside the endpoint; it carries the operation.
    """
    if sent.state is not BuildState.SUBMITTING:
        raise ValueError(f"the operation was started before (state {sent.state})")
    if ACTIONS[sent.action].deletes_image and repeated and response.status == 404:
        return replace(sent, state=BuildState.DELETED, _repeated=True)  # the first request deleted it
    if not 200 <= response.status < 300:
        raise service_errors.error_from_response(response, f"the {sent.action} request was refused")
    operation = replace(
        sent, state=ACTIONS[sent.action].working_state, _repeated=repeated, delay=response.retry_after()
    )
    for target in (PollTarget.OPERATION, PollTarget.LOCATION):
        # Seen: a 200 with the header is not finished, whatever its body says.
        try:
            url = response.header_url(target.lower())
        except UntrustedAddressError as error:
            raise with_image(error, operation) from None
        if url is not None:
            return replace(operation, poll_target=target, poll_url=url, status=display_text(_image_state(response)))
    operation = replace(operation, poll_target=PollTarget.IMAGE, poll_url=sent.image_url)
    if ACTIONS[sent.action].deletes_image:
        deleted = response.status in (200, 204) and _image_state(response).lower() in ("", "succeeded")
        if response.status == 204 and not repeated:  # the response to deleting what does not exist (SPEC)
            operation = replace(operation, note=NOTE_ABSENT)
        return operation._ended() if deleted and not response.is_malformed else operation
    if sent.extension is not None:
        return operation._ended() if response.status == 200 and not response.is_malformed else operation
    return operation._read(response) if response.status in (200, 201) else operation


def with_image(error: UntrustedAddressError, operation: Operation) -> UntrustedAddressError:
    """Return the error with the operation to resume: its URL cannot be polled, so the image is."""
    error.operation = operation.with_image_polling()
    error.hint = Hint(HintKind.RESUME, operation.name, then=error.hint)
    return error


def _image_state(response: ArmResponse) -> str:
    try:
        return Image.from_json(response.document()).state
    except ValueError:
        return ""
