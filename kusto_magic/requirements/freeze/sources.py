"""Files with sources: notebooks, Python scripts and query files."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.requirements.freeze.imports import MAX_SOURCE_LENGTH, QUERY_SUFFIXES, Language, Source

MAX_NOTEBOOK_SIZE = 256 * 1024 * 1024
"""Maximum size of a notebook in bytes."""

MAX_FILES_BESIDE = 100
"""Maximum number of query files that are read without being named."""

SUFFIXES = (".ipynb", ".py", *QUERY_SUFFIXES)
"""Endings of the names of files that `read_file` accepts."""

_FENCE = re.compile(
    r"^[ \t]{0,3}(?:`{3,99}|~{3,99})[ \t]{0,3}(?:kusto|kql|csl)\b[^\n]*+$", re.IGNORECASE | re.MULTILINE
)
"""The line before a query in Markdown. Its end need not be found: the fence begins a literal there."""

_PYTHON = ("python", "ipython", "pyspark", "synapse_pyspark", "sage", "xeus-python", "")
_KQL = ("kql", "kusto")


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of a file; `damaged` is the number of cells that are not valid cells of a notebook."""

    sources: tuple[Source, ...] = ()
    damaged: int = 0


def read_file(path: Path) -> Sources:
    """Return the sources of a script or a query file, or of a notebook, which may have any other name.

    Raises InvalidInputError if the file cannot be read or is not a valid notebook.
    """
    suffix = path.suffix.lower()
    if suffix == ".py":
        return Sources((Source(_decoded(_read(path, MAX_SOURCE_LENGTH * 4))),))
    if suffix in QUERY_SUFFIXES:
        return Sources((Source(_decoded(_read(path, MAX_SOURCE_LENGTH * 4)), Language.KQL, path.name),))
    return _notebook(path)


def read_beside(folder: Path, name: str) -> str | None:
    """Return the text of a file in `folder` or below; None if it is not there or cannot be read."""
    path = folder / name.replace("\\", "/")
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        return _decoded(_read(path, MAX_SOURCE_LENGTH)) if inside and path.is_file() else None
    except (OSError, ValueError, RuntimeError, InvalidInputError):  # a null byte; a link to itself
        return None


def query_files(folder: Path) -> list[str]:
    """Return the names of the query files in `folder`."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in QUERY_SUFFIXES)
    except OSError:
        return []
    return names[:MAX_FILES_BESIDE]


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size <= limit:
            return path.read_bytes()
        reason = f"it is larger than {limit // 1_000_000} MB"
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or "the name is not valid"
    raise InvalidInputError([Problem("notebook", f"{path.name} cannot be read: {reason}")])


def _decoded(data: bytes) -> str:
    """Return a text file: UTF-16 with a byte order mark, else UTF-8. What is not valid is replaced, not refused."""
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")


def _notebook(path: Path) -> Sources:
    data = _read(path, MAX_NOTEBOOK_SIZE)
    try:
        document = json.loads(data)  # UTF-8, UTF-16 or UTF-32
        language = _language(document.get("metadata"))
        cells = [_sources_of(cell, language) for cell in _cells(document)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        cells = [None]
    damaged = cells.count(None)
    if cells and damaged == len(cells):
        raise InvalidInputError([Problem("notebook", f"{path.name} is not a valid notebook")])
    return Sources(tuple(source for cell in cells for source in cell or ()), damaged)


def _cells(document: Any) -> Iterator[Any]:
    """Yield the cells of a notebook; format 3 and earlier have them in worksheets."""
    if "cells" in document:
        yield from document["cells"]
    else:
        for sheet in document["worksheets"]:
            yield from sheet["cells"]


def _sources_of(cell: Any, language: str) -> list[Source] | None:
    """Return a code cell, or the queries of a Markdown cell; None for a damaged cell."""
    try:
        lines = cell["source"] if "source" in cell else cell["input"]  # format 3
        text = "".join(lines)  # a list of lines, or one string
        if cell["cell_type"] == "code":
            return [Source(text, _known_language(_cell_language(cell) or language))]
        return [Source(query, Language.KQL) for query in _FENCE.split(text)[1:]]
    except (KeyError, TypeError):
        return None


def _language(metadata: Any) -> str:
    """Return the language of a notebook in lower case, "" if it does not say."""
    for group, key in (("kernelspec", "language"), ("language_info", "name"), ("kernelspec", "name")):
        value = _item(_item(metadata, group), key)
        if isinstance(value, str) and value:
            return value.lower()
    return ""


def _cell_language(cell: Any) -> str:
    """Return the language of a cell where several are possible: a polyglot notebook, Azure Data Studio, format 3."""
    metadata = _item(cell, "metadata")
    values = [
        _item(_item(metadata, "polyglot_notebook"), "kernelName"),
        _item(_item(metadata, "dotnet_interactive"), "language"),
        _item(_item(metadata, "vscode"), "languageId"),
        _item(_item(metadata, "microsoft"), "language"),
        _item(metadata, "language"),
        _item(cell, "language"),
    ]
    return next((value.lower() for value in values if isinstance(value, str) and value), "")


def _item(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _known_language(name: str) -> Language:
    if name.startswith("python") or name in _PYTHON:
        return Language.PYTHON
    return Language.KQL if name.startswith(_KQL) else Language.OTHER
