"""What goes on with the images of the cluster, and what was begun from here earlier."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from kusto_magic.builds.build import Build
from kusto_magic.display.card import card, text
from kusto_magic.display.progress_bar import BuildProgress
from kusto_magic.models.action import Phase
from kusto_magic.panel.tasks import Work
from kusto_magic.panel.widgets import column, heading, say, words

NOTHING = "Nothing is being built or deleted from this kernel."


class GoingOn:
    """One bar for each build of the cluster that this process follows, whoever began it; below, how the last ended.

    On the background thread `moved` is called with the phase when one has come further, `ended` with each at its end.
    """

    def __init__(self, work: Work, moved: Callable[[Phase], None], ended: Callable[[Build], None]) -> None:
        self._work = work
        self._moved = moved
        self._ended = ended
        self._lock = threading.RLock()  # the button's thread adds, the background's paints and removes
        self._bars: dict[Build, BuildProgress] = {}
        self.rows = column()
        self.last = words(NOTHING)
        self.widget = column(heading("Going on"), self.rows, self.last)

    def look(self) -> None:
        """Take in what this process has begun to follow since."""
        if self._work.target is not None:
            for build in self._work.builds.followed.on(self._work.target):
                self.add(build)

    def add(self, build: Build) -> None:
        """Show a build until it has ended."""
        with self._lock:
            if build in self._bars:
                return
            self._bars[build] = BuildProgress(build.usual)
            self._lay_out()
        build.observe(self._came_further, "operation")
        build.observe(lambda _change: self._paint(build), ["operation", "heard_at", "ended"])
        build.every_second(lambda: self._paint(build))
        self._paint(build)  # now; it may have ended in between

    def forget(self) -> None:
        """Show nothing: another cluster was chosen."""
        with self._lock:
            bars, self._bars = self._bars, {}
            self._lay_out()
        for bar in bars.values():
            bar.close_whole()
        say(self.last, NOTHING)

    def _lay_out(self) -> None:
        self.rows.children = tuple(self._bars.values())
        if self._bars and self.last.value:
            say(self.last, "")

    def _came_further(self, change: Any) -> None:
        if change["new"].phase is not change["old"].phase:
            self._moved(change["new"].phase)

    def _paint(self, build: Build) -> None:
        with self._lock, self._work.guarded():
            bar = self._bars.get(build)
            if bar is None:
                return
            it = card(build, self._work.clock.wall())
            bar.paint(it)
            if not build.ended:
                return
            del self._bars[build]
            self._lay_out()
            bar.close_whole()
            say(self.last, text(it).partition("\n")[0])
        if build.error is not None:
            self._work.show(build.error)
        self._ended(build)
