"""Tables of the commands: one bundle of versioned JSON, plain HTML and text, which is saved in the notebook.

A cell has a kind, so that JupyterLab can show a state as a badge and a time in the reader's time zone. HTML and text
say the same with words and glyphs, since a page may strip styles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from kusto_magic.display.bundle import (
    LEFT,
    ONE_LINE,
    RIGHT,
    Bundle,
    aligned,
    bundle_of,
    isolated,
    message,
    visible_json,
)
from kusto_magic.display.card import glyph_of
from kusto_magic.display_text import DisplayText, visible, visible_line
from kusto_magic.models.build_state import Outcome

MIME = "application/vnd.kusto-image.table+json"
"""MIME type of the JSON, which the JupyterLab extension renders."""

VERSION = 1
"""Version of the JSON; incremented by changes that are incompatible with existing readers."""


class CellKind(StrEnum):
    """What a cell shows."""

    TEXT = "text"
    STATE = "state"
    TIME = "time"
    COUNT = "count"
    CODE = "code"
    CHANGE = "change"


CHANGE_GLYPHS = {"added": "+", "removed": "−", "changed": "→"}
"""Glyph of each kind of change."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value; `outcome` is how the operation of a state ended (None: in progress), `moment` a time."""

    text: str
    kind: CellKind = CellKind.TEXT
    outcome: Outcome | None = None
    moment: datetime | None = None

    @property
    def shown(self) -> DisplayText:
        """The value as text; only code can have several lines."""
        if self.kind is CellKind.CODE:
            return visible(self.text)
        return visible_line(f"{self.glyph} {self.text}".strip())

    @property
    def glyph(self) -> str:
        """The glyph before the text, "" if there is none."""
        if self.kind is CellKind.STATE and self.text:
            return glyph_of(self.outcome)
        return CHANGE_GLYPHS.get(self.text, "") if self.kind is CellKind.CHANGE else ""

    def to_json(self) -> dict[str, Any]:
        """Return the cell as JSON; JupyterLab draws the glyph itself."""
        cell: dict[str, Any] = {"kind": self.kind.value, "text": self.text}
        if self.kind is CellKind.STATE:
            cell["outcome"] = self.outcome
        if self.moment is not None:
            cell["at"] = self.moment.isoformat(timespec="seconds")
        return cell

    def html(self) -> str:
        """Return the cell as HTML."""
        if self.kind is not CellKind.CODE:
            return isolated(self.shown)
        return "<br>".join(f"<code>{isolated(visible_line(line))}</code>" for line in self.shown.splitlines())


def text(value: str) -> Cell:
    """Return a cell with text."""
    return Cell(value)


def code(value: str) -> Cell:
    """Return a cell with code, which may have several lines."""
    return Cell(value, CellKind.CODE)


def state(value: str, outcome: Outcome | None) -> Cell:
    """Return a cell with a state; the outcome None is in progress."""
    return Cell(value, CellKind.STATE, outcome)


def count(value: int | None) -> Cell:
    """Return a cell with a number; None is not known."""
    return Cell("" if value is None else f"{value:,}", CellKind.COUNT)


def time(moment: datetime | None) -> Cell:
    """Return a cell with a time; None is not known."""
    shown = "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return Cell(shown, CellKind.TIME, moment=moment)


def change(kind: str) -> Cell:
    """Return a cell with a kind of change: added, removed or changed."""
    return Cell(kind, CellKind.CHANGE)


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table: what it is, the heads of its columns, its rows, and notes below it.

    Without heads it lists the properties of one thing: each row is a label and a value. `empty` is shown instead of a
    table without rows: what is missing, and what to do next. Columns in which no row has a text are left out. `data`
    is the same for programs: JSON that is complete, where a table is shortened for readers.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str = ""
    notes: Sequence[str] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def columns(self) -> list[tuple[str, list[Cell]]]:
        """Return head and cells of each column that is not empty."""
        heads = self.head or ("", "")
        columns = [(name, [row[index] for row in self.rows]) for index, name in enumerate(heads)]
        return [(name, cells) for name, cells in columns if any(cell.text for cell in cells)]

    def bundle(self) -> Bundle:
        """Return the MIME bundle to display."""
        return {MIME: visible_json(self.to_json()), **(self._filled() if self.rows else message(self._empty_text()))}

    def to_json(self) -> dict[str, Any]:
        """Return the versioned JSON: only what is displayed, since notebooks are shared."""
        columns = self.columns()
        return {
            "version": VERSION,
            "caption": self.caption,
            "head": [name for name, _ in columns] if self.head else [],
            "rows": [[cell.to_json() for cell in row] for row in zip(*(cells for _, cells in columns), strict=True)],
            "empty": "" if self.rows else self.empty,
            "notes": list(self.notes),
        }

    def _empty_text(self) -> str:
        return "\n".join([self.empty, *self.notes])

    def _filled(self) -> Bundle:
        lines = [visible_line(self.caption), *self._lines(), *map(visible_line, self.notes)]
        notes = "".join(f"<p>{isolated(visible_line(note))}</p>" for note in self.notes)
        caption = f"<p><strong>{isolated(visible_line(self.caption))}</strong></p>"
        return bundle_of(f"<div>{caption}<table>{self._html()}</table>{notes}</div>", DisplayText("\n".join(lines)))

    def _lines(self) -> list[DisplayText]:
        columns = self.columns()
        texts = [[visible_line(name), *(cell.shown for cell in cells)] for name, cells in columns]
        rows = list(zip(*texts, strict=True))
        numbers = [index for index, (_, cells) in enumerate(columns) if is_numeric(cells)]
        return aligned(rows if self.head else rows[1:], numbers)

    def _html(self) -> str:
        columns = self.columns()
        heads = "".join(map(_head, columns))
        head = f"<thead><tr>{heads}</tr></thead>" if self.head else ""
        tags = ["td" if self.head else "th", *["td"] * (len(columns) - 1)]
        parts = [
            [f"<{tag} {_attributes(cell)}>{cell.html()}</{tag}>" for cell in cells]
            for tag, (_, cells) in zip(tags, columns, strict=True)
        ]
        rows = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*parts, strict=True))
        return f"{head}<tbody>{rows}</tbody>"


def is_numeric(cells: Sequence[Cell]) -> bool:
    """Return whether a column has only numbers, which are aligned to the right."""
    return all(cell.kind is CellKind.COUNT for cell in cells)


def _head(column: tuple[str, Sequence[Cell]]) -> str:
    name, cells = column
    return f"<th {RIGHT if is_numeric(cells) else LEFT}>{isolated(visible_line(name))}</th>"


def _attributes(cell: Cell) -> str:
    if cell.kind is CellKind.COUNT:
        return RIGHT
    return ONE_LINE if cell.kind in (CellKind.STATE, CellKind.TIME) else LEFT
