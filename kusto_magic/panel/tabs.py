"""Pages of which one is shown, with a row of buttons to choose it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ipywidgets import Layout, ToggleButton, Widget

from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import PREFIX, column, row, with_class


class Tabs:
    """The pages and their buttons; `opened` is called after another page was chosen."""

    def __init__(self, context: PanelContext, pages: Mapping[str, Widget], opened: Callable[[], None]) -> None:
        self._names = tuple(pages)
        self._opened = opened
        self._current = ""
        self.buttons = {name: _tab(name) for name in pages}
        bar = with_class(row(*self.buttons.values()), "tabs")
        self._pages = column(*(with_class(page, "page") for page in pages.values()))
        self.widget = column(bar, self._pages)
        for name, tab in self.buttons.items():
            context.on_change(tab, partial(self._toggled, name, tab))
        self._open(self._names[0])

    def rename(self, name: str, title: str) -> None:
        """Change the text on the button of a page."""
        self.buttons[name].description = title

    def _toggled(self, name: str, tab: ToggleButton) -> None:
        if tab.value and name != self._current:
            self._open(name)
            self._opened()
        elif not tab.value and name == self._current:
            tab.value = True  # a second click keeps the page

    def _open(self, name: str) -> None:
        self._current = name
        # A single message to the page, so that at no moment two pages or none are shown.
        self._pages._dom_classes = (f"{PREFIX}pages", f"{PREFIX}at-{self._names.index(name) + 1}")
        for other, tab in self.buttons.items():
            tab.value = other == name


def _tab(name: str) -> ToggleButton:
    return ToggleButton(description=name, tooltip=f"Show: {name}", layout=Layout(width="auto", height="auto"))
