"""A corrected requirements text, and what was changed in it.

A correction is proposed: it is sent only if its user applies it or passes `--fix`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kusto_magic.requirements.parser import COMMENT

_LINES = re.compile(r"[^\r\n]*+(?:\r\n|\n|\r)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class LineChange:
    """A changed line: `line` is its number in the original text, counted from 1.

    `before` is the line as written, with those that continue it, `after` what replaces it ("" if it was deleted,
    several lines if it was split), and `reason` is why, a phrase without a final period. `is_left_out` is whether
    `after` is only a comment: what the line asks for is not in the corrected text.
    """

    line: int
    before: str
    after: str
    reason: str
    is_left_out: bool = False

    @property
    def code(self) -> str:
        """The line before the change on one line, without comments."""
        parts = (COMMENT.sub("", line).strip("\ufeff \t").removesuffix("\\") for line in self.before.splitlines())
        return " ".join(part.strip() for part in parts if part.strip())


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
    lines = _LINES.findall(text)  # as the parser counts them
    corrected, number = [], 1
    while number <= len(lines):
        change = by_line.get(number)
        count = change.before.count("\n") + 1 if change else 1
        last = lines[min(number + count, len(lines) + 1) - 2]
        corrected.append(_changed(last, change) if change else last)
        number += count
    return Correction("".join(corrected), tuple(change for _, change in sorted(by_line.items())))


def _changed(last: str, change: LineChange) -> str:
    """Return what replaces the lines of a change, with the ending of the `last` of them."""
    ending = last[len(last.rstrip("\r\n")) :]
    return change.after + ending if change.after else ""


def correction_json(correction: Correction | None) -> dict[str, Any] | None:
    """Return a correction as JSON, null if there is none."""
    if correction is None:
        return None
    changes = [
        {
            "line": change.line,
            "before": change.before,
            "after": change.after,
            "reason": change.reason,
            "leftOut": change.is_left_out,
        }
        for change in correction.changes
    ]
    flags = {"complete": correction.is_complete, "checked": correction.is_checked}
    return {"text": correction.text, "changes": changes, **flags}


def correction_from_json(document: Mapping[str, Any] | None) -> Correction | None:
    """Return the correction of a JSON document. Raises KeyError or TypeError if it is not one."""
    if document is None:
        return None
    changes = (
        LineChange(change["line"], change["before"], change["after"], change["reason"], change.get("leftOut", False))
        for change in document["changes"]
    )
    flags = (document.get("complete", True), document.get("checked", True))
    return Correction(document["text"], tuple(changes), *flags)


def combined(text: str, first: Correction, second: Correction) -> Correction | None:
    """Return the correction of `text` that makes the changes of `first`, and in its text those of `second`.

    Return None if the changes of `first` do not show all of what they replace: a secret is not repeated.
    """
    lines = [line.rstrip("\r\n") for line in _LINES.findall(text)]
    earlier = {change.line: change for change in first.changes}
    later = {change.line: change for change in second.changes}
    changes: list[LineChange] = []
    kept: list[str] = []  # the lines after the changes of `first`
    number = 1
    while number <= len(lines):
        change = earlier.get(number) or LineChange(number, lines[number - 1], lines[number - 1], "")
        after = change.after.split("\n") if change.after or not change.before else []
        changes.append(_changed_again(change, [(line, later.get(len(kept) + at)) for at, line in enumerate(after, 1)]))
        kept += after
        number += change.before.count("\n") + 1
    if kept != first.text.splitlines():
        return None
    made = tuple(change for change in changes if change.after != change.before)
    return Correction(second.text, made, first.is_complete and second.is_complete, second.is_checked)


def _changed_again(change: LineChange, lines: list[tuple[str, LineChange | None]]) -> LineChange:
    """Return a change whose lines are changed once more, as far as they have a later change."""
    fixes = [fix for _, fix in lines if fix]
    after = [fix.after if fix else line for line, fix in lines if not fix or fix.after]
    reasons = filter(None, [change.reason, *(fix.reason for fix in fixes)])
    is_left_out = bool(fixes) and len(fixes) == len(lines) and all(fix.is_left_out for fix in fixes)
    return LineChange(change.line, change.before, "\n".join(after), "; ".join(reasons), is_left_out)
