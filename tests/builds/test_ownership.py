"""Who sends an operation: only its owner, only once; after the owner's death, only when a person asks for it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.environment import EmulatedEnvironment, HeldPreflight
from support.requests import build_request, delete_request, enable_request

from kusto_magic.builds.build import Build
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.ownership import Owner
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.display.card_sources import card
from kusto_magic.errors import (
    EndedElsewhereError,
    KustoImageError,
    NotSubmittedError,
    OutcomeUnknownError,
    PollTimeoutError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import PreflightReport

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
OTHER = ImageSpec("six\n", base_image="Python3_11_7")


def left_by_a_dead_process(
    environment: EmulatedEnvironment, action: Action, name: str, *, state: BuildState, spec: ImageSpec | None = None
) -> BuildRecord:
    """Store the open record that a killed process leaves in the history."""
    request = BuildRequest(action, environment.target, name, spec, BuildOptions(check=False, queue=True))
    started = environment.clock.wall() - timedelta(minutes=3)
    record = BuildRecord(uuid4().hex, request, started, state=state, owner=f"host:1:{uuid4().hex}")
    environment.builds().history.add(record)
    return record


def outcome(build: Build) -> tuple[str, str]:
    """Wait for the end; return the state that the card shows and the name of the error's class."""
    try:
        build.result(60)
    except KustoImageError as error:
        return card(build, build.started_at).state, type(error).__name__
    return card(build, build.started_at).state, ""


def recorded(builds: BuildManager, record: BuildRecord) -> tuple[str, bool]:
    stored = builds.history.get(record.id)
    assert stored is not None
    return stored.state, stored.ended_at is not None


# ── a request whose process died ────────────────────────────────────────────────────────────────────────────────────


def test_attach_follows_a_submitted_build_whose_image_was_made_of_the_same(environment: EmulatedEnvironment) -> None:
    environment.builds().start(build_request(environment.target, "img", SPEC)).result(60)
    record = left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.SUBMITTING, spec=SPEC)
    environment.changes.clear()
    builds = environment.builds()
    assert outcome(builds.attach(environment.target, "img")) == ("Succeeded", "")
    assert recorded(builds, record) == ("Succeeded", True)
    assert environment.changes == []


def test_attach_does_not_replace_the_image_that_a_colleague_has_built_meanwhile(
    environment: EmulatedEnvironment,
) -> None:
    environment.builds().start(build_request(environment.target, "img", OTHER)).result(60)
    record = left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.SUBMITTING, spec=SPEC)
    environment.changes.clear()
    builds = environment.builds()
    build = builds.attach(environment.target, "img")
    assert outcome(build) == ("Unknown", "OutcomeUnknownError")
    assert isinstance(build.error, OutcomeUnknownError)
    assert "the image exists" in build.error.what
    assert build.error.hint == Hint(HintKind.SEND_AGAIN, "img")
    assert recorded(builds, record) == ("Unknown", True)
    assert environment.changes == []


def test_attach_does_not_send_a_build_whose_image_is_absent(environment: EmulatedEnvironment) -> None:
    record = left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.SUBMITTING, spec=SPEC)
    builds = environment.builds()
    assert outcome(builds.attach(environment.target, "img")) == ("Unknown", "OutcomeUnknownError")
    assert recorded(builds, record) == ("Unknown", True)
    assert environment.changes == []


def test_attach_shows_a_submitted_deletion_as_deleted_if_the_image_is_absent(environment: EmulatedEnvironment) -> None:
    record = left_by_a_dead_process(environment, Action.DELETE, "img", state=BuildState.SUBMITTING)
    builds = environment.builds()
    assert outcome(builds.attach(environment.target, "img")) == ("Deleted", "")
    assert recorded(builds, record) == ("Deleted", True)
    assert environment.changes == []


def test_attach_does_not_delete_an_image_that_exists(environment: EmulatedEnvironment) -> None:
    environment.builds().start(build_request(environment.target, "img", SPEC)).result(60)
    record = left_by_a_dead_process(environment, Action.DELETE, "img", state=BuildState.SUBMITTING)
    environment.changes.clear()
    builds = environment.builds()
    assert outcome(builds.attach(environment.target, "img")) == ("Unknown", "OutcomeUnknownError")
    assert recorded(builds, record) == ("Unknown", True)
    assert environment.changes == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("enabled", "state"), [("Python3_11_7", ("Enabled", "")), ("Python3_10_8", ("Unknown", "OutcomeUnknownError"))]
)
def test_attach_reads_from_the_cluster_whether_a_submitted_enabling_arrived(
    environment: EmulatedEnvironment, enabled: str, state: tuple[str, str]
) -> None:
    environment.builds().start(enable_request(environment.target, enabled)).result(60)
    left_by_a_dead_process(environment, Action.ENABLE, "Python3_11_7", state=BuildState.SUBMITTING)
    environment.changes.clear()
    assert outcome(environment.builds().attach(environment.target, "Python3_11_7")) == state
    assert environment.changes == []


