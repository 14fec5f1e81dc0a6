"""The emulated clusters, which share one state file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from datetime import datetime

from kusto_magic.emulator.arm import ArmError, to_ticks
from kusto_magic.emulator.cluster_record import ClusterRecord
from kusto_magic.emulator.cluster_state import ClusterState, Hold
from kusto_magic.emulator.config import MAX_CLUSTERS, EmulatedCluster, EmulatorConfig
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
        self._clock = clock
        self._cache = ResolverCache(resolver, self.store.record_verdict)
        self._hold = Hold()
        first = ClusterRecord(int(self.store.get_or_set("created", str(to_ticks(clock())))))
        stored = {key: ClusterRecord.from_json(text) for key, text in self.store.cluster_records().items()}
        # The emulator's own choice: a deleted cluster of the configuration exists again after a restart.
        records = {key: record for key, record in stored.items() if not record.is_deleted}
        created = [config.new_cluster(record.name, record.region) for record in records.values() if record.name]
        self._states = {
            cluster.key: self._make_state(cluster, records.get(cluster.key, first)) for cluster in (*fleet, *created)
        }

    def _make_state(self, cluster: EmulatedCluster, record: ClusterRecord) -> ClusterState:
        store = self.store.for_cluster(cluster.key)
        return ClusterState(self.config, cluster, store, self._clock, self._cache, self._hold, record)

    def states(self) -> list[ClusterState]:
        """Return the state of every cluster."""
        return [state for state in self._states.values() if not state.record.is_deleted]

    def state(self, cluster: str, *, deleted: bool = False) -> ClusterState | None:
        """Return the state of a cluster by its name, without case; None if it does not exist.

        With `deleted`, also that of a cluster that has been deleted: its operation can still be polled.
        """
        state = self._states.get(cluster.casefold())
        return None if state is None or (state.record.is_deleted and not deleted) else state

    def new(self, name: str, region: str) -> ClusterState:
        """Return the state of a cluster that does not exist yet. Raises ArmError 409 at MAX_CLUSTERS (own choice)."""
        if len(self.states()) >= MAX_CLUSTERS:
            raise ArmError(409, "QuotaExceeded", f"The kusto_magic emulator has at most {MAX_CLUSTERS} clusters.")
        cluster = self.config.new_cluster(name, region)
        return self._make_state(cluster, ClusterRecord(to_ticks(self._clock()), name, cluster.region))

    def add(self, state: ClusterState) -> None:
        """Add a cluster; it replaces a deleted one of the same name."""
        self._states[state.cluster.key] = state
        state.put_record(state.record)

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

    async def apply_due(self, *, but: Container[str] = ()) -> None:
        """Apply what is due on all clusters, except operations of the kinds in `but`."""
        states = [self._states[operation.cluster] for operation in self.running() if operation.kind not in but]
        for start in range(0, len(states), _BATCH_SIZE):
            await asyncio.gather(*(state.apply_due() for state in states[start : start + _BATCH_SIZE]))
