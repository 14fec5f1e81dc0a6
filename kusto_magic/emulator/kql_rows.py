"""Execution of a parsed query on rows. Comparisons are case-sensitive only where KQL's documentation says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from kusto_magic.emulator.kql import Comparison, Condition, Junction, Negation, Order, Path, Project, Query, Take, Where

Row = Mapping[str, Any]


def run(query: Query, rows: Iterable[Row]) -> list[Row]:
    """Apply the steps of the query to the rows and return the result."""
    found = list(rows)
    for step in query.steps:
        match step:
            case Where(condition):
                found = [row for row in found if _holds(condition, row)]
            case Project(columns):
                found = [{name: _value(path, row) for name, path in columns} for row in found]
            case Take(count):
                found = found[:count]
            case Order(keys):
                for path, descending in reversed(keys):  # sorting is stable: the last key first
                    found.sort(key=partial(_text, path), reverse=descending)
    return found


def _holds(condition: Condition, row: Row) -> bool:
    match condition:
        case Negation(of):
            return not _holds(of, row)
        case Junction(every, parts):
            return (all if every else any)(_holds(part, row) for part in parts)
        case Comparison(path, operator, texts):
            test, negated = _TESTS[operator.removeprefix("!")], operator.startswith("!")
            return negated != any(test(_text(path, row), text) for text in texts)


def _value(path: Path, row: Row) -> Any:
    value: Any = row
    for part in path.parts:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(path: Path, row: Row) -> str:
    """Return the value as a string. KQL strings have no null: a missing value is the empty string.

    That a number in a bag is compared as its text is the emulator's own choice.
    """
    value = _value(path, row)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _same(left: str, right: str) -> bool:
    return left == right


def _alike(left: str, right: str) -> bool:
    return left.casefold() == right.casefold()


def _has(left: str, right: str) -> bool:
    """Return whether `left` contains `right` as a whole term: no letter or digit before or after it."""
    text, term = left.casefold(), right.casefold()
    at = text.find(term)
    while at >= 0:
        end = at + len(term)
        if not text[max(at - 1, 0) : at].isalnum() and not text[end : end + 1].isalnum():
            return True
        at = text.find(term, at + 1)
    return False


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "==": _same,
    "=": _same,  # of !=
    "in": _same,
    "=~": _alike,
    "~": _alike,  # of !~
    "in~": _alike,
    "has": _has,
    "contains": lambda left, right: right.casefold() in left.casefold(),
    "startswith": lambda left, right: left.casefold().startswith(right.casefold()),
    "endswith": lambda left, right: left.casefold().endswith(right.casefold()),
}
"""The predicate of each operator; a leading "!" negates it."""
