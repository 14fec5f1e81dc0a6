"""Builds in the background: against the emulator's app, on a clock that moves by itself while one waits."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.emulated import BUILD, EmulatorTransport
from support.world import EmulatedEnvironment, fits

from kusto_magic.arm.operation import Operation
from kusto_magic.builds.build import Build
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display.card import bundle, card
from kusto_magic.errors import BuildFailed, InvalidInput, NotFound, PollTimeout, RequirementsConflict, ServiceError
from kusto_magic.models.action import Action, Phase
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport, Verdict

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")


async def clashes(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.CONFLICT, "3.11.7", reason="line 1 clashes with line 2", suggestions=("use 2.0",))


async def unknown(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.INCONCLUSIVE, "3.11.7", reason="no index answered")


Make = Callable[..., EmulatedEnvironment]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a world: `make(answer, resolver)`."""
    made: list[EmulatedEnvironment] = []

    def _make(
        answer: Callable[..., Awaitable[PreflightReport]] = fits, wire: EmulatorTransport | None = None
    ) -> EmulatedEnvironment:
        made.append(EmulatedEnvironment(tmp_path, answer, wire or EmulatorTransport()))
        return made[-1]

    yield _make
    for world in made:
        world.close()


def test_start_returns_at_once_and_wait_brings_the_image(make: Make) -> None:
    world = make()
    world.clock.released.clear()
    build = world.builds().start(world.target, "img", SPEC)
    with pytest.raises(TimeoutError):
        build.wait(0.01)
    with pytest.raises(TimeoutError):
        build.result()
    world.clock.released.set()
    image = build.wait(30)
    assert image is not None
    assert (image.name, image.state) == ("img", "Succeeded")
    assert build.done
    assert build.result() == image


def test_what_changes_can_be_observed(make: Make) -> None:
    world = make()
    seen: list[str] = []
    world.clock.released.clear()
    build = world.builds().start(world.target, "img", SPEC)
    build.observe(lambda change: seen.append(change["new"].phase.value), "operation")
    world.clock.released.set()
    build.wait(30)
    assert [phase for n, phase in enumerate(seen) if phase not in seen[:n]][-3:] == [
        "Building",
        "Confirming",
        "Succeeded",
    ]
    assert build.last_response_at is not None
    assert build.report is not None


