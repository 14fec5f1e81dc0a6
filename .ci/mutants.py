"""Prepare a copy of the package in which mutmut changes the code that must not be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".dev" / "mutants"
CONFIG = """
[tool.mutmut]
source_paths = ["kusto_magic"]
only_mutate = [
  "kusto_magic/arm/operation.py", "kusto_magic/arm/operation_answers.py",
  "kusto_magic/requirements/parser.py", "kusto_magic/requirements/rules.py",
]
also_copy = ["tests", ".ci", "README.md"]
pytest_add_cli_args_test_selection = [
  "tests/arm/test_operation.py", "tests/arm/test_operation_cluster.py", "tests/arm/test_operation_failures.py",
  "tests/arm/test_operation_state_machine.py", "tests/requirements/test_parser.py", "tests/requirements/test_rules.py",
]
"""


def prepare() -> Path:
    """Copy the package, its tests and the configuration into a new folder; return the folder."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in ("kusto_magic", "tests", ".ci"):
        shutil.copytree(ROOT / name, FOLDER / name, ignore=shutil.ignore_patterns("__pycache__", "labextension"))
    shutil.copy(ROOT / "README.md", FOLDER)
    (FOLDER / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8") + CONFIG, "utf-8")
    return FOLDER
