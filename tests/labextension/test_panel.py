"""The panel in a real JupyterLab, by typing and clicking."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import Open
from support.notebook import LabNotebook

from kusto_magic.display.card import MIME

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PANEL = "%kusto_image panel"
BUILD = "%%kusto_image my-image --base Python3_11_7 --no-check\nhumanize==4.9.0"
BLOCK = "import pathlib, time\nwhile not pathlib.Path('unblock').exists():\n    time.sleep(0.1)\nprint('free')"
BAR_MOVES = """root => {
    const progress = root.querySelector('.kusto-image-progress');
    const bar = progress?.querySelector('.progress-bar');
    if (!bar || parseFloat(bar.style.width) === 0) return false;
    // The text, since the bar stops where the estimate ends: how soon that is depends on the machine.
    window.seenTexts = window.seenTexts || new Set();
    window.seenTexts.add(progress.textContent);
    return window.seenTexts.size >= 4;
}"""
NO_SIDEBARS = """() => {
    const shell = window.jupyterapp.shell;
    shell.collapseLeft();
    shell.collapseRight();
}"""
IS_CUT = """root => [...root.querySelectorAll('*')]
    .filter(one => one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1) // 1 px: text for screen readers
    .filter(one => !['INPUT', 'SELECT', 'OPTION', 'TEXTAREA'].includes(one.tagName))
    .filter(one => !(getComputedStyle(one).textOverflow === 'ellipsis' && one.closest('.kusto-image-progress')))
    .map(one => one.className + ' ' + one.textContent.slice(0, 80))"""
WATCH_HEIGHT = """root => {
    window.seenHeights = [root.getBoundingClientRect().height];
    new ResizeObserver(() => window.seenHeights.push(root.getBoundingClientRect().height)).observe(root);
}"""
HEIGHT_CHANGE = "() => Math.max(...window.seenHeights) - Math.min(...window.seenHeights)"
COLUMNS = """root => {
    const [left, right] = ['.kusto-image-inputs', '.kusto-image-results']
        .map(one => root.querySelector(one).getBoundingClientRect());
    return right.left >= left.right && Math.abs(right.top - left.top) < 1 ? 2 : right.top >= left.bottom ? 1 : 0;
}"""
SCROLLS_SIDEWAYS = """root => [...root.querySelectorAll('*')]
    .filter(one => ['auto', 'scroll'].includes(getComputedStyle(one).overflowX))
    .some(one => one.tagName !== 'TEXTAREA' && one.scrollWidth > one.clientWidth + 1)"""


@pytest.fixture(autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start with an empty cluster and an empty history; builds take 60 s unless they are released earlier."""
    for path in Path(lab.home.settings["KUSTO_MAGIC_HOME"]).iterdir():
        if path.is_file():
            path.unlink()
    (lab.root / "unblock").unlink(missing_ok=True)
    with running_emulator(lab, build_seconds=60) as control:
        yield control


class Panel:
    """One of the panels in the page, counted from 0."""

    def __init__(self, page: Page, number: int = 0) -> None:
        self.root: Locator = page.locator(".kusto-image-panel").nth(number)
        expect(self.field("Name")).to_be_visible(timeout=30_000)

    def field(self, label: str) -> Locator:
        return self.root.get_by_label(label, exact=True)

    def press(self, button: str) -> None:
        self.root.get_by_role("button", name=button, exact=True).click()

    def row(self, name: str) -> Locator:
        """Return the row of an image or an operation."""
        return self.root.locator(".kusto-image-row:visible", has=self.root.page.get_by_text(name, exact=True))

    def press_in_row(self, name: str, button: str) -> None:
        self.row(name).get_by_role("button", name=button, exact=True).click()

    def shows(self, text: str) -> None:
        expect(self.root).to_contain_text(text)

    def asks(self, text: str) -> None:
        """Wait until a question with this text is visible."""
        expect(self.root.locator(".kusto-image-question:visible")).to_contain_text(text)

    def shows_progress(self, state: str, name: str) -> None:
        """Wait until the state of an image is shown under Progress."""
        # The operation before on the same image may still be there: its end is being recorded.
        of_image = self.root.locator(".kusto-image-builds .kusto-image-state", has_text=name)
        expect(of_image.filter(has_text=state)).to_be_visible()


def _type(field: Locator, text: str) -> None:
    """Replace the content of a field, key by key."""
    field.fill("")
    field.press_sequentially(text, delay=15)