def test_a_handler_that_fails_ends_no_build(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    world = make()
    world.clock.released.clear()
    build = world.builds().start(world.target, "img", SPEC)

    def broken(_change: object) -> None:
        raise RuntimeError("broken onlooker")

    build.observe(broken, ["operation", "ended"])
    world.clock.released.set()
    with caplog.at_level(logging.ERROR):
        assert build.wait(30) is not None
    assert "broken onlooker" in caplog.text


def test_a_build_can_be_awaited_and_cancelling_that_ends_only_the_waiting(make: Make) -> None:
    world = make()
    world.clock.released.clear()
    build = world.builds().start(world.target, "img", SPEC)

    async def awaited() -> str:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(build, 0.01)
        world.clock.released.set()
        image = await build
        return image.state if image else ""

    assert asyncio.run(awaited()) == "Succeeded"


def test_the_same_spec_joins_the_build_that_runs(make: Make) -> None:
    world = make()
    builds = world.builds()
    world.clock.released.clear()
    first = builds.start(world.target, "img", SPEC)
    assert builds.start(world.target, "IMG", SPEC) is first
    assert builds.attach(world.target, "img") is first
    assert builds.running(world.target, "img") is first
    world.clock.released.set()
    first.wait(30)
    assert builds.running(world.target, "img") is None


def test_a_misfit_sends_nothing(make: Make) -> None:
    world = make(clashes)
    builds = world.builds()
    build = builds.start(world.target, "img", SPEC)
    with pytest.raises(RequirementsConflict, match="these packages do not fit") as refused:
        build.wait(30)
    assert "line 1 clashes with line 2" in str(refused.value)
    assert "use 2.0" in str(refused.value)
    assert "--no-check" in refused.value.next_step
    assert builds.ask(world.target, lambda client: client.list()) == []


def test_without_the_check_a_misfit_is_sent(make: Make) -> None:
    world = make(clashes)
    assert world.builds().start(world.target, "img", SPEC, check=False).wait(30) is not None


def test_what_cannot_be_told_is_sent(make: Make) -> None:
    world = make(unknown)
    build = world.builds().start(world.target, "img", SPEC)
    assert build.wait(30) is not None
    assert build.report is not None
    assert build.report.reason == "no index answered"


def test_pinned_versions_are_sent(make: Make) -> None:
    world = make()
    builds = world.builds()
    image = builds.start(world.target, "img", SPEC, pin=True).wait(30)
    assert image is not None
    assert image.requirements == "humanize==4.9.0\nextra==1.0\n"
    record = builds.history.latest("img", world.target)
    assert record is not None
    assert record.requirements == image.requirements


def test_what_cannot_be_told_is_not_pinned(make: Make) -> None:
    world = make(unknown)
    build = world.builds().start(world.target, "img", SPEC, pin=True)
    with pytest.raises(RequirementsConflict, match="could not be pinned"):
        build.wait(30)


def test_the_preflight_is_asked_about_the_whole_chain_of_bases(make: Make) -> None:
    asked: list[dict[str, Any]] = []

    async def listening(text: str, **more: Any) -> PreflightReport:
        asked.append({"text": text, **more})
        return await fits(text)

    world = make(listening)
    builds = world.builds()
    builds.start(world.target, "lower", ImageSpec("six\n", base_image="Python3_10_8")).wait(30)
    builds.start(world.target, "upper", ImageSpec("attrs\n", base_image="lower")).wait(30)
    builds.check(world.target, ImageSpec("idna\n", base_image="upper")).result(30)
    assert asked[-1] == {
        "text": "idna\n",
        "python": "3.10.8",
        "base": "Python3_10_8",
        "base_requirements": ("six\n", "attrs\n"),
    }
    missing = builds.check(world.target, ImageSpec("idna\n", base_image="nowhere")).result(30)
    assert missing.verdict is Verdict.CONFLICT
    assert "no image 'nowhere'" in missing.reason
    assert len(asked) == 3


def test_a_failed_build_says_so_and_is_remembered(make: Make) -> None:
    async def never(_requirements: str, _python: str) -> str | None:
        return "no such package"

    world = make(wire=EmulatorTransport(resolver=never))
    builds = world.builds()
    build = builds.start(world.target, "img", SPEC)
    with pytest.raises(BuildFailed, match="no such package"):
        build.wait(30)
    record = builds.history.latest("img", world.target)
    assert record is not None
    assert (record.state, record.ended_at is not None) == ("Failed", True)


def test_another_process_takes_a_build_up_again(make: Make) -> None:
    world = make()
    world.clock.released.clear()
    first = world.builds()
    build = first.start(world.target, "img", SPEC)
    _until_building(build)
    first.close()  # as when the kernel is restarted
    second = world.builds()
    again = second.attach(world.target, "img")
    assert (again.id, again.spec, again.started_at) == (build.id, SPEC, build.started_at)
    world.clock.released.set()
    image = again.wait(30)
    assert image is not None
    assert image.state == "Succeeded"
    record = second.history.latest("img", world.target)
    assert record is not None
    assert record.state == "Succeeded"
    assert record.seconds is None  # how long it took is not known: nobody looked


def _until_building(build: Build) -> None:
    building = threading.Event()
    build.observe(lambda change: building.set() if change["new"].phase.value == "Building" else None, "operation")
    if build.operation.phase.value != "Building":
        assert building.wait(10)


def test_builds_teach_how_long_they_take(make: Make) -> None:
    world = make()
    builds = world.builds()
    assert builds.estimate(world.target) is None
    builds.start(world.target, "img", SPEC).wait(30)
    usual = builds.estimate(world.target)
    assert usual is not None
    assert usual.low >= BUILD


def test_attach_finds_what_was_not_begun_here_and_says_when_there_is_nothing(make: Make) -> None:
    world = make()
    world.builds().start(world.target, "img", SPEC).wait(30)
    image = world.builds().attach(world.target, "img").wait(30)
    assert image is not None
    with pytest.raises(NotFound):
        world.builds().attach(world.target, "other").wait(30)


def test_delete(make: Make) -> None:
    world = make()
    builds = world.builds()
    builds.start(world.target, "img", SPEC).wait(30)
    assert builds.delete(world.target, "img").wait(30) is None
    assert builds.ask(world.target, lambda client: client.list()) == []


@pytest.mark.parametrize("name", ["..", "a/b", "", "Python3_10_8", "x" * 500])
def test_a_wrong_name_is_refused_before_anything_happens(make: Make, name: str) -> None:
    world = make()
    builds = world.builds()
    with pytest.raises(InvalidInput, match="image name"):
        builds.start(world.target, name, SPEC)
    with pytest.raises(InvalidInput, match="image name"):
        builds.delete(world.target, name)
    with pytest.raises(InvalidInput, match="image name"):
        builds.attach(world.target, name)
    assert builds.history.recent() == []


def test_many_builds_share_one_thread(make: Make) -> None:
    world = make()
    builds = world.builds()
    world.clock.released.clear()
    before = set(threading.enumerate())
    started = [builds.start(world.target, f"img{n}", SPEC) for n in range(20)]
    ours = [thread.name for thread in threading.enumerate() if thread not in before and "kusto" in thread.name]
    assert ours.count("kusto_magic builds") == 1
    assert len(ours) <= 3
    world.clock.released.set()
    assert sum(_succeeds(build) for build in started) >= 1  # the others met a cluster that was busy


def _succeeds(build: Build) -> bool:
    try:
        return build.wait(30) is not None
    except BuildFailed:
        return False


def test_a_second_cell_that_does_not_fit_hides_nothing(make: Make) -> None:
    async def answer(text: str, **more: Any) -> PreflightReport:
        return await (clashes if "bad" in text else fits)(text, **more)

    world = make(answer)
    builds = world.builds()
    world.clock.released.clear()
    first = builds.start(world.target, "img", SPEC)
    _until_building(first)
    with pytest.raises(RequirementsConflict):
        builds.start(world.target, "img", ImageSpec("bad\n", base_image="Python3_11_7")).wait(30)
    assert builds.attach(world.target, "img") is first
    assert builds.start(world.target, "img", SPEC) is first
    builds.close()
    again = world.builds().attach(world.target, "img")
    assert again.id == first.id
    world.clock.released.set()
    again.wait(30)


def test_a_pinned_cell_does_not_join_a_loose_one(make: Make) -> None:
    world = make()
    builds = world.builds()
    world.clock.released.clear()
    loose = builds.start(world.target, "img", SPEC)
    assert builds.start(world.target, "img", SPEC, pin=True) is not loose
    assert builds.start(world.target, "img", SPEC) is loose


def test_the_end_of_a_build_closes_what_was_left_open_before(make: Make) -> None:
    world = make()
    world.clock.released.clear()
    first = world.builds()
    left = first.start(world.target, "img", SPEC)
    _until_building(left)
    first.close()
    builds = world.builds()
    world.clock.released.set()
    builds.start(world.target, "img", ImageSpec("other\n", base_image="Python3_11_7"), queue=True).wait(60)
    record = builds.history.get(left.id)
    assert record is not None
    assert (record.state, record.ended_at is not None) == ("Unknown", True)
    assert builds.history.unfinished() == []


def test_a_refusal_is_kept_with_the_service_s_words(make: Make) -> None:
    world = make(unknown)
    builds = world.builds()
    build = builds.start(world.target, "img", ImageSpec("six\n", base_image="Python3_99"))
    with pytest.raises(ServiceError):
        build.wait(30)
    record = builds.history.latest("img", world.target)
    assert record is not None
    assert record.state == "Rejected"
    assert "Python3_99" in record.message


def test_a_silence_of_minutes_teaches_nothing(make: Make) -> None:
    world = make()
    builds = world.builds()
    world.clock.released.clear()
    build = builds.start(world.target, "img", SPEC)
    _until_building(build)
    world.wire.clock.move(1000)  # the laptop slept
    world.clock.released.set()
    build.wait(30)
    assert builds.estimate(world.target) is None


def test_somebody_else_s_secret_is_not_shown() -> None:
    text = "--index-url https://user:hunter2secret@index.example/simple\nsix\n"
    target = Target("01234567-89ab-cdef-0123-456789abcdef", "group", "cluster")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    record = BuildRecord("1", target, "leaky", "build", None, None, "", now)
    seen = Operation(Action.BUILD, "", Phase.SUCCEEDED, image=Image("leaky", requirements=text))
    shown = str(bundle(card(Build(record, seen, None, None, start_known=False), now)))
    assert "hunter2secret" not in shown
    assert "index.example" in shown


def test_a_cell_without_the_check_does_not_join_one_that_is_being_checked(make: Make) -> None:
    asked = threading.Event()

    async def slow(text: str, **more: Any) -> PreflightReport:
        await asyncio.to_thread(asked.wait)
        return await clashes(text, **more)

    world = make(slow)
    builds = world.builds()
    checked = builds.start(world.target, "img", SPEC)
    world.wait_for(checked, Phase.CHECKING)
    unchecked = builds.start(world.target, "img", SPEC, check=False)
    assert unchecked is not checked
    assert builds.start(world.target, "img", SPEC, check=False) is unchecked
    unchecked.wait(30)
    asked.set()
    with pytest.raises(RequirementsConflict):
        checked.wait(30)


def test_the_limit_that_is_given_holds(make: Make) -> None:
    world = make()
    with pytest.raises(PollTimeout, match="after 1 minutes"):
        world.builds().start(world.target, "img", SPEC, timeout=60).wait(30)


def test_the_history_knows_that_a_request_may_have_been_sent_before_it_is(make: Make) -> None:
    world = make()
    builds = world.builds()
    states: list[str] = []

    def sent(change: dict[str, Any]) -> None:
        states.extend(record.state for record in builds.history.recent() if change["new"].phase is Phase.BUILDING)

    build = builds.start(world.target, "img", SPEC, check=False)
    build.observe(sent, "operation")
    build.wait(30)
    assert states[0] == "Submitting"


def test_what_was_not_sent_is_sent_by_attaching_only_where_that_is_asked(make: Make) -> None:
    async def silent(_text: str, **_more: Any) -> PreflightReport:
        await asyncio.Event().wait()
        raise AssertionError

    world = make(silent)
    first = world.builds()
    world.wait_for(first.start(world.target, "img", SPEC), Phase.CHECKING)
    first.close()
    world.answer = fits
    second = world.builds()
    with pytest.raises(NotFound):
        second.attach(world.target, "img").wait(30)
    assert second.attach(world.target, "img", send=True).wait(30) is not None
