"""Runner that executes the workflow of each build on the background loop and records its states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import cast

from kusto_magic.arm.base_chain import resolve_base_chain
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.client_pool import ClientPool
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.actions import Preflight, Workflow
from kusto_magic.builds.build import Build, ended_elsewhere, log_callback_errors, not_sent
from kusto_magic.builds.change_queue import ChangeQueue
from kusto_magic.builds.history_writer import HistoryWriter
from kusto_magic.builds.ownership import Owner
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.builds.state import Origin
from kusto_magic.clock import Clock
from kusto_magic.errors import KustoImageError, LockDriftError, RequirementsConflictError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import WORKING_STATES
from kusto_magic.models.build_state import UNSENT_STATES
from kusto_magic.models.cluster_contents import NOTHING_READ, ClusterContents
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.queries.contents_store import ContentsStore


class BuildRunner:
    """Runs workflows. All methods must be called on the background loop."""

    def __init__(
        self,
        clients: ClientPool,
        registry: BuildRegistry,
        writer: HistoryWriter,
        owner: Owner,
        contents: ContentsStore,
        clock: Clock,
    ) -> None:
        self.queue = ChangeQueue(registry)
        self._clients = clients
        self._registry = registry
        self._writer = writer
        self._owner = owner
        self._contents = contents
        self._clock = clock
        self._ticking: asyncio.Task[None] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, started: Sequence[tuple[Build, Workflow]]) -> None:
        """Run the workflows of builds concurrently until all of them have ended."""
        for build, workflow in started:
            self._tasks[build.id] = asyncio.create_task(self._poll(build, workflow))
        await asyncio.gather(*(self._tasks[build.id] for build, _ in started), return_exceptions=True)
        for build, _ in started:
            self._tasks.pop(build.id, None)  # the done tasks would be kept for as long as the kernel runs

    async def stop(self, build: Build) -> None:
        """Stop polling a build: nothing more is sent for it, and nothing is recorded.

        One that was not sent ends with NotSubmittedError, another one with EndedElsewhereError.
        """
        task = self._tasks.get(build.id)
        if task is None or build.done():
            return
        task.cancel()
        await asyncio.wait([task])  # unlike `await task`, it does not raise the cancellation
        self._registry.remove(build)
        if not build.done():  # it may have ended by itself meanwhile
            unsent = build.origin is Origin.STARTED_HERE and build.operation.state in UNSENT_STATES
            error = not_sent(build) if unsent else ended_elsewhere(build, build.operation)
            build._finish(error, self._clock.wall())

    async def _poll(self, build: Build, workflow: Workflow) -> None:
        error: BaseException | None = None
        # One timer serves all builds: hundreds of timers cost CPU time.
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick_every_second())
        try:
            client = await self._clients.get(build.target)
            previous: object = None
            # Closed explicitly: a canceled task would leave an open generator to the garbage collector.
            async with aclosing(cast(AsyncGenerator[Operation, None], workflow.run(client))) as operations:
                async for operation in operations:
                    build._set_operation(operation, self._clock.wall())
                    recorded = (operation.state, operation.poll_url)
                    if recorded != previous and not (operation.retrying and operation.state in WORKING_STATES):
                        # Before the workflow continues: if the process dies, the history shows what may have been sent.
                        await self._writer.record_state(build)
                        previous = recorded
            build.operation.raise_for_failure()
        except asyncio.CancelledError:
            return  # the process ends, or `stop` was called; the record stays as it is, so that it can be resumed
        except Exception as failure:  # a bug must end the build too: others wait for it
            error = failure
            unfinished = failure.operation if isinstance(failure, KustoImageError) else None
            if unfinished is not None and not unfinished.done:
                with log_callback_errors():
                    build.operation = unfinished
                await self._writer.record_state(build)
        await self._finish(build, error)

    async def check(self, preflight: Preflight, client: ImagesClient, build: Build) -> ImageSpec:
        """Run the preflight; return the spec to submit: corrected or pinned if that is wanted.

        Raises RequirementsConflictError and LockDriftError.
        """
        spec, options = build.request.spec, build.request.options
        assert spec is not None  # noqa: S101 - only builds are checked
        contents = await asyncio.to_thread(self._contents.read, client.target)
        checking = client.with_options(background=True)
        report = await check_image_spec(checking, spec, preflight, contents, fix=options.fix)
        build._set_report(report)
        sent = spec_to_send(spec, report, pin=options.pin)
        if sent is not spec:
            build._set_report(report.sent_as(sent.requirements))
            build.checked_spec = sent
            await self._writer.record_checked(build)
        return sent

    async def _finish(self, build: Build, error: BaseException | None) -> None:
        now = self._clock.wall()
        if error is None and (build.is_unchanged or build.origin is Origin.OBSERVED):
            build._set_built_by(await self._writer.last_built(build))
        await self._writer.record_end(build, error, now, self._is_running)
        self._registry.remove(build)
        build._finish(error, now)

    def _is_running(self, record: BuildRecord) -> bool:
        """Return whether this process or another one works on the operation of a record."""
        here = any(build.id == record.id for build in self._registry.by_cluster(record.target))
        return here or self._owner.is_held_elsewhere(record.owner)

    async def _tick_every_second(self) -> None:
        """Call the tick callbacks of all builds every second while there are any."""
        while builds := self._registry.all():  # it ends with the last build, so that an idle kernel does not wake up
            await asyncio.sleep(1.0)
            for build in builds:
                build._tick()


def spec_to_send(spec: ImageSpec, report: PreflightReport, *, pin: bool) -> ImageSpec:
    """Return what is sent after a check: the spec, corrected if that was asked for, or with pinned versions.

    Raises RequirementsConflictError after a conflict, or if the versions are not known, and LockDriftError if what
    would be sent is not what the lock of the spec has.
    """
    sent = _checked_spec(spec, report, pin=pin)
    as_sent = report.sent_as(sent.requirements)
    if spec.lock is not None:
        as_sent.raise_for_drift(spec.lock)
    elif spec.lock_digest and not (as_sent.lock and as_sent.lock.digest == spec.lock_digest):
        raise LockDriftError([f"the check no longer finds what the lock {spec.lock_digest} has"])
    return sent


def _checked_spec(spec: ImageSpec, report: PreflightReport, *, pin: bool) -> ImageSpec:
    report.raise_for_conflict()
    if pin and report.verdict is Verdict.INCONCLUSIVE:
        what = f"the versions could not be pinned: {report.reason}"
        raise RequirementsConflictError(what, forecast=report, hint=Hint(HintKind.SEND_UNPINNED))
    if pin:
        return replace(spec, requirements=report.pinned_text())
    return spec if report.correction is None else replace(spec, requirements=report.correction.text)


async def check_image_spec(
    client: ImagesClient | None,
    spec: ImageSpec,
    preflight: Preflight,
    contents: ClusterContents = NOTHING_READ,
    *,
    fix: bool = False,
) -> PreflightReport:
    """Return the preflight report of a spec on top of its base images; without a client, of a managed one.

    `contents` is what was read from the cluster.

    With `fix`, a conflict that has a correction is checked again with it. If that can be installed, its report is
    returned, with the correction and a warning for each line that it leaves out.
    """
    base = await resolve_base_chain(client, spec)
    if base.unknown:
        verdict = Verdict.CONFLICT if base.missing else Verdict.INCONCLUSIVE
        return PreflightReport(verdict, base.python, reason=base.unknown)
    listed = contents.base(base.managed) if base.managed else None
    run = partial(
        preflight,
        python=listed.python if listed else base.python,
        base=listed,
        policy=contents.policy,
        base_requirements=base.layers,
        base_image=spec.base_image or "",
        exclude_newer=spec.exclude_newer,
        locked=spec.lock,
        allow_index_options=spec.allow_index_options and spec.use_index_options,
    )
    report = (await run(spec.requirements)).with_origins(spec.line_origins)
    if not fix or report.verdict is not Verdict.CONFLICT or report.correction is None:
        return report
    fixed = await run(report.correction.text)
    if fixed.verdict is not Verdict.COMPATIBLE:
        return report
    warnings = (
        f"{report.label(each.line)} {each.code} is left out: {each.reason}" for each in report.correction.left_out
    )
    return replace(fixed, correction=report.correction, warnings=(*warnings, *fixed.warnings))
