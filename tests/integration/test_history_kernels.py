"""The history under stress: kernels that are killed in mid-build, many at once, a damaged file."""

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
    """Return a function that starts one more kernel of the same user, with the extension loaded."""
    with ExitStack() as stack:

        def _start() -> Kernel:
            kernel = stack.enter_context(running_kernel(home))
            kernel.execute("%load_ext kusto_magic")
            return kernel

        yield _start


def _state(kernel: Kernel, shown: Execution) -> str:
    displays = [it["transient"]["display_id"] for it in shown.outputs if "transient" in it]
    return str(kernel.displays[displays[-1]][-1].get(MIME, {}).get("state", ""))


def _begin(kernel: Kernel, name: str, more: str = "") -> Execution:
    kernel.execute("%kusto_image use emulator")
    return kernel.execute(f"%%kusto_image {name} --base Python3_11_7 --no-check {more}\nhumanize\n")


def _kill(kernel: Kernel) -> None:
    kernel.manager.signal_kernel(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def test_kernels_that_are_killed_in_mid_build_lose_nothing(kernels: Callable[[], Kernel], emulator: Start) -> None:
    emulator(8)
    first, second = kernels(), kernels()
    building = _begin(first, "img")
    first.wait_until(lambda: _state(first, building) == "Building")
    waiting = _begin(second, "queued", "--queue")
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
    assert queued.error == ""
    assert _state(third, queued) == "Succeeded", "it goes on waiting for its cluster, and is sent then"


@pytest.mark.parametrize("damage", [b"this is no database, but somebody's text" * 100], ids=["text"])
def test_a_damaged_history_is_said_once_and_ends_nothing(
    kernels: Callable[[], Kernel], emulator: Start, home: Home, damage: bytes
) -> None:
    emulator(0)
    path = home.path / "kusto-magic" / "history.sqlite"
    path.write_bytes(damage)
    kernel = kernels()
    shown = _begin(kernel, "img")
    assert "history of builds could not be read" in shown.outputs[0].data["text/plain"]
    kernel.wait_until(lambda: _state(kernel, shown) == "Succeeded")
    assert path.with_name("history.sqlite.damaged-1").read_bytes() == damage
    again = _begin(kernel, "other")
    assert not any("could not be read" in str(it.get("data")) for it in again.outputs)
    assert "img" in kernel.execute("%kusto_image status").outputs[0].data["text/plain"]
