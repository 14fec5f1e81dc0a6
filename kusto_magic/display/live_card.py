"""Puts a build on the screen and keeps it true: a card updated in place, with a bar above it while it runs.

In a kernel the card is one output with a display id. `terminal.py` does the same for a terminal.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from kusto_magic.builds.build import Build
from kusto_magic.clock import SystemClock
from kusto_magic.display.bundle import Bundle
from kusto_magic.display.card import Card, bundle, card

if TYPE_CHECKING:
    from kusto_magic.display.progress_bar import BuildProgress

UPDATE_INTERVAL = 1.0
"""Seconds between two updates of a card without a bar, at the least."""

SAVE_INTERVAL = 20.0
"""Seconds between two records kept in the notebook while nothing but time has changed and a bar is shown."""


class Publisher(Protocol):
    """IPython's display publisher, as far as it is used here."""

    def publish(self, data: Bundle, metadata: Bundle | None = None, **more: Any) -> None:
        """Send a bundle to the front end."""
        ...


class LiveCard:
    """One output that shows a build until its end. Make it in the cell; it looks after itself.

    `publisher` is the shell's display publisher. `with_bar` adds the ipywidgets bar: for a front end with a person
    before it; a saved widget without its kernel is a bad record, so the last bundle has none.
    """

    def __init__(self, build: Build, publisher: Publisher, *, with_bar: bool) -> None:
        self._build = build
        self._publisher = publisher
        self._display_id = uuid4().hex
        self._lock = threading.RLock()  # made in the cell's thread, called on the background's
        self._ended = False
        self._bar = self._new_bar() if with_bar and not build.ended else None
        self._saved_at = (build.operation.phase, time.monotonic())
        self._show(update=False)
        build.observe(self._changed, ["operation", "report", "last_response_at", "ended"])
        if self._bar is not None:
            build.add_tick_callback(self._tick)
        self._changed()

    def _new_bar(self) -> BuildProgress:
        from kusto_magic.display.progress_bar import BuildProgress

        return BuildProgress(self._build.estimate)

    def _card(self) -> Card:
        return card(self._build, SystemClock().wall())

    def _tick(self) -> None:
        with self._lock:
            if self._bar is not None:
                self._bar.update(self._card())

    def _changed(self, _change: object = None) -> None:
        with self._lock:
            phase, now = self._build.operation.phase, time.monotonic()
            if self._build.ended:
                self._end()
            elif phase is not self._saved_at[0] or now - self._saved_at[1] >= (
                UPDATE_INTERVAL if self._bar is None else SAVE_INTERVAL
            ):
                self._saved_at = (phase, now)
                self._show(update=True)

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._build.unobserve(self._changed, ["operation", "report", "last_response_at", "ended"])
        bar, self._bar = self._bar, None
        self._show(update=True)
        if bar is not None:
            bar.close_whole()

    def _show(self, *, update: bool) -> None:
        it = self._card()
        if self._bar is not None:
            self._bar.update(it)
        publish_bundle(self._publisher, bundle(it), self._display_id, self._bar, update=update)


def publish_bundle(publisher: Publisher, data: Bundle, display_id: str, bar: Any, *, update: bool) -> None:
    """Send a card, with the widget that stands above it while it changes, or None."""
    if bar is not None:
        view = {"version_major": 2, "version_minor": 0, "model_id": bar.model_id}
        data = {"application/vnd.jupyter.widget-view+json": view, **data}
    # The id is in the metadata too: JupyterLab forgets which output a display id means when the page is reloaded.
    metadata = {"kusto_image": {"display_id": display_id}}
    publisher.publish(data, metadata, transient={"display_id": display_id}, update=update)
