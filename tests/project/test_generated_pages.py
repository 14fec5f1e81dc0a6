"""REFERENCE.md matches the code."""

from __future__ import annotations

import reference


def test_reference_matches_the_code() -> None:
    assert reference.PATH.read_text(encoding="utf-8") == reference.text(), "run: python noxfile.py docs"
