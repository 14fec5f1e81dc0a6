"""Manager of the builds of this process, which run on one background thread with one event loop.

`BuildManager.start` returns a `Build` at once, and the kernel stays free. Observe `Build.operation` to show the
progress; this module prints nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar
from uuid import uuid4

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.client_pool import ClientPool, ConnectionFactory
from kusto_magic.arm.credentials import CredentialFactory
from kusto_magic.arm.poll_schedule import DEFAULT_ESTIMATE, DurationEstimate
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.builds import at_exit, fork
from kusto_magic.builds.actions import Preflight
from kusto_magic.builds.build import Build
from kusto_magic.builds.event_loop import BackgroundLoop, WaitObserver, result_or_cancel
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.history import History
from kusto_magic.builds.history_writer import HistoryWriter
from kusto_magic.builds.launcher import BuildLauncher
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.ownership import FOLDER as OWNERS
from kusto_magic.builds.ownership import Owner
from kusto_magic.builds.plan_lookup import planned
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.registry import BuildRegistry, FleetRegistry
from kusto_magic.builds.request import BuildRequest
from kusto_magic.builds.runner import BuildRunner, check_image_spec
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import UNSENT_STATES
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.naming import existing_image_problem
from kusto_magic.models.target import Subscription, Target
from kusto_magic.models.verification import Expectation, Verification
from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.program_hints import PROGRAM
from kusto_magic.queries.client import run_query
from kusto_magic.queries.contents_store import ContentsStore
from kusto_magic.queries.live_base import LiveBase, read_base
from kusto_magic.queries.query import RunQuery
from kusto_magic.queries.verify import VerifyOptions, verify_image
from kusto_magic.settings import DEFAULT_TIMEOUT

T = TypeVar("T")


class BuildManager:
    """Starts, resumes and polls the builds of this process.

    `connect` opens the connection to an endpoint, `preflight` checks requirements, `run_query` queries a cluster,
    `history` stores the operations started on this machine, `clock` is the source of time; tests replace all of them.
    Safe to call from any thread.
    """

    def __init__(
        self,
        *,
        history: History | None = None,
        connect: ConnectionFactory | None = None,
        preflight: Preflight = run_preflight,
        run_query: RunQuery = run_query,
        clock: Clock | None = None,
    ) -> None:
        self.history = history or History()
        self.hint_table = PROGRAM
        """The sentences of the front end that starts the builds, for the report at the end of the process."""
        self.wait_observer: WaitObserver | None = None
        """Follows the waits of `ask` and `ask_subscription`, in the thread that calls them."""
        self._owner = Owner(self.history.folder and self.history.folder / OWNERS)
        self._connect = connect
        self._preflight = preflight
        self._run_query = run_query
        self._clock: Clock = clock or SystemClock()
        self._set_up()
        fork.add(self)

    def _set_up(self) -> None:
        self._clients = ClientPool(self._connect)
        self._writer = HistoryWriter(self.history)
        self._loop = BackgroundLoop()
        self.contents = ContentsStore(self.history.folder)
        """What was read from clusters: their managed images and sandbox policies."""
        self.registry = BuildRegistry()
        self.fleets = FleetRegistry()
        self._runner = BuildRunner(self._clients, self.registry, self._writer, self._owner, self.contents, self._clock)
        self._launcher = BuildLauncher(
            self.history, self._owner, self.registry, self._runner, self._loop, self._preflight, self.estimate,
            self._clock,
        )  # fmt: skip

    def forget_parent(self) -> None:
        """Re-create the loop, the registry and the clients in a forked child, without the parent's threads."""
        self.history.forget_connections()
        self._owner.forget_lock()
        self._set_up()

    def sign_in(self, factory: CredentialFactory) -> None:
        """Use the credentials of `factory` on every cluster from now on. Running builds keep theirs."""
        self._clients.sign_in(factory)

    @property
    def running_tool(self) -> tuple[str, float] | None:
        """The sign-in method that is running a program such as az, and its limit in seconds, or None."""
        return self._clients.running_tool

    def has_client(self, target: Target) -> bool:
        """Return whether a client is open for a cluster: a request is then unlikely to need an interactive sign-in."""
        return self._clients.peek(target) is not None

    def identity(self, target: Target) -> str:
        """Return the signed-in identity for a cluster as display text, or "" if no client is open for it."""
        opened = self._clients.peek(target)
        return "" if opened is None else opened.identity

    def start(self, request: BuildRequest) -> Build:
        """Start an operation and return at once; if the same image is already being built, return that build.

        An image that is up to date is left unchanged, unless `force`. Changes of one cluster by this process wait for
        each other, with any options. Raises InvalidInputError for an invalid request; all other errors are raised by
        the Build.
        """
        request.require_valid()
        return self.registry.find_matching(request) or self._launcher.start([request])[0]

    def start_fleet(self, requests: Sequence[BuildRequest]) -> Fleet:
        """Start the same operation on several clusters and return at once; return the running fleet if it is the same.

        Raises as `start` does.
        """
        if not requests:
            raise InvalidInputError([Problem("clusters", "none is given")])
        for request in requests:
            request.require_valid()
        running = self.fleets.find_matching(requests)
        if running is not None:
            return running
        id_ = uuid4().hex
        return self.fleets.add(Fleet(id_, requests[0].name, self._launcher.start(requests, id_)))

    def attach_fleet(self, record: BuildRecord, *, timeout: float = DEFAULT_TIMEOUT, send: bool = False) -> Fleet:
        """Poll the fleet of a record of the history, whichever process started it, and return at once.

        Nothing is sent, unless `send`: operations that the service has not confirmed are then sent with their original
        options.
        """
        running = self.fleets.get(record.fleet)
        if running is not None:
            return running
        # In the order of their start, so the newest record of a cluster is kept.
        newest = {record.target.key: record for record in self.history.fleet(record.fleet)}
        here = {record.id: build for record in newest.values() if (build := self.registry.by_id(record.id))}
        others = [record for record in newest.values() if record.id not in here]
        unsent = [record for record in others if send and self._launcher.can_send_again(record)]
        left = [record for record in others if record.ended_at is None and record not in unsent]
        builds = [*self._launcher.resume(left, timeout, send=send), *self._launcher.repeat(unsent, timeout)]
        by_key = {build.target.key: build for build in (*here.values(), *builds)}
        return self.fleets.add(
            Fleet(record.fleet, record.name, [by_key.get(key, record) for key, record in newest.items()])
        )

    def check(self, target: Target | None, spec: ImageSpec, *, fix: bool = False) -> Future[PreflightReport]:
        """Run the preflight for a spec in the background; nothing is built. `fix` applies a correction to a conflict.

        Without a target, only managed images are known as base images. The future raises errors of the client, such as
        SignInError; every other outcome is part of the report.
        """
        if target is None:
            return self.run(check_image_spec(None, spec, self._preflight, fix=fix))

        async def check(images: ImagesClient) -> PreflightReport:
            contents = await asyncio.to_thread(self.contents.read, target)
            return await check_image_spec(images, spec, self._preflight, contents, fix=fix)

        return self.submit(target, check)

    def verify(self, target: Target, name: str, options: VerifyOptions) -> Future[Verification]:
        """Compare in the background what queries run on with what was planned; `name` "" is the active image.

        The future raises the errors of `verify_image`.
        """

        async def find_plan(image: Image) -> Expectation | None:
            return await asyncio.to_thread(planned, self.history, target, image)

        async def verify(images: ImagesClient) -> Verification:
            contents = await asyncio.to_thread(self.contents.read, target)
            return await verify_image(images, name, find_plan, options, self._run_query, contents)

        return self.submit(target, verify)

    def read_base(self, target: Target, name: str, database: str) -> Future[LiveBase]:
        """Read in the background what the active managed image contains, and keep it for later checks.

        `name` is that image, "" for whichever is active; `database` is where the query runs, "" for the first. The
        future raises the errors of `queries.live_base.read_base`.
        """
        wall, run = self._clock.wall, self._run_query
        return self.submit(target, lambda images: read_base(images, name, database, self.contents, wall, run))

    def attach(self, target: Target, name: str, *, timeout: float = DEFAULT_TIMEOUT, send: bool = False) -> Build:
        """Poll the current operation on an image, whichever process started it, and return at once.

        Nothing is sent, unless `send`: an operation that the service has not confirmed is then sent with its original
        options. Raises InvalidInputError for an invalid name; if the image does not exist, the Build raises
        NotFoundError; if the operation was not sent before its process ended, NotSubmittedError; if the service does
        not show what came of its request, OutcomeUnknownError.
        """
        running = self.running(target, name)
        if running is not None:
            return running
        if send and (repeated := self._launcher.repeat(self._launcher.unconfirmed(target, name), timeout)):
            return repeated[-1]
        unfinished = self.history.left_open(target, name)
        submitted = [record for record in unfinished if record.state not in UNSENT_STATES]
        record = next(iter(submitted or unfinished), None)
        if record is not None:
            return self._launcher.resume([record], timeout, send=send)[0]
        # After the history: a managed image can be enabled, but not built.
        if problem := existing_image_problem(name):
            raise InvalidInputError([Problem("image name", problem)])
        options = BuildOptions(timeout=timeout)
        return self._launcher.observe(BuildRequest(Action.BUILD, target, name, options=options))

    def attach_record(self, record: BuildRecord, *, timeout: float = DEFAULT_TIMEOUT) -> Build:
        """Poll the operation of a record, whichever process started it, and return at once; nothing is sent."""
        return self._launcher.resume([record], timeout)[0]

    def stop_polling(self, build: Build) -> None:
        """Stop polling a build, and return at once; nothing more is sent for it, and nothing is recorded.

        One that was not sent ends with NotSubmittedError, another one, whose end another process may have recorded,
        with EndedElsewhereError.
        """
        self._loop.submit(self._runner.stop(build))

    def is_held_elsewhere(self, record: BuildRecord) -> bool:
        """Return whether another process that is still running sends and polls the operation of a record."""
        return self._launcher.is_held_elsewhere(record)

    def owns(self, owner: str) -> bool:
        """Return whether `owner`, of a record of the history, is this process."""
        return self._owner.is_mine(owner)

    def running(self, target: Target, name: str) -> Build | None:
        """Return the build of this image that this process is polling, or None."""
        return self.registry.get(target, name)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the background loop; return at once."""
        return self._loop.submit(coroutine)

    def estimate(self, target: Target) -> DurationEstimate | None:
        """Return the estimate for a cluster: from the history, the emulator's setting, or recordings of Azure."""
        return self.history.estimate(target) or (_emulator_estimate(target) if target.is_local else DEFAULT_ESTIMATE)

    def submit(self, target: Target, request: Callable[[ImagesClient], Awaitable[T]]) -> Future[T]:
        """Run a request of a client on the background loop; return at once."""

        async def run() -> T:
            return await request(await self._clients.get(target))

        return self._loop.submit(run())

    def ask(self, target: Target, request: Callable[[ImagesClient], Awaitable[T]]) -> T:
        """Run a request of a client and wait for its result, e.g. `ask(target, lambda client: client.list())`."""
        return result_or_cancel(self.submit(target, request), self.wait_observer)

    def submit_subscription(
        self, subscription: Subscription, request: Callable[[SubscriptionClient], Awaitable[T]]
    ) -> Future[T]:
        """Run a request of a client of a subscription on the background loop; return at once."""

        async def run() -> T:
            return await request(await self._clients.get_subscription(subscription))

        return self._loop.submit(run())

    def ask_subscription(self, subscription: Subscription, request: Callable[[SubscriptionClient], Awaitable[T]]) -> T:
        """Run a request of a client of a subscription and wait for its result."""
        return result_or_cancel(self.submit_subscription(subscription, request), self.wait_observer)

    def close(self) -> None:
        """Stop the background loop; builds continue in Azure and can be resumed."""
        self._loop.close(self._clients.aclose())  # first: canceled builds still write their last state
        self._writer.close()
        self._owner.release()
        self.history.close()


def _emulator_estimate(target: Target) -> DurationEstimate | None:
    from kusto_magic.arm import local_emulator  # needed only for the emulator

    seconds = local_emulator.build_seconds(target.endpoint)
    return None if seconds is None else DurationEstimate(seconds, seconds, 0, "the emulator's setting", (seconds,))


_default_manager: BuildManager | None = None
_default_lock = threading.Lock()


def default_manager() -> BuildManager:
    """Return the manager that the magics, the panel and user code in this process share."""
    global _default_manager
    with _default_lock:
        if _default_manager is None:
            _default_manager = BuildManager()
            manager = _default_manager
            at_exit.register(lambda: manager.registry, manager.close, lambda: manager.hint_table)
        return _default_manager


def start_build(target: Target, name: str, spec: ImageSpec, options: BuildOptions | None = None) -> Build:
    """Start building an image in the background, and return at once: `start_build(target, name, spec).result()`.

    The history keeps the build; in a notebook with the extension loaded, it is shown as a card. Raises
    InvalidInputError for an invalid name; all other errors are raised by the Build. For other actions and several
    clusters, there are `default_manager().start` and `start_fleet`.
    """
    return default_manager().start(BuildRequest(Action.BUILD, target, name, spec, options or BuildOptions()))
