"""The cluster that a request is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from kusto_magic.errors import InvalidInput, Problem
from kusto_magic.models.endpoint import CLOUDS, endpoint_problem, is_loopback
from kusto_magic.models.naming import (
    cluster_problem,
    resource_group_problem,
    subscription_problem,
)


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster whose images are meant, and the Resource Manager that answers for it.

    `endpoint` is an origin; `scope` the OAuth scope of its tokens, by default the cloud's, or
    `<endpoint>/.default`. Raises InvalidInput with every problem.
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
        object.__setattr__(self, "endpoint", self.endpoint.rstrip("/"))
        if not self.scope:
            scopes = {cloud.endpoint: cloud.scope for cloud in CLOUDS.values()}
            object.__setattr__(self, "scope", scopes.get(self.endpoint, f"{self.endpoint}/.default"))

    @property
    def cluster_id(self) -> str:
        """The ARM id of the cluster: the path of every request about it."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Kusto/clusters/{self.cluster}"
        )

    @property
    def key(self) -> str:
        """The cluster as a key: ARM compares names without case."""
        return f"{self.endpoint}{self.cluster_id}".casefold()

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine: an emulator."""
        return is_loopback(urlsplit(self.endpoint).hostname or "")


def _raise_for_problems(*checks: tuple[str, str]) -> None:
    problems = [Problem(field, message) for field, message in checks if message]
    if problems:
        raise InvalidInput(problems)


CLUSTER_FIELDS = ("subscription", "resource_group", "cluster")


_CLUSTER_ID = re.compile(
    r"/?subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.Kusto/clusters/([^/]+)/?", re.IGNORECASE
)


def parse_cluster_id(text: str) -> dict[str, str]:
    """Return subscription, resource_group and cluster of a cluster's whole ARM id; nothing where it is none."""
    found = _CLUSTER_ID.fullmatch(text)
    return dict(zip(CLUSTER_FIELDS, found.groups(), strict=True)) if found else {}
