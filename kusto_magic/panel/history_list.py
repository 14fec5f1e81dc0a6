"""The operations in the history file, with the actions on each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import Button

from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.state import state_of_record
from kusto_magic.display.bundle import duration
from kusto_magic.models.action import ACTIONS
from kusto_magic.models.build_state import BuildState, Outcome
from kusto_magic.models.target import Target
from kusto_magic.panel.details import Details
from kusto_magic.panel.markup import badge, local_time, text_html
from kusto_magic.panel.table import RowAction, RowView, Table
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, row, set_text, text_widget, with_class
from kusto_magic.redaction import redact

MAX_RECORDS = 50
"""Maximum number of records listed, newest first."""

ACCEPTED_STATES = frozenset(info.working_state for info in ACTIONS.values() if info.changes_image)
"""States that show that the service accepted the request, so that the list of images has changed."""

HEAD = ("Started", "Action", "Image", "Result", "Duration")
SHOW, FILL, FOLLOW = "Show details", "Copy to form", "Follow"


class HistoryList:
    """The operations on the selected cluster that were started on this machine.

    `fill` is called with the record to copy to the form, `follow` with the record whose build is to be polled, and
    `changed` when another process has changed an image of the cluster.
    """

    def __init__(
        self,
        context: PanelContext,
        *,
        fill: Callable[[BuildRecord], None],
        follow: Callable[[BuildRecord], None],
        changed: Callable[[], None],
    ) -> None:
        self._context = context
        self._changed = changed
        self._version: object = None
        self._changes: tuple[Target, frozenset[object]] | None = None
        self._shown = ""
        self._open: frozenset[str] = frozenset()
        actions: tuple[RowAction[BuildRecord], ...] = (
            RowAction(SHOW, "Show the details of this operation on {}", self._show),
            RowAction(FILL, "Copy the name, base image and requirements of {} to the form", lambda it, _: fill(it)),
            RowAction(FOLLOW, "Resume polling {} and show its progress", lambda it, _: follow(it)),
        )
        self.table = Table(context, HEAD, actions, name=lambda record: record.name, describe=self._describe)
        self.note = text_widget()
        self.details = Details(context, lambda: self._mark(""))
        bar = with_class(row(self.note, self.table.tools), "bar")
        self.widget = with_class(column(bar, self.table.widget, self.details.widget), "history")

    def read(self) -> None:
        """Read the history file in the background and update the list."""
        self._context.in_background(self._read())

    def read_if_changed(self) -> None:
        """Read the history file if this process or another one has written since the last call."""
        version = self._context.builds.history.data_version()
        if version != self._version:
            self._version = version
            self.read()

    async def _read(self) -> None:
        history, target = self._context.builds.history, self._context.target
        recent = history.of_cluster(target, MAX_RECORDS) if target else []
        self._open = frozenset(record.id for record in recent if self._is_active(record))
        self.table.show(recent, "No operations yet.")
        set_text(self.note, history.warning or "Operations started on this machine, newest first.")
        if self._shown and self._shown not in {record.id for record in recent}:
            self.details.hide()
        if target is not None:
            self._tell_changes(target, recent)

    def _tell_changes(self, target: Target, recent: Sequence[BuildRecord]) -> None:
        """Call `changed` if a record says that another process has changed an image since the last read."""
        changes = frozenset(
            (record.id, record.ended_at is not None)
            for record in recent
            if (record.ended_at or record.state in ACCEPTED_STATES) and not self._context.builds.owns(record.owner)
        )
        before, self._changes = self._changes, (target, changes)
        if before is not None and before[0] == target and not changes <= before[1]:
            self._changed()

    def _is_active(self, record: BuildRecord) -> bool:
        builds = self._context.builds
        is_open = record.ended_at is None
        return is_open and (builds.registry.by_id(record.id) is not None or builds.is_held_elsewhere(record))

    def _state(self, record: BuildRecord) -> BuildState:
        running = self._context.builds.registry.by_id(record.id)
        return running.state if running is not None else state_of_record(record, is_active=record.id in self._open)

    def _describe(self, record: BuildRecord) -> RowView:
        state = self._state(record)
        cells = (
            text_html(local_time(record.started_at), title=f"{record.started_at.astimezone():%Y-%m-%d %H:%M:%S %z}"),
            text_html(record.action),
            text_html(record.name, "name", title=record.name),
            badge(state, state.outcome),
            text_html("" if record.seconds is None else duration(record.seconds)),
        )
        is_open = state.outcome in (None, Outcome.UNKNOWN)
        absent = [*([] if is_open else [FOLLOW]), *([] if record.requirements else [FILL])]
        return RowView(cells, absent=absent, is_marked=record.id == self._shown)

    def _show(self, record: BuildRecord, _button: Button) -> None:
        title = f"{record.action.capitalize()} {record.name}"
        self.details.show(title, _rows(record, self._state(record)))
        self._mark(record.id)

    def _mark(self, shown: str) -> None:
        self._shown = shown
        self.table.refresh()


def _rows(record: BuildRecord, state: BuildState) -> list[tuple[str, str]]:
    spec = record.request.spec
    return [
        ("Result", state),
        ("Message", record.message),
        ("Base image", spec.base_label if spec else ""),
        ("Started", local_time(record.started_at)),
        ("Ended", local_time(record.ended_at) if record.ended_at else ""),
        ("Duration", "" if record.seconds is None else duration(record.seconds)),
        ("Requirements", redact(record.requirements).rstrip()),
    ]
