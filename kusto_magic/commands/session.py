"""State shared by the magics and their subcommands: the settings, the builds and the output.

Slow imports are inside the functions: `%load_ext kusto_magic` is in the first cell of many notebooks.
"""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from kusto_magic.commands.name_cache import NameCache
from kusto_magic.display.frontend import can_prompt, in_kernel, is_interactive, updates_outputs
from kusto_magic.display_text import DisplayText, visible
from kusto_magic.errors import KustoImageError

if TYPE_CHECKING:
    from kusto_magic.arm.credentials import GivenCredential
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.builds.request import BuildRequest
    from kusto_magic.display.bundle import Bundle
    from kusto_magic.display.data_table import DataTable
    from kusto_magic.models.build_state import BuildState
    from kusto_magic.models.target import Target
    from kusto_magic.settings import Settings, SignIn

Shown = TypeVar("Shown", "Build", "Fleet")

TARGET_SETTINGS = ("subscription", "resource_group", "cluster", "cloud", "endpoint", "tenant")
"""Settings that select a cluster."""


class WaitInterrupted(KeyboardInterrupt):
    """An interrupted wait; the operation itself continues."""

    def __init__(self, pending: Build | Fleet) -> None:
        super().__init__(pending.name)
        self._name = pending.name
        operation = getattr(pending, "operation", None)
        self._state: BuildState | None = None if operation is None else operation.shown_state

    def _render_traceback_(self) -> list[DisplayText]:  # IPython's protocol for custom tracebacks
        from kusto_magic.models.build_state import UNSENT_STATES

        attach = f"%kusto_image attach {shlex.quote(self._name)}"
        state = "" if self._state is None else self._state.lower()
        hint = f"Next: {attach} resumes it, even after a kernel restart."
        if self._state is None:
            what = f"Detached: the builds of image {self._name!r} continue in the background."
        elif self._state in UNSENT_STATES:
            what = f"Detached: image {self._name!r} is still {state}; nothing was sent yet."
            hint = f"Next: keep this kernel running to send it; {attach} shows it again."
        else:
            what = f"Detached: image {self._name!r} is still {state}; it continues in the background."
        return [visible(what), visible(hint)]


