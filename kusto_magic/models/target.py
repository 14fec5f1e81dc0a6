"""Targets of requests: a cluster or a subscription, and its Resource Manager endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.endpoint import CLOUDS, endpoint_problem, is_loopback
from kusto_magic.models.naming import (
    cluster_problem,
    resource_group_problem,
    subscription_problem,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster and the Resource Manager endpoint that manages it.

    `endpoint` is an origin; `scope` is the OAuth scope of its tokens, by default that of the cloud, or
    `<endpoint>/.default`. Raises InvalidInputError with every problem.
    """

    subscription: str
    resource_group: str
    cluster: str
    endpoint: str = CLOUDS["public"].endpoint
    scope: str = ""

    def __post_init__(self) -> None:
        _raise_for_problems(
            ("subscription", subscription_problem(self.subscription)),
            ("resource group", resource_group_problem(self.resource_group)),
            ("cluster", cluster_problem(self.cluster)),
            ("endpoint", endpoint_problem(self.endpoint)),
        )
        _normalize_endpoint(self)

    @property
    def cluster_id(self) -> str:
        """The ARM id of the cluster, which is also the path prefix of its requests."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Kusto/clusters/{self.cluster}"
        )

    @property
    def key(self) -> str:
        """Key that identifies the cluster, without case as ARM compares names."""
        return f"{self.endpoint}{self.cluster_id}".casefold()  # casefold: resource groups may contain non-ASCII letters

    @property
    def label(self) -> str:
        """The cluster for display: "cluster NAME", or "emulator cluster NAME"."""
        return f"emulator cluster {self.cluster}" if self.is_local else f"cluster {self.cluster}"

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine, as that of an emulator is."""
        return is_loopback(urlsplit(self.endpoint).hostname or "")


@dataclass(frozen=True, slots=True)
class Subscription:
    """An Azure subscription and the Resource Manager endpoint that manages it.

    `id` "" stands for all subscriptions that the account can access; only a query can search them. `endpoint` and
    `scope` are as for `Target`. Raises InvalidInputError with every problem.
    """

    id: str = ""
    endpoint: str = CLOUDS["public"].endpoint
    scope: str = ""

    def __post_init__(self) -> None:
        _raise_for_problems(
            ("subscription", subscription_problem(self.id) if self.id else ""),
            ("endpoint", endpoint_problem(self.endpoint)),
        )
        _normalize_endpoint(self)

    @classmethod
    def of(cls, target: Target) -> Subscription:
        """Return the subscription of a cluster."""
        return cls(target.subscription, target.endpoint, target.scope)


def _normalize_endpoint(value: Target | Subscription) -> None:
    """Remove the final slash of the endpoint, and set the default scope."""
    # The dataclasses are frozen; only their own initialization may normalize a field.
    object.__setattr__(value, "endpoint", value.endpoint.rstrip("/"))
    if not value.scope:
        scopes = {cloud.endpoint: cloud.scope for cloud in CLOUDS.values()}
        object.__setattr__(value, "scope", scopes.get(value.endpoint, f"{value.endpoint}/.default"))


def _raise_for_problems(*checks: tuple[str, str]) -> None:
    problems = [Problem(field, message) for field, message in checks if message]
    if problems:
        raise InvalidInputError(problems)


CLUSTER_FIELDS = ("subscription", "resource_group", "cluster")
"""Names of the fields of Target that a cluster's ARM id contains, in the order of the id."""

_CLUSTER_ID = re.compile(
    r"/?subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.Kusto/clusters/([^/]+)/?", re.IGNORECASE
)


def parse_cluster_id(text: str) -> dict[str, str]:
    """Return subscription, resource_group and cluster of a cluster's full ARM id; empty if the text is not one."""
    found = _CLUSTER_ID.fullmatch(text)
    return dict(zip(CLUSTER_FIELDS, found.groups(), strict=True)) if found else {}
