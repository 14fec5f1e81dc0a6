"""What was read from clusters, kept for later checks: a JSON file for each cluster, in a folder beside the history."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from kusto_magic.json_file import read_json, replace_json
from kusto_magic.models.cluster_contents import NOTHING_READ, ClusterContents, contents_from_json, contents_json
from kusto_magic.models.target import Target

FOLDER = "cluster-contents"
"""Name of the folder."""


class ContentsStore:
    """The contents that were read, by cluster; what cannot be written is kept until the process ends. Thread-safe.

    `folder` is that of the history, or None.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder and folder / FOLDER
        self._unwritten: dict[str, ClusterContents] = {}
        self._lock = threading.Lock()

    def read(self, target: Target) -> ClusterContents:
        """Return what was read from a cluster; a file that was edited counts as far as it is valid."""
        with self._lock:
            return self._read(target)

    def update(self, target: Target, newer: ClusterContents) -> str:
        """Keep what was read now, unless a later reading is kept. Return why only this process keeps it, or ""."""
        with self._lock:
            return self._write(target, self._read(target).updated(newer))

    def forget(self, target: Target, image: str) -> str:
        """Forget the list of an image, "" for everything about the cluster. Return why the file still has it, or ""."""
        with self._lock:
            kept = self._read(target).without(image) if image else NOTHING_READ
            self._unwritten.pop(target.key, None)
            unsaved = self._write(target, kept)
            return unsaved if self._folder else ""

    def _write(self, target: Target, contents: ClusterContents) -> str:
        self._unwritten[target.key] = contents
        if self._folder is None:
            return "there is no folder for it"
        path = self._path(self._folder, target)
        try:
            replace_json(path, {"cluster": target.key, **contents_json(contents)})
        except OSError as error:
            return f"{path} cannot be written: {error.strerror}"
        del self._unwritten[target.key]
        return ""

    def _read(self, target: Target) -> ClusterContents:
        unwritten = self._unwritten.get(target.key, NOTHING_READ)
        if self._folder is None:
            return unwritten
        document = read_json(self._path(self._folder, target))
        is_own = isinstance(document, dict) and document.get("cluster") == target.key
        return (contents_from_json(document) if is_own else NOTHING_READ).updated(unwritten)

    @staticmethod
    def _path(folder: Path, target: Target) -> Path:
        # A key has characters that a file name cannot have.
        return folder / f"{hashlib.sha256(target.key.encode()).hexdigest()[:32]}.json"
