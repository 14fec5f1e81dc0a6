"""The encoding of a requirements file: by its byte order mark, its declaration, or what decodes without an error.

pip and uv read these encodings too. PowerShell 5 writes UTF-16 with `>`, Notepad of old Windows its code page.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is a part of it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_DECLARED = re.compile(r"coding[:=][ \t]*+([-\w.]{2,30})")
"""A declaration in a comment, as in pip (PEP 263)."""


def decode(content: bytes, code_page: str) -> tuple[str, str]:
    """Return the text of a file and its encoding. Raises ValueError if it is not known.

    `code_page` is the encoding of the platform, which is used only if it decodes the file without an error.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _decoded(content[len(mark) :], encoding)
    if b"\0" in content:
        return _without_mark(content)
    for encoding in (_declared(content), "utf-8", code_page):
        try:
            return _decoded(content, encoding)
        except ValueError:
            continue
    raise ValueError("the encoding is not known")


def _declared(content: bytes) -> str:
    """Return the encoding that one of the first two lines declares, by default UTF-8."""
    lines = content[:1_000].decode("latin-1").split("\n", 2)[:2]
    comments = [line for line in lines if line.lstrip().startswith("#")]
    found = next((declared for line in comments if (declared := _DECLARED.search(line))), None)
    return found[1] if found else "utf-8"


def _without_mark(content: bytes) -> tuple[str, str]:
    """Decode UTF-16 or UTF-32 without a mark: most characters are ASCII, none is NUL."""
    for encoding in _WIDE:
        try:
            text, _ = _decoded(content, encoding)
        except ValueError:
            continue
        if "\0" not in text and sum(map(str.isascii, text)) * 2 > len(text):
            return text, encoding
    raise ValueError("the encoding is not known")


def _decoded(content: bytes, encoding: str) -> tuple[str, str]:
    try:
        return content.decode(encoding), encoding
    except (UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"not {encoding}") from error
