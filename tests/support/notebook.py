"""A notebook that is open in JupyterLab in the browser: run cells, read outputs, save."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Locator, Page

from support.lab import Lab

if TYPE_CHECKING:
    from nbformat import NotebookNode

WAIT_S = 60.0
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
IS_IDLE = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    const idle = panel?.sessionContext?.session?.kernel?.status === 'idle' && panel.content.widgets.length > 0;
    return idle && !document.getElementById('jupyterlab-splash'); // it lies over the page and catches clicks
}"""
IS_DARK = "() => document.body.dataset.jpThemeLight === 'false' && !document.getElementById('jupyterlab-splash')"
SELECT_CELL = """index => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.deselectAll();
    notebook.activeCellIndex = index;
}"""
EXECUTE = """([command, args, ms]) => Promise.race([
    window.jupyterapp.commands.execute(command, args).then(() => true),
    new Promise(done => setTimeout(() => done(false), ms)),
])"""
RESTART_KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
SHUT_DOWN_KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
START = "([command, args]) => { void window.jupyterapp.commands.execute(command, args); }"


class LabNotebook:
    """The notebook at `path`, shown in `page`; cell indices start at 0."""

    def __init__(self, lab: Lab, page: Page, path: Path) -> None:
        self.lab = lab
        self.page = page
        self.path = path

    @classmethod
    def create(cls, lab: Lab, page: Page, name: str, cells: Sequence[str], *, kernel: str = "python3") -> LabNotebook:
        """Create a notebook with these code cells, open it and wait for its kernel.

        `name` must be unique on the server, because a path keeps its kernel. `kernel` is the name of the kernel spec.
        """
        import nbformat  # imported here: it takes more than a second, which would delay the collection of tests

        path = lab.root / f"{name}.ipynb"
        document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        document.metadata.kernelspec = {"name": kernel, "display_name": "Python 3", "language": "python"}
        nbformat.write(document, path)
        return cls.open(lab, page, path)

    @classmethod
    def open(cls, lab: Lab, page: Page, path: Path) -> LabNotebook:
        """Open a notebook in the server's folder and wait for its kernel."""
        notebook = cls(lab, page, path)
        page.goto(f"{lab.url}lab/tree/{path.name}?reset&token={lab.token}")
        notebook.wait_idle()
        return notebook

    def wait_idle(self, *, timeout: float = WAIT_S) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(IS_IDLE, timeout=timeout * 1000)

    def run(self, index: int, *, timeout: float = WAIT_S) -> None:
        """Run a cell and wait until it has ended, successfully or not. Raises TimeoutError."""
        self.page.evaluate(SELECT_CELL, index)
        self.command("notebook:run-cell", timeout=timeout)

    def start(self, index: int) -> None:
        """Start a cell without waiting."""
        self.page.evaluate(SELECT_CELL, index)
        self.page.evaluate(START, ["notebook:run-cell", {}])

    def command(self, name: str, *, timeout: float = WAIT_S, **args: Any) -> None:
        """Execute a JupyterLab command and wait for its end. Raises TimeoutError."""
        if not self.page.evaluate(EXECUTE, [name, args, timeout * 1000]):
            raise TimeoutError(f"{name}: not within {timeout:g} s")

    def restart_kernel(self) -> None:
        """Restart the kernel without the dialog that asks."""
        self.page.evaluate(RESTART_KERNEL)

    def shut_down_kernel(self) -> None:
        """Shut down the kernel without the dialog that asks."""
        self.page.evaluate(SHUT_DOWN_KERNEL)

    def cell(self, index: int) -> Locator:
        """Return the element of a cell."""
        return self.page.locator(f"{PANEL} .jp-Notebook .jp-Cell").nth(index)

    def outputs(self, index: int) -> Locator:
        """Return the elements of the outputs of a cell."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def save(self) -> NotebookNode:
        """Save and return the document on disk."""
        self.command("docmanager:save")
        return self.read()

    def read(self) -> NotebookNode:
        """Return the document on disk."""
        import nbformat

        document: NotebookNode = nbformat.read(self.path, as_version=4)
        return document

    def reload(self) -> None:
        """Reload the page; the kernel continues, unsaved changes are lost."""
        self.page.reload()
        self.wait_idle()

    def use_dark_theme(self) -> None:
        """Switch JupyterLab to its dark theme; the next test starts with the light theme."""
        self.command("apputils:change-theme", theme="JupyterLab Dark")
        self.page.wait_for_function(IS_DARK)
