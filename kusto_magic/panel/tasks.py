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

from kusto_magic.builds.manager import Builds
from kusto_magic.clock import Clock
from kusto_magic.errors import InvalidInput, KustoImageError
from kusto_magic.models.target import Target
from kusto_magic.panel.widgets import button, column, row, say, switch, visible, words
from kusto_magic.redaction import redact

PAUSE = 0.3
"""Seconds without a keystroke after which what was typed is checked."""


_log = logging.getLogger(__name__)

T = TypeVar("T")


def lines_of(error: BaseException) -> list[str]:
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


class Work:
    """The builds, the cluster (None until one is chosen), the error area, and the way into the background."""

    def __init__(self, builds: Builds, clock: Clock, target: Target | None) -> None:
        self.builds = builds
        self.clock = clock
        self.target = target
        self.errors = words(role="alert")

    def chosen(self) -> Target:
        """Return the cluster. Raises KustoImageError where none was chosen."""
        if self.target is None:
            raise KustoImageError("no cluster is chosen", next_step="choose one at the top of the panel.")
        return self.target

    def show(self, error: BaseException) -> None:
        """Show an error in the error area."""
        if not isinstance(error, KustoImageError):
            _log.error("a callback of the panel failed", exc_info=error)
        say(self.errors, "\n".join(["✖ Error", *lines_of(error)]), role="alert")

    def clear(self) -> None:
        """Take away the last error."""
        say(self.errors, "")

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
            await self.clock.sleep(PAUSE)
            if mine == latest:
                with self.guarded():
                    call()

        def typed() -> None:
            nonlocal latest
            latest += 1
            self.builds.run(later(latest))

        for field in fields:
            self.on_change(field, typed)

    def ask(
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
            switch(buttons, on=True)
            with self.guarded():
                if error := answered.exception():
                    otherwise()
                    raise error
                then(answered.result())

        switch(buttons, on=False)
        try:
            begin().add_done_callback(back)
        except Exception:
            switch(buttons, on=True)
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


class Question:
    """Asks before something is done that cannot be had back. `widget` is shown while it waits for the answer."""

    def __init__(self, work: Work) -> None:
        self._call: Callable[[], None] = lambda: None
        self.words = words(role="alert")
        self.yes = button("Yes", "Do it", button_style="danger")
        self.no = button("No, keep it", "Leave everything as it is")
        self.widget = column(self.words, row(self.yes, self.no))
        self.withdraw()
        work.on_click(self.yes, self._confirmed)
        work.on_click(self.no, self.withdraw)

    def ask(self, text: str, yes: str, call: Callable[[], None]) -> None:
        """Show a question; `yes` is what the button says that calls `call`."""
        self._call = call
        self.yes.description = yes
        say(self.words, text, role="alert")
        visible(self.widget, True)

    def withdraw(self) -> None:
        """Take the question away."""
        visible(self.widget, False)

    def _confirmed(self) -> None:
        self.withdraw()
        self._call()
