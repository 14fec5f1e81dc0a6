"""Version specifiers of poetry and Pipfile: `^1.2`, `~1.2`, `*`, and tables with a version and extras.

Source: the documentation of poetry, "Dependency specification".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from packaging.version import InvalidVersion, Version

from kusto_magic.requirements.formats.project_indexes import NO_INDEXES, ProjectIndexes
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, parsed

NOTATION = "poetry's notation"

_ENTRY = re.compile(r"(?:[A-Za-z0-9][\w.-]*+|\"[\w.-]++\")\s*+=\s*+(?:[\"'{]|\[\s*+\{).*+")
_CARET = re.compile(r"([A-Za-z0-9][\w.-]*(?:\[[\w., -]*\])?)\s*+(?:(?:==?|@)\s*+)?[\"']?([\^~]\s*+\d[\w.]*)[\"']?,?")
_PAIR = re.compile(r"([\"']?)([A-Za-z0-9][\w.-]*+)\1\s*+:\s*+([\"'])([\^~<>=!]{0,2}\s?\d[\w.*,<>=! |^~-]*+|\*)\3,?")
_SEPARATOR = re.compile(r"[\s,]+")
_OPERATOR_BLANK = re.compile(r"(?<=[\^~<>=!])\s+(?=\d)")
_AT = re.compile(r"([A-Za-z0-9][\w.-]*(?:\[[\w., -]*\])?)@((?:[\^~<>=!]=?)?\d[\w.*]*|latest)")


def entries(code: str, indexes: ProjectIndexes = NO_INDEXES) -> Rewrite | None:
    """Rewrite an entry of a table of TOML, such as `pandas = "^2.2"`."""
    if not _ENTRY.fullmatch(code):
        return None
    try:
        (name, value), *more = tomllib.loads(code).items()
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return None
    return None if more else entry(name, value, indexes)


def carets(code: str) -> Rewrite | None:
    """Rewrite `pandas ^2.2`, `pandas@^2.2` and `pandas@latest`, as on the command line of poetry."""
    found = _CARET.fullmatch(code) or _AT.fullmatch(code)
    if not found:
        return None
    version = found[2].replace(" ", "")
    specifier = "" if version == "latest" else specifier_set(version)
    line = found[1] + (specifier or "")
    return Rewrite((line,), NOTATION) if specifier is not None and parsed(line) else None


def pairs(code: str) -> Rewrite | None:
    """Rewrite an entry of YAML or JSON with a version in quotes, such as `"pandas": "^2.2",`."""
    found = _PAIR.fullmatch(code)
    rewrite = entry(found[2], found[4]) if found else None
    return replace(rewrite, reason="an entry of YAML or JSON") if rewrite and rewrite.reason == NOTATION else rewrite


def entry(name: str, value: Any, indexes: ProjectIndexes = NO_INDEXES) -> Rewrite | None:
    """Rewrite an entry: its value is a version, or a table with one."""
    if name.lower() == "python":
        return deleted("Python itself comes with the base image")
    table = value if isinstance(value, Mapping) else {"version": value}
    version, extras, marker = table.get("version"), table.get("extras", []), table.get("markers", "")
    if problem := indexes.problem(name, table.get("source", table.get("index"))):
        return deleted(problem)
    if isinstance(value, list):
        return Rewrite((name,), f"{name} has several versions; without one, the newest that fits is installed")
    if not isinstance(version, str):
        return deleted(f"{name} is not from a package index")
    specifier = specifier_set(version)
    if specifier is None:
        return None
    part = f"[{','.join(map(str, extras))}]" if extras else ""
    line = f"{name}{part}{specifier}" + (f"; {marker}" if marker else "")
    alternatives = f"{NOTATION}; the last of the ranges that '||' separates, as a line has only one"
    return Rewrite((line,), alternatives if "||" in version else NOTATION) if parsed(line) else None


def specifier_set(text: str) -> str | None:
    """Return poetry's version as a PEP 440 specifier set ("^1.2" is ">=1.2,<2.0"), or None if it is not one.

    Of alternatives ("^1 || ^2"), which a specifier set cannot express, it is the last, by convention the newest.
    """
    last = text.rpartition("||")[2].strip()
    parts = [_specifier(part) for part in _SEPARATOR.split(_OPERATOR_BLANK.sub("", last)) if part]
    known = [part for part in parts if part is not None]
    return ",".join(part for part in known if part) if len(known) == len(parts) else None


def _specifier(text: str) -> str | None:
    if text in ("", "*"):
        return ""
    version = text.lstrip("^~=<>! ")
    operator = text[: len(text) - len(version)].strip()
    if operator in ("^", "~"):
        return _upper_bound(operator, version)
    if not is_version(version.removesuffix(".*")):
        return None
    return f"{'==' if operator in ('', '=') else operator}{version}"


def _upper_bound(operator: str, version: str) -> str | None:
    try:
        release = Version(version).release
    except InvalidVersion:
        return None
    place = min(1, len(release) - 1) if operator == "~" else _first_nonzero(release)
    upper = [*release[:place], release[place] + 1]
    return f">={version},<{'.'.join(map(str, upper))}"


def _first_nonzero(release: tuple[int, ...]) -> int:
    return next((place for place, number in enumerate(release) if number), len(release) - 1)
