"""The clusters that the server knows, and their opaque ids."""

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
    """The id is none that was given out here."""


@dataclass(frozen=True, slots=True)
class KnownCluster:
    """A cluster and the id it has here: a hash of its address, so it stays the same."""

    id: str
    target: Target


def with_id(target: Target) -> KnownCluster:
    """Return a cluster with its id."""
    return KnownCluster(hashlib.sha256(target.key.encode()).hexdigest()[:16], target)


def configured_target() -> Target | None:
    """Return the cluster that the environment and config.toml name, or None. Raises InvalidInput for wrong ones."""
    found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
    return found.target() if found.cluster else None


def emulator_target() -> Target | None:
    """Return the cluster of the emulator that runs on this machine, or None."""
    from kusto_magic.arm import local_emulator as launch

    running = launch.find()
    if running is None:
        return None
    ready = running.target
    return Target(ready.subscription, ready.resource_group, ready.cluster, endpoint=ready.endpoint)


class ClusterDirectory:
    """The clusters the server knows, by id, so that no address ever comes from a browser.

    `sources` return configured clusters; `records` returns the newest records of the history.
    """

    def __init__(
        self, sources: Sequence[Callable[[], Target | None]], records: Callable[[], Sequence[BuildRecord]]
    ) -> None:
        self._sources = sources
        self._records = records
        self._targets: dict[str, Target] = {}

    async def all(self) -> list[KnownCluster]:
        """Return the known clusters: those of the sources, then those of the history, newest first."""
        return await asyncio.to_thread(self._all)

    async def target(self, cluster: str) -> Target:
        """Return the cluster with this id. Raises Unknown."""
        if cluster not in self._targets:
            await self.all()
        if cluster not in self._targets:
            raise UnknownIdError("there is no cluster with this id here", next_step="reload the page.")
        return self._targets[cluster]

    def register(self, target: Target) -> KnownCluster:
        """Return a cluster with its id, by which `target` finds it from now on."""
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
            if not record.target.is_local or record.target.endpoint in reachable:
                yield record.target
