"""Changes of a requirements text that replace package lines or make them comments, and keep the other lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kusto_magic.preflight.line_problems import LineProblem
from kusto_magic.requirements.correction import LineChange
from kusto_magic.requirements.parser import COMMENT

_LINE_END = re.compile(r"\r\n|\n|\r")


def changes_of(text: str, problems: Iterable[LineProblem]) -> list[LineChange]:
    """Return the changes of `text` that fix its problems, all of which have a fix."""
    physical = _LINE_END.split(text)
    return [_change(physical, problem) for problem in problems]


def _change(physical: list[str], problem: LineProblem) -> LineChange:
    number = problem.line.line
    first, *rest = _physical_lines(physical, number)
    code = problem.replacement.text if problem.replacement else f"# {problem.line.text}"
    comments = "".join(f"  {found[0].rstrip()}" for line in rest if (found := _comment(line)))
    reason = "" if problem.replacement else f"  (left out: {problem.reason})"
    after = f"{_with_code(first, code)}{comments}{reason}"
    return LineChange(number, "\n".join([first, *rest]), after, problem.reason, problem.replacement is None)


def _comment(line: str) -> re.Match[str] | None:
    """Return the comment of a physical line, without the continuation at its end."""
    return COMMENT.search(line.removesuffix("\\"))


def _physical_lines(physical: list[str], number: int) -> Iterator[str]:
    """Return a line and those that continue it; it ends where the parser ends it."""
    for index, line in enumerate(physical[number - 1 :]):
        yield line
        if not line.endswith("\\") or (index and line.lstrip().startswith("#")):
            break


def _with_code(line: str, code: str) -> str:
    """Return a physical line with its indent and comment, and other code."""
    bare = line.lstrip(" \t\f\ufeff")
    indent = line[: len(line) - len(bare)]
    comment = _comment(bare)
    if comment is None:
        return indent + code
    blanks = bare[len(bare[: comment.start()].rstrip()) : comment.start()]
    return indent + code + blanks + comment[0].rstrip()
