"""The sidebar, the form, the details and the dialogs checked by axe-core, in the light and the dark theme."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import END_MS, Open, card, state
from support.sidebar import choose, dialog, fill, form, image, make, new_image, sidebar

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
BUILD = "%%kusto_image {name} --base Python3_11_7\npandas>=2.2\nhumanize"
CONFLICT = "%%kusto_image clash --base Python3_11_7\nrequests==2.31.0\nurllib3==1.20"
RUN = """async selector => (await axe.run(selector)).violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(node => node.html.slice(0, 200)).join(' | ')}`)"""


@pytest.fixture(scope="module", autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start an emulator whose builds take a second."""
    with running_emulator(lab, build_seconds=1, clusters=2) as control:
        yield control


@pytest.fixture(autouse=True)
def _release(emulator: EmulatorControl) -> Iterator[None]:
    """End the operations that a test holds, also if it fails."""
    yield
    emulator.release()


@pytest.fixture
def violations(page: Page) -> Callable[[str], list[str]]:
    """Return a function that returns the violations of an element of the page."""
    if not AXE.exists() and not os.environ.get("CI"):
        pytest.skip("axe-core is not installed: npm ci in labextension/")

    def run(selector: str) -> list[str]:
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = page.evaluate(RUN, selector)
        return found

    return run


@pytest.mark.index  # the check asks it
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_cards_and_the_panel_have_no_violations(
    notebook: Open,
    emulator: EmulatorControl,
    page: Page,
    screenshot: Callable[[str], Path],
    violations: Callable[[str], list[str]],
    theme: str,
) -> None:
    page.set_viewport_size({"width": 1300, "height": 1500})
    cells = [USE, BUILD.format(name=f"card-{theme}"), CONFLICT, "%kusto_image panel"]
    opened = notebook([*cells, "%kusto_image list"])
    if theme == "dark":
        opened.use_dark_theme()
    emulator.hold()
    for index in range(len(cells)):
        opened.run(index)
    expect(state(card(opened, 1))).to_have_text("Building", timeout=END_MS)
    expect(state(card(opened, 2))).to_have_text("Not submitted", timeout=END_MS)
    expect(page.locator(".kusto-image-panel")).to_be_visible()
    assert violations(".jp-Notebook .jp-KustoImage-card") == []
    assert violations(".kusto-image-panel") == []
    screenshot("running")
    emulator.release()
    expect(state(card(opened, 1))).to_have_text("Succeeded", timeout=END_MS)
    card(opened, 1).locator("details").first.evaluate("plan => { plan.open = true; }")
    opened.run(len(cells))
    assert violations(".jp-Notebook .jp-KustoImage-card") == []
    assert violations(".jp-Notebook .jp-KustoImage-data") == []
    screenshot("ended")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_views_have_no_violations(
    notebook: Open,
    emulator: EmulatorControl,
    page: Page,
    screenshot: Callable[[str], Path],
    violations: Callable[[str], list[str]],
    theme: str,
) -> None:
    opened = notebook(["1 + 1"])
    opened.command("kusto-magic:open")
    if theme == "dark":
        opened.use_dark_theme()
    name = f"accessible-{theme}"
    make(page, name)
    choose(page, name, "Enable…")
    dialog(page).get_by_role("button", name="Enable", exact=True).click()
    expect(image(page, name)).to_contain_text("active", timeout=END_MS)
    emulator.hold()
    new_image(page)
    fill(page, f"running-{theme}", "humanize==4.9.0")
    form(page).get_by_role("button", name="Build image").click()
    expect(image(page, f"running-{theme}")).to_have_attribute("data-state", "Building", timeout=END_MS)
    new_image(page)
    fill(page, "bad name!", "requests=1.0")
    expect(form(page)).to_contain_text("line 1")
    sidebar(page).get_by_role("button", name="Filter images").click()
    assert violations("#kusto-magic-sidebar") == []
    screenshot("sidebar")
    fill(page, "good-name", "humanize==4.9.0\npandas>=2.2")
    form(page).get_by_role("button", name="Check").click()
    expect(form(page)).to_contain_text("These packages install together", timeout=END_MS)
    assert violations("#kusto-magic-sidebar") == []
    screenshot("plan")
    image(page, name).dblclick()
    expect(page.locator(".jp-KustoImage-details .jp-KustoImage-plan")).to_be_visible()
    assert violations(".jp-MainAreaWidget:has(.jp-KustoImage-details)") == []
    screenshot("details")
    choose(page, name, "Export as…")
    expect(dialog(page).locator("pre")).to_contain_text("sandboxCustomImages")
    assert violations(".jp-KustoImage-export") == []
