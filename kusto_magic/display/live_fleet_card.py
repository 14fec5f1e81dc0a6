"""Live card of a fleet: a card with a row per cluster, with a progress bar above it while the fleet is running.

The counterpart of `live_card` with fewer updates: a card of hundreds of rows is not sent at each change of a row.
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
from kusto_magic.hints import HintTable
from kusto_magic.program_hints import PROGRAM

if TYPE_CHECKING:
    from kusto_magic.display.progress_bar import FleetProgress

UPDATE_INTERVAL = 1.0
"""Minimum seconds between two updates of the progress bar with up to 200 clusters; proportionally more with more."""

SAVE_INTERVAL = 5.0
"""Minimum seconds between two updates of the card before the fleet has ended."""


class LiveFleetCard:
    """One output that shows a fleet until its end. Create it in the cell; it updates itself.

    `publisher`, `with_bar` and `hints` are as for `live_card.LiveCard`.
    """

    def __init__(self, fleet: Fleet, publisher: Publisher, *, with_bar: bool, hints: HintTable = PROGRAM) -> None:
        self._fleet = fleet
        self._hints = hints
        self._publisher = publisher
        self._display_id = uuid4().hex
        self._lock = threading.RLock()  # created on the main thread, called on the background thread
        self._ended = False
        self._bar = self._new_bar() if with_bar and not fleet.ended else None
        self._counts: dict[str, int] = {}
        self._updated_at = self._saved_at = float("-inf")  # the first tick updates at once
        self._show(self._card(), update=False)
        fleet.observe(self._end, "ended")
        fleet.add_tick_callback(self._tick)
        if fleet.ended:  # possibly before the callback was registered
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
            shown = self._card()
            if shown.counts != self._counts and now - self._saved_at >= SAVE_INTERVAL:
                self._show(shown, update=True)
            elif self._bar is not None:
                self._bar.update(shown)

    def _end(self, _change: object = None) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            bar, self._bar = self._bar, None  # so that a tick that waits for the lock draws no closed bar
            self._show(self._card(), update=True)
            if bar is not None:
                bar.close_all()

    def _card(self) -> FleetCard:
        return fleet_card(self._fleet, SystemClock().wall())

    def _show(self, shown: FleetCard, *, update: bool) -> None:
        self._counts, self._saved_at = shown.counts, time.monotonic()
        if self._bar is not None:
            self._bar.update(shown)
        publish_bundle(self._publisher, bundle(shown, self._hints), self._display_id, self._bar, update=update)
