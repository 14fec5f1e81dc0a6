"""The magics in an IPython of a terminal, against the emulator as a process: text only, and waiting."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from kusto_magic import settings
from kusto_magic.arm import local_emulator as launch

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from support.home import Home

    from kusto_magic.emulator import ReadyTarget

Start = Callable[[float], "ReadyTarget"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def ready(shell: InteractiveShell, emulator: Start) -> InteractiveShell:
    """A terminal's shell with the extension loaded and an emulator chosen whose builds take a second."""
    emulator(1)
    shell.run_line_magic("load_ext", "kusto_magic")
    shell.run_line_magic("kusto_image", "use emulator")
    return shell


def test_a_cell_waits_and_says_how_it_ended_in_text(ready: InteractiveShell, capsys: Capture) -> None:
    ready.run_cell("%%kusto_image img --base Python3_11_7 --no-check\nhumanize\n")
    said = capsys.readouterr().out
    assert "⏳ Building: image img" in said
    assert said.splitlines()[-1].startswith("✔ Succeeded: image img on emulator cluster emulatedcluster")
    assert "<" not in said


def test_lists_are_text(ready: InteractiveShell, capsys: Capture) -> None:
    ready.run_cell("%kusto_image list")
    assert "has no custom images yet" in capsys.readouterr().out


def test_no_wait_returns_the_build(ready: InteractiveShell) -> None:
    ready.run_cell("%%kusto_image img --base Python3_11_7 --no-check --no-wait -o built\nhumanize\n")
    image = ready.user_ns["built"].wait(30)
    assert image.state == "Succeeded"


def test_a_wrong_cell_shows_its_problems_and_no_traceback(ready: InteractiveShell, capsys: Capture) -> None:
    ready.run_cell("%%kusto_image img --base Python3_11_7\nrequests=1.0\n-r x.txt\n")
    said = capsys.readouterr()
    shown = said.out + said.err
    assert "line 1: 'requests=1.0'" in shown
    assert "line 2: -r" in shown
    assert "Traceback" not in shown


def test_the_live_line_is_drawn_on_a_terminal(ready: InteractiveShell) -> None:
    from kusto_magic.display.terminal import show_until_done

    ready.run_cell("%%kusto_image img --base Python3_11_7 --no-check --no-wait -o built\nhumanize\n")
    drawn = io.StringIO()
    show_until_done(ready.user_ns["built"], Console(file=drawn, force_terminal=True, width=120))
    assert "\x1b[" in drawn.getvalue()  # the line is redrawn in place
    assert "✔ Succeeded: image img" in drawn.getvalue()


def test_unloading_leaves_nothing(ready: InteractiveShell) -> None:
    ready.run_line_magic("unload_ext", "kusto_magic")
    assert ready.find_line_magic("kusto_image") is None
    assert ready.find_cell_magic("kusto_image") is None
    assert "KustoImageMagics" not in [type(one).__name__ for one in ready.configurables]
    assert "GiveBody" not in [type(known).__name__ for known in ready.input_transformers_cleanup]


def test_one_who_types_a_cell_is_asked_for_its_body(ready: InteractiveShell) -> None:
    assert ready.check_complete("%%kusto_image img --base Python3_11_7")[0] == "incomplete"
    assert ready.check_complete("%%kusto_image img --base Python3_11_7\nhumanize\n\n")[0] == "complete"


def test_the_emulator_s_number_of_clusters_is_asked_for_and_kept(ready: InteractiveShell) -> None:
    def used(line: str) -> launch.RunningEmulator:
        ready.run_line_magic("kusto_image", f"use emulator {line}")
        running = launch.find()
        assert running is not None
        return running

    first = used("")
    assert (first.clusters, first.build_seconds) == (1, 1)
    assert used("--clusters 1") == first
    fleet = used("--clusters 3")
    assert (fleet.clusters, fleet.build_seconds) == (3, 1)
    assert fleet.instance != first.instance
    assert used("") == used("--clusters 3 --build-seconds 1") == fleet
    quick = used("--build-seconds 0.5")
    assert (quick.clusters, quick.build_seconds) == (3, 0.5)


def test_a_shared_notebook_takes_the_emulator_only_where_no_cluster_is_set(
    ready: InteractiveShell, home: Home, capsys: Capture
) -> None:
    ready.run_line_magic("kusto_image", "use emulator --unless-set")
    assert "Using cluster emulatedcluster" in capsys.readouterr().out
    mine = (
        "/subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/g/providers/Microsoft.Kusto/clusters/mine"
    )
    settings.save(settings.config_file(home.env), {"cluster": mine})
    ready.run_line_magic("kusto_image", "use emulator --unless-set")
    assert "Using cluster mine in resource group g of subscription 01234567…" in capsys.readouterr().out
