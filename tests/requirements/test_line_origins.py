"""Messages cite the lines that the user knows."""

from __future__ import annotations

import pytest

from kusto_magic.errors import Problem
from kusto_magic.requirements.line_origins import LineOrigin, lines_label, relabel, with_origin

ORIGINS = (LineOrigin(1), LineOrigin(1, "base.txt"), LineOrigin(2, "base.txt"), LineOrigin(4), LineOrigin(5))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("line 1 a==1: no such version", "line 1 a==1: no such version"),
        ("line 2 a==1 clashes with line 4 b==2", "base.txt line 1 a==1 clashes with line 4 b==2"),
        ("a is on lines 1 and 4; one line", "a is on lines 1, 4; one line"),
        ("(lines 1–3, 5)", "(lines 1, 5, base.txt lines 1–2)"),
        ("2 lines cannot be installed", "2 lines cannot be installed"),
        ("write 2 lines", "write 2 lines"),
        ("line 9", "line 5"),
        ("line 0", "line 0"),
        ("deadline 3, pipeline 4", "deadline 3, pipeline 4"),
    ],
)
def test_numbers_of_lines_are_replaced(message: str, expected: str) -> None:
    assert relabel(message, ORIGINS) == expected
    assert relabel(message, ()) == message


def test_lines_of_a_file_are_spans() -> None:
    assert lines_label([LineOrigin(number, "a.txt") for number in (1, 2, 3, 7)]) == "a.txt lines 1–3, 7"


def test_problem_of_an_included_file_names_the_file() -> None:
    assert str(with_origin(Problem("requirements", "see line 4", 2), ORIGINS)) == "base.txt line 1: see line 4"
    assert str(with_origin(Problem("requirements", "see line 2", 5), ORIGINS)) == "line 5: see base.txt line 1"
    assert str(with_origin(Problem("requirements", "see line 2"), ORIGINS)) == "requirements: see base.txt line 1"
