"""Corrections that follow one another: the text, and the changes of the original lines."""

from __future__ import annotations

import pytest

from kusto_magic.requirements.correction import Correction, LineChange, combined, correct_lines
from kusto_magic.requirements.formats.conversion import convert

TEXT = "\ufeffpip install a b\n# note\nyaml\n  c==1 \\\n  --hash=sha256:aa\n-i https://pypi.org/simple\nd==2"


def first() -> Correction:
    found = convert(TEXT).correction
    assert found is not None
    return found


def test_second_changes_are_those_of_the_original_lines() -> None:
    second = correct_lines(
        first().text,
        [
            LineChange(2, "b", "b==1", "no wheel"),
            LineChange(5, "c==1", "# c==1  (left out: gone)", "gone", is_left_out=True),
            LineChange(6, "d==2", "d==3", "clash"),
        ],
    )
    found = combined(TEXT, first(), second)
    assert found is not None
    assert found.text == "a\nb==1\n# note\npyyaml\n# c==1  (left out: gone)\nd==3"
    lines = {change.line: change for change in found.changes}
    assert list(lines) == [1, 3, 4, 6, 7]
    assert (lines[1].after, lines[1].is_left_out) == ("a\nb==1", False)
    assert lines[1].reason.endswith("; no wheel")
    assert (lines[4].before, lines[4].after, lines[4].is_left_out) == (
        "  c==1 \\\n  --hash=sha256:aa",
        "# c==1  (left out: gone)",
        True,
    )
    assert lines[7] == LineChange(7, "d==2", "d==3", "clash")
    assert (found.is_checked, found.is_complete) == (True, True)


@pytest.mark.parametrize(
    "text", [TEXT, f"{TEXT}\n", "yaml\r\n\r\n# x\r\n", "name: x\ndependencies:\n  - numpy=1.26.4\n"]
)
def test_nothing_more_to_change_is_the_first_correction(text: str) -> None:
    made = convert(text).correction
    assert made is not None
    found = combined(text, made, Correction(made.text, ()))
    assert found is not None
    assert (found.text, found.changes) == (made.text, made.changes)


def test_changes_that_hide_a_secret_are_not_combined() -> None:
    text = "pip install humanize \\\n  attrs  # https://user:hunter22@host.example/simple\nyaml\n"
    made = convert(text).correction
    assert made is not None
    assert combined(text, made, Correction(made.text, ())) is None


def test_change_of_several_physical_lines_replaces_all_of_them() -> None:
    change = LineChange(2, "b \\\n  ==1  # why", "b==2  # why", "old")
    assert correct_lines("a\r\nb \\\r\n  ==1  # why\r\nc", [change]).text == "a\r\nb==2  # why\r\nc"
    assert correct_lines("a\nb \\\n  ==1  # why", [change]).text == "a\nb==2  # why"
    assert change.code == "b ==1"
