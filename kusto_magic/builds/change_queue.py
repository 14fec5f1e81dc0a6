"""Queue of the changes of each cluster by this process: a cluster accepts one change at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from kusto_magic.arm import operation_start
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.build import Build
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.models.action import Action


class ChangeQueue:
    """The operations that change clusters, in the order in which they are sent. Use it on one event loop.

    A build does not wait for an earlier one that is still being checked. Every other operation does, since it may be
    about the image of that build: "Run All Cells" starts a build and its enabling at once.
    """

    def __init__(self, registry: BuildRegistry) -> None:
        self._registry = registry
        self._queues: dict[str, list[Build]] = {}

    def add(self, build: Build) -> None:
        """Add a build that has been sent already: those that come later wait for it."""
        if not build.done:
            queue = self._queues.setdefault(build.target.key, [])
            queue.append(build)
            build.add_done_callback(lambda: self._remove(build))

    async def turn(self, build: Build, sent: Operation) -> AsyncIterator[Operation]:
        """Yield `sent` as a queued operation each time there is another build to wait for; end when it can be sent."""
        if build.action is Action.BUILD:
            self.add(build)
        while (ahead := self._ahead_of(build)) is not None:
            yield operation_start.queued(sent, f"waiting for the {ahead.action.value} of {ahead.name!r}")
            with suppress(Exception):  # its error belongs to it
                await ahead

    def _ahead_of(self, build: Build) -> Build | None:
        queue = self._queues.get(build.target.key, [])
        if build not in queue:
            started = [other for other in self._registry.by_cluster(build.target) if not other.done]
            earlier = started[: started.index(build)]
            if earlier:
                return earlier[-1]
            self.add(build)
            queue = self._queues[build.target.key]
        position = queue.index(build)
        return queue[position - 1] if position else None

    def _remove(self, build: Build) -> None:
        queue = self._queues[build.target.key]
        queue.remove(build)
        if not queue:
            del self._queues[build.target.key]