@pytest.mark.parametrize("state", [BuildState.CHECKING, BuildState.QUEUED])
def test_attach_shows_an_unsent_operation_as_not_submitted(environment: EmulatedEnvironment, state: BuildState) -> None:
    record = left_by_a_dead_process(environment, Action.BUILD, "img", state=state, spec=SPEC)
    builds = environment.builds()
    build = builds.attach(environment.target, "img")
    assert outcome(build) == ("Not submitted", "NotSubmittedError")
    assert isinstance(build.error, NotSubmittedError)
    assert build.error.hint == Hint(HintKind.SEND_AGAIN, "img")
    assert recorded(builds, record) == ("Not submitted", True)
    assert environment.changes == []


@pytest.mark.parametrize("state", [BuildState.CHECKING, BuildState.QUEUED, BuildState.SUBMITTING])
@pytest.mark.parametrize("attached_before", [False, True])
def test_attach_with_send_sends_an_unconfirmed_build_once(
    environment: EmulatedEnvironment, state: BuildState, attached_before: bool
) -> None:
    left_by_a_dead_process(environment, Action.BUILD, "img", state=state, spec=SPEC)
    builds = environment.builds()
    if attached_before:
        outcome(builds.attach(environment.target, "img"))
    assert outcome(builds.attach(environment.target, "img", send=True)) == ("Succeeded", "")
    assert environment.changes == ["PUT img"]
    assert builds.history.unfinished() == []


def test_attach_with_send_sends_what_another_living_process_has_reported_as_not_submitted(
    environment: EmulatedEnvironment,
) -> None:
    left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.QUEUED, spec=SPEC)
    server, kernel = environment.builds(), environment.builds()
    assert outcome(server.attach(environment.target, "img")) == ("Not submitted", "NotSubmittedError")
    assert outcome(kernel.attach(environment.target, "img", send=True)) == ("Succeeded", "")
    assert environment.changes == ["PUT img"]


@pytest.mark.slow
def test_attach_with_send_is_sent_once_by_many_processes(environment: EmulatedEnvironment) -> None:
    environment.builds().start(build_request(environment.target, "img", SPEC)).result(60)
    environment.changes.clear()
    left_by_a_dead_process(environment, Action.DELETE, "img", state=BuildState.QUEUED)
    managers = [environment.builds() for _ in range(6)]
    ready = threading.Barrier(len(managers))

    def send(manager: BuildManager) -> None:
        ready.wait()
        with suppress(KustoImageError):  # those that come too late find no image
            manager.attach(environment.target, "img", send=True).result(60)

    with ThreadPoolExecutor(len(managers)) as pool:
        list(pool.map(send, managers))
    assert environment.changes == ["DELETE img"]


@pytest.mark.slow
def test_attach_with_send_sends_a_build_and_its_enabling_in_their_order(environment: EmulatedEnvironment) -> None:
    left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.CHECKING, spec=SPEC)
    left_by_a_dead_process(environment, Action.ENABLE, "img", state=BuildState.QUEUED)
    builds = environment.builds()
    assert outcome(builds.attach(environment.target, "img", send=True)) == ("Enabled", "")
    assert environment.changes == ["PUT img", "POST addLanguageExtensions"]
    assert builds.history.unfinished() == []


@pytest.mark.slow
def test_attach_with_send_sends_nothing_that_was_refused_before_it_was_sent(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(60)
    builds.start(enable_request(environment.target, "img")).result(60)
    environment.changes.clear()
    refused = builds.start(delete_request(environment.target, "img", protect_active=True))
    assert outcome(refused) == ("Not submitted", "InUseError")
    assert outcome(builds.attach(environment.target, "img", send=True)) == ("Succeeded", "")
    assert environment.changes == []
    left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.CHECKING, spec=OTHER)
    assert (
        outcome(environment.builds().start(delete_request(environment.target, "img", protect_active=True)))[1]
        == "InUseError"
    )
    assert outcome(environment.builds().attach(environment.target, "img", send=True)) == ("Succeeded", "")
    assert environment.changes == ["PUT img"]


def test_fleet_attached_with_send_does_not_repeat_what_this_process_is_about_to_send(
    environment: EmulatedEnvironment,
) -> None:
    record = replace(
        left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.QUEUED, spec=SPEC), fleet="f"
    )
    builds = environment.builds()
    builds.history.add(record)
    environment.clock.released.clear()
    member = builds.attach(environment.target, "img", send=True)
    fleet = builds.attach_fleet(record, send=True)
    assert fleet.builds == (member,)
    environment.clock.released.set()
    fleet.result(60)
    assert environment.changes == ["PUT img"]


