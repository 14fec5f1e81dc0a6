"""What the parts of the panel share: words on the screen, the error area, and work that goes to the background.

A callback may run on the kernel's main thread or in a subshell, by the version of ipykernel; what comes back runs on
the background loop. So nothing here knows a running loop, and every callback is guarded: what it raises is shown.
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
from kusto_magic.errors import InvalidInput, KustoImageError
from kusto_magic.models.target import Target
from kusto_magic.panel.widgets import button, column, row, set_enabled, set_text, set_visible, text_widget
from kusto_magic.redaction import redact

TYPING_DELAY = 0.3
"""Seconds without a keystroke after which what was typed is checked."""


_log = logging.getLogger(__name__)

T = TypeVar("T")


def error_lines(error: BaseException) -> list[str]:
    """Return an error as lines: what, the service's own words, what to do next."""
    if isinstance(error, InvalidInput):
        listed = [str(problem) for problem in error.problems]
        return [*listed, "Next: mend this and press the button again. Nothing was sent; what you typed is kept."]
    if isinstance(error, KustoImageError):
        return error.lines()
    return [
        f"{type(error).__name__} in kusto_magic itself: {redact(str(error))[:300]}",
        "Next: report this, please; what you typed is kept.",
    ]


class PanelContext:
    """The builds, the cluster (None until one is chosen), the error area, and the way into the background."""

    def __init__(self, builds: BuildManager, clock: Clock, target: Target | None) -> None:
        self.builds = builds
        self.clock = clock
        self.target = target
        self.errors = text_widget(role="alert")

    def require_target(self) -> Target:
        """Return the cluster. Raises KustoImageError where none was chosen."""
        if self.target is None:
            raise KustoImageError("no cluster is chosen", next_step="choose one at the top of the panel.")
        return self.target

    def show(self, error: BaseException) -> None:
        """Show an error in the error area."""
        if not isinstance(error, KustoImageError):
            _log.error("a callback of the panel failed", exc_info=error)
        set_text(self.errors, "\n".join(["✖ Error", *error_lines(error)]), role="alert")

    def clear(self) -> None:
        """Take away the last error."""
        set_text(self.errors, "")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Show what is raised inside instead of raising it: ipywidgets would only log it, where nobody looks."""
        try:
            yield
        except Exception as error:
            self.show(error)

    def on_click(self, pressed: Button, call: Callable[[], None]) -> None:
        """Call something when a button is pressed; the last error goes first."""

        def handler(_button: Button) -> None:
            self.clear()
            with self.guarded():
                call()

        pressed.on_click(handler)

    def on_change(self, field: Widget, call: Callable[[], None], name: str = "value") -> None:
        """Call something when a field has changed, whoever changed it."""

        def handler(_change: object) -> None:
            with self.guarded():
                call()

        field.observe(handler, name)

    def on_typing(self, fields: Iterable[Widget], call: Callable[[], None]) -> None:
        """Call something when nothing more was typed for a moment, on the background loop."""
        latest = 0

        async def later(mine: int) -> None:
            await self.clock.sleep(TYPING_DELAY)
            if mine == latest:
                with self.guarded():
                    call()

        def typed() -> None:
            nonlocal latest
            latest += 1
            self.builds.run(later(latest))

        for field in fields:
            self.on_change(field, typed)

    def run_task(
        self,
        buttons: Sequence[Button],
        begin: Callable[[], concurrent.futures.Future[T]],
        then: Callable[[T], None],
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        """Ask in the background: the buttons are off until the answer is there, which `then` is called with.

        An error is shown, and `otherwise` called.
        """

        def back(answered: concurrent.futures.Future[T]) -> None:
            if answered.cancelled():
                return  # this process ends
            set_enabled(buttons, on=True)
            with self.guarded():
                if error := answered.exception():
                    otherwise()
                    raise error
                then(answered.result())

        set_enabled(buttons, on=False)
        try:
            begin().add_done_callback(back)
        except Exception:
            set_enabled(buttons, on=True)
            raise

    def in_background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the background loop; what it raises is shown."""

        async def guarded() -> None:
            try:
                await coroutine
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.show(error)

        self.builds.run(guarded())


class ConfirmDialog:
    """Asks before something is done that cannot be had back. `widget` is shown while it waits for the answer."""

    def __init__(self, context: PanelContext) -> None:
        self._call: Callable[[], None] = lambda: None
        self.words = text_widget(role="alert")
        self.yes = button("Yes", "Do it", button_style="danger")
        self.no = button("No, keep it", "Leave everything as it is")
        self.widget = column(self.words, row(self.yes, self.no))
        self.hide()
        context.on_click(self.yes, self._confirmed)
        context.on_click(self.no, self.hide)

    def show(self, text: str, yes: str, call: Callable[[], None]) -> None:
        """Show a question; `yes` is what the button says that calls `call`."""
        self._call = call
        self.yes.description = yes
        set_text(self.words, text, role="alert")
        set_visible(self.widget, True)

    def hide(self) -> None:
        """Take the question away."""
        set_visible(self.widget, False)

    def _confirmed(self) -> None:
        self.hide()
        self._call()
