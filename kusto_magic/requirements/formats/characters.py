"""Characters that editors, web pages and chats put in the place of ASCII characters, and marks around a line."""

from __future__ import annotations

import re
import unicodedata

from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, parsed

_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u2060\u00ad\u200e\u200f"))
"""Byte order mark, zero-width space, word joiner, soft hyphen, directional marks: deleting them changes no letter."""

_REPLACED = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("‐‑‒–−", "-"),
    "—": "--",  # editors replace two hyphens by a dash
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "…": "...",
}

_QUOTED = re.compile(r"[ubr]?(['\"])([^'\"]*)\1\s*,?|([^'\"]*[^'\",\s])\s*,")
_BULLET = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s+(?=[\w'\"\[`])")
_FENCE = re.compile(r"(?:`{3}|~{3})[\w.-]*|@EXPLICIT|\[|\]\)?,?|\),?")
_INLINE_CODE = re.compile(r"`([^`]+)`")


def without_invisible(raw: str) -> str:
    """Return a line with its comment, without the invisible characters that copying leaves behind."""
    return raw if raw.isascii() else raw.translate(_INVISIBLE)


def ascii_characters(code: str) -> Rewrite | None:
    """Replace typographic and full-width characters by the ASCII characters that they stand for."""
    if code.isascii():
        return None
    plain = "".join(_ascii(char) for char in code).strip()
    reason = "typographic or full-width characters, written as ASCII"
    return Rewrite((plain,), reason, is_lossless=True) if plain.isascii() else None


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    if unicodedata.category(char) == "Zs":  # no-break spaces
        return " "
    return _REPLACED.get(char) or unicodedata.normalize("NFKC", char)


def marks(code: str) -> Rewrite | None:
    """Delete what surrounds packages in lists of Python and in Markdown: quotes, commas, bullets, fences."""
    if _FENCE.fullmatch(code):
        return deleted("not a package line", is_lossless=True)
    if code.endswith("\\"):
        return Rewrite((code.rstrip("\\ "),), "a backslash at the end", is_lossless=True)
    if found := _BULLET.match(code):
        return Rewrite((code[found.end() :],), "a list mark in front", is_lossless=True)
    if found := _INLINE_CODE.fullmatch(code):
        return Rewrite((found[1].strip(),), "backquotes around it", is_lossless=True)
    if found := _QUOTED.fullmatch(code):
        inner = (found[2] or found[3] or "").strip()
        if parsed(inner) or "@" in inner or "://" in inner:
            return Rewrite((inner,), "quotes or a comma around it", is_lossless=True)
    return None
