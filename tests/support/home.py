"""A home for one test: folders of its own, and the environment that leads every child process there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FOREIGN = ("AZURE_", "KUSTO_MAGIC_", "JUPYTER", "IPYTHON", "VIRTUAL_ENV")
"""Variables with these prefixes are the developer's own; the active environment may be another than this one."""


@dataclass(frozen=True, slots=True)
class Home:
    """Folders under `path`, and `settings`: the environment variables that name them."""

    path: Path
    settings: dict[str, str]

    @property
    def env(self) -> dict[str, str]:
        """The whole environment for a child process: ours over the machine's, without what is the developer's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return kept | self.settings

    @property
    def work(self) -> Path:
        """The folder child processes run in: outside the source tree, so that it cannot shadow the package."""
        return self.path / "work"

    @property
    def runtime(self) -> Path:
        """Where Jupyter servers and kernels leave their connection files."""
        return self.path / "runtime"

    @property
    def lab_settings(self) -> Path:
        """Where JupyterLab keeps a user's settings."""
        return self.path / "lab-settings"


def make_home(path: Path) -> Home:
    """Make the folders of a home under `path` (existing, empty)."""
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
    # pydevd, inside ipykernel, else warns on stderr in front of a cell's own output
    settings["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    return Home(path, settings)