@pytest.mark.slow
def test_processes_that_watch_each_other_do_not_wait_for_each_other(environment: EmulatedEnvironment) -> None:
    environment.answer = check = HeldPreflight()
    first, second = environment.builds(), environment.builds()
    of_second = second.start(build_request(environment.target, "y", SPEC))
    environment.wait_for(of_second, BuildState.CHECKING)
    first.attach(environment.target, "y")
    of_first = first.start(build_request(environment.target, "x", SPEC, check=False, queue=True))
    second.attach(environment.target, "x")
    check.release(second)
    assert outcome(of_first) == ("Succeeded", "")
    outcome(of_second)
    assert of_second.done()


def test_watching_ends_after_its_timeout(environment: EmulatedEnvironment) -> None:
    environment.answer = silent
    owner = environment.builds()
    environment.wait_for(owner.start(build_request(environment.target, "img", SPEC)), BuildState.CHECKING)
    watching = environment.builds().attach(environment.target, "img", timeout=60)
    with pytest.raises(PollTimeoutError) as caught:
        watching.result(60)
    assert caught.value.hint == Hint(HintKind.SHOW_STATUS)
    assert environment.changes == []


def test_record_of_a_process_without_a_lock_is_watched_for_a_while(environment: EmulatedEnvironment) -> None:
    now = environment.clock.wall()
    record = replace(
        left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.CHECKING, spec=SPEC),
        owner="",
        started_at=now,
    )
    builds = environment.builds()
    builds.history.add(record)
    environment.clock.released.clear()
    watching = builds.attach(environment.target, "img", send=True)
    assert not watching.owned
    environment.clock.released.set()  # the time passes
    assert outcome(watching) == ("Not submitted", "NotSubmittedError")
    assert environment.changes == []


@pytest.mark.slow
def test_queued_operation_that_met_a_busy_cluster_is_not_submitted_after_a_restart(
    environment: EmulatedEnvironment,
) -> None:
    environment.clock.released.clear()
    environment.wait_for(
        environment.builds().start(build_request(environment.target, "one", SPEC)), BuildState.BUILDING
    )
    owner = environment.builds()
    queued = owner.start(build_request(environment.target, "two", SPEC, queue=True))
    environment.wait_for(queued, BuildState.BUILDING)  # accepted, and about to fail because the cluster is busy
    owner.close()
    environment.clock.released.set()
    changes = list(environment.changes)
    builds = environment.builds()
    assert outcome(builds.attach(environment.target, "two")) == ("Not submitted", "NotSubmittedError")
    assert environment.changes == changes
    assert outcome(builds.attach(environment.target, "two", send=True)) == ("Succeeded", "")


