"""Fixtures of the preflight against a folder of wheels, which the fixture `wheels` of a module generates."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from support.preflight import PYTHON, Check

from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.indexes import IndexSettings
from kusto_magic.preflight.report import PreflightReport


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with only the variables that a process needs on Windows."""
    variables = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
    home = tmp_path_factory.mktemp("home")
    return variables | {"HOME": str(home), "USERPROFILE": str(home), "UV_CACHE_DIR": str(home / "cache")}


@pytest.fixture
def check(wheels: Path, environ: dict[str, str]) -> Check:
    """Return a function that runs the preflight with the folder of wheels."""

    def run(text: str, **options: Any) -> PreflightReport:
        options.setdefault("python", PYTHON)
        options.setdefault("index", IndexSettings(find_links=(str(wheels),), no_index=True))
        return asyncio.run(run_preflight(text, environ=environ, **options))

    return run
