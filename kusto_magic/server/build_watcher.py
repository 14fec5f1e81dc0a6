"""What the Jupyter server knows of this user's clusters, images and builds, kernel or not.

It follows what others began as well: a build whose kernel is gone still comes to an end here. Clusters are named by
ids made here, so that no address ever comes from a browser.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from kusto_magic.arm.client import ImagesClient
from kusto_magic.builds.build import Build
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.record import BuildRecord
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.display.card import Card, card, card_from_record
from kusto_magic.errors import KustoImageError
from kusto_magic.models.action import NOT_STARTED, Phase
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
"""So many things are shown, the newest; a fleet is one, so that what is counted of it is all of it."""

MAX_RECORDS = 500
"""So many records are shown at the most: of a fleet that is larger, the newest."""

MAX_RESUME_AGE = timedelta(hours=24)
"""A build begun longer ago, of which no end was heard, is not followed any more."""

START_GRACE = timedelta(minutes=2)
"""Within this time of its start a build is left to its kernel, which checks it and sends it."""

QUEUE_GRACE = timedelta(hours=1)
"""The same for one that waits until its cluster is free, which no answer of the service would show."""

ACTIVE_IMAGE_TTL = 600.0
"""Seconds for which the active image is believed while nothing changes here."""

HISTORY_INTERVAL = 0.5
"""Seconds between two checks whether another process has written to the history, while a client waits for news."""

REFRESH_INTERVAL = 5.0
"""Seconds after which the records are read again although nobody has written: some change state with time alone."""


@dataclass(frozen=True, slots=True)
class BuildView:
    """A build as it stands: `active` tells that it is followed here now."""

    card: Card
    cluster: KnownCluster
    active: bool


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image as Azure shows it, and the id of the newest build of it known here, None where there is none."""

    image: Image
    build: str | None


@dataclass(frozen=True, slots=True)
class ClusterImages:
    """The images of a cluster, the one that its queries run on, and who is signed in there ("" where not known)."""

    images: list[ImageView]
    active: str
    identity: str


@dataclass(frozen=True, slots=True)
class BuildFeed:
    """The newest builds. `revision` is raised by every change; `warning` says why builds are not remembered, or ""."""

    revision: int
    builds: list[BuildView]
    warning: str


def newest_entries(records: Sequence[BuildRecord], entries: int = MAX_ENTRIES) -> list[BuildRecord]:
    """Return the records of the first so many things: builds alone, and fleets, of which none is cut in two."""
    shown = set(islice(dict.fromkeys(record.fleet or record.id for record in records), entries))
    return [record for record in records if (record.fleet or record.id) in shown]


