"""`%%kusto_image NAME` and `%kusto_image COMMAND`: read the words, call, show.

Imports of what is slow to load are inside the functions: `%load_ext kusto_magic` is in many notebooks' first cell.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from traitlets import Enum, Float, Unicode

from kusto_magic.presence import in_kernel
from kusto_magic.session import Session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.builds import Build, Builds
    from kusto_magic.card import Bundle
    from kusto_magic.models import ImageSpec, Target
    from kusto_magic.settings import Settings

CHECK = "check"
"""In the place of an image's name: only ask the preflight."""

COMMANDS = {
    "use": ("cluster", "use"),
    "list": ("images", "list_images"),
    "panel": ("cluster", "panel"),
    "show": ("images", "show"),
    "check": ("images", "check"),
    "attach": ("images", "attach"),
    "wait": ("images", "wait"),
    "delete": ("images", "delete"),
}
"""Where each subcommand is done: the module `commands_…` and its function."""


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
    limit_hours = Float(0.0, min=0.0, help="For how long a build is followed; 0: the default, 4 hours.").tag(
        config=True
    )

    def __init__(self, shell: InteractiveShell, builds: Builds | None = None) -> None:
        super().__init__(shell)
        self._here = Session(shell, self, builds)

    @cell_magic("kusto_image")
    def make(self, line: str, cell: str) -> Build | None:
        """Make a sandbox custom image: `%%kusto_image NAME --base IMAGE`; the cell is its requirements file.

        `%%kusto_image --help` lists the options, `%kusto_image --help` what else there is around an image.
        """
        from kusto_magic import arguments

        try:
            options = arguments.parse(arguments.cell_parser(), line)
        except arguments.HelpAsked as help_asked:
            self._here.print(str(help_asked))
            return None
        settings, target, spec = _read(self._here, options, cell)
        if options.name == CHECK:
            from kusto_magic.commands_images import show_check

            show_check(self._here, target, spec)
            return None
        if options.dry_run:
            self._here.show(_dry_run(target, options.name, spec))
            return None
        limit = settings.limit_hours * 3600
        build = self._here.builds.start(
            target, options.name, spec, check=not options.no_check, pin=options.pin, limit=limit
        )
        return self._here.present(build, options, settings)

    @line_magic("kusto_image")
    def command(self, line: str) -> Build | None:
        """Do what a subcommand says: `%kusto_image list`; `%kusto_image --help` lists them all.

        `%%kusto_image NAME --base IMAGE` makes an image: the cell is its requirements file.
        """
        from kusto_magic import arguments

        try:
            options = arguments.parse(arguments.line_parser(), line)
        except arguments.HelpAsked as help_asked:
            self._here.print(str(help_asked))
            return None
        room, name = COMMANDS[options.command]
        done: Callable[[Session, Namespace], Build | None] = getattr(
            import_module(f"kusto_magic.commands_{room}"), name
        )
        return done(self._here, options)

    def present(self, build: Build) -> None:
        """Show a build as a card that stays true; what IPython calls for a Build at the end of a cell."""
        self._here.card(build)


def _read(here: Session, options: Namespace, cell: str) -> tuple[Settings, Target, ImageSpec]:
    """Return what a cell asks for. Raises InvalidInput with the problems of its line, its text and its place."""
    from kusto_magic.errors import InvalidInput, Problem
    from kusto_magic.models import ImageSpec, image_name_problem

    problems = [Problem("image name", words) for words in [image_name_problem(options.name)] if words]
    spec = settings = target = None
    next_step = ""
    try:
        spec = ImageSpec(cell, options.base, options.python, allow_index_options=options.allow_index_options)
    except InvalidInput as refused:
        problems += refused.problems
    try:
        settings, target = here.place(options)
    except InvalidInput as refused:
        problems += refused.problems
        next_step = "%kusto_image use --cluster ARM-ID (or %kusto_image use emulator), then run the cell again."
    if problems or spec is None or settings is None or target is None:
        raise InvalidInput(problems, next_step=next_step)
    return settings, target, spec


def _dry_run(target: Target, name: str, spec: ImageSpec) -> Bundle:
    """Return the request as it would be sent, as text."""
    import json
    from html import escape

    from kusto_magic.models import API_VERSION

    body = json.dumps(json.loads(spec.to_body()), indent=2, ensure_ascii=False)
    request = f"PUT {target.cluster_id}/sandboxCustomImages/{name}?api-version={API_VERSION}\n\n{body}"
    words = "Nothing was sent. This would be:"
    return {"text/html": f"<p>{words}</p><pre>{escape(request)}</pre>", "text/plain": f"{words}\n{request}"}


def load(shell: InteractiveShell) -> None:
    """Register the magics and how a Build is shown; once, however often it is loaded."""
    unload(shell)
    magics = KustoImageMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(give_body)
    if in_kernel(shell):
        _formatter(shell).for_type_by_name("kusto_magic.builds", "Build", magics.present)


def unload(shell: InteractiveShell) -> None:
    """Leave nothing of `load` in the shell."""
    manager = shell.magics_manager
    for kind in ("line", "cell"):
        manager.magics[kind].pop("kusto_image", None)
    manager.registry.pop(KustoImageMagics.__name__, None)
    shell.configurables[:] = [one for one in shell.configurables if type(one).__name__ != KustoImageMagics.__name__]
    shell.input_transformers_cleanup[:] = [
        known for known in shell.input_transformers_cleanup if getattr(known, "__name__", "") != give_body.__name__
    ]
    formatter = _formatter(shell)
    formatter.deferred_printers.pop(("kusto_magic.builds", "Build"), None)
    for known in [kind for kind in formatter.type_printers if kind.__qualname__ == "Build"]:
        if known.__module__ == "kusto_magic.builds":
            del formatter.type_printers[known]


def give_body(lines: list[str]) -> list[str]:
    """Give a `%%kusto_image` line that stands alone a blank body: IPython refuses an empty one, even with --help."""
    if lines and lines[0].startswith("%%kusto_image") and not "".join(lines[1:]).strip():
        return [lines[0].rstrip("\n") + "\n", " \n"]
    return lines


def _formatter(shell: Any) -> Any:
    return shell.display_formatter.ipython_display_formatter
