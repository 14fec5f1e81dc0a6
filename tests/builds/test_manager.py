"""Build manager, against the emulator's app and on a clock that moves whenever a build sleeps."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport
from support.environment import EmulatedEnvironment, always_compatible
from support.requests import build_request, delete_request

from kusto_magic.arm.operation import Operation
from kusto_magic.builds.build import Build
from kusto_magic.builds.history import History
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.builds.state import Origin
from kusto_magic.display.card_sources import card
from kusto_magic.errors import (
    BuildFailedError,
    InvalidInputError,
    NotFoundError,
    NotSubmittedError,
    PollTimeoutError,
    RequirementsConflictError,
    ServiceError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster_contents import DEFAULT_POLICY, BaseList
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport, Verdict

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")


async def conflicting(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.CONFLICT, "3.11.7", reason="line 1 clashes with line 2", suggestions=("use 2.0",))


async def unknown(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.INCONCLUSIVE, "3.11.7", reason="no index answered")


Make = Callable[..., EmulatedEnvironment]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that creates an environment: `make(preflight, emulator)`."""
    made: list[EmulatedEnvironment] = []

    def _make(
        answer: Callable[..., Awaitable[PreflightReport]] = always_compatible, emulator: EmulatorTransport | None = None
    ) -> EmulatedEnvironment:
        made.append(EmulatedEnvironment(tmp_path, answer, emulator or EmulatorTransport()))
        return made[-1]

    yield _make
    for environment in made:
        environment.close()


def test_start_returns_at_once_and_result_waits_for_the_image(make: Make) -> None:
    environment = make()
    environment.clock.released.clear()
    build = environment.builds().start(build_request(environment.target, "img", SPEC))
    with pytest.raises(TimeoutError):
        build.result(0.01)
    with pytest.raises(TimeoutError):
        build.exception(0.01)
    done: list[Build] = []
    build.add_done_callback(done.append)
    environment.clock.released.set()
    image = build.result(30)
    assert image is not None
    assert (build.exception(), done) == (None, [build])
    assert (image.name, image.state) == ("img", "Succeeded")
    assert build.done()
    assert build.result() == image


def test_operation_changes_can_be_observed(make: Make) -> None:
    environment = make()
    seen: list[str] = []
    environment.clock.released.clear()
    build = environment.builds().start(build_request(environment.target, "img", SPEC))
    build.observe(lambda change: seen.append(change["new"].state.value), "operation")
    environment.clock.released.set()
    build.result(30)
    assert [phase for n, phase in enumerate(seen) if phase not in seen[:n]][-3:] == [
        "Building",
        "Confirming",
        "Succeeded",
    ]
    assert build.last_response_at is not None
    assert build.report is not None


