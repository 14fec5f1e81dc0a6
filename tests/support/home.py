"""An isolated home for one test: its own folders, and the environment variables that select them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

FOREIGN = ("AZURE_", "KUSTO_MAGIC_", "JUPYTER", "IPYTHON", "VIRTUAL_ENV")
"""Prefixes of the developer's own variables, which are removed; the active environment may be another one."""


@dataclass(frozen=True, slots=True)
class Home:
    """Folders below `path`, and `settings`: the environment variables that select them."""

    path: Path
    settings: dict[str, str]

    @property
    def env(self) -> dict[str, str]:
        """The environment for a child process: `settings` over the machine's, without the developer's variables."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return kept | self.settings

    @property
    def work(self) -> Path:
        """The working folder of child processes, outside the source tree, which could shadow the package."""
        return self.path / "work"

    @property
    def runtime(self) -> Path:
        """The folder of the connection files of Jupyter servers and kernels."""
        return self.path / "runtime"

    @property
    def lab_settings(self) -> Path:
        """The folder of JupyterLab's user settings."""
        return self.path / "lab-settings"


def make_home(path: Path) -> Home:
    """Create the folders of a home below `path`, an existing empty folder."""
    folders = {
        "AZURE_CONFIG_DIR": "azure",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "lab-settings",
        "JUPYTERLAB_WORKSPACES_DIR": "lab-workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "KUSTO_MAGIC_HOME": "kusto-magic",
    }
    for folder in (*folders.values(), "work"):
        (path / folder).mkdir()
    settings = {variable: str(path / folder) for variable, folder in folders.items()}
    settings |= {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    # otherwise pydevd, which ipykernel uses, prints a warning to stderr before the output of a cell
    settings["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    return Home(path, settings)


@contextmanager
def temporary_home(path: Path) -> Iterator[Home]:
    """Create a home below `path` for a block, and stop the emulator that was started in it.

    It would run for another hour.
    """
    made = make_home(path)
    yield made
    if (path / "kusto-magic" / "emulator.json").exists():
        from kusto_magic.arm import local_emulator

        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("KUSTO_MAGIC_HOME", made.settings["KUSTO_MAGIC_HOME"])
            local_emulator.stop()
