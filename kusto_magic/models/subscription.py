"""Subscriptions as the service lists them."""

from __future__ import annotations

from dataclasses import dataclass

from kusto_magic.display_text import visible_line


@dataclass(frozen=True, slots=True)
class ListedSubscription:
    """A subscription that the signed-in identity can read; `state` such as "Enabled" or "Disabled", "" if omitted."""

    id: str
    name: str
    state: str = ""

    @classmethod
    def from_json(cls, document: object) -> ListedSubscription:
        """Parse an entry of the list. Raises ValueError if it has no ID."""
        if not isinstance(document, dict) or not isinstance(id_ := document.get("subscriptionId"), str):
            raise ValueError("not a subscription")
        return cls(id_, _text(document, "displayName") or visible_line(id_), _text(document, "state"))


def _text(document: dict[str, object], key: str) -> str:
    """Return a string of the response for display, "" if it is missing or not a string."""
    value = document.get(key)
    return visible_line(value).strip() if isinstance(value, str) else ""
