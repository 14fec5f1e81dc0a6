"""What the magics and their subcommands have in common: the settings, the builds, and a place to show things.

Imports of what is slow to load are inside the functions: `%load_ext kusto_magic` is in many notebooks' first cell.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from kusto_magic.commands.name_cache import Known
from kusto_magic.display.frontend import can_ask, in_kernel, somebody_is_there

if TYPE_CHECKING:
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.manager import Builds
    from kusto_magic.display.bundle import Bundle
    from kusto_magic.models.action import Phase
    from kusto_magic.models.target import Target
    from kusto_magic.settings import Settings

Shown = TypeVar("Shown", "Build", "Fleet")

PLACE = ("subscription", "resource_group", "cluster", "cloud", "endpoint")


NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


class Detached(KeyboardInterrupt):
    """An interrupt while waiting: the waiting has ended, what was begun goes on."""

    def __init__(self, waited_for: Build | Fleet) -> None:
        super().__init__(waited_for.name)
        self._name = waited_for.name
        self._phase: Phase | None = getattr(getattr(waited_for, "operation", None), "phase", None)

    def _render_traceback_(self) -> list[str]:
        from kusto_magic.models.action import NEVER_SENT

        again = f"Next: %kusto_image attach {self._name} shows it again, also after a restart of the kernel."
        if self._phase is None:
            return [f"Detached: the builds of image {self._name!r} go on in the background.", again]
        if self._phase in NEVER_SENT:
            return [
                f"Detached: image {self._name!r} is still {self._phase.lower()}; nothing was sent yet.",
                f"Next: keep this kernel, which will send it; %kusto_image attach {self._name} shows it again.",
            ]
        return [f"Detached: image {self._name!r} is still {self._phase.lower()}; it goes on in the background.", again]


class Session:
    """One loaded extension in one shell.

    `magics` is the configurable that `%config KustoImageMagics` sets; `builds` a seam, by default those of the process.
    """

    def __init__(self, shell: Any, magics: Any, builds: Builds | None = None) -> None:
        self.shell = shell
        self.magics = magics
        self.known = Known()
        self.signs_in_as = ""
        self._warned = ""
        self._builds = builds

    @property
    def builds(self) -> Builds:
        """The builds of this process; made at first use."""
        if self._builds is None:
            from kusto_magic.builds.manager import shared

            self._builds = shared()
        return self._builds

    def has_asked(self, target: Target) -> bool:
        """Return whether this session has asked a cluster something before."""
        return self._builds is not None and self._builds.has_asked(target)

    # ── the place ────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self, options: Namespace) -> Settings:
        """Return the settings that hold for a line. Raises InvalidInput."""
        from kusto_magic import settings

        names = (*PLACE, "wait", "credential")
        given = {name: getattr(options, name, None) for name in names}
        config: dict[str, str | None] = {name: getattr(self.magics, name) or None for name in names}
        config["limit_hours"] = str(self.magics.limit_hours) if self.magics.limit_hours else None
        environ: Mapping[str, str] = os.environ
        found = settings.resolve(given, config, environ, settings.read_config(settings.config_file(environ)))
        self._sign_in_as(found.credential)
        return found

    def place(self, options: Namespace) -> tuple[Settings, Target]:
        """Return the settings and the cluster that hold for a line. Raises InvalidInput."""
        settings = self.settings(options)
        return settings, settings.target()

    def places(self, options: Namespace) -> tuple[Settings, list[Target]]:
        """Return the settings and all clusters that a line means: named, found by a query, or the chosen one.

        Raises InvalidInput, and what asking Azure Resource Graph raises.
        """
        from kusto_magic.arm.resource_graph import distinct

        if getattr(options, "clusters_from", None) is not None:
            return self._found(options)
        named = getattr(options, "named", []) or [options.cluster]
        settings = self.settings(options)
        return settings, distinct([self.place(Namespace(**vars(options) | {"cluster": name}))[1] for name in named])

    def _found(self, options: Namespace) -> tuple[Settings, list[Target]]:
        from kusto_magic.arm.resource_graph import OPTION, find_clusters
        from kusto_magic.errors import InvalidInput, Problem
        from kusto_magic.models.endpoint import CLOUDS
        from kusto_magic.models.target import Target

        if options.cluster:
            raise InvalidInput([Problem(OPTION, "name the clusters or a query, not both")])
        settings = self.settings(options)
        endpoint = settings.endpoint or CLOUDS[settings.cloud or "public"].endpoint
        # The query needs no cluster, but a client is one of a cluster; without a subscription it asks in all.
        anywhere = Target(settings.subscription or NO_SUBSCRIPTION, "any", "any", endpoint=endpoint)
        everywhere = not settings.subscription
        return settings, self.builds.ask(
            anywhere, lambda it: find_clusters(it, options.clusters_from, everywhere=everywhere)
        )

    def _sign_in_as(self, kind: str) -> None:
        """Take the way to sign in that is set, where it is another one than before; nothing is sent."""
        if kind != self.signs_in_as:
            from kusto_magic.arm.credentials import SignIn

            self.builds.sign_in(SignIn(kind or "default"))
            self.signs_in_as = kind

    # ── showing ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def in_kernel(self) -> bool:
        """Whether this is a kernel and no terminal."""
        return in_kernel(self.shell)

    @property
    def can_ask(self) -> bool:
        """Whether a person could be asked for something."""
        return can_ask(self.shell)

    @property
    def somebody_is_there(self) -> bool:
        """Whether a person is before the notebook."""
        return somebody_is_there(self.shell)

    def present(self, build: Shown, options: Namespace, settings: Settings) -> Shown | None:
        """Show a build or a fleet and, where that is asked for, wait for it; else return it, for IPython to show."""
        self._say_what_is_not_kept()
        if getattr(options, "output", None):
            self.shell.user_ns[options.output] = build
        waits = settings.wait == "yes" or (settings.wait == "auto" and not self.somebody_is_there)
        if not waits:
            return build
        try:
            self.follow(build)
            build.wait()
        except KeyboardInterrupt:
            raise Detached(build) from None
        return None

    def _say_what_is_not_kept(self) -> None:
        """Say once why builds are not remembered, where that is so."""
        warning = self.builds.history.warning
        if warning and warning != self._warned:
            self._warned = warning
            self.say(f"Note: {warning}.")

    def follow(self, build: Build | Fleet) -> None:
        """Show a build or a fleet: in a kernel as a card that stays true, in a terminal until it has ended."""
        if self.in_kernel:
            self.card(build)
        else:
            from kusto_magic.display.terminal import follow

            follow(build)

    def card(self, build: Build | Fleet) -> None:
        """Show a build or a fleet as a card that stays true; what IPython calls for one at the end of a cell."""
        from kusto_magic.builds.build import Build

        if isinstance(build, Build):
            from kusto_magic.display.live_card import LiveCard

            LiveCard(build, self.shell.display_pub, with_bar=self.somebody_is_there)
        else:
            from kusto_magic.display.live_fleet_card import LiveFleet

            LiveFleet(build, self.shell.display_pub, with_bar=self.somebody_is_there)

    def show(self, data: Bundle) -> None:
        """Show a bundle: all of it in a kernel, its text in a terminal."""
        if self.in_kernel:
            self.shell.display_pub.publish(data)
        else:
            self.print(data["text/plain"])

    def say(self, words: str) -> None:
        """Show a sentence."""
        from kusto_magic.display.bundle import message

        self.show(message(words))

    def next_cell(self, text: str) -> None:
        """Put a new cell with this text below the running one; where nobody is there, show it."""
        from kusto_magic.display.bundle import code

        if self.in_kernel and not self.somebody_is_there:
            self.show(code(text, "A cell to begin with:"))
        else:
            self.shell.set_next_input(text)
            self.say("A new cell below has it; change it as you like and run it.")

    def print(self, words: str) -> None:
        """Write text as a cell's own output."""
        print(words)  # noqa: T201 - a terminal's output, in the cell's own thread


Command = Callable[[Session, Namespace], "Build | Fleet | None"]
"""What does a subcommand: shows something, or returns a Build or a Fleet for IPython to show."""
