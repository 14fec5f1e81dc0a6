"""Registry of the builds and fleets that this process polls.

One image can have several builds at once, for example a running one and a queued one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.request import BuildRequest
from kusto_magic.models.build_state import UNSENT_STATES
from kusto_magic.models.target import Target


class BuildRegistry:
    """The builds that are being polled, oldest first. Safe to call from any thread."""

    def __init__(self) -> None:
        self._builds: list[Build] = []
        self._lock = threading.Lock()

    def add(self, build: Build) -> None:
        """Add a build."""
        with self._lock:
            self._builds.append(build)

    def remove(self, build: Build) -> None:
        """Remove a build, if it is registered."""
        with self._lock:
            self._builds = [other for other in self._builds if other is not build]

    def all(self) -> list[Build]:
        """Return all builds."""
        with self._lock:
            return list(self._builds)  # a copy, since builds are added and removed by other threads

    def by_id(self, id: str) -> Build | None:  # noqa: A002
        """Return the build with this id, or None."""
        return next((build for build in self.all() if build.id == id), None)

    def by_cluster(self, target: Target) -> list[Build]:
        """Return the builds on a cluster."""
        key = target.key
        with self._lock:
            return [build for build in self._builds if build.target.key == key]

    def get(self, target: Target, name: str) -> Build | None:
        """Return the build of an image, or None. A submitted one takes precedence over one that waits."""
        builds = self._builds_of(target, name)
        sent = [build for build in builds if build.operation.state not in UNSENT_STATES]
        return next(reversed(sent or builds), None)

    def find_matching(self, request: BuildRequest) -> Build | None:
        """Return the build of the same image from exactly the same spec, or None.

        Without `check`, a build that its own preflight can still stop does not match; neither does one that a later
        operation on the image follows, since the last one started decides what the image is.
        """
        newest = next(reversed(self._builds_of(request.target, request.name)), None)
        if newest is None or not newest.request.builds_same(request):
            return None
        return newest if request.options.check or not newest.is_being_checked else None

    def _builds_of(self, target: Target, name: str) -> list[Build]:
        # ARM compares names without case.
        return [build for build in self.by_cluster(target) if build.name.lower() == name.lower()]


class FleetRegistry:
    """The fleets that have not ended. Safe to call from any thread."""

    def __init__(self) -> None:
        self._fleets: list[Fleet] = []
        self._lock = threading.Lock()

    def add(self, fleet: Fleet) -> Fleet:
        """Add a fleet and return it."""
        with self._lock:
            # Ended fleets are removed here, since nothing else keeps track of them.
            self._fleets = [other for other in self._fleets if not other.ended] + [fleet]
        return fleet

    def get(self, id: str) -> Fleet | None:  # noqa: A002
        """Return the running fleet with this id, or None."""
        return next((fleet for fleet in self._running() if fleet.id == id), None)

    def find_matching(self, requests: Sequence[BuildRequest]) -> Fleet | None:
        """Return the running fleet that builds the same images from the same specs on the same clusters, or None."""
        wanted = {request.target.key: request for request in requests}
        for fleet in self._running():
            builds = {build.target.key: build.request for build in fleet.builds}
            if builds.keys() == wanted.keys() and all(builds[key].builds_same(wanted[key]) for key in wanted):
                return fleet
        return None

    def _running(self) -> list[Fleet]:
        with self._lock:
            return [fleet for fleet in self._fleets if not fleet.ended]
