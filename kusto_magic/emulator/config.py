"""What an emulator is told at its start, and what a client must know to use it."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

SERVICE = "kusto_magic emulator"
"""How the emulator names itself in the answer to `GET /`."""


@dataclass(frozen=True, slots=True)
class ReadyTarget:
    """All that a client needs: the endpoint (an origin), a bearer token, and the one cluster that exists."""

    endpoint: str
    token: str = field(repr=False)
    subscription: str
    resource_group: str
    cluster: str


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """How the emulator behaves. Times are in seconds.

    `port` is where it is served: it is part of the poll URLs and of the Host header that is asked for. `delete_seconds`
    and `extension_seconds` stand in the observed proportion to `build_seconds` when they are None (recordings: a
    build takes about 5 minutes, a deletion 17 s, switching Python on 15 min 47 s). `state` is the SQLite file,
    None = in memory. `reads`, `writes` and `deletes` are the sizes of the rate limiter's buckets; their defaults are
    one above the first values seen in 2026. `max_body` is in bytes.
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
    region: str = "East US"
    reads: int = 1100
    writes: int = 800
    deletes: int = 800
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
    def deletion(self) -> float:
        """How long a deletion takes."""
        return self.build_seconds / 15 if self.delete_seconds is None else self.delete_seconds

    @property
    def alteration(self) -> float:
        """How long a change of the language extensions takes."""
        return self.build_seconds * 3 if self.extension_seconds is None else self.extension_seconds

    @property
    def cluster_id(self) -> str:
        """The ARM id of the cluster in the service's own capitals."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Kusto/Clusters/{self.cluster}"
        )
