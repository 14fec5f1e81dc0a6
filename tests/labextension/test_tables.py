"""Tables of the commands in a real JupyterLab: badges, local times, both themes, and tables of another version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import Open
from support.notebook import LabNotebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CREATE = "%%kusto_image forecast --base Python3_11_7 --no-check --wait\nhumanize==4.9.0\n"
UPPER = "%%kusto_image upper --base forecast --no-check --wait\npint\nnumpy==1.26.3\n"
COMMANDS = ["list", "status", "show upper", "diff upper", "clusters", "bases", ""]
OTHER_VERSION = """
from IPython.display import display
display({"application/vnd.kusto-image.table+json": {"version": 99}, "text/plain": "a table"}, raw=True)
"""


@pytest.fixture(autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    with running_emulator(lab, build_seconds=0.5) as control:
        yield control


def table(opened: LabNotebook, index: int) -> Locator:
    return opened.cell(index).locator(".jp-KustoImage-data")


def test_tables_show_badges_and_local_times_in_both_themes(notebook: Open, screenshot: Callable[[str], Path]) -> None:
    opened = notebook(
        [USE, CREATE, UPPER, *(f"%kusto_image {command}".rstrip() for command in COMMANDS), OTHER_VERSION]
    )
    last = 2 + len(COMMANDS)
    for index in range(last + 2):
        opened.run(index)
    listed, states, shown, changes = (table(opened, index) for index in range(3, 7))
    expect(listed.locator("caption")).to_have_text("Images of emulator cluster emulatedcluster")
    expect(listed.locator("tbody .jp-KustoImage-badge")).to_have_text(["Succeeded", "Succeeded"])
    expect(states.locator("time")).to_have_count(2)
    expect(shown.locator("pre")).to_have_text("pint\nnumpy==1.26.3")
    expect(changes.locator(".jp-mod-added")).to_have_text(["+ added"])
    expect(table(opened, last + 1)).to_have_text("This table was written by another version of kusto_magic.")
    listed.scroll_into_view_if_needed()
    screenshot("light-1")
    table(opened, last).scroll_into_view_if_needed()
    screenshot("light-2")
    opened.use_dark_theme()
    screenshot("dark-2")
    listed.scroll_into_view_if_needed()
    screenshot("dark-1")


def test_empty_table_says_what_to_do_next(notebook: Open) -> None:
    opened = notebook([USE, "%kusto_image list"])
    opened.run(0)
    opened.run(1)
    expect(table(opened, 1)).to_contain_text("%%kusto_image NAME --base Python3_11_7 creates one.")
