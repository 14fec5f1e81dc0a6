"""The same cell again, two changes of one cluster, and switching an image on: builds against the emulator's app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.emulated import EmulatorTransport
from support.world import EmulatedEnvironment, fits

from kusto_magic.builds.build import Build
from kusto_magic.builds.manager import BuildManager
from kusto_magic.errors import BuildFailed, Conflict, InUse, InvalidInput, ServiceError
from kusto_magic.models.action import Phase
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import Image, ImageSpec

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
OTHER = ImageSpec("humanize\npint\n", base_image="Python3_11_7")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    made = EmulatedEnvironment(tmp_path, fits, EmulatorTransport())
    yield made
    made.close()


def extensions(world: EmulatedEnvironment, builds: BuildManager) -> tuple[LanguageExtension, ...]:
    return builds.ask(world.target, lambda client: client.extensions())


def phases(build: Build) -> list[Phase]:
    """Keep the phases of a build from here on."""
    seen = [build.operation.phase]
    build.observe(lambda change: seen.append(change["new"].phase), "operation")
    return seen


# ── the same again ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_made_of_the_same_already_is_left_as_it_is(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    builds.start(world.target, "img", SPEC).wait(30)
    usual = builds.estimate(world.target)
    again = world.builds().start(world.target, "img", SPEC)
    image = again.wait(30)
    assert image is not None
    assert image.requirements == "humanize\n"
    assert again.operation.note == "unchanged: it was made of the same already, and nothing was sent"
    assert again.report is None
    assert builds.estimate(world.target) == usual, "what was not built teaches nothing"


def test_force_sends_it_all_the_same(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    builds.start(world.target, "img", SPEC).wait(30)
    before = world.clock.monotonic()
    again = builds.start(world.target, "img", SPEC, force=True)
    again.wait(30)
    assert again.operation.note == ""
    assert world.clock.monotonic() - before >= 300


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        replace(SPEC, requirements="humanize"),
        replace(SPEC, base_image="Python3_10_8"),
        ImageSpec("humanize\n", python_version="3.11.7"),
    ],
)
def test_anything_else_is_sent(world: EmulatedEnvironment, other: ImageSpec) -> None:
    builds = world.builds()
    builds.start(world.target, "img", SPEC).wait(30)
    image = builds.start(world.target, "img", other).wait(30)
    assert image is not None
    assert image.matches(other)


def test_pinned_versions_that_are_there_already_are_left_as_they_are(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    builds.start(world.target, "img", SPEC, pin=True).wait(30)
    again = builds.start(world.target, "img", SPEC, pin=True)
    again.wait(30)
    assert again.operation.note.startswith("unchanged")


def test_another_process_joins_what_is_being_built_of_the_same(world: EmulatedEnvironment) -> None:
    first = _building(world, world.builds(), "img")
    second = world.builds().start(world.target, "img", SPEC)
    world.wait_for(second, Phase.BUILDING)
    world.clock.released.set()
    assert second.wait(30) is not None
    first.wait(30)
    assert second.operation.phase is Phase.SUCCEEDED


def test_the_text_and_the_base_are_compared_the_language_is_not() -> None:
    image = Image("img", "PYTHON", base_image="PYTHON3_11_7", requirements="humanize\n")
    assert image.matches(SPEC)
    assert not image.matches(OTHER)
    assert not replace(image, base_image="").matches(SPEC)
    assert not replace(image, requirements="humanize\r\n").matches(SPEC)


# ── one change at a time ─────────────────────────────────────────────────────────────────────────────────────────


def _building(world: EmulatedEnvironment, builds: BuildManager, name: str) -> Build:
    """Begin a build and hold the time while it is being built."""
    world.clock.released.clear()
    build = builds.start(world.target, name, SPEC)
    world.wait_for(build, Phase.BUILDING)
    return build


def test_a_second_change_fails_and_says_how_to_wait(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    _building(world, builds, "one")
    second = builds.start(world.target, "two", SPEC)
    world.wait_for(second, Phase.BUILDING)
    world.clock.released.set()
    with pytest.raises(BuildFailed, match=r"followed here on this cluster: the build of 'one'(?s:.*)--queue"):
        second.wait(30)


def test_a_queued_one_waits_and_is_built(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    first = _building(world, builds, "one")
    second = builds.start(world.target, "two", SPEC, queue=True)
    seen = phases(second)
    world.wait_for(second, Phase.BUILDING)
    world.clock.released.set()
    assert second.wait(30) is not None
    assert Phase.QUEUED in seen
    assert seen[-1] is Phase.SUCCEEDED
    assert not second.counts_for_estimate
    first.wait(30)


def test_one_that_waited_when_its_process_ended_was_never_sent(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    _building(world, builds, "img")
    world.wait_for(builds.start(world.target, "img", OTHER, queue=True), Phase.QUEUED)
    builds.close()
    world.clock.released.set()
    image = world.builds().attach(world.target, "img").wait(30)
    assert image is not None
    assert image.requirements == SPEC.requirements


def test_the_same_image_is_a_conflict_that_is_waited_for_too(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    _building(world, builds, "img")
    with pytest.raises(Conflict, match="--queue"):
        builds.start(world.target, "img", OTHER).wait(30)
    queued = builds.start(world.target, "img", OTHER, queue=True)
    world.wait_for(queued, Phase.QUEUED)
    world.clock.released.set()
    image = queued.wait(30)
    assert image is not None
    assert image.requirements == OTHER.requirements


# ── switching ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_is_enabled_and_disabled(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    builds.start(world.target, "img", SPEC).wait(30)
    usual = builds.estimate(world.target)
    enabled = builds.enable(world.target, "img")
    seen = phases(enabled)
    assert enabled.wait(30) is None
    assert Phase.ENABLING in seen
    assert extensions(world, builds) == (LanguageExtension("PYTHON", "img"),)
    builds.enable(world.target, "Python3_11_7").wait(30)
    assert extensions(world, builds) == (LanguageExtension("PYTHON", "Python3_11_7"),)
    builds.disable(world.target, "Python3_11_7").wait(30)
    assert extensions(world, builds) == ()
    assert [record.action for record in builds.history.recent(3)] == ["disable", "enable", "enable"]
    assert builds.estimate(world.target) == usual, "switching does not tell how long builds take"


def test_another_process_takes_enabling_up_again(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    world.clock.released.clear()
    enabled = builds.enable(world.target, "Python3_10_8")
    world.wait_for(enabled, Phase.ENABLING)
    builds.close()
    again = world.builds().attach(world.target, "Python3_10_8")
    world.clock.released.set()
    assert (again.id, again.action.value) == (enabled.id, "enable")
    again.wait(30)
    assert again.operation.note == "python() runs on it now"


def test_what_is_no_image_is_not_enabled(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    with pytest.raises(InvalidInput):
        builds.enable(world.target, "../x")
    with pytest.raises(ServiceError, match="There is no sandbox custom image 'none'"):
        builds.enable(world.target, "none").wait(30)


def test_the_image_that_queries_run_on_is_spared_where_that_is_asked(world: EmulatedEnvironment) -> None:
    builds = world.builds()
    builds.start(world.target, "img", SPEC, protect_active=True).wait(30)
    builds.enable(world.target, "IMG").wait(30)
    with pytest.raises(InUse, match="--yes"):
        builds.start(world.target, "img", OTHER, protect_active=True).wait(30)
    with pytest.raises(InUse, match="nothing was sent"):
        builds.delete(world.target, "img", protect_active=True).wait(30)
    assert [record.state for record in builds.history.recent(2)] == ["Not submitted", "Not submitted"]
    builds.start(world.target, "img", OTHER).wait(30)
    builds.delete(world.target, "img").wait(30)
