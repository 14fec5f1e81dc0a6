"""JupyterLab without the server extension: the kernel updates the cards, the sidebar shows one hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import END_MS, Open, card, notifications, state

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LAB_OPTIONS = ("--ServerApp.jpserver_extensions={'kusto_magic': False}",)
BUILD = "%%kusto_image alone --base Python3_11_7 --no-check\nhumanize==4.9.0"


@pytest.fixture(autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start an emulator whose builds end when the test releases them."""
    with running_emulator(lab, build_seconds=1) as control:
        control.hold()
        yield control


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Return the requests of the page to the server extension; the list grows."""
    paths: list[str] = []
    page.on("request", lambda it: paths.append(it.url) if "/kusto-magic/v1" in it.url else None)
    return paths


def test_kernel_updates_the_card_and_the_page_sends_one_request_per_load(
    notebook: Open, emulator: EmulatorControl, page: Page, asked: list[str], screenshot: Callable[[str], Path]
) -> None:
    opened = notebook([USE, BUILD])
    opened.run(0)
    opened.run(1)
    shown = card(opened, 1)
    expect(shown.locator(".kusto-image-progress")).to_be_visible()
    opened.save()
    opened.reload()  # after this, JupyterLab no longer maps the display id to the output
    expect(state(shown)).to_be_visible()
    emulator.release()
    expect(state(shown)).to_have_text("Succeeded", timeout=END_MS)
    opened.command("kusto-magic:open")
    expect(page.get_by_role("region", name="Kusto images")).to_contain_text(
        "kusto_magic is not installed on this Jupyter server"
    )
    screenshot("hint")
    assert len(asked) == 3, asked  # one for each time the page was loaded, one for the sidebar that was opened
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    expect(notifications(page)).to_have_count(0)
    assert opened.save().cells[1].outputs[0].data["text/html"].count("✔ <bdi>Succeeded</bdi>") == 1


def test_saved_state_is_shown_when_the_notebook_is_reopened(
    notebook: Open, emulator: EmulatorControl, page: Page
) -> None:
    emulator.release()
    opened = notebook([USE, BUILD])
    opened.run(0)
    opened.run(1)
    shown = card(opened, 1)
    expect(state(shown)).to_have_text("Succeeded", timeout=END_MS)
    expect(shown.locator(".kusto-image-progress")).to_have_count(0)  # its label says that too, before the last update
    opened.save()
    opened.lab.stop_kernels()
    page.reload()
    expect(state(shown)).to_have_text("Succeeded", timeout=END_MS)
    expect(shown.locator(".kusto-image-progress")).to_have_count(0)
