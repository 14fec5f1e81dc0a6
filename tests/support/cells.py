"""Cells in a terminal's IPython of this process, against a world of builds: what they write."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.magics.magics import KustoImageMagics
from support.world import EmulatedEnvironment

if TYPE_CHECKING:
    import pytest
    from IPython.core.interactiveshell import InteractiveShell

Say = Callable[[str], str]


def load(shell: InteractiveShell, world: EmulatedEnvironment) -> KustoImageMagics:
    """Register the magics, with builds of their own (as a new process has) and the world's first cluster chosen."""
    made = KustoImageMagics(shell, world.builds())
    shell.register_magics(made)
    target = world.target
    place = (target.subscription, target.resource_group, target.cluster, "", target.endpoint)
    for name, value in zip(TARGET_SETTINGS, place, strict=True):
        setattr(made, name, value)
    return made


def sayer(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a function that runs a cell and returns all that it wrote."""

    def run(cell: str) -> str:
        capsys.readouterr()
        shell.run_cell(cell)
        written = capsys.readouterr()
        return written.out + written.err

    return run
