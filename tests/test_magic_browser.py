"""A first image in a real JupyterLab: the card, the bar that moves while a cell blocks, what is saved."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.lab import Lab
from support.notebook import LabNotebook

from kusto_magic.card import MIME

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

Open = Callable[[Sequence[str]], LabNotebook]
USE = "%load_ext kusto_magic\n%kusto_image use emulator --build-seconds {seconds}"
BUILD = "%%kusto_image {name} --base Python3_11_7\nhumanize==4.9.0\ntext-unidecode"
BLOCK = (
    "import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end:\n    time.sleep(0.1)\nprint('free')"
)
BAR_WIDTHS = """() => {
    const bar = document.querySelector('.kusto-image-progress .progress-bar');
    if (!bar) return false;
    window.seenWidths = window.seenWidths || new Set();
    window.seenWidths.add(bar.style.width);
    return window.seenWidths.size >= 4;
}"""


@pytest.fixture(autouse=True)
def _no_emulator_stays(lab: Lab) -> Iterator[None]:
    yield
    stop = "from kusto_magic.emulator import launch; launch.stop()"
    subprocess.run([sys.executable, "-c", stop], env=lab.home.env, check=True)


def test_the_bar_moves_while_another_cell_blocks_and_the_card_takes_its_place(
    notebook: Open, screenshot: Callable[[str], Path]
) -> None:
    # The first build teaches how long builds take here; the bar of the second follows that estimate.
    opened = notebook([USE.format(seconds=6), BUILD.format(name="first") + " ", BUILD.format(name="second"),
                       BLOCK.format(seconds=5)])  # fmt: skip
    opened.run(0)
    opened.start(1)
    expect(opened.outputs(1)).to_contain_text("Succeeded", timeout=30_000)
    opened.start(2)
    expect(opened.cell(2).locator(".kusto-image-progress")).to_be_visible()
    opened.start(3)
    opened.page.wait_for_function(BAR_WIDTHS, timeout=5_000, polling=100)
    assert not opened.outputs(3).all_inner_texts()  # the cell still blocks
    screenshot("bar")
    expect(opened.outputs(2)).to_contain_text("✔ Succeeded", timeout=30_000)
    expect(opened.cell(2).locator(".kusto-image-progress")).to_have_count(0)
    screenshot("card")
    saved = opened.save()
    text = json.dumps(saved)
    assert "widgets" not in saved.metadata
    assert "widget-view" not in text
    assert saved.cells[2].outputs[0].data[MIME]["state"] == "Succeeded"
    assert "✔ Succeeded" in saved.cells[2].outputs[0].data["text/html"]


def test_a_failure_reads_well(notebook: Open, screenshot: Callable[[str], Path]) -> None:
    opened = notebook([USE.format(seconds=1), "%%kusto_image img --base Python3_11_7\nrequests=1.0\n-r more.txt"])
    opened.run(0)
    opened.run(1)
    expect(opened.outputs(1)).to_contain_text("line 2: -r: the service has no such file")
    screenshot("refused")
