"""The clusters known to the server and their opaque IDs."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kusto_magic import settings
from kusto_magic.builds.record import BuildRecord
from kusto_magic.errors import KustoImageError
from kusto_magic.models.target import Target


class UnknownIdError(KustoImageError):
    """No cluster or build has this ID."""


@dataclass(frozen=True, slots=True)
class KnownCluster:
    """A cluster and its ID: a hash of its address, so that it is stable across restarts."""

    id: str
    target: Target


def with_id(target: Target) -> KnownCluster:
    """Return a cluster together with its ID."""
    # A stable hash: Python's own differs between processes.
    return KnownCluster(hashlib.sha256(target.key.encode()).hexdigest()[:16], target)


def configured_target() -> Target | None:
    """Return the cluster configured by the environment and config.toml, or None. Raises InvalidInput."""
    found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
    return found.target() if found.cluster else None


def emulator_target() -> Target | None:
    """Return the first cluster of the emulator running on this machine, or None."""
    from kusto_magic.arm import local_emulator

    running = local_emulator.find()
    if running is None:
        return None
    ready = running.target
    return Target(ready.subscription, ready.resource_group, ready.cluster, endpoint=ready.endpoint)


class ClusterDirectory:
    """The clusters known to the server by ID, so that the server never takes an address from a browser.

    `sources` return the configured clusters; `records` returns the newest records of the history.
    """

    def __init__(
        self, sources: Sequence[Callable[[], Target | None]], records: Callable[[], Sequence[BuildRecord]]
    ) -> None:
        self._sources = sources
        self._records = records
        self._targets: dict[str, Target] = {}

    async def all(self) -> list[KnownCluster]:
        """Return the known clusters without duplicates: those of the sources, then those of the history."""
        return await asyncio.to_thread(self._all)

    async def target(self, cluster: str) -> Target:
        """Return the cluster with this ID. Raises UnknownIdError."""
        if cluster not in self._targets:  # the browser may keep an ID from before a restart of the server
            await self.all()
        if cluster not in self._targets:
            raise UnknownIdError("there is no cluster with this ID", next_step="Reload the page.")
        return self._targets[cluster]

    def register(self, target: Target) -> KnownCluster:
        """Return a cluster together with its ID, and make it available to `target`."""
        cluster = with_id(target)
        self._targets[cluster.id] = target
        return cluster

    def _all(self) -> list[KnownCluster]:
        return [self.register(target) for target in dict.fromkeys(self._found())]

    def _found(self) -> Iterator[Target]:
        reachable = set()
        for source in self._sources:
            with suppress(KustoImageError):  # a broken source is reported where it is used; list the others
                if target := source():
                    reachable.add(target.endpoint)
                    yield target
        for record in self._records():
            # an emulator that has stopped leaves records of clusters that cannot be reached
            if not record.target.is_local or record.target.endpoint in reachable:
                yield record.target
