from __future__ import annotations

import _thread
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.locking import package
from support.requests import with_request, without_requirements

from kusto_magic.arm.operation import NOTE_UNCHANGED
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.history import MAX_STORED_RECORDS, History
from kusto_magic.builds.history_schema import APPLICATION_ID, SCHEMA_VERSION, default_path
from kusto_magic.builds.history_store import RETRY_INTERVAL, HistoryStore
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.lock import Lock
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import Fix, Package, PreflightReport, Status, Verdict

SUBSCRIPTION = "01234567-89ab-cdef-0123-456789abcdef"
HERE = Target(SUBSCRIPTION, "group", "cluster")
START = datetime(2025, 5, 1, 12, 0, 0, 250, tzinfo=UTC)
SIGNED = "https://management.azure.com/x/operationResults/g?api-version=2024-04-13&t=HID&c=HID&s=HID&h=HID"


class FailingValue(Sequence[int]):
    """The values of a query, of which the first attempts to read them fail as a disk does."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        self.failures -= 1
        if self.failures < 0:
            return 1
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = 10
        raise error


SPEC = ImageSpec("numpy\n", base_image="Python3_10_8")
HINT = Hint(HintKind.RESUME, "img", ("a", "b"), Hint(HintKind.RETRY))
REPORT = PreflightReport(
    Verdict.CONFLICT,
    "3.10.8",
    (Package("numpy", "2.0", Status.UPGRADED, version_in_base="1.26", size=12, direct=True),),
    reason="line 1 numpy clashes",
    warnings=("a warning",),
    suggestions=(Fix(1, "numpy==1.26", "line 1: numpy==1.26 would be compatible"), "another way"),
    hint=HINT,
)


LOCK = Lock(
    "3.11.7",
    "Windows x64",
    "# é\r\nsix\r\n",
    tuple(package(f"package-{number}", f"{number}.0") for number in range(200)),
    "mine",
    "Python3_11_7",
    (hashlib.sha256(b"").hexdigest(),),
    "2024-06-30",
)


def record(
    name: str = "img",
    target: Target = HERE,
    *,
    action: Action = Action.BUILD,
    spec: ImageSpec | None = SPEC,
    options: BuildOptions = BuildOptions(),  # noqa: B008 - immutable
    **changes: object,
) -> BuildRecord:
    made = BuildRecord(uuid4().hex, BuildRequest(action, target, name, spec, options), START)
    return replace(made, **changes)  # type: ignore[arg-type]  # the names are the fields'


def succeeded(seconds: float, target: Target = HERE) -> BuildRecord:
    return record(
        target=target, state=BuildState.SUCCEEDED, seconds=seconds, ended_at=START + timedelta(seconds=seconds)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "history.sqlite"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    history = History(path)
    yield history
    history.close()


FIRST_SCHEMA = """
CREATE TABLE builds (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, place TEXT NOT NULL,
  subscription TEXT NOT NULL, resource_group TEXT NOT NULL, cluster TEXT NOT NULL, endpoint TEXT NOT NULL,
  scope TEXT NOT NULL, image TEXT NOT NULL COLLATE NOCASE, action TEXT NOT NULL, base_image TEXT, python_version TEXT,
  requirements TEXT NOT NULL, started_at TEXT NOT NULL, operation_url TEXT NOT NULL, state TEXT NOT NULL,
  message TEXT NOT NULL, heard_at TEXT, ended_at TEXT, seconds REAL
);
CREATE INDEX by_image ON builds (image);
CREATE INDEX by_place ON builds (place);
INSERT INTO builds VALUES (1, 'a1', 'p', '01234567-89ab-cdef-0123-456789abcdef', 'g', 'cluster',
  'https://management.azure.com', 's', 'old', 'build', NULL, '3.10.8', 'Pillow', '2026-01-01T00:00:00+00:00', '',
  'Succeeded', '', NULL, NULL, NULL);
