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
from kusto_magic.builds.manager import Builds
from kusto_magic.builds.record import BuildRecord
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.display.card import Card, card, card_of
from kusto_magic.errors import KustoImageError
from kusto_magic.models.action import NOT_BEGUN, Phase
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.server.clusters import Cluster, ClusterDirectory, Unknown, configured, emulated

SHOWN = 50
"""So many things are shown, the newest; a fleet is one, so that what is counted of it is all of it."""

READ = 500
"""So many records are shown at the most: of a fleet that is larger, the newest."""

STALE = timedelta(hours=24)
"""A build begun longer ago, of which no end was heard, is not followed any more."""

SOON = timedelta(minutes=2)
"""Within this time of its start a build is left to its kernel, which checks it and sends it."""

QUEUED = timedelta(hours=1)
"""The same for one that waits until its cluster is free, which no answer of the service would show."""

ACTIVE_FOR = 600.0
"""Seconds for which the active image is believed while nothing changes here."""

HISTORY_INTERVAL = 0.5
"""Seconds between two checks whether another process has written to the history, while a client waits for news."""

REFRESH_INTERVAL = 5.0
"""Seconds after which the records are read again although nobody has written: some change state with time alone."""


@dataclass(frozen=True, slots=True)
class SeenBuild:
    """A build as it stands: `active` tells that it is followed here now."""

    card: Card
    cluster: Cluster
    active: bool