def open_panel(opened: LabNotebook, page: Page) -> Panel:
    """Choose the emulator in cell 0, open the panel in cell 1, and wait until it has read the cluster."""
    page.set_viewport_size({"width": 1280, "height": 1400})
    opened.run(0)
    opened.run(1)
    panel = Panel(page)
    expect(panel.root).to_contain_text(re.compile(r"Images \(\d+\)"))
    return panel


def fill_in(panel: Panel, name: str, requirements: str) -> None:
    panel.field("Base image").fill("Python3_11_7")
    panel.field("Name").fill(name)
    panel.field("Requirements").fill(requirements)


@pytest.mark.index
def test_fields_show_problems_and_build_image_keeps_the_input(
    notebook: Open, screenshot: Callable[[str], Path], page: Page
) -> None:
    panel = open_panel(notebook([USE, PANEL]), page)
    base = panel.field("Base image")
    _type(base, "python3_11_7")
    panel.shows("✖ 'python3_11_7': the managed image is spelled Python3_11_7")
    _type(base, "Python3_11_7")
    panel.shows("Python 3.11.7 (preview), 131 packages")
    name = panel.field("Name")
    _type(name, "my image")
    panel.shows("✖ 'my image' is not a valid image name")
    _type(name, "my-image")
    panel.shows("Available")
    requirements = panel.field("Requirements")
    _type(requirements, "humanize==4.9.0\nhumanize==4.8.0\n")
    panel.shows("✖ line 2: humanize is already on line 1")
    screenshot("refused")
    panel.press("Build image")
    panel.shows("Nothing was sent; your input is kept.")
    _type(requirements, "humanize==4.9.0\ntext-unidecode\n")
    panel.shows("2 packages")
    panel.press("Check")
    panel.shows("✔ These packages install together")


@pytest.mark.index
def test_panel_shows_builds_of_the_magic_and_its_own_while_a_cell_blocks(
    notebook: Open, lab: Lab, emulator: EmulatorControl, screenshot: Callable[[str], Path], page: Page
) -> None:
    opened = notebook([USE, PANEL, "%%kusto_image warm --base Python3_11_7\ntext-unidecode", BLOCK, PANEL])
    panel = open_panel(opened, page)
    emulator.hold()
    opened.run(2)  # a build of the magic is seen in the panel
    panel.shows_progress("Building", "warm")
    emulator.release()
    panel.shows_progress("Succeeded", "warm")
    panel.shows("Images (1)")

    fill_in(panel, "my-image", "humanize==4.9.0\ntext-unidecode\n")
    emulator.hold()
    panel.press("Build image")
    panel.shows_progress("Building", "my-image")
    opened.start(3)
    page.wait_for_function(BAR_MOVES, arg=panel.root.element_handle(), polling=100)
    panel.press("History")
    expect(panel.row("my-image")).to_contain_text("Building")  # the kernel answers although
    assert not opened.outputs(3).all_inner_texts()  # the cell still blocks
    panel.press("Images (2)")
    expect(panel.row("my-image")).to_contain_text("Building")
    panel.root.screenshot(path=screenshot("building").with_name("the-panel.png"))  # the one in the README
    (lab.root / "unblock").touch()
    opened.run(4)
    second = Panel(page, 1)
    emulator.release()
    panel.shows_progress("Succeeded", "my-image")
    second.shows("Images (2)")
    expect(opened.outputs(1).nth(1)).to_contain_text(re.compile("my-image.*Succeeded"))
    screenshot("built")


def test_image_is_deleted_after_confirmation_and_the_saved_card_shows_it(
    notebook: Open, emulator: EmulatorControl, screenshot: Callable[[str], Path], page: Page
) -> None:
    opened = notebook([USE, PANEL, BUILD])
    panel = open_panel(opened, page)
    emulator.hold()
    opened.run(2)
    panel.shows_progress("Building", "my-image")
    emulator.release()
    panel.shows("Images (1)")
    panel.press_in_row("my-image", "Show details")
    panel.shows("humanize==4.9.0")
    panel.press_in_row("my-image", "Delete…")
    panel.asks("Delete image my-image?")
    panel.asks("Queries on emulatedcluster that use it will fail. This cannot be undone.")
    expect(panel.root.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.root.get_by_text("This cannot be undone.")).to_be_hidden()
    delete = panel.row("my-image").get_by_role("button", name="Delete…")
    expect(delete).to_be_focused()
    expect(delete).to_have_attribute("title", "Delete image my-image; asks for confirmation")
    page.keyboard.press("Enter")
    panel.asks("This cannot be undone.")
    screenshot("delete")
    emulator.hold()
    panel.press("Delete")
    panel.shows_progress("Deleting", "my-image")
    emulator.release()
    panel.shows_progress("Deleted", "my-image")
    panel.shows("No images yet.")
    saved = opened.save()
    assert "widgets" not in saved.metadata
    record = saved.cells[1].outputs[1]
    assert record.data[MIME]["state"] == "Deleted"
    assert "Deleted" in record.data["text/html"]
    assert "widget-view" not in json.dumps(record)


