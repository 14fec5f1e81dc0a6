"""Builds that go on in the background: one daemon thread, one loop, however many there are.

`Builds.start` returns a `Build` at once; the kernel stays free. What changes is `Build.operation`; whoever shows it
observes it. Nothing here prints.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from kusto_magic.arm import client, operation_start
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.client_pool import ClientFactory, ClientPool
from kusto_magic.arm.credentials import CredentialFactory
from kusto_magic.arm.poll_schedule import DEFAULT_ESTIMATE, DurationEstimate
from kusto_magic.builds.actions import Preflight, change_cluster, create_image, shared_preflight
from kusto_magic.builds.build import Build
from kusto_magic.builds.event_loop import BackgroundLoop, result_or_cancel
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.history import History, update
from kusto_magic.builds.history_writer import HistoryWriter
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.registry import BuildRegistry, FleetRegistry
from kusto_magic.builds.resume import is_not_submitted, poll_image, resume_build, spec_from_record
from kusto_magic.builds.runner import BuildRunner, Workflow, run_preflight
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.errors import InvalidInput, Problem
from kusto_magic.models.action import NOT_SUBMITTED, Action, Phase
from kusto_magic.models.cluster import PYTHON, LanguageExtension
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.naming import image_name_problem
from kusto_magic.models.target import Target
from kusto_magic.preflight import check as preflight
from kusto_magic.preflight.report import PreflightReport

T = TypeVar("T")


class BuildManager:
    """The builds of this process, and the loop that follows them.

    `open_client` opens a client for a target; `forecaster` asks whether requirements would install; `history` is what
    was started from here; `clock` the time. All four are seams. Safe to call from any thread.
    """

    def __init__(
        self,
        *,
        history: History | None = None,
        open_client: ClientFactory = client.connect,
        preflight: Preflight = preflight.run_preflight,
        clock: Clock | None = None,
    ) -> None:
        self.history = history or History()
        self._clients = ClientPool(open_client)
        self._writer = HistoryWriter(self.history)
        self._preflight = preflight
        self._clock: Clock = clock or SystemClock()
        self._loop = BackgroundLoop()
        self.registry = BuildRegistry()
        self.fleets = FleetRegistry()
        self._runner = BuildRunner(self._clients, self.registry, self._writer, self._clock)

    def sign_in(self, way: CredentialFactory) -> None:
        """Sign in this way from now on, on every cluster; what is being followed keeps its own. Nothing is sent."""
        self._clients.sign_in(way)

    def has_client(self, target: Target) -> bool:
        """Return whether something was asked on a cluster before: asking again will hardly need a person to sign in."""
        return self._clients.peek(target) is not None

    def identity(self, target: Target) -> str:
        """Return who is signed in for a cluster, in words to show; "" where nothing was asked there yet."""
        it = self._clients.peek(target)
        return "" if it is None else it.identity

    def start(
        self,
        target: Target,
        name: str,
        spec: ImageSpec,
        *,
        check: bool = True,
        pin: bool = False,
        force: bool = False,
        queue: bool = False,
        protect_active: bool = False,
        timeout: float = client.DEFAULT_TIMEOUT,
    ) -> Build:
        """Begin to build an image and return at once; the same spec already being built is joined.

        An image that is there and made of the same is left as it is, unless `force`. `check` asks the preflight first,
        which sends nothing when the requirements cannot fit (RequirementsConflict); `pin` sends the versions it found instead of
        the loose text. `queue` waits while another change of the cluster is running. `spare_active` does not replace
        the image that the cluster's python() runs on (InUse). `limit` is in seconds. Raises InvalidInput for a wrong
        name; everything else is in the Build.
        """
        _require_valid_name(name)
        running = self.registry.find_matching(target, name, spec, pin=pin, check=check)
        if running is not None:
            return running
        how = BuildOptions(check, pin, force, queue, protect_active, timeout)
        return self._start([self._record(Action.BUILD, target, name, spec, how)], timeout)[0]

    def start_fleet(
        self, targets: Sequence[Target], name: str, spec: ImageSpec, options: BuildOptions | None = None
    ) -> Fleet:
        """Begin to build the same image on several clusters and return at once; the same fleet at work is joined.

        Each cluster is left as it is where it has the image already. Unless `how` says otherwise, each build waits
        while another change of its cluster is running. Raises InvalidInput for a wrong name; everything else is in the
        fleet and its builds.
        """
        _require_valid_name(name)
        options = options or BuildOptions(queue=True)
        running = self.fleets.find_matching(targets, name, spec, pin=options.pin)
        if running is not None:
            return running
        return self._resume_fleet(
            [self._record(Action.BUILD, target, name, spec, options) for target in targets], options.timeout
        )

    def change_fleet(self, action: Action, targets: Sequence[Target], name: str, options: BuildOptions) -> Fleet:
        """Begin to delete, enable or disable an image on several clusters, and return at once. Raises InvalidInput."""
        if action is Action.ENABLE:
            LanguageExtension.python(name)
        elif action is Action.DELETE:
            _require_valid_name(name)
        return self._resume_fleet(
            [self._record(action, target, name, None, options) for target in targets], options.timeout
        )

    def attach_fleet(self, record: BuildRecord, *, timeout: float = client.DEFAULT_TIMEOUT) -> Fleet:
        """Take up the fleet to which a record of the history belongs, and return at once.

        What was begun is followed; what a process that has ended had not sent yet is sent now, as it was asked for.
        """
        running = self.fleets.get(record.fleet)
        if running is not None:
            return running
        newest = {record.target.key: record for record in self.history.fleet(record.fleet)}
        sending, now = Phase.SUBMITTING.value, self._clock.wall()
        unsent = {
            place: replace(record, id=uuid4().hex, started_at=now, state=sending, last_response_at=None)
            for place, record in newest.items()
            if is_not_submitted(record)
        }
        fleet = self._resume_fleet(
            [unsent.get(place, record) for place, record in newest.items()], timeout, record.fleet
        )
        self.history.apply(
            *(
                update(newest[place].id, state="Not submitted", message="sent again later", ended_at=now)
                for place in unsent
            )
        )
        return fleet

    def _resume_fleet(self, records: Sequence[BuildRecord], timeout: float, id_: str = "") -> Fleet:
        """Begin or go on with what the records say, but for those that have ended, as one fleet."""
        id_ = id_ or uuid4().hex
        records = [replace(record, fleet=id_) for record in records]
        builds = self._start([record for record in records if record.ended_at is None], timeout)
        by_place = {build.target.key: build for build in builds}
        members = [by_place.get(record.target.key, record) for record in records]
        return self.fleets.add(Fleet(id_, records[0].image, members))

    def _start(self, records: Sequence[BuildRecord], timeout: float = client.DEFAULT_TIMEOUT) -> list[Build]:
        """Begin what the records say, or go on with it; all of them, or (interrupted) none."""
        new = [record for record in records if is_not_submitted(record)]
        forecaster = shared_preflight(self._preflight) if len(records) > 1 else self._preflight
        try:
            self.history.add(*new)
            started = [
                self._prepare(record, BuildOptions.from_string(record.options, timeout), forecaster)
                for record in records
            ]
            self._launch(*started)
        except BaseException:
            now = self._clock.wall()
            self.history.apply(*(update(record.id, state="Not submitted", ended_at=now) for record in new))
            raise
        return [build for build, _ in started]

    def _prepare(self, record: BuildRecord, options: BuildOptions, preflight: Preflight) -> tuple[Build, Workflow]:
        action, spec, unsent = Action(record.action), spec_from_record(record), is_not_submitted(record)
        usual = self.estimate(record.target) if action is Action.BUILD else None
        sending = operation_start.submitting(action, "", spec)
        build = Build(record, sending, spec, usual, from_the_start=unsent, pinned=options.pin, checks=options.check)

        async def check(it: ImagesClient, build: Build) -> ImageSpec:
            return await self._runner.check(it, build, preflight, pin=options.pin)

        if not unsent:
            return build, lambda it: resume_build(it, build, record, options)
        if action is Action.BUILD:
            return build, lambda it: create_image(it, build, options, check)
        return build, lambda it: change_cluster(it, action, record.image, options)

    def check(self, target: Target, spec: ImageSpec) -> concurrent.futures.Future[PreflightReport]:
        """Ask the preflight about a spec, nothing else; return at once. The future raises only sign-in and the like."""
        return self.submit(target, lambda it: run_preflight(it, spec, self._preflight))

    def delete(self, target: Target, name: str, *, queue: bool = False, protect_active: bool = False) -> Build:
        """Begin to delete an image and return at once; `queue` and `spare_active` as for `start`.

        Raises InvalidInput for a wrong name.
        """
        _require_valid_name(name)
        return self._change(
            Action.DELETE, target, name, BuildOptions(check=False, queue=queue, protect_active=protect_active)
        )

    def enable(self, target: Target, name: str, *, queue: bool = False) -> Build:
        """Begin to let python() run on a managed or custom image, and return at once. Raises InvalidInput."""
        LanguageExtension.python(name)
        return self._change(Action.ENABLE, target, name, BuildOptions(check=False, queue=queue))

    def disable(self, target: Target, name: str = "", *, queue: bool = False) -> Build:
        """Begin to switch python() off, and return at once; `name` is the image that it runs on, if that is known."""
        return self._change(Action.DISABLE, target, name or PYTHON, BuildOptions(check=False, queue=queue))

    def _change(self, action: Action, target: Target, name: str, options: BuildOptions) -> Build:
        return self._start([self._record(action, target, name, None, options)])[0]

    def attach(
        self, target: Target, name: str, *, timeout: float = client.DEFAULT_TIMEOUT, send: bool = False
    ) -> Build:
        """Follow what goes on with an image, whoever began it and in whichever process, and return at once.

        `send` sends what a process that has ended had not sent yet, as it was asked for. Raises InvalidInput for a
        wrong name; an image that is not there is an error of the Build.
        """
        running = self.running(target, name)
        if running is not None:
            return running
        left = self.history.left_open(target, name)
        begun = [record for record in left if record.state not in NOT_SUBMITTED]
        record = next(iter(begun or (left if send else [])), None)
        if record is not None:
            return self._start([record], timeout)[0]
        _require_valid_name(name)  # a managed image can be enabled, but is not built
        record = self._record(Action.BUILD, target, name, None, BuildOptions())
        build = Build(record, operation_start.submitting(Action.BUILD, ""), None, None, start_known=False)
        self._launch((build, lambda it: poll_image(it, name, timeout)))
        return build

    def stop_polling(self, build: Build) -> None:
        """Stop polling a build whose end another process has recorded, and return at once.

        The build ends with EndedElsewhere; nothing is sent and nothing is recorded.
        """
        self._loop.submit(self._runner.stop(build))

    def running(self, target: Target, name: str) -> Build | None:
        """Return the build of this image that this process follows now, or None."""
        return self.registry.get(target, name)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the background loop; return at once."""
        return self._loop.submit(coroutine)

    def estimate(self, target: Target) -> DurationEstimate | None:
        """Return how long builds take there: by experience, else as recorded in Azure, or as the emulator is set."""
        return self.history.estimate(target) or (_emulator_estimate(target) if target.is_local else DEFAULT_ESTIMATE)

    def submit(self, target: Target, question: Callable[[ImagesClient], Awaitable[T]]) -> concurrent.futures.Future[T]:
        """Ask a client something on the background loop; return at once."""

        async def asked() -> T:
            return await question(await self._clients.get(target))

        return self._loop.submit(asked())

    def ask(self, target: Target, question: Callable[[ImagesClient], Awaitable[T]]) -> T:
        """Ask a client something and wait for the answer, e.g. `ask(target, lambda c: c.list())`."""
        return result_or_cancel(self.submit(target, question))

    def close(self) -> None:
        """End the loop; builds go on in Azure and can be attached to again."""
        self._loop.close(self._clients.aclose())
        self._writer.close()
        self.history.close()

    # ── on the background loop ───────────────────────────────────────────────────────────────────────────────

    def _launch(self, *started: tuple[Build, Workflow]) -> None:
        for build, _ in started:
            self.registry.add(build)
        self._loop.submit(self._runner.run(started))

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────

    def _record(
        self, action: Action, target: Target, name: str, spec: ImageSpec | None, options: BuildOptions
    ) -> BuildRecord:
        return BuildRecord(
            id=uuid4().hex,
            target=target,
            image=name,
            action=action.value,
            base_image=spec.base_image if spec else None,
            python_version=spec.python_version if spec else None,
            requirements=spec.requirements if spec else "",
            started_at=self._clock.wall(),
            state=Phase.QUEUED.value,
            options=options.to_string(),
        )


def _emulator_estimate(target: Target) -> DurationEstimate | None:
    from kusto_magic.arm import local_emulator as launch

    seconds = launch.build_seconds(target.endpoint)
    return None if seconds is None else DurationEstimate(seconds, seconds, 0, "the emulator's setting", (seconds,))


def _require_valid_name(name: str) -> None:
    problem = image_name_problem(name)
    if problem:
        raise InvalidInput([Problem("image name", problem)])


_default_manager: BuildManager | None = None
_default_lock = threading.Lock()


def default_manager() -> BuildManager:
    """Return the Builds that the magics, the panel and the user's own code in this process have in common."""
    global _default_manager
    with _default_lock:
        if _default_manager is None:
            _default_manager = BuildManager()
            atexit.register(_default_manager.close)
        return _default_manager
