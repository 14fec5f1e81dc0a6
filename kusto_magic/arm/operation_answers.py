"""What the response to a poll says about an operation: one reader for each kind of response.

A reader gets the response and the name of the image that the cluster should run on ("" for none), and returns an
Answer; `operation` decides what follows from it. Source: "the RPC" and recorded traffic, as in `operation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from kusto_magic.arm.response import ArmResponse, display_text
from kusto_magic.models.cluster import Cluster
from kusto_magic.models.image import PROVISIONING_OUTCOMES, UNREADABLE_STATE, Image
from kusto_magic.service_fault import ServiceFault

TERMINAL_STATES = frozenset(PROVISIONING_OUTCOMES)


class Reading(Enum):
    """What an answer says."""

    RUNNING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELED = auto()
    UNEXPECTED = auto()
    """The resource is idle, but does not show what the operation should have led to."""

    UNREADABLE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as read. `status` is the service's own word, None if there is none.

    `image` is the polled image, `fault` the error of a failed or canceled operation, `why` the reason of UNEXPECTED.
    """

    reading: Reading
    status: str | None = None
    image: Image | None = None
    fault: ServiceFault | None = None
    why: str = ""


Reader = Callable[[ArmResponse, str], Answer]

UNREADABLE = Answer(Reading.UNREADABLE)

_READINGS = {
    "succeeded": Reading.SUCCEEDED,
    "failed": Reading.FAILED,
    "canceled": Reading.CANCELED,
    "cancelled": Reading.CANCELED,  # both spellings occur in Azure
}
"""Outcomes by state in lower case. The RPC: every other state means that it is still running."""


def read_status(response: ArmResponse, _image: str) -> Answer:
    """Read the status document of an Azure-AsyncOperation URL."""
    document = response.document()
    status = document.get("status") if isinstance(document, dict) else None
    if not isinstance(status, str) or not status or response.status >= 300:
        return UNREADABLE
    return _with_reading(response, status)


def read_location(response: ArmResponse, _image: str) -> Answer:
    """Read the response of a Location URL: only its HTTP status counts."""
    # The RPC: 202 while it runs; 200, with or without a body, when done. An HTML page is neither.
    if response.status == 202:
        return Answer(Reading.RUNNING, "Running")
    is_done = response.status in (200, 201, 204) and not response.is_malformed
    return Answer(Reading.SUCCEEDED) if is_done else UNREADABLE


def read_image(response: ArmResponse, _image: str) -> Answer:
    """Read an image that is being built."""
    image = _parse_image(response)
    if image is None:
        return UNREADABLE
    return _with_reading(response, image.state or "Succeeded", image)  # the RPC: without a state, it has succeeded


def read_remaining_image(response: ArmResponse, _image: str) -> Answer:
    """Read an image that is being deleted and still exists."""
    image = _parse_image(response)
    if image is None:
        return UNREADABLE
    state = image.state or "Succeeded"
    if state.lower() in TERMINAL_STATES:  # its deletion is pending or lost, or it was re-created
        return Answer(Reading.UNEXPECTED, display_text(state), why="the image still exists")
    return Answer(Reading.RUNNING, display_text(state), image)


def read_cluster(response: ArmResponse, image: str) -> Answer:
    """Read a cluster on which `image` is being enabled, or Python disabled if it is ""."""
    try:
        cluster = Cluster.from_json(response.document() if response.status == 200 else None)
    except ValueError:
        return UNREADABLE
    status = display_text(cluster.provisioning)
    if cluster.provisioning.lower() not in TERMINAL_STATES:
        return Answer(Reading.RUNNING, status)
    if cluster.is_switched(image):
        return Answer(Reading.SUCCEEDED, status)
    # The change may be pending or lost, or the cluster does not name its image.
    return Answer(Reading.UNEXPECTED, status, why="the cluster does not show the change")


def _parse_image(response: ArmResponse) -> Image | None:
    try:
        image = Image.from_json(response.document() if response.status in (200, 201) else None)
    except ValueError:
        return None
    return None if image.state == UNREADABLE_STATE else image


def _with_reading(response: ArmResponse, state: str, image: Image | None = None) -> Answer:
    outcome = _READINGS.get(state.lower(), Reading.RUNNING)
    fault = response.fault() if outcome in (Reading.FAILED, Reading.CANCELED) else None
    return Answer(outcome, display_text(state), image, fault)
