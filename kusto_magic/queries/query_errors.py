"""Errors of queries, in terms of this package.

Sources: azure-kusto-data, `exceptions`; documentation of Kusto's errors ("OneApiErrors") and of the python plugin. What
the service says when the plugin is off was not observed: it is recognized by the plugin's name.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from kusto_magic.arm.connection_errors import remedy
from kusto_magic.arm.log_filter import shorten_guids
from kusto_magic.errors import (
    ForbiddenError,
    KustoImageError,
    QueryError,
    SignInError,
    ThrottledError,
    UnreachableError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.queries.query import Query
from kusto_magic.redaction import redact
from kusto_magic.service_fault import ServiceFault

MAX_MESSAGE_LENGTH = 600
"""Maximum number of characters of the cluster's own message that are shown."""

SANDBOX_BUSY = "E_SB_QUERY_THROTTLED_ERROR"
"""Code of the documentation for a sandbox that has no free instance."""

_PRINCIPAL = re.compile(r"[Pp]rincipal '[^']{0,200}'")
_EMAIL = re.compile(r"[\w.+#-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}")
"""What names the account: outputs are saved and shared."""

_TIMEOUTS = ("E_QUERY_TIMEOUT", "timed out", "timeout", "E_RUNAWAY_QUERY")
_NO_DATABASE = ("could not be found", "was not found", "does not exist")


def from_library(error: Exception, query: Query) -> KustoImageError:
    """Return an exception of azure-kusto-data, or of what it uses, as an error of this package."""
    status = getattr(_response(error), "status_code", 0)
    text = _text(error)
    fault = ServiceFault(code=_code(error), message=text)
    if status == 401:
        return SignInError("the cluster refused the token for its queries", hint=Hint(HintKind.SIGN_IN, "device"))
    if status == 403 or "403-Forbidden" in text:
        what = f"the account may not query database {query.database!r}"
        return ForbiddenError(what, status=403, fault=fault, hint=_role(query.database))
    if status == 429 or SANDBOX_BUSY in text or type(error).__name__ == "KustoThrottlingError":
        what = "the cluster runs too many queries with python() now"
        return ThrottledError(what, status=429, fault=fault, hint=Hint(HintKind.WAIT_A_MINUTE))
    if status or type(error).__name__ == "KustoMultiApiError":  # the second: in a response with status 200
        return QueryError("the query failed", fault=fault, hint=_hint(text, query))
    return _unreachable(error, query)


def no_database() -> QueryError:
    """Return the error for a cluster without a database that the account may query."""
    return QueryError("the account may query no database of this cluster", fault=ServiceFault(), hint=_role(""))


def _role(database: str) -> Hint:
    return Hint(HintKind.ASK_FOR_DATABASE_ROLE, database)


def _hint(text: str, query: Query) -> Hint:
    lowered = text.lower()
    if "database" in lowered and any(words in lowered for words in _NO_DATABASE):
        return Hint(HintKind.CHOOSE_DATABASE, query.database)
    if any(words.lower() in lowered for words in _TIMEOUTS):
        return Hint(HintKind.RETRY)
    if "python" in lowered and any(word in lowered for word in ("plugin", "disabled", "not enabled")):
        return Hint(HintKind.ENABLE_IMAGE)
    return Hint(HintKind.SEE_MESSAGE)


def _unreachable(error: Exception, query: Query) -> UnreachableError:
    if type(error).__name__ != "KustoNetworkError":
        return unreadable()
    host, cause = urlsplit(query.uri).netloc, error.__cause__ or error
    if "Timeout" in type(cause).__name__:
        return UnreachableError(f"{host} did not respond in time", hint=Hint(HintKind.RETRY))
    # The last part says why, after the texts of three libraries.
    why = _text(cause).rpartition(": ")[2].strip("\"')")
    return UnreachableError(f"{host} cannot be reached ({why})", hint=remedy(error)[0])


def unreadable() -> UnreachableError:
    """Return the error for an answer that is not that of a query."""
    return UnreachableError("the answer of the query cannot be read", hint=Hint(HintKind.RETRY))


def _code(error: Exception) -> str:
    described: Any = getattr(error, "error", None)
    return redact(str(getattr(described, "code", "") or ""))[:100]


def _text(error: BaseException) -> str:
    """Return the cluster's own message, or that of the library, without what identifies the account."""
    text = _described(error) or str(error.args[0] if error.args else "") or type(error).__name__
    text = _EMAIL.sub("…", _PRINCIPAL.sub("the account", redact(text)))
    return shorten_guids(text)[:MAX_MESSAGE_LENGTH]


def _described(error: BaseException) -> str:
    """Return the message in the body of a response: the detailed one, if there is one."""
    try:
        described = _response(error).json()["error"]
        return str(described.get("@message") or described["message"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""


def _response(error: BaseException) -> Any:
    """Return the library's response, which one of its errors has only as an argument, or None."""
    arguments = (argument for argument in error.args if hasattr(argument, "status_code"))
    # A response with an error status is false.
    found = getattr(error, "http_response", None)
    return next(arguments, None) if found is None else found