@dataclass(frozen=True, slots=True)
class SeenImage:
    """An image as Azure shows it, and the id of the newest build of it known here, None where there is none."""

    image: Image
    build: str | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The images of a cluster, the one that its queries run on, and who is signed in there ("" where not known)."""

    images: list[SeenImage]
    active: str
    identity: str


@dataclass(frozen=True, slots=True)
class News:
    """The newest builds. `revision` is raised by every change; `warning` says why builds are not remembered, or ""."""

    revision: int
    builds: list[SeenBuild]
    warning: str


def newest(records: Sequence[BuildRecord], things: int = SHOWN) -> list[BuildRecord]:
    """Return the records of the first so many things: builds alone, and fleets, of which none is cut in two."""
    shown = set(islice(dict.fromkeys(record.fleet or record.id for record in records), things))
    return [record for record in records if (record.fleet or record.id) in shown]


class Onlooker:
    """One per Jupyter server. `sources` say which clusters there are besides those of the history; all are seams.

    What asks the disk or the network is a coroutine, or is to be called off the event loop where it says so.
    """

    def __init__(
        self,
        builds: Builds,
        *,
        sources: Sequence[Callable[[], Target | None]] = (configured, emulated),
        clock: Clock | None = None,
    ) -> None:
        self._builds = builds
        self._directory = ClusterDirectory(sources, self._shown)
        self._clock: Clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._followed: dict[str, Build] = {}
        self._taken_up: set[str] = set()
        self._revision = 1
        self._waiting: set[Callable[[], object]] = set()
        self._active: dict[Target, tuple[int, float, str]] = {}
        self._last_records: list[BuildRecord] | None = None

    # ── clusters and images ──────────────────────────────────────────────────────────────────────────────────

    async def clusters(self) -> list[Cluster]:
        """Return the known clusters: the configured one, the emulator's, then those of the history, newest first."""
        return await self._directory.all()

    async def images(self, cluster: str) -> Shelf:
        """Ask Azure for the images of a cluster. Raises Unknown, and what `ImagesClient.list` raises."""

        async def ask(client: ImagesClient) -> tuple[Sequence[Image], str, str]:
            images, active = await asyncio.gather(client.list(), self._active_on(target, client))
            return images, active, client.identity

        target = await self._directory.target(cluster)
        images, active, identity = await asyncio.wrap_future(self._builds.submit(target, ask))
        return Shelf(await asyncio.to_thread(lambda: [self._seen(target, image) for image in images]), active, identity)

    async def _active_on(self, target: Target, client: ImagesClient) -> str:
        """Return the active image, asked anew when something changed here or after ten minutes.

        Asking is a POST: it counts as a write and stands in the cluster's activity log.
        """
        revision, now = self._revision, self._clock.monotonic()
        known = self._active.get(target)
        if known is None or known[0] != revision or now - known[1] > ACTIVE_FOR:
            self._active[target] = known = (revision, now, await _active(client))
        return known[2]

    async def create(self, cluster: str, name: str, spec: ImageSpec) -> SeenBuild:
        """Begin to build an image, but not in place of the active one.

        Raises Unknown and InvalidInput; what comes later is in the build.
        """
        target = await self._directory.target(cluster)
        return self._watch(await asyncio.to_thread(self._builds.start, target, name, spec, spare_active=True))

    async def delete(self, cluster: str, name: str) -> SeenBuild:
        """Begin to delete an image, as `create` does."""
        target = await self._directory.target(cluster)
        return self._watch(await asyncio.to_thread(self._builds.delete, target, name, spare_active=True))

    async def enable(self, cluster: str, name: str) -> SeenBuild:
        """Begin to let the queries of a cluster run on a managed or custom image, as `create` does."""
        target = await self._directory.target(cluster)
        return self._watch(await asyncio.to_thread(self._builds.enable, target, name))

    # ── builds ───────────────────────────────────────────────────────────────────────────────────────────────

    async def builds(self) -> list[SeenBuild]:
        """Return the newest builds; those of which no end was heard are followed from now on."""
        return await asyncio.to_thread(self._look)

    async def build(self, id: str) -> SeenBuild:  # noqa: A002
        """Return one build, however old. Raises Unknown."""
        record = await asyncio.to_thread(self._builds.history.get, id)
        if record is None:
            raise Unknown("there is no build with this id here", next_step="the oldest builds are forgotten.")
        return self._judged(record)

    async def news(self, after: int, wait: float) -> News:
        """Return the builds as soon as the revision is another than `after`, at the latest after `wait` seconds."""
        history, left = self._builds.history, wait
        while True:
            revision = self._revision  # read first: a change during the next lines is news for the next request
            version = await asyncio.to_thread(history.data_version)
            builds = await self.builds()
            if revision != after or left <= 0:
                return News(revision, builds, history.warning)
            fresh = REFRESH_INTERVAL
            while left > 0 and fresh > 0 and self._revision == revision:
                await self._changed(min(HISTORY_INTERVAL, left))
                left -= HISTORY_INTERVAL
                fresh -= HISTORY_INTERVAL
                if await asyncio.to_thread(history.data_version) != version:
                    break

    async def _changed(self, seconds: float) -> None:
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

    def _seen(self, target: Target, image: Image) -> SeenImage:
        record = self._builds.history.latest(image.name, target)
        return SeenImage(image, record.id if record else None)

    def _look(self) -> list[SeenBuild]:
        with self._lock:
            for record in self._builds.history.unfinished():
                self._take_up(record)
            records = self._shown()
            self._stop_polling_what_has_ended(records)
            if self._last_records not in (None, records):
                self._tell()
            self._last_records = records
        return [self._judged(record) for record in records]

    def _stop_polling_what_has_ended(self, records: Sequence[BuildRecord]) -> None:
        """Let a recorded end win over what is polled here: the poll may see no answer for hours."""
        ended = {record.id for record in records if record.ended_at is not None}
        for build in list(self._followed.values()):
            if build.id in ended and not build.from_the_start and not build.done:
                self._builds.stop_polling(build)
                del self._followed[build.id]

    def _shown(self) -> list[BuildRecord]:
        return newest(self._builds.history.recent(READ))

    def _take_up(self, record: BuildRecord) -> None:
        """Follow what somebody else began, once: what cannot be followed is not tried again by each look."""
        if record.id in self._taken_up or record.id in self._followed or record.state == Phase.CHECKING:
            return
        if _is_coming(record, self._clock.wall()):
            return
        if record.started_at < self._clock.wall() - STALE or self._builds.running(record.target, record.image):
            return
        latest = self._builds.history.latest(record.image, record.target)
        if latest is None or latest.id != record.id:
            return
        self._taken_up.add(record.id)
        self._watch(self._builds.attach(record.target, record.image))

    def _watch(self, build: Build) -> SeenBuild:
        if build.id not in self._followed:
            self._followed[build.id] = build
            build.observe(self._tell, ["operation", "heard_at", "ended"])
            self._tell()
        return SeenBuild(card(build, self._clock.wall()), self._directory.register(build.target), active=not build.done)

    def _tell(self, _change: object = None) -> None:
        self._revision += 1
        for wake in tuple(self._waiting):
            wake()

    def _judged(self, record: BuildRecord) -> SeenBuild:
        """Return what is known best of a build: what is followed here, else what its record says."""
        cluster, build = self._directory.register(record.target), self._followed.get(record.id)
        is_stale = build is not None and (build.ended or not build.from_the_start) and not build.operation.done
        if build is None or (is_stale and record.ended_at is not None):
            is_coming = _is_coming(record, self._clock.wall())
            return SeenBuild(card_of(record, is_coming=is_coming), cluster, active=is_coming)
        return SeenBuild(card(build, self._clock.wall()), cluster, active=not build.ended)


async def _active(client: ImagesClient) -> str:
    """Return the image that queries run on, "" where that cannot be learnt: the images are listed all the same."""
    try:
        return await client.active() or ""
    except KustoImageError:
        return ""


def _is_coming(record: BuildRecord, now: datetime) -> bool:
    longest = QUEUED if record.state == Phase.WAITING else SOON
    return record.ended_at is None and record.state in NOT_BEGUN and record.started_at > now - longest
