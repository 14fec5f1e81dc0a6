"""The Python interpreters at hand: those on PATH and those of pyenv, whose commands fail unless they are selected."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
"""The versions of Python that the workflows test; a version is in the classifiers once its tests have passed."""

PROBE = "import sys, venv; print('%d.%d' % sys.version_info[:2])"


def installed() -> dict[str, Path]:
    """Return an interpreter for each supported version that works here, the running one first."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {running: Path(sys.executable)}
    for version in SUPPORTED:
        working = (path for path in _candidates(version) if _version(path) == version)
        if version not in found and (path := next(working, None)):
            found[version] = path
    return found


def _candidates(version: str) -> Iterator[Path]:
    if path := shutil.which(f"python{version}"):
        yield Path(path)
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(versions.glob(f"{version}.*/bin/python"), reverse=True)


def _version(python: Path) -> str:
    """Return the major and minor version that an interpreter says, "" if it cannot be run."""
    try:
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
