"""Encodings of requirements files."""

from __future__ import annotations

import codecs

import pytest

from kusto_magic.requirements.encodings import decode

TEXT = "pandas==2.2.2  # Tabellen für später\r\nfaker\r\n"
JAPANESE = "# 予測用のパッケージ\nfaker==25.2.0\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-8"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"", "utf-32-le"),
        (b"", "utf-32-be"),
    ],
)
def test_unicode_is_recognized_with_and_without_a_mark(mark: bytes, encoding: str) -> None:
    assert decode(mark + TEXT.encode(encoding), "ascii") == (TEXT, encoding)


@pytest.mark.parametrize(("text", "code_page"), [(TEXT, "cp1252"), (JAPANESE, "cp932"), (JAPANESE, "euc_jp")])
def test_code_page_of_the_platform_is_the_last_choice(text: str, code_page: str) -> None:
    assert decode(text.encode(code_page), code_page) == (text, code_page)


def test_declared_encoding_is_used_as_in_pip() -> None:
    text = f"# -*- coding: cp1252 -*-\n{TEXT}"
    assert decode(text.encode("cp1252"), "utf-8") == (text, "cp1252")
    assert decode(f"#\n{text}".encode("cp1252"), "utf-8")[1] == "cp1252"


@pytest.mark.parametrize(
    ("content", "code_page"),
    [
        (TEXT.encode("cp1252"), "utf-8"),
        (TEXT.encode("cp1252"), "ascii"),
        (JAPANESE.encode("euc_jp"), "ascii"),
        (b"# coding: no-such\n\xff\xff", "utf-8"),
        (codecs.BOM_UTF16_LE + b"a", "cp1252"),
        (b"\x00\x01\x02\xff\x00\x00", "cp1252"),
        (b"a\0\0\0\0", "cp1252"),
    ],
)
def test_unknown_encoding_is_an_error(content: bytes, code_page: str) -> None:
    with pytest.raises(ValueError, match="not"):
        decode(content, code_page)


def test_declaration_that_is_wrong_is_ignored() -> None:
    assert decode(b"# coding: no-such\nfaker\n", "ascii") == ("# coding: no-such\nfaker\n", "utf-8")
