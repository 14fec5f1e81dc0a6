"""Builds that outlive cells, pages and kernels, in a real JupyterLab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
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
from support.notebook import LabNotebook

from kusto_magic.display.card import MIME

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

BUILD = "%%kusto_image {name} --base Python3_11_7 --no-check\nhumanize==4.9.0"


@pytest.fixture(autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start an emulator whose builds end when the test releases them, however slow the machine is."""
    with running_emulator(lab, build_seconds=1) as control:
        control.hold()
        yield control


def wait_until_nothing_runs(lab: Lab) -> None:
    """Wait for the Jupyter server's changes until no build is active; raises AssertionError after a while."""
    revision, active, end = "", dict[str, bool](), time.monotonic() + END_MS / 1000
    while time.monotonic() < end:
        answer = lab.request("GET", f"kusto-magic/v1/builds?after={revision}&wait=5")
        revision = answer["revision"]
        active |= {build["card"]["id"]: build["active"] for build in answer["builds"]}
        if not any(active.values()):
            return
    raise AssertionError("a build is still active")


def test_cards_of_two_notebooks_reach_the_end_after_a_kernel_restart(
    notebook: Open,
    lab: Lab,
    emulator: EmulatorControl,
    profile: BrowserContext,
    screenshot: Callable[[str], Path],
) -> None:
    first = notebook([USE, BUILD.format(name="survivor")])
    first.run(0)
    first.run(1)
    expect(state(card(first, 1))).to_have_text("Building")
    first.restart_kernel()
    with profile.new_page() as other_page:
        # the cluster may still be busy with the first build: it accepts one change at a time
        second = LabNotebook.create(lab, other_page, "second-notebook", [USE, BUILD.format(name="other --queue")])
        second.run(0)
        second.run(1)
        expect(state(card(second, 1))).to_be_visible()
        emulator.release()
        expect(state(card(first, 1))).to_have_text("Succeeded", timeout=END_MS)
        expect(state(card(second, 1))).to_have_text("Succeeded", timeout=END_MS)
    expect(notifications(first.page)).to_have_count(0)  # the card is in view
    expect(card(first, 1).locator(".kusto-image-progress")).to_have_count(0)
    screenshot("both")
    # The kernel that started the build can no longer write this.
    data = save_after_the_end(first, 1, MIME).cells[1].outputs[0].data
    assert (data[MIME]["state"], data[MIME]["requirements"]) == ("Succeeded", "humanize==4.9.0\n")
    assert data["text/plain"].startswith("✔ Succeeded: image survivor")
    assert "✔ <bdi>Succeeded</bdi>" in data["text/html"]


def test_card_of_an_enabled_image_offers_to_verify_it(
    notebook: Open, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    emulator.release()
    opened = notebook([USE, BUILD.format(name="proven --wait"), "%kusto_image enable proven --wait"])
    for cell in range(3):
        opened.run(cell)
    card(opened, 2).get_by_role("button", name="Verify…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Verify image proven")
    dialog.get_by_role("button", name="Verify", exact=True).click()
    expect(dialog.get_by_role("region", name="Result")).to_contain_text(
        "1 of 1 packages are as required", timeout=END_MS
    )
    screenshot("verified")


def test_card_reaches_the_end_after_a_page_reload_without_a_kernel(
    notebook: Open, emulator: EmulatorControl, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook([USE, BUILD.format(name="reloaded")])
    opened.run(0)
    opened.run(1)
    expect(state(card(opened, 1))).to_have_text("Building")
    opened.save()
    opened.shut_down_kernel()
    opened.page.reload()
    expect(card(opened, 1).locator(".kusto-image-progress")).to_be_visible(timeout=END_MS)
    screenshot("after-reload")
    emulator.release()
    expect(state(card(opened, 1))).to_have_text("Succeeded", timeout=END_MS)
    expect(notifications(opened.page)).to_have_count(0)  # the card is in view


def test_notification_announces_an_end_that_came_while_the_page_was_closed(
    notebook: Open, lab: Lab, emulator: EmulatorControl, page: Page
) -> None:
    opened = notebook([USE, BUILD.format(name="meanwhile")])
    opened.run(0)
    opened.run(1)
    expect(status_item(page)).to_contain_text("Building", timeout=END_MS)
    opened.shut_down_kernel()
    page.goto("about:blank")
    emulator.release()
    wait_until_nothing_runs(lab)
    page.goto(f"{lab.url}lab?token={lab.token}")
    expect(notification(page, "meanwhile is ready")).to_be_visible(timeout=END_MS)


def test_build_is_shown_in_notification_status_bar_and_running(
    notebook: Open, lab: Lab, emulator: EmulatorControl, page: Page, screenshot: Callable[[str], Path]
) -> None:
    lab.set_preferences(notifications="all")
    opened = notebook([USE, BUILD.format(name="told")])
    opened.run(0)
    expect(status_item(page)).to_have_count(0)
    opened.run(1)
    expect(notification(page, "Building image told on")).to_have_count(1, timeout=END_MS)  # first: it closes after 5 s
    expect(status_item(page)).to_contain_text("told", timeout=END_MS)
    opened.command("running:show-panel")
    expect(page.locator(".jp-RunningSessions-item", has_text="told")).to_be_visible()
    screenshot("running")
    emulator.release()
    ended = notification(page, "told is ready")
    expect(ended).to_be_visible(timeout=END_MS)
    ended.hover()  # otherwise it closes after 5 s
    expect(notifications(page)).to_have_count(1)  # updated in place
    expect(status_item(page)).to_have_count(0, timeout=END_MS)
    screenshot("told")
    ended.get_by_role("button", name="Show", exact=True).click()
    record = card_tab(page)
    expect(state(record)).to_have_text("Succeeded")
    expect(record).to_contain_text("humanize==4.9.0")
    screenshot("record")


@pytest.mark.index  # the emulator asks it, and finds no such package
def test_failure_notification_has_the_reason(notebook: Open, lab: Lab, emulator: EmulatorControl, page: Page) -> None:
    lab.set_preferences(notifications="all")
    emulator.release()
    failing = "%%kusto_image broken --base Python3_11_7 --no-check\nno-such-package-of-anybody==1.0"
    opened = notebook([USE, failing])
    opened.run(0)
    opened.run(1)
    expect(notification(page, "Building broken on emulatedcluster failed: ")).to_be_visible(timeout=END_MS)
    expect(state(card(opened, 1))).to_have_text("Failed")


def test_second_browser_tab_shows_the_build_and_its_end(
    notebook: Open, lab: Lab, emulator: EmulatorControl, profile: BrowserContext
) -> None:
    lab.set_preferences(notifications="all")
    opened = notebook([USE, BUILD.format(name="shared")])
    opened.run(0)
    with profile.new_page() as tab:
        tab.goto(f"{lab.url}lab/workspaces/second?token={lab.token}")
        tab.wait_for_function("() => window.jupyterapp?.commands.hasCommand('kusto-magic:refresh')")
        opened.run(1)
        tab.evaluate("() => window.jupyterapp.commands.execute('kusto-magic:refresh')")
        expect(status_item(tab)).to_contain_text("shared", timeout=END_MS)
        emulator.release()
        expect(notification(tab, "shared is ready")).to_be_visible(timeout=END_MS)
        expect(notification(opened.page, "shared is ready")).to_be_visible(timeout=END_MS)
