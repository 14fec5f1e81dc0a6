"""The record of one thing that was started from here, and its row in the history. No token and no signature is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from kusto_magic.models.target import Target
from kusto_magic.redaction import redact, without_signature


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One thing that was started from here: a build, a deletion.

    `id` is a UUID in hex, `action` a word such as "build" or "delete", `state` the last one heard of. All times are
    aware of their zone; `seconds` is how long it took. `operation_url` is "" or without signature once it is kept.
    `fleet` is the id that the builds of a fleet have in common, "" for one alone; `how` are the options it was begun
    with, as words. Raises ValueError for a time without zone.
    """

    id: str
    target: Target
    image: str
    action: str
    base_image: str | None
    python_version: str | None
    requirements: str
    started_at: datetime
    operation_url: str = ""
    state: str = "Unknown"
    message: str = ""
    last_response_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None
    fleet: str = ""
    options: str = ""

    def __post_init__(self) -> None:
        for moment in (self.started_at, self.last_response_at, self.ended_at):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("a record's times have a zone")


FIELDS = tuple(entry.name for entry in fields(BuildRecord))[2:]
"""All but the id and the target."""

COLUMNS = ", ".join(("id", "subscription", "resource_group", "cluster", "endpoint", "scope", *FIELDS))


def to_row(record: BuildRecord) -> tuple[object, ...]:
    """Return the values of a row: the place, then `COLUMNS`."""
    target = record.target
    where = (target.subscription, target.resource_group, target.cluster, target.endpoint.lower(), target.scope)
    return (target.key, record.id, *where, *(to_column(name, getattr(record, name)) for name in FIELDS))


def to_column(name: str, value: Any) -> object:
    """Return a field's value as it is kept: times in UTC, an operation's URL unsigned, every text redacted."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{name} has no zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if not isinstance(value, str):
        return value
    if name == "operation_url":
        return without_signature(value)
    safe = redact(value)
    return value if safe == value.replace("\r\n", "\n") else safe  # requirements are compared byte for byte


def from_row(row: tuple[Any, ...]) -> BuildRecord | None:
    """Return the record of a row, None where the row is none (rules for names may have become stricter)."""
    id_, *where = row[:6]
    values = dict(zip(FIELDS, row[6:], strict=True))
    try:
        for name in ("started_at", "last_response_at", "ended_at"):
            values[name] = values[name] and datetime.fromisoformat(values[name])
        return BuildRecord(id_, Target(*where), **values)
    except (TypeError, ValueError):
        return None
