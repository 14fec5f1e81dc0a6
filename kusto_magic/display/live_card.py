"""Live card of a build: a card that is updated in place, with a progress bar above it while the build is running.

In a kernel the card is one output with a display id. `terminal` is the counterpart for a terminal.
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
from kusto_magic.hints import HintTable
from kusto_magic.program_hints import PROGRAM

if TYPE_CHECKING:
    from kusto_magic.display.progress_bar import BuildProgress

UPDATE_INTERVAL = 1.0
"""Minimum seconds between two updates of a card without a progress bar."""

SAVE_INTERVAL = 20.0
"""Minimum seconds between two updates of a card with a progress bar, unless the state changes."""


class Publisher(Protocol):
    """The part of IPython's display publisher that is used."""

    def publish(self, data: Bundle, metadata: Bundle | None = None, **options: Any) -> None:
        """Send a bundle to the front end."""
        ...


class LiveCard:
    """One output that shows a build until its end. Create it in the cell; it updates itself.

    `publisher` is the shell's display publisher. `with_bar` adds the ipywidgets progress bar, for interactive front
    ends. `hints` are the sentences of the front end that shows it. The last bundle has no widget, since a saved widget
    cannot be shown without its kernel.
    """

    def __init__(self, build: Build, publisher: Publisher, *, with_bar: bool, hints: HintTable = PROGRAM) -> None:
        self._build = build
        self._hints = hints
        self._publisher = publisher
        self._display_id = uuid4().hex
        self._lock = threading.RLock()  # created on the main thread, called on the background thread
        self._ended = False
        self._bar = self._new_bar() if with_bar and not build.ended else None
        self._saved_at = (build.operation.shown_state, time.monotonic())
        self._show(update=False)
        build.observe(self._changed, ["operation", "report", "last_response_at", "ended"])
        if self._bar is not None:
            build.add_tick_callback(self._tick)
        self._changed()  # the build may have ended before the callbacks were registered

    def _new_bar(self) -> BuildProgress:
        # Imported here: ipywidgets is needed only for the progress bar.
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
            state, now = self._build.operation.shown_state, time.monotonic()
            if self._build.ended:
                self._end()
            elif state is not self._saved_at[0] or now - self._saved_at[1] >= (
                UPDATE_INTERVAL if self._bar is None else SAVE_INTERVAL
            ):
                self._saved_at = (state, now)
                self._show(update=True)

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._build.unobserve(self._changed, ["operation", "report", "last_response_at", "ended"])
        bar, self._bar = self._bar, None
        self._show(update=True)  # the last bundle is saved, and a saved widget cannot be shown
        if bar is not None:
            bar.close_all()  # only now: the page would show a closed widget as an error

    def _show(self, *, update: bool) -> None:
        shown = self._card()
        if self._bar is not None:
            self._bar.update(shown)
        publish_bundle(self._publisher, bundle(shown, self._hints), self._display_id, self._bar, update=update)


def publish_bundle(publisher: Publisher, data: Bundle, display_id: str, bar: Any, *, update: bool) -> None:
    """Publish a card; `bar` is the progress widget to show above it, or None."""
    if bar is not None:
        view = {"version_major": 2, "version_minor": 0, "model_id": bar.model_id}
        data = {"application/vnd.jupyter.widget-view+json": view, **data}
    # The id is in the metadata too: JupyterLab loses the outputs of display ids when the page is reloaded.
    metadata = {"kusto_image": {"display_id": display_id}}
    publisher.publish(data, metadata, transient={"display_id": display_id}, update=update)
