"""`%%kusto_image NAME` and `%kusto_image COMMAND`: read the words, call, show.

Imports of what is slow to load are inside the functions: `%load_ext kusto_magic` is in many notebooks' first cell.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from traitlets import Enum, Float, Unicode

from kusto_magic.commands.session import Command, Session
from kusto_magic.display.frontend import in_kernel
from kusto_magic.magics import completer as completion

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.models.image import ImageSpec
    from kusto_magic.models.target import Target
    from kusto_magic.settings import Settings

CHECK_NAME = "check"
"""In the place of an image's name: only ask the preflight."""

DISPLAYED_TYPES = (("kusto_magic.builds.build", "Build"), ("kusto_magic.builds.fleet", "Fleet"))
"""What is shown as a card where it stands at the end of a cell: room and class."""

COMMANDS = {
    "use": ("cluster", "use"),
    "panel": ("cluster", "panel"),
    "clusters": ("cluster", "clusters"),
    "active": ("cluster", "active"),
    "enable": ("cluster", "enable"),
    "disable": ("cluster", "disable"),
    "list": ("images", "list_images"),
    "show": ("images", "show"),
    "check": ("images", "check"),
    "attach": ("images", "attach"),
    "wait": ("images", "wait"),
    "delete": ("images", "delete"),
    "status": ("images", "status"),
    "bases": ("images", "bases"),
    "diff": ("requirements", "diff"),
    "edit": ("requirements", "edit"),
    "freeze": ("requirements", "freeze"),
    "export": ("requirements", "export"),
    "doctor": ("doctor", "doctor"),
}
"""Where each subcommand is done: the module in `commands` and its function."""


@magics_class
class KustoImageMagics(Magics):
    """The magics of kusto_magic, and what `%config KustoImageMagics` sets."""

    subscription = Unicode(help="The id of the subscription.").tag(config=True)
    resource_group = Unicode(help="The name of the resource group.").tag(config=True)
    cluster = Unicode(help="The name of the cluster, or its whole ARM id.").tag(config=True)
    cloud = Unicode(help="public, usgov or china.").tag(config=True)
    endpoint = Unicode(help="The address of a Resource Manager of one's own.").tag(config=True)
    wait = Enum(
        ["", "auto", "yes", "no"],
        "",
        help="Wait for builds: auto waits where no person is before the notebook, and in a terminal.",
    ).tag(config=True)
    credential = Unicode(help="How to sign in: default, cli, device …; %kusto_image use --help lists them.").tag(
        config=True
    )
    timeout_hours = Float(0.0, min=0.0, help="For how long a build is followed; 0: the default, 4 hours.").tag(
        config=True
    )

    def __init__(self, shell: InteractiveShell, builds: BuildManager | None = None) -> None:
        super().__init__(shell)
        self._session = Session(shell, self, builds)

    @cell_magic("kusto_image")
    def make(self, line: str, cell: str) -> Build | Fleet | None:
        """Make a sandbox custom image: `%%kusto_image NAME --base IMAGE`; the cell is its requirements file.

        `%%kusto_image --help` lists the options, `%kusto_image --help` what else there is around an image.
        """
        from kusto_magic.commands import arguments

        try:
            options = arguments.parse(arguments.cell_parser(), line)
        except arguments.HelpRequested as help_asked:
            self._session.print(str(help_asked))
            return None
        return self._make(options, cell)

    def _make(self, options: Namespace, cell: str) -> Build | Fleet | None:
        from kusto_magic.commands.cell import dry_run, read_cell
        from kusto_magic.commands.images import show_check
        from kusto_magic.commands.requirements import show_diff

        here = self._session
        settings, targets, spec = read_cell(here, options, cell)
        if options.name == CHECK_NAME:
            show_check(here, _single_target(targets, CHECK_NAME), spec)
        elif options.dry_run:
            here.show(dry_run(targets, options.name, spec))
        elif options.diff:
            show_diff(here, _single_target(targets, "--diff"), options.name, spec)
        else:
            return self._start(options, settings, targets, spec)
        return None

    def _start(
        self, options: Namespace, settings: Settings, targets: Sequence[Target], spec: ImageSpec
    ) -> Build | Fleet | None:
        from kusto_magic.builds.options import BuildOptions

        here, many = self._session, len(targets) > 1 or options.clusters_from is not None
        how = BuildOptions(
            check=not options.no_check,
            pin=options.pin,
            force=options.force,
            queue=options.queue or many,
            protect_active=not options.yes,
            timeout=settings.timeout_hours * 3600,
        )
        if many:
            return here.present(here.builds.start_fleet(targets, options.name, spec, how), options, settings)
        return here.present(here.builds.start(targets[0], options.name, spec, **asdict(how)), options, settings)

    @line_magic("kusto_image")
    def command(self, line: str) -> Build | Fleet | None:
        """Do what a subcommand says: `%kusto_image list`; `%kusto_image --help` lists them all.

        `%%kusto_image NAME --base IMAGE` makes an image: the cell is its requirements file.
        """
        from kusto_magic.commands import arguments

        try:
            options = arguments.parse(arguments.line_parser(), line)
        except arguments.HelpRequested as help_asked:
            self._session.print(str(help_asked))
            return None
        room, name = COMMANDS[options.command]
        done: Command = getattr(import_module(f"kusto_magic.commands.{room}"), name)
        return done(self._session, options)

    def present(self, build: Build | Fleet) -> None:
        """Show a build or a fleet as a card that stays true; what IPython calls for one at the end of a cell."""
        self._session.card(build)


