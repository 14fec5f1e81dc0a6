"""The list of builds in the history file."""

from __future__ import annotations

from collections.abc import Callable

from ipywidgets import Select

from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.state import state_of_record
from kusto_magic.display.bundle import duration
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import button, column, heading, labeled, row, set_enabled, set_text, text_widget

MAX_RECORDS = 50
"""Maximum number of records listed, newest first."""


class HistoryList:
    """The builds of the selected cluster that were started on this machine.

    `fill` is called with the record to copy to the form, `follow` with the record whose build is to be polled.
    """

    def __init__(
        self, context: PanelContext, *, fill: Callable[[BuildRecord], None], follow: Callable[[BuildRecord], None]
    ) -> None:
        self._context = context
        self._records: dict[str, BuildRecord] = {}
        self.list = labeled(Select, "Started · action · result", rows=7)
        self.fill = button("Copy to form", "Copy the name, base and requirements of this build to the form")
        self.follow = button("Follow", "Resume polling this build and show its progress")
        self.note = text_widget()
        buttons = row(self.fill, self.follow)
        self.widget = column(heading("Builds started on this machine"), self.list, buttons, self.note)
        context.on_change(self.list, self._on_selection)
        context.on_click(self.fill, lambda: fill(self._selected()))
        context.on_click(self.follow, lambda: follow(self._selected()))
        self._on_selection()

    def read(self) -> None:
        """Read the history file in the background and update the list."""
        self._context.in_background(self._read())

    async def _read(self) -> None:
        history = self._context.builds.history
        # more records than are shown: the builds of other clusters are filtered out
        recent = [record for record in history.recent(1000) if record.target == self._context.target][:MAX_RECORDS]
        selected = self.list.value
        self._records = {record.id: record for record in recent}
        self.list.options = [(self._line(record), record.id) for record in recent]
        self.list.value = selected if selected in self._records else None  # new options reset the selection
        set_text(self.note, history.warning if recent else history.warning or "No builds yet.")
        self._on_selection()

    def _selected(self) -> BuildRecord:
        return self._records[self.list.value]  # the buttons are disabled while nothing is selected

    def _on_selection(self) -> None:
        record = self._records.get(self.list.value)
        set_enabled([self.fill], on=record is not None and bool(record.requirements))
        set_enabled([self.follow], on=record is not None)

    def _line(self, record: BuildRecord) -> DisplayText:
        running = self._context.builds.registry.by_id(record.id)
        is_active = running is not None or self._context.builds.is_held_elsewhere(record)
        state = running.state if running is not None else state_of_record(record, is_active=is_active)
        shown = state if record.ended_at is not None or not is_active else f"{state}, not finished"
        seconds = "" if record.seconds is None else duration(record.seconds)
        started = f"{record.started_at:%Y-%m-%d %H:%M} UTC"
        parts = (started, f"{record.action} {record.name}", shown, seconds, record.message)
        return visible_line(" · ".join(part for part in parts if part))
