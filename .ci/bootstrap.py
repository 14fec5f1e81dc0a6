"""Run nox from a checkout that has nothing but Python: create an environment with nox and uv, then call nox there.

This file must be readable by any Python 3, so that one that is too old gets a message instead of a syntax error.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOX = "nox[uv]>=2025.5.1"
ENVIRONMENT = ROOT / ".dev" / "nox"
READY_FILE = ENVIRONMENT / "ready"
"""Written when the environment is complete; contains the requirement it was created from."""

MIN_PYTHON = (3, 11)


def environment_python(environment: Path) -> str:
    """Return the path of the Python of a virtual environment."""
    return str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def main(arguments: list[str]) -> int:
    """Run nox with `arguments`, session names without `-s` included; return the exit status."""
    if problem := _find_problem():
        _print(problem)
        return 1
    if not _is_ready() and (status := _create()):
        return status
    if arguments and not arguments[0].startswith("-"):
        arguments = ["-s", *arguments]
    nox = subprocess.Popen([environment_python(ENVIRONMENT), "-m", "nox", "-f", str(ROOT / "noxfile.py"), *arguments])
    while True:
        try:
            return nox.wait()
        except KeyboardInterrupt:  # nox receives the same signal and ends its own child processes
            continue


def _find_problem() -> str:
    """Return what must be installed first, "" if nothing is missing."""
    if sys.version_info < MIN_PYTHON:
        return f"This is Python {sys.version.split()[0]}: install Python 3.11 or later (python.org)."
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return "This Python has no venv module: install it, on Debian and Ubuntu with `apt-get install python3-venv`."
    return ""


def _is_ready() -> bool:
    """Return whether the environment is complete, up to date and usable."""
    if not READY_FILE.is_file() or READY_FILE.read_text(encoding="utf-8") != NOX:
        return False
    try:
        probe = [environment_python(ENVIRONMENT), "-c", "import nox, uv"]
        return subprocess.run(probe, check=False).returncode == 0
    except OSError:  # the Python that created it has been removed
        return False


def _create() -> int:
    _print(f"Creating {ENVIRONMENT.relative_to(ROOT)} with {NOX} (once) …")
    install = [environment_python(ENVIRONMENT), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NOX]
    status = subprocess.call([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)]) or subprocess.call(install)
    if not status:
        READY_FILE.write_text(NOX, encoding="utf-8")
    return status


def _print(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
