"""The image panel: an ipywidgets form that builds images, shows progress and generates the equivalent cell.

It uses the same `BuildManager` as the magics; the modules of this package only display and collect input.
"""

from __future__ import annotations

import os
from typing import Any

from kusto_magic.builds.manager import BuildManager, default_manager
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.display.bundle import Bundle
from kusto_magic.display.frontend import in_kernel, is_interactive
from kusto_magic.errors import InvalidInputError
from kusto_magic.models.target import Target
from kusto_magic.panel.notebook_record import NotebookRecord, explanation
from kusto_magic.panel.panel_form import PanelForm
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.settings import Settings, config_file, read_config, resolve

VIEW = "application/vnd.jupyter.widget-view+json"
TERMINAL_TEXT = (
    "The panel needs a notebook. In a terminal, type the equivalent cell instead: the line, the packages, an empty "
    "line:"
)
HEADLESS_TEXT = (
    "The form needs an interactive session; this notebook is running unattended, so no form was opened. "
    "Equivalent cell:"
)
SAVED_TEXT = "The form is shown while its kernel is running; run this cell again to open it. Equivalent cell:"


class ImagePanel:
    """A form for the images of a cluster; shown by `ImagePanel()` at the end of a cell or by `%kusto_image panel`.

    `target` is the cluster. If it is omitted, the cluster is taken from `settings`, which default to those of the
    loaded magics, the environment and config.toml; if they name none, the panel asks for it. `builds` defaults to the
    build manager of the process and `shell` to the running IPython. `clock` can be replaced in tests.
    """

    def __init__(
        self,
        target: Target | None = None,
        *,
        settings: Settings | None = None,
        builds: BuildManager | None = None,
        shell: Any = None,
        clock: Clock | None = None,
    ) -> None:
        self._shell = shell or _running_shell()
        self._settings = settings or _current_settings(self._shell)
        self._target = target or _target_of(self._settings)
        self._builds = builds
        self._clock: Clock = clock or SystemClock()
        self._form: PanelForm | None = None

    @property
    def form(self) -> PanelForm:
        """The form, created on first use so that non-interactive runs create no widgets."""
        if self._form is None:
            publisher = self._shell.display_pub if in_kernel(self._shell) else None
            builds = self._builds or default_manager()
            context = PanelContext(builds, self._clock, self._target)
            self._form = PanelForm(
                context, self._settings, NotebookRecord(publisher), lambda: _target_of(_current_settings(self._shell))
            )
        return self._form

    def display(self) -> None:
        """Show the panel in the running cell; in a terminal or a non-interactive run, show an equivalent cell."""
        if not in_kernel(self._shell):
            print(explanation(TERMINAL_TEXT)["text/plain"])  # noqa: T201 - a terminal's output
        elif not is_interactive(self._shell):
            self._shell.display_pub.publish(explanation(HEADLESS_TEXT))
        else:
            self._shell.display_pub.publish(self._bundle())
            self.form.record.display()

    def _ipython_display_(self) -> None:
        self.display()

    def _bundle(self) -> Bundle:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.form.widget.model_id}
        return {VIEW: view, **explanation(SAVED_TEXT)}

    def close(self) -> None:
        """Remove the form from the kernel and the page; builds continue."""
        if self._form is not None:
            self._form.close()
            self._form = None


def _running_shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _current_settings(shell: Any) -> Settings:
    """Return the settings of the loaded magics (`%kusto_image use`), the environment and config.toml, merged."""
    # compared by name, so that the panel does not import the magics
    loaded = [one for one in getattr(shell, "configurables", []) if type(one).__name__ == "KustoImageMagics"]
    names = ("subscription", "resource_group", "cluster", "cloud", "endpoint")
    config = {name: getattr(loaded[0], name) for name in names} if loaded else {}
    file = read_config(config_file(os.environ))
    return resolve({}, config, os.environ, file)


def _target_of(settings: Settings) -> Target | None:
    try:
        return settings.target()
    except InvalidInputError:
        return None  # incomplete or invalid: the panel asks for the cluster
