"""Build the front end for a wheel or an sdist; hatch-jupyter-builder calls `build` (see pyproject.toml).

Its option `skip-if-exists` is not used: it would put an outdated front end into a wheel after a change of the sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from hatch_jupyter_builder import npm_builder

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent / "kusto_magic" / "labextension"
STAMP = BUILT / "sources.sha256"
SOURCES = (
    "src",
    "style",
    "schema",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "rspack.config.cjs",
    ".npmrc",
)


def build(target_name: str, version: str) -> None:
    """Build the front end unless it was built from the same sources: installing an sdist needs no Node.

    An editable install keeps the existing front end, even if it is outdated or missing, so that Python developers do
    not wait for npm.
    """
    if version == "editable":
        BUILT.mkdir(exist_ok=True)
        return
    digest = _digest()
    if STAMP.is_file() and STAMP.read_text(encoding="ascii") == digest:
        return
    npm_builder(target_name, version, path=str(HERE), build_cmd="build:prod", npm=["npm"])
    STAMP.write_text(digest, encoding="ascii")


def _digest() -> str:
    """Return a hash of the sources that does not depend on the line endings of the checkout."""
    total = hashlib.sha256()
    for path in _files():
        content = path.read_bytes().replace(b"\r\n", b"\n")
        name = path.relative_to(HERE).as_posix()
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _files() -> Iterator[Path]:
    for source in SOURCES:
        path = HERE / source
        if path.is_file():
            yield path
        yield from sorted(file for file in path.rglob("*") if file.is_file())
