"""Cells and lines that name several clusters, in a terminal's IPython of this process, against the emulator's app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.cells import Say, load, sayer
from support.emulated import BUILD, EmulatorTransport
from support.world import EmulatedEnvironment, fits

from kusto_magic.builds.fleet import Fleet
from kusto_magic.commands.session import WaitInterrupted
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.magics.magics import KustoImageMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

CELL = "%%kusto_image img --base Python3_11_7 {}\nhumanize==4.9.0\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    made = EmulatedEnvironment(tmp_path, fits, EmulatorTransport(EmulatorConfig(build_seconds=BUILD, clusters=8)))
    yield made
    made.close()


@pytest.fixture
def magics(shell: InteractiveShell, world: EmulatedEnvironment) -> KustoImageMagics:
    return load(shell, world)


@pytest.fixture
def say(shell: InteractiveShell, magics: KustoImageMagics, capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a function that runs a cell and returns all that it wrote."""
    return sayer(shell, capsys)


def test_a_cell_makes_the_image_on_every_cluster_it_names(say: Say, shell: InteractiveShell) -> None:
    said = say(CELL.format("--cluster emulatedcluster --cluster fleet003 -o fleet"))
    assert "✔ Succeeded: image img on 2 clusters · 2 succeeded" in said
    assert "fleet003" in said
    assert isinstance(shell.user_ns["fleet"], Fleet)
    again = say(CELL.format("--cluster emulatedcluster --cluster fleet003"))
    assert again.count("unchanged") == 2


def test_a_query_finds_the_clusters(say: Say) -> None:
    said = say(CELL.format("--clusters-from \"where tags.environment == 'test'\""))
    assert "image img on 2 clusters" in said
    assert "fleet003" in said
    assert "fleet007" in said
    assert "image img on 1 clusters" in say(CELL.format("--clusters-from \"where name == 'fleet001'\""))


def test_a_dry_run_names_the_clusters_and_sends_nothing(
    say: Say, magics: KustoImageMagics, world: EmulatedEnvironment
) -> None:
    said = say(CELL.format("--clusters-from \"kusto clusters where name startswith 'fleet'\" --dry-run"))
    assert said.count("PUT /subscriptions/") == 7
    assert "Nothing was sent" in said
    builds = magics._session.builds
    assert [image for target in world.targets for image in builds.ask(target, lambda it: it.list())] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--cluster ab --cluster 1x", "'1x' is no cluster name"),
        ("--cluster abc --clusters-from 'where 1 == 1'", "name the clusters or a query, not both"),
        ("--clusters-from 'location'", "is no query"),
        ("--clusters-from ''", "is no query"),
        ("--clusters-from \"where name == 'nosuch'\"", "finds no cluster"),
        ("--clusters-from 'where name ??'", "refused the query"),
        ("--cluster fleet001 --cluster fleet002 --diff", "--diff asks about one cluster; 2 are named"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_sent(
    say: Say, magics: KustoImageMagics, options: str, words: str
) -> None:
    assert words in say(CELL.format(options))
    assert magics._session.builds.history.recent() == []


def test_a_wrong_text_asks_no_query(say: Say, world: EmulatedEnvironment) -> None:
    said = say("%%kusto_image img --base Python3_11_7 --clusters-from 'where 1 == 1'\nhumanize=4\n")
    assert "line 1" in said


def test_one_that_fails_fails_the_cell_and_says_where(say: Say) -> None:
    said = say(CELL.format("--cluster fleet001 --cluster nosuchcluster --no-check"))
    assert "FleetFailed: image 'img': 1 of 2 clusters failed" in said
    assert "nosuchcluster: build was refused" in said
    assert "Traceback" not in said


def test_status_shows_a_fleet_in_one_row_and_attach_takes_it_up(
    say: Say, shell: InteractiveShell, world: EmulatedEnvironment
) -> None:
    say(CELL.format("--clusters-from \"where name startswith 'fleet'\""))
    status = say("%kusto_image status")
    assert status.count("img") == 1
    assert "7 clusters" in status
    assert "7 Succeeded" in status
    load(shell, world)  # as after a restart
    assert "✔ Succeeded: image img on 7 clusters" in say("%kusto_image attach img")
    assert "on emulator cluster fleet001" in say("%kusto_image attach img --cluster fleet001")


def test_deleting_and_enabling_take_several_clusters(say: Say) -> None:
    say(CELL.format("--cluster fleet001 --cluster fleet002"))
    assert "2 succeeded" in say("%kusto_image enable img --cluster fleet001 --cluster fleet002")
    refused = say("%kusto_image delete img --cluster fleet001 --cluster fleet002")
    assert "FleetFailed" in refused
    assert "--yes" in refused  # python() runs on it
    assert "2 succeeded" in say("%kusto_image disable --cluster fleet001 --cluster fleet002")
    deleted = say("%kusto_image delete img --cluster fleet001 --cluster fleet002")
    assert "2 deleted" in deleted


def test_an_interrupt_says_that_the_builds_go_on() -> None:
    fleet = Fleet("1", "img", [])
    lines = WaitInterrupted(fleet)._render_traceback_()
    assert lines[0] == "Detached: the builds of image 'img' go on in the background."
    assert "attach img" in lines[1]
