"""Permissions of the signed-in identity on a cluster, by Azure's role-based access control (RBAC)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

IMAGES = (
    "Microsoft.Kusto/Clusters/SandboxCustomImages/read",
    "Microsoft.Kusto/Clusters/SandboxCustomImages/write",
    "Microsoft.Kusto/Clusters/SandboxCustomImages/delete",
    "Microsoft.Kusto/locations/operationresults/read",
)
"""Actions required to build, poll and delete images."""

ACTIVE_IMAGE = ("Microsoft.Kusto/Clusters/read",)
"""Additional actions required to show the image that queries use, and to protect it from a change."""

EXTENSIONS = (
    "Microsoft.Kusto/Clusters/AddLanguageExtensions/action",
    "Microsoft.Kusto/Clusters/RemoveLanguageExtensions/action",
)
"""Additional actions required to enable and disable an image."""


@dataclass(frozen=True, slots=True)
class Permission:
    """The patterns of actions that one role allows, such as "Microsoft.Kusto/*/read", and of those it excludes."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, document: object) -> Permission:
        """Parse an entry of the list of permissions. Raises ValueError if it is not valid."""
        if not isinstance(document, dict):
            raise ValueError("not a permission")
        return cls(_texts(document.get("actions")), _texts(document.get("notActions")))

    def allows(self, action: str) -> bool:
        """Return whether this role allows an action."""
        return _matches(action, self.actions) and not _matches(action, self.not_actions)


def missing(actions: Iterable[str], permissions: Iterable[Permission]) -> list[str]:
    """Return the actions that no role allows. Source: "Understand Azure role definitions": roles are additive."""
    roles = list(permissions)
    return [action for action in actions if not any(role.allows(action) for role in roles)]


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(_matches_pattern(action.lower(), pattern.lower()) for pattern in patterns)


def _matches_pattern(action: str, pattern: str) -> bool:
    """Return whether `action` matches a pattern in which each "*" stands for any text.

    Not a regular expression: patterns come from the service, and one with many "*" would take exponential time.
    """
    first, *parts = pattern.split("*")
    if not parts or not action.startswith(first):
        return action == pattern
    *middle, last = parts
    at = len(first)
    for part in middle:
        found = action.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(action) - at >= len(last) and action.endswith(last)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
