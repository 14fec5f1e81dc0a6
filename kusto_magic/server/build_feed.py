"""The listed builds of this user: the newest records of the history, and the builds that this process polls.

All methods block on the disk; `build_watcher` calls them in threads. Requirements are not read for the list: with a few
hundred clusters, they would be megabytes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from kusto_magic.builds.build import Build
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.state import Origin
from kusto_magic.clock import Clock
from kusto_magic.display.card_sources import card, card_from_record
from kusto_magic.display.fleet_card import FleetCard, fleet_card_of
from kusto_magic.errors import EndedElsewhereError
from kusto_magic.models.build_state import NOT_STARTED
from kusto_magic.models.target import Target
from kusto_magic.server.build_views import BuildView, ListedBuild, listed_build_json
from kusto_magic.server.change_log import ChangeLog
from kusto_magic.server.clusters import KnownCluster

MAX_ENTRIES = 50
"""Maximum number of entries returned, newest first; a fleet counts as one entry, so that its totals are complete."""

MAX_RECORDS = 500
"""Maximum number of records read; a fleet that reaches beyond them is shown incomplete."""

MAX_RESUME_AGE = timedelta(hours=24)
"""Age after which an unfinished build is no longer resumed."""

OWNER_CHECK_INTERVAL = timedelta(seconds=5)
"""Time between two checks whether the process that is about to send an operation still runs."""

_NEVER = datetime.max.replace(tzinfo=UTC)


def newest_entries(records: Sequence[BuildRecord], entries: int = MAX_ENTRIES) -> list[BuildRecord]:
    """Return the records of the first `entries` entries: single builds and whole fleets."""
    shown = set(islice(dict.fromkeys(record.fleet or record.id for record in records), entries))
    return [record for record in records if (record.fleet or record.id) in shown]


class BuildFeed:
    """The listed builds and their changes; `register` returns the cluster of a target.

    `log` is replaced by `refresh`. `change_count` grows with each change of a polled build.
    """

    def __init__(self, builds: BuildManager, register: Callable[[Target], KnownCluster], clock: Clock) -> None:
        self.log: ChangeLog[ListedBuild] = ChangeLog()
        self.change_count = 0
        self._builds = builds
        self._register = register
        self._clock = clock
        self._lock = threading.Lock()
        self._polled: dict[str, Build] = {}
        self._resumed: set[str] = set()
        self._ended_count = 0
        self._records: list[BuildRecord] = []
        self._seen: tuple[object, object] = (None, None)
        self._next_start = _NEVER

    def refresh(self) -> None:
        """Bring `log` up to date, resume unfinished builds and stop polling ended ones.

        The records are read only if something was written, or the state of one depends on its age and may have changed.
        """
        with self._lock:
            now, history = self._clock.wall(), self._builds.history
            # Read first, so that a change during the next lines counts for the next refresh.
            version, changes = (history.data_version(), self._ended_count), self.change_count
            if version != self._seen[0] or now >= self._next_start:
                self._read(now)
            elif changes == self._seen[1] and history.warning == self.log.warning:
                return
            self._seen = (version, changes)
            self._update(history.warning)

    def watch(self, build: Build) -> BuildView:
        """List a build that this process polls, and return its state."""
        with self._lock:
            self._watch(build)
        return self._view_of_build(build)

    def view(self, record: BuildRecord) -> BuildView:
        """Return the best known state of a build: that of the polled build, else that of its record."""
        build = self._build_of(record)
        if build is not None:
            return self._view_of_build(build)
        is_coming = self._is_starting(record)
        shown = card_from_record(record, is_starting=is_coming)
        return BuildView(shown, self._register(record.target), active=is_coming)

    def fleet(self, records: Sequence[BuildRecord]) -> FleetCard:
        """Return the card of a fleet from its records, oldest first: the newest one of each cluster counts."""
        newest = {record.target.key: record for record in records}.values()
        members = [self._build_of(record) or record for record in newest]
        return fleet_card_of(records[0].fleet, records[0].name, members, self._clock.wall())

    # ── with the lock ────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, now: datetime) -> None:
        unfinished = self._builds.history.unfinished(with_texts=False)
        for record in unfinished:
            self._resume(record, now)
        self._resumed &= {record.id for record in unfinished}
        # Afterwards, the process of a build that is about to be sent may have ended without writing that.
        self._next_start = now + OWNER_CHECK_INTERVAL if any(map(self._is_starting, unfinished)) else _NEVER
        self._records = newest_entries(self._builds.history.recent(MAX_RECORDS, with_texts=False))
        self._stop_polling_ended(self._records)
        self._forget_unlisted({record.id for record in self._records})

    def _update(self, warning: str) -> None:
        records = {record.id: record for record in self._records}

        def render(id_: str, number: int) -> ListedBuild:
            view = self.view(records[id_])
            return ListedBuild(view, json.dumps(listed_build_json(view, number), ensure_ascii=False))

        sources = {id_: self._source(record) for id_, record in records.items()}
        self.log = self.log.update(sources, render, warning)

    def _stop_polling_ended(self, records: Iterable[BuildRecord]) -> None:
        """Stop polling builds whose record has ended: the record wins, since a poll may get no response for hours."""
        ended = {record.id for record in records if record.ended_at is not None}
        for build in list(self._polled.values()):
            if build.id in ended and build.origin is not Origin.STARTED_HERE and not build.done():
                self._builds.stop_polling(build)
                del self._polled[build.id]

    def _forget_unlisted(self, listed: set[str]) -> None:
        """Forget the builds that are done and no longer listed; their records have what `view` needs."""
        self._polled = {id_: build for id_, build in self._polled.items() if id_ in listed or not build.done()}

    def _resume(self, record: BuildRecord, now: datetime) -> None:
        """Start polling a build of another process; at most once, so that failures are not retried by each refresh."""
        if record.id in self._resumed or record.id in self._polled or self._is_starting(record):
            return
        if record.started_at < now - MAX_RESUME_AGE or self._builds.running(record.target, record.name):
            return
        latest = self._builds.history.latest(record.name, record.target)
        if latest is None or latest.id != record.id:  # the state of the image belongs to a newer build
            return
        self._resumed.add(record.id)
        complete = self._builds.history.get(record.id)  # with its requirements, to compare them with the image
        if complete is not None:
            self._watch(self._builds.attach_record(complete))

    def _watch(self, build: Build) -> None:
        if build.id not in self._polled:
            self._polled[build.id] = build
            build.observe(self._count_change, ["operation", "last_response_at", "report", "ended"])
            self.change_count += 1

    # ── without the lock ─────────────────────────────────────────────────────────────────────────────────────

    def _count_change(self, change: dict[str, Any]) -> None:
        """Remember that a polled build has changed (called on the background thread of the builds)."""
        self.change_count += 1
        if change["name"] == "ended":
            self._ended_count += 1  # another build of the same image can be resumed now

    def _build_of(self, record: BuildRecord) -> Build | None:
        """Return the polled build of a record, or None if the record is more up to date."""
        build = self._polled.get(record.id)
        if build is None or record.ended_at is None or build.operation.done:
            return build
        if build.origin is Origin.STARTED_HERE and not build.ended:
            return build
        # The card of the build has more texts than that of its record, as long as both say the same, and unless all
        # that the build knows of its end is that it was recorded.
        knows_less = record.state is not build.state or isinstance(build.error, EndedElsewhereError)
        return None if knows_less else build

    def _source(self, record: BuildRecord) -> object:
        """Return what the state of a build is made of; equal if the build has not changed."""
        build = self._build_of(record)
        if build is None:
            return (record, self._is_starting(record))
        return (build.operation, build.last_response_at, build.report, build.ended)

    def _is_starting(self, record: BuildRecord) -> bool:
        """Return whether a running process is about to send an operation."""
        if record.ended_at is not None or record.state not in NOT_STARTED:
            return False
        return self._builds.is_held_elsewhere(record)

    def _view_of_build(self, build: Build) -> BuildView:
        return BuildView(card(build, self._clock.wall()), self._register(build.target), active=not build.ended)