class BuildWatcher:
    """One per Jupyter server. `sources` say which clusters there are besides those of the history; all are seams.

    What asks the disk or the network is a coroutine, or is to be called off the event loop where it says so.
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
        self._lock = threading.Lock()
        self._watched: dict[str, Build] = {}
        self._resumed: set[str] = set()
        self._revision = 1
        self._waiting: set[Callable[[], object]] = set()
        self._active: dict[Target, tuple[int, float, str]] = {}
        self._last_records: list[BuildRecord] | None = None

    # ── clusters and images ──────────────────────────────────────────────────────────────────────────────────

    async def clusters(self) -> list[KnownCluster]:
        """Return the known clusters: the configured one, the emulator's, then those of the history, newest first."""
        return await self._directory.all()

    async def images(self, cluster: str) -> ClusterImages:
        """Ask Azure for the images of a cluster. Raises Unknown, and what `ImagesClient.list` raises."""

        async def ask(client: ImagesClient) -> tuple[Sequence[Image], str, str]:
            images, active = await asyncio.gather(client.list(), self._active_image(target, client))
            return images, active, client.identity

        target = await self._directory.target(cluster)
        images, active, identity = await asyncio.wrap_future(self._builds.submit(target, ask))
        return ClusterImages(
            await asyncio.to_thread(lambda: [self._image_view(target, image) for image in images]), active, identity
        )

    async def _active_image(self, target: Target, client: ImagesClient) -> str:
        """Return the active image, asked anew when something changed here or after ten minutes.

        Asking is a POST: it counts as a write and stands in the cluster's activity log.
        """
        revision, now = self._revision, self._clock.monotonic()
        known = self._active.get(target)
        if known is None or known[0] != revision or now - known[1] > ACTIVE_IMAGE_TTL:
            self._active[target] = known = (revision, now, await _active(client))
        return known[2]

    async def create(self, cluster: str, name: str, spec: ImageSpec) -> BuildView:
        """Begin to build an image, but not in place of the active one.

        Raises Unknown and InvalidInput; what comes later is in the build.
        """
        target = await self._directory.target(cluster)
        return self._watch(await asyncio.to_thread(self._builds.start, target, name, spec, protect_active=True))

    async def delete(self, cluster: str, name: str) -> BuildView:
        """Begin to delete an image, as `create` does."""
        target = await self._directory.target(cluster)
        return self._watch(await asyncio.to_thread(self._builds.delete, target, name, protect_active=True))

    async def enable(self, cluster: str, name: str) -> BuildView:
        """Begin to let the queries of a cluster run on a managed or custom image, as `create` does."""
        target = await self._directory.target(cluster)
        return self._watch(await asyncio.to_thread(self._builds.enable, target, name))

    # ── builds ───────────────────────────────────────────────────────────────────────────────────────────────

    async def builds(self) -> list[BuildView]:
        """Return the newest builds; those of which no end was heard are followed from now on."""
        return await asyncio.to_thread(self._refresh)

    async def build(self, id: str) -> BuildView:  # noqa: A002
        """Return one build, however old. Raises Unknown."""
        record = await asyncio.to_thread(self._builds.history.get, id)
        if record is None:
            raise UnknownIdError("there is no build with this id here", next_step="the oldest builds are forgotten.")
        return self._view_of(record)

    async def wait_for_changes(self, after: int, wait: float) -> BuildFeed:
        """Return the builds as soon as the revision is another than `after`, at the latest after `wait` seconds."""
        history, left = self._builds.history, wait
        while True:
            revision = self._revision  # read first: a change during the next lines is news for the next request
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
            with suppress(RuntimeError):  # the server ends
                loop.call_soon_threadsafe(changed.set)

        self._waiting.add(wake)
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(wake)

    # ── off the event loop ───────────────────────────────────────────────────────────────────────────────────

    def _image_view(self, target: Target, image: Image) -> ImageView:
        record = self._builds.history.latest(image.name, target)
        return ImageView(image, record.id if record else None)

    def _refresh(self) -> list[BuildView]:
        with self._lock:
            for record in self._builds.history.unfinished():
                self._resume(record)
            records = self._recent_records()
            self._stop_polling_ended(records)
            if self._last_records not in (None, records):
                self._notify()
            self._last_records = records
        return [self._view_of(record) for record in records]

    def _stop_polling_ended(self, records: Sequence[BuildRecord]) -> None:
        """Let a recorded end win over what is polled here: the poll may see no answer for hours."""
        ended = {record.id for record in records if record.ended_at is not None}
        for build in list(self._watched.values()):
            if build.id in ended and not build.started_here and not build.done:
                self._builds.stop_polling(build)
                del self._watched[build.id]

    def _recent_records(self) -> list[BuildRecord]:
        return newest_entries(self._builds.history.recent(MAX_RECORDS))

    def _resume(self, record: BuildRecord) -> None:
        """Follow what somebody else began, once: what cannot be followed is not tried again by each look."""
        if record.id in self._resumed or record.id in self._watched or record.state == Phase.CHECKING:
            return
        if _is_starting(record, self._clock.wall()):
            return
        if record.started_at < self._clock.wall() - MAX_RESUME_AGE or self._builds.running(record.target, record.image):
            return
        latest = self._builds.history.latest(record.image, record.target)
        if latest is None or latest.id != record.id:
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
        for wake in tuple(self._waiting):
            wake()

    def _view_of(self, record: BuildRecord) -> BuildView:
        """Return what is known best of a build: what is followed here, else what its record says."""
        cluster, build = self._directory.register(record.target), self._watched.get(record.id)
        is_stale = build is not None and (build.ended or not build.started_here) and not build.operation.done
        if build is None or (is_stale and record.ended_at is not None):
            is_coming = _is_starting(record, self._clock.wall())
            return BuildView(card_from_record(record, is_coming=is_coming), cluster, active=is_coming)
        return BuildView(card(build, self._clock.wall()), cluster, active=not build.ended)


async def _active(client: ImagesClient) -> str:
    """Return the image that queries run on, "" where that cannot be learnt: the images are listed all the same."""
    try:
        return await client.active() or ""
    except KustoImageError:
        return ""


def _is_starting(record: BuildRecord, now: datetime) -> bool:
    longest = QUEUE_GRACE if record.state == Phase.QUEUED else START_GRACE
    return record.ended_at is None and record.state in NOT_STARTED and record.started_at > now - longest
