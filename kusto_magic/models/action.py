"""Actions on images and clusters: one table of everything that differs between them.

Progress, history, messages, notifications, completion and help read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kusto_magic.models.build_state import BuildState


class Action(StrEnum):
    """Action of an operation; the values are names of commands and are stored in the history."""

    BUILD = "build"
    DELETE = "delete"
    ENABLE = "enable"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """Properties of an action.

    `method` is the HTTP method of its request, `working_state` and `success_state` are its states. `changes_image` is
    whether it changes an image; otherwise it changes the cluster's python(). `participle` and `noun` are as in
    "building image 'x'" and "the deletion of image 'x'". `documented_duration` is what the Azure documentation says
    where earlier operations give no estimate, `success_note` what its success means.
    """

    method: str
    working_state: BuildState
    success_state: BuildState
    changes_image: bool
    participle: str
    noun: str
    documented_duration: str = ""
    success_note: str = ""


ACTIONS: Mapping[Action, ActionInfo] = {
    Action.BUILD: ActionInfo(
        "PUT", BuildState.BUILDING, BuildState.SUCCEEDED, True, participle="building", noun="build"
    ),
    Action.DELETE: ActionInfo(
        "DELETE", BuildState.DELETING, BuildState.DELETED, True, participle="deleting", noun="deletion"
    ),
    Action.ENABLE: ActionInfo(
        "POST", BuildState.ENABLING, BuildState.ENABLED, False, participle="enabling", noun="enabling",
        documented_duration="up to 60 minutes according to the Azure documentation",
        success_note="python() now uses this image",
    ),
    Action.DISABLE: ActionInfo(
        "POST", BuildState.DISABLING, BuildState.DISABLED, False, participle="disabling",
        noun="disabling",
        documented_duration="up to 30 minutes according to the Azure documentation",
        success_note="python() is disabled",
    ),
}  # fmt: skip
"""The properties of each action."""

WORKING_STATES = frozenset(info.working_state for info in ACTIONS.values())
"""States while the service is working."""
