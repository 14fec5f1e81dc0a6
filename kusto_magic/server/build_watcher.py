"""The clusters, images and builds of this user, as seen by the Jupyter server without a kernel.

The server also polls builds that other processes started, so that a build whose kernel has stopped still reaches its
final state. Clusters are identified by opaque IDs, so that the server never takes an address from a browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from kusto_magic import export
from kusto_magic.arm.client import ImagesClient
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.plan_lookup import NOT_BUILT, built_lock, checked_lock
from kusto_magic.builds.request import BuildRequest
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.display.bundle import Bundle
from kusto_magic.display.command_hints import MAGICS
from kusto_magic.error_texts import failure_reason
from kusto_magic.errors import InvalidInputError, KustoImageError, Problem
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.cluster import PYTHON, ActiveImage, PythonOff, PythonState, UnknownImage
from kusto_magic.models.cluster_contents import ClusterContents
from kusto_magic.models.export_forms import LOCK_FORMS
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.naming import base_image_problem
from kusto_magic.models.target import Target
from kusto_magic.models.verification import Verification
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.queries.verify import VerifyOptions
from kusto_magic.requirements import parser
from kusto_magic.server.build_feed import BuildFeed
from kusto_magic.server.build_views import BuildView, ListedBuild
from kusto_magic.server.change_log import Changes
from kusto_magic.server.cluster_finder import ClusterFinder, configured_endpoint
from kusto_magic.server.clusters import (
    ClusterDirectory,
    KnownCluster,
    UnknownIdError,
    configured_target,
    emulator_target,
    start_emulator,
)
from kusto_magic.server.long_polls import LongPolls, SharedCall
from kusto_magic.server.saved_clusters import SavedClusters

MAX_THREADS = 4
"""Maximum number of threads for whatever blocks, except the reads of the list of builds, which have their own."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image as Azure returns it, the ID of its newest build in the history, or None, and its number of packages."""

    image: Image
    build: str | None
    packages: int


@dataclass(frozen=True, slots=True)
class ClusterImages:
    """The images of a cluster, what queries run on, and the signed-in identity, "" if that is not known."""

    images: list[ImageView]
    active: PythonState
    identity: str


