"""Widgets of the panel: texts, fields, buttons and layout. `data/panel.css` styles them by their classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from ipywidgets import HTML, Box, Button, HBox, Layout, VBox, Widget

from kusto_magic.display.bundle import escaped
from kusto_magic.display_text import visible
from kusto_magic.panel.markup import text_html

PREFIX = "kusto-image-"
"""Start of the classes of the style sheet."""


def style_sheet() -> str:
    """Return the style sheet of the panel as an HTML element."""
    css = (resources.files("kusto_magic") / "data" / "panel.css").read_text(encoding="utf-8")
    return f"<style>{css}</style>"


def text_widget(text: str = "", *, kind: str = "", role: str = "status") -> HTML:
    """Return a widget that shows plain text; `role` is its ARIA role, so that screen readers announce changes."""
    shown = HTML()
    set_text(shown, text, kind=kind, role=role)
    return shown


def set_text(shown: HTML, text: str, *, kind: str = "", role: str = "status") -> None:
    """Replace the text of a widget; `kind` is a class of the style sheet."""
    set_html(shown, text_html(text, kind, role=role) if text else "")


def set_html(shown: HTML, value: str) -> None:
    """Replace the HTML of a widget; nothing is sent if it is the same."""
    if shown.value != value:
        shown.value = value


def heading(text: str) -> HTML:
    """Return the heading of a section of the panel."""
    return HTML(f"<h4>{escaped(visible(text))}</h4>")


def labeled(kind: type[Widget], description: str, **options: Any) -> Widget:
    """Return a full-width field with its label above it, which remains readable in narrow panels."""
    layout = Layout(width="auto", height="auto", flex_flow="column", align_items="stretch")
    return kind(description=description, style={"description_width": "auto"}, layout=layout, **options)


def button(description: str, tooltip: str, **options: Any) -> Button:
    """Return a button that is as wide as its label."""
    layout = Layout(width="auto", height="auto")
    return with_class(Button(description=description, tooltip=tooltip, layout=layout, **options), "button")


def link_button(description: str, tooltip: str) -> Button:
    """Return a button that looks like a link, for actions that are used less often."""
    return with_class(button(description, tooltip), "link")


def row(*children: Widget) -> HBox:
    """Return widgets side by side; they wrap in narrow panels."""
    return HBox(children, layout=Layout(flex_flow="row wrap", align_items="center"))


def column(*children: Widget) -> VBox:
    """Return widgets one below the other."""
    return VBox(children)


def with_class(widget: Widget, name: str) -> Any:
    """Return the widget after adding a class of the style sheet."""
    return widget.add_class(f"{PREFIX}{name}")


def set_class(widget: Widget, name: str, *, on: bool) -> None:
    """Add or remove a class of the style sheet."""
    (widget.add_class if on else widget.remove_class)(f"{PREFIX}{name}")


def set_visible(shown: Widget, yes: bool) -> None:
    """Show or hide a widget, also for keyboard navigation and screen readers."""
    shown.layout.display = None if yes else "none"  # None: the value of the style sheet


def descendants(root: Widget) -> Iterator[Widget]:
    """Yield a widget and all its descendants."""
    yield root
    for child in root.children if isinstance(root, Box) else ():
        yield from descendants(child)


def close_all(root: Widget) -> None:
    """Close a widget and its descendants, in the kernel and in the page."""
    for widget in list(descendants(root)):
        widget.layout.close()  # closing a widget closes neither its layout nor its style
        if widget.has_trait("style"):
            widget.style.close()
        widget.close()


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