def test_form_is_inserted_as_a_cell_and_comes_back_after_a_reload(
    notebook: Open, emulator: EmulatorControl, screenshot: Callable[[str], Path], page: Page
) -> None:
    opened = notebook([USE, PANEL])
    panel = open_panel(opened, page)
    fill_in(panel, "my-image", "humanize==4.9.0\n")
    panel.press("Equivalent cell")
    panel.shows("%%kusto_image my-image --base Python3_11_7")
    panel.press("Insert as cell")
    new = opened.cell(2).locator(".cm-content")
    expect(new).to_have_text("%%kusto_image my-image --base Python3_11_7humanize==4.9.0")
    screenshot("inserted")
    emulator.hold()
    opened.run(2)
    panel.shows_progress("Building", "my-image")
    emulator.release()
    expect(opened.outputs(2)).to_contain_text("Succeeded")
    panel.shows_progress("Succeeded", "my-image")
    saved = opened.save()
    assert "%%kusto_image my-image" in saved.cells[1].outputs[0].data["text/html"]
    opened.reload()  # the form is there again, with what was typed; nothing is inserted twice
    expect(Panel(page).field("Name")).to_have_value("my-image")
    assert len(saved.cells) == page.locator(".jp-Notebook .jp-Cell").count()


def _open_alone(opened: LabNotebook, page: Page) -> Panel:
    """Open the panel on a page that is 1100 px wide, without sidebars, so that the panel has about 950 px."""
    page.set_viewport_size({"width": 1100, "height": 1250})
    page.evaluate(NO_SIDEBARS)
    opened.run(0)
    opened.run(1)
    panel = Panel(page)
    panel.shows("Images (0)")
    return panel


def test_panel_has_two_columns_or_one_and_is_not_cut_off_in_light_and_dark(
    notebook: Open, emulator: EmulatorControl, screenshot: Callable[[str], Path], page: Page
) -> None:
    opened = notebook([USE, PANEL])
    panel = _open_alone(opened, page)
    fill_in(panel, "forecast", "prophet==1.1.5\nholidays=0.30\n")
    panel.shows("✖ line 2: 'holidays=0.30': '=' is not a version operator; write holidays==0.30")
    assert panel.root.evaluate(COLUMNS) == 2
    screenshot("light")
    panel.field("Requirements").fill("humanize==4.9.0\n")
    emulator.hold()
    panel.press("Build image")
    panel.shows_progress("Building", "forecast")
    expect(panel.row("forecast")).to_contain_text("Building")
    opened.use_dark_theme()
    screenshot("dark")
    page.set_viewport_size({"width": 480, "height": 1250})  # JupyterLab's own frame takes 80 of them
    assert panel.root.evaluate("root => root.clientWidth") <= 400
    assert panel.root.evaluate(COLUMNS) == 1
    assert panel.root.evaluate(IS_CUT) == []
    assert not panel.root.evaluate(SCROLLS_SIDEWAYS)
    screenshot("narrow")
    panel.root.get_by_role("button", name="Refresh").scroll_into_view_if_needed()
    screenshot("narrow-below")
    panel.press("Find a package")
    panel.field("Package in the base images of Azure").fill("torch")
    panel.shows("Python3_11_7_DL: torch")
    panel.press("Change cluster")
    assert panel.root.evaluate(IS_CUT) == []
    emulator.release()


@pytest.mark.index
@pytest.mark.parametrize("width", [1100, 480])
def test_panel_keeps_its_height_from_the_click_until_the_end_of_the_build(
    notebook: Open, emulator: EmulatorControl, page: Page, width: int
) -> None:
    panel = _open_alone(notebook([USE, PANEL]), page)
    page.set_viewport_size({"width": width, "height": 1250})
    fill_in(panel, "forecast", "humanize==4.9.0\ntext-unidecode\n")
    panel.shows("2 packages")
    panel.root.evaluate(WATCH_HEIGHT)
    emulator.hold()
    panel.press("Build image")
    panel.shows("✔ These packages install together")
    panel.shows_progress("Building", "forecast")
    expect(panel.row("forecast")).to_contain_text("Building")
    emulator.release()
    panel.shows_progress("Succeeded", "forecast")
    expect(panel.row("forecast")).to_contain_text("Succeeded")
    fill_in(panel, "clash", "requests==2.31.0\nurllib3==1.20\n")
    panel.press("Build image")
    panel.shows("✖ These requirements cannot be installed")
    panel.shows_progress("Not submitted", "clash")
    expect(panel.field("Requirements")).to_have_value("requests==2.31.0\nurllib3==1.20\n")
    assert page.evaluate(HEIGHT_CHANGE) <= 1


