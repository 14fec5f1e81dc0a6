"""The emulated clusters, which share one state file."""

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
"""Number of clusters updated before other requests are handled: each takes a commit of some milliseconds on disk."""


class Fleet:
    """The states of the emulated clusters, in the order of `config.fleet`."""

    def __init__(self, config: EmulatorConfig, clock: Callable[[], datetime], resolver: Resolver) -> None:
        self.config = config
        fleet = config.fleet
        self.store = Store(config.state, fleet[0].key)
        cache = ResolverCache(resolver, self.store.record_verdict)
        self._hold = Hold()
        self._states = {
            cluster.key: ClusterState(config, cluster, self.store.for_cluster(cluster.key), clock, cache, self._hold)
            for cluster in fleet
        }

    def states(self) -> list[ClusterState]:
        """Return the state of every cluster."""
        return list(self._states.values())

    def state(self, cluster: str) -> ClusterState | None:
        """Return the state of a cluster by its name, without case; None if it does not exist."""
        return self._states.get(cluster.casefold())

    def hold(self) -> None:
        """Prevent operations from ending until `release` is called."""
        self._hold.held = True

    def release(self) -> None:
        """Stop holding operations and make every running operation due now."""
        self._hold.held = False
        for operation in self.running():
            self._states[operation.cluster].release()

    def running(self) -> list[OperationRow]:
        """Return the running operations of the existing clusters; the file may contain those of a larger fleet."""
        return [operation for operation in self.store.running() if operation.cluster in self._states]

    async def apply_due(self, kind: str | None = None) -> None:
        """Apply what is due on all clusters; with `kind`, only where an operation of that kind is running."""
        states = [self._states[operation.cluster] for operation in self.running() if kind in (None, operation.kind)]
        for start in range(0, len(states), _BATCH_SIZE):
            await asyncio.gather(*(state.apply_due() for state in states[start : start + _BATCH_SIZE]))
