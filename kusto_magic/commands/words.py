"""Words of a magic's line: quotes and comments as in a shell, but backslashes as on Windows."""

from __future__ import annotations

import re

_PART = re.compile(
    r"""
    (?P<comment> (?<!\S)\#.* )
    | (?P<blank> \s+ )
    | '(?P<single> [^']* )'
    | "(?P<double> (?:[^"\\]|\\.)* )"
    | "(?P<folder> [^"]* \\ )"
    | (?P<plain> [^\s'"\\]+ | \\[ ](?=[^\s-]) | \\['"] | \\ )
    """,
    re.VERBOSE | re.DOTALL,
)


def split(line: str) -> list[str]:
    """Split a line into words.

    A backslash stays, so that the path of a file on Windows can be pasted; it escapes only a quote, or a blank that is
    followed by more of the word. A "#" at the start of a word begins a comment. Raises ValueError for an open quote.
    """
    words: list[str] = []
    is_open, position = False, 0
    while position < len(line):
        found = _PART.match(line, position)
        if found is None:
            raise ValueError("No closing quotation")
        position = found.end()
        is_part = found.lastgroup not in ("blank", "comment")
        if is_part and is_open:
            words[-1] += _unescaped(found)
        elif is_part:
            words.append(_unescaped(found))
        is_open = is_part
    return words


def _unescaped(found: re.Match[str]) -> str:
    if found["single"] is not None:
        return found["single"]
    if found["double"] is not None:
        return found["double"].replace('\\"', '"')
    if found["folder"] is not None:
        return found["folder"]
    plain: str = found["plain"]
    return plain[1:] if len(plain) == 2 and plain[0] == "\\" else plain
