"""A first image in a real JupyterLab: card, progress bar and saved notebook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import Open, card, save_after_the_end, state

from kusto_magic.display.card import MIME

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

BUILD = "%%kusto_image {name} --base Python3_11_7\nhumanize==4.9.0\ntext-unidecode"
BLOCK = "import pathlib, time\nwhile not pathlib.Path('unblock').exists():\n    time.sleep(0.1)\nprint('free')"
BAR_WIDTHS = """() => {
    const bar = document.querySelector('.kusto-image-progress .progress-bar');
    if (!bar) return false;
    window.seenWidths = window.seenWidths || new Set();
    window.seenWidths.add(bar.style.width);
    return window.seenWidths.size >= 4;
}"""


@pytest.fixture(autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start an emulator whose builds take 30 s unless they are released earlier."""
    with running_emulator(lab, build_seconds=30) as control:
        yield control


def test_progress_bar_moves_while_another_cell_blocks_and_is_replaced_by_the_card(
    notebook: Open, lab: Lab, emulator: EmulatorControl, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook([USE, BUILD.format(name="second"), BLOCK])
    opened.run(0)
    emulator.hold()
    opened.start(1)
    expect(opened.cell(1).locator(".kusto-image-progress")).to_be_visible()
    opened.start(2)
    opened.page.wait_for_function(BAR_WIDTHS, polling=100)
    assert not opened.outputs(2).all_inner_texts()  # the cell still blocks
    screenshot("bar")
    (lab.root / "unblock").touch()
    emulator.release()
    expect(state(card(opened, 1))).to_have_text("Succeeded", timeout=60_000)
    expect(opened.cell(1).locator(".kusto-image-progress")).to_have_count(0)
    card(opened, 1).get_by_text("2 packages").click()
    expect(card(opened, 1)).to_contain_text("Compared with Python3_11_7 as documented by Microsoft in 2024-09")
    expect(card(opened, 1)).to_contain_text("Lock sha256:")
    screenshot("card")
    saved = save_after_the_end(opened, 1, MIME)
    text = json.dumps(saved)
    assert "widgets" not in saved.metadata
    assert "widget-view" not in text
    assert saved.cells[1].outputs[0].data[MIME]["state"] == "Succeeded"
    assert "✔ <bdi>Succeeded</bdi>" in saved.cells[1].outputs[0].data["text/html"]


def test_invalid_requirements_are_listed_with_their_lines(notebook: Open, screenshot: Callable[[str], Path]) -> None:
    opened = notebook([USE, "%%kusto_image img --base Python3_11_7\nrequests=1.0\n-r more.txt"])
    opened.run(0)
    opened.run(1)
    expect(card(opened, 1)).to_contain_text("line 2: -r: the service cannot read local files")
    expect(card(opened, 1).locator("ins")).to_have_text("requests==1.0")
    screenshot("refused")
