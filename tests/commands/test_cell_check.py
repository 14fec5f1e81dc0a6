"""Cells with mistakes and with lines that cannot be installed: one answer names both, and corrects both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.environment import EmulatedEnvironment, always_compatible
from support.magics_session import load_magics
from support.shell import error_of

from kusto_magic.display.command_hints import MAGICS
from kusto_magic.errors import InvalidInputError
from kusto_magic.hints import HintKind
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.requirements.correction import LineChange, correct_lines

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LINE = "%%kusto_image img --base Python3_11_7"
MISTAKES = "yaml\n\nold==1\nfaker==25.2.0 --hash=sha256:aa\n"


class Checker:
    """A preflight with the same answer to all texts; `texts` are those asked."""

    def __init__(self, changes: tuple[LineChange, ...] | None, verdict: Verdict = Verdict.CONFLICT) -> None:
        self.changes, self.verdict = changes, verdict
        self.texts: list[str] = []

    async def __call__(self, text: str, **more: Any) -> PreflightReport:
        self.texts.append(text)
        if self.verdict is Verdict.COMPATIBLE:
            return await always_compatible(text, **more)
        correction = None if self.changes is None else correct_lines(text, self.changes)
        reason = "line 3 old==1: there is no wheel"
        warnings = ("the search did not finish",)
        return PreflightReport(self.verdict, "3.11.7", reason=reason, correction=correction, warnings=warnings)


def refused(
    environment: EmulatedEnvironment, shell: InteractiveShell, checker: Checker, cell: str
) -> InvalidInputError:
    environment.answer = checker
    load_magics(shell, environment)
    error = error_of(shell, cell)
    assert isinstance(error, InvalidInputError), error
    return error


def test_one_answer_has_the_mistakes_and_what_cannot_be_installed(
    environment: EmulatedEnvironment, shell: InteractiveShell
) -> None:
    checker = Checker(
        (
            LineChange(3, "old==1", "old==2", "there is no wheel"),
            LineChange(4, "faker==25.2.0", "# faker==25.2.0  (left out: gone)", "gone", is_left_out=True),
        )
    )
    error = refused(environment, shell, checker, f"{LINE}\n{MISTAKES}")
    assert checker.texts == ["pyyaml\n\nold==1\nfaker==25.2.0\n"]
    assert [problem.line for problem in error.problems] == [1, 4, None, None]
    assert str(error.problems[2]) == "corrected requirements: line 3 old==1: there is no wheel"
    assert str(error.problems[3]) == "corrected requirements: the search did not finish"
    assert error.correction is not None
    assert error.correction.text == "pyyaml\n\nold==2\n# faker==25.2.0  (left out: gone)\n"
    assert (error.correction.is_complete, error.correction.is_checked) == (True, True)
    assert [change.line for change in error.correction.changes] == [1, 3, 4]
    assert error.hint is not None
    assert error.hint.kind is HintKind.APPLY_CORRECTION
    assert environment.changes == []


def test_lines_are_those_of_the_cell(environment: EmulatedEnvironment, shell: InteractiveShell) -> None:
    checker = Checker((LineChange(3, "old==1", "old==2", "there is no wheel"),))
    error = refused(environment, shell, checker, f"{LINE}\npip install a b\nold==1\nyaml\n")
    assert str(error.problems[1]) == "corrected requirements: line 2 old==1: there is no wheel"
    assert error.correction is not None
    assert error.correction.text == "a\nb\nold==2\npyyaml\n"
    assert [change.line for change in error.correction.changes] == [1, 2, 3]


@pytest.mark.parametrize(
    ("verdict", "heading"),
    [
        (Verdict.COMPATIBLE, "Corrected requirements:"),
        (Verdict.INCONCLUSIVE, "Corrected requirements, not checked yet:"),
        (Verdict.CONFLICT, "Requirements, corrected as far as possible:"),
    ],
)
def test_correction_says_whether_it_can_be_installed(
    environment: EmulatedEnvironment, shell: InteractiveShell, verdict: Verdict, heading: str
) -> None:
    error = refused(environment, shell, Checker(None, verdict), f"{LINE}\n{MISTAKES}")
    assert heading in error.lines(MAGICS)
    problems = [str(problem) for problem in error.problems]
    is_named = "corrected requirements: line 3 old==1: there is no wheel" in problems
    assert is_named == (verdict is Verdict.CONFLICT)


@pytest.mark.parametrize(
    "cell",
    [
        f"{LINE}\n{MISTAKES}-r other.txt\n",
        f"{LINE.replace('Python3_11_7', 'mine')}\n{MISTAKES}",
        f"{LINE} --subscription no\n{MISTAKES}",
        f"{LINE} --clusters-from 'where 1 == 1'\n{MISTAKES}",
        f"{LINE} --no-check\n{MISTAKES}humanize=4\n",
    ],
    ids=["mistakes without a correction", "base image of the cluster", "other mistakes", "query", "no check"],
)
def test_cell_is_not_checked_if(environment: EmulatedEnvironment, shell: InteractiveShell, cell: str) -> None:
    checker = Checker(None)
    error = refused(environment, shell, checker, cell)
    assert checker.texts == []
    assert any(problem.line for problem in error.problems)  # the mistakes are named anyway
    assert environment.changes == []