class Session:
    """The extension loaded in one shell.

    `magics` is the configurable set by `%config KustoImageMagics`; `builds` is the build manager, by default
    that of the process.
    """

    def __init__(self, shell: Any, magics: Any, builds: BuildManager | None = None) -> None:
        self.shell = shell
        self.magics = magics
        self.name_cache = NameCache()
        self.sign_in: SignIn | None = None
        self.given: GivenCredential | None = None
        self._warned = ""
        self._builds = builds
        if builds is not None:
            self._follow_waits(builds)

    def _follow_waits(self, builds: BuildManager) -> None:
        from kusto_magic.display.slow_sign_in import SlowSignIn
        from kusto_magic.display.updated_output import first_only

        def output() -> Callable[[Bundle], None]:
            return self.updated_output() if self.in_kernel else first_only(self.show)

        builds.wait_observer = SlowSignIn(lambda: builds.running_tool, output)

    @property
    def builds(self) -> BuildManager:
        """The build manager of this process, created on first use."""
        if self._builds is None:
            from kusto_magic.builds.manager import default_manager
            from kusto_magic.display.cell_hints import MAGICS

            self._builds = default_manager()
            self._builds.hint_table = MAGICS
            self._follow_waits(self._builds)
        return self._builds

    def has_client(self, target: Target) -> bool:
        """Return whether this session has already connected to a cluster."""
        return self._builds is not None and self._builds.has_client(target)

    # ── settings and targets ────────────────────────────────────────────────────────────────────────────────────────

    def settings(self, options: Namespace) -> Settings:
        """Return the settings for a line. Raises InvalidInputError."""
        from kusto_magic import settings

        names = (*TARGET_SETTINGS, "wait", "credential")
        from_options = {name: getattr(options, name, None) for name in names}
        from_config: dict[str, str | None] = {name: getattr(self.magics, name) or None for name in names}
        for name in ("az_timeout", "timeout_hours"):
            from_config[name] = str(getattr(self.magics, name) or "")
        environ: Mapping[str, str] = os.environ
        found = settings.resolve(
            from_options, from_config, environ, settings.read_config(settings.config_file(environ))
        )
        self._use_credential(found)
        return found

    def resolve_target(self, options: Namespace) -> tuple[Settings, Target]:
        """Return the settings and the target cluster for a line. Raises InvalidInputError."""
        settings = self.settings(options)
        return settings, self.target_of(settings)

    def target_of(self, settings: Settings) -> Target:
        """Return the target cluster of settings. Raises InvalidInputError."""
        from kusto_magic.errors import InvalidInputError, Problem
        from kusto_magic.hints import Hint, HintKind

        if not (settings.cluster or settings.resource_group or settings.subscription):
            raise InvalidInputError([Problem("cluster", "not chosen yet")], hint=Hint(HintKind.CHOOSE_CLUSTER))
        return settings.target()

    def resolve_targets(self, options: Namespace) -> tuple[Settings, list[Target]]:
        """Return the settings and all target clusters of a line: named, found by a query, or the chosen one.

        Raises InvalidInputError, and the errors of the Azure Resource Graph request.
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
        from kusto_magic.errors import InvalidInputError, Problem
        from kusto_magic.models.target import Subscription

        if options.cluster:
            raise InvalidInputError([Problem("--clusters-from", "use either --cluster or a query, not both")])
        settings = self.settings(options)
        subscription = Subscription(settings.subscription, settings.endpoint_url)  # without one, it searches all
        found = self.builds.ask_subscription(subscription, lambda client: client.find_clusters(options.clusters_from))
        return settings, list(found)

    def _use_credential(self, settings: Settings) -> None:
        """Use the configured sign-in method if it has changed; nothing is sent yet."""
        from kusto_magic.settings import SignIn

        if self.given is None and settings.sign_in != (self.sign_in or SignIn()):
            from kusto_magic.arm.credentials import CredentialFactory

            self.builds.sign_in(CredentialFactory.of(settings.sign_in))
            self.sign_in = settings.sign_in

    def restore_sign_in(self) -> None:
        """Use the sign-in before a failed one again."""
        from kusto_magic.arm.credentials import CredentialFactory
        from kusto_magic.settings import SignIn

        factory = CredentialFactory.of(self.sign_in or SignIn())
        self.builds.sign_in(replace(factory, given=self.given))

    # ── output ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def in_kernel(self) -> bool:
        """Whether this is a kernel, not a terminal."""
        return in_kernel(self.shell)

    @property
    def can_prompt(self) -> bool:
        """Whether the user can be prompted for input."""
        return can_prompt(self.shell)

    @property
    def is_interactive(self) -> bool:
        """Whether a user is present; false in a headless run."""
        return is_interactive(self.shell)

    @property
    def updates_outputs(self) -> bool:
        """Whether the front end shows changes of an output after its cell has ended."""
        return updates_outputs(self.shell)

    def start(
        self, requests: Sequence[BuildRequest], options: Namespace, settings: Settings, *, as_fleet: bool = False
    ) -> Build | Fleet | None:
        """Start an operation, on several clusters as a fleet, and `present` it. Raises InvalidInputError."""
        if as_fleet or len(requests) > 1:
            return self.present(self.builds.start_fleet(requests), options, settings)
        return self.present(self.builds.start(requests[0]), options, settings)

    def present(self, build: Shown, options: Namespace, settings: Settings) -> Shown | None:
        """Show a build or a fleet and wait for it if required; otherwise return it for IPython to display."""
        self._warn_about_history()
        if getattr(options, "output", None):
            self.shell.user_ns[options.output] = build  # before the wait, so that it is set after an interrupt too
        can_follow = self.is_interactive and self.updates_outputs
        waits = settings.wait == "yes" or (settings.wait == "auto" and not can_follow)
        if not waits:
            return build
        try:
            self.show_progress(build)
            build.result()
        except KeyboardInterrupt:
            raise WaitInterrupted(build) from None
        except KustoImageError as error:
            # The log of a non-interactive run often has only the error.
            error.is_shown = self.is_interactive or not self.in_kernel
            raise
        return None

    def _warn_about_history(self) -> None:
        """Show once why the history is not available."""
        warning = self.builds.history.warning
        if warning and warning != self._warned:
            self._warned = warning
            self.show_message(f"Note: {warning}.")

    def show_progress(self, build: Build | Fleet) -> None:
        """Show a build or a fleet: in a notebook as a live card, in a terminal or console until it is done."""
        if self.in_kernel and (self.updates_outputs or not self.is_interactive):
            self.card(build, is_awaited=True)
        else:
            from kusto_magic.display.cell_hints import MAGICS
            from kusto_magic.display.terminal import show_until_done

            show_until_done(build, hints=MAGICS, is_remote=self.in_kernel)

    def card(self, build: Build | Fleet, *, is_awaited: bool = False) -> None:
        """Show a build or a fleet as a live card; called by IPython for the last expression of a cell.

        `is_awaited` is whether the cell waits for the end, which then needs no notification.
        """
        from kusto_magic.display.cell_hints import MAGICS
        from kusto_magic.display.live_card import LiveCard

        with_bar = self.is_interactive and self.updates_outputs
        LiveCard(build, self.shell.display_pub, with_bar=with_bar, hints=MAGICS, is_awaited=is_awaited)
        if self.is_interactive and not self.updates_outputs and not build.ended:
            self.show_message(f"%kusto_image wait {shlex.quote(build.name)} waits for it and shows the result.")

    def show(self, data: Bundle) -> None:
        """Show a MIME bundle: all of it in a kernel, its plain text in a terminal."""
        if self.in_kernel:
            self.shell.display_pub.publish(data)
        else:
            self.print(data["text/plain"])

    def updated_output(self) -> Callable[[Bundle], None]:
        """Return a function that shows a bundle in place of the previous one, or below it in a terminal."""
        from kusto_magic.display.updated_output import updated_output

        return updated_output(self.shell.display_pub.publish) if self.in_kernel else self.show

    def show_table(self, table: DataTable) -> None:
        """Show a table; a terminal shows it in colors, and wraps its cells to its width."""
        from kusto_magic.display.terminal_table import print_table

        if self.in_kernel or not sys.stdout.isatty():
            self.show(table.bundle())
        else:
            print_table(table)

    def show_message(self, text: str) -> None:
        """Show a message."""
        from kusto_magic.display.bundle import message

        self.show(message(text))

    def show_notes(self, lines: Sequence[str]) -> None:
        """Show how the requirements that are used differ from what was written."""
        if lines:
            from kusto_magic.display.input_card import notes

            self.show(notes(lines))

    @contextmanager
    def showing_corrections(self, options: Namespace) -> Iterator[None]:
        """Show a card for an InvalidInputError that has corrected requirements, so that they can be applied."""
        from kusto_magic.display.cell_hints import MAGICS
        from kusto_magic.errors import InvalidInputError

        try:
            yield
        except InvalidInputError as error:
            if error.correction is not None and self.in_kernel:
                from kusto_magic.display.input_card import input_card

                base = options.base or (f"Python {options.python}" if options.python else "")
                self.show(input_card(error, options.name, base, MAGICS))
                error.is_shown = self.is_interactive  # the log of a non-interactive run often has only the error
            raise

    @contextmanager
    def allowing_failure(self, options: Namespace) -> Iterator[None]:
        """With `--allow-failure`, print an error instead of raising it; not what a card shows already."""
        from kusto_magic.display.cell_hints import MAGICS

        try:
            yield
        except KustoImageError as error:
            if not getattr(options, "allow_failure", False):
                raise
            if not error.is_shown:
                self.print(visible("\n".join(error.lines(MAGICS))))

    def insert_cell(self, text: str) -> None:
        """Insert a cell with this text below the running one, or show the text in a headless run."""
        from kusto_magic.display.bundle import code

        if self.in_kernel and not self.is_interactive:
            self.show(code(text, "Starter cell:"))
        else:
            self.shell.set_next_input(text)
            where = "A new cell was inserted below." if self.updates_outputs else "The next prompt contains the cell."
            self.show_message(f"{where} Edit it as needed and run it.")

    def print(self, text: DisplayText) -> None:
        """Write text to the output of the running cell."""
        print(text)  # noqa: T201 - stdout belongs to the running cell


Command = Callable[[Session, Namespace], "Build | Fleet | None"]
"""Function of a subcommand: it shows its result, or returns a Build or a Fleet for IPython to display."""
