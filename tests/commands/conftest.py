from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.environment import EmulatedEnvironment
from support.magics_session import RunCell, cell_runner, load_magics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.magics.magics import KustoImageMagics


@pytest.fixture
def magics(shell: InteractiveShell, environment: EmulatedEnvironment) -> KustoImageMagics:
    """Return the magics, loaded with the emulated cluster."""
    return load_magics(shell, environment)


@pytest.fixture
def say(shell: InteractiveShell, magics: KustoImageMagics, capsys: pytest.CaptureFixture[str]) -> RunCell:
    """Return a function that runs a cell and returns its output."""
    return cell_runner(shell, capsys)
