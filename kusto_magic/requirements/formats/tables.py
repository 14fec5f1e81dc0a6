"""Tables and JSON that `pip list` and other tools print."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, parsed, pin

_HEAD = re.compile(r"\|?\s*(?:Package|Name)(?:\s*\|\s*|\s+)(?:Installed\s+)?Version\b.*", re.IGNORECASE)
_RULE = re.compile(r"[\s|:+-]+")
_BORDER = re.compile(r"\s*\|\s*|\s+")
_PIP_LIST = "a row of pip's list"
_JSON = "JSON with names and versions"


def pip_list(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the table of `pip list`, also as Markdown."""
    heads = [index for index, line in enumerate(lines) if _HEAD.fullmatch(line.strip())]
    if not heads:
        return None
    rows = {index: line for index, line in enumerate(lines) if index > heads[0] and line.strip()}
    head = {heads[0]: deleted("the head of pip's list", is_lossless=True)}
    return head | {index: row for index, line in rows.items() if (row := _row(line))}


def _row(line: str) -> Rewrite | None:
    if _RULE.fullmatch(line) and "-" in line:
        return deleted("the head of pip's list", is_lossless=True)
    cells = _BORDER.split(line.strip().strip("|").strip())
    if len(cells) < 2 or not is_version(cells[1]) or not parsed(cells[0]):
        return None
    if any("/" in cell or "\\" in cell for cell in cells[2:]):
        return deleted(f"{cells[0]} is installed from a folder of this machine, which the service cannot read")
    return Rewrite((pin(cells[0], cells[1]),), _PIP_LIST, is_lossless=True)


def json_document(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite JSON: that of `pip list --format=json`, a Pipfile.lock or a pip report."""
    text = "\n".join(lines).strip()
    if not text.startswith(("[", "{")):
        return None
    try:
        found = _json_pins(json.loads(text))
    except (ValueError, RecursionError):
        return None
    if not found:
        return None
    filled = [index for index, line in enumerate(lines) if line.strip()]
    return {index: deleted(_JSON) for index in filled} | {filled[0]: Rewrite(tuple(found), _JSON)}


def _json_pins(document: Any) -> list[str]:
    if isinstance(document, dict):  # a Pipfile.lock, or the output of `pip inspect` and `pip install --report`
        locked = document.get("default")
        if isinstance(locked, dict):
            return _lines((name, _version(entry)) for name, entry in locked.items())
        installed = document.get("installed", document.get("install"))
        entries = installed if isinstance(installed, list) else []
        document = [entry.get("metadata") for entry in entries if isinstance(entry, dict)]
    if not isinstance(document, list):
        return []
    entries = [entry for entry in document if isinstance(entry, dict)]
    return _lines((entry.get("name"), _version(entry)) for entry in entries)


def _version(entry: object) -> object:
    return entry.get("version", "") if isinstance(entry, Mapping) else ""


def _lines(pairs: Any) -> list[str]:
    texts = [(str(name), str(version).removeprefix("==")) for name, version in pairs]
    lines = [pin(name, version if is_version(version) else "") for name, version in texts]
    return [line for line in lines if parsed(line)]