def _single_target(targets: Sequence[Target], what: str) -> Target:
    """Return the one cluster that was named. Raises InvalidInput where there are several."""
    from kusto_magic.errors import InvalidInput, Problem

    if len(targets) > 1:
        raise InvalidInput([Problem("cluster", f"{what} asks about one cluster; {len(targets)} are named")])
    return targets[0]


def load(shell: InteractiveShell) -> None:
    """Register the magics and how a Build is shown; once, however often it is loaded."""
    unload(shell)
    magics = KustoImageMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(EmptyBodyTransformer())
    shell.Completer.custom_matchers.append(completion.matcher(magics._session))
    if in_kernel(shell):
        for room, kind in DISPLAYED_TYPES:
            _formatter(shell).for_type_by_name(room, kind, magics.present)


def unload(shell: InteractiveShell) -> None:
    """Leave nothing of `load` in the shell."""
    manager = shell.magics_manager
    for kind in ("line", "cell"):
        manager.magics[kind].pop("kusto_image", None)
    manager.registry.pop(KustoImageMagics.__name__, None)
    shell.configurables[:] = [one for one in shell.configurables if type(one).__name__ != KustoImageMagics.__name__]
    shell.input_transformers_cleanup[:] = [
        known for known in shell.input_transformers_cleanup if type(known).__name__ != EmptyBodyTransformer.__name__
    ]
    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != completion.IDENTIFIER]
    formatter = _formatter(shell)
    for room, kind in DISPLAYED_TYPES:
        formatter.deferred_printers.pop((room, kind), None)
    for known in [it for it in formatter.type_printers if (it.__module__, it.__qualname__) in DISPLAYED_TYPES]:
        del formatter.type_printers[known]


class EmptyBodyTransformer:
    """Gives a `%%kusto_image` line that stands alone a blank body: IPython refuses an empty one, even with --help."""

    has_side_effects = True
    """Keeps it out of IPython's question whether an input is complete: one who types a cell goes on after line one."""

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the cell's lines, with a body."""
        if lines and lines[0].startswith("%%kusto_image") and not "".join(lines[1:]).strip():
            return [lines[0].rstrip("\n") + "\n", " \n"]
        return lines


def _formatter(shell: Any) -> Any:
    return shell.display_formatter.ipython_display_formatter
