"""The body of a request to the data plane: database, text of the query, and properties."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from kusto_magic.emulator.arm import read_object
from kusto_magic.emulator.data_errors import KustoError

DEFAULT_DATABASE = "NetDefaultDB"
"""The database of a request that names none, as clients call it."""

DEFAULT_TIMEOUT = 240.0
"""Time limit of a query in seconds, if the request has none (DOCUMENTED: 4 minutes)."""

_TIMESPAN = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{2}):(\d{2})(\.\d{1,7})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class KustoRequest:
    """What a request asks for; `timeout` is the time limit of the query in seconds."""

    database: str
    query: str
    timeout: float


async def read_request(request: Request) -> KustoRequest:
    """Return the body of a request. Raises ArmError or KustoError 400; the texts are the emulator's own choice."""
    body = await read_object(request)
    database, query = body.get("db") or DEFAULT_DATABASE, body.get("csl")
    if not isinstance(database, str) or not isinstance(query, str) or not query.strip():
        raise KustoError(400, "The properties 'db' and 'csl' must be strings, and 'csl' must not be empty.")
    return KustoRequest(database, query, _timeout(_options(body.get("properties"))))


def _options(properties: Any) -> Mapping[str, Any]:
    """Return the options in the properties, which are an object or its JSON text."""
    try:
        found = json.loads(properties) if isinstance(properties, str) else properties
    except (ValueError, RecursionError):
        found = ""
    options = (found.get("Options") or {}) if isinstance(found, dict) else found or {}
    if not isinstance(options, dict) or found == "":
        raise KustoError(400, "The property 'properties' must be the JSON text of an object with 'Options'.")
    return options


def _timeout(options: Mapping[str, Any]) -> float:
    matched = _TIMESPAN.fullmatch(str(options.get("servertimeout", "")))
    if matched is None:  # none, or in a form that is not read here
        return DEFAULT_TIMEOUT
    days, hours, minutes, seconds, fraction = (float(part or 0) for part in matched.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds + fraction
