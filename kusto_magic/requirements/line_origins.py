"""Lines of a text that was put together: the file and the line that each of them comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from kusto_magic.errors import Problem

_CITED = re.compile(r"\blines? (\d{1,6}(?:–\d{1,6})?(?:(?:, | and )\d{1,6}(?:–\d{1,6})?)*+)")
_SEPARATOR = re.compile(r", | and ")


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Where a line comes from: `line` is its number in the text that the user wrote, or in the included `file`."""

    line: int
    file: str = ""


def relabel(message: str, origins: Sequence[LineOrigin]) -> str:
    """Replace the numbers of lines that a message cites ("line 3", "lines 1–4, 7") by those of their origins."""
    return _CITED.sub(lambda found: _label(found[1], origins), message) if origins else message


def _label(numbers: str, origins: Sequence[LineOrigin]) -> str:
    cited = [number for part in _SEPARATOR.split(numbers) for number in _range(part)]
    found = [origins[min(number, len(origins)) - 1] for number in cited if number]
    return ", ".join(lines_label(group) for group in _by_file(found)) or f"line {numbers}"


def _range(text: str) -> range:
    first, _, last = text.partition("–")
    return range(int(first), min(int(last or first), int(first) + 100_000) + 1)


def _by_file(origins: Sequence[LineOrigin]) -> Iterator[list[LineOrigin]]:
    for _, group in groupby(sorted(set(origins), key=attrgetter("file", "line")), key=attrgetter("file")):
        yield list(group)


def lines_label(origins: Sequence[LineOrigin]) -> str:
    """Return lines of one file as text: "line 3", "base.txt lines 1–4, 7"."""
    spans: list[list[int]] = []
    for number in (origin.line for origin in origins):
        if spans and number == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    text = ", ".join("–".join(map(str, span)) for span in spans)
    file = f"{origins[0].file} " if origins[0].file else ""
    return f"{file}{'line' if len(origins) == 1 else 'lines'} {text}"


def with_origin(problem: Problem, origins: Sequence[LineOrigin]) -> Problem:
    """Return a problem with the line from which its line comes, and the included file."""
    if not origins:
        return problem
    message = relabel(problem.message, origins)
    if problem.line is None:
        return replace(problem, message=message)
    origin = origins[min(problem.line, len(origins)) - 1]
    return replace(problem, message=message, line=origin.line, file=origin.file)
