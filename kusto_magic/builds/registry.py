"""Which builds and fleets this process follows now: several of one image at once, when a cell is refused or queued."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.models.action import NOT_SUBMITTED
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target


class BuildRegistry:
    """The builds that are followed now, the oldest first. Safe to call from any thread."""

    def __init__(self) -> None:
        self._builds: list[Build] = []
        self._lock = threading.Lock()

    def add(self, build: Build) -> None:
        """Take a build in."""
        with self._lock:
            self._builds.append(build)

    def remove(self, build: Build) -> None:
        """Forget a build; nothing happens where it is not known."""
        with self._lock:
            self._builds = [other for other in self._builds if other is not build]

    def all(self) -> list[Build]:
        """Return all of them."""
        with self._lock:
            return list(self._builds)

    def by_cluster(self, target: Target) -> list[Build]:
        """Return those on a cluster."""
        place = target.key
        with self._lock:
            return [build for build in self._builds if build.target.key == place]

    def get(self, target: Target, name: str) -> Build | None:
        """Return the one of an image, rather one that was sent than one that waits; None where there is none."""
        ours = self._all_of(target, name)
        sent = [build for build in ours if build.operation.phase not in NOT_SUBMITTED]
        return next(reversed(sent or ours), None)

    def find_matching(
        self, target: Target, name: str, spec: ImageSpec, *, pin: bool, check: bool = True
    ) -> Build | None:
        """Return the one that makes an image of just this, None where there is none.

        Without `check` none counts that may still be stopped by its own one.
        """
        ours = self._all_of(target, name)
        same = [build for build in ours if build.requested_spec == spec and build.pinned == pin]
        return next((build for build in same if check or not build.is_being_checked), None)

    def _all_of(self, target: Target, name: str) -> list[Build]:
        return [build for build in self.by_cluster(target) if build.name.lower() == name.lower()]


class FleetRegistry:
    """The fleets that are at work now. Safe to call from any thread."""

    def __init__(self) -> None:
        self._fleets: list[Fleet] = []
        self._lock = threading.Lock()

    def add(self, fleet: Fleet) -> Fleet:
        """Take a fleet in, and return it."""
        with self._lock:
            self._fleets = [other for other in self._fleets if not other.ended] + [fleet]
        return fleet

    def get(self, id: str) -> Fleet | None:  # noqa: A002
        """Return the one with this id, None where there is none at work."""
        return next((fleet for fleet in self._running() if fleet.id == id), None)

    def find_matching(self, targets: Sequence[Target], name: str, spec: ImageSpec, *, pin: bool) -> Fleet | None:
        """Return the one that makes an image of just this on just these clusters, None where there is none."""
        places = {target.key for target in targets}
        for fleet in self._running():
            builds = {build.target.key: build for build in fleet.builds}
            if builds.keys() == places and all(
                (it.name.lower(), it.requested_spec, it.pinned) == (name.lower(), spec, pin) for it in builds.values()
            ):
                return fleet
        return None

    def _running(self) -> list[Fleet]:
        with self._lock:
            return [fleet for fleet in self._fleets if not fleet.ended]
