"""The details of one row of a table, shown below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ipywidgets import HTML

from kusto_magic.panel.markup import details_html, text_html
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, link_button, row, set_html, set_visible, with_class


@dataclass(frozen=True, slots=True)
class DetailsAction:
    """A button of details: its label, its tooltip, and what it calls."""

    label: str
    tooltip: str
    call: Callable[[], None]


class Details:
    """Labels and values with a title, and at most one action; `closed` is called when the user closes them."""

    def __init__(self, context: PanelContext, closed: Callable[[], None]) -> None:
        self._closed = closed
        self.title = HTML()
        self.content = HTML()
        self.close = link_button("Close", "Close these details")
        self.button = link_button("", "")
        self._action: DetailsAction | None = None
        self.widget = with_class(column(row(self.title, self.button, self.close), self.content), "details")
        set_visible(self.widget, False)
        context.on_click(self.button, self._call)
        context.on_click(self.close, self.hide)

    def show(self, title: str, rows: Iterable[tuple[str, str]], action: DetailsAction | None = None) -> None:
        """Show these details instead of those before."""
        self._action = action
        if action is not None:
            self.button.description, self.button.tooltip = action.label, action.tooltip
        set_visible(self.button, action is not None)
        set_html(self.title, text_html(title, "title", role="status"))
        set_html(self.content, details_html(rows))
        set_visible(self.widget, True)

    def _call(self) -> None:
        if self._action is not None:
            self._action.call()

    def hide(self) -> None:
        """Hide the details."""
        set_visible(self.widget, False)
        self._closed()
