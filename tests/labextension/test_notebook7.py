"""The extension in a real Jupyter Notebook 7, which has one document per page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.emulator_process import running_emulator
from support.home import make_home
from support.lab import Lab, running_lab
from support.lab_page import card_tab, state
from support.sidebar import dialog, form, image, make, menu_item, sidebar

pytest.importorskip("notebook")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

IS_READY = "() => window.jupyterapp?.shell.currentWidget?.content?.widgets?.length > 0"
SOURCES = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .map(cell => cell.model.sharedModel.getSource())"""


@pytest.fixture(scope="module")
def notebook_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start a Jupyter Notebook 7 and an emulator."""
    home = make_home(tmp_path_factory.mktemp("notebook7"))
    with running_lab(home, application="notebook") as server, running_emulator(server, build_seconds=1):
        yield server


def test_every_action_has_a_place(notebook_server: Lab, page: Page, screenshot: Callable[[str], Path]) -> None:
    import nbformat

    cell = nbformat.v4.new_code_cell("1 + 1")
    document = nbformat.v4.new_notebook(cells=[cell])
    document.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(document, notebook_server.root / "page.ipynb")
    page.goto(f"{notebook_server.url}notebooks/page.ipynb?token={notebook_server.token}")
    page.wait_for_function(IS_READY)
    page.evaluate("() => window.jupyterapp.commands.execute('kusto-magic:open')")
    make(page, "seven")
    image(page, "seven").click(button="right")
    expect(menu_item(page, "Edit as cell")).to_be_visible()
    menu_item(page, "Show details").click()
    details = page.locator(".jp-KustoImage-details")
    expect(details.get_by_role("heading", name="seven")).to_be_visible()
    expect(details).to_contain_text("These packages install together")
    toolbar = page.get_by_role("toolbar", name="Actions for image seven")
    toolbar.get_by_role("button", name="Enable…").click()
    dialog(page).get_by_role("button", name="Cancel").click()
    screenshot("details")
    toolbar.get_by_role("button", name="Edit as cell").click()
    page.wait_for_function(f"() => ({SOURCES})().length === 3")
    toolbar.get_by_role("button", name="Use as base…").click()
    expect(form(page).get_by_label("Base image")).to_have_value("seven")
    details.locator(".jp-KustoImage-history tbody button").first.click()
    expect(state(card_tab(page))).to_have_text("Succeeded")
    expect(sidebar(page)).to_be_visible()
