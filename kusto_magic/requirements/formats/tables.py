"""Tables and JSON that `pip list` and other tools print."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kusto_magic.requirements.formats.conda import NOTATION, specification
from kusto_magic.requirements.formats.poetry import specifier_set
from kusto_magic.requirements.formats.project_indexes import ProjectIndexes
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, parsed, pin
from kusto_magic.requirements.sources import MAY_BE_ANOTHER, is_private_address, private_index

MAX_REASONS = 5
"""Maximum number of packages of JSON for which the reason for leaving them out is given."""

_HEAD = re.compile(r"\|?\s*(?:Package|Name)(?:\s*\|\s*|\s+)(?:Installed\s+)?Version\b.*", re.IGNORECASE)
_MARKDOWN_ROW = re.compile(r"\|?\s*+[A-Za-z0-9][\w.-]*+\s*+\|\s*+\d[\w.+]*+\s*+(?:\|.*)?")
_CSV_ROW = re.compile(
    r"\"?([A-Za-z0-9][\w.-]*+)\"?[ ]?[,\t][ ]?\"?(\d++(?:\.\d++)++(?:(?:a|b|rc|\.post|\.dev)\d++)?+)\"?"
)
_RULE = re.compile(r"[\s|:+-]+")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_BORDER = re.compile(r"\s*\|\s*|\s+")
_PIP_LIST = "a row of pip's list"
_PIP_SHOW = "the output of pip show"
_SHOWN = re.compile(r"\s*+(Name|Version):\s*+(\S+)\s*+")
_JSON = "JSON with names and versions"


def pip_list(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the table of `pip list`, also as Markdown."""
    heads = [index for index, line in enumerate(lines) if _HEAD.fullmatch(line.strip())]
    if not heads:
        return None
    rows = {index: line for index, line in enumerate(lines) if index > heads[0] and line.strip()}
    head = {heads[0]: deleted("the head of pip's list", is_lossless=True)}
    return head | {index: row for index, line in rows.items() if (row := _row(line))}


def table_row(code: str) -> Rewrite | None:
    """Rewrite a row of a table in Markdown, or of CSV, whose head is missing: a name and a version."""
    if found := _CSV_ROW.fullmatch(code):
        return Rewrite((pin(found[1], found[2]),), "a row of a table", is_lossless=True)
    return _row(code) if _MARKDOWN_ROW.fullmatch(code) else None


def _row(line: str) -> Rewrite | None:
    if _RULE.fullmatch(line) and "-" in line:
        return deleted("the head of pip's list", is_lossless=True)
    cells = _BORDER.split(line.strip().strip("|").strip())
    if len(cells) < 2 or not is_version(cells[1]) or not parsed(cells[0]):
        return None
    if any("/" in cell or "\\" in cell for cell in cells[2:]):
        return deleted(f"{cells[0]} is installed from a folder of this machine, which the service cannot read")
    return Rewrite((pin(cells[0], cells[1]),), _PIP_LIST, is_lossless=True)


