"""The clusters, images and builds of this user, as seen by the Jupyter server without a kernel.

The server also polls builds that other processes started, so that a build whose kernel has stopped still reaches its
final state. Clusters are identified by opaque IDs, so that the server never takes an address from a browser.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice

from kusto_magic.arm.client import ImagesClient
from kusto_magic.builds.build import Build
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.record import BuildRecord
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.display.card import Card, card, card_from_record
from kusto_magic.errors import KustoImageError, failure_reason
from kusto_magic.models.action import NOT_STARTED, Phase
from kusto_magic.models.cluster import PythonState, UnknownImage
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.server.clusters import (
    ClusterDirectory,
    KnownCluster,
    UnknownIdError,
    configured_target,
    emulator_target,
)

MAX_ENTRIES = 50
"""Maximum number of entries returned, newest first; a fleet counts as one entry, so that its totals are complete."""

MAX_RECORDS = 500
"""Maximum number of records read; a fleet that reaches beyond them is shown incomplete."""

MAX_RESUME_AGE = timedelta(hours=24)
"""Age after which an unfinished build is no longer resumed."""

START_GRACE = timedelta(minutes=2)
"""Time after its start during which a build without an owner is left to its kernel, which checks and submits it."""

QUEUE_GRACE = timedelta(hours=1)
"""As `START_GRACE`, for queued builds, which the service does not know, and for records without any update yet."""

HISTORY_INTERVAL = 0.5
"""Seconds between two checks for history changes by other processes, while a client waits for changes."""

REFRESH_INTERVAL = 5.0
"""Seconds after which the records are read again although nothing was written: some states depend on their age."""


@dataclass(frozen=True, slots=True)
class BuildView:
    """The current state of a build; `active` is whether it is still being polled or is about to be submitted."""

    card: Card
    cluster: KnownCluster
    active: bool


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image as Azure returns it, and the ID of its newest build in the history, or None."""

    image: Image
    build: str | None


@dataclass(frozen=True, slots=True)
class ClusterImages:
    """The images of a cluster, what queries run on, and the signed-in identity, "" if that is not known."""

    images: list[ImageView]
    active: PythonState
    identity: str


@dataclass(frozen=True, slots=True)
class BuildFeed:
    """The newest builds. `revision` grows with every change; `warning` says why the history is not saved, or is ""."""

    revision: int
    builds: list[BuildView]
    warning: str


def newest_entries(records: Sequence[BuildRecord], entries: int = MAX_ENTRIES) -> list[BuildRecord]:
    """Return the records of the first `entries` entries: single builds and whole fleets."""
    shown = set(islice(dict.fromkeys(record.fleet or record.id for record in records), entries))
    return [record for record in records if (record.fleet or record.id) in shown]


