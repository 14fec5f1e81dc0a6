"""A corrected requirements text, and what was changed in it.

A correction is proposed: it is sent only if its user applies it or passes `--fix`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LINES = re.compile(r"[^\r\n]*+(?:\r\n|\n|\r)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class LineChange:
    """A changed line: `line` is its number in the original text, counted from 1.

    `before` is the line as written, `after` what replaces it ("" if it was deleted, a comment if it was left out,
    several lines if it was split), and `reason` is why, a phrase without a final period.
    """

    line: int
    before: str
    after: str
    reason: str

    @property
    def is_left_out(self) -> bool:
        """Whether the line is kept as a comment only: what it asks for is not in the corrected text."""
        return self.after.lstrip().startswith("#") and not self.before.lstrip().startswith("#")


@dataclass(frozen=True, slots=True)
class Correction:
    """The whole corrected `text` and its `changes`, in the order of their lines.

    `is_complete` is whether nothing is left that is known to be wrong, `is_checked` whether the text can be installed
    according to the check.
    """

    text: str
    changes: tuple[LineChange, ...]
    is_complete: bool = True
    is_checked: bool = True

    @property
    def left_out(self) -> tuple[LineChange, ...]:
        """The changes of the lines that are kept as comments only."""
        return tuple(change for change in self.changes if change.is_left_out)

    @property
    def heading(self) -> str:
        """The heading of the corrected text."""
        if not self.is_complete:
            return "Requirements, corrected as far as possible:"
        return "Corrected requirements:" if self.is_checked else "Corrected requirements, not checked yet:"

    def lines(self) -> list[str]:
        """Return the heading and the text as lines of a message."""
        return [self.heading, *(f"  {line}" for line in self.text.splitlines())]


def correct_lines(text: str, changes: Iterable[LineChange]) -> Correction:
    """Return the correction of `text` by `changes`, at most one for a line; the other lines stay as they are."""
    by_line = {change.line: change for change in changes}
    lines = [
        _changed(line, by_line[number]) if number in by_line else line
        for number, line in enumerate(_LINES.findall(text), start=1)  # as the parser counts them
    ]
    return Correction("".join(lines), tuple(change for _, change in sorted(by_line.items())))


def _changed(line: str, change: LineChange) -> str:
    ending = line[len(line.rstrip("\r\n")) :]
    return change.after + ending if change.after else ""


def correction_json(correction: Correction | None) -> dict[str, Any] | None:
    """Return a correction as JSON, null if there is none."""
    if correction is None:
        return None
    changes = [
        {"line": change.line, "before": change.before, "after": change.after, "reason": change.reason}
        for change in correction.changes
    ]
    flags = {"complete": correction.is_complete, "checked": correction.is_checked}
    return {"text": correction.text, "changes": changes, **flags}


def correction_from_json(document: Mapping[str, Any] | None) -> Correction | None:
    """Return the correction of a JSON document. Raises KeyError or TypeError if it is not one."""
    if document is None:
        return None
    changes = (
        LineChange(change["line"], change["before"], change["after"], change["reason"])
        for change in document["changes"]
    )
    flags = (document.get("complete", True), document.get("checked", True))
    return Correction(document["text"], tuple(changes), *flags)


def aligned_text(text: str, correction: Correction) -> str:
    """Return the text of the correction of `text`, with empty lines in place of deleted ones.

    Its lines have the numbers of the original ones, unless a line was split.
    """
    return "\n".join(line for change in _all_lines(text, correction) for line in _aligned(change))


def combined(text: str, first: Correction, second: Correction) -> Correction:
    """Return the correction of `text` that makes the changes of `first`, and in its aligned text those of `second`."""
    later = {change.line: change for change in second.changes}
    numbers = itertools.count(1)
    changes = [
        _changed_again(change, [(line, later.get(next(numbers))) for line in _aligned(change)])
        for change in _all_lines(text, first)
    ]
    made = tuple(change for change in changes if change.after != change.before)
    lines = [change.after for change in changes if change.after or not change.before]
    ending = "\n" if first.text.endswith("\n") and lines and lines[-1] else ""
    is_complete = first.is_complete and second.is_complete
    return Correction("\n".join(lines) + ending, made, is_complete, second.is_checked)


def _all_lines(text: str, correction: Correction) -> Iterator[LineChange]:
    """Return the changes of a correction, and the other lines as changes that change nothing."""
    lines = [line.rstrip("\r\n") for line in _LINES.findall(text)]
    changes = {change.line: change for change in correction.changes}
    number = 1
    while number <= len(lines):
        change = changes.get(number) or LineChange(number, lines[number - 1], lines[number - 1], "")
        yield change
        number += change.before.count("\n") + 1


def _aligned(change: LineChange) -> list[str]:
    """Return the lines after a change, with empty ones up to the number of lines before it."""
    lines = change.after.split("\n")
    return lines + [""] * (change.before.count("\n") + 1 - len(lines))


def _changed_again(change: LineChange, lines: list[tuple[str, LineChange | None]]) -> LineChange:
    """Return a change whose lines are changed once more, as far as they have a later change."""
    after = [fix.after if fix else line for line, fix in lines]
    reasons = [change.reason, *(fix.reason for _, fix in lines if fix)]
    kept = "\n".join(line for line in after if line)
    return LineChange(change.line, change.before, kept, "; ".join(filter(None, reasons)))
