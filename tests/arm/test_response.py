"""ArmResponse: Retry-After, bodies, URLs and errors of untrusted responses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.arm.response import MAX_RETRY_AFTER, MIN_RETRY_AFTER, ArmResponse, display_text
from kusto_magic.errors import UntrustedAddressError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.service_fault import ServiceFault

NOW = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)
ENDPOINT = "https://management.azure.com"
URL = f"{ENDPOINT}/subscriptions/s/x?api-version=1"


def make_response(body: bytes | object = b"", **headers: str) -> ArmResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lower_case = {name.replace("_", "-"): value for name, value in headers.items()}
    return ArmResponse(200, lower_case, raw, URL, NOW)


# ── rule 10: Retry-After ────────────────────────────────────────────────────────────────────────────────────────────

RETRY_AFTER: dict[str, tuple[dict[str, str], float | None]] = {
    "absent": ({}, None),
    "seconds": ({"retry_after": "15"}, 15.0),
    "spaces": ({"retry_after": "  15 "}, 15.0),
    "a fraction": ({"retry_after": "2.5"}, 2.5),
    "zero": ({"retry_after": "0"}, MIN_RETRY_AFTER),
    "a day": ({"retry_after": "86400"}, MAX_RETRY_AFTER),
    "milliseconds": ({"retry_after_ms": "1500"}, 1.5),
    "Azure's milliseconds": ({"x_ms_retry_after_ms": "1500"}, 1.5),
    "milliseconds before seconds": ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
    "unreadable milliseconds": ({"retry_after_ms": "soon", "retry_after": "9"}, 9.0),
    "few milliseconds": ({"x_ms_retry_after_ms": "1"}, MIN_RETRY_AFTER),
    "a date": ({"retry_after": "Mon, 23 Nov 2026 09:00:30 GMT"}, 30.0),
    "a date relative to the server's clock": (
        {"retry_after": "Mon, 23 Nov 2026 19:00:30 GMT", "date": "Mon, 23 Nov 2026 19:00:00 GMT"},
        30.0,
    ),
    "a date in the RFC 850 format": ({"retry_after": "Monday, 23-Nov-26 09:00:30 GMT"}, 30.0),
    "a date in the asctime format": ({"retry_after": "Mon Nov 23 09:00:30 2026"}, 30.0),
    "a date far in the future": ({"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT"}, MAX_RETRY_AFTER),
    "a past date": ({"retry_after": "Mon, 23 Nov 2026 08:00:00 GMT"}, None),
    "an invalid date": ({"retry_after": "Mon, 32 Nov 2026 09:00:30 GMT"}, None),
    "negative": ({"retry_after": "-5"}, None),
    "response": ({"retry_after": "+5"}, None),
    "nan": ({"retry_after": "nan"}, None),
    "inf": ({"retry_after": "inf"}, None),
    "exponent": ({"retry_after": "1e3"}, None),
    "hex": ({"retry_after": "0x10"}, None),
    "text": ({"retry_after": "soon"}, None),
    "empty": ({"retry_after": ""}, None),
    "twice": ({"retry_after": "5, 5"}, None),
    "two dates": ({"retry_after": "Mon, 23 Nov 2026 09:00:30 GMT, Mon, 23 Nov 2026 09:00:30 GMT"}, None),
    "non-ASCII digits": ({"retry_after": "१५"}, None),
    "endless digits": ({"retry_after": "9" * 400}, None),
}


@pytest.mark.parametrize(("headers", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER.keys())
def test_retry_after_is_parsed_or_ignored(headers: dict[str, str], seconds: float | None) -> None:
    assert make_response(**headers).retry_after() == seconds


def header_values() -> st.SearchStrategy[str]:
    dates = st.datetimes().map(lambda date: format_datetime(date.replace(tzinfo=UTC), usegmt=True))
    numbers = st.one_of(st.integers(), st.floats()).map(str)
    return st.one_of(numbers, dates, st.text(max_size=40), st.text("0123456789 ,:+-JanMonGMT", max_size=40))


@given(value=header_values(), date=header_values(), milliseconds=header_values())
def test_retry_after_is_always_within_its_bounds(value: str, date: str, milliseconds: str) -> None:
    delay = make_response(retry_after=value, date=date, retry_after_ms=milliseconds).retry_after()
    assert delay is None or MIN_RETRY_AFTER <= delay <= MAX_RETRY_AFTER


@given(seconds=st.integers(1, 600))
def test_retry_after_date_is_relative_to_the_server_clock(seconds: int) -> None:
    server_time = NOW + timedelta(days=400)
    due = format_datetime(server_time + timedelta(seconds=seconds), usegmt=True)
    assert make_response(retry_after=due, date=format_datetime(server_time, usegmt=True)).retry_after() == seconds


# ── bodies ──────────────────────────────────────────────────────────────────────────────────────────────────────────

UNREADABLE = {
    "HTML": b"<html></html>",
    "truncated": b'{"status": "Succ',
    "not UTF-8": b"\xff\xfe\xfa{}",
    "deep": b"[" * 200_000,
    "a long number": b"9" * 10_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_invalid_json_is_malformed_and_has_no_document(body: bytes) -> None:
    assert make_response(body).document() is None
    assert make_response(body).is_malformed


def test_body_is_parsed_once() -> None:
    response = make_response({"status": "Running"})
    assert response.document() is response.document()


@pytest.mark.parametrize("body", [b"", b"  \r\n"])
def test_empty_body_is_not_malformed(body: bytes) -> None:
    assert make_response(body).document() is None
    assert not make_response(body).is_malformed


def test_truncated_body_is_malformed() -> None:
    assert ArmResponse(200, {}, b"", URL, NOW, is_truncated=True).is_malformed


def test_json_with_a_byte_order_mark_is_parsed() -> None:
    assert make_response(b'\xef\xbb\xbf{"status": "Running"}').document() == {"status": "Running"}


# ── URLs: rules 6 and 15 ────────────────────────────────────────────────────────────────────────────────────────────

URLS = {
    "absolute": (f"{ENDPOINT}/a?b=c", f"{ENDPOINT}/a?b=c"),
    "with the default port": (f"{ENDPOINT}:443/a", f"{ENDPOINT}:443/a"),
    "raw space": (f"{ENDPOINT}/locations/East US/x", f"{ENDPOINT}/locations/East US/x"),
    "escaped space": (f"{ENDPOINT}/locations/East%20US/x", f"{ENDPOINT}/locations/East%20US/x"),
    "signature": (f"{ENDPOINT}/x?t=1&s=a-_~%2B+/=='&h=%7e", f"{ENDPOINT}/x?t=1&s=a-_~%2B+/=='&h=%7e"),
    "relative": ("/subscriptions/s/op?x=1", "https://management.azure.com/subscriptions/s/op?x=1"),
    "relative without slash": ("subscriptions/s/op", "https://management.azure.com/subscriptions/s/op"),
    "surrounding spaces": (f"  {ENDPOINT}/a ", f"{ENDPOINT}/a"),
    "empty": ("", None),
    "not a URL": ("https://[::1/a", None),
}


@pytest.mark.parametrize(("value", "url"), URLS.values(), ids=URLS.keys())
def test_header_url_is_resolved_against_the_endpoint(value: str, url: str | None) -> None:
    assert make_response(location=value).header_url("location") == url


@pytest.mark.parametrize(
    "value",
    [
        "https://elsewhere.example/a",
        "//elsewhere.example/a",
        "http://management.azure.com/a",
        "https://management.azure.com:8443/a",
        "https://user@management.azure.com/a",
        "https://management.azure.com.elsewhere.example/a",
        "https://management.azure.com:port/a",
        "javascript:alert(1)",
    ],
)
def test_header_url_outside_the_endpoint_is_refused(value: str) -> None:
    with pytest.raises(UntrustedAddressError) as refused:
        make_response(location=value).header_url("location")
    assert refused.value.hint == Hint(HintKind.REPORT_ENDPOINT)


def test_missing_header_url_is_none() -> None:
    assert make_response().header_url("location") is None


# ── errors: rule 16 ─────────────────────────────────────────────────────────────────────────────────────────────────

FAULTS: dict[str, tuple[object, ServiceFault]] = {
    "whole": (
        {"error": {"code": "C", "message": "M", "details": [{"code": "D", "message": "N"}], "innererror": {}}},
        ServiceFault("C", "M", ("D: N",)),
    ),
    "inner errors": (
        {"error": {"code": "C", "innererror": {"code": "I", "innererror": {"message": "deeper"}}}},
        ServiceFault("C", "", ("I", "deeper")),
    ),
    "in the properties": ({"properties": {"error": {"code": "C", "message": "M"}}}, ServiceFault("C", "M")),
    "null, but in the properties": ({"error": None, "properties": {"error": {"code": "C"}}}, ServiceFault("C")),
    "without wrapper": ({"code": "C", "message": "M"}, ServiceFault("C", "M")),
    "a string": ({"error": "it broke"}, ServiceFault("", "it broke")),
    "null members": ({"error": {"code": None, "message": None, "details": None}}, ServiceFault()),
    "other types": ({"error": {"code": 7, "message": ["M"], "details": "x", "innererror": 3}}, ServiceFault()),
    "other types of details": ({"error": {"code": "C", "details": [1, None, [], {"code": 5}]}}, ServiceFault("C")),
    "a list": ([{"error": {"code": "C"}}], ServiceFault()),
    "a number": ({"error": 5}, ServiceFault()),
    "nothing": ({}, ServiceFault()),
}


@pytest.mark.parametrize(("document", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_read_from_any_error_shape(document: object, fault: ServiceFault) -> None:
    assert make_response(document).fault() == fault


def test_fault_has_the_request_ids_and_no_operation_identifier() -> None:
    fault = make_response(
        {"error": {"code": "C"}},
        x_ms_request_id="r-1",
        x_ms_operation_root_activity_id="a-1",
        x_ms_operation_identifier="tenantId=t,objectId=o",
    ).fault()
    assert (fault.request_id, fault.activity_id) == ("r-1", "a-1")
    assert "tenantId" not in repr(fault)
    assert fault.lines() == ["C", "request id r-1 · operation id a-1"]


MEMBERS = (
    "error",
    "code",
    "message",
    "target",
    "details",
    "innererror",
    "properties",
    "additionalInfo",
    "info",
    "type",
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*MEMBERS, "x"]), inner, max_size=4),
    max_leaves=12,
)


@given(document=JSON)
def test_fault_never_raises_for_any_json(document: object) -> None:
    fault = make_response(document).fault()
    assert all(isinstance(line, str) for line in fault.lines())


@given(body=st.binary(max_size=60))
def test_fault_never_raises_for_any_bytes(body: bytes) -> None:
    response = make_response(body)
    assert isinstance(response.fault(), ServiceFault)
    assert response.document() is None or not response.is_malformed


POLICY = {
    "policyDefinitionDisplayName": "Allowed locations",
    "policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/e56962a6",
    "policyAssignmentName": "prod-locations",
    "evaluationDetails": {"evaluatedExpressions": []},
}


def test_fault_has_targets_and_nested_details() -> None:
    inner = {"code": "Inner", "message": "deeper", "target": "requirements"}
    middle = {"code": "Middle", "message": "wrong", "details": [inner]}
    error = {"code": "Outer", "message": "all wrong", "target": "properties", "details": [middle]}
    fault = make_response({"error": error}).fault()
    assert (fault.code, fault.message, fault.target) == ("Outer", "all wrong", "properties")
    assert fault.details == ("Middle: wrong", "Inner: deeper (target: requirements)")
    assert fault.summary_lines() == [fault.summary, *fault.details]


def test_fault_names_policy_assignment_and_lock() -> None:
    lock = {"type": "Lock", "info": {"locks": [{"id": "/x/Microsoft.Authorization/locks/no-changes"}, "by-name", 5]}}
    detail = {"code": "D", "additionalInfo": [{"type": "PolicyViolation", "info": POLICY}]}
    fault = make_response({"error": {"code": "C", "details": [detail], "additionalInfo": [lock]}}).fault()
    assert (fault.code, fault.details) == ("C", ("D",))
    assert fault.additional_info == (
        ("lock", "no-changes"),
        ("lock", "by-name"),
        ("policy", "Allowed locations"),
        ("policy assignment", "prod-locations"),
    )


def test_fault_shows_other_additional_info_without_ids() -> None:
    info = {"region": "East US", "limit": 5, "tenantId": "72f988bf", "nested": {"x": 1}, "on": True}
    fault = make_response({"error": {"code": "C", "additionalInfo": [{"type": "Quota", "info": info}, 3, {}]}}).fault()
    assert fault.summary_lines() == ["C", "Quota 'region East US, limit 5'"]


def test_additional_info_is_redacted_and_limited() -> None:
    names = [f"p{number} token=s3cr3t \x1b" for number in range(999)]
    info = [{"type": "PolicyViolation", "info": {"policyDefinitionName": name}} for name in names]
    lines = make_response({"error": {"code": "C", "additionalInfo": info}}).fault().summary_lines()
    assert len(lines) == 11
    assert not any("s3cr3t" in line or "\x1b" in line for line in lines)


def test_repeated_details_are_shown_once() -> None:
    error = {"code": "C", "message": "M"}
    assert make_response({"error": {**error, "details": [error, error]}}).fault().summary_lines() == ["C: M"]


def test_wide_and_deep_details_are_limited() -> None:
    wide: dict[str, Any] = {}
    for level in range(4):
        wide = {"code": f"level {level}", "details": [wide] * 11}
    deep: dict[str, Any] = {"code": "leaf"}
    for level in range(200):
        deep = {"code": f"level {level}", "details": [deep]}
    assert len(make_response({"error": {"details": [deep]}}).fault().details) == 4
    assert len(make_response({"error": {"details": [wide, *[deep] * 9]}}).fault().details) <= 10


@pytest.mark.slow
def test_details_are_limited() -> None:
    details = [{"code": f"D{number}"} for number in range(100_000)]
    assert len(make_response({"error": {"details": details}}).fault().details) == 10


def test_secret_at_the_length_limit_is_redacted() -> None:
    """Half a token would not be recognized, so a text is redacted before it is cut."""
    token = "Bearer " + "t" * 200
    shown = display_text("x" * 1990 + " " + token)
    assert len(shown) <= 2000
    assert "ttt" not in shown


@pytest.mark.parametrize("value", [None, 5, [], {}, True])
def test_display_text_of_a_non_string_is_empty(value: object) -> None:
    assert display_text(value) == ""


def test_response_repr_contains_no_signature_and_no_body() -> None:
    response = ArmResponse(200, {"location": f"{URL}&s=SIG"}, b"secret", f"{URL}&s=SIG", NOW)
    assert "SIG" not in repr(response)
    assert "secret" not in repr(response)


def test_display_text_shortens_subscription_ids() -> None:
    text = display_text(
        "The resource '/subscriptions/01234567-89AB-cdef-0123-456789abcdef/resourceGroups/g' is not found."
    )
    assert text == "The resource '/subscriptions/01234567…/resourceGroups/g' is not found."
