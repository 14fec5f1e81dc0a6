"""The clusters of the sidebar in a real JupyterLab: found, added, unreachable and removed, without a notebook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from support.emulator_process import EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import END_MS, Open
from support.sidebar import dialog, make, menu_item, sidebar

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PROBLEM = {
    "type": "about:blank",
    "title": "UnreachableError",
    "status": 504,
    "detail": "management.azure.com cannot be reached",
    "code": "UnreachableError",
    "hint": {"kind": "check-network", "name": "", "values": [], "then": None},
    "problems": [],
}


@pytest.fixture(scope="module", autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start an emulator with two clusters, and make it the Resource Manager that the server asks for clusters."""
    with running_emulator(lab, build_seconds=1, clusters=2) as control:
        folder = Path(lab.home.settings["KUSTO_MAGIC_HOME"])
        endpoint = json.loads((folder / "emulator.json").read_bytes())["endpoint"]
        (folder / "config.toml").write_text(f'endpoint = "{endpoint}"\n', encoding="utf-8")
        yield control


def row(page: Page, name: str) -> Locator:
    return sidebar(page).locator(f"li[data-cluster='{name}']")


def remove(page: Page, name: str) -> None:
    row(page, name).click(button="right")
    menu_item(page, "Remove from list").click()
    expect(row(page, name)).to_have_count(0)


def test_cluster_is_chosen_without_a_notebook_and_removed(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook(["1 + 1"])
    opened.command("kusto-magic:open")
    remove(page, "emulatedcluster")
    expect(sidebar(page)).to_contain_text("No clusters yet")
    screenshot("empty")
    sidebar(page).get_by_role("button", name="Choose cluster…").click()
    expect(dialog(page).get_by_label("Subscription")).to_have_text("Emulator")
    expect(dialog(page)).to_contain_text("2 clusters")
    add = dialog(page).get_by_role("button", name="Add cluster")
    expect(add).to_be_disabled()
    expect(dialog(page).get_by_label("Cluster", exact=True)).to_be_focused()  # the keyboard is not left behind
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    screenshot("choose")
    add.click()
    expect(row(page, "fleet001")).to_be_focused()
    expect(row(page, "emulatedcluster")).to_have_count(0)
    page.reload()
    expect(row(page, "fleet001")).to_be_visible(timeout=END_MS)
    remove(page, "fleet001")
    sidebar(page).get_by_role("button", name="Try the emulator").click()
    expect(row(page, "emulatedcluster")).to_be_focused(timeout=END_MS)


def test_unreachable_cluster_says_why_and_keeps_its_images(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    def fail(route: Route) -> None:
        route.fulfill(status=504, content_type="application/problem+json", body=json.dumps(PROBLEM))

    opened = notebook(["1 + 1"])
    opened.command("kusto-magic:open")
    make(page, "kept")
    page.route("**/images?*", fail)
    sidebar(page).get_by_role("button", name="Refresh").click()
    problem = sidebar(page).locator("li.jp-mod-problem")
    expect(problem).to_contain_text("management.azure.com cannot be reached")
    expect(problem).to_contain_text("Check the network and the proxy")
    expect(sidebar(page).locator("li[data-image=kept]")).to_be_visible()
    screenshot("unreachable")
    page.unroute("**/images?*")
    problem.get_by_role("button", name="Retry").click()
    expect(problem).to_have_count(0)
    page.route("**/images?*", fail)
    sidebar(page).get_by_role("button", name="Refresh").click()
    problem.get_by_role("button", name="Remove from list").click()
    expect(sidebar(page)).to_contain_text("No clusters yet")
