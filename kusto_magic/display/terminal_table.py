"""Display of a table in a terminal: in colors, with local times, and never wider than the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from kusto_magic.display.data_table import Cell, CellKind, DataTable, is_numeric
from kusto_magic.display_text import visible, visible_line
from kusto_magic.models.build_state import Outcome

GAP = 2
"""Blanks between two columns, and before a line that belongs to the one above."""

MIN_WRAPPED = 24
"""Minimum width of the last column if its cells wrap; otherwise they are shown below their rows."""

STYLES = {
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.REJECTED: "red",
    Outcome.CANCELED: "default",
    Outcome.NOT_SUBMITTED: "default",
    Outcome.UNKNOWN: "yellow",
    None: "blue",
}
"""Style of the state with each outcome; None is in progress."""

CHANGE_STYLES = {"added": "green", "removed": "red", "changed": "blue"}
"""Style of each kind of change."""


Row = Sequence[Cell]


def print_table(table: DataTable, console: Console | None = None) -> None:
    """Print a table, or the message instead of an empty one."""
    # soft_wrap: rich would break lines that were fitted to the width.
    console = console or Console(highlight=False)
    if table.rows:
        console.print(Text(visible_line(table.caption), style="bold"))
        for line in _lines(table, console.width - 1):
            console.print(line, soft_wrap=True)
    else:
        console.print(Text(visible(table.empty)))
    for note in table.notes:
        console.print(Text(visible_line(note), style="dim"))


def _lines(table: DataTable, width: int) -> Iterator[Text]:
    """Yield the lines of a table: as a grid, with the last cells below their rows, or as a list of properties."""
    names = [visible_line(name) for name, _ in table.columns()]
    columns = [cells for _, cells in table.columns()]
    widths = [max(map(cell_len, [name, *map(_longest, cells)])) for name, cells in zip(names, columns, strict=True)]
    rows = list(zip(*columns, strict=True))
    right = [is_numeric(cells) for cells in columns]
    *others, _ = widths
    left = width - sum(others) - GAP * len(others)
    if left >= min(widths[-1], MIN_WRAPPED):
        yield from _grid(names if table.head else [], rows, [*others, left], right)
    elif left >= -GAP:
        yield from _grid_with_notes(names, rows, widths, right, width)
    else:
        yield from _records(names, rows, width)


def _grid(names: Sequence[str], rows: Sequence[Row], widths: Sequence[int], right: Sequence[bool]) -> Iterator[Text]:
    if names:
        yield _joined([Text(name, style="dim") for name in names], widths, right)
    for row in rows:
        parts = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, parts))):
            yield _joined([part[number] if number < len(part) else Text() for part in parts], widths, right)


def _grid_with_notes(
    names: Sequence[str], rows: Sequence[Row], widths: Sequence[int], right: Sequence[bool], width: int
) -> Iterator[Text]:
    yield _joined([Text(name, style="dim") for name in names[:-1]], widths[:-1], right)
    for *cells, last in rows:
        yield from _grid([], [cells], widths[:-1], right)
        yield from (_indented(line) for line in _wrapped(last, width - GAP) if line)


def _records(names: Sequence[str], rows: Sequence[Row], width: int) -> Iterator[Text]:
    label_width = max(map(cell_len, names)) + GAP
    for first, *others in rows:
        yield from (Text(line.plain, style="bold") for line in _wrapped(first, width))
        for name, cell in zip(names[1:], others, strict=True):
            for number, line in enumerate(_wrapped(cell, max(1, width - label_width - GAP)) if cell.text else ()):
                label = ("" if number else name).ljust(label_width)
                yield _indented(Text.assemble((label, "dim"), line))


def _indented(line: Text) -> Text:
    return Text(" " * GAP).append_text(line)


def _joined(cells: Sequence[Text], widths: Sequence[int], right: Sequence[bool]) -> Text:
    line = Text()
    for cell, width, is_right in zip(cells, widths, right, strict=False):
        padding = " " * max(0, width - cell_len(cell.plain))
        line.append_text(Text(padding).append_text(cell) if is_right else cell.append(padding))
        line.append(" " * GAP)
    line.rstrip()
    return line


def _wrapped(cell: Cell, width: int) -> list[Text]:
    lines = [part for line in _shown(cell).splitlines() for part in textwrap.wrap(line, width) or [""]]
    return [Text(line, style=_style(cell)) for line in lines] or [Text()]


def _longest(cell: Cell) -> str:
    return max(_shown(cell).splitlines(), key=cell_len, default="")


def _shown(cell: Cell) -> str:
    return f"{cell.moment.astimezone():%Y-%m-%d %H:%M}" if cell.moment else cell.shown


def _style(cell: Cell) -> str:
    if cell.kind is CellKind.STATE:
        return STYLES[cell.outcome]
    return CHANGE_STYLES.get(cell.text, "") if cell.kind is CellKind.CHANGE else ""
