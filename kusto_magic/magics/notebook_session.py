"""The session of the magics: an IPython in a kernel or in a terminal."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kusto_magic.commands.session import Session, ShownBuild
from kusto_magic.display.frontend import can_prompt, in_kernel, is_interactive, updates_outputs
from kusto_magic.display_text import DisplayText, visible
from kusto_magic.errors import KustoImageError

if TYPE_CHECKING:
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.display.bundle import Bundle
    from kusto_magic.display.command_hints import CommandSyntax
    from kusto_magic.display.data_table import DataTable
    from kusto_magic.models.build_state import BuildState
    from kusto_magic.settings import Settings


class WaitInterrupted(KeyboardInterrupt):
    """An interrupted wait; the operation itself continues."""

    def __init__(self, pending: Build | Fleet) -> None:
        super().__init__(pending.name)
        self._name = pending.name
        operation = getattr(pending, "operation", None)
        self._state: BuildState | None = None if operation is None else operation.shown_state

    def _render_traceback_(self) -> list[DisplayText]:  # IPython's protocol for custom tracebacks
        from kusto_magic.display.command_hints import MAGIC_SYNTAX
        from kusto_magic.models.build_state import UNSENT_STATES

        attach = MAGIC_SYNTAX.command("attach", self._name)
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


class NotebookSession(Session):
    """The extension loaded in one IPython `shell`; `config` is the configurable set by `%config KustoImageMagics`."""

    def __init__(self, shell: Any, config: Any, builds: BuildManager | None = None) -> None:
        self.shell = shell
        super().__init__(config, builds)

    @property
    def syntax(self) -> CommandSyntax:
        """How a cell writes the commands."""
        from kusto_magic.display.command_hints import MAGIC_SYNTAX

        return MAGIC_SYNTAX

    # ── what the front end can do ───────────────────────────────────────────────────────────────────────────────────

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

    @property
    def description(self) -> str:
        """What this front end is, for a bug report."""
        if not self.in_kernel:
            return "terminal"
        if not self.is_interactive:
            return "non-interactive kernel (it accepts no input)"
        return "interactive kernel" + ("" if self.updates_outputs else ", a front end that shows only text")

    # ── builds ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def present(self, build: ShownBuild, options: Namespace, settings: Settings) -> ShownBuild | None:
        """Show a build or a fleet and wait for it if required; otherwise return it for IPython to display."""
        self.warn_about_history()
        if getattr(options, "output", None):
            self.variables[options.output] = build  # before the wait, so that it is set after an interrupt too
        can_follow = self.is_interactive and self.updates_outputs
        waits = settings.wait == "yes" or (settings.wait == "auto" and not can_follow)
        if not waits:
            return build
        try:
            self._show_progress(build)
            build.result()
        except KeyboardInterrupt:
            raise WaitInterrupted(build) from None
        except KustoImageError as error:
            # The log of a non-interactive run often has only the error.
            error.is_shown = self.is_interactive or not self.in_kernel
            raise
        return None

    def _show_progress(self, build: Build | Fleet) -> None:
        """Show a build or a fleet: in a notebook as a live card, in a terminal or console until it is done."""
        if self.in_kernel and (self.updates_outputs or not self.is_interactive):
            self.card(build, is_awaited=True)
        else:
            from kusto_magic.display.terminal import show_until_done

            show_until_done(build, hints=self.syntax.hints, is_remote=self.in_kernel)

    def card(self, build: Build | Fleet, *, is_awaited: bool = False) -> None:
        """Show a build or a fleet as a live card; called by IPython for the last expression of a cell.

        `is_awaited` is whether the cell waits for the end, which then needs no notification.
        """
        from kusto_magic.display.live_card import LiveCard

        with_bar = self.is_interactive and self.updates_outputs
        LiveCard(build, self.shell.display_pub, with_bar=with_bar, hints=self.syntax.hints, is_awaited=is_awaited)
        if self.is_interactive and not self.updates_outputs and not build.ended:
            self.show_message(f"{self.syntax.command('wait', build.name)} waits for it and shows the result.")

    # ── output ──────────────────────────────────────────────────────────────────────────────────────────────────────

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

    def progress_output(self) -> Callable[[Bundle], None]:
        """Return a function that shows bundles in place of each other; a terminal shows only the first."""
        from kusto_magic.display.updated_output import first_only

        return self.updated_output() if self.in_kernel else first_only(self.show)

    def show_table(self, table: DataTable) -> None:
        """Show a table; a terminal shows it in colors, and wraps its cells to its width."""
        from kusto_magic.display.terminal_table import print_table

        if self.in_kernel or not sys.stdout.isatty():
            self.show(table.bundle())
        else:
            print_table(table)

    @contextmanager
    def showing_corrections(self, options: Namespace) -> Iterator[None]:
        """Show a card for an InvalidInputError that has corrected requirements, so that they can be applied."""
        from kusto_magic.errors import InvalidInputError

        try:
            yield
        except InvalidInputError as error:
            if error.correction is not None and self.in_kernel:
                from kusto_magic.display.input_card import input_card

                base = options.base or (f"Python {options.python}" if options.python else "")
                self.show(input_card(error, options.name, base, self.syntax.hints))
                error.is_shown = self.is_interactive  # the log of a non-interactive run often has only the error
            raise

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

    # ── the notebook ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def variables(self) -> MutableMapping[str, Any]:
        """The variables of the notebook."""
        variables: MutableMapping[str, Any] = self.shell.user_ns
        return variables

    @property
    def executed_cells(self) -> Sequence[str]:
        """The cells that ran in this session, as they were written: a transformed one has no magics any longer."""
        cells: Sequence[str] = self.shell.history_manager.input_hist_raw
        return cells

    def open_panel(self, settings: Settings) -> None:
        """Open the form to create and manage images."""
        from kusto_magic.panel.panel import ImagePanel

        ImagePanel(settings=settings, builds=self.builds, shell=self.shell).display()
