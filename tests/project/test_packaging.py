"""The installed package is complete: the front end, the server extension and their settings. The lock has no URLs."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

import kusto_magic

SOURCE = Path(__file__).parent.parent.parent / "labextension"
INSTALLED = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "kusto-magic"
MAX_SIZE = 150 * 1024
"""Bytes of the front end's own code, gzipped."""


@pytest.fixture
def front_end() -> Path:
    """Return the folder of the built front end; skip if it is an editable install without one."""
    url = json.loads(distribution("kusto-magic").read_text("direct_url.json") or "{}")
    if url.get("dir_info", {}).get("editable", False) and not (INSTALLED / "package.json").exists():
        pytest.skip("editable install without a built front end; see CONTRIBUTING.md")
    return INSTALLED


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_front_end_is_below_its_maximum_size(front_end: Path) -> None:
    files = list((front_end / "static").glob("*.js"))
    assert files
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= MAX_SIZE


def test_front_end_has_this_version_and_was_installed_by_pip(front_end: Path) -> None:
    assert _json(front_end / "package.json")["version"] == kusto_magic.__version__
    assert _json(front_end / "install.json")["packageName"] == "kusto-magic"
    assert _json(front_end / "schemas" / "kusto-magic" / "plugin.json")["type"] == "object"


def test_front_end_contains_no_path_of_the_build_machine(front_end: Path) -> None:
    for path in (it for it in front_end.rglob("*") if it.is_file()):
        text = path.read_text(encoding="utf-8")
        assert str(SOURCE.parent) not in text, path
        assert "file://" not in text, path


def test_lock_file_contains_no_url() -> None:
    lock = _json(SOURCE / "package-lock.json")
    assert lock["version"] == _json(SOURCE / "package.json")["version"] == kusto_magic.__version__
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["labextension", "server extension"])
def test_jupyter_lists_the_extension_as_enabled_and_ok(front_end: Path, command: str) -> None:
    program = "jupyterlab.labextensions" if command == "labextension" else "jupyter_server.extension.serverextension"
    done = subprocess.run([sys.executable, "-m", program, "list"], capture_output=True, text=True, check=True)
    output = done.stdout + done.stderr
    [line] = [line for line in output.splitlines() if ("kusto-magic v" in line or "kusto_magic 0" in line)]
    assert "OK" in line
    assert "kusto_magic \x1b[32menabled" in output or "enabled" in line
