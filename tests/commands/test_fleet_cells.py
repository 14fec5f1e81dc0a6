"""Cells and lines for several clusters in a terminal IPython of this process, with the emulator's app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport
from support.environment import EmulatedEnvironment, always_compatible
from support.locking import LockingPreflight
from support.magics_session import RunCell, load_magics, rows
from support.requests import build_request, build_requests

from kusto_magic.builds.fleet import Fleet
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import FleetFailedError
from kusto_magic.magics.magics import KustoImageMagics
from kusto_magic.magics.notebook_session import WaitInterrupted
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

CELL = "%%kusto_image img --base Python3_11_7 {}\nhumanize==4.9.0\n"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    environment = EmulatedEnvironment(
        tmp_path, always_compatible, EmulatorTransport(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=8))
    )
    yield environment
    environment.close()


def test_cell_creates_the_image_on_every_named_cluster(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment
) -> None:
    output = say(CELL.format("--cluster emulatedcluster --cluster fleet003 -o fleet"))
    assert "2 succeeded" in output
    assert "fleet003" in output
    fleet = shell.user_ns["fleet"]
    assert isinstance(fleet, Fleet)
    assert {build.target.cluster: build.state for build in fleet.builds} == dict.fromkeys(
        ("emulatedcluster", "fleet003"), BuildState.SUCCEEDED
    )
    assert environment.changes == ["PUT img"] * 2
    again = say(CELL.format("--cluster emulatedcluster --cluster fleet003"))
    assert again.count("up to date") == 2
    assert environment.changes == ["PUT img"] * 2


def test_query_selects_the_clusters(say: RunCell) -> None:
    output = say(CELL.format("--clusters-from \"where tags.environment == 'test'\""))
    assert "on 2 clusters" in output
    assert "fleet003" in output
    assert "fleet007" in output
    output = say(CELL.format("--clusters-from \"where name == 'fleet001'\""))
    assert "on 1 cluster " in output
    assert "fleet003" not in output


def test_dry_run_lists_clusters_and_sends_nothing(
    say: RunCell, magics: KustoImageMagics, environment: EmulatedEnvironment
) -> None:
    output = say(CELL.format("--clusters-from \"kusto clusters where name startswith 'fleet'\" --dry-run"))
    assert output.count("PUT /subscriptions/") == 7
    assert "nothing was sent" in output
    builds = magics._session.builds
    assert [image for target in environment.targets for image in builds.ask(target, lambda client: client.list())] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--cluster ab --cluster 1x", "'1x' is not a valid cluster name"),
        ("--cluster abc --clusters-from 'where 1 == 1'", "use either --cluster or a query, not both"),
        ("--clusters-from 'location'", "is not a valid query"),
        ("--clusters-from ''", "is not a valid query"),
        ("--clusters-from \"where name == 'nosuch'\"", "finds no cluster"),
        ("--clusters-from 'where name ??'", "refused the query"),
        ("--cluster fleet001 --cluster fleet002 --diff", "--diff works on one cluster; 2 are given"),
    ],
)
def test_invalid_cluster_options_are_refused_and_nothing_is_sent(
    say: RunCell, magics: KustoImageMagics, options: str, message: str
) -> None:
    assert message in say(CELL.format(options))
    assert magics._session.builds.history.recent() == []


def test_invalid_requirements_send_no_query(say: RunCell, environment: EmulatedEnvironment) -> None:
    output = say("%%kusto_image img --base Python3_11_7 --clusters-from 'where 1 == 1'\nhumanize=4\n")
    assert "line 1" in output


def test_one_failed_cluster_fails_the_cell_and_is_named(
    magics: KustoImageMagics, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    error = shell.run_cell(CELL.format("--cluster fleet001 --cluster nosuchcluster --no-check")).error_in_exec
    assert isinstance(error, FleetFailedError)
    assert error.failures.keys() == {"nosuchcluster"}
    assert "ResourceNotFound" in error.failures["nosuchcluster"]
    output = "".join(capsys.readouterr())
    assert "✖ nosuchcluster: " in output
    assert output.splitlines()[-1] == "FleetFailedError: see the result above."
    assert "Traceback" not in output


def test_status_shows_fleet_as_one_row_and_attach_resumes_it(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment
) -> None:
    say(CELL.format("--clusters-from \"where name startswith 'fleet'\""))
    status = say("%kusto_image status")
    assert status.count("img") == 1
    assert "7 clusters" in status
    assert "7 Succeeded" in status
    load_magics(shell, environment)  # as after a restart
    sent = [*environment.changes]
    assert "7 succeeded" in say("%kusto_image attach img")
    one = say("%kusto_image attach img --cluster fleet001")
    assert "✔ Succeeded" in one
    assert "cluster fleet001" in one
    assert "fleet002" not in one
    assert environment.changes == sent


def test_status_tells_a_fleet_of_a_running_process_from_one_of_an_ended_process(
    say: RunCell, environment: EmulatedEnvironment
) -> None:
    spec = ImageSpec("humanize\n", base_image="Python3_11_7")
    first, second = environment.targets[:2]
    environment.clock.released.clear()  # the clock is stopped: no build ends
    other = environment.builds()  # another process
    environment.wait_for(other.start(build_request(first, "busy", spec, check=False)), BuildState.BUILDING)
    fleet = other.start_fleet(build_requests([first, second], "img", spec))
    for build, phase in zip(fleet.builds, (BuildState.QUEUED, BuildState.BUILDING), strict=True):
        environment.wait_for(build, phase)
        environment.wait_until_recorded(build, phase)
    assert _fleet_states(say) == ({"1 Queued", "1 Building"}, "in progress")
    other.close()
    assert _fleet_states(say) == ({"1 Not submitted", "1 Unknown"}, "outcome unknown")


def _fleet_states(say: RunCell) -> tuple[set[str], str]:
    _head, row, *_ = rows(say("%kusto_image status"))
    assert row[:2] == ["img", "2 clusters"]
    return set(row[3].removeprefix("• ").removeprefix("✖ ").split(", ")), row[5]


def test_delete_and_enable_accept_several_clusters(say: RunCell) -> None:
    say(CELL.format("--cluster fleet001 --cluster fleet002"))
    assert "2 enabled" in say("%kusto_image enable img --cluster fleet001 --cluster fleet002")
    refused = say("%kusto_image delete img --cluster fleet001 --cluster fleet002")
    assert "FleetFailedError" in refused
    assert "--yes" in refused  # python() runs on it
    assert "2 disabled" in say("%kusto_image disable --cluster fleet001 --cluster fleet002")
    deleted = say("%kusto_image delete img --cluster fleet001 --cluster fleet002")
    assert "2 deleted" in deleted


def test_interrupt_reports_that_builds_continue() -> None:
    fleet = Fleet("1", "img", [])
    lines = WaitInterrupted(fleet)._render_traceback_()
    assert "'img' continue" in lines[0]
    assert "attach img" in lines[1]


def test_lock_is_that_of_the_first_cluster_and_refuses_another_base_on_the_second(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment, tmp_path: Path
) -> None:
    environment.answer = LockingPreflight()
    load_magics(shell, environment)
    for cluster, text in (("emulatedcluster", "six"), ("fleet001", "six"), ("fleet003", "idna")):
        say(f"%%kusto_image mine --base Python3_11_7 --wait --cluster {cluster}\n{text}\n")
    clusters = "--cluster emulatedcluster --cluster fleet001 --cluster fleet003"
    output = say(f"%%kusto_image img --base mine --wait {clusters} --lock '{tmp_path / 'pylock.toml'}'\nhumanize\n")
    assert "written, 1 package," in output
    assert "2 succeeded" in output
    assert "base: mine has been built from other requirements since" in output
    assert environment.changes.count("PUT img") == 2
