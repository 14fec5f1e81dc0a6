"""Actions on images and clusters, and the phases of an operation."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Action(StrEnum):
    """Action of an operation: on the image, or with the image on the cluster."""

    BUILD = "build"
    DELETE = "delete"
    ENABLE = "enable"
    DISABLE = "disable"


class Phase(StrEnum):
    """Phase of an operation, as shown to the user."""

    CHECKING = "Checking"
    QUEUED = "Queued"
    SUBMITTING = "Submitting"
    BUILDING = "Building"
    DELETING = "Deleting"
    ENABLING = "Enabling"
    DISABLING = "Disabling"
    CONFIRMING = "Confirming"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


NOT_STARTED = frozenset({Phase.CHECKING, Phase.QUEUED, Phase.SUBMITTING})
"""Phases before the service has accepted the request."""

NOT_SUBMITTED = frozenset({Phase.CHECKING, Phase.QUEUED})
"""Phases before anything was sent; the work ends with the process."""

TERMINAL_PHASES = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELED})
"""Final phases of an operation."""

WORKING_PHASES = {
    Action.BUILD: Phase.BUILDING,
    Action.DELETE: Phase.DELETING,
    Action.ENABLE: Phase.ENABLING,
    Action.DISABLE: Phase.DISABLING,
}
"""Phase of each action while the service is working."""

DOCUMENTED_DURATIONS = {
    Action.ENABLE: "up to 60 minutes according to the Azure documentation",
    Action.DISABLE: "up to 30 minutes according to the Azure documentation",
}
"""Documented durations of the actions that have no estimate from earlier operations."""

SWITCHED_NOTES = {Action.ENABLE: "python() now uses this image", Action.DISABLE: "python() is disabled"}
"""Note on an operation that has enabled or disabled an image."""

SUCCESS_STATES: Mapping[str, str] = {
    Action.BUILD: "Succeeded",
    Action.DELETE: "Deleted",
    Action.ENABLE: "Enabled",
    Action.DISABLE: "Disabled",
}
"""State shown for a successful operation, by action."""
