"""The clusters that the user has added to the list of the server or removed from it, in a JSON file.

The file is beside the history and belongs to the user.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kusto_magic.errors import InvalidInputError, KustoImageError
from kusto_magic.json_file import read_json, replace_json
from kusto_magic.models.target import Target

FILE_NAME = "clusters.json"
"""Name of the file."""

FIELDS = ("subscription", "resource_group", "cluster", "endpoint")
"""The attributes of a target that the file has."""


class SavedClustersError(KustoImageError):
    """The file cannot be written."""


@dataclass(frozen=True, slots=True)
class _Content:
    added: tuple[Target, ...] = ()
    removed: frozenset[str] = frozenset()


class SavedClusters:
    """The added and removed clusters; without a folder they are kept until the server ends. Thread-safe."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder and folder / FILE_NAME
        self._lock = threading.Lock()
        self._content = _Content()

    def added(self) -> tuple[Target, ...]:
        """Return the clusters that were added, oldest first."""
        return self._read().added

    def removed(self) -> frozenset[str]:
        """Return the keys of the clusters that were removed."""
        return self._read().removed

    def add(self, target: Target) -> None:
        """Add a cluster, also one that was removed. Raises SavedClustersError."""
        with self._lock:
            known = self._read()
            kept = [it for it in known.added if it.key != target.key]
            self._write(_Content((*kept, target), known.removed - {target.key}))

    def remove(self, target: Target) -> None:
        """Remove a cluster, also one that was not added. Raises SavedClustersError."""
        with self._lock:
            known = self._read()
            kept = [it for it in known.added if it.key != target.key]
            self._write(_Content(tuple(kept), known.removed | {target.key}))

    def _read(self) -> _Content:
        return self._content if self._path is None else _parse(read_json(self._path))

    def _write(self, content: _Content) -> None:
        self._content = content
        if self._path is None:
            return
        try:
            replace_json(self._path, _document(content))
        except OSError as error:
            raise SavedClustersError(f"{self._path} cannot be written: {error.strerror}") from None


def _document(content: _Content) -> dict[str, Any]:
    added = [{name: getattr(target, name) for name in FIELDS} for target in content.added]
    return {"added": added, "removed": sorted(content.removed)}


def _parse(document: Any) -> _Content:
    if not isinstance(document, dict):
        return _Content()
    removed = frozenset(key for key in _list(document.get("removed")) if isinstance(key, str))
    return _Content(tuple(_targets(_list(document.get("added")))), removed)


def _targets(values: Iterable[Any]) -> Iterable[Target]:
    for value in values:
        with suppress(InvalidInputError, KeyError, TypeError):  # an entry that was edited must not hide the others
            yield Target(**{name: value[name] for name in FIELDS})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
