"""Puts a fleet on the screen and keeps it true: a card with a row per cluster, with a bar above it while it runs.

What `live` does for one build, at a slower pace: a card of hundreds of rows is not sent for each of their changes.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from kusto_magic.builds.fleet import Fleet
from kusto_magic.clock import SystemClock
from kusto_magic.display.fleet_card import FleetCard, bundle, fleet_card
from kusto_magic.display.live_card import Publisher, publish_bundle

if TYPE_CHECKING:
    from kusto_magic.display.progress_bar import FleetProgress

UPDATE_INTERVAL = 1.0
"""Seconds between two looks at two hundred clusters, at the least; at more of them more rarely."""

SAVE_INTERVAL = 5.0
"""Seconds between two updates of the card, at the least, until the end."""


class LiveFleetCard:
    """One output that shows a fleet until its end. Make it in the cell; it looks after itself.

    `publisher` is the shell's display publisher; `with_bar` adds the ipywidgets bar, as `live.LiveCard` does.
    """

    def __init__(self, fleet: Fleet, publisher: Publisher, *, with_bar: bool) -> None:
        self._fleet = fleet
        self._publisher = publisher
        self._display_id = uuid4().hex
        self._lock = threading.RLock()  # made in the cell's thread, called on the background's
        self._ended = False
        self._bar = self._new_bar() if with_bar and not fleet.ended else None
        self._counts: dict[str, int] = {}
        self._updated_at = self._saved_at = float("-inf")
        self._show(self._card(), update=False)
        fleet.observe(self._end, "ended")
        fleet.add_tick_callback(self._tick)
        if fleet.ended:
            self._end()

    def _new_bar(self) -> FleetProgress:
        from kusto_magic.display.progress_bar import FleetProgress

        return FleetProgress()

    def _tick(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._ended or now - self._updated_at < UPDATE_INTERVAL * max(1.0, len(self._fleet.members) / 200):
                return
            self._updated_at = now
            it = self._card()
            if it.counts != self._counts and now - self._saved_at >= SAVE_INTERVAL:
                self._show(it, update=True)
            elif self._bar is not None:
                self._bar.update(it)

    def _end(self, _change: object = None) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            bar, self._bar = self._bar, None
            self._show(self._card(), update=True)
            if bar is not None:
                bar.close_whole()

    def _card(self) -> FleetCard:
        return fleet_card(self._fleet, SystemClock().wall())

    def _show(self, shown: FleetCard, *, update: bool) -> None:
        self._counts, self._saved_at = shown.counts, time.monotonic()
        if self._bar is not None:
            self._bar.update(shown)
        publish_bundle(self._publisher, bundle(shown), self._display_id, self._bar, update=update)
