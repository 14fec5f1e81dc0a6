"""Progress of the active builds of the cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, FloatProgress, Layout

from kusto_magic.builds.build import Build
from kusto_magic.display.bundle import duration
from kusto_magic.display.card import Card
from kusto_magic.display.card_sources import card
from kusto_magic.models.build_state import UNSENT_STATES, BuildState
from kusto_magic.panel.markup import badge, local_time, text_html
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import close_all, column, heading, set_html, set_text, text_widget, with_class

NO_BUILDS = "No builds in progress."


class BuildProgress:
    """The state, the elapsed time and the progress bar of one build. Safe to update from any thread."""

    def __init__(self) -> None:
        self.text = HTML()
        self.bar = FloatProgress(min=0.0, max=1.0, layout=Layout(width="auto", height="auto"))
        self.widget = with_class(column(self.text, self.bar), "progress")

    def update(self, current: Card) -> None:
        """Show the current state of the build."""
        # Nothing is built yet: the estimate is that of the service's work.
        self.bar.value = 0.0 if current.state in UNSENT_STATES else current.share
        set_html(
            self.text, _state_html(current, [duration(current.seconds), current.brief_estimate_line, current.note])
        )


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
        self._bars: dict[Build, BuildProgress] = {}
        self._own: set[Build] = set()
        self.rows = column()
        self.last = text_widget(NO_BUILDS, kind="muted")
        self.widget = column(heading("Progress"), self.rows, self.last)

    def refresh(self) -> None:
        """Add the builds that this process has started to poll since the last call."""
        if self._context.target is not None:
            for build in self._context.builds.registry.by_cluster(self._context.target):
                self.add(build)

    def add(self, build: Build, *, is_own: bool = False) -> None:
        """Show a progress bar for `build` until it ends; do nothing if it has one.

        The error of one that this panel has started is shown; that of another one is shown by its own cell or panel.
        """
        with self._lock:
            if is_own:
                self._own.add(build)
            if build in self._bars:
                return
            self._bars[build] = BuildProgress()
            self._lay_out()
        build.observe(self._on_change, "operation")
        build.observe(lambda _change: self._update(build), ["operation", "last_response_at", "ended"])
        build.add_tick_callback(lambda: self._update(build))
        self._update(build)  # the build may have ended before the observers were registered

    def clear(self) -> None:
        """Remove all bars, because another cluster was selected."""
        with self._lock:
            bars, self._bars = self._bars, {}
            self._own.clear()
            self._lay_out()
        for bar in bars.values():
            close_all(bar.widget)
        set_text(self.last, NO_BUILDS, kind="muted")

    def _lay_out(self) -> None:
        if self._bars:
            set_text(self.last, "")
        self.rows.children = tuple(bar.widget for bar in self._bars.values())

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
            close_all(bar.widget)
            set_html(self.last, f'<div role="status">{_end_html(current)}</div>')
            is_own = build in self._own
            self._own.discard(build)
        if build.error is not None and is_own:
            self._context.show(build.error)
        self._ended(build)


def _state_html(current: Card, parts: list[str]) -> str:
    """Return a line with the state, the image and `parts`."""
    line = " · ".join(part for part in parts if part)
    texts = text_html(current.image, "name") + text_html(line, "muted", title=line)
    return f'<div class="kusto-image-state">{badge(current.state, current.outcome)}{texts}</div>'


def _end_html(current: Card) -> str:
    elapsed = f"in {duration(current.seconds)}" if current.start_known and not current.is_found else ""
    return _state_html(current, [elapsed, local_time(current.as_of), current.note])
