"""The sidebar of the extension in a page of JupyterLab, for the browser tests."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from support.lab_page import END_MS


def sidebar(page: Page) -> Locator:
    """Return the sidebar."""
    return page.get_by_role("region", name="Kusto images")


def image(page: Page, name: str) -> Locator:
    """Return the row of an image."""
    return sidebar(page).locator(f"li[data-image='{name}']")


def form(page: Page) -> Locator:
    """Return the form for a new image."""
    return sidebar(page).get_by_role("form", name="New image")


def dialog(page: Page) -> Locator:
    """Return the open dialog."""
    return page.get_by_role("dialog")


def menu_item(page: Page, label: str) -> Locator:
    """Return an item of the open menu."""
    return page.locator(".lm-Menu-item", has_text=label)


def new_image(page: Page) -> None:
    """Open the form with the button of the toolbar, which is enabled when there is a cluster."""
    expect(sidebar(page).locator("li[data-cluster]").first).to_be_visible()
    sidebar(page).locator("[data-command='kusto-magic:new-image']").click()
    expect(form(page)).to_be_visible()


def fill(page: Page, name: str, requirements: str) -> None:
    """Fill in the fields of the form."""
    form(page).get_by_label("Name", exact=True).fill(name)
    form(page).get_by_label("Requirements").fill(requirements)


def make(page: Page, name: str) -> None:
    """Create an image with the form, and wait until it is built."""
    new_image(page)
    fill(page, name, "humanize==4.9.0")
    form(page).get_by_role("button", name="Build image").click()
    expect(image(page, name)).to_have_attribute("data-state", "Succeeded", timeout=END_MS)


def choose(page: Page, name: str, label: str) -> None:
    """Choose an item of the menu of an image."""
    image(page, name).hover()
    image(page, name).get_by_role("button", name="More actions").click()
    menu_item(page, label).click()
