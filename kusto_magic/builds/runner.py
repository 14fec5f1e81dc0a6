"""Runner that executes the workflow of each build on the background loop and records its states."""

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
"""Function that yields the states of one operation; the last one is terminal."""


class BuildRunner:
    """Runs workflows. All methods must be called on the background loop."""

    def __init__(self, clients: ClientPool, registry: BuildRegistry, writer: HistoryWriter, clock: Clock) -> None:
        self._clients = clients
        self._registry = registry
        self._writer = writer
        self._clock = clock
        self._ticking: asyncio.Task[None] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, started: Sequence[tuple[Build, Workflow]]) -> None:
        """Run the workflows of builds concurrently until all of them have ended."""
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
        if not build.done:  # it may have ended by itself meanwhile
            what = f"another process recorded the end of the {build.action.value} of image {build.name!r}"
            build._finish(EndedElsewhere(what, operation=build.operation), self._clock.wall())

    async def _poll(self, build: Build, workflow: Workflow) -> None:
        error: BaseException | None = None
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick_every_second())
        try:
            client = await self._clients.get(build.target)
            previous: Operation | None = None
            async for operation in workflow(client):
                build._set_operation(operation, self._clock.wall())
                if previous is None or (operation.phase, operation.poll_url) != (previous.phase, previous.poll_url):
                    # Before the workflow continues: if the process dies, the history shows what may have been sent.
                    await self._writer.record_state(build)
                previous = operation
            build.operation.raise_for_failure()
        except asyncio.CancelledError:
            return  # the process ends, or `stop` was called; the record stays as it is, so that it can be resumed
        except Exception as failure:
            error = failure
            unfinished = failure.operation if isinstance(failure, KustoImageError) else None
            if unfinished is not None and not unfinished.done:
                with log_callback_errors():
                    build.operation = unfinished
                await self._writer.record_state(build)
        await self._finish(build, error)

    async def check(self, client: ImagesClient, build: Build, preflight: Preflight, *, pin: bool) -> ImageSpec:
        """Run the preflight; return the spec to submit, pinned if `pin`. Raises RequirementsConflict."""
        spec = build.requested_spec
        assert spec is not None  # noqa: S101 - only builds are checked
        report = await check_image_spec(client, spec, preflight, background=True)
        build._set_report(report)
        report.raise_for_conflict()
        if not pin:
            return spec
        if report.verdict is Verdict.INCONCLUSIVE:
            step = "Try again later, or run the cell without --pin."
            what = f"the versions could not be pinned: {report.reason}"
            raise RequirementsConflict(what, forecast=report, next_step=step)
        build.spec = replace(spec, requirements=report.pinned_text())
        await self._writer.record_pinned(build)
        return build.spec

    async def _finish(self, build: Build, error: BaseException | None) -> None:
        now = self._clock.wall()
        polled_ids = {other.id for other in self._registry.by_cluster(build.target)}
        await self._writer.record_end(build, error, now, polled_ids)
        self._registry.remove(build)
        if isinstance(error, KustoImageError) and (isinstance(error, Conflict) or build.operation.is_cluster_busy):
            error.next_step = self._other_operations(build) + error.next_step
        build._finish(error, now)

    def _other_operations(self, build: Build) -> str:
        """Return which other operations of this process keep the cluster busy, as the start of a next step."""
        others = [other for other in self._registry.by_cluster(build.target) if other is not build]
        names = ", ".join(f"{other.action.value} of {other.name!r}" for other in others)
        return f"In progress on this cluster: {names}. " if others else ""

    async def _tick_every_second(self) -> None:
        """Call the tick callbacks of all builds every second while there are any."""
        while builds := self._registry.all():
            await asyncio.sleep(1.0)
            for build in builds:
                build._tick()


async def check_image_spec(
    client: ImagesClient, spec: ImageSpec, preflight: Preflight, *, background: bool = False
) -> PreflightReport:
    """Return the preflight report of a spec on top of its base images.

    `background` lowers the priority of the requests, for callers that no user is waiting for.
    """
    base = await resolve_base_chain(client, spec, background=background)
    if base.unknown:
        return PreflightReport(
            Verdict.CONFLICT if base.missing else Verdict.INCONCLUSIVE, base.python, reason=base.unknown
        )
    return await preflight(
        spec.requirements,
        python=base.python,
        base=base.managed,
        base_requirements=base.layers,
        allow_index_options=spec.allow_index_options and spec.use_index_options,
    )
