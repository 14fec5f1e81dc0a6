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
    WAITING = "Waiting"
    SENDING = "Sending"
    BUILDING = "Building"
    DELETING = "Deleting"
    ENABLING = "Enabling"
    DISABLING = "Disabling"
    CONFIRMING = "Confirming"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


NOT_BEGUN = frozenset({Phase.CHECKING, Phase.WAITING, Phase.SENDING})


NEVER_SENT = frozenset({Phase.CHECKING, Phase.WAITING})
"""What does not go on when its process has ended."""


ENDS = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELED})


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
