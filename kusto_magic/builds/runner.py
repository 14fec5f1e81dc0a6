"""Runs the workflow of each build on the background loop, and records what it learns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from kusto_magic.arm.base_chain import resolve_base_chain
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.client_pool import ClientPool
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.actions import Preflight
from kusto_magic.builds.build import Build, log_callback_errors
from kusto_magic.builds.history_writer import HistoryWriter
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.clock import Clock
from kusto_magic.errors import Conflict, EndedElsewhere, KustoImageError, RequirementsConflict
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import PreflightReport, Verdict

Workflow = Callable[[ImagesClient], AsyncIterator[Operation]]
"""Yields the states of one operation, the last one terminal."""


class BuildRunner:
    """Runs workflows; all methods are called on the background loop."""

    def __init__(self, connections: ClientPool, registry: BuildRegistry, journal: HistoryWriter, clock: Clock) -> None:
        self._clients = connections
        self._registry = registry
        self._writer = journal
        self._clock = clock
        self._ticking: asyncio.Task[None] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, started: Sequence[tuple[Build, Workflow]]) -> None:
        """Run the workflows of builds side by side until all of them have ended."""
        for build, workflow in started:
            self._tasks[build.id] = asyncio.create_task(self._poll(build, workflow))
        await asyncio.gather(*(self._tasks[build.id] for build, _ in started), return_exceptions=True)
        for build, _ in started:
            self._tasks.pop(build.id, None)

    async def stop(self, build: Build) -> None:
        """Stop polling a build whose end another process has recorded; the build ends with EndedElsewhere."""
        task = self._tasks.get(build.id)
        if task is None or build.done:
            return
        task.cancel()
        await asyncio.wait([task])
        self._registry.remove(build)
        if not build.done:  # it may have come to its own end meanwhile
            what = f"another process recorded the end of the {build.action.value} of image {build.name!r}"
            build._finish(EndedElsewhere(what, operation=build.operation), self._clock.wall())

    async def _poll(self, build: Build, workflow: Workflow) -> None:
        error: BaseException | None = None
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick_every_second())
        try:
            it = await self._clients.get(build.target)
            before: Operation | None = None
            async for operation in workflow(it):
                build._set_operation(operation, self._clock.wall())
                if before is None or (operation.phase, operation.poll_url) != (before.phase, before.poll_url):
                    await self._writer.record_state(
                        build
                    )  # before anything is sent: the history knows that it may have been
                before = operation
            build.operation.raise_for_failure()
        except asyncio.CancelledError:
            return  # this process ends; the history still says that the build goes on
        except Exception as failure:
            error = failure
            open_still = failure.operation if isinstance(failure, KustoImageError) else None
            if open_still is not None and not open_still.done:
                with log_callback_errors():
                    build.operation = open_still
                await self._writer.record_state(build)
        await self._finish(build, error)

    async def check(self, client: ImagesClient, build: Build, preflight: Preflight, *, pin: bool) -> ImageSpec:
        """Run the preflight; return the spec to submit, pinned if `pin`. Raises RequirementsConflict."""
        spec = build.requested_spec
        assert spec is not None  # noqa: S101 - only builds are checked
        forecast = await run_preflight(client, spec, preflight, background=True)
        build._set_report(forecast)
        forecast.raise_for_conflict()
        if not pin:
            return spec
        if forecast.verdict is Verdict.INCONCLUSIVE:
            step = "try again later, or without --pin."
            raise RequirementsConflict(f"it could not be pinned: {forecast.reason}", forecast=forecast, next_step=step)
        build.spec = replace(spec, requirements=forecast.pinned_text())
        await self._writer.record_pinned(build)
        return build.spec

    async def _finish(self, build: Build, error: BaseException | None) -> None:
        now = self._clock.wall()
        await self._writer.record_end(build, error, now, {it.id for it in self._registry.by_cluster(build.target)})
        self._registry.remove(build)
        if isinstance(error, KustoImageError) and (isinstance(error, Conflict) or build.operation.is_cluster_busy):
            error.next_step = self._other_operations(build) + error.next_step
        build._finish(error, now)

    def _other_operations(self, build: Build) -> str:
        others = [
            f"the {it.action.value} of {it.name!r}" for it in self._registry.by_cluster(build.target) if it is not build
        ]
        return f"followed here on this cluster: {', '.join(others)}; " if others else ""

    async def _tick_every_second(self) -> None:
        """Call what shows the time of builds, as long as there are any."""
        while builds := self._registry.all():
            await asyncio.sleep(1.0)
            for build in builds:
                build._tick()


async def run_preflight(
    client: ImagesClient, spec: ImageSpec, preflight: Preflight, *, background: bool = False
) -> PreflightReport:
    """Return the preflight report of a spec on top of its base images.

    `background` says that no person waits for just this response.
    """
    base = await resolve_base_chain(client, spec, background=background)
    if base.unknown:
        return PreflightReport(
            Verdict.CONFLICT if base.missing else Verdict.INCONCLUSIVE, base.python, reason=base.unknown
        )
    return await preflight(spec.requirements, python=base.python, base=base.managed, base_requirements=base.layers)
