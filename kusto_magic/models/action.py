"""The actions on an image, and the phases of an operation."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What the operation does to the image, or with it to the cluster."""

    BUILD = "build"
    DELETE = "delete"
    ENABLE = "enable"
    DISABLE = "disable"


class Phase(StrEnum):
    """How far an operation is, in words that are shown."""

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


NOT_SUBMITTED = frozenset({Phase.CHECKING, Phase.QUEUED})
"""What does not go on when its process has ended."""


TERMINAL_PHASES = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELED})


WORKING_PHASES = {
    Action.BUILD: Phase.BUILDING,
    Action.DELETE: Phase.DELETING,
    Action.ENABLE: Phase.ENABLING,
    Action.DISABLE: Phase.DISABLING,
}


DOCUMENTED_DURATIONS = {
    Action.ENABLE: "up to 60 minutes, says Azure's documentation",
    Action.DISABLE: "up to 30 minutes, says Azure's documentation",
}


SWITCHED_NOTES = {Action.ENABLE: "python() runs on it now", Action.DISABLE: "python() is switched off"}

SUCCESS_STATES = {
    Action.BUILD: "Succeeded",
    Action.DELETE: "Deleted",
    Action.ENABLE: "Enabled",
    Action.DISABLE: "Disabled",
}
"""The state shown for an operation that succeeded, by its action."""