PRAGMA application_id = 1265977709;
PRAGMA user_version = 1;
"""


class TestRecords:
    def test_get_returns_the_record_after_reopening(self, history: History, path: Path) -> None:
        full = record(
            spec=ImageSpec("numpy==1.0\r\npandas\n\n# grüße\n", python_version="3.10.8"),
            options=BuildOptions(pin=True),
            operation_url="https://management.azure.com/locations/East US/operationResults/g?api-version=2024-04-13",
            state=BuildState.SUCCEEDED,
            message="done",
            last_response_at=START + timedelta(seconds=1),
            ended_at=START + timedelta(seconds=2.5),
            seconds=2.5,
        )
        history.add(full)
        history.close()
        assert history.get(full.id) == full
        reopened = History(path)
        assert reopened.get(full.id) == full
        reopened.close()
        assert history.warning == ""

    def test_permission_for_index_options_is_kept_with_the_record(self, history: History) -> None:
        spec = ImageSpec("--index-url https://x.example/simple\nsix\n", "Python3_11_7", allow_index_options=True)
        history.add(one := record(spec=spec))
        found = history.get(one.id)
        assert found is not None
        assert found.request.spec is not None
        assert (found.request.spec.allow_index_options, found.request.spec.use_index_options) == (True, True)

    def test_options_that_a_process_of_the_fourth_version_writes_are_read(self, history: History, path: Path) -> None:
        history.add(one := record())
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE builds SET options = 'check pin'")
            connection.commit()
        found = history.get(one.id)
        assert found is not None
        assert found.request.options == BuildOptions(check=True, pin=True)

    def test_get_returns_times_in_utc(self, history: History) -> None:
        tokyo = START.astimezone(timezone(timedelta(hours=9)))
        history.add(stored := record(started_at=tokyo))
        found = history.get(stored.id)
        assert found is not None
        assert found.started_at == START
        assert found.started_at.tzinfo is UTC

    def test_time_without_time_zone_raises_value_error(self, history: History) -> None:
        with pytest.raises(ValueError, match="zone"):
            record(started_at=START.replace(tzinfo=None))
        with pytest.raises(ValueError, match="zone"):
            history.change("x", last_response_at=START.replace(tzinfo=None))

    def test_change_updates_one_record(self, history: History) -> None:
        history.add(one := record())
        history.add(other := record())
        history.change(one.id, state="Failed", message="no", ended_at=START, seconds=1.5, last_response_at=START)
        assert history.get(one.id) == replace(
            one, state=BuildState.FAILED, message="no", ended_at=START, seconds=1.5, last_response_at=START
        )
        assert history.get(other.id) == other

    def test_change_with_an_unknown_id_changes_nothing(self, history: History) -> None:
        history.add(one := record())
        history.change("unknown-id", state=BuildState.FAILED)
        assert history.recent() == [one]

    @pytest.mark.parametrize("changes", [{}, {"image": "x"}, {"state": "x", "id = id --": "x"}])
    def test_change_of_an_immutable_column_raises_type_error(self, history: History, changes: dict[str, str]) -> None:
        history.add(one := record())
        with pytest.raises(TypeError, match=r"(cannot|no) change"):
            history.change(one.id, **changes)
        assert history.get(one.id) == one

    def test_add_replaces_a_record_with_the_same_id(self, history: History) -> None:
        history.add(one := record())
        history.add(replacement := with_request(one, name="other"))
        assert history.recent() == [replacement]

    def test_latest_returns_the_newest_record_of_the_image(self, history: History) -> None:
        history.add(record("a"))
        history.add(second := record("a", action=Action.DELETE, started_at=START - timedelta(days=1)))
        history.add(record("b"))
        assert history.latest("A") == second
        assert history.latest("c") is None

    def test_latest_compares_targets_without_case(self, history: History) -> None:
        history.add(stored := record("a"))
        history.add(elsewhere := record("a", Target(SUBSCRIPTION, "group", "other")))
        assert history.latest("a") == elsewhere
        assert history.latest("a", Target(SUBSCRIPTION.upper(), "GROUP", "Cluster")) == stored
        assert history.latest("a", Target(SUBSCRIPTION, "group", "third")) is None
        assert history.latest("a", replace(HERE, endpoint="https://management.chinacloudapi.cn", scope="")) is None

    def test_recent_and_unfinished_return_newest_first(self, history: History) -> None:
        made = [record(f"i{n}", ended_at=START if n % 2 else None) for n in range(6)]
        for one in made:
            history.add(one)
        assert history.recent(4) == made[:1:-1]
        assert history.unfinished() == [made[4], made[2], made[0]]
        assert history.left_open(HERE, "I2") == [made[2]]
        assert history.left_open(HERE, "i1") == []

    def test_records_of_a_cluster_are_newest_first(self, history: History) -> None:
        made = [record(f"i{n}") for n in range(3)]
        history.add(*made, record("i4", Target(SUBSCRIPTION, "group", "other")))
        assert history.of_cluster(HERE, 2) == made[:0:-1]

    def test_lists_can_leave_out_the_requirements(self, history: History) -> None:
        history.add(one := record(spec=ImageSpec("humanize\n", base_image="Python3_10_8")))
        short = [without_requirements(one)]
        assert history.recent(with_texts=False) == short
        assert history.unfinished(with_texts=False) == short
        assert history.recent() == history.unfinished() == [one]

    def test_data_version_changes_with_every_write_and_no_read(self, history: History, path: Path) -> None:
        history.add(one := record())
        seen = [history.data_version()]
        history.recent()
        assert history.data_version() == seen[0]
        history.change(one.id, state="Building")
        seen.append(history.data_version())
        with closing(History(path)) as other:
            other.change(one.id, state="Failed")
            seen.append(history.data_version())
        assert len(set(seen)) == 3

    def test_fleet_returns_records_in_start_order(self, history: History) -> None:
        made = [
            record("img", fleet="f1", options=BuildOptions(pin=True), target=replace(HERE, cluster=f"c{n}"))
            for n in range(3)
        ]
        history.add(record("alone"), *made, record("other", fleet="f2"))
        assert history.fleet("f1") == made
        assert history.fleet("") == []

    def test_states_and_options_of_the_fourth_schema_are_migrated(self, history: History, path: Path) -> None:
        history.add(one := record(action=Action.ENABLE, spec=None), two := record(action=Action.DELETE, spec=None))
        history.add(build := record(), failed := record())
        history.close()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE builds SET state = 'Succeeded', options = 'check protect_active'")
            connection.execute("UPDATE builds SET state = 'Failed', options = '' WHERE id = ?", (failed.id,))
            connection.execute("ALTER TABLE builds DROP COLUMN hint")
            connection.execute("ALTER TABLE builds DROP COLUMN report")
            connection.execute("PRAGMA user_version = 4")
            connection.commit()
        states = {found.id: found.state for found in history.recent()}
        assert states == {one.id: "Enabled", two.id: "Deleted", build.id: "Succeeded", failed.id: "Failed"}
        options = {found.id: found.request.options for found in history.recent()}
        assert options[build.id] == BuildOptions(check=True, protect_active=True)
        assert options[failed.id] == BuildOptions(check=False)

    def test_lock_is_kept_with_all_its_hashes(self, history: History) -> None:
        build = record()
        history.add(build)
        history.change(build.id, report=replace(REPORT, lock=LOCK))
        found = history.get(build.id)
        assert found is not None
        assert found.report is not None
        assert found.report.lock == LOCK

    def test_build_that_is_sent_again_keeps_its_date_and_the_digest_of_its_lock(self, history: History) -> None:
        spec = ImageSpec("six\n", "Python3_11_7", exclude_newer="2024-06-30", lock=LOCK)
        history.add(record(spec=spec))
        [found] = history.recent()
        assert found.request.spec is not None
        assert (found.request.spec.exclude_newer, found.request.spec.lock_digest) == ("2024-06-30", LOCK.digest)

    def test_hint_and_report_are_kept_but_not_listed(self, history: History) -> None:
        history.add(build := record())
        history.change(build.id, hint=HINT, report=REPORT)
        found = history.get(build.id)
        assert found is not None
        assert (found.hint, found.report) == (HINT, REPORT)
        assert [(one.hint, one.report) for one in history.recent(with_texts=False)] == [(HINT, None)]

    @pytest.mark.parametrize("text", ["{", "[]", '{"kind": "of a newer version"}', '{"verdict": 1}', "5"])
    def test_hint_and_report_of_another_version_are_left_out(self, history: History, path: Path, text: str) -> None:
        history.add(build := record())
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE builds SET hint = ?, report = ?", (text, text))
            connection.commit()
        found = history.get(build.id)
        assert found is not None
        assert (found.hint, found.report) == (None, None)

    def test_last_built_is_the_newest_build_that_made_the_image(self, history: History) -> None:
        made, unchanged, failed, other = record(), record(), record(), record("other")
        history.add(record(), made, unchanged, failed, other, record(action=Action.DELETE, spec=None))
        for build in (made, unchanged, other):
            history.change(build.id, state=BuildState.SUCCEEDED, ended_at=START)
        history.change(unchanged.id, message=NOTE_UNCHANGED)
        history.add(record(state=BuildState.SUCCEEDED))  # not ended yet
        history.change(failed.id, state=BuildState.FAILED, message="no")
        found = history.last_built(made.target, made.name.upper())
        assert found is not None
        assert found.id == made.id
        assert history.last_built(made.target, "unknown") is None

    def test_file_with_the_first_schema_is_migrated(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(FIRST_SCHEMA)
        history = History(path)
        assert [(one.name, one.fleet, one.request.options.check) for one in history.recent()] == [("old", "", False)]
        assert history.warning == ""
        history.add(record("img", fleet="f1"))
        assert [one.name for one in history.fleet("f1")] == ["img"]
        history.close()

    @pytest.mark.slow
    def test_add_deletes_the_oldest_beyond_the_maximum(self, history: History) -> None:
        history.add(*(record(f"i{n}") for n in range(MAX_STORED_RECORDS)))
        history.add(*(record(f"i{n}") for n in range(MAX_STORED_RECORDS, MAX_STORED_RECORDS + 3)))
        images = [one.name for one in history.recent(MAX_STORED_RECORDS * 2)]
        assert images == [f"i{n}" for n in reversed(range(3, MAX_STORED_RECORDS + 3))]

    def test_invalid_row_is_omitted(self, history: History, path: Path) -> None:
        history.add(good := record())
        for column, value in [("cluster", "../x"), ("started_at", "soon"), ("started_at", 5)]:
            history.add(bad := record())
            raw = sqlite3.connect(path)
            raw.execute(f"UPDATE builds SET {column} = ? WHERE id = ?", (value, bad.id))  # noqa: S608
            raw.commit()
            raw.close()
        assert history.recent() == [good]
        assert history.warning == ""


class TestEstimate:
    def test_estimate_is_none_without_builds(self, history: History) -> None:
        assert history.estimate(HERE) is None

    def test_estimate_has_the_percentiles_of_the_last_twenty_builds(self, history: History) -> None:
        for seconds in (9999.0, *(float(n) for n in range(100, 121))):
            history.add(succeeded(seconds))
        found = history.estimate(HERE)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((102.9, 118.1))
        assert (found.count, found.source) == (20, "this cluster")

    def test_estimate_ignores_all_but_successful_builds(self, history: History) -> None:
        failed, one = replace(succeeded(5), state=BuildState.FAILED), succeeded(5)
        history.add(failed, with_request(succeeded(5), action=Action.DELETE))
        history.add(replace(one, seconds=None), replace(one, seconds=0.0))
        history.add(succeeded(300))
        assert history.estimate(HERE) == DurationEstimate(300, 300, 1, "this cluster", (300,))

    def test_estimate_with_few_builds_uses_other_clusters(self, history: History) -> None:
        other = Target(SUBSCRIPTION, "group", "other")
        away = replace(HERE, endpoint="https://management.chinacloudapi.cn", scope="")
        for target, seconds in [(HERE, 100), (HERE, 100), (other, 200), (away, 9999)]:
            history.add(succeeded(seconds, target))
        found = history.estimate(HERE)
        assert found is not None
        assert (found.count, found.source, found.low, found.high) == (3, "your clusters", 100, 180)
        history.add(succeeded(100))
        assert history.estimate(HERE) == DurationEstimate(100, 100, 3, "this cluster", (100, 100, 100))


class TestSecrets:
    def test_file_contains_no_signature_and_no_token(self, history: History, path: Path) -> None:
        spec = ImageSpec("-i https://u:HID@h/s", "Python3_11_7", is_validated=True)
        history.add(one := record(operation_url=SIGNED, message="Bearer HID", spec=spec))
        history.change(one.id, operation_url=SIGNED + "&x=HID", message="client_secret=HID", state="token=HID")
        stored = history.get(one.id)
        history.close()
        assert stored is not None
        assert stored.operation_url == SIGNED.partition("&")[0]
        assert stored.message == "client_secret=•••"
        assert b"HID" not in path.read_bytes()

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
    def test_file_is_readable_by_its_owner_only(self, history: History, path: Path) -> None:
        history.add(record())
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


def foreign(path: Path, *statements: str) -> bytes:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path.read_bytes()


OURS = (f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {SCHEMA_VERSION}")
FOREIGN = {
    "another program's": ("CREATE TABLE moz_places (a)",),
    "another schema": (*OURS, "CREATE TABLE builds (id)"),
    "no table": (*OURS, "CREATE TABLE others (id)"),
    "a newer version": (OURS[0], f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "CREATE TABLE builds (id)"),
}


class TestDamage:
    @pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN.keys())
    def test_foreign_database_is_set_aside(self, history: History, path: Path, statements: tuple[str, ...]) -> None:
        before = foreign(path, *statements)
        history.add(one := record())
        assert history.get(one.id) == one
        assert path.with_name("history.sqlite.damaged-1").read_bytes() == before
        assert "history.sqlite.damaged-1" in history.warning

    @pytest.mark.parametrize(
        "content", [b"not a database, but long enough " * 100, b"short" * 200, b"SQLite format 3\0" * 50]
    )
    def test_file_that_is_not_a_database_is_set_aside(self, history: History, path: Path, content: bytes) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        path.with_name("history.sqlite.damaged-1").write_bytes(b"older")
        assert history.recent() == []
        history.add(one := record())
        assert history.get(one.id) == one
        assert path.with_name("history.sqlite.damaged-1").read_bytes() == b"older"
        assert path.with_name("history.sqlite.damaged-2").read_bytes() == content

    @pytest.mark.skipif(os.name == "nt", reason="Windows renames no open file")
    def test_write_ahead_log_of_a_foreign_database_is_set_aside_too(self, history: History, path: Path) -> None:
        path.parent.mkdir()
        other = sqlite3.connect(path, isolation_level=None)
        other.executescript("PRAGMA journal_mode = WAL; CREATE TABLE others (a); INSERT INTO others VALUES (5)")
        history.add(one := record())
        assert history.recent() == [one]
        other.close()
        aside = sqlite3.connect(path.with_name("history.sqlite.damaged-1"))
        assert aside.execute("SELECT a FROM others").fetchall() == [(5,)]
        aside.close()

    @pytest.mark.slow
    def test_damaged_page_is_detected_on_opening(self, history: History, path: Path) -> None:
        for n in range(200):
            history.add(record(spec=ImageSpec(f"package{n}\n" * 50, "Python3_10_8", is_validated=True)))
        history.close()
        content = bytearray(path.read_bytes())
        content[4096 * 3 : 4096 * 20] = b"\xff" * (4096 * 17)
        path.write_bytes(content)
        assert history.recent() == []
        assert "damaged-1" in history.warning

    def test_damage_while_open_is_recovered(self, history: History, path: Path) -> None:
        history.add(record())
        path.write_bytes(b"overwritten by something else" * 1000)
        history.add(after := record())
        assert history.recent() == [after]
        assert "damaged-1" in history.warning

    def test_dropped_table_is_recovered(self, history: History, path: Path) -> None:
        history.add(record())
        raw = sqlite3.connect(path)
        raw.execute("DROP TABLE builds")
        raw.close()
        history.add(after := record())
        assert history.recent() == [after]
        assert "damaged-1" in history.warning

    def test_empty_file_becomes_a_history(self, history: History, path: Path) -> None:
        path.parent.mkdir()
        path.touch()
        history.add(one := record())
        assert history.get(one.id) == one
        assert history.warning == ""

    @pytest.mark.parametrize("obstacle", ["file for a folder", "folder for a file"])
    def test_unwritable_path_falls_back_to_memory(self, history: History, path: Path, obstacle: str) -> None:
        if obstacle == "file for a folder":
            path.parent.write_text("in the way")
        else:
            path.mkdir(parents=True)
        history.add(one := record())
        history.change(one.id, state="Succeeded")
        assert history.recent() == [replace(one, state=BuildState.SUCCEEDED)]
        assert "kept in memory" in history.warning
        assert str(path.parent) not in history.warning

    @pytest.mark.slow
    def test_locked_file_falls_back_to_memory_with_its_records(self, path: Path) -> None:
        history = History(path, timeout=0.05)
        history.add(one := record())
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        history.add(two := record())
        assert history.recent() == [two, one]
        assert "locked" in history.warning
        blocker.close()
        history.close()

    @pytest.mark.slow
    @pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
    def test_what_a_locked_file_did_not_take_is_written_when_it_is_free_again(self, path: Path, lock: str) -> None:
        now = [0.0]
        history = History(path, timeout=0.0, now=lambda: now[0])
        history.add(one := record())
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute(f"BEGIN {lock}")
        started = time.monotonic()
        history.add(two := record())
        history.change(two.id, state="Building")
        assert time.monotonic() - started < 10, "it waited for longer than its patience"
        assert history.get(two.id) == replace(two, state=BuildState.BUILDING)
        now[0] += RETRY_INTERVAL
        assert "locked" in history.warning, "the file is still locked"
        assert history.get(two.id) == replace(two, state=BuildState.BUILDING)
        blocker.close()
        now[0] += RETRY_INTERVAL
        history.change(two.id, state=BuildState.SUCCEEDED)
        assert history.warning == ""
        history.close()
        later = History(path)
        assert later.recent() == [replace(two, state=BuildState.SUCCEEDED), one]
        later.close()

    def test_obstacle_that_is_removed_lets_the_queue_be_written_at_the_end(self, history: History, path: Path) -> None:
        path.mkdir(parents=True)
        history.add(one := record())
        path.rmdir()
        history.close()
        assert history.recent() == [one]
        assert history.warning == ""

    @pytest.mark.parametrize(("failures", "warning"), [(2, ""), (10_000, "disk I/O error")])
    def test_failure_to_read_is_retried_for_a_second_with_a_new_connection(
        self, path: Path, failures: int, warning: str
    ) -> None:
        clock = iter(range(10_000))
        store = HistoryStore(path, now=lambda: next(clock) * 0.25)
        value = FailingValue(failures)
        if warning:
            with pytest.raises(sqlite3.OperationalError):
                store.rows("SELECT ?", value)  # type: ignore[arg-type] # a sequence, as sqlite3 accepts it
        else:
            assert store.rows("SELECT ?", value) == [(1,)]  # type: ignore[arg-type]
        assert warning in store.warning
        assert bool(warning) == bool(store.warning)
        store.close()

    @pytest.mark.slow
    def test_interrupt_is_answered_while_the_file_is_locked(self, path: Path) -> None:
        history = History(path, timeout=60)
        history.add(record())
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may ignore it
        threading.Timer(0.3, _thread.interrupt_main).start()
        started = time.monotonic()
        try:
            with pytest.raises(KeyboardInterrupt):
                history.add(record())
        finally:
            signal.signal(signal.SIGINT, before)
        assert time.monotonic() - started < 10
        blocker.close()
        history.close()

    def test_error_of_the_caller_is_raised_and_sets_nothing_aside(self, history: History) -> None:
        history.add(one := record())
        with pytest.raises(sqlite3.Error):
            history.change(one.id, state=object())  # type: ignore[arg-type]
        assert history.get(one.id) == one
        assert history.warning == ""


class TestConcurrency:
    def test_concurrent_threads_lose_no_record(self, history: History) -> None:
        def work(n: int) -> None:
            for m in range(10):
                history.add(one := record(f"i{n}-{m}"))
                history.change(one.id, state="Succeeded")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert {one.name for one in history.recent()} == {f"i{n}-{m}" for n in range(4) for m in range(10)}
        assert {one.state for one in history.recent()} == {"Succeeded"}

    @pytest.mark.slow
    def test_concurrent_processes_lose_no_record(self, path: Path) -> None:
        workers = [writer(path, str(n), "50") for n in range(4)]
        for worker in workers:
            out, err = worker.communicate(timeout=60)
            assert (worker.returncode, err) == (0, "")
            assert out.split()[-1] == "49"
        history = History(path)
        images = {one.name for one in history.recent(MAX_STORED_RECORDS)}
        history.close()
        assert images == {f"i{n}-{m}" for n in range(4) for m in range(50)}

    @pytest.mark.slow
    def test_killed_process_loses_no_committed_record(self, path: Path) -> None:
        worker = writer(path, "k", "1000000")
        assert worker.stdout is not None
        lines = [worker.stdout.readline() for _ in range(30)]
        worker.kill()
        lines += worker.communicate(timeout=60)[0].splitlines()
        history = History(path)
        stored = {one.name: one.state for one in history.recent(MAX_STORED_RECORDS)}
        history.close()
        assert history.warning == ""
        assert len(lines) >= 30
        assert all(stored.get(f"ik-{int(n)}") == "Succeeded" for n in lines)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from kusto_magic.builds.history import History
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.models.action import Action
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target

path, name, count = sys.argv[1:]
target = Target("01234567-89ab-cdef-0123-456789abcdef", "group", "cluster")
history = History(Path(path), timeout=50)
for n in range(int(count)):
    request = BuildRequest(Action.BUILD, target, f"i{name}-{n}", ImageSpec("x", python_version="3.10.8"))
    one = BuildRecord(uuid4().hex, request, datetime.now(UTC))
    history.add(one)
    history.change(one.id, state="Succeeded")
    assert not history.warning, history.warning
    print(n, flush=True)
"""


def writer(path: Path, name: str, count: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, count]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_default_path_is_in_the_home_or_data_folder(tmp_path: Path) -> None:
    assert default_path({"KUSTO_MAGIC_HOME": str(tmp_path)}) == tmp_path / "history.sqlite"
    assert default_path({"KUSTO_MAGIC_HOME": "~/x"}) == Path.home() / "x" / "history.sqlite"
    assert default_path({}).parts[-2:] == ("kusto-magic", "history.sqlite")


@pytest.mark.slow
def test_constructor_opens_no_file_and_does_not_import_sqlite(path: Path) -> None:
    History(path).close()
    assert not path.parent.exists()
    probe = "import sys, kusto_magic.builds.history as h; h.History(); print('sqlite3' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
