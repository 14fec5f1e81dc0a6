"""What goes on with the images of the cluster, and what was begun from here earlier."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from kusto_magic.builds.build import Build
from kusto_magic.display.card import card, text
from kusto_magic.display.progress_bar import BuildProgress
from kusto_magic.models.action import Phase
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, heading, set_text, text_widget

NO_BUILDS = "Nothing is being built or deleted from this kernel."


class ActiveBuilds:
    """One bar for each build of the cluster that this process follows, whoever began it; below, how the last ended.

    On the background thread `moved` is called with the phase when one has come further, `ended` with each at its end.
    """

    def __init__(self, context: PanelContext, moved: Callable[[Phase], None], ended: Callable[[Build], None]) -> None:
        self._work = context
        self._moved = moved
        self._ended = ended
        self._lock = threading.RLock()  # the button's thread adds, the background's paints and removes
        self._bars: dict[Build, BuildProgress] = {}
        self.rows = column()
        self.last = text_widget(NO_BUILDS)
        self.widget = column(heading("Going on"), self.rows, self.last)

    def refresh(self) -> None:
        """Take in what this process has begun to follow since."""
        if self._work.target is not None:
            for build in self._work.builds.registry.by_cluster(self._work.target):
                self.add(build)

    def add(self, build: Build) -> None:
        """Show a build until it has ended."""
        with self._lock:
            if build in self._bars:
                return
            self._bars[build] = BuildProgress(build.estimate)
            self._lay_out()
        build.observe(self._on_change, "operation")
        build.observe(lambda _change: self._update(build), ["operation", "last_response_at", "ended"])
        build.add_tick_callback(lambda: self._update(build))
        self._update(build)  # now; it may have ended in between

    def clear(self) -> None:
        """Show nothing: another cluster was chosen."""
        with self._lock:
            bars, self._bars = self._bars, {}
            self._lay_out()
        for bar in bars.values():
            bar.close_whole()
        set_text(self.last, NO_BUILDS)

    def _lay_out(self) -> None:
        self.rows.children = tuple(self._bars.values())
        if self._bars and self.last.value:
            set_text(self.last, "")

    def _on_change(self, change: Any) -> None:
        if change["new"].phase is not change["old"].phase:
            self._moved(change["new"].phase)

    def _update(self, build: Build) -> None:
        with self._lock, self._work.guarded():
            bar = self._bars.get(build)
            if bar is None:
                return
            it = card(build, self._work.clock.wall())
            bar.update(it)
            if not build.ended:
                return
            del self._bars[build]
            self._lay_out()
            bar.close_whole()
            set_text(self.last, text(it).partition("\n")[0])
        if build.error is not None:
            self._work.show(build.error)
        self._ended(build)
