"""The clusters known to the server and their opaque IDs."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kusto_magic import settings
from kusto_magic.errors import KustoImageError
from kusto_magic.models.target import Target
from kusto_magic.server.saved_clusters import SavedClusters

if TYPE_CHECKING:
    from kusto_magic.arm.local_emulator import RunningEmulator

MAX_CLUSTERS = 2000
"""Maximum number of clusters that are kept by ID: more than those of all listed builds."""


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
    """Return the cluster configured by the environment and config.toml, or None. Raises InvalidInputError."""
    found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
    return found.target() if found.cluster else None


def emulator_target() -> Target | None:
    """Return the first cluster of the emulator running on this machine, or None."""
    from kusto_magic.arm import local_emulator

    running = local_emulator.find()
    return None if running is None else _first_target(running)


def start_emulator() -> Target:
    """Start the emulator of this machine unless it runs, and return its first cluster. Raises EmulatorError."""
    from kusto_magic.arm import local_emulator

    return _first_target(local_emulator.find_or_start())


def _first_target(running: RunningEmulator) -> Target:
    ready = running.target
    return Target(ready.subscription, ready.resource_group, ready.cluster, endpoint=ready.endpoint)


class ClusterDirectory:
    """The clusters known to the server by ID, so that the server never takes an address from a browser.

    `sources` return the configured clusters, `saved` has those that the user added or removed. Safe to use from several
    threads.
    """

    def __init__(self, sources: Sequence[Callable[[], Target | None]], saved: SavedClusters) -> None:
        self._sources = sources
        self._saved = saved
        self._targets: dict[str, Target] = {}
        self._lock = threading.Lock()

    def all(self, listed: Iterable[Target], busy: Iterable[Target] = ()) -> list[KnownCluster]:
        """Return the known clusters without duplicates: of the sources, the added ones, those of the listed builds.

        Removed ones are left out, unless they are among `busy`: a build that is shown needs its cluster.
        """
        removed = self._saved.removed() - {target.key for target in busy}
        found: dict[str, Target] = {}
        for target in self._found(listed):
            found.setdefault(target.key, target)
        return [self.register(target) for key, target in found.items() if key not in removed]

    def add(self, target: Target) -> KnownCluster:
        """Keep a cluster in the list, also after a restart of the server. Raises SavedClustersError."""
        self._saved.add(target)
        return self.register(target)

    def remove(self, target: Target) -> None:
        """Remove a cluster from the list; it stays available to `get`. Raises SavedClustersError."""
        self._saved.remove(target)

    def get(self, cluster: str) -> Target | None:
        """Return the cluster with this ID, or None if it was not registered, or long ago."""
        return self._targets.get(cluster)

    def register(self, target: Target) -> KnownCluster:
        """Return a cluster together with its ID, and make it available to `get`."""
        cluster = with_id(target)
        with self._lock:
            self._targets.pop(cluster.id, None)
            self._targets[cluster.id] = target  # at the end: the clusters are in the order of their last use
            while len(self._targets) > MAX_CLUSTERS:
                del self._targets[next(iter(self._targets))]
        return cluster

    def _found(self, listed: Iterable[Target]) -> Iterator[Target]:
        reachable = set()
        for source in self._sources:
            with suppress(KustoImageError):  # a broken source is reported where it is used; list the others
                if target := source():
                    reachable.add(target.endpoint)
                    yield target
        for target in (*self._saved.added(), *listed):
            # an emulator that has stopped leaves records of clusters that cannot be reached
            if not target.is_local or target.endpoint in reachable:
                yield target
