"""The magics in a terminal IPython of this process, with the builds of an emulated environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.magics.magics import KustoImageMagics
from support.environment import EmulatedEnvironment

if TYPE_CHECKING:
    import pytest
    from IPython.core.interactiveshell import InteractiveShell

RunCell = Callable[[str], str]


def load_magics(shell: InteractiveShell, environment: EmulatedEnvironment) -> KustoImageMagics:
    """Register the magics with a new build manager, as in a new process, and select the first cluster."""
    made = KustoImageMagics(shell, environment.builds())
    shell.register_magics(made)
    target = environment.target
    place = (target.subscription, target.resource_group, target.cluster, "", target.endpoint, "")
    for name, value in zip(TARGET_SETTINGS, place, strict=True):
        setattr(made, name, value)
    return made


def cell_runner(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> RunCell:
    """Return a function that runs a cell and returns its output on stdout and stderr."""

    def run(cell: str) -> str:
        capsys.readouterr()
        shell.run_cell(cell)
        written = capsys.readouterr()
        return written.out + written.err

    return run


def rows(text: str) -> list[list[str]]:
    """Parse a plain-text table below its caption; its columns are separated by two blanks."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()[1:]]
