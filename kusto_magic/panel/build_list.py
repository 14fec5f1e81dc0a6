"""Progress bars for the active builds of the cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from kusto_magic.builds.build import Build
from kusto_magic.display.card_sources import card
from kusto_magic.display.progress_bar import ProgressBar
from kusto_magic.models.build_state import BuildState
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, heading, set_text, text_widget

NO_BUILDS = "No builds in progress."


class ActiveBuilds:
    """One progress bar for each build of the cluster that this process polls, and the result of the last one.

    On the background thread `moved` is called with the new state of a build, `ended` with each finished build.
    """

    def __init__(
        self, context: PanelContext, moved: Callable[[BuildState], None], ended: Callable[[Build], None]
    ) -> None:
        self._context = context
        self._moved = moved
        self._ended = ended
        self._lock = threading.RLock()  # builds are added by the button's thread, updated by the background thread
        self._bars: dict[Build, ProgressBar] = {}
        self.rows = column()
        self.last = text_widget(NO_BUILDS)
        self.widget = column(heading("In progress"), self.rows, self.last)

    def refresh(self) -> None:
        """Add the builds that this process has started to poll since the last call."""
        if self._context.target is not None:
            for build in self._context.builds.registry.by_cluster(self._context.target):
                self.add(build)

    def add(self, build: Build) -> None:
        """Show a progress bar for `build` until it ends; do nothing if it has one."""
        with self._lock:
            if build in self._bars:
                return
            self._bars[build] = ProgressBar()
            self._lay_out()
        build.observe(self._on_change, "operation")
        build.observe(lambda _change: self._update(build), ["operation", "last_response_at", "ended"])
        build.add_tick_callback(lambda: self._update(build))
        self._update(build)  # the build may have ended before the observers were registered

    def clear(self) -> None:
        """Remove all bars, because another cluster was selected."""
        with self._lock:
            bars, self._bars = self._bars, {}
            self._lay_out()
        for bar in bars.values():
            bar.close_all()
        set_text(self.last, NO_BUILDS)

    def _lay_out(self) -> None:
        self.rows.children = tuple(self._bars.values())
        if self._bars and self.last.value:
            set_text(self.last, "")

    def _on_change(self, change: Any) -> None:
        if change["new"].shown_state is not change["old"].shown_state:
            self._moved(change["new"].shown_state)

    def _update(self, build: Build) -> None:
        with self._lock, self._context.guarded():
            bar = self._bars.get(build)
            if bar is None:  # removed by `clear`, or the end was handled by an earlier notification
                return
            current = card(build, self._context.clock.wall())
            bar.update(current)
            if not build.ended:
                return
            del self._bars[build]
            self._lay_out()
            bar.close_all()
            set_text(self.last, current.text().partition("\n")[0])
        if build.error is not None:
            self._context.show(build.error)
        self._ended(build)
