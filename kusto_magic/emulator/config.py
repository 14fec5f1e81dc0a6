"""What an emulator is told at its start, and what a client must know to use it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVICE = "kusto_magic emulator"
"""How the emulator names itself in the answer to `GET /`."""

MAX_CLUSTERS = 2000

REGIONS = ("East US", "West Europe", "Australia East")
"""Where the clusters of a fleet are, in turn. This and their names are the emulator's own choice."""

_EVERY_TEST = 4
"""Every fourth cluster is tagged "test", the others "production": the emulator's own choice too."""


def parse_cluster_count(text: str) -> int:
    """Read how many clusters an emulator is to have. Raises ValueError unless that is 1 to MOST_CLUSTERS."""
    count = int(text)
    if not 1 <= count <= MAX_CLUSTERS:
        raise ValueError(text)
    return count


@dataclass(frozen=True, slots=True)
class ReadyTarget:
    """All that a client needs: the endpoint (an origin), a bearer token, and the first cluster."""

    endpoint: str
    token: str = field(repr=False)
    subscription: str
    resource_group: str
    cluster: str


@dataclass(frozen=True, slots=True)
class EmulatedCluster:
    """One cluster that exists: its name, its region (the display name), its ARM id in the service's capitals, tags."""

    name: str
    region: str
    id: str
    tags: Mapping[str, str]

    @property
    def key(self) -> str:
        """The name as ARM compares it."""
        return self.name.casefold()

    @property
    def location(self) -> str:
        """The region as the rest of Azure writes it: "eastus"."""
        return self.region.replace(" ", "").lower()


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """How the emulator behaves. Times are in seconds.

    `clusters` is how many clusters exist, up to MOST_CLUSTERS: `cluster` in `region`, then fleet001, fleet002 and so
    on in the same resource group. Each takes one change at a time, whatever the others do.
    `port` is where it is served: it is part of the poll URLs and of the Host header that is asked for. `delete_seconds`
    and `extension_seconds` stand in the observed proportion to `build_seconds` when they are None (recordings: a
    build takes about 5 minutes, a deletion 17 s, switching Python on 15 min 47 s). `state` is the SQLite file,
    None = in memory. `reads`, `writes` and `deletes` are the sizes of the rate limiter's buckets; their defaults are
    one above the first values seen in 2026. They are refilled at the rates of the documentation, in requests a second;
    a rate is above 0. `graph_queries` is how many queries Resource Graph answers in `graph_window` seconds
    (documentation: 15 in 5 s). `max_body` is in bytes.
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
        """The origin it is served at; loopback only."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> ReadyTarget:
        """What a client needs to use this emulator."""
        return ReadyTarget(self.endpoint, self.token, self.subscription, self.resource_group, self.cluster)

    @property
    def deletion_time(self) -> float:
        """How long a deletion takes."""
        return self.build_seconds / 15 if self.delete_seconds is None else self.delete_seconds

    @property
    def extension_time(self) -> float:
        """How long a change of the language extensions takes."""
        return self.build_seconds * 3 if self.extension_seconds is None else self.extension_seconds

    @property
    def fleet(self) -> tuple[EmulatedCluster, ...]:
        """The clusters that exist, the first one first."""
        rest = (self._cluster(n, f"fleet{n:03d}", REGIONS[n % len(REGIONS)]) for n in range(1, self.clusters))
        return (self._cluster(0, self.cluster, self.region), *rest)

    def _cluster(self, number: int, name: str, region: str) -> EmulatedCluster:
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        tags = {"environment": "production" if (number + 1) % _EVERY_TEST else "test"}
        return EmulatedCluster(name, region, f"{group}/providers/Microsoft.Kusto/Clusters/{name}", tags)
