"""A table with buttons in each row; only the rows of one page are widgets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ipywidgets import HTML, Button, HBox, Layout, Text

from kusto_magic.display.bundle import escaped
from kusto_magic.display_text import visible
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import (
    column,
    link_button,
    route_to_subshell,
    row,
    set_class,
    set_html,
    set_text,
    set_visible,
    text_widget,
    with_class,
)

PAGE_SIZE = 10
"""Maximum number of rows that are widgets at the same time."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowAction(Generic[T]):
    """A button in each row. `tooltip` has "{}" for the name of the row; `call` gets its item and the button."""

    label: str
    tooltip: str
    call: Callable[[T, Button], None]


@dataclass(frozen=True, slots=True)
class RowView:
    """What a row shows: the cells as HTML, and which actions it has. Those that are `disabled` are shown in gray."""

    cells: tuple[str, ...]
    absent: Collection[str] = ()
    disabled: Collection[str] = ()
    is_marked: bool = False


class TableRow(Generic[T]):
    """The widgets of one row, which show one item after another."""

    def __init__(self, context: PanelContext, actions: Sequence[RowAction[T]]) -> None:
        self.item: T | None = None
        self.text = HTML()
        self.buttons = {action.label: link_button(action.label, "") for action in actions}
        self.widget = with_class(HBox([self.text, with_class(HBox([*self.buttons.values()]), "actions")]), "row")
        self._tooltips = {action.label: action.tooltip for action in actions}
        for action in actions:
            self._bind(context, action)

    def _bind(self, context: PanelContext, action: RowAction[T]) -> None:
        clicked = self.buttons[action.label]

        def call() -> None:
            if self.item is not None:
                action.call(self.item, clicked)

        context.on_click(clicked, call)

    def show(self, item: T, name: str, view: RowView, head: Sequence[str]) -> None:
        """Show another item."""
        self.item = item
        set_html(self.text, "".join(map(_cell, head, view.cells)))
        set_class(self.widget, "marked", on=view.is_marked)
        for label, clicked in self.buttons.items():
            clicked.tooltip = visible(self._tooltips[label].format(name))
            clicked.disabled = label in view.disabled
            set_visible(clicked, label not in view.absent)
        set_visible(self.widget, True)

    def clear(self) -> None:
        """Show nothing."""
        self.item = None
        set_visible(self.widget, False)


class Table(Generic[T]):
    """A table of items, in pages of `PAGE_SIZE`; `tools` are the widgets that filter it and turn the pages.

    `name` returns the name of an item, `describe` its row; it is called for the visible items only.
    """

    def __init__(
        self,
        context: PanelContext,
        head: Sequence[str],
        actions: Sequence[RowAction[T]],
        *,
        name: Callable[[T], str],
        describe: Callable[[T], RowView],
    ) -> None:
        self._context = context
        self._head = head
        self._actions = actions
        self._name = name
        self._describe = describe
        self._items: Sequence[T] = ()
        self._first = 0
        self.rows: list[TableRow[T]] = []
        self.empty = text_widget(kind="empty")
        self._body = column()
        self._header = with_class(HTML("".join(f"<div>{escaped(visible(one))}</div>" for one in head)), "head")
        self.widget = with_class(column(self._header, self._body, self.empty), "table")
        self._make_tools()

    def _make_tools(self) -> None:
        self.filter = Text(placeholder="Filter by name", layout=Layout(width="10rem"))
        self.filter.tooltip = "Show only the rows whose name contains this text"
        self.position = text_widget()
        self.previous = link_button("Previous", "Show the previous rows")
        self.next = link_button("Next", "Show the next rows")
        self.tools = row(self.filter, self.position, self.previous, self.next)
        set_visible(self.tools, False)
        self._context.on_typing([self.filter], lambda: self._turn_to(0))
        self._context.on_click(self.previous, lambda: self._turn_to(self._first - PAGE_SIZE))
        self._context.on_click(self.next, lambda: self._turn_to(self._first + PAGE_SIZE))

    def show(self, items: Sequence[T], empty: str) -> None:
        """Show other items, or the message `empty` if there are none; the page and the filter stay."""
        self._items = items
        set_text(self.empty, "" if items else empty, kind="empty")
        set_visible(self.tools, len(items) > PAGE_SIZE)
        self.refresh()

    def refresh(self) -> None:
        """Describe the visible items again."""
        self._turn_to(self._first)

    def _turn_to(self, first: int) -> None:
        found = self._matching()
        last_page = max(0, len(found) - 1) // PAGE_SIZE * PAGE_SIZE
        self._first = min(max(0, first), last_page)
        visible_items = found[self._first : self._first + PAGE_SIZE]
        self._reserve(len(visible_items))
        for shown, item in zip(self.rows, visible_items, strict=False):
            shown.show(item, self._name(item), self._describe(item), self._head)
        for unused in self.rows[len(visible_items) :]:
            unused.clear()
        self._show_position(len(found), len(visible_items))

    def _matching(self) -> Sequence[T]:
        wanted = self.filter.value.strip().lower() if len(self._items) > PAGE_SIZE else ""
        return [item for item in self._items if wanted in self._name(item).lower()] if wanted else self._items

    def _reserve(self, count: int) -> None:
        """Create the rows that are missing; rows are kept, since creating one takes longer than changing it."""
        missing = [TableRow(self._context, self._actions) for _ in range(len(self.rows), count)]
        if missing:
            self.rows += missing
            self._body.children = tuple(shown.widget for shown in self.rows)
            for shown in missing:
                route_to_subshell(shown.widget)

    def _show_position(self, count: int, visible_count: int) -> None:
        start = self._first + 1 if visible_count else 0
        set_text(self.position, f"{start}–{self._first + visible_count} of {count}")
        self.previous.disabled = self._first == 0
        self.next.disabled = self._first + visible_count >= count


def _cell(label: str, html: str) -> str:
    # The label is read to those who do not see the column, and is shown in narrow panels.
    return f'<div class="kusto-image-cell"><div class="kusto-image-label">{escaped(visible(label))}</div>{html}</div>'
