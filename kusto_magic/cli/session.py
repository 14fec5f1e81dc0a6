"""The session of `kusto-image`: one command, in a terminal or in a pipeline."""

from __future__ import annotations

import os
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

from kusto_magic.builds.build import Build
from kusto_magic.builds.event_loop import interruptible
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.request import BuildRequest
from kusto_magic.cli.exit_codes import ExitCode, exit_code_of_members
from kusto_magic.cli.interrupts import Terminated
from kusto_magic.cli.output import Output
from kusto_magic.clock import SystemClock
from kusto_magic.commands import documents
from kusto_magic.commands.session import TARGET_SETTINGS, Session, ShownBuild
from kusto_magic.display.bundle import Bundle, duration
from kusto_magic.display.command_hints import SHELL_SYNTAX, CommandSyntax
from kusto_magic.display.updated_output import first_only
from kusto_magic.display_text import DisplayText, visible, visible_line
from kusto_magic.models.build_state import NOT_STARTED, UNSENT_STATES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kusto_magic.display.data_table import DataTable
    from kusto_magic.models.image import ImageSpec
    from kusto_magic.preflight.report import PreflightReport
    from kusto_magic.settings import Settings

CONFIRMATION_PATIENCE = 15.0
"""Seconds that an interrupted command waits for the response to a request that it has just sent."""


