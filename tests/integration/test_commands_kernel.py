"""The subcommands in a real kernel, with the emulator as a process: HTML output, new cells, lazy loading."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from support.kernel import Kernel
from support.queries import tell

from kusto_magic.display.card import MIME

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.emulator import ReadyTarget

Start = Callable[[float], "ReadyTarget"]
IMAGE = "%%kusto_image img --base Python3_11_7 --no-check --wait\nhumanize==4.9.0\n"


@pytest.fixture
def ready(kernel: Kernel, emulator: Start) -> Kernel:
    emulator(0.3)
    used = kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    assert (used.status, used.error) == ("ok", "")
    return kernel


@pytest.mark.slow
def test_typical_session_of_commands(ready: Kernel) -> None:
    """One kernel for all commands, because starting one takes seconds."""
    ready.execute(IMAGE)
    listed = ready.execute("%kusto_image list").outputs[0].data
    assert listed["text/html"].startswith("<div><p><strong><bdi>Images of emulator cluster")
    assert "humanize==4.9.0" in listed["text/html"]
    edited = ready.execute("%kusto_image edit img")
    assert edited.next_cell == "%%kusto_image img --base Python3_11_7\nhumanize==4.9.0"
    assert "A new cell was inserted below" in edited.outputs[0].data["text/plain"]
    headless = ready.execute("%kusto_image edit img", allow_stdin=False)
    assert headless.next_cell == ""
    assert "humanize==4.9.0" in headless.outputs[0].data["text/html"]
    ready.execute("import packaging")
    assert "\npackaging==" in ready.execute("%kusto_image freeze").next_cell
    bicep = ready.execute("%kusto_image export img --as bicep").outputs[0].data
    assert bicep["text/html"].startswith("<pre><code><bdi>// Deploy")
    enabled = ready.execute("%kusto_image enable img --wait")
    assert enabled.status == "ok"
    card = ready.displays[enabled.outputs[0]["transient"]["display_id"]][-1]
    assert (card[MIME]["action"], card[MIME]["state"]) == ("enable", "Enabled")
    refused = ready.execute("%kusto_image delete img --wait")
    assert refused.status == "error"
    assert "InUseError" in refused.error
    assert "Traceback" not in refused.error
    ready.execute("%env PIP_INDEX_URL=http://127.0.0.1:9/simple")  # nothing listens there
    report = ready.execute("%kusto_image doctor").outputs[0].data["text/plain"]
    assert "interactive kernel" in report
    assert re.search(r"✖ +package index +unknown: ", report)
    assert re.search(r"✔ +clock +agrees", report)
    assert "running, 1 cluster" in report
    misspelled = ready.execute("%kusto_image lsit")
    assert "did you mean list?" in misspelled.error


@pytest.mark.slow
def test_active_image_is_verified_with_one_query(kernel: Kernel, emulator: Start) -> None:
    ready = emulator(0.3)
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    kernel.execute(IMAGE)
    off = kernel.execute("%kusto_image verify img")
    assert "NotActiveError: python() is off" in off.error
    assert "%kusto_image enable img enables it; then run the cell again" in off.error
    kernel.execute("%kusto_image enable img --wait")
    verified = kernel.execute("%kusto_image verify img --import")
    assert (verified.status, verified.error) == ("ok", "")
    shown = verified.outputs[-1].data["text/plain"]
    assert "1 of 1 packages are as required" in shown, "its build was not checked"
    assert "1 of 1 packages were imported" in shown
    tell(ready, "contents", image="img", packages={"humanize": "4.8.0"})
    different = kernel.execute("%kusto_image verify")
    assert "humanize 4.8.0 (expected: 4.9.0)" in different.outputs[0].data["text/html"]
    assert "VerificationError: see the result above." in different.error
    tell(ready, "queries", seconds=60)
    request = kernel.begin("%kusto_image verify")
    kernel.wait_until(lambda: bool(kernel.outputs(request)))
    assert "Querying cluster emulatedcluster: 3 s" in kernel.outputs(request)[0].data["text/plain"]
    kernel.interrupt()
    assert "KeyboardInterrupt" in kernel.finish(request).error
    assert kernel.execute("1 + 1").status == "ok"


@pytest.mark.slow
def test_interrupt_while_enabling_detaches_and_attach_resumes(kernel: Kernel, emulator: Start) -> None:
    emulator(3600)
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    request = kernel.begin("%kusto_image enable Python3_11_7 --wait")
    kernel.wait_until(lambda: bool(kernel.outputs(request)))
    shown = kernel.outputs(request)[0]["transient"]["display_id"]
    kernel.wait_until(lambda: kernel.displays[shown][-1][MIME]["state"] == "Enabling")
    kernel.interrupt()
    stopped = kernel.finish(request)
    assert "Detached: image 'Python3_11_7' is still enabling" in stopped.error
    kernel.restart()
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    again = kernel.execute("%kusto_image attach Python3_11_7")
    display = again.outputs[0]["transient"]["display_id"]
    kernel.wait_until(lambda: kernel.displays[display][-1][MIME]["state"] == "Enabling")


@pytest.mark.parametrize(
    ("cell", "message"),
    [("%kusto_image bases", "Python3_11_7"), ("%%kusto_image img\nnumpy\n", "specify a base image")],
)
def test_extension_loads_on_first_use(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str, message: str
) -> None:
    """The README's example of `lazy_magics` works."""
    shell.magics_manager.lazy_magics = {"kusto_image": "kusto_magic"}
    shell.run_cell(cell)
    assert message in capsys.readouterr().out
