"""Subcommand status: the operations that were started on this machine."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.state import state_of_record
from kusto_magic.commands import documents
from kusto_magic.commands.session import Session
from kusto_magic.display import data_table
from kusto_magic.display.bundle import duration
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.models.build_state import BuildState, Outcome

HEAD = ("Image", "Cluster", "Action", "State", "Started", "Duration", "Message")
"""Column heads."""

MAX_ROWS = 20
"""Maximum number of rows, newest first."""

MAX_RECORDS = 2000
"""Maximum number of history records read for these rows; a fleet has one record for each cluster."""

IN_PROGRESS, OUTCOME_UNKNOWN, NEVER_SENT = "in progress", "outcome unknown", "never sent"
"""Texts instead of the duration of an operation that has not ended; a fleet shows the first one that applies."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """The state of one operation, and the text instead of its duration, or "" if it has ended."""

    state: BuildState
    open_text: str = ""


def status(session: Session, _options: Namespace) -> None:
    """List the operations started on this machine; a fleet has one row."""
    history = session.builds.history
    newest: dict[str, BuildRecord] = {}
    for record in history.recent(MAX_RECORDS, with_texts=False):
        newest.setdefault(record.fleet or record.id, record)  # newest first, so the first record of a fleet stays
    listed = list(newest.values())[:MAX_ROWS]
    # Read again with their texts: the list has no reports, which have the locks.
    groups = [history.fleet(first.fleet) if first.fleet else [history.get(first.id) or first] for first in listed]
    rows = [
        _fleet_row(session, records) if first.fleet else _build_row(session, first)
        for first, records in zip(listed, groups, strict=True)
    ]
    data = {"operations": [_json(session, record) for records in groups for record in records]}
    shown = f"the newest {MAX_ROWS} of {len(newest)}" if len(newest) > MAX_ROWS else "newest first"
    notes = [f"Note: {history.warning}."] if history.warning else []
    empty = f"No operations were started on this machine yet; {session.syntax.new_image} creates an image."
    session.show_table(DataTable(f"Operations started on this machine, {shown}", HEAD, rows, empty, notes, data))


def _json(session: Session, record: BuildRecord) -> documents.Json:
    running = session.builds.registry.by_id(record.id)
    return documents.operation_json(running or record, is_active=session.builds.is_held_elsewhere(record))


def _build_row(session: Session, record: BuildRecord) -> tuple[Cell, ...]:
    shown = _shown(session, record)
    return (
        data_table.text(record.name),
        data_table.text(record.target.cluster),
        data_table.text(record.action),
        data_table.state(shown.state, shown.state.outcome),
        data_table.time(record.started_at),
        data_table.text(_duration_text(record.started_at, record.ended_at, shown.open_text)),
        data_table.text(record.message),
    )


def _shown(session: Session, record: BuildRecord) -> _Shown:
    running = session.builds.registry.by_id(record.id)
    if record.ended_at is not None:
        return _Shown(record.state)
    if running is not None:
        return _Shown(running.state, IN_PROGRESS)
    is_active = session.builds.is_held_elsewhere(record)
    state = state_of_record(record, is_active=is_active)
    return _Shown(
        state, IN_PROGRESS if is_active else NEVER_SENT if state is BuildState.NOT_SUBMITTED else OUTCOME_UNKNOWN
    )


def _fleet_row(session: Session, records: Sequence[BuildRecord]) -> tuple[Cell, ...]:
    """Return the row of a fleet from the newest (that is, the last) record of each cluster."""
    newest = {record.target.key: record for record in records}.values()
    shown = [_shown(session, record) for record in newest]
    counts = Counter(one.state for one in shown).most_common()
    open_texts = {one.open_text for one in shown}
    open_text = next((text for text in (IN_PROGRESS, OUTCOME_UNKNOWN, NEVER_SENT) if text in open_texts), "")
    started = min(record.started_at for record in newest)
    ends = [record.ended_at for record in newest]
    ended = None if None in ends else max(end for end in ends if end)
    return (
        data_table.text(records[0].name),
        data_table.text(f"{len(newest)} clusters"),
        data_table.text(records[0].action),
        data_table.state(", ".join(f"{count} {state}" for state, count in counts), _outcome(shown)),
        data_table.time(started),
        data_table.text(_duration_text(started, ended, open_text)),
        data_table.text(next((record.message for record in newest if record.message), "")),
    )


def _outcome(shown: Sequence[_Shown]) -> Outcome | None:
    """Return how a fleet ended as a whole: as its clusters if all are equal, otherwise it failed."""
    outcomes = {one.state.outcome for one in shown}
    if None in outcomes:
        return None
    return outcomes.pop() if len(outcomes) == 1 else Outcome.FAILED


def _duration_text(started: datetime, ended: datetime | None, otherwise: str) -> str:
    return otherwise if ended is None else duration((ended - started).total_seconds())
