"""MIME bundles: tables, messages and code as HTML and plain text.

The only module that makes HTML of a text, by `escaped` and `isolated`. Both take a `DisplayText`; the functions that
take a str make it one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import zip_longest
from typing import Any

from kusto_magic.display_text import DisplayText, visible, visible_line

Bundle = dict[str, Any]
"""Representations of one output by MIME type."""


LEFT, RIGHT = 'style="text-align:left"', 'style="text-align:right"'
ONE_LINE = 'style="text-align:left;white-space:nowrap"'
"""Attributes of the cells of a table: notebooks would align them to the right."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> Bundle:
    """Return a table as HTML and as aligned text, or the message `empty` if there are no rows."""
    shown_head, *shown_rows = _cells(head), *map(_cells, rows)
    if not shown_rows:
        return message(empty)
    cells = "".join(f"<th {LEFT}>{isolated(cell)}</th>" for cell in shown_head)
    body = "".join(
        "<tr>" + "".join(f"<td {LEFT}>{isolated(cell)}</td>" for cell in row) + "</tr>" for row in shown_rows
    )
    html = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    return bundle_of(html, DisplayText("\n".join(aligned([shown_head, *shown_rows]))))


def aligned(rows: Sequence[Sequence[DisplayText]], numbers: Sequence[int] = ()) -> list[DisplayText]:
    """Return rows as lines with aligned columns; those at the indexes `numbers` are aligned to the right.

    A cell of several lines continues below its first one.
    """
    lines = [line for row in rows for line in zip_longest(*map(str.splitlines, row), fillvalue="")]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [DisplayText("  ".join(_padded(line, widths, numbers)).rstrip()) for line in lines]


def _padded(cells: Sequence[str], widths: Sequence[int], numbers: Sequence[int]) -> Iterable[str]:
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        yield cell.rjust(width) if index in numbers else cell.ljust(width)


def _cells(row: Sequence[str]) -> list[DisplayText]:
    return [visible_line(cell) for cell in row]


def bundle_of(html: str, text: DisplayText) -> Bundle:
    """Return an output as HTML and as plain text."""
    return {"text/html": html, "text/plain": text}


def escaped(text: DisplayText) -> str:
    """Return text as HTML: escaped."""
    return escape(text)


def isolated(text: DisplayText) -> str:
    """Return text as HTML: escaped, and isolated so that right-to-left text does not reorder the text around it."""
    return f"<bdi>{escape(text)}</bdi>"


def visible_json(value: Any) -> Any:
    """Return JSON with all its strings made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {key: visible_json(item) for key, item in value.items()}
    return [visible_json(item) for item in value] if isinstance(value, list) else value


def message(text: str) -> Bundle:
    """Return a one-line message as a bundle."""
    shown = visible(text)
    return bundle_of(f"<p>{escaped(shown)}</p>", shown)


def code(text: str, caption: str = "") -> Bundle:
    """Return preformatted text to be copied, with an optional caption above it."""
    head = f"<p>{escaped(visible(caption))}</p>" if caption else ""
    return bundle_of(head + _pre(text), visible(f"{caption}\n{text}" if caption else text))


def _pre(text: str) -> str:
    """Return a text as a preformatted HTML block."""
    # An empty line would end the HTML block in a page that is rendered from Markdown.
    return f"<pre><code>{isolated(visible(text))}</code></pre>".replace("\n\n", "\n&#10;")


def duration(seconds: float) -> str:
    """Return a duration as text: "48 s", "5 min 2 s", "1 h 3 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def requirements_html(requirements: str) -> str:
    """Return requirements as collapsed HTML, or "" if there are none."""
    if not requirements:
        return ""
    return f"<details><summary>requirements</summary>{_pre(requirements)}</details>"
