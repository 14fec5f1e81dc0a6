"""Package indexes that project and lock files name, and which packages may come from a private one.

A package of a private index is left out: on the public index, anyone can have published another one of that name.

Sources: the documentation of pipenv ("Specifying package indexes"), poetry ("Repositories"), uv ("Package indexes")
and PDM ("Configure the package indexes").
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from kusto_magic.requirements.sources import MAY_BE_ANOTHER, UNKNOWN_INDEX, private_index
from kusto_magic.requirements.well_known import is_well_known

SECTION = re.compile(r"\s*(\[\[?)\s*([A-Za-z][\w.\"'-]*+)\s*+\]{1,2}\s*+(?:#.*)?")
"""The line that begins a table of TOML: its brackets and its name."""

_SOURCE_TABLES = frozenset({"source", "tool.poetry.source", "tool.uv.index", "tool.pdm.source"})
_UV_URLS = ("index-url", "extra-index-url", "find-links")
_PUBLIC_NAMES = frozenset({"pypi", "pypi-public"})


@dataclass(frozen=True, slots=True)
class ProjectIndexes:
    """The indexes of a project file, as text ("the index at HOST"; "" for a public one).

    `by_name` are all indexes; `searched` is a private one in which every package is looked for, or "". `pinned` are
    the entries of `[tool.uv.sources]`, which say where packages come from, by normalized names.
    """

    by_name: Mapping[str, str] = field(default_factory=dict)
    searched: str = ""
    pinned: Mapping[str, Any] = field(default_factory=dict)

    def problem(self, name: str, index: object = None) -> str:
        """Return why the package `name` of the index that is called `index`, if any, must be left out, or ""."""
        if isinstance(index, str):
            known = "" if index.lower() in _PUBLIC_NAMES else UNKNOWN_INDEX
            return private_package(name, self.by_name.get(index.lower(), known))
        if self.searched and not is_well_known(name):
            return f"{name} may be from {self.searched}, and {MAY_BE_ANOTHER}"
        return ""

    def pinned_to(self, name: str) -> Mapping[str, Any]:
        """Return the entry that says where a package comes from; empty if there is none."""
        entry = self.pinned.get(canonicalize_name(name), {})
        entry = entry[0] if isinstance(entry, list) and entry else entry  # alternatives with markers
        return entry if isinstance(entry, Mapping) else {}


NO_INDEXES = ProjectIndexes()
"""What a text without indexes says of them."""


def private_package(name: str, index: str) -> str:
    """Return why a package of a private index ("the index at HOST") is left out; "" for a public one."""
    return f"{name} is from {index}, and {MAY_BE_ANOTHER}" if index else ""


def project_indexes(lines: Sequence[str]) -> ProjectIndexes:
    """Read the indexes of a project file in TOML."""
    tables = list(_tables(lines))
    sources = [source for name, table in tables for source in _sources(name, table)]
    pinned = [table for name, table in tables if name == "tool.uv.sources"]
    pinned += [table["sources"] for _, table in tables if isinstance(table.get("sources"), Mapping)]
    return ProjectIndexes(
        {source.name: source.place for source in sources},
        next((source.place for source in sources if source.place and source.is_searched), ""),
        {str(canonicalize_name(name)): entry for table in pinned for name, entry in table.items()},
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """An index: its name in lower case, where it is ("" for a public one), and whether all packages are looked for."""

    name: str
    place: str
    is_searched: bool


def _tables(lines: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the tables that name indexes: their names and contents; {} if a table cannot be read."""
    starts = [index for index, line in enumerate(lines) if SECTION.fullmatch(line)]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        found = SECTION.fullmatch(lines[start])
        name = found[2] if found else ""
        if name in _SOURCE_TABLES or name in ("tool.uv", "tool.uv.pip", "tool.uv.sources"):
            yield name, table_of(lines[start + 1 : end])
        elif name.startswith("tool.uv.sources."):
            package = name.removeprefix("tool.uv.sources.").strip("\"'")
            yield "tool.uv.sources", {package: table_of(lines[start + 1 : end])}


def table_of(lines: Iterable[str]) -> dict[str, Any]:
    """Return the contents of a table of TOML, empty if they cannot be read."""
    try:
        return tomllib.loads("\n".join(lines))
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return {}


def _sources(name: str, table: Mapping[str, Any]) -> Iterator[_Source]:
    if name in _SOURCE_TABLES:
        yield _source(table)
    elif name in ("tool.uv", "tool.uv.pip"):
        yield from map(_source, filter(_is_table, _list(table.get("index"))))
        urls = [url for key in _UV_URLS for url in _list(table.get(key))]
        yield from (_Source("", private_index(str(url)), is_searched=True) for url in urls)


def _source(table: Mapping[str, Any]) -> _Source:
    name, url = str(table.get("name", "")).lower(), table.get("url")
    place = private_index(url) if isinstance(url, str) else "" if name in _PUBLIC_NAMES else UNKNOWN_INDEX
    return _Source(name, place, table.get("explicit") is not True and table.get("priority") != "explicit")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)