class ShellSession(Session):
    """One command.

    `exit_code` is how it ends unless it raises, `error` why its operation has failed, `report` the result of its check.
    """

    def __init__(self, output: Output, builds: BuildManager) -> None:
        names = (*TARGET_SETTINGS, "wait", "credential", "az_timeout", "timeout_hours")
        super().__init__(SimpleNamespace(**dict.fromkeys(names, "")), builds)
        builds.hint_table = self.syntax.hints
        self.output = output
        self.exit_code = ExitCode.DONE
        self.report: PreflightReport | None = None
        self.error: BaseException | None = None

    @property
    def syntax(self) -> CommandSyntax:
        """How a shell writes the commands."""
        return SHELL_SYNTAX

    @property
    def can_prompt(self) -> bool:
        """Whether a user can be asked to sign in: both streams that this needs are a terminal."""
        return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))

    @property
    def description(self) -> str:
        """What this front end is, for a bug report."""
        return "kusto-image in a terminal" if sys.stdout.isatty() else "kusto-image, its output is not a terminal"

    def start_from_saved_settings(self) -> None:
        """Let `use` change what config.toml has, and keep the rest."""
        from kusto_magic import settings

        environ: Mapping[str, str] = {}
        saved = settings.resolve({}, {}, environ, settings.read_config(settings.config_file(os.environ)))
        for name in TARGET_SETTINGS:
            setattr(self.config, name, getattr(saved, name))

    def _use_credential(self, settings: Settings) -> None:
        """Use the configured sign-in method; an interactive one may ask a user who is there."""
        from kusto_magic.arm.credentials import CredentialFactory
        from kusto_magic.commands.sign_in import device_code_bundle
        from kusto_magic.settings import SignIn

        if settings.sign_in == (self.sign_in or SignIn()):
            return
        self.sign_in = settings.sign_in

        def show_code(*prompt: Any) -> None:
            self.output.note([device_code_bundle(*prompt)["text/plain"]])

        self.builds.sign_in(CredentialFactory.of(settings.sign_in, show_code if self.can_prompt else None))

    # ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────

    def start(
        self, requests: Sequence[BuildRequest], options: Namespace, settings: Settings, *, as_fleet: bool = False
    ) -> Build | Fleet | None:
        """Start an operation and wait for it, or show only what it would change."""
        if options.plan or options.fail_on_change:
            from kusto_magic.commands.plan import show_plan

            has_changes = show_plan(self, requests, check=options.plan)
            self.exit_code = ExitCode.CHANGES if has_changes else ExitCode.DONE
            return None
        return super().start(requests, options, settings, as_fleet=as_fleet)

    def present(self, build: ShownBuild, _options: Namespace, settings: Settings) -> ShownBuild | None:
        """Show a build or a fleet until it has ended, or only until the service has accepted it."""
        self.warn_about_history()
        waits = settings.wait != "no"
        try:
            self._follow(build, until=_ended(build) if waits else _accepted(build))
            if not build.ended:
                self._show_accepted(build)
            else:
                self._show_result(build)
        except KeyboardInterrupt as interrupt:
            self._detach(build, interrupt)
        finally:
            self.output.add({"operations": list(map(documents.operation_json, _members(build)))})
        return None

    def _follow(self, build: Build | Fleet, until: threading.Event) -> None:
        from kusto_magic.display.terminal import follow, new_console

        if self.output.is_quiet:
            with interruptible():
                while not (until.wait(0.5) or build.ended):  # in short steps: an interrupt is handled everywhere
                    pass
        else:
            follow(build, new_console(stderr=True), until, self.syntax.hints)

    def _show_result(self, build: Build | Fleet) -> None:
        from kusto_magic.display.terminal import new_console, result_text

        self.exit_code = exit_code_of_members(_members(build))
        self.error = build.exception()
        reports = [member.report for member in _members(build) if isinstance(member, Build) and member.report]
        self.report = self.report or next(iter(reports), None)
        text = result_text(build, self.syntax.hints)
        if self.output.is_text and self.output.out.isatty():
            new_console().print(text)
        elif self.output.is_text:
            self.output.write(DisplayText(text.plain))

    def _show_accepted(self, build: Build | Fleet) -> None:
        follow = self.syntax.command("attach", build.name)
        where = build.target.cluster if isinstance(build, Build) else f"{len(build.members)} clusters"
        self.output.write(visible_line(f"The service has accepted {build.name!r} on {where}; {follow} waits for it."))

    def _detach(self, build: Build | Fleet, interrupt: KeyboardInterrupt) -> None:
        """Stop what was not sent, and say how to follow the rest; a second interrupt ends the wait for it."""
        running = [member for member in _members(build) if isinstance(member, Build) and not member.ended]
        unsent = [it for it in running if it.operation.shown_state in UNSENT_STATES]
        for member in unsent:
            self.builds.stop_polling(member)
        with suppress(KeyboardInterrupt):
            for member in running:  # its request may be on its way
                (_ended(member) if member in unsent else _accepted(member)).wait(CONFIRMATION_PATIENCE)
        sent = [it for it in running if it.operation.state not in UNSENT_STATES and not it.ended]
        if sent:
            self._show_detached(build.name, sent, len(unsent))
        elif unsent and len(unsent) == len(running):
            self.exit_code = ExitCode.TERMINATED if isinstance(interrupt, Terminated) else ExitCode.INTERRUPTED
            self.output.note([visible_line(f"Stopped: nothing was sent for image {build.name!r}.")])
        else:  # it has ended meanwhile
            self._show_result(build)

    def _show_detached(self, name: str, sent: Sequence[Build], unsent: int) -> None:
        self.exit_code = ExitCode.UNKNOWN
        states = ", ".join(sorted({it.operation.shown_state.lower() for it in sent}))
        spent = duration(max((SystemClock().wall() - it.started_at).total_seconds() for it in sent))
        what = f"Detached after {spent}: image {name!r} is still {states}; it continues."
        others = f" Nothing was sent to {unsent} other clusters." if unsent else ""
        follow = f"Next: {self.syntax.command('attach', name)} follows it."
        self.output.note([visible_line(f"{what}{others}"), visible_line(follow)])

    # ── output ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def show(self, data: Bundle) -> None:
        """Show the text of a MIME bundle."""
        self.output.write(data["text/plain"])

    def updated_output(self) -> Callable[[Bundle], None]:
        """Return a function that writes each bundle to the standard error."""
        return lambda data: self.output.note([data["text/plain"]])

    def progress_output(self) -> Callable[[Bundle], None]:
        """Return a function that writes the first bundle to the standard error."""
        return first_only(lambda data: self.output.note([data["text/plain"]], is_progress=True))

    def show_table(self, table: DataTable) -> None:
        """Show a table: in colors in a terminal, as JSON for a program."""
        from kusto_magic.display.terminal_table import print_table

        self.output.add(table.data)
        if not self.output.is_text:
            self.output.document["notes"] += [visible_line(note) for note in table.notes]
        elif self.output.out.isatty():
            print_table(table)
        else:
            self.show(table.bundle())

    def show_message(self, text: str, data: Mapping[str, Any] | None = None) -> None:
        """Show a message; its data replaces it for a program."""
        if data is not None:
            self.output.add(data)
        if data is None or self.output.is_text:
            super().show_message(text)

    def show_notes(self, lines: Sequence[str]) -> None:
        """Show how the requirements that are used differ from the file, on the standard error."""
        self.output.note([visible_line(f"note: {line}") for line in lines])

    def remark(self, text: str) -> None:
        """Write what should be known about a result to the standard error."""
        self.output.note([visible_line(text)])

    def show_code(self, text: str, caption: str = "") -> None:
        """Write text that is meant to be copied or redirected; the caption goes to the standard error."""
        if caption:
            self.output.note([visible(caption)])
        self.output.write_raw(text)

    def show_report(self, report: PreflightReport) -> None:
        """Show the result of a check."""
        from kusto_magic.preflight.report_json import report_json

        self.report = report
        self.output.add({"report": report_json(report)})
        if self.output.is_text:
            super().show_report(report)

    def offer_image(self, name: str, spec: ImageSpec) -> None:
        """Write requirements that were composed from sources."""
        build = self.syntax.command("build", name, "-f", "FILE", "--base", spec.base_image or "IMAGE")
        self.output.note([visible_line(f"{build} builds an image of these requirements.")])
        self.output.write_raw(spec.requirements)

    def print(self, text: DisplayText) -> None:
        """Write text to the standard output."""
        self.output.write(text)


def _members(build: Build | Fleet) -> Sequence[Any]:
    return (build,) if isinstance(build, Build) else build.members


def _ended(build: Build | Fleet) -> threading.Event:
    """Return an event that is set when a build or a fleet has ended."""
    ended = threading.Event()
    build.observe(lambda _change: ended.set(), "ended")
    if build.ended:  # possibly before `observe`
        ended.set()
    return ended


def _accepted(build: Build | Fleet) -> threading.Event:
    """Return an event that is set when the service has accepted a build, or all of a fleet, or it has ended."""
    accepted = threading.Event()
    builds = [member for member in _members(build) if isinstance(member, Build)]

    def check(_change: object = None) -> None:
        if all(it.ended or it.operation.state not in NOT_STARTED for it in builds):
            accepted.set()

    for member in builds:
        member.observe(check, ["operation", "ended"])
    check()
    return accepted
