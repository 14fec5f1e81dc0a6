"""Actions on images and clusters: one table of everything that differs between them.

Progress, history, messages, notifications, completion and help read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from kusto_magic.models.build_state import BuildState


class Action(StrEnum):
    """Action of an operation; the values are names of commands and are stored in the history."""

    BUILD = "build"
    DELETE = "delete"
    ENABLE = "enable"
    DISABLE = "disable"


class Effect(Enum):
    """What an action changes."""

    CREATES_IMAGE = auto()
    """It sends a spec; the image is then there, with that content."""
    DELETES_IMAGE = auto()
    SWITCHES_PYTHON = auto()
    """It changes what python() runs on."""


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """Properties of an action.

    `method` is the HTTP method of its request, `working_state` and `success_state` are its states. `participle` and
    `noun` are as in "building image 'x'" and "the deletion of image 'x'". `documented_duration` is what the Azure
    documentation says where earlier operations give no estimate, `success_note` what its success means.
    """

    method: str
    working_state: BuildState
    success_state: BuildState
    effect: Effect
    participle: str
    noun: str
    documented_duration: str = ""
    success_note: str = ""

    @property
    def creates_image(self) -> bool:
        """Whether it builds an image from a spec."""
        return self.effect is Effect.CREATES_IMAGE

    @property
    def deletes_image(self) -> bool:
        """Whether it deletes an image."""
        return self.effect is Effect.DELETES_IMAGE

    @property
    def changes_image(self) -> bool:
        """Whether it changes an image; otherwise it changes the cluster's python()."""
        return self.effect is not Effect.SWITCHES_PYTHON


ACTIONS: Mapping[Action, ActionInfo] = {
    Action.BUILD: ActionInfo(
        "PUT", BuildState.BUILDING, BuildState.SUCCEEDED, Effect.CREATES_IMAGE, participle="building", noun="build"
    ),
    Action.DELETE: ActionInfo(
        "DELETE", BuildState.DELETING, BuildState.DELETED, Effect.DELETES_IMAGE, participle="deleting", noun="deletion"
    ),
    Action.ENABLE: ActionInfo(
        "POST", BuildState.ENABLING, BuildState.ENABLED, Effect.SWITCHES_PYTHON, participle="enabling", noun="enabling",
        documented_duration="up to 60 minutes according to the Azure documentation",
        success_note="python() now uses this image",
    ),
    Action.DISABLE: ActionInfo(
        "POST", BuildState.DISABLING, BuildState.DISABLED, Effect.SWITCHES_PYTHON, participle="disabling",
        noun="disabling",
        documented_duration="up to 30 minutes according to the Azure documentation",
        success_note="python() is disabled",
    ),
}  # fmt: skip
"""The properties of each action."""

WORKING_STATES = frozenset(info.working_state for info in ACTIONS.values())
"""States while the service is working."""
