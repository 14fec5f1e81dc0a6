"""A terminal IPython in this process."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager

from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from traitlets.config import Config

from kusto_magic.errors import KustoImageError


@contextmanager
def running_shell() -> Iterator[InteractiveShell]:
    """Create the shell that `get_ipython()` returns until the block ends, without history and prompts."""
    config = Config()
    config.HistoryManager.enabled = False
    config.TerminalInteractiveShell.simple_prompt = True
    config.TerminalInteractiveShell.colors = "nocolor"
    shell = TerminalInteractiveShell.instance(config=config)
    try:
        yield shell
    finally:
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()
        shell.restore_sys_module_state()
        TerminalInteractiveShell.clear_instance()


def error_of(shell: InteractiveShell, cell: str) -> KustoImageError:
    """Run a cell and return the error of this package that it raises."""
    error = shell.run_cell(cell).error_in_exec
    assert isinstance(error, KustoImageError), error
    return error
