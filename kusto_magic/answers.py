"""What can be read from one answer of Azure Resource Manager: JSON, an error, a Retry-After, the next address.

Nothing here trusts an answer: every part may be missing, null, of another type, or not JSON at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

from kusto_magic.errors import ServiceFault
from kusto_magic.redaction import redact

SHORTEST_WAIT = 0.5
"""Seconds; no Retry-After makes us ask sooner."""

LONGEST_WAIT = 600.0
"""Seconds; no Retry-After makes us wait longer."""

_LONGEST_MESSAGE = 2000
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_DEEPEST_INNER_ERROR = 4


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. `headers` has lower-case names; `url` is what was asked; `received` is the wall clock then (UTC).

    `body` is empty where the answer was cut off for being too large or was encoded although we asked for plain.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    received: datetime

    def document(self) -> Any:
        """Return the body's JSON, or None where there is none that can be read."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def address(self, header: str) -> str | None:
        """Return the URL that `header` names, resolved against the URL asked, or None.

        It is kept as it came (ARM signs it; real ones hold a raw space). Whether a token may go there is
        decided at the door (`arm.Arm`), not here.
        """
        value = self.headers.get(header, "").strip()
        if not value:
            return None
        try:
            return urljoin(self.url, value)
        except ValueError:
            return None

    def fault(self) -> ServiceFault:
        """Return what the answer says of an error; empty parts where it says nothing."""
        document = self.document()
        error = document.get("error") if isinstance(document, dict) else None
        if error is None and isinstance(document, dict):
            properties = document.get("properties")
            error = properties.get("error") if isinstance(properties, dict) else None
        return _fault(error, self.headers)

    def retry_after(self) -> float | None:
        """Return the seconds to wait that the answer asks for, between 0.5 and 600, or None.

        Source: RFC 9110 §10.2.3 (seconds or an HTTP date), and the millisecond headers Azure's clients honour.
        What cannot be read, is negative, no number, or given twice, counts as absent.
        """
        for header in ("retry-after-ms", "x-ms-retry-after-ms"):
            if _SECONDS.fullmatch(self.headers.get(header, "")):
                return _bounded(float(self.headers[header]) / 1000)
        value = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(value):
            return _bounded(float(value))
        due, now = _date(value), _date(self.headers.get("date", "")) or self.received
        return None if due is None else _bounded((due - now).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else None


def _fault(error: object, headers: Mapping[str, str]) -> ServiceFault:
    error = error if isinstance(error, dict) else {}
    details = [_said(item) for item in _items(error.get("details"))]
    inner = error.get("innererror")
    for _ in range(_DEEPEST_INNER_ERROR):
        if not isinstance(inner, dict):
            break
        details.append(_said(inner))
        inner = inner.get("innererror")
    return ServiceFault(
        code=_text(error.get("code")),
        message=_text(error.get("message")),
        details=tuple(detail for detail in details if detail)[:10],
        request_id=_text(headers.get("x-ms-request-id")),
        activity_id=_text(headers.get("x-ms-operation-root-activity-id")),
    )


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _said(error: object) -> str:
    if not isinstance(error, dict):
        return ""
    return ": ".join(part for part in (_text(error.get("code")), _text(error.get("message"))) if part)


def _text(value: object) -> str:
    return redact(value[:_LONGEST_MESSAGE]) if isinstance(value, str) else ""
