"""Fleets: the same image on many clusters, within the rate limits, and resumed after the end of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.arm_responses import TARGET
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport
from support.environment import EmulatedEnvironment, always_compatible
from support.requests import build_request, build_requests, delete_request

from kusto_magic.arm.operation import NOTE_UNCHANGED
from kusto_magic.builds.fleet import Fleet, labels
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import FleetFailedError, InvalidInputError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState
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

    def _make(
        clusters: int, answer: Any = always_compatible, limits: Any = None, **options: Any
    ) -> EmulatedEnvironment:
        config = EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=clusters, **(limits or {}))
        made.append(EmulatedEnvironment(tmp_path, answer, EmulatorTransport(config, **options)))
        return made[-1]

    yield _make
    for environment in made:
        environment.close()


async def silent(_text: str, **_more: Any) -> PreflightReport:
    """Wait forever: a preflight without a result."""
    await asyncio.Event().wait()
    raise AssertionError


def attached(environment: EmulatedEnvironment, *, send: bool = False) -> tuple[BuildManager, Fleet]:
    """Resume the newest fleet of "img" in another process; return its manager and the fleet."""
    builds = environment.builds()
    record = builds.history.latest_open("img")
    assert record is not None
    return builds, builds.attach_fleet(record, send=send)


def states(environment: EmulatedEnvironment, builds: BuildManager, name: str = "img") -> list[str]:
    """Return the state of the image on each cluster as the service returns it, or "" if it does not exist."""

    def state(target: Target) -> str:
        return next((it.state for it in builds.ask(target, lambda c: c.list()) if it.name == name), "")

    return [state(target) for target in environment.targets]


def phases(fleet: Fleet) -> list[str]:
    return [member.operation.state.value for member in fleet.builds]


@pytest.mark.slow
def test_start_fleet_builds_on_every_cluster_after_one_preflight(make: Make) -> None:
    checked: list[str] = []

    async def recording(text: str, **more: Any) -> PreflightReport:
        checked.append(text)
        return await always_compatible(text, **more)

    environment = make(7, recording)
    builds = environment.builds()
    started_at = environment.clock.monotonic()
    fleet = builds.start_fleet(build_requests(environment.targets, "img", SPEC))
    fleet.result(60)
    assert fleet.ended
    assert states(environment, builds) == ["Succeeded"] * 7
    assert checked == [SPEC.requirements]
    assert fleet.failures == {}
    assert "'img': 7 of 7" in repr(fleet)
    assert environment.clock.monotonic() - started_at < 7 * BUILD_SECONDS  # concurrently, not one after the other


def test_fleet_can_be_awaited_and_observed(make: Make) -> None:
    environment = make(2)
    fleet = environment.builds().start_fleet(build_requests(environment.targets, "img", SPEC))
    changes: list[bool] = []
    fleet.observe(lambda change: changes.append(change["new"]), "ended")

    async def awaited() -> None:
        await fleet

    asyncio.run(awaited())
    fleet.result(10)
    assert changes == [True]


def test_fleet_failed_groups_clusters_by_reason(make: Make) -> None:
    async def never(_requirements: str, _python: str) -> str | None:
        return "no such wheel"

    environment = make(3, resolver=never)
    builds = environment.builds()
    fleet = builds.start_fleet(build_requests(environment.targets, "img", SPEC, check=False, queue=False))
    with pytest.raises(FleetFailedError) as failed:
        fleet.result(60)
    assert set(failed.value.failures) == {"emulatedcluster", "fleet001", "fleet002"}
    assert "image 'img': 3 of 3" in failed.value.what
    (line,) = failed.value.details()
    assert line.startswith("  emulatedcluster, fleet001, fleet002: ")
    assert "no such wheel" in line
    assert failed.value.hint == Hint(HintKind.FIX_REQUIREMENTS)  # the common hint


def test_failure_on_one_cluster_does_not_stop_the_others(make: Make) -> None:
    environment = make(3)
    builds = environment.builds()
    missing = replace(environment.targets[1], cluster="nosuchcluster")
    fleet = builds.start_fleet(
        build_requests([environment.targets[0], missing, environment.targets[2]], "img", SPEC, check=False, queue=False)
    )
    with pytest.raises(FleetFailedError) as failed:
        fleet.result(60)
    assert list(failed.value.failures) == ["nosuchcluster"]
    assert failed.value.hint == fleet.hint == Hint(HintKind.CHECK_NAME)
    assert [state for state in states(environment, builds) if state] == ["Succeeded", "Succeeded"]


@pytest.mark.slow
def test_start_fleet_returns_the_running_fleet_then_sends_nothing(make: Make) -> None:
    environment = make(3)
    builds = environment.builds()
    environment.clock.released.clear()
    fleet = builds.start_fleet(build_requests(environment.targets, "img", SPEC))
    assert builds.start_fleet(build_requests(list(reversed(environment.targets)), "IMG", SPEC)) is fleet
    fewer = builds.start_fleet(build_requests(environment.targets[:2], "img", SPEC))
    assert fewer is not fleet
    environment.clock.released.set()
    fleet.result(60)
    fewer.result(60)
    repeated = builds.start_fleet(build_requests(environment.targets, "img", SPEC))
    assert repeated is not fleet
    repeated.result(60)
    assert {build.operation.note for build in repeated.builds} == {NOTE_UNCHANGED}


@pytest.mark.slow
def test_start_fleet_waits_for_a_busy_cluster(make: Make) -> None:
    environment = make(2)
    builds = environment.builds()
    busy = builds.start(build_request(environment.targets[1], "another", OTHER, check=False))
    environment.wait_for(busy, BuildState.BUILDING)
    fleet = builds.start_fleet(build_requests(environment.targets, "img", SPEC))
    fleet.result(60)
    busy.result(60)
    assert states(environment, builds) == ["Succeeded", "Succeeded"]


def test_start_fleet_raises_invalid_input_and_records_nothing(make: Make) -> None:
    environment = make(2)
    builds = environment.builds()
    with pytest.raises(InvalidInputError):
        builds.start_fleet(build_requests(environment.targets, "a/b", SPEC))
    assert builds.history.recent() == []


DOCUMENTED = {"reads": 250, "writes": 200, "deletes": 200}
SEEN: dict[str, int] = {}


@pytest.mark.slow
@pytest.mark.parametrize("limits", [DOCUMENTED, SEEN], ids=["documented", "seen"])
def test_two_hundred_clusters_succeed_without_429_responses(make: Make, limits: dict[str, int]) -> None:
    environment = make(200, limits=limits)
    builds = environment.builds()
    fleet = builds.start_fleet(build_requests(environment.targets, "img", SPEC))
    fleet.result(100)
    assert phases(fleet) == ["Succeeded"] * 200
    assert environment.refused == 0


@pytest.mark.slow
def test_attach_fleet_resumes_every_build_in_another_process(make: Make) -> None:
    environment = make(40)
    first = environment.builds()
    environment.clock.released.clear()  # the clock is stopped: every build starts, none ends
    fleet = first.start_fleet(build_requests(environment.targets, "img", SPEC))
    for build in fleet.builds:
        environment.wait_for(build, BuildState.BUILDING)
    first.close()
    environment.clock.released.set()
    second = environment.builds()
    record = second.history.latest("img")
    assert record is not None
    resumed = second.attach_fleet(record)
    assert second.attach_fleet(record) is resumed
    resumed.result(100)
    assert states(environment, second) == ["Succeeded"] * 40
    third = environment.builds()
    assert third.attach_fleet(record).ended
    assert len(third.attach_fleet(record).members) == 40


@pytest.mark.slow
def test_attach_fleet_with_send_sends_unsent_builds_with_their_options(make: Make) -> None:
    environment = make(3, silent)
    first = environment.builds()
    fleet = first.start_fleet(build_requests(environment.targets, "img", SPEC, pin=True))
    for build in fleet.builds:
        environment.wait_for(build, BuildState.CHECKING)
    first.close()
    environment.answer = always_compatible
    second, resumed = attached(environment)
    with pytest.raises(FleetFailedError, match="was not sent"):
        resumed.result(60)
    assert environment.changes == []
    record = second.history.latest("img")
    assert record is not None
    resumed = second.attach_fleet(record, send=True)
    resumed.result(60)
    assert {build.spec.requirements for build in resumed.builds if build.spec} == {"humanize==4.9.0\nextra==1.0\n"}
    assert states(environment, second) == ["Succeeded"] * 3
    assert not second.history.unfinished()


@pytest.mark.slow
def test_overlapping_fleet_sends_only_the_missing_build(make: Make) -> None:
    environment = make(3)
    builds = environment.builds()
    environment.clock.released.clear()
    first = builds.start_fleet(build_requests(environment.targets[:2], "img", SPEC))
    for build in first.builds:
        environment.wait_for(build, BuildState.BUILDING)
    second = environment.builds().start_fleet(build_requests(environment.targets, "img", SPEC))
    environment.wait_for(second.builds[2], BuildState.BUILDING)
    environment.clock.released.set()
    first.result(60)
    second.result(60)
    assert [build.operation.note != "" for build in second.builds] == [True, True, False]
    assert environment.started_builds("img") == 3


@pytest.mark.slow
def test_queued_builds_of_the_same_spec_send_one_build(make: Make) -> None:
    environment = make(1)
    builds = environment.builds()
    environment.clock.released.clear()
    busy = builds.start(build_request(environment.target, "another", OTHER, check=False))
    environment.wait_for(busy, BuildState.BUILDING)
    waiting = [
        environment.builds().start(build_request(environment.target, "img", SPEC, check=False, queue=True))
        for _ in range(2)
    ]
    for build in waiting:  # each request is accepted; its operation fails because the cluster is busy
        environment.wait_for(build, BuildState.BUILDING)
    environment.clock.released.set()
    for build in waiting:
        build.result(60)
    assert environment.succeeded_builds("img") == 1


def test_start_compares_cluster_names_without_case(make: Make) -> None:
    environment = make(1)
    builds = environment.builds()
    environment.clock.released.clear()
    build = builds.start(build_request(environment.target, "img", SPEC))
    other = replace(environment.target, cluster=environment.target.cluster.upper())
    assert builds.start(build_request(other, "img", SPEC)) is build
    environment.clock.released.set()
    build.result(60)


@pytest.mark.slow
def test_queued_build_keeps_waiting_after_a_kernel_restart_if_a_person_asks(make: Make) -> None:
    environment = make(2)
    first = environment.builds()
    environment.clock.released.clear()
    others = environment.builds()  # another process
    busy = [others.start(build_request(target, "another", OTHER, check=False)) for target in environment.targets]
    for build in busy:
        environment.wait_for(build, BuildState.BUILDING)
    fleet = first.start_fleet(build_requests(environment.targets, "img", SPEC))
    for build in fleet.builds:  # the request is accepted; its operation fails because the cluster is busy
        environment.wait_for(build, BuildState.BUILDING)
    first.close()
    environment.clock.released.set()
    second, resumed = attached(environment, send=True)
    resumed.result(60)
    assert states(environment, second) == ["Succeeded"] * 2


@pytest.mark.slow
def test_queued_deletion_keeps_waiting_after_a_kernel_restart_if_a_person_asks(make: Make) -> None:
    environment = make(2)
    first = environment.builds()
    first.start_fleet(build_requests(environment.targets, "img", SPEC)).result(60)
    environment.clock.released.clear()
    others = environment.builds()  # another process
    busy = [others.start(build_request(target, "another", OTHER, check=False)) for target in environment.targets]
    for build in busy:
        environment.wait_for(build, BuildState.BUILDING)
    fleet = first.start_fleet([delete_request(target, "img", queue=True) for target in environment.targets])
    for build in fleet.builds:
        environment.wait_for(build, BuildState.DELETING)
    first.close()
    environment.clock.released.set()
    second, resumed = attached(environment, send=True)
    resumed.result(60)
    assert states(environment, second) == ["", ""]


def test_start_closes_the_unsent_record_of_an_ended_process(make: Make) -> None:
    environment = make(1, silent)
    first = environment.builds()
    environment.wait_for(first.start(build_request(environment.target, "img", SPEC)), BuildState.CHECKING)
    first.close()
    environment.answer = always_compatible
    second = environment.builds()
    second.start(build_request(environment.target, "img", SPEC)).result(60)
    assert not second.history.unfinished()
    assert [record.state for record in second.history.recent()] == ["Succeeded", "Not submitted"]


def test_labels_distinguish_clusters_with_the_same_name() -> None:
    here, group = TARGET, replace(TARGET, resource_group="other")
    far = replace(TARGET, subscription="99999999-1234-1234-1234-123456789098")
    assert labels([here]) == ["kustoCluster"]
    assert labels([here, group]) == ["kustorptest/kustoCluster", "other/kustoCluster"]
    assert labels([here, far]) == ["12345678…/kustorptest/kustoCluster", "99999999…/kustorptest/kustoCluster"]
    assert labels([replace(here, cluster="abcd"), here]) == ["abcd", "kustoCluster"]
    assert labels([here, replace(here, cluster="KUSTOCLUSTER", resource_group="other")])[1] == "other/KUSTOCLUSTER"
