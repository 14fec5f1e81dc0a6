"""What the Jupyter server knows of builds that others began: against the emulator's app, two processes as it were."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.answers import HTML, TARGET, answer, failed, image
from support.emulated import EmulatorTransport
from support.wire import ScriptedTransport, opened
from support.world import EmulatedEnvironment, fits

from kusto_magic.arm.response import ArmResponse
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display.card import card_from_record
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import EndedElsewhere, InvalidInput, Problem
from kusto_magic.models.action import Phase
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.server.build_watcher import (
    ACTIVE_IMAGE_TTL,
    MAX_ENTRIES,
    MAX_RECORDS,
    MAX_RESUME_AGE,
    QUEUE_GRACE,
    START_GRACE,
    BuildView,
    BuildWatcher,
)
from kusto_magic.server.clusters import UnknownIdError, with_id

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    made = EmulatedEnvironment(tmp_path, fits, EmulatorTransport())
    yield made
    made.close()


def onlooker(world: EmulatedEnvironment, *more: Target | None) -> BuildWatcher:
    sources = [lambda target=target: target for target in (world.target, *more)]
    return BuildWatcher(world.builds(), sources=sources, clock=world.clock)


async def until_over(there: BuildWatcher, build: str) -> BuildView:
    """Wait for news until the build with this id is not followed any more."""
    revision = 0
    for _ in range(1000):
        news = await there.wait_for_changes(revision, 10)
        revision = news.revision
        [seen] = [it for it in news.builds if it.card.id == build]
        if not seen.active:
            return seen
    raise AssertionError("it does not end")


async def until_recorded(builds: BuildManager, id_: str, phase: Phase) -> None:
    """Wait until the history has a build in this phase: it is written just after the build says so itself."""
    async with asyncio.timeout(10):
        while (record := builds.history.get(id_)) is None or record.state != phase:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_a_build_whose_kernel_is_gone_is_followed_to_its_end(world: EmulatedEnvironment) -> None:
    world.clock.released.clear()
    kernel = world.builds()
    begun = kernel.start(world.target, "img", SPEC, check=False)
    posted = asyncio.Event()
    loop = asyncio.get_running_loop()
    begun.observe(lambda _: loop.call_soon_threadsafe(posted.set), "last_response_at")
    if begun.last_response_at:
        posted.set()
    await asyncio.wait_for(posted.wait(), 10)
    kernel.close()
    there = onlooker(world)
    [seen] = await there.builds()
    assert (seen.card.id, seen.active, seen.card.ended) == (begun.id, True, False)
    world.clock.released.set()
    seen = await until_over(there, begun.id)
    assert (seen.card.state, seen.card.ended, seen.active) == ("Succeeded", True, False)
    record = world.builds().history.get(begun.id)
    assert record is not None
    assert record.state == "Succeeded"


@pytest.mark.asyncio
async def test_what_a_kernel_still_checks_is_shown_and_left_to_it(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    begun = await there.create(with_id(world.target).id, "img", SPEC)
    record = world.builds().history.get(begun.card.id)
    assert record is not None
    now = world.clock.wall()
    fresh = replace(record, id="a" * 32, image="checked", state="Checking", started_at=now, ended_at=None)
    world.builds().history.add(fresh)
    world.builds().history.add(replace(fresh, id="b" * 32, image="forgotten", started_at=now - timedelta(hours=1)))
    world.builds().history.add(replace(fresh, id="f" * 32, image="sending", state="Submitting"))
    queued = replace(fresh, id="9" * 32, image="queued", state="Queued", started_at=now - timedelta(minutes=50))
    world.builds().history.add(queued, replace(queued, id="8" * 32, image="left", started_at=now - QUEUE_GRACE))
    seen = {build.card.image: build for build in await there.builds()}
    assert (seen["queued"].card.state, seen["queued"].card.ended, seen["queued"].active) == ("Queued", False, True)
    assert (seen["left"].card.state, seen["left"].active) == ("Unknown", False)
    assert (seen["checked"].card.state, seen["checked"].active) == ("Checking", True)
    assert (seen["sending"].card.state, seen["sending"].active) == ("Submitting", True)
    assert (seen["forgotten"].card.state, seen["forgotten"].active) == ("Unknown", False)


@pytest.mark.asyncio
async def test_what_a_kernel_died_of_sending_is_looked_for_in_azure(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    begun = await there.create(with_id(world.target).id, "img", SPEC)
    await until_over(there, begun.card.id)
    record = world.builds().history.get(begun.card.id)
    assert record is not None
    sent_at = world.clock.wall() - START_GRACE - timedelta(seconds=1)
    died = replace(record, id="1" * 32, state="Submitting", started_at=sent_at, ended_at=None, last_response_at=None)
    world.builds().history.add(died)
    seen = await until_over(onlooker(world), died.id)
    assert seen.card.state == "Succeeded"


@pytest.mark.asyncio
async def test_what_cannot_be_followed_is_tried_once_and_its_record_stays_open(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    begun = await there.create(with_id(world.target).id, "img", SPEC)
    record = world.builds().history.get(begun.card.id)
    assert record is not None
    elsewhere = replace(world.target, cluster="elsewhere")
    lost = replace(record, id="c" * 32, target=elsewhere, image="lost", state="Building", ended_at=None,
                   started_at=world.clock.wall())  # fmt: skip
    old = replace(lost, id="d" * 32, image="old", started_at=world.clock.wall() - MAX_RESUME_AGE - timedelta(seconds=1))
    world.builds().history.add(lost)
    world.builds().history.add(old)
    looker = onlooker(world)
    over = await until_over(looker, lost.id)
    assert (over.card.state, over.card.ended) == ("Unknown", True)
    seen = {build.card.image: build for build in await looker.builds()}
    assert (seen["old"].card.state, seen["old"].active) == ("Unknown", False)
    kept = world.builds().history.get("c" * 32)
    assert kept is not None
    assert kept.ended_at is None
    assert not next(build for build in await looker.builds() if build.card.image == "lost").active


@pytest.mark.asyncio
async def test_recorded_end_wins_over_own_poll_and_stops_it(world: EmulatedEnvironment) -> None:
    world.clock.released.clear()
    kernel = world.builds()
    begun = kernel.start(world.target, "img", SPEC, check=False)
    await until_recorded(kernel, begun.id, Phase.BUILDING)
    server = world.builds()
    there = BuildWatcher(server, sources=[lambda: world.target], clock=world.clock)
    [seen] = await there.builds()
    assert seen.active
    [polled] = server.registry.all()
    ended_at = world.clock.wall()
    kernel.history.change(begun.id, state="Failed", message="it broke", ended_at=ended_at)
    news = await there.wait_for_changes((await there.wait_for_changes(0, 0)).revision - 1, 10)
    [seen] = news.builds
    assert (seen.card.state, seen.active, seen.card.error) == ("Failed", False, ("it broke",))
    with pytest.raises(EndedElsewhere):
        await asyncio.wait_for(polled, 10)
    assert server.registry.all() == []
    assert kernel.history.get(begun.id).ended_at == ended_at  # type: ignore[union-attr]  # it is there


@pytest.mark.asyncio
async def test_news_tells_of_a_rejected_build_that_nobody_here_polled(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    history, now = world.builds().history, world.clock.wall()
    record = BuildRecord("a" * 32, world.target, "img", "build", None, None, "", now, state="Checking")
    history.add(record)
    first = await there.wait_for_changes(0, 10)
    assert [(it.card.state, it.active) for it in first.builds] == [("Checking", True)]
    waiting = asyncio.create_task(there.wait_for_changes(first.revision, 600))
    await asyncio.sleep(0)
    history.change(record.id, state="Not submitted", ended_at=now)
    news = await asyncio.wait_for(waiting, 10)
    assert [(it.card.state, it.active) for it in news.builds] == [("Not submitted", False)]


@pytest.mark.asyncio
async def test_resumed_build_does_not_reopen_a_record_that_has_ended(world: EmulatedEnvironment) -> None:
    world.clock.released.clear()
    kernel, other = world.builds(), world.builds()
    begun = kernel.start(world.target, "img", SPEC, check=False)
    await until_recorded(kernel, begun.id, Phase.BUILDING)
    resumed = other.attach(world.target, "img")
    kernel.history.change(begun.id, state="Canceled", message="first", ended_at=world.clock.wall())
    world.clock.released.set()
    await asyncio.wait_for(resumed, 10)
    record = other.history.get(begun.id)
    assert record is not None
    assert record.ended_at is not None


@pytest.mark.asyncio
async def test_clusters_come_from_settings_emulator_and_history_each_once(world: EmulatedEnvironment) -> None:
    azure = Target("01234567-89ab-cdef-0123-456789abcdef", "group", "mycluster")
    there = onlooker(world, azure, azure)
    begun = await there.create(with_id(world.target).id, "img", SPEC)
    record = world.builds().history.get(begun.card.id)
    assert record is not None
    gone = replace(world.target, endpoint="http://127.0.0.1:9")
    world.builds().history.add(replace(record, id="e" * 32, target=gone))
    assert [cluster.target for cluster in await there.clusters()] == [world.target, azure]
    assert with_id(azure).id == with_id(replace(azure, cluster="MyCluster")).id


@pytest.mark.asyncio
async def test_a_source_with_wrong_settings_does_not_hide_the_others(world: EmulatedEnvironment) -> None:
    def wrong() -> Target | None:
        raise InvalidInput([Problem("cluster", "is none")])

    there = BuildWatcher(world.builds(), sources=[wrong, lambda: world.target], clock=world.clock)
    assert [cluster.target for cluster in await there.clusters()] == [world.target]


@pytest.mark.asyncio
async def test_an_id_that_was_not_given_out_is_refused(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    for id_ in ("0" * 16, "http://169.254.169.254", ".."):
        with pytest.raises(UnknownIdError):
            await there.images(id_)
        with pytest.raises(UnknownIdError):
            await there.build(id_)


@pytest.mark.asyncio
async def test_images_name_the_newest_build_of_each(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    cluster = with_id(world.target).id
    begun = await there.create(cluster, "img", SPEC)
    await until_over(there, begun.card.id)
    shelf = await there.images(cluster)
    assert [(it.image.name, it.image.state, it.build) for it in shelf.images] == [("img", "Succeeded", begun.card.id)]
    assert shelf.identity == ""  # the emulator's token names nobody


@pytest.mark.asyncio
@pytest.mark.parametrize("refusal", [failed(403, "AuthorizationFailed"), HTML], ids=["no right", "unreadable"])
async def test_who_may_not_learn_the_active_image_sees_the_list(
    world: EmulatedEnvironment, refusal: ArmResponse
) -> None:
    script = ScriptedTransport(
        forever=lambda asked: refusal if asked.method == "POST" else answer({"value": [image()]})
    )
    with closing(BuildManager(history=world.builds().history, open_client=lambda _target: opened(script))) as builds:
        there = BuildWatcher(builds, sources=[lambda: TARGET])
        shelf = await there.images(with_id(TARGET).id)
    assert ([it.image.name for it in shelf.images], shelf.active) == (["img"], "")
    assert any(line.startswith("POST ") for line in script.lines)


@pytest.mark.asyncio
async def test_the_active_image_is_asked_anew_only_after_a_while(world: EmulatedEnvironment) -> None:
    script = ScriptedTransport(forever=lambda asked: answer({"value": []}))
    with closing(BuildManager(history=world.builds().history, open_client=lambda _target: opened(script))) as builds:
        there = BuildWatcher(builds, sources=[lambda: TARGET], clock=script.clock)
        cluster = with_id(TARGET).id
        for seconds, asked in ((0.0, 1), (30.0, 1), (ACTIVE_IMAGE_TTL, 2)):
            script.clock.move(seconds)
            await there.images(cluster)
            assert sum(line.startswith("POST ") for line in script.lines) == asked


@pytest.mark.asyncio
async def test_news_waits_no_longer_than_asked_where_there_is_none(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    first = await there.wait_for_changes(0, 10)
    assert (await there.wait_for_changes(first.revision, 0.01)) == first


@pytest.mark.asyncio
async def test_a_record_that_ended_shows_as_it_ended(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    begun = await there.create(with_id(world.target).id, "img", SPEC)
    record = world.builds().history.get(begun.card.id)
    assert record is not None
    now = world.clock.wall()
    ended = replace(record, state="Failed", message="it broke", ended_at=now + timedelta(seconds=62))
    shown = card_from_record(ended)
    assert (shown.state, shown.ended, shown.error, shown.base) == ("Failed", True, ("it broke",), "Python3_11_7")
    assert card_from_record(replace(ended, action="delete", state="Succeeded")).state == "Deleted"


@pytest.mark.asyncio
async def test_a_fleet_is_one_of_the_things_shown_and_not_cut_in_two(world: EmulatedEnvironment) -> None:
    history = world.builds().history
    now = world.clock.wall()
    one = BuildRecord("", world.target, "img", "build", None, None, "", now, state="Succeeded", ended_at=now)
    for things in (2, MAX_ENTRIES - 2):
        history.add(*(replace(one, id=f"{things}-{n}") for n in range(things)))
        history.add(*(replace(one, id=f"fleet-{things}-{n}", fleet=f"f{things}") for n in range(60)))
    shown = [build.card for build in await onlooker(world).builds()]
    assert Counter(card.fleet for card in shown) == {"": MAX_ENTRIES - 2, f"f{MAX_ENTRIES - 2}": 60, "f2": 60}
    assert len({card.id for card in shown}) == len(shown)


@pytest.mark.asyncio
async def test_no_more_records_are_shown_than_can_be_sent_each_second(world: EmulatedEnvironment) -> None:
    history = world.builds().history
    now = world.clock.wall()
    one = BuildRecord("", world.target, "img", "build", None, None, "", now, ended_at=now, fleet="f")
    history.add(*(replace(one, id=str(n)) for n in range(MAX_RECORDS + 1)))
    assert [build.card.id for build in await onlooker(world).builds()] == [str(n) for n in range(MAX_RECORDS, 0, -1)]


@pytest.mark.asyncio
async def test_the_builds_of_a_fleet_that_is_followed_here_say_so(tmp_path: Path) -> None:
    world = EmulatedEnvironment(tmp_path, fits, EmulatorTransport(EmulatorConfig(clusters=2)))
    world.clock.released.clear()
    kernel = world.builds()
    fleet = kernel.start_fleet(world.targets, "img", SPEC, BuildOptions(check=False))
    for begun in fleet.builds:
        world.wait_for(begun, Phase.BUILDING)
    kernel.close()
    seen = await onlooker(world).builds()
    world.close()
    assert [(it.card.fleet, it.active) for it in seen] == [(fleet.id, True)] * 2


@pytest.mark.asyncio
async def test_the_active_image_is_neither_deleted_nor_replaced_from_here(world: EmulatedEnvironment) -> None:
    there = onlooker(world)
    cluster = with_id(world.target).id
    await until_over(there, (await there.create(cluster, "img", SPEC)).card.id)
    await until_over(there, (await there.enable(cluster, "img")).card.id)
    other = ImageSpec("attrs\n", base_image="Python3_11_7")
    for begun in (await there.delete(cluster, "img"), await there.create(cluster, "img", other)):
        seen = await until_over(there, begun.card.id)
        assert seen.card.state == "Not submitted"
        assert "the queries of this cluster run on image 'img'" in " ".join(seen.card.error)
    assert [it.image.name for it in (await there.images(cluster)).images] == ["img"]
