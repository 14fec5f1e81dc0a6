"""All emulated clusters: each has its own engine, one state file holds them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from kusto_magic.emulator.cluster_state import ClusterState, Hold
from kusto_magic.emulator.config import EmulatorConfig
from kusto_magic.emulator.resolver import Resolver
from kusto_magic.emulator.resolver_cache import ResolverCache
from kusto_magic.emulator.store import OperationRow, Store

_BATCH_SIZE = 8
"""How many clusters are settled before requests get their turn: each is a commit, some milliseconds on a disk."""


class Fleet:
    """The engines of the clusters that exist, the first one first."""

    def __init__(self, config: EmulatorConfig, clock: Callable[[], datetime], resolver: Resolver) -> None:
        self.config = config
        fleet = config.fleet
        self.store = Store(config.state, fleet[0].key)
        verdicts = ResolverCache(resolver, self.store.record_verdict)
        self._hold = Hold()
        self._states = {
            cluster.key: ClusterState(config, cluster, self.store.for_cluster(cluster.key), clock, verdicts, self._hold)
            for cluster in fleet
        }

    def states(self) -> list[ClusterState]:
        """Return the engines of all clusters."""
        return list(self._states.values())

    def state(self, cluster: str) -> ClusterState | None:
        """Return the engine of a cluster, named in any case; None for one that does not exist."""
        return self._states.get(cluster.casefold())

    def hold(self) -> None:
        """Let no operation end until `release`."""
        self._hold.held = True

    def release(self) -> None:
        """End the hold, and let every running operation end now."""
        self._hold.held = False
        for operation in self.running():
            self._states[operation.cluster].release()

    def running(self) -> list[OperationRow]:
        """Return the changes that run on clusters that exist; the file may know of more, from a larger fleet."""
        return [operation for operation in self.store.running() if operation.cluster in self._states]

    async def apply_due(self, kind: str | None = None) -> None:
        """Carry out what is due on all clusters; with `kind`, where a change of that kind runs."""
        engines = [self._states[it.cluster] for it in self.running() if kind in (None, it.kind)]
        for start in range(0, len(engines), _BATCH_SIZE):
            await asyncio.gather(*(engine.apply_due() for engine in engines[start : start + _BATCH_SIZE]))
