"""What a conversion found, as problems of the text, and as notes on what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kusto_magic.errors import Problem, excerpt
from kusto_magic.requirements import parser
from kusto_magic.requirements.correction import LineChange
from kusto_magic.requirements.formats.conversion import Conversion
from kusto_magic.requirements.line_origins import LineOrigin, lines_label

MAX_SINGLE = 3
"""Number of changes with the same reason that are listed one by one; more, and deletions, become one entry."""

_MAX_SHOWN = 80


def problems(
    conversion: Conversion, *, allow_index_options: bool = False, allow_no_packages: bool = False
) -> list[Problem]:
    """Return a problem for each proposed change, and those that remain after all changes, in the order of the lines."""
    remaining = remaining_problems(
        conversion, allow_index_options=allow_index_options, allow_no_packages=allow_no_packages
    )
    proposed = [problem for group in _groups(conversion.proposed) for problem in _group_problems(conversion, group)]
    if proposed:  # that no line would remain is not what is wrong with the text
        remaining = [problem for problem in remaining if problem.line is not None]
    return _first(sorted([*proposed, *remaining], key=lambda problem: problem.line or 0))


def _first(found: list[Problem]) -> list[Problem]:
    more = len(found) - parser.MAX_PROBLEMS
    if more <= 0:
        return found
    rest = Problem("requirements", f"{more} more problems; the corrected requirements contain all changes")
    return [*found[: parser.MAX_PROBLEMS], rest]


def remaining_problems(
    conversion: Conversion, *, allow_index_options: bool = False, allow_no_packages: bool = False
) -> list[Problem]:
    """Return the problems of the corrected text, with the lines of the original one."""
    found = parser.problems(
        conversion.corrected_text, allow_index_options=allow_index_options, allow_no_packages=allow_no_packages
    )
    return [original_line(conversion, problem, proposed=True) for problem in found]


def original_line(conversion: Conversion, problem: Problem, *, proposed: bool) -> Problem:
    """Return a problem of the rewritten text with the line of the original one."""
    if problem.line is None or not conversion.pieces:
        return problem
    return replace(problem, line=conversion.origin(problem.line, proposed=proposed))


def notes(changes: Sequence[LineChange]) -> list[str]:
    """Return what was changed, a line of text for each change or group of changes, in the order of the lines."""
    found = [note for group in _groups(changes) for note in _group_notes(group)]
    return [text for _, text in sorted(found, key=lambda note: note[0])]


def _groups(changes: Iterable[LineChange]) -> list[list[LineChange]]:
    groups: dict[str, list[LineChange]] = {}
    for change in changes:
        groups.setdefault(change.reason, []).append(change)
    return list(groups.values())


def _group_problems(conversion: Conversion, group: list[LineChange]) -> Iterator[Problem]:
    first = group[0]
    hint = conversion.hint(first.line)
    if len(group) > (MAX_SINGLE if any(change.after for change in group) else 1):
        yield Problem("requirements", f"{first.reason} ({lines_text(group)})", first.line, hint)
        return
    for change in group:
        fix = change.after if "\n" not in change.after + change.before else ""
        yield Problem("requirements", change.reason + _instruction(change), change.line, hint, fix)


def _instruction(change: LineChange) -> str:
    if not change.after:
        return "" if "delete it" in change.reason else "; delete it"
    if "\n" in change.after:
        return f"; write {change.after.count(chr(10)) + 1} lines"
    return f"; write {change.after}" if len(change.after) <= _MAX_SHOWN else ""


def _group_notes(group: list[LineChange]) -> Iterator[tuple[int, str]]:
    """Yield the notes of changes with the same reason, each with its first line."""
    if len(group) > MAX_SINGLE:
        yield group[0].line, f"{lines_text(group)}: {group[0].reason}"
        return
    for change in group:
        shown = [excerpt(line)[1:-1] for line in change.after.splitlines()]
        more = f", … ({len(shown)} lines)" if len(shown) > 4 else ""
        result = ", ".join(shown[:4]) + more or f"{excerpt(change.before.strip())} deleted"
        yield change.line, f"line {change.line}: {result} ({change.reason})"


def lines_text(changes: Sequence[LineChange]) -> str:
    """Return the lines of changes as text: "line 3", "lines 1–4, 7"."""
    return lines_label([LineOrigin(number) for number in sorted({each for one in changes for each in _numbers(one)})])


def _numbers(change: LineChange) -> range:
    return range(change.line, change.line + change.before.count("\n") + 1)
