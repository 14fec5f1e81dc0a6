"""Tests of what the list of builds costs: the bytes of a response, the processor time of idle pages, and the memory."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from uuid import uuid4

import pytest
from support.arm_responses import TARGET, error_response
from support.clock import MovableClock
from support.requests import build_request, with_request
from support.scripted_transport import ScriptedTransport, open_connection

from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.record import BuildRecord
from kusto_magic.errors import KustoImageError
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.server.build_feed import MAX_RECORDS
from kusto_magic.server.build_views import MAX_LISTED_TEXT
from kusto_magic.server.build_watcher import BuildWatcher
from kusto_magic.server.clusters import MAX_CLUSTERS, ClusterDirectory, with_id
from kusto_magic.server.saved_clusters import SavedClusters
from kusto_magic.server.serializers import changes_json

MINUTE = 60
REQUIREMENTS = "".join(f"somepackage{number}==1.2.3\n" for number in range(900)) + "# comment\n" * 100


class CountingHistory(History):
    """A history that counts the reads of lists and the checks for changes."""

    lists = 0
    checks = 0

    def recent(self, limit: int = 50, *, with_texts: bool = True) -> list[BuildRecord]:
        self.lists += 1
        return super().recent(limit, with_texts=with_texts)

    def unfinished(self, *, with_texts: bool = True) -> list[BuildRecord]:
        self.lists += 1
        return super().unfinished(with_texts=with_texts)

    def data_version(self) -> tuple[int, int, int]:
        self.checks += 1
        return super().data_version()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[CountingHistory]:
    with closing(CountingHistory(tmp_path / "history.sqlite")) as created:
        yield created


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def script() -> ScriptedTransport:
    refused = error_response(403, "AuthorizationFailed")
    return ScriptedTransport(default=lambda _request: refused)


@pytest.fixture
def builds(history: CountingHistory, script: ScriptedTransport, clock: MovableClock) -> Iterator[BuildManager]:
    with closing(BuildManager(history=history, connect=partial(open_connection, script), clock=clock)) as created:
        yield created


@pytest.fixture
def watcher(builds: BuildManager, clock: MovableClock) -> BuildWatcher:
    return BuildWatcher(builds, sources=[lambda: TARGET], clock=clock, poll_clock=clock)


SPEC = ImageSpec("numpy", base_image="Python3_11_7")


def ended_record(clock: MovableClock, **members: Any) -> BuildRecord:
    """Return the record of a build that ended yesterday."""
    now = clock.wall() - timedelta(days=1)
    record = BuildRecord(uuid4().hex, build_request(TARGET, "img", SPEC), now)
    return replace(
        record, state=BuildState.SUCCEEDED, ended_at=now + timedelta(minutes=5), last_response_at=now, **members
    )


def fill(history: History, clock: MovableClock, number: int) -> None:
    """Add the records of fleets on 500 clusters."""
    targets = [replace(TARGET, cluster=f"cluster{n}") for n in range(500)]
    record = ended_record(clock)
    history.add(
        *(
            replace(with_request(record, target=targets[n % 500]), id=f"{n}", fleet=f"fleet{n // 500}")
            for n in range(number)
        )
    )


async def poll(watcher: BuildWatcher, clock: MovableClock, revision: str, seconds: float) -> int:
    """Poll as a page does for `seconds` seconds of `clock` and return the number of responses."""
    responses, end = 0, clock.monotonic() + seconds
    while (left := end - clock.monotonic()) > 0:
        changes = await watcher.changes(revision, min(20, left))
        changes_json(changes)
        revision, responses = changes.revision, responses + 1
    return responses


@pytest.mark.slow  # 10,000 records
@pytest.mark.asyncio
async def test_fifty_idle_pages_cost_less_than_half_a_second_of_processor_time_per_minute(
    watcher: BuildWatcher, history: CountingHistory, clock: MovableClock
) -> None:
    fill(history, clock, 10_000)
    revision = (await watcher.changes("", 0)).revision
    lists, checks, started = history.lists, history.checks, time.process_time()
    responses = sum(await asyncio.gather(*(poll(watcher, clock, revision, MINUTE) for _ in range(50))))
    assert responses >= 50 * MINUTE / 20
    assert history.lists == lists  # nothing was written
    assert history.checks - checks <= 2 * MINUTE + responses + 10  # one each half second, not one per page
    assert time.process_time() - started <= 0.5


@pytest.mark.slow  # 10,000 records
@pytest.mark.asyncio
async def test_poll_occupies_the_event_loop_for_less_than_five_milliseconds(
    watcher: BuildWatcher, history: CountingHistory, clock: MovableClock
) -> None:
    fill(history, clock, 10_000)
    complete = await watcher.changes("", 0)
    assert len(complete.entries) == MAX_RECORDS
    started = time.thread_time()  # of this thread, which is the event loop's
    for _ in range(20):
        changes_json(await watcher.changes("", 0))
    assert (time.thread_time() - started) / 20 <= 0.005


@pytest.mark.slow
@pytest.mark.asyncio
async def test_response_has_only_the_changed_build_and_none_of_its_long_texts(
    watcher: BuildWatcher, history: CountingHistory, clock: MovableClock
) -> None:
    records = [
        with_request(ended_record(clock, fleet="f"), target=replace(TARGET, cluster=f"c{n}")) for n in range(500)
    ]
    records[7] = with_request(records[7], spec=ImageSpec(REQUIREMENTS, base_image="Python3_11_7"))
    history.add(*records)
    complete = changes_json(first := await watcher.changes("", 0))
    assert len(complete) < 500 * 600
    history.change(records[7].id, state="Failed", message="it broke\n" * 10_000)
    changed = changes_json(await watcher.changes(first.revision, 10))
    assert len(changed) < 4 * MAX_LISTED_TEXT
    document = json.loads(changed)
    [build] = document["builds"]
    assert (build["card"]["id"], build["card"]["state"]) == (records[7].id, "Failed")
    assert sum(map(len, build["card"]["error"])) <= MAX_LISTED_TEXT
    assert (document["complete"], document["removed"]) == (False, [])
    assert "somepackage" not in complete + changed
    details = (await watcher.build(records[7].id)).card
    assert (details.requirements, len("".join(details.error)) > 80_000) == (REQUIREMENTS, True)


@pytest.mark.asyncio
async def test_unchanged_builds_are_not_rendered_again(
    watcher: BuildWatcher, history: CountingHistory, clock: MovableClock
) -> None:
    history.add(old := ended_record(clock))
    [before] = (await watcher.changes("", 0)).entries
    history.add(new := ended_record(clock))
    after = {entry.id: entry for entry in (await watcher.changes("", 0)).entries}
    assert after.keys() == {old.id, new.id}
    assert after[old.id] is before


@pytest.mark.asyncio
async def test_state_that_depends_on_its_age_changes_without_a_write(
    watcher: BuildWatcher, history: CountingHistory, clock: MovableClock
) -> None:
    history.add(replace(ended_record(clock), state=BuildState.CHECKING, started_at=clock.wall(), ended_at=None))
    first = await watcher.changes("", 0)
    assert [entry.value.view.card.state for entry in first.entries] == ["Checking"]
    lists = history.lists
    changes = await watcher.changes(first.revision, 600)
    while changes.entries[0].value.view.active:  # its process has ended: it is being closed
        changes = await watcher.changes(changes.revision, 600)
    assert changes.entries[0].value.view.card.state == "Not submitted"
    # Two reads every five seconds of the grace period, and some at its end, as many as the threads happen to make:
    # about 55. Reads of each check, of which there are two a second, would be 480.
    assert history.lists <= lists + 100


@pytest.mark.slow
@pytest.mark.asyncio
async def test_clusters_are_listed_while_five_hundred_pages_wait(
    builds: BuildManager, history: CountingHistory
) -> None:
    real = BuildWatcher(builds, sources=[lambda: TARGET])  # its pages wait for real
    records = [ended_record(MovableClock(), fleet="f") for _ in range(500)]
    history.add(*(with_request(it, target=replace(TARGET, cluster=f"c{n}")) for n, it in enumerate(records)))
    revision = (await real.changes("", 0)).revision
    waiting = [asyncio.create_task(real.changes(revision, 600)) for _ in range(500)]
    for _ in range(3):
        await real.changes("", 0)  # the others wait now
    lists, checks, started = history.lists, history.checks, time.process_time()
    clusters = await asyncio.wait_for(real.clusters(), 10)
    assert len(clusters) == 501
    assert not any(task.done() for task in waiting)
    assert (history.lists, history.checks - checks <= 10) == (lists, True)
    assert time.process_time() - started <= 0.5
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.asyncio
async def test_five_hundred_simultaneous_polls_share_their_reads(
    watcher: BuildWatcher, history: CountingHistory, clock: MovableClock
) -> None:
    history.add(ended_record(clock))
    await asyncio.gather(*(watcher.changes("", 0) for _ in range(500)), watcher.clusters())
    assert (history.checks, history.lists) == (1, 2)


def reachable(root: object, *stop: object) -> int:
    """Return the number of objects that are reachable from `root`, without those in `stop`, modules and code."""
    seen = {id(item) for item in stop}
    todo, count = [root], 0
    while todo:
        item = todo.pop()
        if id(item) not in seen and not isinstance(item, type | ModuleType | FunctionType):
            seen.add(id(item))
            count += 1
            todo.extend(gc.get_referents(item))
    return count


@pytest.mark.slow  # thousands of builds
@pytest.mark.asyncio
async def test_thousands_of_builds_leave_nothing_behind(
    watcher: BuildWatcher, builds: BuildManager, history: History, clock: MovableClock, script: ScriptedTransport
) -> None:
    cluster = with_id(TARGET).id
    changes = await watcher.changes("", 0)

    async def run(rounds: int) -> int:
        nonlocal changes
        for number in range(rounds):
            started = clock.wall() - timedelta(minutes=10)
            ended = with_request(ended_record(clock), name=f"i{number}")
            lost = replace(ended, state=BuildState.BUILDING, ended_at=None, started_at=started)
            target = replace(TARGET, cluster=f"c{uuid4().hex[:12]}")
            history.add(lost, *(with_request(ended_record(clock), target=target) for _ in range(50)))
            await watcher.delete(cluster, f"img{number}")  # refused by the service
            changes = await watcher.changes(changes.revision, 0)
            history.change(lost.id, state=BuildState.FAILED, ended_at=started)
            changes = await watcher.changes(changes.revision, 0)
            clock.move(60)
            for build in builds.registry.all():
                with pytest.raises(KustoImageError):
                    await asyncio.wait_for(build, 10)
        await watcher.changes("", 0)
        gc.collect()
        return reachable(watcher, builds, script)  # the script keeps all requests

    before = await run(25)  # fills what is bounded
    after = await run(40)
    assert after < before * 1.2


def test_directory_keeps_the_most_recently_used_clusters(clock: MovableClock) -> None:
    directory = ClusterDirectory([], SavedClusters(None))
    targets = [replace(TARGET, cluster=f"c{n}") for n in range(MAX_CLUSTERS)]
    for target in (*targets, targets[0], TARGET):
        directory.register(target)
    found = [directory.get(with_id(target).id) for target in (*targets[:3], TARGET)]
    assert found == [targets[0], None, targets[2], TARGET]
