"""The magics in a terminal IPython, with the emulator as a process: plain text and waiting cells."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from kusto_magic import settings
from kusto_magic.arm import local_emulator

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from support.home import Home

    from kusto_magic.emulator import ReadyTarget

Start = Callable[[float], "ReadyTarget"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def ready(shell: InteractiveShell, emulator: Start) -> InteractiveShell:
    """A terminal shell with the extension loaded and an emulator whose builds take a second."""
    emulator(1)
    shell.run_line_magic("load_ext", "kusto_magic")
    shell.run_line_magic("kusto_image", "use emulator")
    return shell


def test_terminal_cell_waits_and_prints_the_result(ready: InteractiveShell, capsys: Capture) -> None:
    ready.run_cell("%%kusto_image img --base Python3_11_7 --no-check\nhumanize\n")
    output = capsys.readouterr().out
    assert "• Building: image img" in output
    assert output.splitlines()[-1].startswith("✔ Succeeded: image img on emulator cluster emulatedcluster")
    assert "<" not in output


def test_terminal_lists_are_plain_text(ready: InteractiveShell, capsys: Capture) -> None:
    ready.run_cell("%kusto_image list")
    assert "has no custom images yet" in capsys.readouterr().out


def test_no_wait_returns_the_build(ready: InteractiveShell) -> None:
    ready.run_cell("%%kusto_image img --base Python3_11_7 --no-check --no-wait -o built\nhumanize\n")
    image = ready.user_ns["built"].result(30)
    assert image.state == "Succeeded"


def test_invalid_cell_prints_problems_without_traceback(ready: InteractiveShell, capsys: Capture) -> None:
    ready.run_cell("%%kusto_image img --base Python3_11_7\nrequests=1.0\n-r x.txt\n")
    output = capsys.readouterr()
    shown = output.out + output.err
    assert "line 1: 'requests=1.0'" in shown
    assert "line 2: -r" in shown
    assert "Traceback" not in shown


def test_live_line_is_drawn_on_a_terminal(ready: InteractiveShell) -> None:
    from kusto_magic.display.terminal import show_until_done

    ready.run_cell("%%kusto_image img --base Python3_11_7 --no-check --no-wait -o built\nhumanize\n")
    drawn = io.StringIO()
    show_until_done(ready.user_ns["built"], Console(file=drawn, force_terminal=True, width=120))
    assert "\x1b[J• Building img · [" in drawn.getvalue()  # the line is redrawn in place
    assert "✔ Succeeded\x1b[0m: image img" in drawn.getvalue()


def test_unload_removes_everything(ready: InteractiveShell) -> None:
    ready.run_line_magic("unload_ext", "kusto_magic")
    assert ready.find_line_magic("kusto_image") is None
    assert ready.find_cell_magic("kusto_image") is None
    assert "KustoImageMagics" not in [type(one).__name__ for one in ready.configurables]
    assert "CellTransformer" not in [type(one).__name__ for one in ready.input_transformers_cleanup]


def test_typed_cell_line_continues_with_the_body(ready: InteractiveShell) -> None:
    assert ready.check_complete("%%kusto_image img --base Python3_11_7")[0] == "incomplete"
    assert ready.check_complete("%%kusto_image img --base Python3_11_7\nhumanize\n\n")[0] == "complete"


def test_number_of_emulator_clusters_is_kept(ready: InteractiveShell) -> None:
    def used(line: str) -> local_emulator.RunningEmulator:
        ready.run_line_magic("kusto_image", f"use emulator {line}")
        running = local_emulator.find()
        assert running is not None
        return running

    first = used("")
    assert (first.clusters, first.build_seconds) == (1, 1)
    assert used("--clusters 1") == first
    fleet = used("--clusters 3")
    assert (fleet.clusters, fleet.build_seconds) == (3, 1)
    assert fleet.pid != first.pid
    assert used("") == used("--clusters 3 --build-seconds 1") == fleet
    quick = used("--build-seconds 0.5")
    assert (quick.clusters, quick.build_seconds) == (3, 0.5)


def test_unless_set_uses_the_emulator_only_without_a_cluster(
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