@pytest.mark.slow
def test_exception_in_a_handler_is_logged_and_the_build_continues(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    environment = make()
    environment.clock.released.clear()
    build = environment.builds().start(build_request(environment.target, "img", SPEC))

    def broken(_change: object) -> None:
        raise RuntimeError("broken handler")

    build.observe(broken, ["operation", "ended"])
    environment.clock.released.set()
    with caplog.at_level(logging.ERROR):
        assert build.result(30) is not None
    assert "broken handler" in caplog.text


def test_cancelled_await_ends_the_wait_but_not_the_build(make: Make) -> None:
    environment = make()
    environment.clock.released.clear()
    build = environment.builds().start(build_request(environment.target, "img", SPEC))

    async def awaited() -> str:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(build, 0.01)
        environment.clock.released.set()
        image = await build
        return image.state if image else ""

    assert asyncio.run(awaited()) == "Succeeded"


def test_start_with_the_same_spec_returns_the_running_build(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    environment.clock.released.clear()
    first = builds.start(build_request(environment.target, "img", SPEC))
    assert builds.start(build_request(environment.target, "IMG", SPEC)) is first
    assert builds.attach(environment.target, "img") is first
    assert builds.running(environment.target, "img") is first
    environment.clock.released.set()
    first.result(30)
    assert builds.running(environment.target, "img") is None


class MeetingHistory(History):
    """A history in which another thread finds each record just after it was added."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.meet: Callable[[BuildRecord], None] | None = None

    def add(self, *records: BuildRecord) -> None:
        super().add(*records)
        if self.meet is not None:
            self.meet(*records)


def test_build_that_is_just_being_started_is_not_taken_for_one_of_an_ended_process(make: Make) -> None:
    environment = make()
    history = MeetingHistory(environment.history_path)
    builds, entered, found = environment.builds(history), threading.Event(), []

    def attach(record: BuildRecord) -> None:
        entered.set()
        found.append(builds.attach_record(record))

    def meet(record: BuildRecord) -> None:
        other = threading.Thread(target=attach, args=[record])
        threads.append(other)
        other.start()
        assert entered.wait(10)

    threads: list[threading.Thread] = []
    history.meet = meet
    build = builds.start(build_request(environment.target, "img", SPEC))
    threads[0].join(10)
    assert found == [build]
    image = build.result(30)
    assert image is not None
    assert image.name == "img"


def test_start_raises_conflict_and_sends_nothing(make: Make) -> None:
    environment = make(conflicting)
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "img", SPEC))
    with pytest.raises(RequirementsConflictError) as refused:
        build.result(30)
    report = refused.value.forecast
    assert (report.verdict, report.suggestions) == (Verdict.CONFLICT, ("use 2.0",))
    assert [line.strip() for line in refused.value.details()] == [report.reason, *report.suggestions]
    assert refused.value.hint == Hint(HintKind.FIX_CONFLICT)
    assert builds.ask(environment.target, lambda client: client.list()) == []


def test_start_without_check_sends_conflicting_requirements(make: Make) -> None:
    environment = make(conflicting)
    assert (
        environment.builds().start(build_request(environment.target, "img", SPEC, check=False)).result(30) is not None
    )


def test_start_sends_after_an_inconclusive_preflight(make: Make) -> None:
    environment = make(unknown)
    build = environment.builds().start(build_request(environment.target, "img", SPEC))
    assert build.result(30) is not None
    assert build.report is not None
    assert build.report.reason == "no index answered"


def test_start_with_pin_sends_the_pinned_versions(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    image = builds.start(build_request(environment.target, "img", SPEC, pin=True)).result(30)
    assert image is not None
    assert image.requirements == "humanize==4.9.0\nextra==1.0\n"
    record = builds.history.latest("img", environment.target)
    assert record is not None
    assert record.requirements == image.requirements


def test_start_with_pin_raises_after_an_inconclusive_preflight(make: Make) -> None:
    environment = make(unknown)
    build = environment.builds().start(build_request(environment.target, "img", SPEC, pin=True))
    with pytest.raises(RequirementsConflictError) as refused:
        build.result(30)
    assert refused.value.hint == Hint(HintKind.SEND_UNPINNED)
    assert refused.value.forecast.verdict is Verdict.INCONCLUSIVE


@pytest.mark.slow
def test_preflight_receives_the_complete_base_chain(make: Make) -> None:
    calls: list[dict[str, Any]] = []

    async def recording(text: str, **more: Any) -> PreflightReport:
        calls.append({"text": text, **more})
        return await always_compatible(text)

    environment = make(recording)
    builds = environment.builds()
    builds.start(build_request(environment.target, "lower", ImageSpec("six\n", base_image="Python3_10_8"))).result(30)
    builds.start(build_request(environment.target, "upper", ImageSpec("attrs\n", base_image="lower"))).result(30)
    builds.check(environment.target, ImageSpec("idna\n", base_image="upper")).result(30)
    assert calls[-1] == {
        "text": "idna\n",
        "python": "3.10.8",
        "base": BaseList.documented("Python3_10_8"),
        "policy": DEFAULT_POLICY,
        "base_requirements": ("six\n", "attrs\n"),
        "base_image": "upper",
        "exclude_newer": "",
        "locked": None,
        "allow_index_options": False,
    }
    missing = builds.check(environment.target, ImageSpec("idna\n", base_image="nowhere")).result(30)
    assert missing.verdict is Verdict.CONFLICT
    assert "base image 'nowhere'" in missing.reason
    assert len(calls) == 3


def test_failed_build_raises_and_is_recorded(make: Make) -> None:
    async def never(_requirements: str, _python: str) -> str | None:
        return "no such package"

    environment = make(emulator=EmulatorTransport(resolver=never))
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "img", SPEC))
    with pytest.raises(BuildFailedError, match="no such package"):
        build.result(30)
    record = builds.history.latest("img", environment.target)
    assert record is not None
    assert (record.state, record.ended_at is not None) == ("Failed", True)


def test_attach_resumes_a_build_in_another_process(make: Make) -> None:
    environment = make()
    environment.clock.released.clear()
    first = environment.builds()
    build = first.start(build_request(environment.target, "img", SPEC))
    _until_building(build)
    first.close()  # as at a restart of the kernel
    second = environment.builds()
    resumed = second.attach(environment.target, "img")
    assert (resumed.id, resumed.spec, resumed.started_at) == (build.id, SPEC, build.started_at)
    environment.clock.released.set()
    image = resumed.result(30)
    assert image is not None
    assert image.state == "Succeeded"
    record = second.history.latest("img", environment.target)
    assert record is not None
    assert record.state == "Succeeded"
    assert record.seconds is None  # unknown: it was not polled throughout


def _until_building(build: Build) -> None:
    building = threading.Event()
    build.observe(lambda change: building.set() if change["new"].state.value == "Building" else None, "operation")
    if build.operation.state.value != "Building":
        assert building.wait(10)


def test_estimate_is_based_on_completed_builds(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    assert builds.estimate(environment.target) is None
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    estimate = builds.estimate(environment.target)
    assert estimate is not None
    assert estimate.low >= BUILD_SECONDS


def test_attach_returns_an_unrecorded_image_and_raises_for_a_missing_one(make: Make) -> None:
    environment = make()
    environment.builds().start(build_request(environment.target, "img", SPEC)).result(30)
    image = environment.builds().attach(environment.target, "img").result(30)
    assert image is not None
    with pytest.raises(NotFoundError):
        environment.builds().attach(environment.target, "other").result(30)


def test_delete_removes_the_image(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    assert builds.start(delete_request(environment.target, "img")).result(30) is None
    assert builds.ask(environment.target, lambda client: client.list()) == []


@pytest.mark.parametrize("name", ["..", "a/b", "", "x" * 500])
def test_invalid_name_raises_and_records_nothing(make: Make, name: str) -> None:
    environment = make()
    builds = environment.builds()
    with pytest.raises(InvalidInputError, match="image name"):
        builds.start(build_request(environment.target, name, SPEC))
    with pytest.raises(InvalidInputError, match="image name"):
        builds.start(delete_request(environment.target, name))
    with pytest.raises(InvalidInputError, match="image name"):
        builds.attach(environment.target, name)
    assert builds.history.recent() == []


@pytest.mark.parametrize("name", ["Python3_10_8", "R"])
def test_reserved_name_is_not_built_and_records_nothing(make: Make, name: str) -> None:
    builds = make().builds()
    with pytest.raises(InvalidInputError, match="shipped by Azure"):
        builds.start(build_request(make().target, name, SPEC))
    assert builds.history.recent() == []


@pytest.mark.slow
def test_many_builds_share_one_thread(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    environment.clock.released.clear()
    before = set(threading.enumerate())
    started = [builds.start(build_request(environment.target, f"img{n}", SPEC)) for n in range(20)]
    names = [thread.name for thread in threading.enumerate() if thread not in before and "kusto" in thread.name]
    assert names.count("kusto_magic builds") == 1
    assert len(names) <= 3
    environment.clock.released.set()
    assert sum(_succeeds(build) for build in started) >= 1  # the others failed because the cluster was busy


def _succeeds(build: Build) -> bool:
    try:
        return build.result(30) is not None
    except BuildFailedError:
        return False


def test_conflicting_second_build_does_not_hide_the_running_one(make: Make) -> None:
    async def answer(text: str, **more: Any) -> PreflightReport:
        return await (conflicting if "bad" in text else always_compatible)(text, **more)

    environment = make(answer)
    builds = environment.builds()
    environment.clock.released.clear()
    first = builds.start(build_request(environment.target, "img", SPEC))
    _until_building(first)
    with pytest.raises(RequirementsConflictError):
        builds.start(build_request(environment.target, "img", ImageSpec("bad\n", base_image="Python3_11_7"))).result(30)
    assert builds.attach(environment.target, "img") is first
    assert builds.start(build_request(environment.target, "img", SPEC)) is first
    builds.close()
    resumed = environment.builds().attach(environment.target, "img")
    assert resumed.id == first.id
    environment.clock.released.set()
    resumed.result(30)


def test_start_with_pin_does_not_return_an_unpinned_build(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    environment.clock.released.clear()
    loose = builds.start(build_request(environment.target, "img", SPEC))
    assert builds.start(build_request(environment.target, "img", SPEC, pin=True)) is not loose


@pytest.mark.slow
def test_end_of_a_build_closes_unfinished_records_of_the_image(make: Make) -> None:
    environment = make()
    environment.clock.released.clear()
    first = environment.builds()
    unfinished = first.start(build_request(environment.target, "img", SPEC))
    _until_building(unfinished)
    first.close()
    builds = environment.builds()
    environment.clock.released.set()
    builds.start(
        build_request(environment.target, "img", ImageSpec("other\n", base_image="Python3_11_7"), queue=True)
    ).result(60)
    record = builds.history.get(unfinished.id)
    assert record is not None
    assert (record.state, record.ended_at is not None) == ("Unknown", True)
    assert builds.history.unfinished() == []


def test_rejected_build_is_recorded_with_the_service_message(make: Make) -> None:
    environment = make(unknown)
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "img", ImageSpec("six\n", base_image="Python3_99")))
    with pytest.raises(ServiceError):
        build.result(30)
    record = builds.history.latest("img", environment.target)
    assert record is not None
    assert record.state == "Rejected"
    assert "Python3_99" in record.message


def test_build_without_responses_for_minutes_does_not_count_for_the_estimate(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    environment.clock.released.clear()
    build = builds.start(build_request(environment.target, "img", SPEC))
    _until_building(build)
    environment.emulator.clock.move(1000)  # e.g. the laptop was suspended
    environment.clock.released.set()
    build.result(30)
    assert builds.estimate(environment.target) is None


def test_card_redacts_requirements_of_another_user() -> None:
    text = "--index-url https://user:hunter2secret@index.example/simple\nsix\n"
    target = Target("01234567-89ab-cdef-0123-456789abcdef", "group", "cluster")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    record = BuildRecord("1", BuildRequest(Action.BUILD, target, "leaky"), now)
    seen = Operation(Action.BUILD, "", BuildState.SUCCEEDED, image=Image("leaky", requirements=text))
    shown = str(card(Build(record, seen, Origin.OBSERVED), now).bundle())
    assert "hunter2secret" not in shown
    assert "index.example" in shown


@pytest.mark.slow
def test_start_without_check_does_not_return_a_build_that_is_being_checked(make: Make) -> None:
    proceed = threading.Event()

    async def slow(text: str, **more: Any) -> PreflightReport:
        await asyncio.to_thread(proceed.wait)
        return await conflicting(text, **more)

    environment = make(slow)
    builds = environment.builds()
    checked = builds.start(build_request(environment.target, "img", SPEC))
    environment.wait_for(checked, BuildState.CHECKING)
    unchecked = builds.start(build_request(environment.target, "img", SPEC, check=False))
    assert unchecked is not checked
    assert builds.start(build_request(environment.target, "img", SPEC, check=False)) is unchecked
    unchecked.result(30)
    proceed.set()
    with pytest.raises(RequirementsConflictError):
        checked.result(30)


def test_start_raises_poll_timeout_after_the_given_timeout(make: Make) -> None:
    environment = make()
    with pytest.raises(PollTimeoutError, match="after 10 seconds"):
        environment.builds().start(build_request(environment.target, "img", SPEC, timeout=10)).result(30)


def test_history_records_submitting_before_the_request_is_sent(make: Make) -> None:
    environment = make()
    builds = environment.builds()
    states: list[str] = []

    def sent(change: dict[str, Any]) -> None:
        states.extend(record.state for record in builds.history.recent() if change["new"].state is BuildState.BUILDING)

    build = builds.start(build_request(environment.target, "img", SPEC, check=False))
    build.observe(sent, "operation")
    build.result(30)
    assert states[0] == "Submitting"


def test_attach_sends_an_unsent_build_only_with_send(make: Make) -> None:
    async def silent(_text: str, **_more: Any) -> PreflightReport:
        await asyncio.Event().wait()
        raise AssertionError

    environment = make(silent)
    first = environment.builds()
    environment.wait_for(first.start(build_request(environment.target, "img", SPEC)), BuildState.CHECKING)
    first.close()
    environment.answer = always_compatible
    second = environment.builds()
    with pytest.raises(NotSubmittedError):
        second.attach(environment.target, "img").result(30)
    assert second.attach(environment.target, "img", send=True).result(30) is not None


def test_found_image_knows_the_build_that_made_it(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    first = builds.start(build_request(environment.target, "img", SPEC, check=False))
    first.result(10)
    unchanged = builds.start(build_request(environment.target, "img", SPEC, check=False))
    unchanged.result(10)
    assert unchanged.built_by is not None
    assert unchanged.built_by.id == first.id
    attached = builds.attach(environment.target, "img")
    attached.result(10)
    assert attached.built_by is not None
    shown = card(attached, environment.clock.wall())
    assert (shown.is_found, shown.built_at) == (True, first.ended_at)
