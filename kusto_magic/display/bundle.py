"""MIME bundles: tables, messages and code as HTML and plain text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

Bundle = dict[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> Bundle:
    """Return a table of texts as html and aligned text; `empty` stands where there are no rows."""
    rows = [list(row) for row in rows]
    if not rows:
        return message(empty)
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    html = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    return {"text/html": html, "text/plain": "\n".join(line.rstrip() for line in lines)}


def message(text: str) -> Bundle:
    """Return one sentence as a bundle."""
    return {"text/html": f"<p>{escape(text)}</p>", "text/plain": text}


def code(text: str, words: str = "") -> Bundle:
    """Return a text to be copied, with a sentence above it; without one the plain form is the text itself."""
    head = f"<p>{escape(words)}</p>" if words else ""
    return {"text/html": head + _pre(text), "text/plain": f"{words}\n{text}" if words else text}


def _pre(text: str) -> str:
    """Return a text as it is written. An empty line would end the html in a page that is made of Markdown."""
    return f"<pre><code>{escape(text)}</code></pre>".replace("\n\n", "\n&#10;")


def duration(seconds: float) -> str:
    """Return a span of time in words: "48 s", "5 min 2 s", "1 h 3 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def requirements_html(requirements: str) -> str:
    """Return requirements as html that is folded away, "" where there are none."""
    if not requirements:
        return ""
    return f"<details><summary>requirements</summary>{_pre(requirements)}</details>"
