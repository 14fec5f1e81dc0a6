"""The configuration of an emulator, and what a client needs to use it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

SERVICE = "kusto_magic emulator"
"""The name of the emulator in the response to `GET /`."""

MAX_CLUSTERS = 2000
"""Maximum number of emulated clusters."""

REGIONS = ("East US", "West Europe", "Australia East")
"""Regions that are assigned to the clusters in turn. These and the names are the emulator's own choice."""

_EVERY_TEST = 4
"""Every fourth cluster is tagged "test", the others "production": also the emulator's own choice."""


def parse_cluster_count(text: str) -> int:
    """Parse a number of clusters. Raises ValueError unless it is from 1 to MAX_CLUSTERS."""
    count = int(text)
    if not 1 <= count <= MAX_CLUSTERS:
        raise ValueError(text)
    return count


@dataclass(frozen=True, slots=True)
class ReadyTarget:
    """What a client needs: the endpoint (an origin), a bearer token and the first cluster."""

    endpoint: str
    token: str = field(repr=False)
    subscription: str
    resource_group: str
    cluster: str


@dataclass(frozen=True, slots=True)
class EmulatedCluster:
    """An emulated cluster: name, region (display name), ARM ID in the service's capitalization, tags."""

    name: str
    region: str
    id: str
    tags: Mapping[str, str]

    @property
    def key(self) -> str:
        """The case-folded name, since ARM compares names without case."""
        return self.name.casefold()

    @property
    def location(self) -> str:
        """The short name of the region, such as "eastus"."""
        return self.region.replace(" ", "").lower()


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """The behavior of an emulator. Times are in seconds.

    `clusters` is the number of clusters, up to MAX_CLUSTERS: `cluster` in `region`, then fleet001, fleet002 and so on
    in the same resource group. Each accepts one change at a time, independently of the others. `port` is part of the
    poll URLs and of the required Host header. If `delete_seconds` and `extension_seconds` are None, they are derived
    from `build_seconds` in the observed proportions (recordings: a build takes about 5 minutes, a deletion 17 s,
    enabling Python 15 min 47 s). `state` is the SQLite file; None keeps the state in memory. `reads`, `writes` and
    `deletes` are the sizes of the token buckets; their defaults are one above the first values seen in 2026. The
    buckets are refilled at the documented rates in requests per second, which must be above 0. `graph_queries` is the
    number of Resource Graph queries allowed in `graph_window` seconds (documentation: 15 in 5 s). `max_body` is in
    bytes.
    """

    port: int = 8080
    build_seconds: float = 12.0
    delete_seconds: float | None = None
    extension_seconds: float | None = None
    state: Path | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    instance: str = field(default_factory=lambda: str(uuid.uuid4()))
    subscription: str = "e3a1c0de-0000-4000-8000-000000000001"
    resource_group: str = "emulated-group"
    cluster: str = "emulatedcluster"
    region: str = REGIONS[0]
    clusters: int = 1
    reads: int = 1100
    writes: int = 800
    deletes: int = 800
    reads_per_second: float = 25
    writes_per_second: float = 10
    deletes_per_second: float = 10
    graph_queries: int = 15
    graph_window: float = 5.0
    max_body: int = 6 * 1024 * 1024

    @property
    def endpoint(self) -> str:
        """The origin at which the emulator is served; loopback only."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> ReadyTarget:
        """The connection data for clients of this emulator."""
        return ReadyTarget(self.endpoint, self.token, self.subscription, self.resource_group, self.cluster)

    @property
    def deletion_time(self) -> float:
        """Duration of a deletion in seconds."""
        return self.build_seconds / 15 if self.delete_seconds is None else self.delete_seconds

    @property
    def extension_time(self) -> float:
        """Duration of a change of the language extensions in seconds."""
        return self.build_seconds * 3 if self.extension_seconds is None else self.extension_seconds

    @property
    def fleet(self) -> tuple[EmulatedCluster, ...]:
        """The emulated clusters; `cluster` is the first."""
        rest = (self._cluster(n, f"fleet{n:03d}", REGIONS[n % len(REGIONS)]) for n in range(1, self.clusters))
        return (self._cluster(0, self.cluster, self.region), *rest)

    def _cluster(self, number: int, name: str, region: str) -> EmulatedCluster:
        tags = {"environment": "production" if (number + 1) % _EVERY_TEST else "test"}
        return replace(self.new_cluster(name, region), tags=tags)

    def new_cluster(self, name: str, region: str) -> EmulatedCluster:
        """Return a cluster without tags; `region` is a display name or a short name."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        known = {each.replace(" ", "").lower(): each for each in REGIONS}
        display = known.get(region.replace(" ", "").lower(), region)
        return EmulatedCluster(name, display, f"{group}/providers/Microsoft.Kusto/Clusters/{name}", {})
