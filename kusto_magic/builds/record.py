"""Record of one operation and its row in the history. Tokens and signatures are not stored."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from kusto_magic.models.target import Target
from kusto_magic.redaction import redact, without_signature


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One operation that was started on this machine, such as a build or a deletion.

    `id` is a UUID in hex, `action` the value of an Action, `state` the last known state. All times are timezone-aware;
    `seconds` is the duration. `operation_url` is "" or, once stored, without its signature. `fleet` is the id that the
    operations of a fleet share, or "" for a single one; `options` are the names of its options (`BuildOptions`).
    `owner` is the name of the process that sends and polls it (`Owner`). Raises ValueError for a time without a time
    zone.
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
    owner: str = ""

    def __post_init__(self) -> None:
        for moment in (self.started_at, self.last_response_at, self.ended_at):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("the times of a record must have a time zone")


FIELDS = tuple(entry.name for entry in fields(BuildRecord))[2:]
"""Names of the fields except the id and the target."""

COLUMNS = ", ".join(("id", "subscription", "resource_group", "cluster", "endpoint", "scope", *FIELDS))
"""Columns of the history in the order of `from_row`, as SQL."""

COLUMNS_WITHOUT_REQUIREMENTS = COLUMNS.replace("requirements", "''")
"""As `COLUMNS`, for lists: requirements can have 128 kB, and a list of 500 builds would read 64 MB."""


def to_row(record: BuildRecord) -> tuple[object, ...]:
    """Return the values of a row: the key of the target, then `COLUMNS`."""
    target = record.target
    columns = (target.subscription, target.resource_group, target.cluster, target.endpoint.lower(), target.scope)
    # Lower case: `History.estimate` compares it as text.
    return (target.key, record.id, *columns, *(to_column(name, getattr(record, name)) for name in FIELDS))


def to_column(name: str, value: Any) -> object:
    """Return the value of a field as stored: times in UTC, the operation's URL without signature, strings redacted."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{name} has no time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")  # of fixed width, so that times sort as text
    if not isinstance(value, str):
        return value
    if name == "operation_url":
        return without_signature(value)
    safe = redact(value)
    return (
        value if safe == value.replace("\r\n", "\n") else safe
    )  # not redacted: keep "\r\n", since requirements are compared byte for byte


def from_row(row: tuple[Any, ...]) -> BuildRecord | None:
    """Return the record of a row, or None if it is not valid (rules for names may have become stricter)."""
    id_, *target = row[:6]
    values = dict(zip(FIELDS, row[6:], strict=True))
    try:
        for name in ("started_at", "last_response_at", "ended_at"):
            values[name] = values[name] and datetime.fromisoformat(values[name])
        return BuildRecord(id_, Target(*target), **values)
    except (TypeError, ValueError):
        return None
