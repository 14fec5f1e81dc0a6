"""Project and lock files: pyproject.toml, Pipfile, poetry.lock, uv.lock, setup.py and setup.cfg.

The lines are read one by one, so that each changed line has its reason, also in a file that is pasted in part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kusto_magic.requirements.formats.poetry import entries
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, parsed, pin

_SECTION = re.compile(r"\s*(\[\[?)\s*([A-Za-z][\w.\"'-]*+)\s*+\]{1,2}\s*+(?:#.*)?")
_LIST = re.compile(
    r"\s*(?:dependencies|install_requires|requires|REQUIREMENTS|requirements|INSTALL_REQUIRES)\s*=\s*(.*)"
)
_OTHER_LIST = re.compile(r"\s*[\w.\"'-]+\s*=\s*[\[({]\s*(?:#.*)?")
_STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_PIN = re.compile(r"\s*(name|version)\s*=\s*[\"']([^\"']+)[\"']\s*")
_LOCAL_SOURCE = re.compile(r"\s*(?:source\s*=\s*\{\s*(?:editable|virtual|directory|path)\s*=|type\s*=\s*\"directory\")")
_COMMENT = re.compile(r"(?:^|\s)#[^\"']*$")

_TABLES = ("tool.poetry.dependencies", "packages")
_SECTIONS_TEXT = "project packages dev-packages package build-system metadata options source requires"
_SECTIONS = frozenset(_SECTIONS_TEXT.split())
_OTHER = "a project file: only its dependencies are packages"
_ITEM = "a dependency of a project file"
_LOCKED = "a package of a lock file"
_SETUP = re.compile(
    r"\s*(?:from\s+(?:setuptools|distutils)\S*\s+import\s.*|(?:setuptools\.)?setup\s*\(.*|install_requires\s*=.*)"
)


def toml_file(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the lines of a project file in TOML, or of a lock file."""
    sections = [found[2].strip() for line in lines if (found := _SECTION.fullmatch(line))]
    if not any(name in _SECTIONS or name.startswith(("tool.", "project.", "options.")) for name in sections):
        return None
    if "package" in sections:
        return _locked(lines)
    return dict(_Reader().read(lines))


def setup_file(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the lines of a setup.py, or of the list of its requirements."""
    if not any(_SETUP.fullmatch(line) for line in lines):
        return None
    return dict(_Reader("project").read(lines))


class _Reader:
    """Reads a project file from its first line to its last."""

    def __init__(self, section: str = "") -> None:
        self._section = section
        self._in_list = self._in_other_list = False

    def read(self, lines: list[str]) -> Iterator[tuple[int, Rewrite]]:
        """Yield the rewritten lines with their index."""
        for index, line in enumerate(lines):
            code = _COMMENT.sub("", line).rstrip()
            if code.strip():
                yield index, self._line(code)

    def _line(self, code: str) -> Rewrite:
        if self._in_list:
            return self._items(code)
        if section := _SECTION.fullmatch(code):
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
        if self._in_other_list:
            name = code.partition("=")[0].strip(" \"'")
            return Rewrite((name,), f"{name} has several versions; without one, the newest that fits is installed")
        return entries(code) or Rewrite((code,), _OTHER)

    def _items(self, code: str) -> Rewrite:
        """Rewrite a line inside of a list: strings in quotes, or one package per line as in setup.cfg."""
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
        return Rewrite(packages, _ITEM) if packages else deleted(_OTHER)


def _locked(lines: list[str]) -> dict[int, Rewrite]:
    """Rewrite a lock file: the name and version of each package become a line, at that of the version."""
    result: dict[int, Rewrite] = {}
    name, pinned_name, is_package, pinned = "", "", False, -1
    for index, line in enumerate(lines):
        if section := _SECTION.fullmatch(line):
            is_package, name = section[1] == "[[" and section[2].strip() in ("package", "packages"), ""
            pinned = -1 if is_package else pinned
        found = _PIN.fullmatch(line) if is_package else None
        if found and found[1] == "name":
            name = found[2]
        if found and found[1] == "version" and name and is_version(found[2]):
            result[index], pinned = Rewrite((pin(name, found[2]),), _LOCKED), index
            pinned_name = name
        elif line.strip() and not line.lstrip().startswith("#"):
            result[index] = deleted(_LOCKED)
        if pinned >= 0 and _LOCAL_SOURCE.match(line):
            result[pinned] = deleted(
                f"{pinned_name} is the project itself, or another folder of the machine that locked it"
            )
    return result
