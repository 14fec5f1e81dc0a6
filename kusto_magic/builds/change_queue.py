"""Queue of the changes of each cluster by this process: a cluster accepts one change at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from kusto_magic.arm import operation_start
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.build import Build
from kusto_magic.builds.registry import BuildRegistry


class ChangeQueue:
    """The operations that change clusters, in the order in which they are sent. Use it on one event loop.

    Operations that may concern the same image are sent in the order in which they were started: "Run All Cells" starts
    a build and its enabling at once. Builds of different images are sent as soon as they have been checked.
    """

    def __init__(self, registry: BuildRegistry) -> None:
        self._registry = registry
        self._queues: dict[str, list[Build]] = {}

    def add(self, build: Build) -> None:
        """Add a build that has been sent already: those that come later wait for it."""
        if not build.done():
            queue = self._queues.setdefault(build.target.key, [])
            queue.append(build)
            build.add_done_callback(self._remove)

    def must_wait(self, build: Build) -> bool:
        """Return whether another operation of this process has to end before the build can be sent or compared."""
        return bool(self._earlier(build))

    async def turn(self, build: Build, sent: Operation) -> AsyncIterator[Operation]:
        """Yield `sent` as a queued operation each time there is another build to wait for; end when it can be sent."""
        while (ahead := self._ahead_of(build)) is not None:
            yield operation_start.queued(sent, f"waiting for the {ahead.request.info.noun} of {ahead.name!r}")
            with suppress(Exception):  # its error belongs to it
                await ahead

    def _ahead_of(self, build: Build) -> Build | None:
        queue = self._queues.get(build.target.key, [])
        if build not in queue:
            if earlier := self._earlier(build):
                return earlier[-1]
            self.add(build)
            queue = self._queues[build.target.key]
        position = queue.index(build)
        return queue[position - 1] if position else None

    def _earlier(self, build: Build) -> list[Build]:
        """Return the operations of this process that were started before and have to be sent before."""
        # Not those that are only watched: their owner may wait for an operation of this process.
        others = [other for other in self._registry.by_cluster(build.target) if other.owned and not other.done()]
        return [other for other in others[: others.index(build)] if _is_related(other, build)]

    def _remove(self, build: Build) -> None:
        queue = self._queues[build.target.key]
        queue.remove(build)
        if not queue:
            del self._queues[build.target.key]


def _is_related(earlier: Build, later: Build) -> bool:
    """Return whether the order of two operations matters: not for builds of different images, or of the same spec."""
    if not (earlier.request.info.creates_image and later.request.info.creates_image):
        return True
    return earlier.name.lower() == later.name.lower() and earlier.request.spec != later.request.spec
