"""The sidebar in a real JupyterLab, by mouse, keyboard and accessible names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import END_MS, Open, card_tab, notification
from support.notebook import LabNotebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SOURCES = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .map(cell => cell.model.sharedModel.getSource())"""


@pytest.fixture(scope="module", autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start one emulator for all tests; those that look at a running build hold it."""
    with running_emulator(lab, build_seconds=1) as control:
        yield control


@pytest.fixture
def opened(notebook: Open) -> LabNotebook:
    """Open a notebook and the sidebar."""
    made = notebook(["1 + 1"])
    made.command("kusto-magic:open")
    return made


def sidebar(page: Page) -> Locator:
    return page.get_by_role("region", name="Kusto images")


def image(page: Page, name: str) -> Locator:
    return sidebar(page).locator(f"li[data-image='{name}']")


def fill(page: Page, name: str, requirements: str) -> Locator:
    form = sidebar(page).get_by_role("form", name="New image")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_label("Requirements").fill(requirements)
    return form


def make(page: Page, name: str) -> None:
    sidebar(page).get_by_role("button", name="New image").click()
    fill(page, name, "humanize==4.9.0").get_by_role("button", name="Create").click()
    expect(image(page, name)).to_have_attribute("data-state", "Succeeded", timeout=END_MS)


def do(page: Page, name: str, what: str) -> None:
    row = image(page, name)
    if row.get_by_role("group").count() == 0:
        row.get_by_role("button").first.click()
    row.get_by_role("button", name=what).click()


def test_image_is_created_by_the_form_and_deleted_after_confirmation(
    opened: LabNotebook, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    expect(sidebar(page)).to_contain_text("emulatedcluster (emulator)")
    sidebar(page).get_by_role("button", name="New image").click()
    form = fill(page, "sidebar-image", "requests=1.0\n-r more.txt")
    expect(form).to_contain_text("line 1: 'requests=1.0': '=' is not a version operator")
    expect(form).to_contain_text("line 2: -r: the service cannot read local files")
    expect(form.get_by_role("button", name="Create")).to_be_disabled()
    screenshot("problems")
    fill(page, "Python3_11_7", "humanize==4.9.0").get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_contain_text("the name of an image shipped by Azure")
    emulator.hold()
    fill(page, "sidebar-image", "humanize==4.9.0").get_by_role("button", name="Create").click()
    expect(image(page, "sidebar-image")).to_contain_text("•")
    emulator.release()
    expect(image(page, "sidebar-image")).to_have_attribute("data-state", "Succeeded", timeout=END_MS)
    do(page, "sidebar-image", "Delete…")
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(image(page, "sidebar-image")).to_have_attribute("data-state", "Succeeded")
    do(page, "sidebar-image", "Delete…")
    screenshot("delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(image(page, "sidebar-image")).to_have_count(0, timeout=END_MS)
    expect(sidebar(page)).to_contain_text("No custom images yet.")
    expect(notification(page, "sidebar-image was deleted")).to_be_visible()


def test_actions_of_an_image(opened: LabNotebook, page: Page, screenshot: Callable[[str], Path]) -> None:
    make(page, "base-image")
    make(page, "other")
    filter_ = sidebar(page).get_by_label("Filter images")
    filter_.fill("OTH")
    expect(sidebar(page).locator("li")).to_have_count(1)
    filter_.fill("nothing")
    expect(sidebar(page)).to_contain_text("No matching images.")
    filter_.fill("")
    do(page, "base-image", "Use as base")
    form = sidebar(page).get_by_role("form", name="New image")
    expect(form.get_by_label("Base image")).to_have_value("base-image")
    screenshot("use-as-base")
    page.keyboard.press("Escape")
    expect(form).to_have_count(0)
    do(page, "base-image", "Show details")
    expect(card_tab(page)).to_contain_text("✔ Succeeded")
    opened.command("application:close")
    do(page, "base-image", "Edit as cell")
    assert page.evaluate(SOURCES) == [
        "1 + 1",
        "%load_ext kusto_magic\n%kusto_image use emulator",
        "%%kusto_image base-image --base Python3_11_7\nhumanize==4.9.0",
    ]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    do(page, "other", "Copy name")
    assert page.evaluate("() => navigator.clipboard.readText()") == "other"


def test_image_is_enabled_after_confirmation(
    opened: LabNotebook, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    make(page, "enabled")
    do(page, "enabled", "Enable…")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(image(page, "enabled")).to_have_attribute("data-state", "Succeeded")
    do(page, "enabled", "Enable…")
    expect(page.get_by_role("dialog")).to_contain_text("will run on it. This takes up to an hour.")
    screenshot("enable")
    emulator.hold()
    page.get_by_role("dialog").get_by_role("button", name="Enable", exact=True).click()
    expect(image(page, "enabled")).to_have_attribute("data-state", "Enabling", timeout=END_MS)
    emulator.release()
    expect(notification(page, "Image enabled is enabled")).to_be_visible(timeout=END_MS)
    expect(image(page, "enabled")).to_contain_text("✔ Succeeded · Python3_11_7 · active")
    expect(sidebar(page)).to_contain_text("Queries use enabled")
    expect(image(page, "enabled").get_by_role("button", name="Enable…")).to_have_count(0)
    screenshot("active")


def test_cell_inserted_by_the_form_runs(opened: LabNotebook, page: Page) -> None:
    sidebar(page).get_by_role("button", name="New image").click()
    fill(page, "from-cell", "humanize==4.9.0").get_by_role("button", name="Insert as cell").click()
    assert page.evaluate(SOURCES)[1:] == [USE, "%%kusto_image from-cell --base Python3_11_7\nhumanize==4.9.0"]
    opened.run(1)
    opened.run(2)
    expect(image(page, "from-cell")).to_have_attribute("data-state", "Succeeded", timeout=END_MS)


def test_sidebar_is_usable_by_keyboard(opened: LabNotebook, page: Page) -> None:
    make(page, "keyboard")
    sidebar(page).get_by_label("Filter images").focus()
    for _ in range(2):  # the cluster, the first image
        page.keyboard.press("Tab")
    while "keyboard" not in str(page.evaluate("() => document.activeElement.textContent")):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Delete…"
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    unnamed = sidebar(page).evaluate(
        "root => [...root.querySelectorAll('button')].filter(one => !one.textContent.trim()).length"
    )
    assert unnamed == 0


def test_palette_launcher_and_toolbar_offer_the_form_and_settings_hide_it(notebook: Open, lab: Lab, page: Page) -> None:
    opened = notebook([USE])
    page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='kusto-image']").click()
    assert page.evaluate(SOURCES)[1].startswith("%%kusto_image my-image --base Python3_11_7\n")
    opened.command("apputils:activate-command-palette")
    page.locator("input[aria-label='Command Palette Section'], .lm-CommandPalette-input").first.fill("kusto")
    expect(page.locator(".lm-CommandPalette-itemLabel", has_text="New Kusto Image")).to_be_visible()
    page.keyboard.press("Escape")
    opened.command("launcher:create")
    page.locator(".jp-LauncherCard", has_text="Kusto Image").click()
    expect(sidebar(page).get_by_role("form", name="New image")).to_be_visible()
    chosen = lab.home.lab_settings / "kusto-magic" / "plugin.jupyterlab-settings"
    chosen.parent.mkdir(exist_ok=True)
    chosen.write_text(json.dumps({"showSidebar": False, "highlightCells": False}), encoding="utf-8")
    page.reload()
    opened.wait_idle()
    expect(page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='kusto-image']")).to_be_visible()
    expect(page.locator("[data-id='kusto-magic-sidebar']")).to_have_count(0)
