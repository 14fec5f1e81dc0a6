"""A response of Azure Resource Manager: its JSON, error, Retry-After and URLs.

Responses are untrusted: every part may be missing, null, of another type, or not JSON at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from kusto_magic.arm.urls import require_same_origin
from kusto_magic.display_text import DisplayText
from kusto_magic.redaction import redact
from kusto_magic.service_fault import ServiceFault

MIN_RETRY_AFTER = 0.5
"""Minimum seconds for which a Retry-After is honored."""

MAX_RETRY_AFTER = 600.0
"""Maximum seconds for which a Retry-After is honored."""

_REQUEST_IDS = ("x-ms-request-id", "x-ms-correlation-request-id")
_MAX_MESSAGE_LENGTH = 2000
_MAX_PARSED_LENGTH = 64 * 1024
_MAX_DETAILS = 10
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")  # bounded: float() of a very long number is infinite
_HTTP_DATE = re.compile(r"[A-Za-z]{3,9},? [0-9A-Za-z :-]{16,24}")  # exactly one date, in any of the three HTTP formats
_MAX_DEPTH = 4
_MAX_NESTED = 50
_INFO_NAMES = (
    ("policy", ("policyDefinitionDisplayName", "policyDefinitionName", "policyDefinitionId")),
    ("policy set", ("policySetDefinitionDisplayName", "policySetDefinitionName", "policySetDefinitionId")),
    ("policy assignment", ("policyAssignmentDisplayName", "policyAssignmentName", "policyAssignmentId")),
    ("lock", ("lockName", "lockId")),
)
"""Names of additional information that are shown, each with the keys that contain it, the most readable first."""
_SUBSCRIPTION = re.compile(
    r"(subscriptions/[0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)


@dataclass(frozen=True)
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
        """Return the JSON of the body, or None if it is empty or not valid JSON; the body is parsed once."""
        return self._document

    @cached_property
    def _document(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # deeply nested JSON raises RecursionError
            return None

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which this machine's clock is ahead of the server's, None if the response has no valid date."""
        sent_at = _date(self.headers.get("date", ""))
        return None if sent_at is None else (self.received_at - sent_at).total_seconds()

    @property
    def is_malformed(self) -> bool:
        """Whether the body is present but not valid JSON (HTML, truncated, too large)."""
        return self.is_truncated or (bool(self.body.strip()) and self.document() is None)

    @property
    def may_be_from_gateway(self) -> bool:
        """Whether the response may be that of a gateway or proxy: it has no request ID of the service."""
        return not any(self.headers.get(name) for name in _REQUEST_IDS)

    @property
    def is_page(self) -> bool:
        """Whether the body is present but not a JSON object, such as an HTML page; checked by its ends, not parsed."""
        body = self.body.strip(b" \t\r\n\xef\xbb\xbf")
        return bool(body) and not (body.startswith(b"{") and body.endswith(b"}"))

    def header_url(self, header: str) -> str | None:
        """Return the URL in `header`, resolved against the endpoint, or None.

        It is not normalized, since ARM signs it and real ones contain a raw space. Raises UntrustedAddressError if it
        is outside the endpoint: the next request would send a token there.
        """
        url = self.resolve_url(self.headers.get(header, "").strip())
        return None if url is None else require_same_origin(url, self.url)

    def resolve_url(self, url: object) -> str | None:
        """Return a URL of the response, resolved against the endpoint; None if it is not a URL."""
        if not isinstance(url, str) or not url:
            return None
        try:
            requested = urlsplit(self.url)
            return urljoin(f"{requested.scheme}://{requested.netloc}/", url)
        except ValueError:  # such as an unclosed bracket
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
    nested = list(islice(_nested_errors(error, _MAX_DEPTH), _MAX_NESTED))
    own = _error_text(error)
    details = dict.fromkeys(text for item in nested if (text := _error_text(item)) not in ("", own))
    info = dict.fromkeys(pair for item in (error, *nested) for pair in _additional_info(item))
    return ServiceFault(
        code=display_text(error.get("code")),
        message=display_text(error.get("message")),
        details=tuple(details)[:_MAX_DETAILS],
        request_id=display_text(headers.get("x-ms-request-id")),
        activity_id=display_text(headers.get("x-ms-operation-root-activity-id")),
        target=display_text(error.get("target")),
        additional_info=tuple(info)[:_MAX_DETAILS],
    )


def _items(value: object) -> list[object]:
    return value[:_MAX_DETAILS] if isinstance(value, list) else []


def _nested_errors(error: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """Yield the errors within `details` and `innererror`, at most `depth` levels down."""
    inner = (*_items(error.get("details")), error.get("innererror")) if depth else ()
    for item in inner:
        if isinstance(item, dict):
            yield item
            yield from _nested_errors(item, depth - 1)


def _error_text(error: dict[str, Any]) -> str:
    code, message, target = (display_text(error.get(name)) for name in ("code", "message", "target"))
    return ServiceFault(code, message, target=target).summary


def _additional_info(error: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what `additionalInfo` names, as pairs of a label and a name; source: ARM's ErrorAdditionalInfo."""
    for item in _items(error.get("additionalInfo")):
        info = item.get("info") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(info, dict):
            continue
        named = [(label, name) for label, keys in _INFO_NAMES if (name := _first_name(info, keys))]
        named += [("lock", name) for lock in _items(info.get("locks")) if (name := _lock_name(lock))]
        yield from named or _other_info(item.get("type"), info)


def _first_name(info: dict[str, Any], keys: Sequence[str]) -> str:
    # Of an ARM ID, only the last segment is the name.
    return next((text.rpartition("/")[2] for key in keys if (text := display_text(info.get(key)))), "")


def _lock_name(lock: object) -> str:
    return _first_name(lock if isinstance(lock, dict) else {"name": lock}, ("name", "lockName", "id"))


def _other_info(kind: object, info: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the plain values of an unknown type, without ids: they may be those of the tenant or the caller."""
    plain = [
        f"{display_text(name)} {display_text(str(value))}"
        for name, value in islice(info.items(), _MAX_DETAILS)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and not name.lower().endswith("id")
    ]
    return [(display_text(kind) or "additional information", ", ".join(plain))] if plain else []


def display_text(value: object) -> DisplayText:
    """Return a text of the service for display; "" if `value` is not a string.

    The result is redacted, has at most 2,000 characters, and contains only the first part of a subscription ID.
    """
    if not isinstance(value, str):
        return DisplayText("")
    # Redact first and cut afterwards: half a token would not be recognized as one.
    return DisplayText(_SUBSCRIPTION.sub(r"\1…", redact(value[:_MAX_PARSED_LENGTH]))[:_MAX_MESSAGE_LENGTH])
