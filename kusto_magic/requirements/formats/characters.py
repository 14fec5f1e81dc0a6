"""Characters that editors, web pages and chats put in the place of ASCII characters, and marks around a line."""

from __future__ import annotations

import re
import unicodedata

from kusto_magic.requirements import mistakes
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, parsed
from kusto_magic.requirements.well_known import is_well_known

_INVISIBLE_TEXT = "\ufeff\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u180e\u00ad\u200e\u200f\ufe0e\ufe0f"
_INVISIBLE = dict.fromkeys(map(ord, _INVISIBLE_TEXT))
"""Byte order mark, zero-width characters, soft hyphen, directional marks, variation selectors: none is a letter."""

_COLOR = re.compile(r"\x1b\[[0-9;]{0,20}[mK]")
"""An ANSI escape sequence, which text that is copied from a terminal can have."""

_REPLACED = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("‐‑‒–−", "-"),
    "—": "--",  # editors replace two hyphens by a dash
    **dict.fromkeys("≥≧⩾", ">="),
    **dict.fromkeys("≤≦⩽", "<="),
    "、": ",",
    "。": ".",
    "≠": "!=",
    "…": "...",
}

_DASH_IN_NAME = re.compile(r"(?<=\w)—(?=\w)")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–−—"), "-")
_HYPHENATED = re.compile(r"[A-Za-z](?:[\w.-]*\w)?")
_NUMBERS = re.compile(r"v?(\d++(?:\.\d++)++[\w.+]*+)")
_PACKAGE = r"[A-Za-z0-9][^\s#:]*+(?:\s++(?:[<>=!~]=?\s*+[\w.*,<>=!~]++|v?\d[\w.]*+))?+"
_DESCRIPTION = re.compile(
    rf"({_PACKAGE})(?:(?:\s++(?:[–—-]|--|//))\s++([^\W\d].*)|\s*+:\s++([^\W\d].*)|\s++/\*(.*)\*/|\s++\(([^()]++)\)|\s++\[([^\[\]]++)\])"
)
_TAG = re.compile(r"</?(?:li|p|br|code|pre|b|i|em|strong|ul|ol|td|tr|span|div)(?:\s[^<>]*+)?/?>|\*\*")
_LINK = re.compile(r"\[([^\[\]]++)\]\(https?://[^\s()]++\)")
_QUOTED = re.compile(r"[ubr]?(['\"])([^'\"]*)\1\s*,?|([^'\"]*[^'\",\s])\s*,")
_BULLET = re.compile(r"(?:(?:[-*+•]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?|\[[ xX]\]\s+)(?=[\w'\"\[`])")
_FENCE = re.compile(r"(?:`{3}|~{3})[\w.-]*|@EXPLICIT|\[|\]\)?,?|\),?|-{3,}|\.{3}|[A-Za-z_]\w*\s*+=\s*+[\[(]")
_LIST = re.compile(r"(?:[A-Za-z_]\w*+\s*+[=:]\s*+)?[\[(](.*)[\])],?")
_STRING = re.compile(r"(['\"])([^'\"]*)\1")
_INLINE_CODE = re.compile(r"`([^`]+)`")


def without_invisible(raw: str) -> str:
    """Return a line with its comment, without the invisible characters that copying leaves behind."""
    if "\x1b" in raw:
        raw = _COLOR.sub("", raw)
    return raw.strip("\x0b\x0c") if raw.isascii() else raw.translate(_INVISIBLE)


def hyphens(code: str) -> Rewrite | None:
    """Replace the hyphen or dash between a name and a version, as in names of files, by an operator."""
    head, semicolon, marker = code.partition(";")
    name, hyphen, version = head.translate(_DASHES).rpartition("-")
    if not version.lstrip(" v")[:1].isdigit():
        return None  # most names end here
    name, found = name.rstrip("- "), _NUMBERS.fullmatch(version.strip())
    if not hyphen or not found or not _HYPHENATED.fullmatch(name) or is_well_known(head):
        return None
    line = f"{name}=={found[1]}{semicolon}{marker}"
    return Rewrite((line,), "'==' is missing: a hyphen is a part of the name") if parsed(line) else None


def descriptions(code: str) -> Rewrite | None:
    """Make a comment of what describes a package: "pandas - data frames", "pandas==2.2 (pinned)"."""
    found = _DESCRIPTION.fullmatch(code)
    head = found[1] if found and parsed(found[1]) else mistakes.corrected(found[1]) if found else ""
    package = parsed(head)
    if not found or not package or parsed(code) or (found[3] and not is_well_known(package.name)):
        return None  # "name: pandas" has a key, not a package
    text = next(part for part in found.groups()[1:] if part).strip()
    is_version = text[:1].isdigit() or text[:2].lstrip("v")[:1].isdigit() or text[:1] in "<>=!~^"
    return None if is_version else Rewrite((f"{head}  # {text}",), "a description begins with '#'")


def ascii_characters(code: str) -> Rewrite | None:
    """Replace typographic and full-width characters by the ASCII characters that they stand for."""
    if code.isascii():
        return None
    if (bare := _without_symbols(code)) != code and parsed(bare):
        return Rewrite((bare,), "a symbol beside it", is_lossless=True)
    plain = "".join(_ascii(char) for char in _DASH_IN_NAME.sub("-", code)).strip()
    reason = "typographic or full-width characters, written as ASCII"
    return Rewrite((plain,), reason, is_lossless=True) if plain.isascii() else None


def _without_symbols(code: str) -> str:
    """Return a line without the pictures before and behind it, such as check marks."""
    parts = code.split()
    symbols = [index for index, part in enumerate(parts) if all(unicodedata.category(char) == "So" for char in part)]
    return " ".join(part for index, part in enumerate(parts) if index not in symbols) if symbols else code


def python_list(code: str) -> Rewrite | None:
    """Rewrite a list of Python or JSON on one line: each string in it is a package."""
    found = _LIST.fullmatch(code)
    strings = [part[1] for part in _STRING.findall(found[1])] if found else []
    if not found or not strings or _STRING.sub("", found[1]).strip(" ,") or not all(map(parsed, strings)):
        return None
    return Rewrite(tuple(strings), "a list on one line", is_lossless=True)


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
    if (plain := _TAG.sub("", code).strip()) != code and parsed(plain):
        return Rewrite((plain,), "marks of HTML or Markdown around it", is_lossless=True)
    if (found := _LINK.fullmatch(code)) and parsed(found[1]):
        return Rewrite((found[1],), "a link to the package")
    if found := _QUOTED.fullmatch(code):
        inner = (found[2] or found[3] or "").strip()
        if parsed(inner) or "@" in inner or "://" in inner:
            return Rewrite((inner,), "quotes or a comma around it", is_lossless=True)
    return None
