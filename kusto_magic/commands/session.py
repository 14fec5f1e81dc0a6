"""What the magics and their subcommands have in common: the settings, the builds, and a place to show things.

Imports of what is slow to load are inside the functions: `%load_ext kusto_magic` is in many notebooks' first cell.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from kusto_magic.commands.name_cache import NameCache
from kusto_magic.display.frontend import can_prompt, in_kernel, is_interactive

if TYPE_CHECKING:
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.display.bundle import Bundle
    from kusto_magic.models.action import Phase
    from kusto_magic.models.target import Target
    from kusto_magic.settings import Settings

Shown = TypeVar("Shown", "Build", "Fleet")

TARGET_SETTINGS = ("subscription", "resource_group", "cluster", "cloud", "endpoint")


PLACEHOLDER_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


class WaitInterrupted(KeyboardInterrupt):
    """An interrupt while waiting: the waiting has ended, what was begun goes on."""

    def __init__(self, waited_for: Build | Fleet) -> None:
        super().__init__(waited_for.name)
        self._name = waited_for.name
        self._phase: Phase | None = getattr(getattr(waited_for, "operation", None), "phase", None)

    def _render_traceback_(self) -> list[str]:
        from kusto_magic.models.action import NOT_SUBMITTED

        again = f"Next: %kusto_image attach {self._name} shows it again, also after a restart of the kernel."
        if self._phase is None:
            return [f"Detached: the builds of image {self._name!r} go on in the background.", again]
        if self._phase in NOT_SUBMITTED:
            return [
                f"Detached: image {self._name!r} is still {self._phase.lower()}; nothing was sent yet.",
                f"Next: keep this kernel, which will send it; %kusto_image attach {self._name} shows it again.",
            ]
        return [f"Detached: image {self._name!r} is still {self._phase.lower()}; it goes on in the background.", again]


class Session:
    """One loaded extension in one shell.

    `magics` is the configurable that `%config KustoImageMagics` sets; `builds` a seam, by default those of the process.
    """

    def __init__(self, shell: Any, magics: Any, builds: BuildManager | None = None) -> None:
        self.shell = shell
        self.magics = magics
        self.name_cache = NameCache()
        self.credential_type = ""
        self._warned = ""
        self._builds = builds

    @property
    def builds(self) -> BuildManager:
        """The builds of this process; made at first use."""
        if self._builds is None:
            from kusto_magic.builds.manager import default_manager

            self._builds = default_manager()
        return self._builds

    def has_client(self, target: Target) -> bool:
        """Return whether this session has asked a cluster something before."""
        return self._builds is not None and self._builds.has_client(target)

    # ── the place ────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self, options: Namespace) -> Settings:
        """Return the settings that hold for a line. Raises InvalidInput."""
        from kusto_magic import settings

        names = (*TARGET_SETTINGS, "wait", "credential")
        given = {name: getattr(options, name, None) for name in names}
        config: dict[str, str | None] = {name: getattr(self.magics, name) or None for name in names}
        config["timeout_hours"] = str(self.magics.timeout_hours) if self.magics.timeout_hours else None
        environ: Mapping[str, str] = os.environ
        found = settings.resolve(given, config, environ, settings.read_config(settings.config_file(environ)))
        self._use_credential(found.credential)
        return found

    def resolve_target(self, options: Namespace) -> tuple[Settings, Target]:
        """Return the settings and the cluster that hold for a line. Raises InvalidInput."""
        settings = self.settings(options)
        return settings, settings.target()

    def resolve_targets(self, options: Namespace) -> tuple[Settings, list[Target]]:
        """Return the settings and all clusters that a line means: named, found by a query, or the chosen one.

        Raises InvalidInput, and what asking Azure Resource Graph raises.
        """
        from kusto_magic.arm.resource_graph import deduplicate

        if getattr(options, "clusters_from", None) is not None:
            return self._query_targets(options)
        named = getattr(options, "named", []) or [options.cluster]
        settings = self.settings(options)
        return settings, deduplicate(
            [self.resolve_target(Namespace(**vars(options) | {"cluster": name}))[1] for name in named]
        )

    def _query_targets(self, options: Namespace) -> tuple[Settings, list[Target]]:
        from kusto_magic.arm.resource_graph import OPTION, find_clusters
        from kusto_magic.errors import InvalidInput, Problem
        from kusto_magic.models.endpoint import CLOUDS
        from kusto_magic.models.target import Target

        if options.cluster:
            raise InvalidInput([Problem(OPTION, "name the clusters or a query, not both")])
        settings = self.settings(options)
        endpoint = settings.endpoint or CLOUDS[settings.cloud or "public"].endpoint
        # The query needs no cluster, but a client is one of a cluster; without a subscription it asks in all.
        anywhere = Target(settings.subscription or PLACEHOLDER_SUBSCRIPTION, "any", "any", endpoint=endpoint)
        everywhere = not settings.subscription
        return settings, self.builds.ask(
            anywhere, lambda it: find_clusters(it, options.clusters_from, all_subscriptions=everywhere)
        )

    def _use_credential(self, kind: str) -> None:
        """Take the way to sign in that is set, where it is another one than before; nothing is sent."""
        if kind != self.credential_type:
            from kusto_magic.arm.credentials import CredentialFactory

            self.builds.sign_in(CredentialFactory(kind or "default"))
            self.credential_type = kind

    # ── showing ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def in_kernel(self) -> bool:
        """Whether this is a kernel and no terminal."""
        return in_kernel(self.shell)

    @property
    def can_prompt(self) -> bool:
        """Whether a person could be asked for something."""
        return can_prompt(self.shell)

    @property
    def is_interactive(self) -> bool:
        """Whether a person is before the notebook."""
        return is_interactive(self.shell)

    def present(self, build: Shown, options: Namespace, settings: Settings) -> Shown | None:
        """Show a build or a fleet and, where that is asked for, wait for it; else return it, for IPython to show."""
        self._warn_about_history()
        if getattr(options, "output", None):
            self.shell.user_ns[options.output] = build
        waits = settings.wait == "yes" or (settings.wait == "auto" and not self.is_interactive)
        if not waits:
            return build
        try:
            self.show_progress(build)
            build.wait()
        except KeyboardInterrupt:
            raise WaitInterrupted(build) from None
        return None

    def _warn_about_history(self) -> None:
        """Say once why builds are not remembered, where that is so."""
        warning = self.builds.history.warning
        if warning and warning != self._warned:
            self._warned = warning
            self.show_message(f"Note: {warning}.")

    def show_progress(self, build: Build | Fleet) -> None:
        """Show a build or a fleet: in a kernel as a card that stays true, in a terminal until it has ended."""
        if self.in_kernel:
            self.card(build)
        else:
            from kusto_magic.display.terminal import show_until_done

            show_until_done(build)

    def card(self, build: Build | Fleet) -> None:
        """Show a build or a fleet as a card that stays true; what IPython calls for one at the end of a cell."""
        from kusto_magic.builds.build import Build

        if isinstance(build, Build):
            from kusto_magic.display.live_card import LiveCard

            LiveCard(build, self.shell.display_pub, with_bar=self.is_interactive)
        else:
            from kusto_magic.display.live_fleet_card import LiveFleetCard

            LiveFleetCard(build, self.shell.display_pub, with_bar=self.is_interactive)

    def show(self, data: Bundle) -> None:
        """Show a bundle: all of it in a kernel, its text in a terminal."""
        if self.in_kernel:
            self.shell.display_pub.publish(data)
        else:
            self.print(data["text/plain"])

    def show_message(self, words: str) -> None:
        """Show a sentence."""
        from kusto_magic.display.bundle import message

        self.show(message(words))

    def insert_cell(self, text: str) -> None:
        """Put a new cell with this text below the running one; where nobody is there, show it."""
        from kusto_magic.display.bundle import code

        if self.in_kernel and not self.is_interactive:
            self.show(code(text, "A cell to begin with:"))
        else:
            self.shell.set_next_input(text)
            self.show_message("A new cell below has it; change it as you like and run it.")

    def print(self, words: str) -> None:
        """Write text as a cell's own output."""
        print(words)  # noqa: T201 - a terminal's output, in the cell's own thread


Command = Callable[[Session, Namespace], "Build | Fleet | None"]
"""What does a subcommand: shows something, or returns a Build or a Fleet for IPython to show."""
