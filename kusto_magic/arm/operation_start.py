"""Operations before their first response, and operations that are resumed."""

from __future__ import annotations

from dataclasses import replace

from kusto_magic.arm.operation import NOTE_SENT_TWICE, NOTE_UNCHANGED, TERMINAL_STATES, Operation, PollTarget
from kusto_magic.models.action import (
    DOCUMENTED_DURATIONS,
    WORKING_PHASES,
    Action,
    Phase,
)
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import UNREADABLE_STATE, Image, ImageSpec


def checking(expected: ImageSpec) -> Operation:
    """Return what a build is before it is an operation of the service: its requirements are being checked here."""
    return Operation(Action.BUILD, "", Phase.CHECKING, expected=expected)


def queued(busy: Operation) -> Operation:
    """Return what waits for another change of the cluster to end: an operation that met it, before it is sent again."""
    note = "another change of the cluster is running; this one is sent again when it is over"
    return Operation(
        busy.action, busy.image_url, Phase.QUEUED, expected=busy.expected, extension=busy.extension, note=note
    )


def existing_operation(image: Image, image_url: str, expected: ImageSpec) -> Operation | None:
    """Return the operation that makes a request needless: it is built or being built of the same already. Or None."""
    state = image.state.lower()
    if not image.matches(expected) or state in ("failed", "canceled", "cancelled", "deleting", UNREADABLE_STATE):
        return None
    if state in TERMINAL_STATES:
        return Operation(Action.BUILD, image_url, Phase.SUCCEEDED, expected=expected, image=image, note=NOTE_UNCHANGED)
    return replace(
        resume(Action.BUILD, image_url, expected=expected), note="it is being built already; nothing was sent"
    )


def submitting(
    action: Action, image_url: str, expected: ImageSpec | None = None, extension: LanguageExtension | None = None
) -> Operation:
    """Return the operation before its first request is answered."""
    note = DOCUMENTED_DURATIONS.get(action, "")
    return Operation(action, image_url, Phase.SUBMITTING, expected=expected, extension=extension, note=note)


def resume(
    action: Action,
    image_url: str,
    kept_url: str = "",
    expected: ImageSpec | None = None,
    extension: LanguageExtension | None = None,
) -> Operation:
    """Return an operation that was begun earlier, to be followed again.

    `kept_url` is its address without signature, "" where none is known; then the image itself is asked.
    """
    resumed = replace(submitting(action, image_url, expected, extension), phase=WORKING_PHASES[action], delay=0.0)
    if not kept_url:
        return replace(resumed, poll_url=image_url)
    return replace(resumed, poll_target=PollTarget.OPERATION, poll_url=kept_url, resumed=True)


def adopt_existing(sent: Operation) -> Operation:
    """Return the operation of a repeated request that met a 409: the first one may be running, the image knows."""
    resumed = resume(sent.action, sent.image_url, expected=sent.expected, extension=sent.extension)
    return replace(resumed, note=NOTE_SENT_TWICE)
