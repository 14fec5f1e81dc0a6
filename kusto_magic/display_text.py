"""Text that is safe to show: `DisplayText`, and the functions that make it.

Text from outside (the service, a package index, uv, the history, a notebook) can contain characters that control a
terminal, reverse the reading direction or are invisible. Whatever renders text takes a DisplayText, so that mypy finds
a place that shows text as it came.
"""

from __future__ import annotations

import re
from typing import NewType

DisplayText = NewType("DisplayText", str)
"""Text without control, bidirectional and zero-width characters. A tab or a newline may be part of it.

Secrets are hidden by `redaction.redact`, HTML is escaped where it is rendered.
"""

INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories of control, format, surrogate, private-use and separator characters, which inputs cannot have."""

_EMOJI = "\U0001f000-\U0001faff\u2190-\u2bff\ufe0f"

_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters; tab and newline are kept
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # invisible or zero-width letters and marks
    "\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"  # zero-width, bidirectional, separators
    "\ud800-\udfff"  # lone surrogates, which cannot be encoded
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # formatting of notation; tags: invisible ASCII
    "]"
    f"|(?<![{_EMOJI}])\u200d|\u200d(?![{_EMOJI}])"  # the zero-width joiner, except between emoji
)
"""Unicode's default-ignorable and control characters. Variation selectors stay: they choose the glyph of an emoji."""

_LINE_BREAK = re.compile(r"[\t\n]+")


def visible(text: str) -> DisplayText:
    r"""Return `text` with invisible characters replaced by escapes such as `\x1b`; tabs and newlines are kept.

    A "\r\n" becomes a newline. Idempotent, and takes time linear in the length of the text.
    """
    if text.isascii() and text.isprintable():  # performance: most texts
        return DisplayText(text)
    return DisplayText(_INVISIBLE.sub(_escape, text.replace("\r\n", "\n")))


def visible_line(text: str) -> DisplayText:
    """Return `text` as `visible` does, on one line: tabs and newlines become a blank."""
    return DisplayText(_LINE_BREAK.sub(" ", visible(text)))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
