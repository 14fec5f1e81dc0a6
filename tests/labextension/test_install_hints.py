"""Hints for a kernel in which kusto_magic is not installed or not loaded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.emulator_process import USE
from support.lab import Lab
from support.lab_page import Open, notification, notifications
from support.notebook import LabNotebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

BUILD = "%%kusto_image img --base Python3_11_7\nhumanize==4.9.0"
BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "kusto_magic":
            raise ModuleNotFoundError("No module named 'kusto_magic'", name=name)

sys.meta_path.insert(0, Blocker())
"""
INSTALL = "%pip install /path/to/checkout"


@pytest.fixture
def bare_kernel(lab: Lab) -> str:
    """Add a kernel in which kusto_magic cannot be imported, as in another environment; return its name."""
    ipython, spec = lab.home.path / "bare-ipython", lab.home.path / "data" / "kernels" / "bare"
    startup = ipython / "profile_default" / "startup"
    for folder in (startup, spec):
        folder.mkdir(parents=True, exist_ok=True)
    (startup / "blocker.py").write_text(BLOCKER, encoding="utf-8")
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    said = {"argv": command, "display_name": "Bare", "language": "python", "env": {"IPYTHONDIR": str(ipython)}}
    (spec / "kernel.json").write_text(json.dumps(said), encoding="utf-8")
    return "bare"


def test_kernel_without_the_package_shows_one_hint_how_to_install_it(
    lab: Lab, page: Page, bare_kernel: str, screenshot: Callable[[str], Path]
) -> None:
    opened = LabNotebook.create(lab, page, "bare", [USE, "1", BUILD], kernel=bare_kernel)
    hint = notification(page, "kusto_magic is not installed in the kernel of this notebook.")
    opened.run(1)
    expect(notifications(page)).to_have_count(0)
    opened.run(0)
    expect(hint).to_contain_text(f"Run {INSTALL}, then restart the kernel.")
    opened.run(0)
    opened.run(1)  # by its end a second one would be there
    expect(hint).to_have_count(1)
    screenshot("hint")
    hint.get_by_role("button", name="Insert cell").click()
    expect(opened.cell(1).locator(".cm-content")).to_have_text(INSTALL)
    expect(hint).to_have_count(0)
    lab.stop_kernels()


def test_unknown_magic_offers_a_cell_that_loads_the_extension(notebook: Open, page: Page) -> None:
    opened = notebook(["1", BUILD])
    opened.run(1)
    hint = notification(page, "Run %load_ext kusto_magic first.")
    hint.get_by_role("button", name="Insert cell").click()
    expect(opened.cell(1).locator(".cm-content")).to_have_text("%load_ext kusto_magic")
    expect(opened.cell(2).locator(".cm-content")).to_contain_text("%%kusto_image img")


def test_hint_to_load_the_extension_ends_when_it_is_loaded(notebook: Open, page: Page) -> None:
    opened = notebook([BUILD, "%load_ext kusto_magic"])
    opened.run(0)
    hint = notification(page, "Run %load_ext kusto_magic first.")
    expect(hint).to_be_visible()
    opened.run(1)
    expect(hint).to_have_count(0)
