"""The texts of the checkout, for tests that read all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_GENERATED = {"node_modules", "build", "dist", "lib", "static"}
_HIDDEN = {".ci", ".github"}


@cache
def texts(*suffixes: str) -> tuple[Path, ...]:
    """Return the files with one of these suffixes in order, without what is installed, built or hidden."""
    return tuple(sorted(path for path in _files() if path.suffix in suffixes))


@cache
def _files() -> tuple[Path, ...]:
    return tuple(_walk())


def _walk() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if _is_read(name)]
        yield from (Path(folder, name) for name in files)


def _is_read(folder: str) -> bool:
    return folder in _HIDDEN or not (folder.startswith(".") or folder in _GENERATED)
