"""Widgets of the panel: texts, fields, buttons and layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from ipywidgets import HTML, Box, Button, HBox, Layout, VBox, Widget

_STYLE = (
    "margin: 0; padding: 0; background: none; line-height: 1.4; "
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; "
)


_UI = _STYLE + "font-family: var(--jp-ui-font-family, sans-serif)"


_CODE = _STYLE + "font-family: var(--jp-code-font-family, monospace)"


def text_widget(text: str = "", *, code: bool = False, role: str = "status") -> HTML:
    """Return a widget that shows text as it is. `role` is its ARIA role: a screen reader says what changes."""
    shown = HTML(layout=Layout(width="auto", margin="0 2px"))
    set_text(shown, text, code=code, role=role)
    return shown


def set_text(shown: HTML, text: str, *, code: bool = False, role: str = "status") -> None:
    """Show another text. It is escaped, and in a `pre`, in which no formula is looked for."""
    style = _CODE if code else _UI
    value = f'<pre role="{role}" style="{style}">{escape(text)}</pre>' if text else ""
    if shown.value != value:
        shown.value = value


def heading(text: str) -> HTML:
    """Return a heading of a part of the panel."""
    return HTML(f"<h4 style='margin: 0.6rem 0 0.1rem'>{escape(text)}</h4>")


def labeled(kind: type[Widget], description: str, **options: Any) -> Widget:
    """Return a field with its label above it, as wide as the panel: that reads well at every width."""
    layout = Layout(width="auto", height="auto", flex_flow="column", align_items="stretch")
    return kind(description=description, style={"description_width": "auto"}, layout=layout, **options)


def button(description: str, tooltip: str, **options: Any) -> Button:
    """Return a button as wide as its words."""
    layout = Layout(width="auto", height="auto", min_width="5rem")
    return Button(description=description, tooltip=tooltip, layout=layout, **options)


def row(*children: Widget) -> HBox:
    """Return widgets side by side, which go to the next line where it is narrow."""
    return HBox(children, layout=Layout(flex_flow="row wrap", align_items="center", width="100%", overflow="visible"))


def column(*children: Widget) -> VBox:
    """Return widgets one below the other."""
    return VBox(children, layout=Layout(width="100%", overflow="visible"))


def set_visible(shown: Widget, yes: bool) -> None:
    """Show a widget or take it away, also for the keyboard and for screen readers."""
    shown.layout.display = None if yes else "none"


def descendants(root: Widget) -> Iterator[Widget]:
    """Yield a widget and all that is in it."""
    yield root
    for child in root.children if isinstance(root, Box) else ():
        yield from descendants(child)


def route_to_subshell(root: Widget) -> None:
    """Let a button be heard while a cell blocks: ipykernel 7.4 else keeps its message until the cell has ended.

    That release sends what comes for a comm to the loop that published on it last: here the main one. The attribute
    is its own and private; None lets the message go where the front end sent it: into a subshell.
    """
    for widget in descendants(root):
        if hasattr(widget.comm, "_reply_subshell_for"):
            widget.comm._reply_subshell_for = None


def set_enabled(buttons: Iterable[Button], *, on: bool) -> None:
    """Switch buttons on or off."""
    for one in buttons:
        one.disabled = not on
