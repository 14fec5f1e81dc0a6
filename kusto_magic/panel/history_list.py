"""The list of earlier builds."""

from __future__ import annotations

from collections.abc import Callable

from ipywidgets import Select

from kusto_magic.builds.record import BuildRecord
from kusto_magic.display.bundle import duration
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import button, column, heading, labeled, row, set_enabled, set_text, text_widget

MAX_RECORDS = 50


class HistoryList:
    """The history of builds from here: put one into the form again, or follow it.

    `fill` and `follow` are called with the record that is meant.
    """

    def __init__(
        self, context: PanelContext, *, fill: Callable[[BuildRecord], None], follow: Callable[[BuildRecord], None]
    ) -> None:
        self._work = context
        self._records: dict[str, BuildRecord] = {}
        self.list = labeled(Select, "Begun · what · how it ended", rows=7)
        self.fill = button("Put into the form", "Put what was asked for then into the form")
        self.follow = button("Follow", "Show how it goes on with this image")
        self.note = text_widget()
        buttons = row(self.fill, self.follow)
        self.widget = column(heading("History of builds from here"), self.list, buttons, self.note)
        context.on_change(self.list, self._on_selection)
        context.on_click(self.fill, lambda: fill(self._selected()))
        context.on_click(self.follow, lambda: follow(self._selected()))
        self._on_selection()

    def read(self) -> None:
        """Read the history, in the background."""
        self._work.in_background(self._read())

    async def _read(self) -> None:
        history = self._work.builds.history
        recent = [record for record in history.recent(1000) if record.target == self._work.target][:MAX_RECORDS]
        before = self.list.value
        self._records = {record.id: record for record in recent}
        self.list.options = [(_line(record), record.id) for record in recent]
        self.list.value = before if before in self._records else None
        set_text(self.note, history.warning if recent else history.warning or "Nothing was begun from here yet.")
        self._on_selection()

    def _selected(self) -> BuildRecord:
        return self._records[self.list.value]

    def _on_selection(self) -> None:
        record = self._records.get(self.list.value)
        set_enabled([self.fill], on=record is not None and bool(record.requirements))
        set_enabled([self.follow], on=record is not None)


def _line(record: BuildRecord) -> str:
    took = "" if record.seconds is None else duration(record.seconds)
    state = record.state if record.ended_at is not None else f"{record.state}, not ended yet"
    parts = (f"{record.started_at:%Y-%m-%d %H:%M} UTC", f"{record.action} {record.image}", state, took, record.message)
    return " · ".join(part for part in parts if part)
