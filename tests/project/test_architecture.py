"""The import contracts of pyproject.toml hold, and each documented rule is broken by a violation of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"
VIOLATIONS = {
    "values import the emulator": ("models/image.py", "from kusto_magic.arm import local_emulator", "Layers"),
    "values do I/O": ("arm/operation.py", "import socket, sqlite3, httpx", "Values do no I/O"),
    "the emulator imports the client": (
        "emulator/app.py",
        "from kusto_magic import __version__, arm; from kusto_magic.arm import client",
        "The emulator shares no code with the client",
    ),
    "hints do I/O": ("hints.py", "import socket", "Values do no I/O"),
    "values import a front end": ("models/image.py", "import kusto_magic.panel.panel", "Layers"),
    "a front end imports another one": (
        "server/handlers.py",
        "from kusto_magic.panel.tasks import lines_of",
        "Layers",
    ),
    "a module imports the emulator directly": (
        "builds/manager.py",
        "from kusto_magic.emulator import create_app",
        "Only arm.local_emulator imports the emulator",
    ),
    "a package has a cycle": ("arm/response.py", "from kusto_magic.arm import client", "No import cycles"),
    "HTTP outside the transport": ("builds/runner.py", "import httpx", "HTTP requests are sent in arm.transport"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with the package alone."""
    folder = tmp_path_factory.mktemp("checkout")
    unwanted = shutil.ignore_patterns("__pycache__", "labextension")
    shutil.copytree(ROOT / "kusto_magic", folder / "kusto_magic", ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.slow
def test_contracts_hold_for_the_package(copy: Path) -> None:
    assert _lint(copy).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("file", "line", "contract"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_violation_is_reported_with_its_contract_and_module(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / "kusto_magic" / file
    original = path.read_text(encoding="utf-8")
    path.write_text(f"{original}\n{line}\n", encoding="utf-8")
    try:
        done = _lint(copy)
    finally:
        path.write_text(original, encoding="utf-8")
    broken = done.stdout.partition("Broken contracts")[2]
    assert done.returncode == 1
    assert contract in broken
    assert f".{Path(file).stem} -> " in broken
