"""Tests of BuildWatcher against the emulator's app; several build managers stand in for several processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from support.arm_responses import HTML_RESPONSE, TARGET, error_response, image_resource, make_response
from support.emulator_transport import EmulatorTransport
from support.environment import EmulatedEnvironment, QuickClock, always_compatible, forbidden_cluster
from support.requests import build_request, build_requests, with_request
from support.scripted_transport import ScriptedTransport, open_connection

from kusto_magic.arm.response import ArmResponse
from kusto_magic.builds.launcher import QUEUE_GRACE, START_GRACE
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display.card import MIME
from kusto_magic.display.card_sources import card_from_record
from kusto_magic.display.fleet_card import MIME as FLEET_MIME
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import EndedElsewhereError, InvalidInputError, Problem
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import UnknownImage
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.server.build_feed import (
    MAX_ENTRIES,
    MAX_RECORDS,
    MAX_RESUME_AGE,
    BuildFeed,
)
from kusto_magic.server.build_views import BuildView
from kusto_magic.server.build_watcher import BuildWatcher
from kusto_magic.server.clusters import UnknownIdError, with_id

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")


def make_watcher(environment: EmulatedEnvironment, *others: Target | None) -> BuildWatcher:
    sources = [lambda target=target: target for target in (environment.target, *others)]
    waits = QuickClock(environment.clock)
    return BuildWatcher(environment.builds(), sources=sources, clock=environment.clock, poll_clock=waits)


async def listed(watcher: BuildWatcher) -> list[BuildView]:
    """Return all listed builds, newest first."""
    return [entry.value.view for entry in (await watcher.changes("", 0)).entries]


async def wait_until_inactive(watcher: BuildWatcher, build: str) -> BuildView:
    """Wait for changes until the build with this ID is no longer active, and return it."""
    revision = ""
    for _ in range(1000):
        changes = await watcher.changes(revision, 10)
        revision = changes.revision
        for view in (entry.value.view for entry in changes.entries):
            if view.card.id == build and not view.active:
                return view
    raise AssertionError("the build does not end")


async def wait_until_recorded(builds: BuildManager, id_: str, state: BuildState) -> None:
    """Wait until the history has a build in this state; it is written just after the build has changed."""
    async with asyncio.timeout(10):
        while (record := builds.history.get(id_)) is None or record.state is not state:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_build_of_a_stopped_kernel_is_polled_to_its_end(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    kernel = environment.builds()
    build = kernel.start(build_request(environment.target, "img", SPEC, check=False))
    posted = asyncio.Event()
    loop = asyncio.get_running_loop()
    build.observe(lambda _: loop.call_soon_threadsafe(posted.set), "last_response_at")
    if build.last_response_at:
        posted.set()
    await asyncio.wait_for(posted.wait(), 10)
    kernel.close()
    watcher = make_watcher(environment)
    [seen] = await listed(watcher)
    assert (seen.card.id, seen.active, seen.card.ended) == (build.id, True, False)
    environment.clock.released.set()
    seen = await wait_until_inactive(watcher, build.id)
    assert (seen.card.state, seen.card.ended, seen.active) == ("Succeeded", True, False)
    record = environment.builds().history.get(build.id)
    assert record is not None
    assert record.state == "Succeeded"


@pytest.mark.asyncio
async def test_build_within_its_grace_period_is_shown_and_not_resumed(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()  # the polls of a build would move the clock past the grace period
    watcher = make_watcher(environment)
    build = await watcher.create(with_id(environment.target).id, "img", SPEC)
    await wait_until_recorded(environment.builds(), build.card.id, BuildState.BUILDING)
    record = environment.builds().history.get(build.card.id)
    assert record is not None
    now = environment.clock.wall()
    fresh = replace(
        with_request(record, name="checked"),
        id="a" * 32,
        state=BuildState.CHECKING,
        started_at=now,
        ended_at=None,
        owner="",
    )
    environment.builds().history.add(fresh)
    environment.builds().history.add(
        replace(with_request(fresh, name="forgotten"), id="b" * 32, started_at=now - timedelta(hours=1))
    )
    environment.builds().history.add(
        replace(with_request(fresh, name="sending"), id="f" * 32, state=BuildState.SUBMITTING)
    )
    queued = replace(
        with_request(fresh, name="queued"), id="9" * 32, state=BuildState.QUEUED, started_at=now - timedelta(minutes=50)
    )
    environment.builds().history.add(
        queued, replace(with_request(queued, name="left"), id="8" * 32, started_at=now - QUEUE_GRACE)
    )
    seen = {build.card.image: build for build in await listed(watcher)}
    assert (seen["queued"].card.state, seen["queued"].card.ended, seen["queued"].active) == ("Queued", False, True)
    assert (seen["checked"].card.state, seen["checked"].active) == ("Checking", True)
    assert (seen["sending"].card.state, seen["sending"].active) == ("Submitting", True)
    environment.clock.released.set()
    for image in ("left", "forgotten"):
        over = await wait_until_inactive(watcher, seen[image].card.id)
        assert over.card.state == "Not submitted"
    assert environment.changes == ["PUT img"]


@pytest.mark.asyncio
async def test_build_left_in_submitting_is_resumed_after_the_grace_period(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    build = await watcher.create(with_id(environment.target).id, "img", SPEC)
    await wait_until_inactive(watcher, build.card.id)
    record = environment.builds().history.get(build.card.id)
    assert record is not None
    sent_at = environment.clock.wall() - START_GRACE - timedelta(seconds=1)
    died = replace(
        record,
        id="1" * 32,
        state=BuildState.SUBMITTING,
        started_at=sent_at,
        ended_at=None,
        last_response_at=None,
        owner="host:1:dead",
    )
    environment.builds().history.add(died)
    seen = await wait_until_inactive(make_watcher(environment), died.id)
    assert seen.card.state == "Succeeded"


@pytest.mark.slow
@pytest.mark.asyncio
async def test_unreadable_build_is_tried_once_and_its_record_stays_unfinished(
    environment: EmulatedEnvironment,
) -> None:
    watcher = make_watcher(environment)
    build = await watcher.create(with_id(environment.target).id, "img", SPEC)
    record = environment.builds().history.get(build.card.id)
    assert record is not None
    elsewhere = replace(environment.target, cluster="elsewhere")
    lost = replace(
        with_request(record, target=elsewhere, name="lost"),
        id="c" * 32,
        state=BuildState.BUILDING,
        ended_at=None,
        started_at=environment.clock.wall(),
    )
    old = replace(
        with_request(lost, name="old"),
        id="d" * 32,
        started_at=environment.clock.wall() - MAX_RESUME_AGE - timedelta(seconds=1),
    )
    environment.builds().history.add(lost)
    environment.builds().history.add(old)
    watcher = make_watcher(environment)
    over = await wait_until_inactive(watcher, lost.id)
    assert (over.card.state, over.card.ended) == ("Unknown", True)
    seen = {build.card.image: build for build in await listed(watcher)}
    assert (seen["old"].card.state, seen["old"].active) == ("Unknown", False)
    kept = environment.builds().history.get("c" * 32)
    assert kept is not None
    assert kept.ended_at is None
    assert not next(build for build in await listed(watcher) if build.card.image == "lost").active


@pytest.mark.asyncio
async def test_reason_of_a_recorded_end_is_shown_by_a_build_that_has_read_the_record_itself(
    environment: EmulatedEnvironment,
) -> None:
    environment.clock.released.clear()
    kernel = environment.builds()
    build = kernel.start(build_request(environment.target, "img", SPEC, check=False))
    await wait_until_recorded(kernel, build.id, BuildState.BUILDING)
    record = kernel.history.get(build.id)
    assert record is not None
    kernel.history.change(build.id, state="Failed", message="it broke", ended_at=environment.clock.wall())
    server = environment.builds()
    feed = BuildFeed(server, with_id, environment.clock)
    polled = server.attach_record(record)
    feed.watch(polled)
    with pytest.raises(EndedElsewhereError):
        await asyncio.wait_for(polled, 10)
    ended = kernel.history.get(build.id)
    assert ended is not None
    seen = feed.view(ended)
    assert (seen.card.state, seen.active, seen.card.error) == ("Failed", False, ("it broke",))


@pytest.mark.asyncio
async def test_recorded_end_wins_over_own_poll_and_stops_it(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    kernel = environment.builds()
    build = kernel.start(build_request(environment.target, "img", SPEC, check=False))
    await wait_until_recorded(kernel, build.id, BuildState.BUILDING)
    server = environment.builds()
    watcher = BuildWatcher(server, sources=[lambda: environment.target], clock=environment.clock)
    [seen] = await listed(watcher)
    assert seen.active
    [polled] = server.registry.all()
    ended_at = environment.clock.wall()
    kernel.history.change(build.id, state="Failed", message="it broke", ended_at=ended_at)
    [seen] = await listed(watcher)
    assert (seen.card.state, seen.active, seen.card.error) == ("Failed", False, ("it broke",))
    with pytest.raises(EndedElsewhereError):
        await asyncio.wait_for(polled, 10)
    assert server.registry.all() == []
    assert kernel.history.get(build.id).ended_at == ended_at  # type: ignore[union-attr]  # the record exists


@pytest.mark.asyncio
async def test_changes_include_a_build_that_ended_in_another_process(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    history, now = environment.builds().history, environment.clock.wall()
    record = BuildRecord("a" * 32, build_request(environment.target, "img", SPEC), now, state=BuildState.CHECKING)
    history.add(record)
    [view] = await listed(watcher)
    assert (view.card.state, view.active) == ("Checking", True)
    waiting = asyncio.create_task(watcher.changes((await watcher.changes("", 0)).revision, 600))
    await asyncio.sleep(0)
    history.change(record.id, state=BuildState.NOT_SUBMITTED, ended_at=now)
    [entry] = (await asyncio.wait_for(waiting, 10)).entries
    assert (entry.value.view.card.state, entry.value.view.active) == ("Not submitted", False)


@pytest.mark.asyncio
async def test_resumed_build_does_not_reopen_a_record_that_has_ended(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    kernel, other = environment.builds(), environment.builds()
    build = kernel.start(build_request(environment.target, "img", SPEC, check=False))
    await wait_until_recorded(kernel, build.id, BuildState.BUILDING)
    kernel.close()  # the process that started the build would reopen its record
    resumed = other.attach(environment.target, "img")
    ended_at = environment.clock.wall()
    other.history.change(build.id, state="Canceled", message="first", ended_at=ended_at)
    environment.clock.released.set()
    await asyncio.wait_for(resumed, 10)
    record = other.history.get(build.id)
    assert record is not None
    assert (record.state, record.ended_at) == ("Canceled", ended_at)


@pytest.mark.asyncio
async def test_clusters_of_sources_and_history_are_listed_once(environment: EmulatedEnvironment) -> None:
    azure = Target("01234567-89ab-cdef-0123-456789abcdef", "group", "mycluster")
    watcher = make_watcher(environment, azure, azure)
    build = await watcher.create(with_id(environment.target).id, "img", SPEC)
    record = environment.builds().history.get(build.card.id)
    assert record is not None
    stopped = replace(environment.target, endpoint="http://127.0.0.1:9")
    environment.builds().history.add(replace(with_request(record, target=stopped), id="e" * 32))
    assert [cluster.target for cluster in await watcher.clusters()] == [environment.target, azure]
    assert with_id(azure).id == with_id(replace(azure, cluster="MyCluster")).id


@pytest.mark.asyncio
async def test_failing_source_does_not_hide_the_others(environment: EmulatedEnvironment) -> None:
    def failing_source() -> Target | None:
        raise InvalidInputError([Problem("cluster", "is not valid")])

    watcher = BuildWatcher(
        environment.builds(), sources=[failing_source, lambda: environment.target], clock=environment.clock
    )
    assert [cluster.target for cluster in await watcher.clusters()] == [environment.target]


@pytest.mark.asyncio
async def test_unknown_ids_raise_unknown_id_error(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    for id_ in ("0" * 16, "http://169.254.169.254", ".."):
        with pytest.raises(UnknownIdError):
            await watcher.images(id_)
        with pytest.raises(UnknownIdError):
            await watcher.build(id_)


@pytest.mark.asyncio
async def test_images_include_the_id_of_their_newest_build(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    cluster = with_id(environment.target).id
    build = await watcher.create(cluster, "img", SPEC)
    await wait_until_inactive(watcher, build.card.id)
    found = await watcher.images(cluster)
    assert [(view.image.name, view.image.state, view.build) for view in found.images] == [
        ("img", "Succeeded", build.card.id)
    ]
    assert found.identity == ""  # the emulator's token contains no identity


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (error_response(403, "AuthorizationFailed"), "the cluster cannot be read; AuthorizationFailed"),
        (HTML_RESPONSE, "the response for the cluster cannot be read"),
        (error_response(404, "ResourceNotFound"), "there is no cluster 'kustoCluster'"),
    ],
    ids=["forbidden", "unreadable", "missing"],
)
async def test_images_are_listed_if_the_active_image_cannot_be_read(
    environment: EmulatedEnvironment, response: ArmResponse, reason: str
) -> None:
    images = make_response({"value": [image_resource()]})
    script = ScriptedTransport(default=lambda request: images if "sandbox" in request.url.path else response)
    with closing(
        BuildManager(history=environment.builds().history, connect=partial(open_connection, script))
    ) as builds:
        watcher = BuildWatcher(builds, sources=[lambda: TARGET])
        found = await watcher.images(with_id(TARGET).id)
    assert [view.image.name for view in found.images] == ["img"]
    assert isinstance(found.active, UnknownImage)
    assert found.active.reason.startswith(reason)


@pytest.mark.asyncio
async def test_finished_record_is_shown_with_its_final_state(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    build = await watcher.create(with_id(environment.target).id, "img", SPEC)
    record = environment.builds().history.get(build.card.id)
    assert record is not None
    now = environment.clock.wall()
    ended = replace(record, state=BuildState.FAILED, message="it broke", ended_at=now + timedelta(seconds=62))
    shown = card_from_record(ended)
    assert (shown.state, shown.ended, shown.error, shown.base) == ("Failed", True, ("it broke",), "Python3_11_7")


@pytest.mark.asyncio
async def test_fleet_counts_as_one_entry_and_is_complete(environment: EmulatedEnvironment) -> None:
    history = environment.builds().history
    now = environment.clock.wall()
    record = BuildRecord(
        "", build_request(environment.target, "img", SPEC), now, state=BuildState.SUCCEEDED, ended_at=now
    )
    for size in (2, MAX_ENTRIES - 2):
        history.add(*(replace(record, id=f"{size}-{n}") for n in range(size)))
        history.add(*(replace(record, id=f"fleet-{size}-{n}", fleet=f"f{size}") for n in range(60)))
    shown = [build.card for build in await listed(make_watcher(environment))]
    assert Counter(card.fleet for card in shown) == {"": MAX_ENTRIES - 2, f"f{MAX_ENTRIES - 2}": 60, "f2": 60}
    assert len({card.id for card in shown}) == len(shown)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_number_of_records_is_limited(environment: EmulatedEnvironment) -> None:
    history = environment.builds().history
    now = environment.clock.wall()
    record = BuildRecord("", build_request(environment.target, "img", SPEC), now, ended_at=now, fleet="f")
    history.add(*(replace(record, id=str(n)) for n in range(MAX_RECORDS + 1)))
    assert [build.card.id for build in await listed(make_watcher(environment))] == [
        str(n) for n in range(MAX_RECORDS, 0, -1)
    ]


@pytest.mark.asyncio
async def test_resumed_builds_of_a_fleet_are_active(tmp_path: Path) -> None:
    environment = EmulatedEnvironment(tmp_path, always_compatible, EmulatorTransport(EmulatorConfig(clusters=2)))
    environment.clock.released.clear()
    kernel = environment.builds()
    fleet = kernel.start_fleet(build_requests(environment.targets, "img", SPEC, check=False, queue=False))
    for build in fleet.builds:
        environment.wait_for(build, BuildState.BUILDING)
    kernel.close()
    seen = await listed(make_watcher(environment))
    environment.close()
    assert [(view.card.fleet, view.active) for view in seen] == [(fleet.id, True)] * 2


@pytest.mark.slow
@pytest.mark.asyncio
async def test_deleting_or_replacing_the_active_image_is_not_submitted(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    cluster = with_id(environment.target).id
    await wait_until_inactive(watcher, (await watcher.create(cluster, "img", SPEC)).card.id)
    await wait_until_inactive(watcher, (await watcher.enable(cluster, "img")).card.id)
    other = ImageSpec("attrs\n", base_image="Python3_11_7")
    for build in (await watcher.delete(cluster, "img"), await watcher.create(cluster, "img", other)):
        seen = await wait_until_inactive(watcher, build.card.id)
        assert seen.card.state == "Not submitted"
        assert "use image 'img'" in seen.card.error[0]
    assert [view.image.name for view in (await watcher.images(cluster)).images] == ["img"]


@pytest.mark.slow
@pytest.mark.asyncio
async def test_unknown_active_image_needs_allow_active(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    cluster = with_id(environment.target).id
    await wait_until_inactive(watcher, (await watcher.create(cluster, "img", SPEC)).card.id)
    environment.transport.fault = forbidden_cluster
    other = ImageSpec("attrs\n", base_image="Python3_11_7")
    for build in (await watcher.delete(cluster, "img"), await watcher.create(cluster, "img", other)):
        seen = await wait_until_inactive(watcher, build.card.id)
        assert seen.card.state == "Not submitted"
        assert "which image" in seen.card.error[0]
        assert "AuthorizationFailed" in seen.card.error[0]
    replaced = await watcher.create(cluster, "img", other, allow_active=True)
    assert (await wait_until_inactive(watcher, replaced.card.id)).card.state == "Succeeded"
    deleted = await watcher.delete(cluster, "img", allow_active=True)
    assert (await wait_until_inactive(watcher, deleted.card.id)).card.state == "Deleted"


@pytest.mark.slow
@pytest.mark.asyncio
async def test_output_is_the_card_of_the_build_with_its_check(environment: EmulatedEnvironment) -> None:
    watcher = make_watcher(environment)
    build = await watcher.create(with_id(environment.target).id, "img", SPEC)
    await wait_until_inactive(watcher, build.card.id)
    data = await watcher.output(build.card.id)
    assert set(data) == {MIME, "text/html", "text/plain"}
    assert (data[MIME]["state"], data[MIME]["phase"]) == ("Succeeded", "done")
    assert data[MIME]["plan"]["verdict"] == "compatible"
    assert data["text/plain"].startswith("✔ Succeeded: image img")


@pytest.mark.asyncio
async def test_output_of_a_fleet_has_the_newest_operation_of_each_cluster(environment: EmulatedEnvironment) -> None:
    kernel = environment.builds()
    fleet = kernel.start_fleet(build_requests(environment.targets, "img", SPEC, check=False))
    await fleet
    kernel.close()
    watcher = make_watcher(environment)
    data = await watcher.output(fleet.id)
    assert data[FLEET_MIME]["state"] == "Succeeded"
    assert len(data[FLEET_MIME]["clusters"]) == len(environment.targets)
    with pytest.raises(UnknownIdError):
        await watcher.output("0" * 32)