class BuildWatcher:
    """Watches the builds of all clusters; there is one instance per Jupyter server.

    `sources` return the clusters that are known besides those of the history. All arguments can be replaced in tests.
    Whatever uses the disk or the network is a coroutine or runs in a worker thread (see the last section).
    """

    def __init__(
        self,
        builds: BuildManager,
        *,
        sources: Sequence[Callable[[], Target | None]] = (configured_target, emulator_target),
        clock: Clock | None = None,
    ) -> None:
        self._builds = builds
        self._directory = ClusterDirectory(sources, self._recent_records)
        self._clock: Clock = clock or SystemClock()
        self._lock = threading.Lock()  # `_refresh` runs in several worker threads
        self._watched: dict[str, Build] = {}
        self._resumed: set[str] = set()
        self._revision = 1
        self._waiting: set[Callable[[], object]] = set()
        self._last_records: list[BuildRecord] | None = None

    # ── clusters and images ──────────────────────────────────────────────────────────────────────────────────

    async def clusters(self) -> list[KnownCluster]:
        """Return the known clusters: the configured one, the emulator's, then those of the history, newest first."""
        return await self._directory.all()

    async def images(self, cluster: str) -> ClusterImages:
        """Read the images of a cluster from Azure. Raises UnknownIdError and what `ImagesClient.list` raises."""

        async def read(client: ImagesClient) -> tuple[Sequence[Image], PythonState, str]:
            images, active = await asyncio.gather(client.list(), _active(client))
            return images, active, client.identity

        target = await self._directory.target(cluster)
        images, active, identity = await asyncio.wrap_future(self._builds.submit(target, read))
        return ClusterImages(
            await asyncio.to_thread(lambda: [self._image_view(target, image) for image in images]), active, identity
        )

    async def create(self, cluster: str, name: str, spec: ImageSpec, *, allow_active: bool = False) -> BuildView:
        """Start building an image; unless `allow_active`, it does not replace one that queries use or may use.

        Raises UnknownIdError and InvalidInput; later errors are part of the build.
        """
        target = await self._directory.target(cluster)
        start = partial(self._builds.start, target, name, spec, protect_active=not allow_active)
        return self._watch(await asyncio.to_thread(start))

    async def delete(self, cluster: str, name: str, *, allow_active: bool = False) -> BuildView:
        """Start deleting an image; `allow_active` is as for `create`. Raises as `create` does."""
        target = await self._directory.target(cluster)
        delete = partial(self._builds.delete, target, name, protect_active=not allow_active)
        return self._watch(await asyncio.to_thread(delete))

    async def enable(self, cluster: str, name: str) -> BuildView:
        """Start making queries use a managed or custom image. Raises as `create` does."""
        target = await self._directory.target(cluster)
        return self._watch(await asyncio.to_thread(self._builds.enable, target, name))

    # ── builds ───────────────────────────────────────────────────────────────────────────────────────────────

    async def builds(self) -> list[BuildView]:
        """Return the newest builds and start polling the unfinished ones."""
        return await asyncio.to_thread(self._refresh)

    async def build(self, id: str) -> BuildView:  # noqa: A002
        """Return one build, regardless of its age. Raises UnknownIdError."""
        record = await asyncio.to_thread(self._builds.history.get, id)
        if record is None:
            raise UnknownIdError(
                "there is no build with this ID",
                next_step="Reload the page. The oldest builds are removed from the history.",
            )
        return self._view_of(record)

    async def wait_for_changes(self, after: int, wait: float) -> BuildFeed:
        """Return the builds as soon as the revision differs from `after`, at the latest after `wait` seconds."""
        history, left = self._builds.history, wait
        while True:
            revision = self._revision  # read first, so that a change during the next lines counts for the next request
            version = await asyncio.to_thread(history.data_version)
            builds = await self.builds()
            if revision != after or left <= 0:
                return BuildFeed(revision, builds, history.warning)
            fresh = REFRESH_INTERVAL
            while left > 0 and fresh > 0 and self._revision == revision:
                await self._wait_for_notification(min(HISTORY_INTERVAL, left))
                left -= HISTORY_INTERVAL
                fresh -= HISTORY_INTERVAL
                if await asyncio.to_thread(history.data_version) != version:
                    break

    async def _wait_for_notification(self, seconds: float) -> None:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the event loop is closed: the server is shutting down
                loop.call_soon_threadsafe(changed.set)

        self._waiting.add(wake)
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(wake)

    # ── blocking: called in a worker thread ──────────────────────────────────────────────────────────────────

    def _image_view(self, target: Target, image: Image) -> ImageView:
        record = self._builds.history.latest(image.name, target)
        return ImageView(image, record.id if record else None)

    def _refresh(self) -> list[BuildView]:
        with self._lock:
            for record in self._builds.history.unfinished():
                self._resume(record)
            records = self._recent_records()
            self._stop_polling_ended(records)
            if self._last_records not in (None, records):  # None: the first refresh is no change
                self._notify()
            self._last_records = records
        return [self._view_of(record) for record in records]

    def _stop_polling_ended(self, records: Sequence[BuildRecord]) -> None:
        """Stop polling builds whose record has ended: the record wins, since a poll may get no response for hours."""
        ended = {record.id for record in records if record.ended_at is not None}
        for build in list(self._watched.values()):  # a copy, since entries are deleted
            if build.id in ended and not build.started_here and not build.done:
                self._builds.stop_polling(build)
                del self._watched[build.id]

    def _recent_records(self) -> list[BuildRecord]:
        return newest_entries(self._builds.history.recent(MAX_RECORDS))

    def _resume(self, record: BuildRecord) -> None:
        """Start polling a build of another process; at most once, so that failures are not retried by each refresh."""
        if record.id in self._resumed or record.id in self._watched or self._is_starting(record):
            return
        if record.started_at < self._clock.wall() - MAX_RESUME_AGE or self._builds.running(record.target, record.image):
            return
        latest = self._builds.history.latest(record.image, record.target)
        if latest is None or latest.id != record.id:  # the state of the image belongs to a newer build
            return
        self._resumed.add(record.id)
        self._watch(self._builds.attach(record.target, record.image))

    def _watch(self, build: Build) -> BuildView:
        if build.id not in self._watched:
            self._watched[build.id] = build
            build.observe(self._notify, ["operation", "last_response_at", "ended"])
            self._notify()
        return BuildView(card(build, self._clock.wall()), self._directory.register(build.target), active=not build.done)

    def _notify(self, _change: object = None) -> None:
        self._revision += 1
        for wake in tuple(self._waiting):  # a copy: requests come and go meanwhile
            wake()

    def _is_starting(self, record: BuildRecord) -> bool:
        """Return whether a running process is about to send an operation."""
        if record.ended_at is not None or record.state not in NOT_STARTED:
            return False
        if record.owner:
            return self._builds.is_held_elsewhere(record)
        # A process that could hold no lock: only the time can tell.
        grace = QUEUE_GRACE if record.state == Phase.QUEUED else START_GRACE
        return record.started_at > self._clock.wall() - grace

    def _view_of(self, record: BuildRecord) -> BuildView:
        """Return the best known state of a build: that of the polled build, else that of its record."""
        cluster, build = self._directory.register(record.target), self._watched.get(record.id)
        is_stale = build is not None and (build.ended or not build.started_here) and not build.operation.done
        if build is None or (is_stale and record.ended_at is not None):
            is_coming = self._is_starting(record)
            return BuildView(card_from_record(record, is_starting=is_coming), cluster, active=is_coming)
        return BuildView(card(build, self._clock.wall()), cluster, active=not build.ended)


async def _active(client: ImagesClient) -> PythonState:
    """Return what queries run on; unknown after any error, so that the images can be listed anyway."""
    try:
        return await client.active()
    except KustoImageError as error:
        return UnknownImage(failure_reason(error), error.next_step)
