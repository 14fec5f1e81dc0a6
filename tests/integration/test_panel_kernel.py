"""The panel in a real kernel: threads of button callbacks, and headless runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from kusto_magic.display.card import MIME

if TYPE_CHECKING:
    from support.kernel import Kernel

    from kusto_magic.emulator import ReadyTarget

pytestmark = pytest.mark.slow  # each test starts a kernel and an emulator

OPEN = """
import threading, time
from kusto_magic import ImagePanel
panel = ImagePanel()
seen = []
panel.form.check.on_click(lambda button: seen.append(threading.current_thread() is threading.main_thread()))
panel.display()
"""
BLOCK = """
end = time.monotonic() + 10
while not seen and time.monotonic() < end:
    time.sleep(0.02)
(seen, 'choose an image' in panel.form.context.errors.value, panel.form.check.disabled)
"""
WIDGETS = "from ipywidgets.widgets.widget import _instances\nlen(_instances)"


@pytest.fixture
def ready(kernel: Kernel, emulator: Callable[[float], ReadyTarget]) -> Kernel:
    """A kernel with the extension loaded and an emulator as the target."""
    emulator(1)
    assert kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator").status == "ok"
    return kernel


def _click(kernel: Kernel, subshell: str | None) -> dict[str, Any]:
    """Return the message for a click on Check, for the main shell or a subshell."""
    comm = kernel.execute("panel.form.check.comm.comm_id").result["text/plain"].strip("'")
    content = {"comm_id": comm, "data": {"method": "custom", "content": {"event": "click"}}}
    message: dict[str, Any] = kernel.client.session.msg("comm_msg", content)
    message["header"]["subshell_id"] = subshell
    return message


def _subshell(kernel: Kernel) -> str:
    kernel.client.control_channel.send(kernel.client.session.msg("create_subshell_request"))
    reply = kernel.client.get_control_msg(timeout=10)["content"]
    if reply.get("status") != "ok":
        pytest.skip("this ipykernel has no subshells")
    return str(reply["subshell_id"])


def test_button_callback_runs_on_the_main_thread(ready: Kernel) -> None:
    ready.execute(OPEN)
    ready.client.shell_channel.send(_click(ready, None))
    assert ready.execute(BLOCK).result["text/plain"] == "([True], True, False)"


def test_button_callback_runs_in_a_subshell_while_a_cell_blocks(ready: Kernel) -> None:
    shown = ready.execute(OPEN)
    assert shown.error == ""
    message = _click(ready, _subshell(ready))
    request = ready.begin(BLOCK)
    ready.client.shell_channel.send(message)
    assert ready.finish(request).result["text/plain"] == "([False], True, False)"


def test_headless_run_creates_no_widget_and_continues(ready: Kernel) -> None:
    for line in ("%kusto_image panel", "import kusto_magic; kusto_magic.ImagePanel()"):
        shown = ready.execute(line, allow_stdin=False)
        assert [output.output_type for output in shown.outputs] == ["display_data"]
        assert "needs an interactive session" in shown.outputs[0].data["text/plain"]
        assert shown.outputs[0].data.keys() == {"text/html", "text/plain"}
    assert ready.execute(WIDGETS, allow_stdin=False).result["text/plain"] == "0"


def test_build_record_is_shown_below_the_form(ready: Kernel) -> None:
    shown = ready.execute(OPEN)
    form, record = shown.outputs
    assert "application/vnd.jupyter.widget-view+json" in form.data
    ready.execute(
        "fields = panel.form.fields\n"
        "fields.base.value, fields.name.value, fields.requirements.value = '3.11.7', 'img', 'humanize'\n"
        "panel.form.create.click()"
    )
    bundles = ready.displays[record["transient"]["display_id"]]
    ready.wait_until(lambda: bool(bundles[-1].get(MIME, {}).get("ended")))
    assert bundles[-1][MIME]["state"] == "Succeeded"
    assert "img" in ready.execute("%kusto_image status").outputs[0].data["text/plain"]
    assert not any("application/vnd.jupyter.widget-view+json" in bundle for bundle in bundles)
