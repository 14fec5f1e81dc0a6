"""A fleet of 200 clusters in a real kernel that is restarted while building: no cluster is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.kernel import Execution, Kernel

from kusto_magic.arm import local_emulator
from kusto_magic.display.fleet_card import MIME

if TYPE_CHECKING:
    from support.home import Home

pytestmark = pytest.mark.slow

CLUSTERS = 200
CELL = "%%kusto_image img --base Python3_11_7 --no-check --clusters-from 'kusto clusters' -o fleet\nhumanize==4.9.0\n"


@pytest.fixture
def use(home: Home) -> Iterator[str]:
    local_emulator.start(build_seconds=15, clusters=CLUSTERS)
    yield "%load_ext kusto_magic\n%kusto_image use emulator"
    local_emulator.stop()


def record(kernel: Kernel, shown: Execution) -> dict[str, object]:
    (display,) = (output["transient"]["display_id"] for output in shown.outputs if "transient" in output)
    return dict(kernel.displays[display][-1].get(MIME, {}))


def states(fleet: dict[str, object]) -> list[str]:
    clusters = fleet.get("clusters", [])
    assert isinstance(clusters, list)
    return [row["state"] for row in clusters]


@pytest.mark.timeout(240)
def test_kernel_restart_loses_no_cluster_of_a_fleet(use: str, kernel: Kernel) -> None:
    assert kernel.execute(use).status == "ok"
    started = kernel.execute(CELL)
    assert started.status == "ok", started.error
    kernel.wait_until(lambda: states(record(kernel, started)).count("Building") >= CLUSTERS // 4, timeout=60)
    assert len(states(record(kernel, started))) == CLUSTERS
    kernel.restart()
    kernel.execute("%load_ext kusto_magic")
    resumed = kernel.execute("%kusto_image wait img", timeout=180)
    left = {"Succeeded", "Not submitted", "Unknown"}  # the rest was not sent, or was being sent at the restart
    assert set(states(record(kernel, resumed))) <= left, resumed.error
    resumed = kernel.execute("%kusto_image wait img --send", timeout=180)
    assert resumed.status == "ok", resumed.error
    last = record(kernel, resumed)
    assert last["ended"]
    assert states(last) == ["Succeeded"] * CLUSTERS
    again = kernel.execute(f"{use}\n%kusto_image status")
    assert "200 Succeeded" in again.outputs[-1].data["text/plain"]
