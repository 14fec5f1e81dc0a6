"""Live card of a build or a fleet: a card that is updated in place, with a progress bar above it while it is running.

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
from kusto_magic.display.views import Shown, View, size_of, view_of
from kusto_magic.hints import HintTable
from kusto_magic.program_hints import PROGRAM

if TYPE_CHECKING:
    from kusto_magic.display.progress_bar import ProgressBar

UPDATE_INTERVAL = 1.0
"""Minimum seconds between two updates with up to 200 clusters, unless the build's state changes; more with more."""

SAVE_INTERVAL = 20.0
"""Minimum seconds between two updates of a card with a progress bar, unless a state changes."""

FLEET_SAVE_INTERVAL = 5.0
"""Minimum seconds between two updates of the card of 100 clusters or more, which is not sent at each change."""

OBSERVED = ["operation", "report", "last_response_at", "ended"]
"""Traits of a build whose changes are shown; a fleet has only `ended`."""


class Publisher(Protocol):
    """The part of IPython's display publisher that is used."""

    def publish(self, data: Bundle, metadata: Bundle | None = None, **options: Any) -> None:
        """Send a bundle to the front end."""
        ...


class LiveCard:
    """One output that shows a build or a fleet until its end. Create it in the cell; it updates itself.

    `publisher` is the shell's display publisher. `with_bar` adds the ipywidgets progress bar, for interactive front
    ends. `hints` are the sentences of the front end that shows it; `is_awaited` is whether the
    cell waits for the end. The last bundle has no widget, since a saved widget
    cannot be shown without its kernel.
    """

    def __init__(
        self,
        shown: Shown,
        publisher: Publisher,
        *,
        with_bar: bool,
        hints: HintTable = PROGRAM,
        is_awaited: bool = False,
    ) -> None:
        self._shown = shown
        self._is_awaited = is_awaited
        self._hints = hints
        self._publisher = publisher
        self._display_id = uuid4().hex
        self._lock = threading.RLock()  # created on the main thread, called on the background thread
        self._ended = False
        self._bar = _new_bar() if with_bar and not shown.ended else None
        self._states: object = None
        self._saved_at = self._updated_at = float("-inf")  # the first change is shown at once
        self._show(self._view(), update=False)
        self._traits = OBSERVED if isinstance(shown, Build) else ["ended"]
        shown.observe(self._changed, self._traits)
        shown.add_tick_callback(self._refresh)
        if shown.ended:  # possibly before the callbacks were registered
            self._end()

    def _view(self) -> View:
        return view_of(self._shown, SystemClock().wall())

    def _changed(self, _change: object) -> None:
        """Show a change of the build, or the end."""
        if self._shown.ended:
            self._end()
        else:
            self._refresh()

    def _refresh(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._ended or not self._is_due(now):
                return
            self._updated_at = now
            view = self._view()
            if self._is_worth_saving(view, now):
                self._show(view, update=True)
            elif self._bar is not None:
                self._bar.update(view)

    def _is_due(self, now: float) -> bool:
        # A change of a build's state is shown at once; making the card of a large fleet takes milliseconds.
        if isinstance(self._shown, Build) and self._shown.state != self._states:
            return True
        return now - self._updated_at >= UPDATE_INTERVAL * max(1.0, size_of(self._shown) / 200)

    def _is_worth_saving(self, view: View, now: float) -> bool:
        is_single = isinstance(self._shown, Build)
        if view.states != self._states:
            return is_single or now - self._saved_at >= FLEET_SAVE_INTERVAL * min(1.0, size_of(self._shown) / 100)
        return is_single and now - self._saved_at >= (UPDATE_INTERVAL if self._bar is None else SAVE_INTERVAL)

    def _end(self) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._shown.unobserve(self._changed, self._traits)
            bar, self._bar = self._bar, None  # the last bundle is saved, and a saved widget cannot be shown
            self._show(self._view(), update=True)
            if bar is not None:
                bar.close_all()  # only now: the page would show a closed widget as an error

    def _show(self, view: View, *, update: bool) -> None:
        self._states, self._saved_at = view.states, time.monotonic()
        data = view.bundle(self._hints)
        # Not in the bundle of a final state, although the build ends only when it is recorded: a notebook that is saved
        # in between would keep the widget.
        if self._bar is not None and view.outcome is None:
            self._bar.update(view)
            reference = {"version_major": 2, "version_minor": 0, "model_id": self._bar.model_id}
            data = {"application/vnd.jupyter.widget-view+json": reference, **data}
        # The id is in the metadata too: JupyterLab loses the outputs of display ids when the page is reloaded.
        metadata = {"kusto_image": {"display_id": self._display_id, "awaited": self._is_awaited}}
        self._publisher.publish(data, metadata, transient={"display_id": self._display_id}, update=update)


def _new_bar() -> ProgressBar:
    # Imported here: ipywidgets is needed only for the progress bar.
    from kusto_magic.display.progress_bar import ProgressBar

    return ProgressBar()
