"""The same image on many clusters: side by side, within the budget, and nothing lost when a process ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.answers import TARGET
from support.emulated import BUILD, EmulatorTransport
from support.world import EmulatedEnvironment, fits

from kusto_magic.arm.operation import NOTE_UNCHANGED
from kusto_magic.builds.fleet import Fleet, labels
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import FleetFailed, InvalidInput
from kusto_magic.models.action import Action, Phase
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
OTHER = ImageSpec("xarray\n", base_image="Python3_11_7")
UNCHECKED = BuildOptions(check=False, queue=True)

Make = Callable[..., EmulatedEnvironment]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[EmulatedEnvironment] = []

    def _make(clusters: int, answer: Any = fits, limits: Any = None, **wire: Any) -> EmulatedEnvironment:
        config = EmulatorConfig(build_seconds=BUILD, clusters=clusters, **(limits or {}))
        made.append(EmulatedEnvironment(tmp_path, answer, EmulatorTransport(config, **wire)))
        return made[-1]

    yield _make
    for world in made:
        world.close()


async def silent(_text: str, **_more: Any) -> PreflightReport:
    """Is a preflight that never answers."""
    await asyncio.Event().wait()
    raise AssertionError


def attached(world: EmulatedEnvironment) -> tuple[BuildManager, Fleet]:
    """Take the newest fleet of "img" up as another process does; return its builds and the fleet."""
    builds = world.builds()
    record = builds.history.latest_open("img")
    assert record is not None
    return builds, builds.attach_fleet(record)


def states(world: EmulatedEnvironment, builds: BuildManager, name: str = "img") -> list[str]:
    """Return how the image stands on each cluster, as the service shows it; "" where it has none."""

    def state(target: Target) -> str:
        return next((it.state for it in builds.ask(target, lambda c: c.list()) if it.name == name), "")

    return [state(target) for target in world.targets]


def phases(fleet: Fleet) -> list[str]:
    return [member.operation.phase.value for member in fleet.builds]


def test_an_image_is_made_on_every_cluster_and_checked_once(make: Make) -> None:
    asked: list[str] = []

    async def listening(text: str, **more: Any) -> PreflightReport:
        asked.append(text)
        return await fits(text, **more)

    world = make(7, listening)
    builds = world.builds()
    began = world.clock.monotonic()
    fleet = builds.start_fleet(world.targets, "img", SPEC)
    fleet.wait(60)
    assert fleet.ended
    assert states(world, builds) == ["Succeeded"] * 7
    assert asked == [SPEC.requirements]
    assert fleet.failures == {}
    assert repr(fleet) == "<Fleet of 'img': 7 of 7 clusters ended>"
    assert world.clock.monotonic() - began < 7 * BUILD  # side by side, not one after the other


def test_a_fleet_can_be_awaited_and_its_end_observed(make: Make) -> None:
    world = make(2)
    fleet = world.builds().start_fleet(world.targets, "img", SPEC)
    heard: list[bool] = []
    fleet.observe(lambda change: heard.append(change["new"]), "ended")

    async def awaited() -> None:
        await fleet

    asyncio.run(awaited())
    fleet.wait(10)
    assert heard == [True]


def test_what_failed_is_said_by_reason(make: Make) -> None:
    async def never(_requirements: str, _python: str) -> str | None:
        return "no such wheel"

    world = make(3, resolver=never)
    builds = world.builds()
    fleet = builds.start_fleet(world.targets, "img", SPEC, UNCHECKED)
    with pytest.raises(FleetFailed) as failed:
        fleet.wait(60)
    assert set(failed.value.failures) == {"emulatedcluster", "fleet001", "fleet002"}
    assert failed.value.what == "image 'img': 3 of 3 clusters failed"
    (line,) = failed.value.details()
    assert line.startswith("  emulatedcluster, fleet001, fleet002: ")
    assert "no such wheel" in line
    assert "mend the requirements" in failed.value.next_step  # what each of them says


def test_one_cluster_that_fails_holds_up_no_other(make: Make) -> None:
    world = make(3)
    builds = world.builds()
    gone = replace(world.targets[1], cluster="nosuchcluster")
    fleet = builds.start_fleet([world.targets[0], gone, world.targets[2]], "img", SPEC, UNCHECKED)
    with pytest.raises(FleetFailed) as failed:
        fleet.wait(60)
    assert list(failed.value.failures) == ["nosuchcluster"]
    assert failed.value.next_step == fleet.next_step != ""
    assert [state for state in states(world, builds) if state] == ["Succeeded", "Succeeded"]


def test_the_same_cell_again_joins_then_leaves_what_is_there(make: Make) -> None:
    world = make(3)
    builds = world.builds()
    world.clock.released.clear()
    fleet = builds.start_fleet(world.targets, "img", SPEC)
    assert builds.start_fleet(list(reversed(world.targets)), "IMG", SPEC) is fleet
    fewer = builds.start_fleet(world.targets[:2], "img", SPEC)
    assert fewer is not fleet
    world.clock.released.set()
    fleet.wait(60)
    fewer.wait(60)
    again = builds.start_fleet(world.targets, "img", SPEC)
    assert again is not fleet
    again.wait(60)
    assert {build.operation.note for build in again.builds} == {NOTE_UNCHANGED}


def test_a_cluster_at_work_is_waited_for(make: Make) -> None:
    world = make(2)
    builds = world.builds()
    busy = builds.start(world.targets[1], "another", OTHER, check=False)
    world.wait_for(busy, Phase.BUILDING)
    fleet = builds.start_fleet(world.targets, "img", SPEC)
    fleet.wait(60)
    busy.wait(60)
    assert states(world, builds) == ["Succeeded", "Succeeded"]


def test_a_wrong_name_is_refused_before_anything_happens(make: Make) -> None:
    world = make(2)
    builds = world.builds()
    with pytest.raises(InvalidInput):
        builds.start_fleet(world.targets, "a/b", SPEC)
    assert builds.history.recent() == []


DOCUMENTED = {"reads": 250, "writes": 200, "deletes": 200}
SEEN: dict[str, int] = {}


@pytest.mark.slow
@pytest.mark.parametrize("limits", [DOCUMENTED, SEEN], ids=["documented", "seen"])
def test_two_hundred_clusters_within_the_budget(make: Make, limits: dict[str, int]) -> None:
    world = make(200, limits=limits)
    builds = world.builds()
    fleet = builds.start_fleet(world.targets, "img", SPEC)
    fleet.wait(100)
    assert phases(fleet) == ["Succeeded"] * 200
    assert world.refused == 0


def test_another_process_loses_none_of_a_fleet(make: Make) -> None:
    world = make(40)
    first = world.builds()
    world.clock.released.clear()  # nothing that sleeps goes on: every build is begun, none ends
    fleet = first.start_fleet(world.targets, "img", SPEC)
    for build in fleet.builds[:20]:
        world.wait_for(build, Phase.BUILDING)
    first.close()
    world.clock.released.set()
    second = world.builds()
    record = second.history.latest("img")
    assert record is not None
    resumed = second.attach_fleet(record)
    assert second.attach_fleet(record) is resumed
    resumed.wait(100)
    assert states(world, second) == ["Succeeded"] * 40
    third = world.builds()
    assert third.attach_fleet(record).ended
    assert len(third.attach_fleet(record).members) == 40


def test_what_was_not_sent_when_its_process_ended_is_sent_as_it_was_asked_for(make: Make) -> None:
    world = make(3, silent)
    first = world.builds()
    fleet = first.start_fleet(world.targets, "img", SPEC, BuildOptions(pin=True, queue=True))
    for build in fleet.builds:
        world.wait_for(build, Phase.CHECKING)
    first.close()
    world.answer = fits
    second, resumed = attached(world)
    resumed.wait(60)
    assert {build.spec.requirements for build in resumed.builds if build.spec} == {"humanize==4.9.0\nextra==1.0\n"}
    assert states(world, second) == ["Succeeded"] * 3
    assert not second.history.unfinished()


def test_a_second_fleet_that_overlaps_sends_nothing_twice(make: Make) -> None:
    world = make(3)
    builds = world.builds()
    world.clock.released.clear()
    first = builds.start_fleet(world.targets[:2], "img", SPEC)
    for build in first.builds:
        world.wait_for(build, Phase.BUILDING)
    second = world.builds().start_fleet(world.targets, "img", SPEC)
    world.wait_for(second.builds[2], Phase.BUILDING)
    world.clock.released.set()
    first.wait(60)
    second.wait(60)
    assert [build.operation.note != "" for build in second.builds] == [True, True, False]
    assert world.started_builds("img") == 3


def test_one_that_waited_for_the_same_finds_it_there(make: Make) -> None:
    world = make(1)
    builds = world.builds()
    world.clock.released.clear()
    busy = builds.start(world.target, "another", OTHER, check=False)
    world.wait_for(busy, Phase.BUILDING)
    waiting = [world.builds().start(world.target, "img", SPEC, check=False, queue=True) for _ in range(2)]
    for build in waiting:  # each request is taken, and its operation will have met the other change
        world.wait_for(build, Phase.BUILDING)
    world.clock.released.set()
    for build in waiting:
        build.wait(60)
    assert world.succeeded_builds("img") == 1


def test_clusters_are_the_same_in_any_case(make: Make) -> None:
    world = make(1)
    builds = world.builds()
    world.clock.released.clear()
    build = builds.start(world.target, "img", SPEC)
    other = replace(world.target, cluster=world.target.cluster.upper())
    assert builds.start(other, "img", SPEC) is build
    world.clock.released.set()
    build.wait(60)


def test_one_that_waits_for_its_cluster_goes_on_waiting_after_a_restart(make: Make) -> None:
    world = make(2)
    first = world.builds()
    world.clock.released.clear()
    busy = [first.start(target, "another", OTHER, check=False) for target in world.targets]
    for build in busy:
        world.wait_for(build, Phase.BUILDING)
    fleet = first.start_fleet(world.targets, "img", SPEC)
    for build in fleet.builds:  # the service has taken the request, and will say that the cluster is busy
        world.wait_for(build, Phase.BUILDING)
    first.close()
    world.clock.released.set()
    second, resumed = attached(world)
    resumed.wait(60)
    assert states(world, second) == ["Succeeded"] * 2


def test_a_deletion_that_waits_goes_on_waiting_after_a_restart(make: Make) -> None:
    world = make(2)
    first = world.builds()
    first.start_fleet(world.targets, "img", SPEC).wait(60)
    world.clock.released.clear()
    busy = [first.start(target, "another", OTHER, check=False) for target in world.targets]
    for build in busy:
        world.wait_for(build, Phase.BUILDING)
    fleet = first.change_fleet(Action.DELETE, world.targets, "img", BuildOptions(check=False, queue=True))
    for build in fleet.builds:
        world.wait_for(build, Phase.DELETING)
    first.close()
    world.clock.released.set()
    second, resumed = attached(world)
    resumed.wait(60)
    assert states(world, second) == ["", ""]


def test_what_a_dead_process_did_not_send_is_closed_by_the_same_cell_again(make: Make) -> None:
    world = make(1, silent)
    first = world.builds()
    world.wait_for(first.start(world.target, "img", SPEC), Phase.CHECKING)
    first.close()
    world.answer = fits
    second = world.builds()
    second.start(world.target, "img", SPEC).wait(60)
    assert not second.history.unfinished()
    assert [record.state for record in second.history.recent()] == ["Succeeded", "Not submitted"]


def test_clusters_of_one_name_are_told_apart() -> None:
    here, group = TARGET, replace(TARGET, resource_group="other")
    far = replace(TARGET, subscription="99999999-1234-1234-1234-123456789098")
    assert labels([here]) == ["kustoCluster"]
    assert labels([here, group]) == ["kustorptest/kustoCluster", "other/kustoCluster"]
    assert labels([here, far]) == ["12345678…/kustorptest/kustoCluster", "99999999…/kustorptest/kustoCluster"]
    assert labels([replace(here, cluster="abcd"), here]) == ["abcd", "kustoCluster"]
    assert labels([here, replace(here, cluster="KUSTOCLUSTER", resource_group="other")])[1] == "other/KUSTOCLUSTER"
