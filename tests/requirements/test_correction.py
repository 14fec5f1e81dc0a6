"""Corrections that follow one another: the text, and the changes of the original lines."""

from __future__ import annotations

import pytest

from kusto_magic.requirements.correction import Correction, LineChange, aligned_text, combined, correct_lines
from kusto_magic.requirements.formats.conversion import convert

TEXT = "\ufeffpip install a b\n# note\nyaml\n  c==1 \\\n  --hash=sha256:aa\n-i https://pypi.org/simple\nd==2"


def first() -> Correction:
    found = convert(TEXT).correction
    assert found is not None
    return found


def test_aligned_text_has_empty_lines_for_deleted_ones() -> None:
    assert aligned_text(TEXT, first()).split("\n") == ["a", "b", "# note", "pyyaml", "c==1", "", "", "d==2"]


def test_second_changes_are_those_of_the_original_lines() -> None:
    aligned = aligned_text(TEXT, first())
    second = correct_lines(
        aligned,
        [
            LineChange(2, "b", "b==1", "no wheel"),
            LineChange(5, "c==1", "# c==1  (left out: gone)", "gone"),
            LineChange(8, "d==2", "d==3", "clash"),
        ],
    )
    found = combined(TEXT, first(), second)
    assert found.text == "a\nb==1\n# note\npyyaml\n# c==1  (left out: gone)\nd==3"
    lines = {change.line: change for change in found.changes}
    assert list(lines) == [1, 3, 4, 6, 7]
    assert lines[1].after == "a\nb==1"
    assert lines[1].reason.endswith("; no wheel")
    assert (lines[4].before, lines[4].after) == (
        "  c==1 \\\n  --hash=sha256:aa",
        "# c==1  (left out: gone)",
    )
    assert lines[7] == LineChange(7, "d==2", "d==3", "clash")
    assert (found.is_checked, found.is_complete) == (True, True)


@pytest.mark.parametrize(
    "text", [TEXT, f"{TEXT}\n", "yaml\r\n\r\n# x\r\n", "name: x\ndependencies:\n  - numpy=1.26.4\n"]
)
def test_nothing_more_to_change_is_the_first_correction(text: str) -> None:
    made = convert(text).correction
    assert made is not None
    found = combined(text, made, Correction("", ()))
    assert (found.text, found.changes) == (made.text, made.changes)
