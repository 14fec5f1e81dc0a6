"""`kusto-image` in this process, on an emulated environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

import kusto_magic
from kusto_magic.cli.main import main
from support.environment import EmulatedEnvironment


@cache
def _check() -> Any:
    path = Path(kusto_magic.__file__).parent / "cli" / "document.schema.json"
    return fastjsonschema.compile(json.loads(path.read_text(encoding="utf-8")))


def check_document(document: dict[str, Any]) -> None:
    """Raise an error if the result of `--json` is not as document.schema.json describes it."""
    _check()(document)


@dataclass(frozen=True)
class Result:
    """What a command has returned and written."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The standard output as JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class ShellCommand:
    """Runs commands on the first cluster of an environment."""

    def __init__(self, environment: EmulatedEnvironment, capsys: pytest.CaptureFixture[str]) -> None:
        self._environment = environment
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Result:
        """Run a command with these arguments."""
        code = main(arguments, self._environment.builds)
        written = self._capsys.readouterr()
        return Result(code, written.out, written.err)
