"""Queue of the changes of each cluster by this process: a cluster accepts one change at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from kusto_magic.arm import operation_start
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.build import Build


class ChangeQueue:
    """The builds that change clusters, in the order in which they are sent. Use it on one event loop."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Build]] = {}

    def add(self, build: Build) -> None:
        """Add a build that has been sent already: those that come later wait for it."""
        if not build.done:
            line = self._lines.setdefault(build.target.key, [])
            line.append(build)
            build.add_done_callback(lambda: self._remove(build))

    async def turn(self, build: Build, sent: Operation) -> AsyncIterator[Operation]:
        """Yield `sent` as a queued operation each time there is another build to wait for; end when it can be sent."""
        self.add(build)
        while (ahead := self._ahead_of(build)) is not None:
            yield operation_start.queued(sent, f"waiting for the {ahead.action.value} of {ahead.name!r}")
            with suppress(Exception):  # its error belongs to it
                await ahead

    def _ahead_of(self, build: Build) -> Build | None:
        line = self._lines[build.target.key]
        position = line.index(build)
        return line[position - 1] if position else None

    def _remove(self, build: Build) -> None:
        line = self._lines[build.target.key]
        line.remove(build)
        if not line:
            del self._lines[build.target.key]