def pip_show(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the output of `pip show`."""
    pairs = [(_SHOWN.fullmatch(one), _SHOWN.fullmatch(other)) for one, other in itertools.pairwise(lines)]
    found = {
        index: Rewrite((pin(name[2], version[2]),), _PIP_SHOW)
        for index, (name, version) in enumerate(pairs)
        if name and version and (name[1], version[1]) == ("Name", "Version") and is_version(version[2])
    }
    if not found:
        return None
    return {index: deleted(_PIP_SHOW) for index, line in enumerate(lines) if line.strip()} | found


def json_document(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite JSON: that of `pip list --format=json`, a Pipfile.lock or a pip report."""
    text = "\n".join(lines).strip()
    if not text.startswith(("[", "{")):
        return None
    try:
        found = list(_json_packages(json.loads(text)))
    except (ValueError, RecursionError):
        return None
    if not found:
        return None
    renamed = dict.fromkeys(one.reason for one in found if one.reason and one.line)
    left_out = list(dict.fromkeys(one.reason for one in found if one.reason and not one.line))
    more = [f"{len(left_out) - MAX_REASONS} more packages are left out"] if len(left_out) > MAX_REASONS else []
    reasons = [_JSON, *renamed, *left_out[:MAX_REASONS], *more]
    filled = [index for index, line in enumerate(lines) if line.strip()]
    rewrite = Rewrite(tuple(one.line for one in found if one.line), "; ".join(reasons))
    return {index: deleted(_JSON) for index in filled} | {filled[0]: rewrite}


@dataclass(frozen=True, slots=True)
class _Package:
    """The line for a package of JSON, or "", and the reason for its other name or for leaving it out."""

    line: str
    reason: str = ""


def _json_packages(document: Any) -> Iterator[_Package]:
    if isinstance(document, list) and document and all(isinstance(entry, str) and parsed(entry) for entry in document):
        yield from map(_Package, document)
        return
    if isinstance(document, dict) and (pairs := _pairs(document)):
        yield from map(_Package, pairs)
        return
    if isinstance(document, dict):  # a Pipfile.lock, or the output of `pip inspect` and `pip install --report`
        locked = document.get("default")
        if isinstance(locked, dict):
            yield from _locked(locked, _indexes(document.get("_meta")))
            return
        installed = document.get("installed", document.get("install"))
        document = _entries(installed)
    for entry in _entries(document):
        if isinstance(build := entry.get("build_string"), str) and entry.get("channel") != "pypi":  # conda list --json
            yield from _conda_package(entry, build)
            continue
        metadata = entry.get("metadata")
        named = metadata if isinstance(metadata, Mapping) else entry
        yield from _package(named.get("name"), named.get("version", ""), _origin_problem(named.get("name"), entry))


def _conda_package(entry: Mapping[str, Any], build: str) -> Iterator[_Package]:
    found = specification(f"{entry.get('name')}={entry.get('version')}={build}")
    if found is not None:
        yield _Package("".join(found.lines), found.reason.removeprefix(NOTATION).removeprefix("; "))


def _pairs(document: Mapping[str, Any]) -> list[str]:
    """Return the package lines of an object that has specifiers by names; [] if it is another one."""
    pairs = [(name, specifier_set(value)) for name, value in document.items() if isinstance(value, str)]
    lines = [f"{name}{specifier}" for name, specifier in pairs if specifier is not None and _NAME.fullmatch(name)]
    return lines if len(lines) == len(document) and all(map(parsed, lines)) else []


def _entries(document: object) -> list[Mapping[str, Any]]:
    return [entry for entry in document if isinstance(entry, Mapping)] if isinstance(document, list) else []


def _origin_problem(name: object, entry: Mapping[str, Any]) -> str:
    """Return why a package must be left out that was installed from a folder or a private address, or ""."""
    if entry.get("editable_project_location"):
        return f"{name} is installed from a folder of this machine, which the service cannot read"
    address = entry.get("direct_url")
    url = str(address.get("url", "")) if isinstance(address, Mapping) else ""
    if url.lower().startswith("file:"):
        return f"{name} is installed from a folder or a file of this machine, which the service cannot read"
    return f"{name} is from an address that may be private, and {MAY_BE_ANOTHER}" if is_private_address(url) else ""


def _indexes(meta: object) -> ProjectIndexes:
    """Return the indexes of a Pipfile.lock."""
    sources = _entries(meta.get("sources")) if isinstance(meta, Mapping) else []
    places = {str(one.get("name", "")).lower(): private_index(str(one.get("url", ""))) for one in sources}
    return ProjectIndexes(places, next(filter(None, places.values()), ""))


def _locked(packages: Mapping[str, Any], indexes: ProjectIndexes) -> Iterator[_Package]:
    for name, entry in packages.items():
        table = entry if isinstance(entry, Mapping) else {}
        address = str(table.get("git", table.get("file", "")))
        problem = indexes.problem(name, table.get("index"))
        if "path" in table or "editable" in table:
            problem = f"{name} is a folder of the machine of the project"
        elif address:
            problem = f"{name} is from an address, and {MAY_BE_ANOTHER}"
        yield from _package(name, table.get("version", ""), problem)


def _package(name: object, version: object, problem: str) -> Iterator[_Package]:
    text = str(version).removeprefix("==")
    line = pin(str(name), text if is_version(text) else "")
    if parsed(line):
        yield _Package("", problem) if problem else _Package(line)
