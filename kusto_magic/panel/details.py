"""The details of one row of a table, shown below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ipywidgets import HTML

from kusto_magic.panel.markup import details_html, text_html
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, link_button, row, set_html, set_visible, with_class


class Details:
    """Labels and values with a title; `closed` is called when the user closes them."""

    def __init__(self, context: PanelContext, closed: Callable[[], None]) -> None:
        self._closed = closed
        self.title = HTML()
        self.content = HTML()
        self.close = link_button("Close", "Close these details")
        self.widget = with_class(column(row(self.title, self.close), self.content), "details")
        set_visible(self.widget, False)
        context.on_click(self.close, self.hide)

    def show(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Show these details instead of those before."""
        set_html(self.title, text_html(title, "title", role="status"))
        set_html(self.content, details_html(rows))
        set_visible(self.widget, True)

    def hide(self) -> None:
        """Hide the details."""
        set_visible(self.widget, False)
        self._closed()
