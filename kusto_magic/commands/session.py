"""State of the front end that runs commands: the settings, the builds and the output.

The magics and the shell have a subclass each. Slow imports are inside the functions: `%load_ext kusto_magic` is in the
first cell of many notebooks.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from kusto_magic.commands.name_cache import NameCache
from kusto_magic.display_text import DisplayText, visible
from kusto_magic.errors import KustoImageError

if TYPE_CHECKING:
    from kusto_magic.arm.credentials import GivenCredential
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.builds.request import BuildRequest
    from kusto_magic.display.bundle import Bundle
    from kusto_magic.display.command_hints import CommandSyntax
    from kusto_magic.display.data_table import DataTable
    from kusto_magic.models.image import ImageSpec
    from kusto_magic.models.target import Target
    from kusto_magic.preflight.report import PreflightReport
    from kusto_magic.settings import Settings, SignIn

ShownBuild = TypeVar("ShownBuild", "Build", "Fleet")

TARGET_SETTINGS = ("subscription", "resource_group", "cluster", "cloud", "endpoint", "tenant")
"""Settings that select a cluster."""


class Session(ABC):
    """A front end that runs commands.

    `config` has the settings that `use` and `%config` change: the attributes of `TARGET_SETTINGS`, `wait`,
    `credential`, `az_timeout` and `timeout_hours`. `builds` is the build manager, by default that of the process.
    """

    def __init__(self, config: Any, builds: BuildManager | None = None) -> None:
        self.config = config
        self.name_cache = NameCache()
        self.sign_in: SignIn | None = None
        self.given: GivenCredential | None = None
        self._warned = ""
        self._builds = builds
        if builds is not None:
            self._follow_waits(builds)

    @property
    @abstractmethod
    def syntax(self) -> CommandSyntax:
        """How the user of this front end writes the commands, and its sentences."""

    def _follow_waits(self, builds: BuildManager) -> None:
        from kusto_magic.display.waits import SlowSignIn

        builds.wait_observer = SlowSignIn(lambda: builds.running_tool, self.progress_output)

    @property
    def builds(self) -> BuildManager:
        """The build manager of this process, created on first use."""
        if self._builds is None:
            from kusto_magic.builds.manager import default_manager

            self._builds = default_manager()
            self._builds.hint_table = self.syntax.hints
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
        from_options = {name: getattr(options, name, None) for name in (*names, "timeout_hours")}
        from_config: dict[str, str | None] = {name: getattr(self.config, name) or None for name in names}
        for name in ("az_timeout", "timeout_hours"):
            from_config[name] = str(getattr(self.config, name) or "")
        environ: Mapping[str, str] = os.environ
        found = settings.resolve(
            from_options,
            from_config,
            environ,
            settings.read_config(settings.config_file(environ)),
            credential_option=self.syntax.credential_option,
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

    def has_target(self, options: Namespace) -> bool:
        """Return whether a line or the settings name any part of a cluster. Raises InvalidInputError."""
        found = self.settings(options)
        named = getattr(options, "clusters_from", None) is not None
        return named or bool(found.cluster or found.resource_group or found.subscription)

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

    # ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────

    def start(
        self, requests: Sequence[BuildRequest], options: Namespace, settings: Settings, *, as_fleet: bool = False
    ) -> Build | Fleet | None:
        """Start an operation, on several clusters as a fleet, and `present` it. Raises InvalidInputError."""
        if as_fleet or len(requests) > 1:
            return self.present(self.builds.start_fleet(requests), options, settings)
        return self.present(self.builds.start(requests[0]), options, settings)

    def check(self, target: Target | None, spec: ImageSpec, *, fix: bool = False) -> PreflightReport:
        """Check requirements and wait for the result, as `BuildManager.check` does; a long wait is shown."""
        from kusto_magic.builds.event_loop import result_or_cancel
        from kusto_magic.display.waits import SlowCheck

        return result_or_cancel(self.builds.check(target, spec, fix=fix), SlowCheck(self.progress_output))

    @abstractmethod
    def present(self, build: ShownBuild, options: Namespace, settings: Settings) -> ShownBuild | None:
        """Show a build or a fleet and wait for it if required; otherwise return it, for IPython to display."""

    def warn_about_history(self) -> None:
        """Show once why the history is not available."""
        warning = self.builds.history.warning
        if warning and warning != self._warned:
            self._warned = warning
            self.remark(f"Note: {warning}.")

    # ── output ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    @abstractmethod
    def can_prompt(self) -> bool:
        """Whether the user can be prompted for input."""

    @property
    def is_interactive(self) -> bool:
        """Whether a notebook shows the outputs; false in a terminal, a pipe and an unattended run."""
        return False

    @property
    @abstractmethod
    def description(self) -> str:
        """What this front end is, for a bug report."""

    @abstractmethod
    def show(self, data: Bundle) -> None:
        """Show a MIME bundle: all of it in a kernel, its plain text elsewhere."""

    @abstractmethod
    def updated_output(self) -> Callable[[Bundle], None]:
        """Return a function that shows a bundle in place of the previous one, or below it."""

    @abstractmethod
    def progress_output(self) -> Callable[[Bundle], None]:
        """Return a function that shows bundles as `updated_output` does, but only the first if it cannot replace it."""

    @abstractmethod
    def show_table(self, table: DataTable) -> None:
        """Show a table."""

    def insert_cell(self, text: str) -> None:
        """Insert a cell with this text below the running one; elsewhere, show the text."""
        self.show_code(text)

    def offer_image(self, name: str, spec: ImageSpec) -> None:
        """Offer the user to create an image that was composed from sources."""
        from kusto_magic.display.cell_text import cell_text

        self.insert_cell(cell_text(name, spec, None, None, is_draft=True))

    @abstractmethod
    def print(self, text: DisplayText) -> None:
        """Write text to the output."""

    def show_message(self, text: str, _data: Mapping[str, Any] | None = None) -> None:
        """Show a message; a front end for programs returns its `_data`, the same as JSON, if there is any."""
        from kusto_magic.display.bundle import message

        self.show(message(text))

    def remark(self, text: str) -> None:
        """Show what should be known about a result beside it."""
        self.show_message(text)

    def show_code(self, text: str, caption: str = "") -> None:
        """Show text that is meant to be copied."""
        from kusto_magic.display.bundle import code

        self.show(code(text, caption))

    def show_report(self, report: PreflightReport) -> None:
        """Show the result of a check."""
        from kusto_magic.display import preflight_report

        self.show(preflight_report.bundle(report, self.syntax.hints))

    def show_notes(self, lines: Sequence[str]) -> None:
        """Show how the requirements that are used differ from what was written."""
        if lines:
            from kusto_magic.display.input_card import notes

            self.show(notes(lines))

    @contextmanager
    def allowing_failure(self, options: Namespace) -> Iterator[None]:
        """With `--allow-failure`, print an error instead of raising it; not what a card shows already."""
        try:
            yield
        except KustoImageError as error:
            if not getattr(options, "allow_failure", False):
                raise
            if not error.is_shown:
                self.print(visible("\n".join(error.lines(self.syntax.hints))))

    # ── the notebook ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def variables(self) -> MutableMapping[str, Any]:
        """The variables that a line can name and `--output` sets."""
        return {}

    @property
    def executed_cells(self) -> Sequence[str]:
        """The cells that ran in this session, as they were written."""
        return ()

    def open_panel(self, settings: Settings) -> None:
        """Open the form. Raises InvalidInputError where there is no notebook."""
        from kusto_magic.errors import InvalidInputError, Problem

        raise InvalidInputError([Problem("panel", "it needs a notebook")])


Command = Callable[[Session, Namespace], "Build | Fleet | None"]
"""Function of a subcommand: it shows its result, or returns a Build or a Fleet for IPython to display."""
