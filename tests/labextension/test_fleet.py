"""A fleet in a real JupyterLab: one card, one notification and one entry in Running."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nbformat import NotebookNode
from playwright.sync_api import Page, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import (
    END_MS,
    Open,
    card,
    card_tab,
    notification,
    notifications,
    save_after_the_end,
    state,
    status_item,
)

from kusto_magic.display.fleet_card import MIME

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CLUSTERS = ("emulatedcluster", "fleet001", "fleet002")
FLEET = "%%kusto_image {name} --base Python3_11_7 --no-check" + "".join(f" --cluster {it}" for it in CLUSTERS)
FLEET += "\nhumanize==4.9.0"
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start an emulator whose builds end when the test releases them, however slow the machine is."""
    with running_emulator(lab, build_seconds=1, clusters=len(CLUSTERS)) as control:
        control.hold()
        yield control


def saved_data(document: NotebookNode, index: int) -> NotebookNode:
    """Return the data of a cell's only output in a saved notebook."""
    [output] = document.cells[index].outputs
    data: NotebookNode = output.data
    return data


def test_fleet_has_one_card_one_notification_and_one_entry(
    notebook: Open, lab: Lab, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    lab.set_preferences(notifications="all")
    opened = notebook([USE, FLEET.format(name="img")])
    opened.run(0)
    opened.run(1)
    expect(notification(page, "Building image img on 3 clusters.")).to_be_visible()  # first: it closes after 5 s
    bar = card(opened, 1).get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuemax", "100")
    expect(bar).to_have_attribute("aria-valuetext", re.compile("^0 of 3 clusters done · "))
    expect(opened.cell(1).locator(".kusto-image-progress")).to_have_count(1)  # the kernel's own gives way to it
    expect(status_item(page)).to_have_text("0 of 3 clusters: img", timeout=END_MS)
    opened.command("running:show-panel")
    expect(page.locator(".jp-RunningSessions-item", has_text="img")).to_have_count(1)
    screenshot("running")
    emulator.release()
    rows = card(opened, 1).locator("tbody tr")
    expect(rows.filter(has_text="Succeeded")).to_have_count(3, timeout=END_MS)
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == list(CLUSTERS)
    expect(state(card(opened, 1))).to_have_text("Succeeded")
    expect(card(opened, 1)).to_contain_text("3 clusters · 3 succeeded")
    expect(notification(page, "Image img is ready on 3 clusters after")).to_be_visible(timeout=END_MS)
    notifications(page).first.hover()  # otherwise it closes after 5 s
    expect(notifications(page)).to_have_count(1)  # updated in place, and none for a single build
    expect(status_item(page)).to_have_count(0, timeout=END_MS)
    screenshot("ended")
    document = save_after_the_end(opened, 1, MIME)
    assert "widgets" not in document.metadata
    assert set(saved_data(document, 1)) == {MIME, "text/html", "text/plain"}
    opened.use_dark_theme()
    screenshot("dark")


def test_fleet_card_reaches_the_end_after_a_page_reload(notebook: Open, emulator: EmulatorControl) -> None:
    opened = notebook([USE, FLEET.format(name="reloaded")])
    opened.run(0)
    opened.run(1)
    expect(card(opened, 1)).to_contain_text("3 building")
    assert VIEW in saved_data(opened.save(), 1)
    opened.reload()
    expect(card(opened, 1).get_by_role("progressbar")).to_be_visible()
    emulator.release()
    expect(card(opened, 1)).to_contain_text("3 succeeded", timeout=END_MS)
    document = save_after_the_end(opened, 1, MIME)
    assert VIEW not in saved_data(document, 1)
    assert "widgets" not in document.metadata


def test_fleet_card_reaches_the_end_without_a_kernel(
    notebook: Open, lab: Lab, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    lab.set_preferences(notifications="all")
    opened = notebook([USE, FLEET.format(name="orphan").replace("fleet002", "nosuchcluster")])
    opened.run(0)
    opened.run(1)
    expect(card(opened, 1)).to_contain_text("2 building, 1 rejected")
    opened.shut_down_kernel()
    emulator.release()
    expect(state(card(opened, 1))).to_have_text("1 of 3 rejected", timeout=END_MS)
    expect(card(opened, 1)).to_contain_text("3 clusters · 2 succeeded, 1 rejected")
    expect(card(opened, 1).locator(".jp-KustoImage-failure")).to_contain_text("nosuchcluster")
    expect(card(opened, 1).get_by_role("progressbar")).to_have_count(0)
    told = notification(page, "orphan: succeeded on 2 of 3 clusters. nosuchcluster: ")
    expect(told).to_be_visible()
    screenshot("failed")
    told.get_by_role("button", name="Show", exact=True).click()
    record = card_tab(page)
    expect(record).to_contain_text("nosuchcluster")
