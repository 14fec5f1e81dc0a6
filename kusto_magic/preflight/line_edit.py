"""Changes of a requirements text that replace or delete package lines, and keep comments and other lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kusto_magic.preflight.line_problems import LineProblem
from kusto_magic.requirements.correction import LineChange

_LINE_END = re.compile(r"\r\n|\n|\r")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")


def changes_of(text: str, problems: Iterable[LineProblem]) -> list[LineChange]:
    """Return the changes of `text` that fix its problems, all of which have a fix."""
    physical = _LINE_END.split(text)
    return [change for problem in problems for change in _changes(physical, problem)]


def _changes(physical: list[str], problem: LineProblem) -> Iterator[LineChange]:
    number = problem.line.line
    before = physical[number - 1]
    reason = problem.reason if problem.replacement else f"{problem.reason}; deleted"
    after = _with_code(before, problem.replacement.text) if problem.replacement else ""
    yield LineChange(number, before, after, reason)
    # The line ends where the parser ends it: at the first physical line that is not continued.
    while physical[number - 1].endswith("\\") and number < len(physical):
        number += 1
        yield LineChange(number, physical[number - 1], "", f"continues line {problem.line.line}")
        if physical[number - 1].lstrip().startswith("#"):
            break


def _with_code(line: str, code: str) -> str:
    """Return a physical line with its indent and comment, and other code."""
    bare = line.lstrip(" \t\f\ufeff")
    indent = line[: len(line) - len(bare)]
    comment = _COMMENT.search(bare.removesuffix("\\"))
    if comment is None:
        return indent + code
    blanks = bare[len(bare[: comment.start()].rstrip()) : comment.start()]
    return indent + code + blanks + comment[0]
