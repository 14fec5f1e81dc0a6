"""All surfaces of JupyterLab show the same state at the same time, and none of them jumps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect
from support.emulator_process import USE, EmulatorControl, running_emulator
from support.lab import Lab
from support.lab_page import END_MS, Open, card, notification, notifications, state, status_item
from support.sidebar import image

from kusto_magic.models.build_state import BuildState

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

BUILD: Final = "%%kusto_image agree --base Python3_11_7\nhumanize==4.9.0"
CONFLICT: Final = "%%kusto_image clash --base Python3_11_7\nrequests==2.31.0\nurllib3==1.20"
MAX_DELAY_MS: Final = 1000
"""How much later than the first surface the last one may show a state, on a machine with nothing else to do."""

SURFACES: Final = {
    "Building": {"card", "panel", "sidebar", "status"},
    "Succeeded": {"card", "panel", "sidebar"},  # the status bar has only what is in progress
}

WATCH: Final = """() => {
    const text = selector => document.querySelector(selector)?.textContent.trim() ?? '';
    const surfaces = {
        card: () => text('.jp-OutputArea .jp-KustoImage-card header [role=status]'),
        panel: () => text('.kusto-image-panel .kusto-image-state .kusto-image-badge'),
        sidebar: () => document.querySelector('li[data-image="agree"]')?.dataset.state ?? '',
        status: () => text('.jp-KustoImage-status:not(.lm-mod-hidden) button').split(' ')[0],
    };
    window.seen = [];
    window.heights = new Set();
    const last = {};
    const look = () => {
        for (const [name, read] of Object.entries(surfaces)) {
            const shown = read();
            if (last[name] !== shown) {
                last[name] = shown;
                window.seen.push([name, shown, performance.now()]);
            }
        }
        const frame = document.querySelector('.jp-OutputArea .jp-KustoImage-frame');
        if (frame) window.heights.add(frame.getBoundingClientRect().height);
    };
    new MutationObserver(look).observe(
        document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    look();
}"""
ROUND_TRIP: Final = """async () => {
    const started = performance.now();
    await window.jupyterapp.commands.execute('kusto-magic:refresh');
    return performance.now() - started;
}"""


@pytest.fixture(autouse=True)
def emulator(lab: Lab) -> Iterator[EmulatorControl]:
    """Start an emulator whose builds end when the test releases them, however slow the machine is."""
    with running_emulator(lab, build_seconds=1) as control:
        control.hold()
        yield control


def first_times(page: Page, shown: str) -> dict[str, float]:
    """Return when each surface first showed a state, in milliseconds."""
    times: dict[str, float] = {}
    for surface, text, time in page.evaluate("() => window.seen"):
        if text == shown:
            times.setdefault(surface, time)
    return times


@pytest.mark.index  # the check asks it
def test_surfaces_show_the_same_state_within_a_second(notebook: Open, emulator: EmulatorControl, page: Page) -> None:
    page.set_viewport_size({"width": 1400, "height": 1800})
    opened = notebook([USE, BUILD, "%kusto_image panel"])
    opened.run(0)
    opened.run(2)
    opened.command("kusto-magic:open")
    expect(page.locator(".kusto-image-panel")).to_be_visible()
    page.evaluate(WATCH)
    opened.run(1)
    expect(state(card(opened, 1))).to_have_text("Building", timeout=END_MS)
    expect(status_item(page)).to_contain_text("Building", timeout=END_MS)
    expect(page.locator(".kusto-image-panel .kusto-image-badge", has_text="Building").first).to_be_visible()
    # What a busy machine adds to each surface.
    limit = MAX_DELAY_MS + 5 * max(page.evaluate(ROUND_TRIP) for _ in range(3))
    emulator.release()
    expect(state(card(opened, 1))).to_have_text("Succeeded", timeout=END_MS)
    expect(image(page, "agree")).to_have_attribute("data-state", "Succeeded", timeout=END_MS)
    expect(status_item(page)).to_have_count(0, timeout=END_MS)
    expect(page.locator(".kusto-image-panel .kusto-image-state", has_text="Succeeded")).to_be_visible()
    for shown, surfaces in SURFACES.items():
        times = first_times(page, shown)
        assert set(times) == surfaces
        assert max(times.values()) - min(times.values()) <= limit, (shown, times)
    words = {text for _, text, _ in page.evaluate("() => window.seen")} - {""}
    assert words <= {str(word) for word in BuildState}
    heights = page.evaluate("() => [...window.heights]")
    assert max(heights) - min(heights) <= 1, heights
    expect(notifications(page)).to_have_count(0)  # the card is in view


FREEZE = """%%kusto_image freeze --base Python3_11_7
awsebcli==3.20.3
numpy==1.26.4
cement==2.8.2
pandas==2.2.2
PyYAML==5.4.1
termcolor==1.1.0
uvloop==0.21.0"""


@pytest.mark.index  # the check asks it
def test_build_that_the_check_stops_ends_everywhere(notebook: Open, lab: Lab, page: Page) -> None:
    lab.set_preferences(notifications="all")
    opened = notebook([USE, CONFLICT])
    opened.run(0)
    opened.command("kusto-magic:open")
    page.evaluate(WATCH)
    opened.run(1)
    expect(state(card(opened, 1))).to_have_text("Not submitted", timeout=END_MS)
    expect(notification(page, "clash was not sent")).to_be_visible(timeout=END_MS)
    expect(status_item(page)).to_have_count(0, timeout=END_MS)
    expect(image(page, "clash")).to_have_count(0)
    limit = MAX_DELAY_MS + 5 * max(page.evaluate(ROUND_TRIP) for _ in range(3))
    stopped = first_times(page, "Not submitted")["card"]
    cleared = max(time for name, text, time in page.evaluate("() => window.seen") if (name, text) == ("status", ""))
    assert cleared - stopped <= limit


@pytest.mark.index  # the check asks it
def test_fix_of_the_check_is_applied_to_the_cell_and_not_run(notebook: Open, page: Page) -> None:
    opened = notebook([USE, f"{CONFLICT}  # old"])
    opened.run(0)
    opened.run(1)
    expect(state(card(opened, 1))).to_have_text("Not submitted", timeout=END_MS)
    card(opened, 1).get_by_role("button", name="Apply urllib3==1.21.1").click()
    expect(opened.cell(1).locator(".cm-line").last).to_have_text("urllib3==1.21.1  # old")
    expect(card(opened, 1).get_by_role("button", name="Apply")).to_have_count(0)
    expect(state(card(opened, 1))).to_have_text("Not submitted")
    opened.run(1)
    expect(state(card(opened, 1))).to_have_text("Building", timeout=END_MS)


@pytest.mark.index  # the check asks it
def test_all_problems_of_a_freeze_are_named_and_fixed_with_one_button(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook([USE, FREEZE])
    opened.run(0)
    opened.run(1)
    stopped = card(opened, 1)
    expect(state(stopped)).to_have_text("Not submitted", timeout=END_MS)
    for problem in ("cement==2.8.2", "PyYAML==5.4.1", "termcolor==1.1.0", "uvloop==0.21.0"):
        expect(stopped.locator("del", has_text=problem)).to_be_visible()
    screenshot("corrections")
    stopped.get_by_role("button", name="Apply all").click()
    expect(stopped).to_contain_text("Nothing was sent")
    expect(opened.cell(1).locator(".cm-content")).to_contain_text("# uvloop==0.21.0  (left out: ")
    expect(opened.cell(1).locator(".cm-content")).to_contain_text("PyYAML==6.0")
    opened.run(1)
    expect(state(card(opened, 1))).to_have_text("Building", timeout=END_MS)
