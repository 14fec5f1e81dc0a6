"""A response of Azure Resource Manager: its JSON, error, Retry-After and URLs.

Responses are untrusted: every part may be missing, null, of another type, or not JSON at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from kusto_magic.display_text import DisplayText
from kusto_magic.errors import ServiceFault
from kusto_magic.redaction import redact

MIN_RETRY_AFTER = 0.5
"""Minimum seconds for which a Retry-After is honored."""

MAX_RETRY_AFTER = 600.0
"""Maximum seconds for which a Retry-After is honored."""

_MAX_MESSAGE_LENGTH = 2000
_MAX_PARSED_LENGTH = 64 * 1024
_MAX_DETAILS = 10
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_HTTP_DATE = re.compile(r"[A-Za-z]{3,9},? [0-9A-Za-z :-]{16,24}")  # exactly one date, in any of the three HTTP formats
_MAX_INNER_ERROR_DEPTH = 4
_SUBSCRIPTION = re.compile(
    r"(subscriptions/[0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ArmResponse:
    """A response. `headers` has lower-case names, `url` is the requested URL, `received_at` the wall-clock time (UTC).

    `is_truncated`: the body was discarded and is empty, since it is too large or compressed although the request
    asked for the identity encoding.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)  # may be signed by ARM, as may URLs in headers: kept out of reprs
    received_at: datetime
    is_truncated: bool = False

    def document(self) -> Any:
        """Return the JSON of the body, or None if it is empty or not valid JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def is_malformed(self) -> bool:
        """Whether the body is present but not valid JSON (HTML, truncated, too large)."""
        return self.is_truncated or (bool(self.body.strip()) and self.document() is None)

    def header_url(self, header: str) -> str | None:
        """Return the URL in `header`, resolved against the endpoint, or None.

        It is not normalized, since ARM signs it and real ones contain a raw space. Whether a token may be sent there
        is decided by `ArmTransport.require_same_origin`.
        """
        return self.resolve_url(self.headers.get(header, "").strip())

    def resolve_url(self, url: object) -> str | None:
        """Return a URL of the response, resolved against the endpoint; None if it is not a URL."""
        if not isinstance(url, str) or not url:
            return None
        try:
            requested = urlsplit(self.url)
            return urljoin(f"{requested.scheme}://{requested.netloc}/", url)
        except ValueError:
            return None

    def fault(self) -> ServiceFault:
        """Return the error that the response describes; parts that are missing are empty."""
        document = self.document()
        if not isinstance(document, dict):
            return _fault(None, self.headers)
        properties = document.get("properties")
        inner = properties.get("error") if isinstance(properties, dict) else None
        # The RPC requires `error`; some providers put it into the properties or omit the wrapper.
        candidates = (document.get("error"), inner, document)
        return _fault(
            next((error for error in candidates if error and isinstance(error, dict | str)), None), self.headers
        )

    def retry_after(self) -> float | None:
        """Return the seconds to wait that the response demands, between 0.5 and 600, or None.

        Source: RFC 9110 §10.2.3 (seconds or an HTTP date), and the millisecond headers that Azure's clients honor.
        A value that is malformed, negative (a past date) or given twice counts as absent.
        """
        for header in ("retry-after-ms", "x-ms-retry-after-ms"):
            if _SECONDS.fullmatch(self.headers.get(header, "")):
                return _clamp_retry_after(float(self.headers[header]) / 1000)
        value = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(value):
            return _clamp_retry_after(float(value))
        # A date is relative to the server's own clock where it sends one: the local clock may be wrong.
        due, now = _date(value), _date(self.headers.get("date", "")) or self.received_at
        return None if due is None or due < now else _clamp_retry_after((due - now).total_seconds())


def _clamp_retry_after(seconds: float) -> float:
    return min(max(seconds, MIN_RETRY_AFTER), MAX_RETRY_AFTER)


def _date(value: str) -> datetime | None:
    if not _HTTP_DATE.fullmatch(value):
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)  # RFC 9110: the format without a zone is in UTC


def _fault(error: object, headers: Mapping[str, str]) -> ServiceFault:
    error = error if isinstance(error, dict) else {"message": error}
    details = [_error_text(item) for item in _items(error.get("details"))]
    inner = error.get("innererror")
    for _ in range(_MAX_INNER_ERROR_DEPTH):
        if not isinstance(inner, dict):
            break
        details.append(_error_text(inner))
        inner = inner.get("innererror")
    return ServiceFault(
        code=display_text(error.get("code")),
        message=display_text(error.get("message")),
        details=tuple(detail for detail in details if detail)[:_MAX_DETAILS],
        request_id=display_text(headers.get("x-ms-request-id")),
        activity_id=display_text(headers.get("x-ms-operation-root-activity-id")),
    )


def _items(value: object) -> list[object]:
    return value[:_MAX_DETAILS] if isinstance(value, list) else []


def _error_text(error: object) -> str:
    if not isinstance(error, dict):
        return ""
    return ": ".join(part for part in (display_text(error.get("code")), display_text(error.get("message"))) if part)


def display_text(value: object) -> DisplayText:
    """Return a text of the service for display; "" if `value` is not a string.

    The result is redacted, has at most 2,000 characters, and contains only the first part of a subscription ID.
    """
    if not isinstance(value, str):
        return DisplayText("")
    # Redact first and cut afterwards: half a token would not be recognized as one.
    return DisplayText(_SUBSCRIPTION.sub(r"\1…", redact(value[:_MAX_PARSED_LENGTH]))[:_MAX_MESSAGE_LENGTH])
