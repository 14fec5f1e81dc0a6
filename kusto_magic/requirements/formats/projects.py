"""Project and lock files: pyproject.toml, Pipfile, poetry.lock, uv.lock, setup.py and setup.cfg.

The lines are read one by one, so that each changed line has its reason, also in a file that is pasted in part.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from kusto_magic.requirements.formats.lock_files import is_lock_file, lock_file
from kusto_magic.requirements.formats.poetry import entries, entry
from kusto_magic.requirements.formats.project_indexes import (
    NO_INDEXES,
    SECTION,
    ProjectIndexes,
    project_indexes,
    table_of,
)
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, parsed

_LIST = re.compile(
    r"\s*(?:dependencies|install_requires|requires|REQUIREMENTS|requirements|INSTALL_REQUIRES)\s*=\s*(.*)"
)
_OTHER_LIST = re.compile(r"\s*[\w.\"'-]+\s*=\s*[\[({]\s*(?:#.*)?")
_STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_COMMENT = re.compile(r"(?:^|\s)#[^\"']*$")

_TABLE_OF_ONE = re.compile(r"\s*\[(?:tool\.poetry\.dependencies|packages)\.([\w\"'-][\w.\"'-]*+)\]")
_ENTRY_TABLE = "the table of one dependency"
_TABLES = ("tool.poetry.dependencies", "packages")
_SECTIONS_TEXT = "project packages dev-packages package build-system metadata options source requires"
_SECTIONS = frozenset(_SECTIONS_TEXT.split())
_OTHER = "a project file: only its dependencies are packages"
_ITEM = "a dependency of a project file"
_SETUP = re.compile(
    r"\s*(?:from\s+(?:setuptools|distutils)\S*\s+import\s.*|(?:setuptools\.)?setup\s*\(.*|install_requires\s*=.*)"
)


def toml_file(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the lines of a project file in TOML, or of a lock file."""
    if is_lock_file(lines):
        return lock_file(lines)
    sections = [found[2].strip() for line in lines if (found := SECTION.fullmatch(line))]
    if not any(name in _SECTIONS or name.startswith(("tool.", "project.", "options.")) for name in sections):
        return None
    return dict(_Reader(indexes=project_indexes(lines)).read(lines))


def setup_file(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the lines of a setup.py, or of the list of its requirements."""
    if not any(_SETUP.fullmatch(line) for line in lines):
        return None
    return dict(_Reader("project").read(lines))


def _from(lines: Sequence[str], start: int) -> Iterator[str]:
    return (lines[index] for index in range(start, len(lines)))


class _Reader:
    """Reads a project file from its first line to its last."""

    def __init__(self, section: str = "", indexes: ProjectIndexes = NO_INDEXES) -> None:
        self._section = section
        self._indexes = indexes
        self._in_list = self._in_other_list = False

    def read(self, lines: list[str]) -> Iterator[tuple[int, Rewrite]]:
        """Yield the rewritten lines with their index."""
        for index, line in enumerate(lines):
            code = _COMMENT.sub("", line).rstrip()
            if not self._in_list and (name := _TABLE_OF_ONE.fullmatch(code)):
                table = itertools.takewhile(lambda other: not SECTION.fullmatch(other), _from(lines, index + 1))
                self._section = _ENTRY_TABLE
                yield index, entry(name[1].strip("\"'"), table_of(table), self._indexes) or Rewrite((code,), _OTHER)
            elif code.strip():
                yield index, self._line(code)

    def _line(self, code: str) -> Rewrite:
        if self._in_list:
            return self._items(code)
        if section := SECTION.fullmatch(code):
            self._section = section[2].strip()
            return deleted(_OTHER)
        if self._in_other_list:
            self._in_other_list = not code.strip().startswith(("]", ")", "}"))
            return deleted(_OTHER)
        if self._section in _TABLES:
            return self._entry(code.strip())
        found = _LIST.fullmatch(code) if self._section in ("", "project", "options") else None
        if found:
            self._in_list = True
            return self._items(found[1].strip().lstrip("["))
        self._in_other_list = bool(_OTHER_LIST.fullmatch(code))
        return deleted(_OTHER)

    def _entry(self, code: str) -> Rewrite:
        """Rewrite an entry of a table of dependencies; one that is not understood stays, and is a problem."""
        self._in_other_list = code.endswith("[")
        if not self._in_other_list:
            return entries(code, self._indexes) or Rewrite((code,), _OTHER)
        name = code.partition("=")[0].strip(" \"'")
        if problem := self._indexes.problem(name):
            return deleted(problem)
        return Rewrite((name,), f"{name} has several versions; without one, the newest that fits is installed")

    def _items(self, code: str) -> Rewrite:
        """Rewrite a line inside of a list: strings in quotes, or one package per line as in setup.cfg."""
        if self._section == "options" and code[:1].isspace() and parsed(code.strip()):  # setup.cfg has no quotes
            return self._packages([code.strip()])
        strings = [found[1] or found[2] or "" for found in _STRING.finditer(code)]
        rest = _STRING.sub("", code).strip(" \t,")
        if (
            rest.startswith(("]", ")"))
            or rest.endswith("]")
            or (not strings and self._section == "options" and "=" in code and not code[:1].isspace())
        ):
            self._in_list = False
        bare = [code.strip()] if not strings and self._section == "options" and parsed(code.strip()) else []
        packages = tuple(text for text in (*strings, *bare) if text)
        return self._packages(packages) if packages else deleted(_OTHER)

    def _packages(self, items: Sequence[str]) -> Rewrite:
        """Rewrite the items of a line: those that may be private are left out."""
        found = [_from_source(item, self._indexes) for item in items]
        reasons = dict.fromkeys(reason for _, reason in found if reason)
        return Rewrite(tuple(line for line, _ in found if line), "; ".join(reasons) or _ITEM)


def _from_source(item: str, indexes: ProjectIndexes) -> tuple[str, str]:
    """Return the line for an item and why it differs; the line is "" if the package must be left out."""
    package = parsed(item)
    if package is None:
        return item, ""
    entry_of = indexes.pinned_to(package.name)
    extras = f"[{','.join(sorted(package.extras))}]" if package.extras else ""
    if isinstance(url := entry_of.get("url"), str):
        return f"{package.name}{extras} @ {url}", ""
    if isinstance(git := entry_of.get("git"), str):
        reference = entry_of.get("tag", entry_of.get("rev", entry_of.get("branch", "")))
        return f"{package.name}{extras} @ git+{git}@{reference}".removesuffix("@"), ""
    if "path" in entry_of or "workspace" in entry_of:
        return "", f"{package.name} is a folder or a file of the machine of the project"
    problem = indexes.problem(package.name, entry_of.get("index"))
    return ("", problem) if problem else (item, "")
