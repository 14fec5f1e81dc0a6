"""Text that is safe to show: which characters are replaced, and which are kept."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import CONTROLS, invisible_in

from kusto_magic.display_text import visible, visible_line

EMOJI = "👩‍👩‍👧 ⚠️ ❤️‍🔥"


@pytest.mark.parametrize("text", ["", "plain", "grüße, 日本, العربية, עברית", EMOJI, "a\tb\nc", "a\u00a0b", "e\u0301"])
def test_visible_keeps_readable_text(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nb\rc", "a\nb\\rc"),
        ("\u202ecod.exe", r"\u202ecod.exe"),
        ("pass\u200bword", r"pass\u200bword"),
        ("a\u200db", r"a\u200db"),
        ("👩\u200db", r"👩\u200db"),
        ("\u3164\u115f\u034f", r"\u3164\u115f\u034f"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
    ],
)
def test_visible_escapes_what_cannot_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_visible_line_is_one_line() -> None:
    assert visible_line("a\n\tb\r\nc") == "a b c"


@pytest.mark.slow
def test_every_control_and_formatting_character_is_escaped() -> None:
    codes = map(chr, range(sys.maxunicode + 1))
    unseen = [char for char in codes if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    kept = {char for char in unseen if visible(char) == char} - {"\t", "\n"}
    scripts = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")  # their format characters have a glyph or join glyphs
    assert all(unicodedata.name(char).startswith(scripts) for char in kept)


@given(st.text() | st.lists(st.sampled_from([*CONTROLS, *EMOJI, "a", "\r\n"])).map("".join))
def test_visible_is_idempotent(text: str) -> None:
    once = visible(text)
    assert visible(once) == once
    assert "\n" not in visible_line(text)
    assert not invisible_in(once) & set(CONTROLS) - {"\u200d"}
    once.encode()
