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
from dataclasses import dataclass
from typing import Any, TypeVar

from ipywidgets import Button, Widget

from kusto_magic.builds.manager import BuildManager
from kusto_magic.clock import Clock
from kusto_magic.errors import InvalidInputError, KustoImageError, RequirementsConflictError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.target import Target
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.markup import sentence, text_html
from kusto_magic.panel.widgets import (
    button,
    column,
    row,
    set_enabled,
    set_html,
    set_text,
    set_visible,
    text_widget,
    with_class,
)
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
    if isinstance(error, RequirementsConflictError):
        # The packages and what to change are shown in the result of the check.
        return ["the image was not submitted", *PANEL.next_line(error.hint)]
    if isinstance(error, KustoImageError):
        return [error.what, *(line.strip() for line in error.details()), *PANEL.next_line(error.hint)]
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
        self.errors = text_widget()

    def require_target(self) -> Target:
        """Return the cluster. Raises KustoImageError if none is selected."""
        if self.target is None:
            raise KustoImageError("no cluster is selected", hint=Hint(HintKind.CHOOSE_CLUSTER))
        return self.target

    def show(self, error: BaseException) -> None:
        """Show an error in the error area."""
        if not isinstance(error, KustoImageError):
            _log.error("a panel callback failed", exc_info=error)  # the page shows no traceback
        first, *others = error_lines(error)
        title = text_html(f"✖ {sentence(first)}", "title error", role="alert")
        set_html(self.errors, f'<div class="kusto-image-message">{title}{text_html(chr(10).join(others))}</div>')

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


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its two answers; `is_dangerous` is whether `yes` cannot be undone."""

    title: str
    text: str
    yes: str
    no: str = "Keep"
    is_dangerous: bool = True


class ConfirmDialog:
    """A confirmation dialog for actions that cannot be undone; `widget` is visible while it waits for an answer."""

    def __init__(self, context: PanelContext) -> None:
        self._call: Callable[[], None] = lambda: None
        self._opener: Button | None = None
        self.text = text_widget()
        self.yes = button("Yes", "Confirm")
        self.no = button("Keep", "Change nothing")
        self.widget = with_class(column(self.text, row(self.no, self.yes)), "question")
        self.hide()
        context.on_click(self.yes, self._confirmed)
        context.on_click(self.no, self._refused)

    def show(self, question: Question, opener: Button, call: Callable[[], None]) -> None:
        """Show a question; `call` is called if it is answered with yes, and the focus returns to `opener`."""
        self._call, self._opener = call, opener
        self.yes.description, self.no.description = question.yes, question.no
        self.yes.button_style = "danger" if question.is_dangerous else "primary"
        title = text_html(question.title, "title", role="alert")
        set_html(self.text, f"<div>{title}{text_html(question.text)}</div>")
        set_visible(self.widget, True)
        self.no.focus()  # not `yes`: Enter must not confirm by accident

    def hide(self) -> None:
        """Hide the question."""
        set_visible(self.widget, False)

    def _refused(self) -> None:
        self.hide()
        if self._opener is not None:
            self._opener.focus()

    def _confirmed(self) -> None:
        self._refused()
        self._call()
