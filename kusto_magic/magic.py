"""`%%kusto_image NAME` and `%kusto_image COMMAND`: read the words, call, show.

Imports of what is slow to load are inside the functions: `%load_ext kusto_magic` is in many notebooks' first cell.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from traitlets import Enum, Float, Unicode

from kusto_magic.presence import in_kernel, somebody_is_there

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.builds import Build, Builds
    from kusto_magic.card import Bundle
    from kusto_magic.models import ImageSpec, Target
    from kusto_magic.settings import Settings

CHECK = "check"
"""In the place of an image's name: only ask the preflight."""

PLACE = ("subscription", "resource_group", "cluster", "cloud", "endpoint")


class Detached(KeyboardInterrupt):
    """An interrupt while waiting: the waiting has ended, the build goes on."""

    def __init__(self, build: Build) -> None:
        super().__init__(build.name)
        self._name = build.name
        self._phase = build.operation.phase

    def _render_traceback_(self) -> list[str]:
        return [
            f"Detached: image {self._name!r} is still {self._phase.lower()}; it goes on in the background.",
            f"Next: %kusto_image attach {self._name} shows it again, also after a restart of the kernel.",
        ]


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
        self._shell: Any = shell  # IPython types it as optional, and without what only a kernel's shell has
        self._builds = builds

    @property
    def builds(self) -> Builds:
        """The builds of this process; made at first use."""
        if self._builds is None:
            from kusto_magic.builds import shared

            self._builds = shared()
        return self._builds

    @cell_magic("kusto_image")
    def make(self, line: str, cell: str) -> Build | None:
        """Make a sandbox custom image: `%%kusto_image NAME --base IMAGE`; the cell is its requirements file.

        `%%kusto_image --help` lists the options, `%kusto_image --help` what else there is around an image.
        """
        from kusto_magic import arguments

        try:
            options = arguments.parse(arguments.cell_parser(), line)
        except arguments.HelpAsked as help_asked:
            self._print(str(help_asked))
            return None
        settings, target, spec = self._read(options, cell)
        if options.name == CHECK:
            self._show_check(target, spec)
            return None
        if options.dry_run:
            self._show(_dry_run(target, options.name, spec))
            return None
        limit = settings.limit_hours * 3600
        build = self.builds.start(target, options.name, spec, check=not options.no_check, pin=options.pin, limit=limit)
        return self._present(build, options, settings)

    @line_magic("kusto_image")
    def command(self, line: str) -> Build | None:
        """Do what a subcommand says: `%kusto_image list`; `%kusto_image --help` lists them all.

        `%%kusto_image NAME --base IMAGE` makes an image: the cell is its requirements file.
        """
        from kusto_magic import arguments

        try:
            options = arguments.parse(arguments.line_parser(), line)
        except arguments.HelpAsked as help_asked:
            self._print(str(help_asked))
            return None
        commands: Mapping[str, Callable[[Namespace], Build | None]] = {
            "use": self._use,
            "list": self._list,
            "panel": self._panel,
            "show": self._show_image,
            "check": self._check_image,
            "attach": self._attach,
            "wait": self._wait,
            "delete": self._delete,
        }
        return commands[options.command](options)

    # ── subcommands ──────────────────────────────────────────────────────────────────────────────────────────

    def _use(self, options: Namespace) -> None:
        if options.what == "emulator":
            from kusto_magic.emulator import launch

            if options.build_seconds is not None:
                launch.stop()  # its images and running builds stay
            ready = launch.find_or_start(12 if options.build_seconds is None else options.build_seconds).target
            names = (ready.subscription, ready.resource_group, ready.cluster, "", ready.endpoint)
            place = dict(zip(PLACE, names, strict=True))
        else:
            place = {name: getattr(options, name) or "" for name in PLACE}
        settings = self._settings(Namespace(**place))
        target = settings.target()
        for name in PLACE:
            setattr(self, name, place[name])
        where = "on the local emulator" if target.is_local else f"at {target.endpoint}"
        self._say(f"Using cluster {target.cluster} in resource group {target.resource_group}, {where}.")

    def _list(self, options: Namespace) -> None:
        from kusto_magic.card import table

        target = self._settings(options).target()
        images = self.builds.ask(target, lambda client: client.list())
        rows = [(image.name, image.state, image.foundation, _packages(image.requirements)) for image in images]
        empty = f"Cluster {target.cluster} has no custom images yet; %%kusto_image NAME --base Python3_11_7 makes one."
        self._show(table(("image", "state", "base", "requirements"), rows, empty))

    def _panel(self, options: Namespace) -> None:
        from kusto_magic.panel import ImagePanel

        ImagePanel(settings=self._settings(options), builds=self.builds, shell=self._shell).display()

    def _show_image(self, options: Namespace) -> None:
        from kusto_magic.card import table

        target = self._settings(options).target()
        image = self.builds.ask(target, lambda client: client.get(options.name))
        rows = [
            ("image", image.name),
            ("cluster", target.cluster),
            ("state", image.state),
            ("base", image.foundation),
            ("language", image.language),
            *(("requirements" if n == 0 else "", line) for n, line in enumerate(image.requirements.splitlines())),
        ]
        self._show(table(("property", "value"), rows, ""))

    def _check_image(self, options: Namespace) -> None:
        target = self._settings(options).target()
        image = self.builds.ask(target, lambda client: client.get(options.name))
        self._show_check(target, image.to_spec())

    def _show_check(self, target: Target, spec: ImageSpec) -> None:
        """Show what the preflight says, and send nothing. Raises DoesNotFit, so that a headless run notices."""
        from kusto_magic import plan
        from kusto_magic.builds import refuse_misfit, wait

        forecast = wait(self.builds.check(target, spec))
        self._show(plan.bundle(forecast))
        refuse_misfit(forecast)

    def _attach(self, options: Namespace) -> Build | None:
        settings = self._settings(options)
        # In a kernel that was restarted no cluster is chosen yet; the history knows where the image was begun.
        known = None if settings.cluster else self.builds.history.latest(options.name)
        target = known.target if known else settings.target()
        build = self.builds.attach(target, options.name, limit=settings.limit_hours * 3600)
        return self._present(build, options, settings)

    def _wait(self, options: Namespace) -> Build | None:
        options.wait = "yes"
        return self._attach(options)

    def _delete(self, options: Namespace) -> Build | None:
        settings, target = self._place(options)
        return self._present(self.builds.delete(target, options.name), options, settings)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    def _settings(self, options: Namespace) -> Settings:
        from kusto_magic import settings

        given = {name: getattr(options, name, None) for name in (*PLACE, "wait")}
        config: dict[str, str | None] = {name: getattr(self, name) or None for name in (*PLACE, "wait")}
        config["limit_hours"] = str(self.limit_hours) if self.limit_hours else None
        environ: Mapping[str, str] = os.environ
        return settings.resolve(given, config, environ, settings.read_config(settings.config_file(environ)))

    def _place(self, options: Namespace) -> tuple[Settings, Target]:
        settings = self._settings(options)
        return settings, settings.target()

    def _read(self, options: Namespace, cell: str) -> tuple[Settings, Target, ImageSpec]:
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
            settings, target = self._place(options)
        except InvalidInput as refused:
            problems += refused.problems
            next_step = "%kusto_image use --cluster ARM-ID (or %kusto_image use emulator), then run the cell again."
        if problems or spec is None or settings is None or target is None:
            raise InvalidInput(problems, next_step=next_step)
        return settings, target, spec

    # ── showing ──────────────────────────────────────────────────────────────────────────────────────────────

    def _present(self, build: Build, options: Namespace, settings: Settings) -> Build | None:
        """Show a build and, where that is asked for, wait for it; otherwise return it, for IPython to show."""
        if getattr(options, "output", None):
            self._shell.user_ns[options.output] = build
        waits = settings.wait == "yes" or (settings.wait == "auto" and not self._somebody_is_there())
        if not waits:
            return build
        try:
            if self._in_kernel():
                self.present(build)
                build.wait()
            else:
                from kusto_magic.terminal import follow

                follow(build)
                build.wait()
        except KeyboardInterrupt:
            raise Detached(build) from None
        return None

    def present(self, build: Build) -> None:
        """Show a build as a card that stays true; what IPython calls for a Build at the end of a cell."""
        from kusto_magic.live import LiveCard

        LiveCard(build, self._shell.display_pub, with_bar=self._in_kernel() and self._somebody_is_there())

    def _in_kernel(self) -> bool:
        return in_kernel(self._shell)

    def _somebody_is_there(self) -> bool:
        return somebody_is_there(self._shell)

    def _show(self, data: Bundle) -> None:
        if self._in_kernel():
            self._shell.display_pub.publish(data)
        else:
            self._print(data["text/plain"])

    def _say(self, words: str) -> None:
        from kusto_magic.card import message

        self._show(message(words))

    def _print(self, words: str) -> None:
        print(words)  # noqa: T201 - a terminal's output, in the cell's own thread


def _packages(requirements: str) -> str:
    from kusto_magic import requirements as requirements_text
    from kusto_magic.errors import InvalidInput

    try:
        packages = requirements_text.parse(requirements, allow_index_options=True).packages
    except InvalidInput:
        return " ".join(requirements.split())[:80]
    return ", ".join(package.text for package in packages)


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
    if magics._in_kernel():
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
