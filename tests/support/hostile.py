"""Texts that attempt to control the page or the terminal, and what finds the traces of them in an output."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser
from typing import Any

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "<a href=javascript:alert(1)>x</a>",
    "</td></table><iframe src=//evil.example>",
    "&lt;b&gt;<b>",
    "' onmouseover='alert(1)",
    "<!--<style>*{display:none}</style>-->",
    "]]><math><mtext></mtext></math>",
    "\\u003cscript\\u003e<object data=x>",
    "<details open ontoggle=alert(1)>",
    "<form action=//evil.example><input name=q>",
]


ALIGNMENTS = frozenset(
    ("style", style) for style in ("text-align:left", "text-align:right", "text-align:left;white-space:nowrap")
)
"""Attributes of the cells of our tables."""


class Elements(HTMLParser):
    """Collects the elements and attributes of a piece of HTML, except the alignment of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, value in attrs if (name, value) not in ALIGNMENTS}

    def handle_data(self, data: str) -> None:
        self.words += data


CONTROLS = "\x1b[2Jgone\x07\r\x9b31m\u202e\u2066x\u200b\u200d\u2028\ufeff\xad\U000e0041\ud800"
"""Text with terminal sequences, bidirectional overrides, zero-width characters and a lone surrogate."""

HARMLESS_TAGS = frozenset(
    "bdi br code details div li p pre strong summary table tbody td th thead tr ul".split()  # noqa: SIM905
)
"""Elements of an output; text from outside adds no other."""


def texts_in(value: Any) -> list[str]:
    """Return all strings of a JSON value."""
    if isinstance(value, str):
        return [value]
    items = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in items for text in texts_in(item)]


def invisible_in(text: str) -> set[str]:
    """Return the control, formatting and separator characters of a text, except tabs and newlines."""
    return {
        char for char in text if char not in "\t\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }
