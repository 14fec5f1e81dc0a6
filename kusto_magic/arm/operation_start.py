"""Operations that have no response yet: new ones, queued ones and resumed ones."""

from __future__ import annotations

from dataclasses import replace

from kusto_magic.arm.operation import NOTE_SENT_TWICE, NOTE_UNCHANGED, TERMINAL_STATES, Operation, PollTarget
from kusto_magic.models.action import DOCUMENTED_DURATIONS, WORKING_PHASES, Action, Phase
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import UNREADABLE_STATE, Image, ImageSpec

NOTE_BUSY = "waiting: the cluster is busy with another change; retrying automatically"


def checking(expected: ImageSpec) -> Operation:
    """Return a build whose requirements are being resolved locally; nothing was sent yet."""
    return Operation(Action.BUILD, "", Phase.CHECKING, expected=expected)


def queued(sent: Operation, note: str = NOTE_BUSY) -> Operation:
    """Return the operation `sent`, the last attempt, while it waits for another change of the cluster."""
    return Operation(  # not `replace`: the URL and the fault belong to the last attempt
        sent.action, sent.image_url, Phase.QUEUED, expected=sent.expected, extension=sent.extension, note=note
    )


def existing_operation(image: Image, image_url: str, expected: ImageSpec) -> Operation | None:
    """Return the operation that already builds, or has built, the image as `expected`; None if a request is needed."""
    state = image.state.lower()
    if not image.matches(expected) or state in ("failed", "canceled", "cancelled", "deleting", UNREADABLE_STATE):
        return None
    if state in TERMINAL_STATES:
        return Operation(Action.BUILD, image_url, Phase.SUCCEEDED, expected=expected, image=image, note=NOTE_UNCHANGED)
    return replace(resume(Action.BUILD, image_url, expected=expected), note="already being built; nothing was sent")


def submitting(
    action: Action, image_url: str, expected: ImageSpec | None = None, extension: LanguageExtension | None = None
) -> Operation:
    """Return the operation while its first request has no response."""
    note = DOCUMENTED_DURATIONS.get(action, "")
    return Operation(action, image_url, Phase.SUBMITTING, expected=expected, extension=extension, note=note)


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
    resumed = replace(submitting(action, image_url, expected, extension), phase=WORKING_PHASES[action], delay=0.0)
    if not stored_url:
        return replace(resumed, poll_url=image_url)
    return replace(resumed, poll_target=PollTarget.OPERATION, poll_url=stored_url, resumed=True)


def adopt_existing(sent: Operation) -> Operation:
    """Return the operation of a repeated request that was answered by 409: the first one may be running.

    The image itself is polled, since the URL of the first operation was lost with its response.
    """
    resumed = resume(sent.action, sent.image_url, expected=sent.expected, extension=sent.extension)
    return replace(resumed, note=NOTE_SENT_TWICE)
