"""Problems as the commands list them."""

from __future__ import annotations

from kusto_magic.display.command_hints import MAGIC_SYNTAX, MAGICS
from kusto_magic.errors import Problem
from kusto_magic.hints import Hint, HintKind


def test_first_problems_are_listed_and_the_others_counted() -> None:
    problems = [Problem("requirements", "no", line) for line in range(1, 8)]
    assert MAGIC_SYNTAX.listed(problems[:5]) == [f"line {line}: no" for line in range(1, 6)]
    assert MAGIC_SYNTAX.listed(problems) == [*MAGIC_SYNTAX.listed(problems[:5]), "2 more"]
    assert MAGIC_SYNTAX.listed([]) == []


def test_listed_problem_has_the_hint_of_the_magics() -> None:
    problem = Problem("requirements", "no", 3, Hint(HintKind.ALLOW_NO_PACKAGES))
    assert MAGIC_SYNTAX.listed([problem]) == [f"line 3: no. {MAGICS.text(problem.hint)}"]
