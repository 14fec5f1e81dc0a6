"""Widgets of the panel: texts, fields, buttons and layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ipywidgets import HTML, Box, Button, HBox, Layout, VBox, Widget

from kusto_magic.display.bundle import escaped, isolated
from kusto_magic.display_text import visible

_STYLE = (
    "margin: 0; padding: 0; background: none; line-height: 1.4; "
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; "
)
_UI = _STYLE + "font-family: var(--jp-ui-font-family, sans-serif)"
_CODE = _STYLE + "font-family: var(--jp-code-font-family, monospace)"


def text_widget(text: str = "", *, code: bool = False, role: str = "status") -> HTML:
    """Return a widget that shows plain text; `role` is its ARIA role, so that screen readers announce changes."""
    shown = HTML(layout=Layout(width="auto", margin="0 2px"))
    set_text(shown, text, code=code, role=role)
    return shown


def set_text(shown: HTML, text: str, *, code: bool = False, role: str = "status") -> None:
    """Replace the text of a widget; it is escaped and placed in a `pre`, where JupyterLab renders no math."""
    style = _CODE if code else _UI
    value = f'<pre role="{role}" style="{style}">{isolated(visible(text))}</pre>' if text else ""
    if shown.value != value:
        shown.value = value


def heading(text: str) -> HTML:
    """Return the heading of a section of the panel."""
    return HTML(f"<h4 style='margin: 0.6rem 0 0.1rem'>{escaped(visible(text))}</h4>")


def labeled(kind: type[Widget], description: str, **options: Any) -> Widget:
    """Return a full-width field with its label above it, which remains readable in narrow panels."""
    layout = Layout(width="auto", height="auto", flex_flow="column", align_items="stretch")
    return kind(description=description, style={"description_width": "auto"}, layout=layout, **options)


def button(description: str, tooltip: str, **options: Any) -> Button:
    """Return a button that is as wide as its label."""
    layout = Layout(width="auto", height="auto", min_width="5rem")
    return Button(description=description, tooltip=tooltip, layout=layout, **options)


def row(*children: Widget) -> HBox:
    """Return widgets side by side; they wrap in narrow panels."""
    return HBox(children, layout=Layout(flex_flow="row wrap", align_items="center", width="100%", overflow="visible"))


def column(*children: Widget) -> VBox:
    """Return widgets one below the other."""
    return VBox(children, layout=Layout(width="100%", overflow="visible"))  # the boxes of ipywidgets scroll by default


def set_visible(shown: Widget, yes: bool) -> None:
    """Show or hide a widget, also for keyboard navigation and screen readers."""
    shown.layout.display = None if yes else "none"  # None: the value of the style sheet


def descendants(root: Widget) -> Iterator[Widget]:
    """Yield a widget and all its descendants."""
    yield root
    for child in root.children if isinstance(root, Box) else ():
        yield from descendants(child)


def route_to_subshell(root: Widget) -> None:
    """Let button clicks be handled while a cell runs; ipykernel 7.4 would queue them until the cell has ended.

    That release routes incoming comm messages to the event loop that last published on the comm, here the main one.
    The attribute is private to ipykernel; None routes each message to where the front end sent it: into a subshell.
    """
    for widget in descendants(root):
        if hasattr(widget.comm, "_reply_subshell_for"):
            widget.comm._reply_subshell_for = None


def set_enabled(buttons: Iterable[Button], *, on: bool) -> None:
    """Enable or disable buttons."""
    for one in buttons:
        one.disabled = not on
