"""The state shared by the parts of the panel: build manager, cluster, error area and background tasks.

Depending on the version of ipykernel, a widget callback runs on the kernel's main thread or in a subshell; results
arrive on the background loop. Therefore nothing here relies on a running event loop, and every callback is guarded:
what it raises is shown in the error area.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from ipywidgets import Button, Widget

from kusto_magic.builds.manager import BuildManager
from kusto_magic.clock import Clock
from kusto_magic.errors import InvalidInputError, KustoImageError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.target import Target
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.widgets import button, column, row, set_enabled, set_text, set_visible, text_widget
from kusto_magic.redaction import redact

TYPING_DELAY = 0.3
"""Seconds without a keystroke after which the input is validated."""

_log = logging.getLogger(__name__)

T = TypeVar("T")


def error_lines(error: BaseException) -> list[str]:
    """Return an error as lines: what happened, the service's own message, the next step."""
    if isinstance(error, InvalidInputError):
        listed = [problem.text(PANEL) for problem in error.problems]
        return [*listed, *PANEL.next_line(error.hint)]
    if isinstance(error, KustoImageError):
        return [*error.lines(PANEL)]
    return [
        f"Unexpected {type(error).__name__} in kusto_magic: {redact(str(error))[:300]}",
        "Next: Report this error. Your input is kept.",
    ]


class PanelContext:
    """The build manager, the clock, the cluster (None until one is selected) and the error area of a panel."""

    def __init__(self, builds: BuildManager, clock: Clock, target: Target | None) -> None:
        self.builds = builds
        self.clock = clock
        self.target = target
        self.errors = text_widget(role="alert")

    def require_target(self) -> Target:
        """Return the cluster. Raises KustoImageError if none is selected."""
        if self.target is None:
            raise KustoImageError("no cluster is selected", hint=Hint(HintKind.CHOOSE_CLUSTER))
        return self.target

    def show(self, error: BaseException) -> None:
        """Show an error in the error area."""
        if not isinstance(error, KustoImageError):
            _log.error("a panel callback failed", exc_info=error)  # the page shows no traceback
        set_text(self.errors, "\n".join(["✖ Error", *error_lines(error)]), role="alert")

    def clear(self) -> None:
        """Clear the error area."""
        set_text(self.errors, "")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Show exceptions in the error area instead of raising them; ipywidgets would only log them."""
        try:
            yield
        except Exception as error:
            self.show(error)

    def on_click(self, clicked: Button, call: Callable[[], None]) -> None:
        """Call `call` when a button is clicked, after clearing the error area."""

        def handler(_button: Button) -> None:
            self.clear()
            with self.guarded():
                call()

        clicked.on_click(handler)

    def on_change(self, field: Widget, call: Callable[[], None], name: str = "value") -> None:
        """Call `call` when a field has changed, by the user or by the program."""

        def handler(_change: object) -> None:
            with self.guarded():
                call()

        field.observe(handler, name)

    def on_typing(self, fields: Iterable[Widget], call: Callable[[], None]) -> None:
        """Call `call` on the background loop when the user has stopped typing for `TYPING_DELAY`."""
        latest = 0

        async def call_later(keystroke: int) -> None:
            await self.clock.sleep(TYPING_DELAY)
            if keystroke == latest:  # no later keystroke has restarted the delay
                with self.guarded():
                    call()

        def typed() -> None:
            nonlocal latest
            latest += 1
            self.builds.run(call_later(latest))  # not a timer of the kernel: its loop is blocked while a cell runs

        for field in fields:
            self.on_change(field, typed)

    def run_task(
        self,
        buttons: Sequence[Button],
        submit: Callable[[], concurrent.futures.Future[T]],
        on_result: Callable[[T], None],
        on_error: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a background task with `buttons` disabled, and call `on_result` with its result.

        If it fails, the error is shown and `on_error` is called.
        """

        def on_done(future: concurrent.futures.Future[T]) -> None:
            if future.cancelled():
                return  # the process is shutting down
            set_enabled(buttons, on=True)
            with self.guarded():
                if error := future.exception():
                    on_error()
                    raise error
                on_result(future.result())

        set_enabled(buttons, on=False)
        try:
            submit().add_done_callback(on_done)
        except Exception:
            set_enabled(buttons, on=True)
            raise

    def in_background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the background loop and show what it raises."""

        async def guarded() -> None:
            try:
                await coroutine
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.show(error)

        self.builds.run(guarded())


class ConfirmDialog:
    """A confirmation dialog for actions that cannot be undone; `widget` is visible while it waits for an answer."""

    def __init__(self, context: PanelContext) -> None:
        self._call: Callable[[], None] = lambda: None
        self.text = text_widget(role="alert")
        self.yes = button("Yes", "Confirm", button_style="danger")
        self.no = button("No, keep it", "Cancel and change nothing")
        self.widget = column(self.text, row(self.yes, self.no))
        self.hide()
        context.on_click(self.yes, self._confirmed)
        context.on_click(self.no, self.hide)

    def show(self, text: str, yes: str, call: Callable[[], None]) -> None:
        """Show a question; `yes` is the label of the button that calls `call`."""
        self._call = call
        self.yes.description = yes
        set_text(self.text, text, role="alert")
        set_visible(self.widget, True)

    def hide(self) -> None:
        """Hide the question."""
        set_visible(self.widget, False)

    def _confirmed(self) -> None:
        self.hide()
        self._call()
