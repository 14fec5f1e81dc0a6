"""A build as the REST API shows it, in the list and alone, and its JSON as described by `openapi.json`.

Modules that are slow to import are imported inside the functions, so that the server starts quickly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kusto_magic.display.card import Card
    from kusto_magic.server.clusters import KnownCluster

Json = dict[str, Any]

MAX_LISTED_TEXT = 500
"""Maximum number of characters of each text in a list of builds; `GET /builds/{build}` has the whole text."""


@dataclass(frozen=True, slots=True)
class BuildView:
    """The current state of a build; `active` is whether it is still being polled or is about to be submitted."""

    card: Card
    cluster: KnownCluster
    active: bool

    @property
    def is_accepted(self) -> bool:
        """Whether the service has accepted the request."""
        from kusto_magic.models.build_state import NOT_STARTED, Outcome

        refused = (Outcome.REJECTED, Outcome.NOT_SUBMITTED)
        return self.card.state not in NOT_STARTED and self.card.outcome not in refused


@dataclass(frozen=True, slots=True)
class ListedBuild:
    """A build in the list, and its JSON, which is made once per change."""

    view: BuildView
    json: str


def build_json(view: BuildView) -> Json:
    """Return a build as the schema `Build`: its card as a notebook stores it, and what only the server knows."""
    return {
        "card": view.card.to_json(),
        "clusterId": view.cluster.id,
        "active": view.active,
        "accepted": view.is_accepted,
    }


def listed_build_json(view: BuildView, number: int) -> Json:
    """Return a build as the schema `ListedBuild`: without its longest texts, which `Build` has."""
    shown = build_json(replace(view, card=replace(view.card, requirements="", report=None)))
    card = {name: _shortened(value) for name, value in shown["card"].items() if name not in ("version", "requirements")}
    return {**shown, "card": card, "number": number}


def _shortened(value: Any) -> Any:
    """Return a member of a card with at most `MAX_LISTED_TEXT` characters in each text."""
    if isinstance(value, dict):
        return {name: _shortened(member) for name, member in value.items()}
    if isinstance(value, list):
        lines = "\n".join(value)
        return value if len(lines) <= MAX_LISTED_TEXT else _shortened(lines).split("\n")
    if isinstance(value, str) and len(value) > MAX_LISTED_TEXT:
        return f"{value[: MAX_LISTED_TEXT - 1]}…"
    return value
