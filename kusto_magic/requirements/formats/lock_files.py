"""Lock files in TOML: poetry.lock, uv.lock, pdm.lock and pylock.toml.

Sources: the documentation of poetry and PDM, uv's lock files, and the specification of pylock.toml (PEP 751).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kusto_magic.requirements.formats.project_indexes import SECTION, private_package, table_of
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, pin
from kusto_magic.requirements.sources import MAY_BE_ANOTHER, UNKNOWN_INDEX, is_private_address, private_index
from kusto_magic.requirements.well_known import is_well_known

_BLOCK = re.compile(r"\s*\[\[\s*packages?\s*\]\]\s*(?:#.*)?")
_PIN = re.compile(r"\s*(name|version)\s*=\s*[\"']([^\"']+)[\"']\s*")
_GIT_KEYS = ("rev=", "tag=", "branch=", "subdirectory=", "lfs=")
"""Keys that uv appends to the URL of a repository."""

_LOCKED = "a package of a lock file"
_FOLDERS = ("editable", "virtual", "directory", "path")
_OTHER_KINDS = ("git", "vcs", "url", "archive")


def is_lock_file(lines: Sequence[str]) -> bool:
    """Return whether the lines are those of a lock file."""
    return any(_BLOCK.fullmatch(line) for line in lines)


def lock_file(lines: Sequence[str]) -> dict[int, Rewrite]:
    """Rewrite a lock file: the name and version of each package become a line, at that of the version."""
    filled = (index for index, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#"))
    result = dict.fromkeys(filled, deleted(_LOCKED))
    starts = [index for index, line in enumerate(lines) if _BLOCK.fullmatch(line)]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        result |= {start + place: rewrite for place, rewrite in _block(lines[start:end])}
    return result


def _block(lines: Sequence[str]) -> Iterator[tuple[int, Rewrite]]:
    """Yield the line that a package becomes, with the index of the line that has its version."""
    table = _package(lines)
    found = {match[1]: (place, match[2]) for place, match in reversed(_pins(lines))}
    if "name" not in found:
        return
    name = found["name"][1]
    place, version = found.get("version", (found["name"][0], ""))
    version = version if is_version(version) else ""
    if table is None:
        problem = "" if is_well_known(name) else private_package(name, UNKNOWN_INDEX)
    else:
        problem = _problem(name, table, version)
    yield place, deleted(problem) if problem else Rewrite((pin(name, version),), _reason(name, table or {}))


def _pins(lines: Sequence[str]) -> list[tuple[int, re.Match[str]]]:
    """Return the name and the version of a package: those before the first table inside of it."""
    head = list(itertools.takewhile(lambda line: not SECTION.fullmatch(line), lines[1:]))
    return [(place, found) for place, line in enumerate(head, start=1) if (found := _PIN.fullmatch(line))]


def _package(lines: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the table of a package, or None if it cannot be read."""
    document = table_of(lines)
    tables = document.get("package", document.get("packages"))
    return tables[0] if isinstance(tables, list) and tables and isinstance(tables[0], Mapping) else None


def _origin(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entries that say where a package comes from: in a table of their own, or beside its name."""
    source = table.get("source")
    return source if isinstance(source, Mapping) else table


def _problem(name: str, table: Mapping[str, Any], version: str) -> str:
    origin = _origin(table)
    if origin.get("type") in ("directory", "file") or any(key in origin for key in _FOLDERS):
        return f"{name} is the project itself, or another folder of the machine that locked it"
    index = origin.get("registry", origin.get("index", origin.get("url") if origin.get("type") == "legacy" else None))
    if isinstance(index, str):
        return private_package(name, private_index(index))
    if is_private_address(_address(origin)):
        return f"{name} is from an address that may be private, and {MAY_BE_ANOTHER}"
    return "" if version else f"{name} has no version"


def _reason(name: str, table: Mapping[str, Any]) -> str:
    if not _address(_origin(table)):
        return _LOCKED
    return f"{name} is from an address, not from an index; the package of this name in the index may differ"


def _address(origin: Mapping[str, Any]) -> str:
    """Return the URL of a repository or of a file, "" for a package of an index."""
    found = next((origin[key] for key in _OTHER_KINDS if key in origin), "")
    url = found.get("url", found.get("path", "")) if isinstance(found, Mapping) else found
    plain, _, query = str(url).partition("#")[0].partition("?")
    return plain if all(part.startswith(_GIT_KEYS) for part in query.split("&") if part) else str(url)
