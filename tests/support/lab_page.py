"""What the extension shows in a page of JupyterLab, for the browser tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from playwright.sync_api import Locator, Page

from support.notebook import LabNotebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

END_MS: Final = 40_000
"""How long to wait for a build that has been released, in milliseconds."""
Open: TypeAlias = Callable[[Sequence[str]], LabNotebook]
"""The fixture `notebook`: opens a notebook with these code cells."""


_HAS_ENDED: Final = """([index, mime]) => {
    const cell = window.jupyterapp.shell.currentWidget.content.widgets[index];
    return cell.model.outputs.get(0).data[mime].ended;
}"""


def save_after_the_end(notebook: LabNotebook, index: int, mime: str) -> NotebookNode:
    """Save once the output of a cell has a card of type `mime` with the end; return the document on disk."""
    notebook.page.wait_for_function(_HAS_ENDED, arg=[index, mime])
    return notebook.save()


def card(notebook: LabNotebook, index: int) -> Locator:
    """Return the card under a cell."""
    return notebook.cell(index).locator(".jp-KustoImage-card")


def state(shown: Locator) -> Locator:
    """Return the state on a card."""
    return shown.locator("header [role=status]")


def card_tab(page: Page) -> Locator:
    """Return the card that "Show details" opens in a tab of its own."""
    return page.locator(".jp-MainAreaWidget .jp-KustoImage-card.jp-mod-alone")


def notifications(page: Page) -> Locator:
    """Return all notifications that the page shows."""
    return page.locator(".Toastify__toast")


def notification(page: Page, text: str) -> Locator:
    """Return the notification with this text."""
    return page.locator(".Toastify__toast", has_text=text)


def status_item(page: Page) -> Locator:
    """Return the entry of the status bar."""
    return page.locator(".jp-KustoImage-status:visible")
