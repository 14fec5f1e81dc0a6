"""MIME bundles: tables, messages and code as HTML and plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

Bundle = dict[str, Any]
"""Representations of one output by MIME type."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> Bundle:
    """Return a table as HTML and as aligned text, or the message `empty` if there are no rows."""
    rows = [list(row) for row in rows]  # iterated twice
    if not rows:
        return message(empty)
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    html = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    return {"text/html": html, "text/plain": "\n".join(line.rstrip() for line in lines)}


def message(text: str) -> Bundle:
    """Return a one-line message as a bundle."""
    return {"text/html": f"<p>{escape(text)}</p>", "text/plain": text}


def code(text: str, caption: str = "") -> Bundle:
    """Return preformatted text to be copied, with an optional caption above it."""
    head = f"<p>{escape(caption)}</p>" if caption else ""
    return {"text/html": head + _pre(text), "text/plain": f"{caption}\n{text}" if caption else text}


def _pre(text: str) -> str:
    """Return a text as a preformatted HTML block."""
    # An empty line would end the HTML block in a page that is rendered from Markdown.
    return f"<pre><code>{escape(text)}</code></pre>".replace("\n\n", "\n&#10;")


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
