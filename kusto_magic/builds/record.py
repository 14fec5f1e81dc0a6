"""Record of one operation and its row in the history. Tokens and signatures are not stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.request import BuildRequest, HasRequest
from kusto_magic.hints import Hint, hint_from_json, hint_json
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.preflight.report_json import report_from_json, stored_json
from kusto_magic.redaction import redact, without_signature

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class BuildRecord(HasRequest):
    """One operation that was started on this machine, such as a build or a deletion.

    `id` is a UUID in hex, `state` the last known state. All times are timezone-aware; `seconds` is the duration.
    `operation_url` is "" or, once stored, without its signature. `fleet` is the id that the operations of a fleet
    share, or "" for a single one. `owner` is the name of the process that sends and polls it (`Owner`). `message` is
    why it did not succeed, or a note about its success; `hint` is what the user can do, `report` the result of the
    check. `is_complete` is whether the requirements and the report were read too; otherwise the requirements of the
    request are "". Raises ValueError for a time without a time zone.
    """

    id: str
    request: BuildRequest
    started_at: datetime
    operation_url: str = ""
    state: BuildState = BuildState.UNKNOWN
    message: str = ""
    last_response_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None
    fleet: str = ""
    owner: str = ""
    hint: Hint | None = None
    report: PreflightReport | None = None
    is_complete: bool = True

    def __post_init__(self) -> None:
        for moment in (self.started_at, self.last_response_at, self.ended_at):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("the times of a record must have a time zone")

    @property
    def requirements(self) -> str:
        """The requirements, "" if the operation is not a build or they were not read."""
        return self.request.spec.requirements if self.request.spec is not None else ""

    @property
    def can_be_sent(self) -> bool:
        """Whether the record has everything that is needed to send the operation (again)."""
        return self.is_complete and (self.request.spec is not None or not self.request.info.creates_image)


_TARGET = ("subscription", "resource_group", "cluster", "endpoint", "scope")
_REQUEST = ("image", "action", "base_image", "python_version", "requirements", "options")
_TIMES = ("started_at", "last_response_at", "ended_at")
_STATE = (*_TIMES, "operation_url", "state", "message", "seconds", "fleet", "owner", "hint", "report")
_NAMES = ("id", *_TARGET, *_REQUEST, *_STATE)

COLUMNS = ", ".join(_NAMES)
"""Columns of the history in the order of `from_row`, as SQL."""

COLUMNS_WITHOUT_TEXTS = ", ".join("NULL" if name in ("requirements", "report") else name for name in _NAMES)
"""As `COLUMNS`, for lists: requirements can have 128 kB, and a list of 500 builds would read 64 MB."""


def to_row(record: BuildRecord) -> tuple[object, ...]:
    """Return the values of a row: the key of the target, then `COLUMNS`."""
    request, target = record.request, record.target
    values = {name: getattr(target, name) for name in _TARGET} | {name: getattr(record, name) for name in _STATE}
    values |= {
        "id": record.id,
        "endpoint": target.endpoint.lower(),  # `History.estimate` compares it as text
        "image": request.name,
        "action": request.action.value,
        "base_image": request.spec and request.spec.base_image,
        "python_version": request.spec and request.spec.python_version,
        "requirements": record.requirements,
        "options": _options_json(request),
    }
    return (target.key, *(values[name] if name in _TARGET else to_column(name, values[name]) for name in _NAMES))


def _options_json(request: BuildRequest) -> str:
    """Return the options, with those of the spec that the check needs if the operation is sent again."""
    spec = request.spec
    digest = spec.lock.digest if spec and spec.lock else spec.lock_digest if spec else ""
    more = {"exclude_newer": spec.exclude_newer if spec else "", "lock": digest}
    kept = {name: value for name, value in more.items() if value}
    text = request.options.to_json()
    return json.dumps(json.loads(text) | kept, separators=(",", ":")) if kept else text


def to_column(name: str, value: Any) -> object:
    """Return the value of a field as stored: times in UTC, the operation's URL without signature, strings redacted."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{name} has no time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")  # of fixed width, so that times sort as text
    if isinstance(value, BuildState):
        return value.value
    if isinstance(value, Hint | PreflightReport):
        value = json.dumps(hint_json(value) if isinstance(value, Hint) else stored_json(value), ensure_ascii=False)
    if not isinstance(value, str):
        return value
    if name == "operation_url":
        return without_signature(value)
    safe = redact(value)
    return (
        value if safe == value.replace("\r\n", "\n") else safe
    )  # not redacted: keep "\r\n", since requirements are compared byte for byte


def from_row(row: tuple[Any, ...]) -> BuildRecord | None:
    """Return the record of a row, or None if it is not valid, such as one of a newer version with another action."""
    values = dict(zip(_NAMES, row, strict=True))
    try:
        target = Target(*(values[name] for name in _TARGET))
        options = BuildOptions.from_json(values["options"])
        request = BuildRequest(Action(values["action"]), target, values["image"], _spec(values), options)
        state = {name: values[name] for name in _STATE}
        state |= {name: value and datetime.fromisoformat(value) for name in _TIMES for value in [values[name]]}
        state |= {"state": _state(values["state"]), "hint": _from_json(values["hint"], hint_from_json)}
        state["report"] = _from_json(values["report"], report_from_json)
        return BuildRecord(values["id"], request, is_complete=values["requirements"] is not None, **state)
    except (TypeError, ValueError):
        return None


def _spec(values: dict[str, Any]) -> ImageSpec | None:
    """Return the spec of a row, which was validated when its operation was started; None if it has no base."""
    base, python = values["base_image"], values["python_version"]
    if base is None and python is None:
        return None
    # Only who may use index options can have started it with them.
    return ImageSpec(
        values["requirements"] or "",
        base,
        python,
        allow_index_options=True,
        is_validated=True,
        exclude_newer=_option(values, "exclude_newer"),
        lock_digest=_option(values, "lock"),
    )


def _option(values: dict[str, Any], name: str) -> str:
    """Return an option of the spec, "" if there is none."""
    if name not in values["options"]:  # most have none
        return ""
    found = _from_json(values["options"], lambda document: document[name])
    return found if isinstance(found, str) else ""


def _state(value: Any) -> BuildState:
    """Return the state of a row; a word of a newer version is unknown."""
    try:
        return BuildState(value)
    except ValueError:
        return BuildState.UNKNOWN


def _from_json(text: object, read: Callable[[Any], _Value | None]) -> _Value | None:
    """Return the value of a column with JSON; None if there is none, or one of a newer version."""
    try:
        return read(json.loads(text)) if isinstance(text, str) else None
    except (KeyError, TypeError, ValueError):
        return None