def test_attach_with_send_sends_nothing_after_a_confirmed_end(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(60)
    environment.changes.clear()
    assert outcome(builds.attach(environment.target, "img", send=True)) == ("Succeeded", "")
    assert environment.changes == []


# ── an owner that is alive ──────────────────────────────────────────────────────────────────────────────────────────


async def silent(_text: str, **_more: Any) -> PreflightReport:
    """Wait forever: a preflight without a result."""
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("send", [False, True])
def test_attach_watches_what_another_living_process_is_about_to_send(
    environment: EmulatedEnvironment, send: bool
) -> None:
    environment.answer = silent
    first = environment.builds()
    checked = first.start(build_request(environment.target, "img", SPEC))
    environment.wait_for(checked, BuildState.CHECKING)
    second = environment.builds().attach(environment.target, "img", send=send)
    environment.wait_for(second, BuildState.CHECKING)
    assert not second.owned
    assert environment.changes == []
    first.close()  # its process ends: the watcher takes the record over, and still sends nothing
    assert outcome(second) == ("Not submitted", "NotSubmittedError")
    assert environment.changes == []


def test_attach_polls_what_another_living_process_has_sent_and_leaves_its_record_alone(
    environment: EmulatedEnvironment,
) -> None:
    environment.clock.released.clear()
    first = environment.builds().start(build_request(environment.target, "img", SPEC))
    environment.wait_for(first, BuildState.BUILDING)
    second = environment.builds().attach(environment.target, "img", send=True)
    environment.wait_for(second, BuildState.BUILDING)
    assert (second.id, second.owned) == (first.id, False)
    environment.clock.released.set()
    assert outcome(second) == ("Succeeded", "")
    assert outcome(first) == ("Succeeded", "")
    assert environment.changes == ["PUT img"]


def test_watcher_reports_the_end_that_the_owner_records_without_sending(environment: EmulatedEnvironment) -> None:
    async def rejecting(_text: str, **_more: Any) -> PreflightReport:
        raise ValueError("the check failed")

    environment.answer = check = HeldPreflight(rejecting)
    owner = environment.builds()
    checked = owner.start(build_request(environment.target, "img", SPEC))
    environment.wait_for(checked, BuildState.CHECKING)
    watching = environment.builds().attach(environment.target, "img")
    environment.wait_for(watching, BuildState.CHECKING)
    check.release(owner)
    with pytest.raises(EndedElsewhereError, match=r"build .*'img'") as caught:
        watching.result(60)
    assert caught.value.state is BuildState.NOT_SUBMITTED
    assert environment.changes == []


def test_watcher_succeeds_if_its_owner_finds_the_image_up_to_date(environment: EmulatedEnvironment) -> None:
    environment.builds().start(build_request(environment.target, "img", SPEC, pin=True)).result(60)
    environment.changes.clear()
    environment.answer = check = HeldPreflight()
    owner = environment.builds()
    build = owner.start(build_request(environment.target, "img", SPEC, pin=True))
    environment.wait_for(build, BuildState.CHECKING)
    watching = environment.builds().attach(environment.target, "img")
    environment.wait_for(watching, BuildState.CHECKING)
    check.release(owner)
    assert outcome(build) == outcome(watching) == ("Succeeded", "")
    assert environment.changes == []


@pytest.mark.slow
def test_change_that_is_refused_does_not_end_the_record_of_another_process(environment: EmulatedEnvironment) -> None:
    environment.builds().start(build_request(environment.target, "img", SPEC)).result(60)
    environment.clock.released.clear()
    enabling = environment.builds().start(enable_request(environment.target, "img"))
    environment.wait_for(enabling, BuildState.ENABLING)
    others = environment.builds()
    deleting = others.start(delete_request(environment.target, "img"))
    environment.clock.released.set()
    outcome(deleting)
    assert outcome(enabling) == ("Enabled", "")
    stored = others.history.get(enabling.id)
    assert stored is not None
    assert stored.state is BuildState.ENABLED


# ── the lock ────────────────────────────────────────────────────────────────────────────────────────────────────────

HOLDER = """
import os, sys
from pathlib import Path
from kusto_magic.builds.ownership import Owner
owner = Owner(Path(sys.argv[1]))
print(owner.hold(), flush=True)
if len(sys.argv) > 2 and os.fork() == 0:
    sys.stdin.read()
sys.stdin.read()
"""


def holder(folder: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_lock_is_held_until_release(tmp_path: Path) -> None:
    one, other = Owner(tmp_path), Owner(tmp_path)
    name = one.hold()
    assert one.hold() == name
    assert other.is_held_elsewhere(name)
    assert not one.is_held_elsewhere(name)
    one.release()
    assert not other.is_held_elsewhere(name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL")
@pytest.mark.parametrize("forked", [(), ("fork",)], ids=["alone", "with a forked child that survives"])
def test_lock_ends_with_a_killed_process(tmp_path: Path, forked: tuple[str, ...]) -> None:
    process, name = holder(tmp_path, *forked)
    watching = Owner(tmp_path)
    assert watching.is_held_elsewhere(name)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert not watching.is_held_elsewhere(name)
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def test_names_of_unknown_owners_are_not_held_and_reach_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "outside.lock").write_text("")
    owner = Owner(tmp_path / "owners")
    owner.hold()
    for name in ("", "host:1:0123456789abcdef", "../outside", "host:1:../outside", "x" * 10_000):
        assert not owner.is_held_elsewhere(name), name
    owner.release()
    assert (tmp_path / "outside.lock").exists()


def test_lock_file_that_cannot_be_opened_counts_as_held(tmp_path: Path) -> None:
    (tmp_path / "0123456789abcdef.lock").mkdir()
    assert Owner(tmp_path).is_held_elsewhere("host:1:0123456789abcdef"), "it cannot be known, so others only watch"


def test_folder_that_cannot_be_written_gives_no_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    owner = Owner(tmp_path / "file" / "owners")
    assert owner.hold() == ""
    assert not owner.is_held_elsewhere("host:1:0123456789abcdef")
    owner.release()


@pytest.mark.slow
def test_new_owner_removes_the_files_of_killed_ones(tmp_path: Path) -> None:
    process, _name = holder(tmp_path)
    process.kill()
    process.communicate(timeout=10)
    assert len(list(tmp_path.iterdir())) == 1
    owner = Owner(tmp_path)
    owner.hold()
    assert len(list(tmp_path.glob("*.lock"))) == 1
    owner.release()


def test_only_one_process_adopts_a_record(environment: EmulatedEnvironment) -> None:
    record = left_by_a_dead_process(environment, Action.BUILD, "img", state=BuildState.BUILDING, spec=SPEC)
    history = environment.builds().history
    assert history.adopt(record, "host:2:aa")
    assert not history.adopt(record, "host:3:bb")
    stored = history.get(record.id)
    assert stored == replace(record, owner="host:2:aa")
