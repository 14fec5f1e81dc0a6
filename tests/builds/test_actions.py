"""Repeated builds, concurrent changes of one cluster, and enabling images, against the emulator's app."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport
from support.environment import EmulatedEnvironment, HeldPreflight, always_compatible, forbidden_cluster
from support.requests import build_request, delete_request, disable_request, enable_request

from kusto_magic.arm.operation import NOTE_UNCHANGED
from kusto_magic.builds.actions import IN_USE_HINT, SENDERS
from kusto_magic.builds.build import Build
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display.card_sources import card
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import (
    BuildFailedError,
    ConflictError,
    InUseError,
    InvalidInputError,
    MaybeInUseError,
    ServiceError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import Image, ImageSpec

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
OTHER = ImageSpec("humanize\npint\n", base_image="Python3_11_7")
PINNED = "humanize==4.9.0\nextra==1.0\n"


def extensions(environment: EmulatedEnvironment, builds: BuildManager) -> tuple[LanguageExtension, ...]:
    return builds.ask(environment.target, lambda client: client.extensions())


def phases(build: Build) -> list[BuildState]:
    """Return a list to which the phases of a build are appended from now on."""
    seen = [build.operation.state]
    build.observe(lambda change: seen.append(change["new"].state), "operation")
    return seen


# ── repeated builds ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_start_sends_nothing_if_the_image_is_up_to_date(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    estimate = builds.estimate(environment.target)
    second = environment.builds().start(build_request(environment.target, "img", SPEC))
    image = second.result(30)
    assert image is not None
    assert image.requirements == "humanize\n"
    assert second.operation.note == NOTE_UNCHANGED
    assert second.report is None
    assert builds.estimate(environment.target) == estimate, "an unchanged image does not count for the estimate"


def test_force_sends_an_image_that_is_up_to_date(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    before = environment.clock.monotonic()
    second = builds.start(build_request(environment.target, "img", SPEC, force=True))
    second.result(30)
    assert second.operation.note == ""
    assert environment.clock.monotonic() - before >= BUILD_SECONDS


@pytest.mark.parametrize("text", ["humanize", "humanize\r\n"])
def test_start_sends_nothing_if_only_the_line_ends_differ(environment: EmulatedEnvironment, text: str) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    second = builds.start(build_request(environment.target, "img", replace(SPEC, requirements=text)))
    second.result(30)
    assert second.operation.note == NOTE_UNCHANGED
    assert environment.started_builds("img") == 1


@pytest.mark.parametrize("base", [{"base_image": "Python3_11_7"}, {"python_version": "3.11.7"}])
def test_image_of_its_base_alone_is_built_and_then_up_to_date(
    environment: EmulatedEnvironment, base: dict[str, str]
) -> None:
    spec = ImageSpec("", **base, allow_no_packages=True)  # type: ignore[arg-type]
    image = environment.builds().start(build_request(environment.target, "engine", spec)).result(30)
    assert image is not None
    assert image.requirements == ""
    again = environment.builds().start(build_request(environment.target, "engine", spec))
    again.result(30)
    assert again.operation.note == NOTE_UNCHANGED


def test_new_image_cannot_have_a_name_outside_the_rule(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "my image", SPEC))
    with pytest.raises(InvalidInputError, match="'my image'") as refused:
        build.result(30)
    assert [problem.field for problem in refused.value.problems] == ["image name"]
    assert environment.started_builds("my image") == 0
    assert builds.history.recent()[0].state == "Not submitted"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my image", "größe", "2024.11 (x)"])
def test_image_of_another_tool_is_replaced_enabled_attached_and_deleted(
    environment: EmulatedEnvironment, name: str
) -> None:
    asyncio.run(environment.emulator_client().build(name, languageVersion="3.10.8"))
    builds, target = environment.builds(), environment.target
    image = builds.start(build_request(target, name, SPEC)).result(30)
    assert image is not None
    assert image.matches(SPEC)
    builds.start(enable_request(target, name)).result(30)
    assert environment.builds().attach(target, name).result(30) == image
    builds.start(disable_request(target, name)).result(30)
    builds.start(delete_request(target, name)).result(30)
    assert builds.ask(target, lambda client: client.list()) == []


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        replace(SPEC, requirements="humanize # 1"),
        replace(SPEC, base_image="Python3_10_8"),
        ImageSpec("humanize\n", python_version="3.11.7"),
    ],
)
def test_start_sends_an_image_that_differs(environment: EmulatedEnvironment, other: ImageSpec) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    image = builds.start(build_request(environment.target, "img", other)).result(30)
    assert image is not None
    assert image.matches(other)


def test_start_with_pin_sends_nothing_if_the_pinned_versions_are_up_to_date(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC, pin=True)).result(30)
    second = builds.start(build_request(environment.target, "img", SPEC, pin=True))
    second.result(30)
    assert second.operation.note == NOTE_UNCHANGED


@pytest.mark.slow
def test_start_in_another_process_polls_the_build_of_the_same_spec(environment: EmulatedEnvironment) -> None:
    first = _building(environment, environment.builds(), "img")
    second = environment.builds().start(build_request(environment.target, "img", SPEC))
    environment.wait_for(second, BuildState.BUILDING)
    environment.clock.released.set()
    assert second.result(30) is not None
    first.result(30)
    assert second.operation.state is BuildState.SUCCEEDED


def test_matches_compares_text_and_base_but_not_the_language() -> None:
    image = Image("img", "PYTHON", base_image="PYTHON3_11_7", requirements="humanize\n")
    assert image.matches(SPEC)
    assert not image.matches(OTHER)
    assert not replace(image, base_image="").matches(SPEC)
    assert not replace(image, requirements="humanize \n").matches(SPEC)


# ── one change of a cluster at a time ───────────────────────────────────────────────────────────────────────────────


def _building(environment: EmulatedEnvironment, builds: BuildManager, name: str) -> Build:
    """Start a build and stop the clock while it is being built."""
    environment.clock.released.clear()
    build = builds.start(build_request(environment.target, name, SPEC))
    environment.wait_for(build, BuildState.BUILDING)
    return build


def test_second_change_of_another_process_fails_with_the_hint_to_wait(environment: EmulatedEnvironment) -> None:
    first = _building(environment, environment.builds(), "one")
    second = environment.builds().start(build_request(environment.target, "two", SPEC))
    environment.wait_for(second, BuildState.BUILDING)
    environment.clock.released.set()
    with pytest.raises(BuildFailedError) as failed:
        second.result(30)
    assert failed.value.hint == Hint(HintKind.WAIT_FOR_CLUSTER)
    first.result(30)


@pytest.mark.slow
@pytest.mark.parametrize("queue", [False, True])
def test_changes_of_one_process_wait_for_each_other_in_the_order_in_which_they_come(
    environment: EmulatedEnvironment, queue: bool
) -> None:
    builds = environment.builds()
    first = _building(environment, builds, "one")
    second = builds.start(build_request(environment.target, "two", SPEC, queue=queue))
    environment.wait_for(second, BuildState.QUEUED)
    third = builds.start(delete_request(environment.target, "one", queue=queue))
    environment.wait_for(third, BuildState.QUEUED)
    assert card(second, environment.clock.wall()).note.endswith("build of 'one'")
    assert card(third, environment.clock.wall()).note.endswith("build of 'two'")
    assert environment.changes == ["PUT one"]
    environment.emulator.clock.move(100)
    queued = card(second, environment.clock.wall())
    assert (queued.seconds - queued.waited, queued.estimate, queued.estimate_high) == (0.0, "", 0.0)
    environment.clock.released.set()
    assert first.result(30) is not None
    assert second.result(30) is not None
    assert third.result(30) is None
    assert environment.changes == ["PUT one", "PUT two", "DELETE one"]
    assert not second.counts_for_estimate
    ended = card(second, environment.clock.wall())
    assert ended.waited >= 100
    assert BUILD_SECONDS <= ended.seconds - ended.waited <= 2 * BUILD_SECONDS, "its progress starts when it is sent"


@pytest.mark.slow
def test_enabling_waits_for_an_earlier_build_of_the_image_that_is_still_being_checked(
    environment: EmulatedEnvironment,
) -> None:
    environment.answer = check = HeldPreflight()
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "img", SPEC))
    enabling = builds.start(enable_request(environment.target, "img"))
    environment.wait_for(build, BuildState.CHECKING)
    environment.wait_for(enabling, BuildState.QUEUED)
    check.release(builds)
    assert build.result(30) is not None
    assert enabling.result(30) is None
    assert environment.changes == ["PUT img", "POST addLanguageExtensions"]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["build", "delete"])
def test_last_operation_on_an_image_decides_what_it_is(environment: EmulatedEnvironment, first: str) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    environment.changes.clear()
    if first == "build":
        builds.start(build_request(environment.target, "img", OTHER))
    else:
        builds.start(delete_request(environment.target, "img", protect_active=True))
    image = builds.start(build_request(environment.target, "img", SPEC, protect_active=True)).result(60)
    assert image is not None
    assert image.requirements == SPEC.requirements
    stored = builds.ask(environment.target, lambda client: client.get("img"))
    assert stored.requirements == SPEC.requirements
    assert environment.changes == ["PUT img" if first == "build" else "DELETE img", "PUT img"]


@pytest.mark.slow
def test_start_after_a_deletion_does_not_return_the_running_build_before_it(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    first = _building(environment, builds, "img")
    deletion = builds.start(delete_request(environment.target, "img"))
    again = builds.start(build_request(environment.target, "img", SPEC))
    assert again is not first
    environment.clock.released.set()
    assert again.result(60) is not None
    assert deletion.done()
    assert environment.changes == ["PUT img", "DELETE img", "PUT img"]


def test_builds_of_different_clusters_do_not_wait_for_each_other(tmp_path: Path) -> None:
    emulator = EmulatorTransport(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=2))
    environment = EmulatedEnvironment(tmp_path, always_compatible, emulator)
    builds = environment.builds()
    environment.clock.released.clear()
    started = [builds.start(build_request(target, "img", SPEC)) for target in environment.targets]
    for build in started:
        environment.wait_for(build, BuildState.BUILDING)
    environment.close()


def test_build_that_waited_sends_nothing_if_the_image_was_built_of_the_same_meanwhile(
    environment: EmulatedEnvironment,
) -> None:
    builds = environment.builds()
    _building(environment, builds, "img")
    second = builds.start(
        build_request(environment.target, "img", SPEC, pin=True)
    )  # differs, until it has found the versions
    environment.wait_for(second, BuildState.QUEUED)
    third = builds.start(build_request(environment.target, "img", replace(SPEC, requirements=PINNED), check=False))
    environment.wait_for(third, BuildState.QUEUED)
    environment.clock.released.set()
    assert third.result(30) is not None
    assert environment.changes == ["PUT img", "PUT img"]
    assert third.operation.note == NOTE_UNCHANGED


def test_build_that_waited_checks_again_whether_its_image_is_active(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    _building(environment, builds, "one")
    second = builds.start(build_request(environment.target, "img", OTHER, protect_active=True))
    environment.wait_for(second, BuildState.QUEUED)
    environment.set_active("img")
    environment.clock.released.set()
    with pytest.raises(InUseError, match="use image 'img'"):
        second.result(30)


def test_state_of_a_queued_build_does_not_flicker_between_attempts(environment: EmulatedEnvironment) -> None:
    other = environment.builds()
    _building(environment, other, "one")
    other.close()  # so that only the polls of the second build move the clock
    second = environment.builds().start(build_request(environment.target, "two", SPEC, queue=True))
    shown: list[str] = []
    second.observe(lambda _change: shown.append(card(second, environment.clock.wall()).state), "operation")
    environment.wait_for(second, BuildState.BUILDING)
    environment.clock.released.set()
    assert second.result(30) is not None
    assert environment.changes.count("PUT two") > 2
    states = [state for state, previous in zip(shown, [None, *shown], strict=False) if state != previous]
    assert states[states.index("Queued") :] == ["Queued", "Building", "Confirming", "Succeeded"]


@pytest.mark.slow
def test_queued_build_waits_and_succeeds_while_another_process_builds(environment: EmulatedEnvironment) -> None:
    first = _building(environment, environment.builds(), "one")
    second = environment.builds().start(build_request(environment.target, "two", SPEC, queue=True))
    seen = phases(second)
    environment.wait_for(second, BuildState.BUILDING)
    environment.clock.released.set()
    assert second.result(30) is not None
    assert BuildState.QUEUED in seen
    assert seen[-1] is BuildState.SUCCEEDED
    assert not second.counts_for_estimate
    first.result(30)


def test_attach_prefers_the_submitted_build_to_a_queued_one_of_an_ended_process(
    environment: EmulatedEnvironment,
) -> None:
    builds = environment.builds()
    _building(environment, builds, "img")
    environment.wait_for(builds.start(build_request(environment.target, "img", OTHER, queue=True)), BuildState.QUEUED)
    builds.close()
    environment.clock.released.set()
    image = environment.builds().attach(environment.target, "img").result(30)
    assert image is not None
    assert image.requirements == SPEC.requirements


@pytest.mark.slow
def test_queued_build_waits_after_a_409_for_the_same_image(environment: EmulatedEnvironment) -> None:
    _building(environment, environment.builds(), "img")
    builds = environment.builds()
    with pytest.raises(ConflictError) as refused:
        builds.start(build_request(environment.target, "img", OTHER)).result(30)
    assert refused.value.hint == Hint(HintKind.WAIT_FOR_CLUSTER)
    queued = builds.start(build_request(environment.target, "img", OTHER, queue=True))
    environment.wait_for(queued, BuildState.QUEUED)
    environment.clock.released.set()
    image = queued.result(30)
    assert image is not None
    assert image.requirements == OTHER.requirements


# ── enabling and disabling ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_enable_and_disable_change_the_language_extensions(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    estimate = builds.estimate(environment.target)
    enabled = builds.start(enable_request(environment.target, "img"))
    seen = phases(enabled)
    assert enabled.result(30) is None
    assert BuildState.ENABLING in seen
    assert extensions(environment, builds) == (LanguageExtension("PYTHON", "img"),)
    builds.start(enable_request(environment.target, "Python3_11_7")).result(30)
    assert extensions(environment, builds) == (LanguageExtension("PYTHON", "Python3_11_7"),)
    builds.start(disable_request(environment.target, "Python3_11_7")).result(30)
    assert extensions(environment, builds) == ()
    assert [record.action for record in builds.history.recent(3)] == ["disable", "enable", "enable"]
    assert builds.estimate(environment.target) == estimate, "enabling does not count for the estimate of builds"


def test_attach_resumes_enabling_in_another_process(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    environment.clock.released.clear()
    enabled = builds.start(enable_request(environment.target, "Python3_10_8"))
    environment.wait_for(enabled, BuildState.ENABLING)
    builds.close()
    second = environment.builds().attach(environment.target, "Python3_10_8")
    environment.clock.released.set()
    assert (second.id, second.action.value) == (enabled.id, "enable")
    second.result(30)
    assert second.operation.note == ACTIONS[Action.ENABLE].success_note


def test_enable_raises_for_an_invalid_or_missing_image(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    with pytest.raises(InvalidInputError):
        builds.start(enable_request(environment.target, "../x"))
    with pytest.raises(ServiceError) as refused:
        builds.start(enable_request(environment.target, "none")).result(30)
    assert (refused.value.status, refused.value.code) == (400, "BadRequest")
    assert "'none'" in refused.value.fault.message


@pytest.mark.slow
def test_protect_active_raises_in_use_for_the_active_image(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC, protect_active=True)).result(30)
    builds.start(enable_request(environment.target, "IMG")).result(30)
    with pytest.raises(InUseError) as refused:
        builds.start(build_request(environment.target, "img", OTHER, protect_active=True)).result(30)
    assert refused.value.hint == IN_USE_HINT
    with pytest.raises(InUseError, match="nothing was sent"):
        builds.start(delete_request(environment.target, "img", protect_active=True)).result(30)
    assert [record.state for record in builds.history.recent(2)] == ["Not submitted", "Not submitted"]
    builds.start(build_request(environment.target, "img", OTHER)).result(30)
    builds.start(delete_request(environment.target, "img")).result(30)


@pytest.mark.slow
def test_protect_active_raises_if_it_is_unknown_which_image_is_active(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    environment.transport.fault = forbidden_cluster
    with pytest.raises(MaybeInUseError, match="AuthorizationFailed"):
        builds.start(build_request(environment.target, "img", OTHER, protect_active=True)).result(30)
    with pytest.raises(MaybeInUseError, match="AuthorizationFailed"):
        builds.start(delete_request(environment.target, "img", protect_active=True)).result(30)
    assert [record.state for record in builds.history.recent(2)] == ["Not submitted", "Not submitted"]
    assert builds.start(build_request(environment.target, "new", SPEC, protect_active=True)).result(30) is not None
    builds.start(delete_request(environment.target, "img")).result(30)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["build", "delete"])
@pytest.mark.parametrize("process", ["the same process", "another process"])
def test_protect_active_raises_for_an_image_that_is_being_enabled(
    environment: EmulatedEnvironment, action: str, process: str
) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    environment.clock.released.clear()
    environment.wait_for(builds.start(enable_request(environment.target, "IMG")), BuildState.ENABLING)
    second = builds if process == "the same process" else environment.builds()
    change = (
        second.start(build_request(environment.target, "img", OTHER, protect_active=True))
        if action == "build"
        else second.start(delete_request(environment.target, "img", protect_active=True))
    )
    if process == "the same process":  # it waits, and is checked at its turn
        environment.wait_for(change, BuildState.QUEUED)
        environment.clock.released.set()
    with pytest.raises(InUseError, match="image 'img'") as refused:
        change.result(30)
    assert refused.value.hint == IN_USE_HINT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "owner_lives", "hours", "protects"),
    [
        ("Enabling", False, 0.0, True),
        ("Enabling", False, 3.9, True),
        ("Enabling", False, 4.1, False),  # its process may have left it open
        ("Enabling", False, -1.0, False),  # started afterwards: it may wait for this change
        ("Queued", True, 1.0, True),
        ("Queued", False, 1.0, False),  # nothing comes of what an ended process had not sent
    ],
)
def test_enabling_of_another_process_protects_its_image_for_some_hours(
    environment: EmulatedEnvironment, state: BuildState, owner_lives: bool, hours: float, protects: bool
) -> None:
    builds, other = environment.builds(), environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    owner = other._owner.hold() if owner_lives else f"host:1:{'a' * 32}"
    started = environment.clock.wall() - timedelta(hours=hours)
    record = BuildRecord("0" * 32, enable_request(environment.target, "IMG"), started, state=state, owner=owner)
    builds.history.add(record)
    change = builds.start(delete_request(environment.target, "img", protect_active=True))
    if protects:
        with pytest.raises(InUseError, match="is being enabled"):
            change.result(30)
    else:
        assert change.result(30) is None


@pytest.mark.slow
def test_build_is_not_refused_because_its_image_is_enabled_afterwards(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    environment.clock.released.clear()
    blocking = builds.start(build_request(environment.target, "one", SPEC))
    environment.wait_for(blocking, BuildState.BUILDING)
    rebuilt = builds.start(build_request(environment.target, "img", OTHER, protect_active=True))
    environment.wait_for(rebuilt, BuildState.QUEUED)
    environment.emulator.clock.move(1)
    enabled = builds.start(enable_request(environment.target, "img"))
    environment.clock.released.set()
    assert rebuilt.result(30) is not None
    enabled.result(30)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["build", "delete"])
def test_queued_change_does_not_touch_an_image_that_was_enabled_meanwhile(
    environment: EmulatedEnvironment, action: str
) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    other = environment.builds()
    _building(environment, other, "one")
    queued = (
        builds.start(build_request(environment.target, "img", OTHER, queue=True, protect_active=True))
        if action == "build"
        else builds.start(delete_request(environment.target, "img", queue=True, protect_active=True))
    )
    environment.wait_for(queued, BuildState.BUILDING if action == "build" else BuildState.DELETING)
    environment.set_active("img")
    environment.clock.released.set()
    with pytest.raises(InUseError, match="use image 'img'"):
        queued.result(30)
    assert builds.history.recent(1)[0].state == "Not submitted"


def test_every_action_without_a_spec_has_a_sender() -> None:
    assert SENDERS.keys() == {action for action, info in ACTIONS.items() if not info.creates_image}
