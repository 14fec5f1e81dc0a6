"""Texts that attempt an HTML injection, and a parser that finds the elements of a piece of HTML."""

from __future__ import annotations

from html.parser import HTMLParser

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


class Elements(HTMLParser):
    """Collects the elements and attributes of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data
