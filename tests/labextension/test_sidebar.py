"""The sidebar in a real JupyterLab, by mouse, keyboard and accessible names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import END_MS, Open, card_tab, notification, state
from support.notebook import LabNotebook
from support.sidebar import choose, dialog, fill, form, image, make, menu_item, new_image, sidebar

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SOURCES = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .map(cell => cell.model.sharedModel.getSource())"""
MAX_ROWS = 20
FOCUSED = "() => document.activeElement.dataset.image ?? document.activeElement.textContent"


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


def test_image_is_created_by_the_form_and_deleted_after_confirmation(
    opened: LabNotebook, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    expect(sidebar(page).locator("[data-cluster=emulatedcluster]")).to_contain_text("emulator")
    new_image(page)
    expect(form(page).get_by_label("Name", exact=True)).to_be_focused()
    fill(page, "bad name!", "requests=1.0\n-r more.txt")
    expect(form(page)).to_contain_text("'bad name!' is not a valid image name")
    expect(form(page)).to_contain_text("line 1: 'requests=1.0': '=' is not a version operator")
    expect(form(page)).to_contain_text("line 2: -r: the service cannot read local files")
    for label in ("Name", "Requirements"):
        expect(form(page).get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
    screenshot("problems")
    fill(page, "Python3_11_7", "humanize==4.9.0")
    expect(form(page)).to_contain_text("the name of an image shipped by Azure")
    fill(page, "sidebar-image", "humanize==4.9.0")
    expect(form(page)).to_contain_text("Available")
    emulator.hold()
    form(page).get_by_role("button", name="Build image").click()
    expect(image(page, "sidebar-image")).to_have_attribute("data-state", "Building")
    expect(image(page, "sidebar-image")).to_be_focused()
    expect(form(page)).to_have_count(0)
    emulator.release()
    expect(image(page, "sidebar-image")).to_have_attribute("data-state", "Succeeded", timeout=END_MS)
    choose(page, "sidebar-image", "Delete…")
    dialog(page).get_by_role("button", name="Keep").click()
    expect(image(page, "sidebar-image")).to_have_attribute("data-state", "Succeeded")
    choose(page, "sidebar-image", "Delete…")
    screenshot("delete")
    dialog(page).get_by_role("button", name="Delete", exact=True).click()
    expect(image(page, "sidebar-image")).to_have_count(0, timeout=END_MS)
    expect(sidebar(page)).to_contain_text("No custom images yet.")
    expect(notification(page, "sidebar-image was deleted")).to_be_visible()


def test_form_stays_open_with_the_reason_until_the_service_accepts(
    opened: LabNotebook, page: Page, screenshot: Callable[[str], Path]
) -> None:
    new_image(page)
    fill(page, "rejected", "requests==2.31.0\nurllib3==1.20")
    form(page).get_by_role("button", name="Check").click()
    expect(form(page)).to_contain_text("These requirements cannot be installed", timeout=END_MS)
    form(page).get_by_role("button", name="Build image").click()
    requirements = form(page).get_by_label("Requirements")
    expect(requirements).to_have_attribute("aria-invalid", "true", timeout=END_MS)
    expect(requirements).to_have_value("requests==2.31.0\nurllib3==1.20")
    screenshot("refused")
    opened.command("application:toggle-left-area")
    opened.command("kusto-magic:open")
    expect(form(page).get_by_label("Name", exact=True)).to_have_value("rejected")
    page.keyboard.press("Escape")
    form(page).get_by_role("button", name="Cancel").click()
    dialog(page).get_by_role("button", name="Keep").click()
    expect(requirements).to_be_visible()
    form(page).get_by_role("button", name="Cancel").click()
    dialog(page).get_by_role("button", name="Discard").click()
    expect(form(page)).to_have_count(0)


def test_check_shows_the_plan_and_can_be_canceled(
    opened: LabNotebook, page: Page, screenshot: Callable[[str], Path]
) -> None:
    new_image(page)
    fill(page, "checked", "humanize==4.9.0")
    form(page).get_by_role("button", name="Check").click()
    expect(form(page)).to_contain_text("These packages install together: 1 package")
    expect(form(page).get_by_role("row")).to_contain_text(["", "humanize4.9.0new"])
    screenshot("plan")
    page.route("**/check?*", lambda _route: None)  # no response
    form(page).get_by_role("button", name="Check").click()
    expect(form(page)).to_contain_text("Checking that these packages install together…")
    with page.expect_event("requestfailed"):
        form(page).get_by_role("button", name="Cancel check").click()
    expect(form(page)).not_to_contain_text("Checking that")
    page.unroute("**/check?*")
    form(page).get_by_label("Base image").select_option(label="Python without packages")
    form(page).get_by_label("Python version").fill("3.10")
    expect(form(page)).to_contain_text("is not a full Python version")


def test_actions_of_an_image(opened: LabNotebook, page: Page, screenshot: Callable[[str], Path]) -> None:
    make(page, "base-image")
    make(page, "other")
    sidebar(page).get_by_role("button", name="Filter images").click()
    filter_ = sidebar(page).get_by_label("Filter images").and_(page.get_by_role("searchbox"))
    filter_.fill("OTH")
    expect(sidebar(page).locator("li[data-image]")).to_have_count(1)
    filter_.fill("nothing")
    expect(sidebar(page)).to_contain_text("No matching images.")
    filter_.press("Escape")
    choose(page, "base-image", "Use as base…")
    expect(form(page).get_by_label("Base image")).to_have_value("base-image")
    screenshot("use-as-base")
    form(page).get_by_label("Base image").press("Escape")
    expect(form(page)).to_have_count(0)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, "other", "Copy name")
    assert page.evaluate("() => navigator.clipboard.readText()") == "other"
    choose(page, "base-image", "Edit as cell")
    assert page.evaluate(SOURCES) == [
        "1 + 1",
        "%load_ext kusto_magic\n%kusto_image use emulator",
        "%%kusto_image base-image --base Python3_11_7\nhumanize==4.9.0",
    ]


def test_export_shows_each_format_to_copy_and_download(
    opened: LabNotebook, page: Page, screenshot: Callable[[str], Path]
) -> None:
    make(page, "exported")
    choose(page, "exported", "Export as…")
    expect(dialog(page).locator("pre")).to_contain_text("sandboxCustomImages@")
    screenshot("export")
    dialog(page).get_by_label("Format").select_option(label="requirements.txt")
    expect(dialog(page).locator("pre")).to_have_text("humanize==4.9.0")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog(page).get_by_role("button", name="Copy").click()
    expect(dialog(page).get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()").strip() == "humanize==4.9.0"
    with page.expect_download() as download:
        dialog(page).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "exported-requirements.txt"
    dialog(page).get_by_label("Format").select_option(label="pylock.toml (PEP 751)")
    expect(dialog(page).locator("pre")).to_contain_text('name = "humanize"')
    screenshot("export-lock")
    with page.expect_download() as download:
        dialog(page).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "pylock.exported.toml"
    page.route("**/export?format=cyclonedx*", _fail)
    dialog(page).get_by_label("Format").select_option(label="CycloneDX (SBOM)")
    expect(dialog(page).get_by_role("alert")).to_contain_text("the packages of the image could not be found")
    screenshot("export-failed")
    page.unroute("**/export?format=cyclonedx*")
    dialog(page).get_by_role("button", name="Retry").click()
    expect(dialog(page).locator("pre")).to_contain_text('"bomFormat": "CycloneDX"')
    dialog(page).get_by_label("Format").select_option(label="Bicep")
    expect(dialog(page).locator("pre")).to_contain_text("// Lock: sha256:")
    expect(dialog(page).get_by_role("alert")).to_have_count(0)
    dialog(page).get_by_role("button", name="Close", exact=True).last.click()


def _fail(route: Route) -> None:
    detail = "the packages of the image could not be found: the package index does not respond"
    hint = dict[str, object](kind="retry", name="", values=[], then=None)
    problem = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": detail, "hint": hint}
    route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(problem))


def test_image_is_enabled_and_python_disabled_after_confirmation(
    opened: LabNotebook, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    make(page, "enabled")
    choose(page, "enabled", "Enable…")
    dialog(page).get_by_role("button", name="Cancel").click()
    choose(page, "enabled", "Enable…")
    expect(dialog(page)).to_contain_text("will run on it. This takes up to an hour.")
    screenshot("enable")
    emulator.hold()
    dialog(page).get_by_role("button", name="Enable", exact=True).click()
    expect(image(page, "enabled")).to_have_attribute("data-state", "Enabling", timeout=END_MS)
    emulator.release()
    expect(notification(page, "Image enabled is enabled")).to_be_visible(timeout=END_MS)
    expect(image(page, "enabled")).to_contain_text("active")
    expect(sidebar(page)).to_contain_text("Queries use enabled")
    screenshot("active")
    choose(page, "enabled", "Verify…")
    expect(dialog(page)).to_contain_text("Sends one query to emulatedcluster")
    dialog(page).get_by_label("Also import the packages that the requirements name").check()
    dialog(page).get_by_role("button", name="Verify", exact=True).click()
    result = dialog(page).get_by_role("region", name="Result")
    expect(result).to_contain_text("Verified: 1 of 1 packages are as planned", timeout=END_MS)
    expect(result).to_contain_text("1 of 1 packages were imported")
    screenshot("verified")
    dialog(page).get_by_label("Database").fill("Nowhere")
    dialog(page).get_by_role("button", name="Verify", exact=True).click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Database 'Nowhere' was not found.", timeout=END_MS)
    screenshot("verify-failed")
    dialog(page).get_by_role("button", name="Close", exact=True).last.click()
    image(page, "enabled").click(button="right")
    expect(menu_item(page, "Enable…")).to_have_attribute("aria-disabled", "true")
    menu_item(page, "Disable python() on cluster…").click()
    expect(dialog(page)).to_contain_text("will fail until an image is enabled again")
    dialog(page).get_by_role("button", name="Disable", exact=True).click()
    expect(sidebar(page)).to_contain_text("python() is disabled", timeout=END_MS)


def test_managed_image_that_queries_use_is_listed_and_verified(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook([USE, "%kusto_image enable Python3_11_7 --wait", "%kusto_image panel"])
    opened.command("kusto-magic:open")
    make(page, "custom")
    opened.run(0)
    opened.run(1)
    managed = image(page, "Python3_11_7")
    expect(managed).to_have_accessible_name("Python3_11_7, active, managed image · 131 packages", timeout=END_MS)
    managed.press("Delete")
    expect(dialog(page)).to_have_count(0)
    managed.click(button="right")
    items = page.locator(".lm-Menu-itemLabel:not(:empty)").locator("visible=true")
    expect(items).to_have_text(["Show details", "Use as base…", "Copy name", "Verify…", "Disable python() on cluster…"])
    screenshot("menu")
    menu_item(page, "Verify…").click()
    expect(dialog(page)).to_contain_text("is compared with the list of its packages")
    expect(dialog(page).get_by_role("checkbox")).to_have_count(0)
    dialog(page).get_by_role("button", name="Verify", exact=True).click()
    result = dialog(page).get_by_role("region", name="Result")
    expect(result).to_contain_text("Verified: 131 of 131 packages are as documented", timeout=END_MS)
    screenshot("light")
    opened.use_dark_theme()
    screenshot("dark")
    dialog(page).get_by_role("button", name="Close", exact=True).last.click()
    opened.run(2)
    row = page.locator(".kusto-image-panel .kusto-image-row", has_text="managed image")
    expect(row.get_by_role("button").locator("visible=true")).to_have_text(["Use as base", "Verify"])
    row.scroll_into_view_if_needed()
    screenshot("panel")
    managed.dblclick()
    details = page.locator(".jp-KustoImage-details")
    expect(details).to_contain_text("managed image · emulatedcluster (emulator) · Queries use Python3_11_7")
    expect(details.get_by_role("row")).to_have_count(2)  # of the history
    labels = page.get_by_role("toolbar", name="Actions for image Python3_11_7").locator("[class*=Component-label]")
    expect(labels.locator("visible=true")).to_have_text(["Verify…", "Disable python() on cluster…", "Use as base…"])
    screenshot("details")
    choose(page, "Python3_11_7", "Disable python() on cluster…")
    dialog(page).get_by_role("button", name="Disable", exact=True).click()
    expect(managed).to_have_count(0, timeout=END_MS)


def test_details_show_plan_requirements_and_history(
    opened: LabNotebook, page: Page, screenshot: Callable[[str], Path]
) -> None:
    make(page, "detailed")
    with page.expect_response(lambda response: "/api/workspaces" in response.url and response.request.method == "PUT"):
        image(page, "detailed").dblclick()
    details = page.locator(".jp-KustoImage-details")
    expect(details.get_by_role("heading", name="detailed")).to_be_visible()
    expect(details).to_contain_text("These packages install together: 1 package")
    expect(details.locator("pre")).to_have_text("humanize==4.9.0")
    expect(details.get_by_role("row")).to_have_count(4)  # of the packages and of the history
    screenshot("details")
    page.reload()
    opened.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.title.label === 'detailed'")
    expect(details).to_contain_text("Succeeded")
    details.locator(".jp-KustoImage-history tbody button").first.click()
    expect(state(card_tab(page))).to_have_text("Succeeded")


def test_cell_inserted_by_the_form_runs(opened: LabNotebook, page: Page) -> None:
    new_image(page)
    fill(page, "from-cell", "humanize==4.9.0")
    form(page).get_by_role("button", name="Insert as cell").click()
    expect(form(page)).to_have_count(0)
    assert page.evaluate(SOURCES)[1:] == [USE, "%%kusto_image from-cell --base Python3_11_7\nhumanize==4.9.0"]
    opened.run(1)
    opened.run(2)
    expect(image(page, "from-cell")).to_have_attribute("data-state", "Succeeded", timeout=END_MS)


def test_image_is_created_enabled_and_deleted_by_keyboard_alone(opened: LabNotebook, page: Page) -> None:
    keys = page.keyboard
    sidebar(page).get_by_role("button", name="New image…").focus()
    keys.press("Enter")
    expect(form(page).get_by_label("Name", exact=True)).to_be_focused()
    keys.type("by-keyboard")
    for _ in range(2):
        keys.press("Tab")  # the base image, the requirements
    keys.type("humanize==4.9.0")
    keys.press("Tab")
    keys.press("Enter")  # Create
    expect(image(page, "by-keyboard")).to_be_focused(timeout=END_MS)
    expect(image(page, "by-keyboard")).to_have_attribute("data-state", "Succeeded", timeout=END_MS)
    keys.press("Home")
    assert "emulatedcluster" in page.evaluate(FOCUSED)
    keys.press("ArrowLeft")
    expect(image(page, "by-keyboard")).to_have_count(0)
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    expect(sidebar(page).locator("li[data-image]").first).to_be_focused()
    keys.press("Home")
    for _ in range(MAX_ROWS):
        if page.evaluate(FOCUSED) != "by-keyboard":
            keys.press("ArrowDown")
    keys.press("Shift+F10")
    _press_until(page, "Enable…")
    keys.press("Enter")
    dialog(page).wait_for()
    keys.press("Tab")
    keys.press("Enter")
    expect(image(page, "by-keyboard")).to_contain_text("active", timeout=END_MS)
    expect(image(page, "by-keyboard")).to_be_focused()
    keys.press("Delete")
    dialog(page).wait_for()
    keys.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(image(page, "by-keyboard")).to_be_focused()
    keys.press("Delete")
    expect(dialog(page)).to_contain_text("Queries currently use this image.")
    keys.press("Tab")
    keys.press("Enter")
    expect(image(page, "by-keyboard")).to_have_count(0, timeout=END_MS)
    assert page.evaluate("() => document.activeElement.getAttribute('role')") == "treeitem"


def _press_until(page: Page, label: str) -> None:
    """Move down in the open menu to an item."""
    active = page.locator(".lm-Menu-item.lm-mod-active .lm-Menu-itemLabel")
    expect(active).to_be_visible()
    for _ in range(MAX_ROWS):
        if active.inner_text() != label:
            page.keyboard.press("ArrowDown")


def test_palette_launcher_and_toolbar_offer_the_form_and_settings_hide_it(notebook: Open, lab: Lab, page: Page) -> None:
    opened = notebook([USE])
    insert: Locator = page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='kusto-image']")
    expect(insert.get_by_role("button", name="Insert a %%kusto_image cell")).to_be_visible()
    insert.click()
    assert page.evaluate(SOURCES)[1].startswith("%%kusto_image my-image --base Python3_11_7\n")
    opened.command("apputils:activate-command-palette")
    page.locator("input[aria-label='Command Palette Section'], .lm-CommandPalette-input").first.fill("kusto")
    expect(page.locator(".lm-CommandPalette-itemLabel", has_text="New Kusto Image…")).to_be_visible()
    page.keyboard.press("Escape")
    opened.command("launcher:create")
    page.locator(".jp-LauncherCard", has_text="Kusto Image").click()
    expect(form(page)).to_be_visible()
    chosen = lab.home.lab_settings / "kusto-magic" / "plugin.jupyterlab-settings"
    chosen.parent.mkdir(exist_ok=True)
    chosen.write_text(json.dumps({"showSidebar": False, "highlightCells": False}), encoding="utf-8")
    page.reload()
    opened.wait_idle()
    expect(insert).to_be_visible()
    expect(page.locator("[data-id='kusto-magic-sidebar']")).to_have_count(0)
