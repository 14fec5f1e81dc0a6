"""How a build looks in a saved notebook: one bundle of versioned JSON, plain html and one line of text.

The record must read well without a kernel, on a page that strips styles and scripts: words and glyphs carry the
meaning, times are absolute, and everything that came from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from kusto_magic import plan
from kusto_magic.errors import DoesNotFit, KustoImageError, ServiceError, detail_of, reason_from_message, reason_of
from kusto_magic.operations import NOT_BEGUN, UNCHANGED, Action, Operation, Phase
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    from kusto_magic.build import Build
    from kusto_magic.forecasts import Forecast
    from kusto_magic.records import BuildRecord

MIME = "application/vnd.kusto-image.build+json"
VERSION = 1
"""Raised when a reader of the JSON would have to be changed."""

GLYPHS = {
    "Succeeded": "✔",
    "Deleted": "✔",
    "Failed": "✖",
    "Refused": "✖",
    "Not sent": "✖",
    "Canceled": "⊘",
    "Unknown": "?",
}
WORKING = "⏳"

Bundle = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown and kept of one build. Times are UTC, `seconds` the time from start to `as_of` or the end.

    `fleet` is the id that the builds of a fleet have in common, "" for one alone. `reason` is the failure without ids,
    the same text for every failure of the same kind; `detail` is the first sentence of the service or the preflight.
    """

    id: str
    image: str
    cluster: str
    emulator: bool
    action: str
    state: str
    ended: bool
    foundation: str
    requirements: str
    started_at: datetime
    as_of: datetime
    heard_at: datetime | None
    seconds: float
    usual: str
    error: tuple[str, ...]
    next_step: str
    note: str
    forecast: Forecast | None = None
    usual_high: float = 0.0
    start_known: bool = True
    fleet: str = ""
    reason: str = ""
    detail: str = ""


def card(build: Build, now: datetime) -> Card:
    """Return the card of a build as it stands at `now` (UTC)."""
    error, operation = build.error, build.operation
    as_of = build.ended_at or now
    return Card(
        id=build.id,
        image=build.name,
        cluster=build.target.cluster,
        emulator=build.target.is_local,
        action=build.action.value,
        state=_state(build),
        ended=build.ended,
        foundation=_foundation(build),
        requirements=_requirements_of(build),
        started_at=build.started_at,
        as_of=as_of,
        heard_at=build.heard_at,
        seconds=max(0.0, (as_of - build.started_at).total_seconds()),
        usual="" if build.ended or build.usual is None else usually(build.usual),
        error=_error_lines(error),
        next_step=error.next_step if isinstance(error, KustoImageError) else "",
        note=_note(operation),
        forecast=build.forecast,
        start_known=build.start_known and operation.note != UNCHANGED,
        usual_high=0.0 if build.ended or build.usual is None else build.usual.high,
        fleet=build.fleet,
        reason=reason_of(error),
        detail=detail_of(error),
    )


def card_of(record: BuildRecord, *, is_coming: bool = False) -> Card:
    """Return the card of a build that nobody here follows: as it ended, as it begins, or Unknown."""
    is_lost = record.ended_at is None and not is_coming
    as_of = record.ended_at or record.heard_at or record.started_at
    state = "Deleted" if record.action == Action.DELETE and record.state == Phase.SUCCEEDED else record.state
    return Card(
        id=record.id,
        image=record.image,
        cluster=record.target.cluster,
        emulator=record.target.is_local,
        action=record.action,
        state="Unknown" if is_lost else state,
        ended=not is_coming,
        foundation=record.base_image or (f"Python {record.python_version}" if record.python_version else ""),
        requirements=record.requirements,
        started_at=record.started_at,
        as_of=as_of,
        heard_at=record.heard_at,
        seconds=max(0.0, (as_of - record.started_at).total_seconds()),
        usual="",
        error=(record.message,) if record.message else (),
        next_step=f"%kusto_image attach {record.image}" if is_lost else "",
        note="no end was heard of" if is_lost else "",
        fleet=record.fleet,
        reason=reason_from_message(record.message),
    )


def bundle(it: Card) -> Bundle:
    """Return the MIME bundle to display for a card."""
    return {MIME: _json(it), "text/html": _html(it), "text/plain": text(it)}