def test_rows_of_images_and_history_act_on_their_own_image(
    notebook: Open, emulator: EmulatorControl, screenshot: Callable[[str], Path], page: Page
) -> None:
    opened = notebook([USE, PANEL, BUILD, BUILD.replace("my-image", "other")])
    panel = open_panel(opened, page)
    for index, name in ((2, "my-image"), (3, "other")):
        emulator.hold()
        opened.run(index)
        panel.shows_progress("Building", name)
        emulator.release()
        expect(opened.outputs(index)).to_contain_text("Succeeded")
    panel.press_in_row("other", "Use as base")
    expect(panel.field("Base image")).to_have_value("other")
    panel.press_in_row("my-image", "Edit")
    expect(panel.field("Name")).to_have_value("my-image")
    panel.press_in_row("other", "Enable…")
    panel.asks("Enable image other?")
    emulator.hold()
    panel.press("Enable")
    panel.shows_progress("Enabling", "other")
    emulator.release()
    panel.shows_progress("Enabled", "other")
    expect(panel.row("other")).to_contain_text("active")
    panel.press("History")
    expect(panel.row("other").nth(1)).to_contain_text("Succeeded")
    panel.row("other").nth(1).get_by_role("button", name="Copy to form").click()
    expect(panel.field("Name")).to_have_value("other")
    panel.row("other").first.get_by_role("button", name="Show details", exact=True).click()
    panel.shows("Enable other")
    screenshot("history")


def test_fields_and_buttons_are_reached_by_keyboard_and_have_labels(notebook: Open, page: Page) -> None:
    opened = notebook([USE, PANEL])
    opened.run(0)
    opened.run(1)
    panel = Panel(page)
    panel.shows("No images yet.")
    panel.field("Base image").focus()
    reached = []
    for _ in range(11):
        reached.append(
            page.evaluate("document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent")
        )
        page.keyboard.press("Tab")
    assert reached == [
        "Base image",
        "Find a package",
        "Name",
        "Requirements",
        "Check",
        "Build image",
        "Insert as cell",
        "Images (0)",
        "History",
        "Equivalent cell",
        "Refresh",
    ]
    panel.field("Name").focus()
    page.keyboard.type("..")
    panel.shows("✖ '..' is not a valid image name")


MANY = """
import asyncio, time
from functools import partial
import httpx
from azure.core.credentials import AccessToken
from kusto_magic import ImagePanel, Target
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.manager import BuildManager
from kusto_magic.emulator import EmulatorConfig, create_app

async def fits(requirements, python):
    return None

class Credential:
    def get_token(self, *scopes, **more):
        return AccessToken(ready.token, int(time.time()) + 3600)

app = create_app(EmulatorConfig(build_seconds=0), resolver=fits)
ready = app.state.ready
target = Target(ready.subscription, ready.resource_group, ready.cluster, endpoint=ready.endpoint)
transport = httpx.ASGITransport(app)
builds = BuildManager(connect=partial(ArmTransport, credential=Credential(), transport=transport))

async def put(http, number):
    url = f"{ready.endpoint}{target.cluster_id}/sandboxCustomImages/image-{number:03}?api-version=2024-04-13"
    properties = {"language": "Python", "languageVersion": "3.10.8", "requirementsFileContent": "numpy"}
    answer = await http.put(url, json={"properties": properties}, headers={"Authorization": f"Bearer {ready.token}"})
    answer.raise_for_status()

async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
    for number in range(200):
        await put(http, number)
"""


def test_panel_lists_200_images_and_stays_usable(notebook: Open, page: Page) -> None:
    opened = notebook(["import kusto_magic.panel.panel", MANY, "ImagePanel(target, builds=builds)"])
    opened.run(0)
    opened.run(1)
    opened.start(2)
    panel = Panel(page)
    panel.shows("1–10 of 200")
    panel.press("Next")
    expect(panel.row("image-010")).to_be_visible()
    panel.root.locator("input[placeholder='Filter by name']:visible").fill("image-150")
    expect(panel.row("image-010")).to_be_hidden()
    panel.press_in_row("image-150", "Use as base")
    expect(panel.field("Base image")).to_have_value("image-150")
    panel.shows("Image of this cluster (Succeeded), built on Python 3.10.8")
