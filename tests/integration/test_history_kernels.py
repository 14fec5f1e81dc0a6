"""The history under stress: kernels killed while building, several kernels at once, a damaged file."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from support.home import Home
from support.kernel import Execution, Kernel, running_kernel

from kusto_magic.display.card import MIME

if TYPE_CHECKING:
    from kusto_magic.emulator import ReadyTarget

pytestmark = pytest.mark.slow

Start = Callable[[float], "ReadyTarget"]


@pytest.fixture
def kernels(home: Home) -> Iterator[Callable[[], Kernel]]:
    """Return a function that starts another kernel of the same user, with the extension loaded."""
    with ExitStack() as stack:

        def _start() -> Kernel:
            kernel = stack.enter_context(running_kernel(home))
            kernel.execute("%load_ext kusto_magic")
            return kernel

        yield _start


def _state(kernel: Kernel, shown: Execution) -> str:
    displays = [output["transient"]["display_id"] for output in shown.outputs if "transient" in output]
    return str(kernel.displays[displays[-1]][-1].get(MIME, {}).get("state", ""))


def _start_build(kernel: Kernel, name: str, options: str = "") -> Execution:
    kernel.execute("%kusto_image use emulator")
    return kernel.execute(f"%%kusto_image {name} --base Python3_11_7 --no-check {options}\nhumanize\n")


def _kill(kernel: Kernel) -> None:
    kernel.manager.signal_kernel(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def test_killed_kernels_lose_no_build(kernels: Callable[[], Kernel], emulator: Start) -> None:
    emulator(8)
    first, second = kernels(), kernels()
    building = _start_build(first, "img")
    first.wait_until(lambda: _state(first, building) == "Building")
    waiting = _start_build(second, "queued", "--queue")
    second.wait_until(lambda: _state(second, waiting) == "Queued")
    for kernel in (first, second):
        _kill(kernel)

    third = kernels()
    listed = third.execute("%kusto_image status").outputs[0].data["text/plain"]
    assert "img" in listed
    assert "queued" in listed
    again = third.execute("%kusto_image attach img")
    assert third.displays[again.outputs[0]["transient"]["display_id"]][-1][MIME]["startedAt"]
    third.wait_until(lambda: _state(third, again) == "Succeeded")
    queued = third.execute("%kusto_image wait queued")
    assert queued.error == "NotSubmittedError: see the result above."
    shown = third.displays[queued.outputs[0]["transient"]["display_id"]][-1]["text/plain"]
    assert "%kusto_image attach queued --send" in shown
    assert _state(third, queued) == "Not submitted"
    queued = third.execute("%kusto_image wait queued --send")
    assert queued.error == ""
    assert _state(third, queued) == "Succeeded"


@pytest.mark.parametrize("damage", [b"this is not a database, but plain text" * 100], ids=["text"])
def test_damaged_history_is_reported_once_and_stops_nothing(
    kernels: Callable[[], Kernel], emulator: Start, home: Home, damage: bytes
) -> None:
    emulator(0)
    path = home.path / "kusto-magic" / "history.sqlite"
    path.write_bytes(damage)
    kernel = kernels()
    shown = _start_build(kernel, "img")
    assert "history of builds could not be read" in shown.outputs[0].data["text/plain"]
    kernel.wait_until(lambda: _state(kernel, shown) == "Succeeded")
    assert path.with_name("history.sqlite.damaged-1").read_bytes() == damage
    again = _start_build(kernel, "other")
    assert not any("could not be read" in str(output.get("data")) for output in again.outputs)
    assert "img" in kernel.execute("%kusto_image status").outputs[0].data["text/plain"]