class BuildWatcher:
    """Watches the builds of all clusters; there is one instance per Jupyter server.

    `sources` return the clusters that are known besides those of the history, `endpoint` where other clusters are
    looked for; `start_emulator` starts the emulator. `clock` is for the age of builds, `poll_clock` for waiting
    requests. All arguments can be replaced in tests. Whatever uses the disk or the network is a coroutine or runs in a
    thread of the watcher's own: the server's default threads may be busy with other work.
    """

    def __init__(
        self,
        builds: BuildManager,
        *,
        sources: Sequence[Callable[[], Target | None]] = (configured_target, emulator_target),
        endpoint: Callable[[], str] = configured_endpoint,
        start_emulator: Callable[[], Target] = start_emulator,
        clock: Clock | None = None,
        poll_clock: Clock | None = None,
    ) -> None:
        self._builds = builds
        self._clock: Clock = clock or SystemClock()
        self._threads = ThreadPoolExecutor(MAX_THREADS, "kusto-magic-server")
        self._directory = ClusterDirectory(sources, SavedClusters(builds.history.folder))
        self._start_emulator = start_emulator
        self.finder = ClusterFinder(builds, self._directory.register, lambda: self._run(endpoint))
        self._feed = BuildFeed(builds, self._directory.register, self._clock)
        # One thread: the reads of the list share one SQLite connection, and other routes must not wait behind them.
        self._refresh = SharedCall(self._feed.refresh, ThreadPoolExecutor(1, "kusto-magic-builds"))
        self._polls = LongPolls(self._refreshed_revision, poll_clock or SystemClock())

    # ── clusters and images ──────────────────────────────────────────────────────────────────────────────────

    async def clusters(self) -> list[KnownCluster]:
        """Return the known clusters: the configured one, the emulator's, the added ones, then those of the history.

        Clusters that the user has removed are left out while nothing is being changed there.
        """
        await self._refresh.run()
        views = [entry.value.view for entry in self._feed.log.entries]
        busy = [view.cluster.target for view in views if view.active]
        return await self._run(self._directory.all, dict.fromkeys(view.cluster.target for view in views), busy)

    async def add_cluster(self, cluster: str) -> KnownCluster:
        """Keep a cluster in the list. Raises UnknownIdError and SavedClustersError."""
        return await self._run(self._directory.add, await self._target(cluster))

    async def remove_cluster(self, cluster: str) -> None:
        """Remove a cluster from the list; nothing changes in Azure. Raises UnknownIdError and SavedClustersError."""
        await self._run(self._directory.remove, await self._target(cluster))

    async def use_emulator(self) -> KnownCluster:
        """Start the emulator unless it runs, and return its first cluster. Raises EmulatorError."""
        return await self._run(lambda: self._directory.add(self._start_emulator()))

    async def images(self, cluster: str) -> ClusterImages:
        """Read the images of a cluster from Azure. Raises UnknownIdError and what `ImagesClient.list` raises."""

        async def read(client: ImagesClient) -> tuple[Sequence[Image], PythonState, str]:
            images, active = await asyncio.gather(client.list(), _active(client))
            return images, active, client.identity

        target = await self._target(cluster)
        images, active, identity = await asyncio.wrap_future(self._builds.submit(target, read))
        return ClusterImages(
            await self._run(lambda: [self._image_view(target, image) for image in images]), active, identity
        )

    async def create(self, cluster: str, name: str, spec: ImageSpec, *, allow_active: bool = False) -> BuildView:
        """Start building an image; unless `allow_active`, it does not replace one that queries use or may use.

        Raises UnknownIdError and InvalidInputError; later errors are part of the build.
        """
        options = BuildOptions(protect_active=not allow_active)
        return await self._start(BuildRequest(Action.BUILD, await self._target(cluster), name, spec, options))

    async def delete(self, cluster: str, name: str, *, allow_active: bool = False) -> BuildView:
        """Start deleting an image; `allow_active` is as for `create`. Raises as `create` does."""
        options = BuildOptions(protect_active=not allow_active)
        return await self._start(BuildRequest(Action.DELETE, await self._target(cluster), name, options=options))

    async def enable(self, cluster: str, name: str) -> BuildView:
        """Start making queries use a managed or custom image. Raises as `create` does."""
        return await self._start(BuildRequest(Action.ENABLE, await self._target(cluster), name))

    async def disable(self, cluster: str) -> BuildView:
        """Start disabling the Python plugin. Raises as `create` does, also if it is disabled already."""
        target = await self._target(cluster)
        active = await asyncio.wrap_future(self._builds.submit(target, _active))
        if isinstance(active, PythonOff):
            raise InvalidInputError([Problem("cluster", "python() is already disabled on this cluster")])
        name = active.name if isinstance(active, ActiveImage) else ""
        # Commands that a card suggests contain the name.
        known = PYTHON if not name or base_image_problem(name) else name
        return await self._start(BuildRequest(Action.DISABLE, target, known))

    async def contents(self, cluster: str) -> ClusterContents:
        """Return what was read from a cluster before. Raises UnknownIdError."""
        return await self._run(self._builds.contents.read, await self._target(cluster))

    async def check(self, cluster: str, spec: ImageSpec) -> PreflightReport:
        """Run the check of a spec; nothing is built. Canceling the task ends the check. Raises UnknownIdError."""
        return await asyncio.wrap_future(self._builds.check(await self._target(cluster), spec))

    async def verify(self, cluster: str, name: str, options: VerifyOptions) -> tuple[Verification, Target]:
        """Compare what queries run on with what was planned. Raises UnknownIdError, and as `BuildManager.verify`."""
        target = await self._target(cluster)
        return await asyncio.wrap_future(self._builds.verify(target, name, options)), target

    async def export(self, cluster: str, name: str, form: str) -> tuple[str, str]:
        """Return an image in one of `ALL_FORMS`, and a remark or "".

        The packages of an image that this machine has not built are those of a check; canceling the task ends it.
        Raises as `images`, `checked_lock` and `export.export` do.
        """
        target = await self._target(cluster)
        image = await asyncio.wrap_future(self._builds.submit(target, lambda client: client.get(name)))
        lock, remark = await self._run(built_lock, self._builds.history, target, image), ""
        if lock is None and form in LOCK_FORMS:
            spec = await self._run(image.to_spec)
            lock, remark = checked_lock(await asyncio.wrap_future(self._builds.check(target, spec))), NOT_BUILT
        contents = await self.contents(cluster)
        return await self._run(export.export, form, image.name, image, target, lock, contents), remark

    # ── builds ───────────────────────────────────────────────────────────────────────────────────────────────

    async def build(self, id: str) -> BuildView:  # noqa: A002
        """Return one build with its requirements, regardless of its age. Raises UnknownIdError."""
        record = await self._run(self._builds.history.get, id)
        if record is None:
            raise UnknownIdError(
                "there is no build with this ID; the oldest ones are removed from the history",
                hint=Hint(HintKind.RELOAD_PAGE),
            )
        return self._feed.view(record)

    async def output(self, id: str) -> Bundle:  # noqa: A002
        """Return the card of a build or of a fleet, as the output of a cell has it. Raises UnknownIdError."""
        records = await self._run(self._builds.history.fleet, id)
        card = self._feed.fleet(records) if records else (await self.build(id)).card
        return await self._run(card.bundle, MAGICS)

    async def builds_of_image(self, cluster: str, name: str) -> list[BuildView]:
        """Return the newest operations on an image, newest first. Raises UnknownIdError."""
        target = await self._target(cluster)
        return await self._run(
            lambda: [self._feed.view(record) for record in self._builds.history.of_image(target, name)]
        )

    async def changes(self, after: str, wait: float) -> Changes[ListedBuild]:
        """Return the builds that have changed since the revision `after`, or all if that is not known.

        If there are no changes, wait for the next one, at most `wait` seconds.
        """
        await self._refresh.run()
        found = self._feed.log.since(after)
        if found.complete or found.revision != after:
            return found
        await self._polls.wait(after, wait)
        return self._feed.log.since(after)

    async def _refreshed_revision(self) -> str:
        await self._refresh.run()
        return self._feed.log.revision

    # ── threads ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of a blocking function, called in one of the watcher's threads."""
        return await asyncio.wrap_future(self._threads.submit(work, *args, **kwargs))

    async def _start(self, request: BuildRequest) -> BuildView:
        return await self._run(lambda: self._feed.watch(self._builds.start(request)))

    async def _target(self, cluster: str) -> Target:
        """Return the cluster with this ID. Raises UnknownIdError."""
        if self._directory.get(cluster) is None:  # the browser may keep an ID from before a restart of the server
            await self.clusters()
        target = self._directory.get(cluster)
        if target is None:
            raise UnknownIdError("there is no cluster with this ID", hint=Hint(HintKind.RELOAD_PAGE))
        return target

    def _image_view(self, target: Target, image: Image) -> ImageView:
        record = self._builds.history.latest(image.name, target)
        return ImageView(image, record.id if record else None, len(parser.read(image.requirements).packages))


async def _active(client: ImagesClient) -> PythonState:
    """Return what queries run on; unknown after any error, so that the images can be listed anyway."""
    try:
        return await client.active()
    except KustoImageError as error:
        return UnknownImage(failure_reason(error), error.hint)
