"""Errors of queries, in terms of this package.

Sources: azure-kusto-data, `exceptions`; documentation of Kusto's errors ("OneApiErrors") and of the python plugin. What
the service says when the plugin is off was not observed.
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
from kusto_magic.queries.query import POLICY, Query
from kusto_magic.redaction import EMAIL, redact
from kusto_magic.service_fault import ServiceFault

MAX_MESSAGE_LENGTH = 600
"""Maximum number of characters of the cluster's own message that are shown."""

_PRINCIPAL = re.compile(r"[Pp]rincipal '[^']{0,200}'")

_TIMEOUTS = ("E_QUERY_TIMEOUT", "timed out", "timeout", "E_RUNAWAY_QUERY")
_NO_DATABASE = ("could not be found", "was not found", "does not exist")


def from_library(error: Exception, query: Query) -> KustoImageError:
    """Return an exception of azure-kusto-data, or of what it uses, as an error of this package."""
    if isinstance(error, KustoImageError):
        return error
    status, text = getattr(_response(error), "status_code", 0), _described(error)
    fault = ServiceFault(code=_code(error), message=text)
    if status == 401:
        return SignInError("the cluster refused the token for its queries", hint=Hint(HintKind.SIGN_IN, "device"))
    if status == 403 and query.is_management:
        return _not_allowed(query, fault)
    if status == 403:
        what = f"the account may not query database {query.database!r}"
        return ForbiddenError(what, status=403, fault=fault, hint=_role(query.database))
    if status == 429:
        what = "the cluster runs too many queries with python() now"
        return ThrottledError(what, status=429, fault=fault, hint=Hint(HintKind.WAIT_A_MINUTE))
    if text:
        return QueryError("the query failed", fault=fault, hint=_hint(text, query))
    return unreadable() if status else _unreachable(error, query)


def incomplete(errors: object) -> QueryError:
    """Return the error for a response that has only a part of the result; `errors` are the cluster's reasons."""
    try:
        message = str(errors[0]["error"]["@message"])  # type: ignore[index]
    except (LookupError, TypeError):
        message = ""
    return QueryError("the query failed", fault=ServiceFault(message=_shown(message)), hint=Hint(HintKind.RETRY))


def no_library() -> QueryError:
    """Return the error for an environment without azure-kusto-data, or with a version that is too old."""
    what = "queries need azure-kusto-data 6 or later, which cannot be imported"
    command = "python -m pip install 'azure-kusto-data>=6,<7'"
    return QueryError(what, fault=ServiceFault(), hint=Hint(HintKind.RUN_COMMAND, command))


def _not_allowed(query: Query, fault: ServiceFault) -> ForbiddenError:
    if query.text == POLICY:  # source of the role: documentation of the sandbox policy
        what = "the account may not read the sandbox policy (role AllDatabasesAdmin)"
        return ForbiddenError(what, status=403, fault=fault, hint=_role(""))
    what = "the databases of the cluster cannot be listed"
    return ForbiddenError(what, status=403, fault=fault, hint=Hint(HintKind.CHOOSE_DATABASE))


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
    return Hint(HintKind.SEE_MESSAGE)


def _unreachable(error: Exception, query: Query) -> UnreachableError:
    host, cause = urlsplit(query.uri).netloc, error.__cause__ or error
    if any(words in type(cause).__name__ for words in ("Timeout", "ResponseLimit")):
        return UnreachableError(f"{host} sent no usable response in time", hint=Hint(HintKind.RETRY))
    if type(error).__name__ != "KustoNetworkError":
        return unreadable()
    # The last part says why, after the texts of three libraries.
    why = redact(str(cause)).rpartition(": ")[2].strip("\"')")[:200]
    return UnreachableError(f"{host} cannot be reached ({why})", hint=remedy(error)[0])


def other_image(image: str, python: str) -> QueryError:
    """Return the error for a sandbox that cannot be that of the managed image `image`: it has Python `python`."""
    what = f"a sandbox with Python {python[:20]} and without the packages of image {image!r} answered; nothing was kept"
    return QueryError(what, fault=ServiceFault(), hint=Hint(HintKind.WAIT_A_MINUTE))


def unreadable() -> UnreachableError:
    """Return the error for a response that is not that of a query."""
    return UnreachableError("the response to the query cannot be read", hint=Hint(HintKind.RETRY))


def _code(error: Exception) -> str:
    described: Any = getattr(error, "error", None)
    return redact(str(getattr(described, "code", "") or ""))[:100]


def _described(error: Exception) -> str:
    """Return the message of the cluster about an error, the detailed one if there is one, or ""."""
    try:
        described = _response(error).json()["error"]
        return _shown(str(described.get("@message") or described["message"]))
    except Exception:  # not Kusto's form, not JSON, or nested too deeply
        return _shown(str(error)) if type(error).__name__ == "KustoMultiApiError" else ""


def _shown(text: str) -> str:
    """Return a text of the cluster without secrets, and without what identifies the account."""
    text = _PRINCIPAL.sub("the account", redact(text))
    return shorten_guids(EMAIL.sub("…", text))[:MAX_MESSAGE_LENGTH]


def _response(error: BaseException) -> Any:
    """Return the library's response, which one of its errors has only as an argument, or None."""
    arguments = (argument for argument in error.args if hasattr(argument, "status_code"))
    # A response with an error status is false.
    found = getattr(error, "http_response", None)
    return next(arguments, None) if found is None else found
