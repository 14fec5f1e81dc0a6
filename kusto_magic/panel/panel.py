"""The panel: a form that makes images, shows how it goes on, and teaches the magic. Plain ipywidgets.

It calls what the magic calls: `Builds` does everything, this room and its `panel_…` neighbours only show and ask.
"""

from __future__ import annotations

import os
from typing import Any

from kusto_magic import settings as settings_of
from kusto_magic.builds import manager as background
from kusto_magic.builds.manager import BuildManager
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.display.bundle import Bundle
from kusto_magic.display.frontend import in_kernel, is_interactive
from kusto_magic.errors import InvalidInput
from kusto_magic.models.target import Target
from kusto_magic.panel.notebook_record import NotebookRecord, explanation
from kusto_magic.panel.panel_form import PanelForm
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.settings import Settings

VIEW = "application/vnd.jupyter.widget-view+json"
TERMINAL_TEXT = (
    "The panel is a form for a notebook. In a terminal type the same as a cell: the line, the packages, an empty line:"
)
HEADLESS_TEXT = (
    "The panel is a form and needs a person before it; this notebook runs by itself, so no form was opened. "
    "A cell does the same:"
)
SAVED_TEXT = "A form stands here while its kernel runs; run this cell again to open it. A cell does the same:"


class ImagePanel:
    """The form for the images of a cluster: `ImagePanel()` at the end of a cell shows it, `%kusto_image panel` too.

    `target` is the cluster; without it `settings` say which, by default those of the loaded magics, the environment
    and config.toml; where they name none, the panel asks. `builds` is the background, by default the process's own;
    `shell` the IPython to show in, by default the running one; `clock` a seam for tests.
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
        """The form itself, made at first use: where nobody fills it in, not one widget is made."""
        if self._form is None:
            publisher = self._shell.display_pub if in_kernel(self._shell) else None
            builds = self._builds or background.default_manager()
            work = PanelContext(builds, self._clock, self._target)
            self._form = PanelForm(
                work, self._settings, NotebookRecord(publisher), lambda: _target_of(_current_settings(self._shell))
            )
        return self._form

    def display(self) -> None:
        """Show the panel in the running cell; where there is no person or no notebook, say what to do instead."""
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
        """Take the form out of the kernel and the page; builds go on."""
        if self._form is not None:
            self._form.close()
            self._form = None


def _running_shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _current_settings(shell: Any) -> Settings:
    """Return the settings: those of the loaded magics (`%kusto_image use`), the environment, config.toml."""
    loaded = [one for one in getattr(shell, "configurables", []) if type(one).__name__ == "KustoImageMagics"]
    names = ("subscription", "resource_group", "cluster", "cloud", "endpoint")
    config = {name: getattr(loaded[0], name) for name in names} if loaded else {}
    file = settings_of.read_config(settings_of.config_file(os.environ))
    return settings_of.resolve({}, config, os.environ, file)


def _target_of(settings: Settings) -> Target | None:
    try:
        return settings.target()
    except InvalidInput:
        return None  # the panel asks
