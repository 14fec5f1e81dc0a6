"""Generated files match the code."""

from __future__ import annotations

from types import ModuleType

import descriptions
import pytest
import reference


@pytest.mark.parametrize("generator", [reference, descriptions], ids=["REFERENCE.md", "descriptions.gen.json"])
def test_generated_file_matches_the_code(generator: ModuleType) -> None:
    assert generator.PATH.read_text(encoding="utf-8") == generator.text(), "run: python noxfile.py docs"