def text(it: Card) -> str:
    """Return a card as text: one line, and the error's lines when there is one."""
    where = f"{'emulator ' if it.emulator else ''}cluster {it.cluster}"
    parts = [f"{GLYPHS.get(it.state, WORKING)} {it.state}: image {it.image} on {where}", _times(it)]
    line = " · ".join(part for part in (*parts, it.usual, it.note) if part)
    following = [*it.error, *([f"Next: {it.next_step}"] if it.next_step else [])]
    if it.forecast is not None:
        following = [*plan.remarks(it.forecast), *following]
    return "\n".join([line, *(f"  {more}" for more in following)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> Bundle:
    """Return a table of texts as html and aligned text; `empty` stands where there are no rows."""
    rows = [list(row) for row in rows]
    if not rows:
        return message(empty)
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    html = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    return {"text/html": html, "text/plain": "\n".join(line.rstrip() for line in lines)}


def message(words: str) -> Bundle:
    """Return one sentence as a bundle."""
    return {"text/html": f"<p>{escape(words)}</p>", "text/plain": words}


def code(text: str, words: str = "") -> Bundle:
    """Return a text to be copied, with a sentence above it; without one the plain form is the text itself."""
    head = f"<p>{escape(words)}</p>" if words else ""
    return {"text/html": head + _pre(text), "text/plain": f"{words}\n{text}" if words else text}


def _pre(text: str) -> str:
    """Return a text as it is written. An empty line would end the html in a page that is made of Markdown."""
    return f"<pre><code>{escape(text)}</code></pre>".replace("\n\n", "\n&#10;")


def duration(seconds: float) -> str:
    """Return a span of time in words: "48 s", "5 min 2 s", "1 h 3 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def usually(usual: Any) -> str:
    """Return the experience with earlier builds in words; it is an estimate and says so."""
    low, high = duration(usual.low), duration(usual.high)
    span = low if low == high else f"{low} to {high}"
    if not usual.count:
        return f"estimate: {span} ({usual.of})"
    builds = "1 earlier build" if usual.count == 1 else f"{usual.count} earlier builds"
    return f"estimate: usually {span} ({builds} on {usual.of})"


def _state(build: Build) -> str:
    error, phase = build.error, build.operation.phase
    if error is None or build.operation.done:
        return "Deleted" if build.action is Action.DELETE and phase is Phase.SUCCEEDED else phase.value
    if isinstance(error, KustoImageError) and error.operation is not None:
        return "Unknown"  # it may well go on
    return "Refused" if isinstance(error, ServiceError) else "Not sent" if phase in NOT_BEGUN else "Unknown"


def _requirements_of(build: Build) -> str:
    """Return the requirements to show: our own as they are, somebody else's without what is secret in them."""
    if build.spec is not None:
        return build.spec.requirements
    return redact(build.operation.image.requirements) if build.operation.image else ""


def _note(operation: Operation) -> str:
    """Return what the reader should know besides: also, while it runs, that the service is not answering."""
    silent = (
        f"no answer at the last {operation.troubles} tries ({operation.trouble}); asking on"
        if operation.troubles
        else ""
    )
    return "; ".join(part for part in (operation.note, silent) if part)


def _foundation(build: Build) -> str:
    if build.spec is not None:
        return build.spec.foundation
    return build.operation.image.foundation if build.operation.image else ""


def _error_lines(error: BaseException | None) -> tuple[str, ...]:
    if error is None:
        return ()
    if isinstance(error, DoesNotFit):
        return (error.what,)  # the rest is in the forecast, which is shown as well
    if isinstance(error, KustoImageError):
        return (error.what, *(line.strip() for line in error.details()))
    return (f"{type(error).__name__} in kusto_magic itself; please report it",)


def _times(it: Card) -> str:
    if it.ended and not it.start_known:
        return f"seen {it.as_of:%Y-%m-%d %H:%M:%S} UTC"
    if it.ended:
        return f"{duration(it.seconds)}, ended {it.as_of:%Y-%m-%d %H:%M:%S} UTC"
    heard = f", last heard of {it.heard_at:%H:%M:%S} UTC" if it.heard_at else ""
    return f"{duration(it.seconds)} at {it.as_of:%Y-%m-%d %H:%M:%S} UTC{heard}"


def _json(it: Card) -> dict[str, Any]:
    """Return the versioned record: names and times, no id of a subscription, no address, no secret."""
    document: dict[str, Any] = {
        "version": VERSION,
        "id": it.id,
        "image": it.image,
        "cluster": it.cluster,
        "emulator": it.emulator,
        "action": it.action,
        "state": it.state,
        "ended": it.ended,
        "base": it.foundation,
        "requirements": it.requirements,
        "startedAt": it.started_at.isoformat(timespec="seconds"),
        "asOf": it.as_of.isoformat(timespec="seconds"),
        "heardAt": it.heard_at.isoformat(timespec="seconds") if it.heard_at else None,
        "seconds": round(it.seconds, 1),
    }
    extras: dict[str, Any] = {"usual": it.usual, "error": list(it.error), "next": it.next_step, "note": it.note}
    extras["usualHigh"] = it.usual_high  # for a bar that follows the estimate
    extras |= {"fleet": it.fleet, "reason": it.reason, "detail": it.detail}
    if it.forecast is not None:
        extras["plan"] = plan.json(it.forecast)
    return document | {key: value for key, value in extras.items() if value}


def _html(it: Card) -> str:
    where = f"{'emulator ' if it.emulator else ''}cluster"
    title = (
        f"<p><strong>{GLYPHS.get(it.state, WORKING)} {escape(it.state)}</strong>: image "
        f"<code>{escape(it.image)}</code> on {where} <code>{escape(it.cluster)}</code></p>"
    )
    rows = [
        ("Base", it.foundation),
        ("So far" if not it.ended else "Took" if it.start_known else "When", _times(it)),
        ("Usually", it.usual),
        ("Note", it.note),
        ("Error", "\n".join(it.error)),
        ("Next", it.next_step),
    ]
    cells = "".join(
        f"<tr><th>{label}</th><td>{escape(value).replace(chr(10), '<br>')}</td></tr>" for label, value in rows if value
    )
    checked = plan.html(it.forecast) if it.forecast is not None else ""
    return f"<div>{title}<table>{cells}</table>{checked}{requirements_html(it.requirements)}</div>"


def requirements_html(requirements: str) -> str:
    """Return requirements as html that is folded away, "" where there are none."""
    if not requirements:
        return ""
    return f"<details><summary>requirements</summary>{_pre(requirements)}</details>"
