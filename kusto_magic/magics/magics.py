"""The magics `%%kusto_image NAME` and `%kusto_image COMMAND`: parse the arguments, call the command, show the result.

Slow imports are inside the functions: `%load_ext kusto_magic` is in the first cell of many notebooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Enum, Float, Unicode

from kusto_magic.display.frontend import in_kernel
from kusto_magic.display_text import visible
from kusto_magic.magics import completer
from kusto_magic.magics.cell_transformer import CellTransformer
from kusto_magic.magics.notebook_session import NotebookSession

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.manager import BuildManager

DISPLAYED_TYPES = (("kusto_magic.builds.build", "Build"), ("kusto_magic.builds.fleet", "Fleet"))
"""Module and name of the classes whose instances are displayed as a card at the end of a cell."""


@magics_class
class KustoImageMagics(Magics):
    """Create and manage sandbox custom images; `%config KustoImageMagics` changes these settings."""

    subscription = Unicode(help="ID of the subscription.").tag(config=True)
    resource_group = Unicode(help="Name of the resource group.").tag(config=True)
    cluster = Unicode(help="Name of the cluster, or its full ARM ID.").tag(config=True)
    cloud = Unicode(help="Azure cloud: public, usgov or china.").tag(config=True)
    endpoint = Unicode(help="URL of a custom Resource Manager endpoint.").tag(config=True)
    wait = Enum(
        ["", "auto", "yes", "no"],
        "",
        help="Wait for builds: auto waits in a terminal and in non-interactive runs.",
    ).tag(config=True)
    credential = Unicode(help="Sign-in method: default, cli, device …; %kusto_image use --help lists all.").tag(
        config=True
    )
    tenant = Unicode(help="ID or domain of the tenant to sign in to; default: AZURE_TENANT_ID.").tag(config=True)
    az_timeout = Float(
        0.0, min=0.0, help="Seconds that az, azd or PowerShell may take to return a token; 0 means the default of 15 s."
    ).tag(config=True)
    timeout_hours = Float(
        0.0, min=0.0, help="Hours for which a build or a resumed operation is polled; 0 means the default of 4 hours."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell, builds: BuildManager | None = None) -> None:
        super().__init__(shell)
        self._session = NotebookSession(shell, self, builds)
        self._transformer = CellTransformer()

    # IPython would evaluate `{…}` in the line as Python, also where another user's text is part of the line.
    @no_var_expand
    @needs_local_scope
    @cell_magic("kusto_image")
    def make(self, line: str, cell: str, local_ns: Mapping[str, Any] | None = None) -> Build | Fleet | None:
        """Create a sandbox custom image: `%%kusto_image NAME --base IMAGE`; the cell is its requirements file.

        `%%kusto_image --help` lists the options, `%kusto_image --help` the commands that manage images.
        """
        from kusto_magic.commands import arguments
        from kusto_magic.commands.argument_parser import HelpRequested
        from kusto_magic.commands.create import create

        with self._session.syntax.in_errors():
            try:
                options = arguments.parse(arguments.cell_parser(), line, self._variables(local_ns))
            except HelpRequested as help_request:
                self._session.print(visible(str(help_request)))
                return None
            with self._session.allowing_failure(options), self._session.showing_corrections(options):
                return create(self._session, options, cell, self._transformer.take_notes)

    @no_var_expand
    @needs_local_scope
    @line_magic("kusto_image")
    def command(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Build | Fleet | None:
        """Manage images: list, show, check, delete and more; `%kusto_image --help` lists all commands.

        `%%kusto_image NAME --base IMAGE` creates an image: the cell is its requirements file.
        """
        from kusto_magic.commands import arguments
        from kusto_magic.commands.argument_parser import HelpRequested
        from kusto_magic.commands.help import show_help

        with self._session.syntax.in_errors():
            try:
                options = arguments.parse(arguments.line_parser(), line, self._variables(local_ns))
            except HelpRequested as help_request:
                self._session.print(visible(str(help_request)))
                return None
            if options.command is None:
                show_help(self._session)
                return None
            with self._session.allowing_failure(options):
                return arguments.SUBCOMMANDS[options.command].load(options.command)(self._session, options)

    def _variables(self, local_ns: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Return the variables of the notebook and of the function that calls the magic."""
        return {**self._session.variables, **(local_ns or {})}

    def present(self, build: Build | Fleet) -> None:
        """Show a build or a fleet as a live card; called by IPython for the last expression of a cell."""
        self._session.card(build)


def load(shell: InteractiveShell) -> None:
    """Register the magics, their completion and the display of builds; repeated calls have no further effect."""
    unload(shell)  # otherwise a second load would register a second matcher and transformer
    magics = KustoImageMagics(shell)
    shell.register_magics(magics)
    # Before IPython looks for the cell magic and rejects the empty body.
    shell.input_transformers_cleanup.append(magics._transformer)
    shell.Completer.custom_matchers.append(completer.matcher(magics._session))
    if in_kernel(shell):
        for module, name in DISPLAYED_TYPES:
            _formatter(shell).for_type_by_name(module, name, magics.present)


def unload(shell: InteractiveShell) -> None:
    """Remove everything that `load` registered.

    Objects are compared by name, because `%reload_ext` and autoreload replace the classes themselves.
    """
    manager = shell.magics_manager
    for kind in ("line", "cell"):
        manager.magics[kind].pop("kusto_image", None)
    manager.registry.pop(KustoImageMagics.__name__, None)
    shell.configurables[:] = [  # IPython keeps every Magics object as a configurable
        configurable for configurable in shell.configurables if type(configurable).__name__ != KustoImageMagics.__name__
    ]
    shell.input_transformers_cleanup[:] = [
        transformer
        for transformer in shell.input_transformers_cleanup
        if type(transformer).__name__ != CellTransformer.__name__
    ]
    matchers = shell.Completer.custom_matchers
    matchers[:] = [
        matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != completer.IDENTIFIER
    ]
    formatter = _formatter(shell)
    for module, name in DISPLAYED_TYPES:
        formatter.deferred_printers.pop((module, name), None)  # a class that is not imported yet is registered by name
    for type_ in [
        type_ for type_ in formatter.type_printers if (type_.__module__, type_.__qualname__) in DISPLAYED_TYPES
    ]:
        del formatter.type_printers[type_]


def _formatter(shell: Any) -> Any:
    return shell.display_formatter.ipython_display_formatter
