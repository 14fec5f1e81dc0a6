"""Parsing and validation of the body of a Resource Graph request."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

MAX_PAGE_SIZE = 1000
"""DOCUMENTED: maximum number of records in one response, and the default of `$top`."""

SCOPE_FILTERS = ("AtScopeAndBelow", "AtScopeAndAbove", "AtScopeExact", "AtScopeAboveAndBelow")
"""DOCUMENTED values of `authorizationScopeFilter`, which is for a table that the emulator does not have."""

_FORMATS = {"objectarray": False, "table": True}


class OptionError(Exception):
    """The body is invalid or has an option that the emulator does not support; the message names it."""


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """A query and its page: skip the first `skip` records and return `top` at most.

    `subscriptions` None means all that the caller can access. `table` selects columns and rows instead of objects.
    `facets` are expressions.
    """

    query: str
    subscriptions: tuple[str, ...] | None
    top: int
    skip: int
    table: bool
    facets: tuple[str, ...] = ()

    def token(self, skip: int) -> str:
        """Return the `$skipToken` of the page that starts after the first `skip` records of the same query.

        As in the service it is the base64 of a JSON document with page size and offset. That it is valid for the same
        query only is the emulator's own choice.
        """
        document = {"maxRows": self.top, "rowsToSkip": skip, "query": _digest(self.query, self.subscriptions)}
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


def read(body: dict[str, Any]) -> GraphRequest:
    """Parse the body of a request. Raises OptionError.

    DOCUMENTED: `$top` and `$skip` take precedence over the `$skipToken`. The error texts are the emulator's own choice.
    """
    _refuse_unknown(body, {"query", "subscriptions", "options", "facets"})
    query, options = body.get("query"), body.get("options") or {}
    if not isinstance(query, str) or not isinstance(options, dict):
        raise OptionError("'query' is required and must be a string, 'options' an object")
    _refuse_unknown(options, {"$top", "$skip", "$skipToken", "resultFormat", *_check_scopes(options)})
    subscriptions = _subscriptions(body.get("subscriptions"))
    top, skip = _page(options.get("$skipToken"), _digest(query, subscriptions))
    return GraphRequest(
        query,
        subscriptions,
        _number(options, "$top", top, 1, MAX_PAGE_SIZE),
        _number(options, "$skip", skip, 0, 2**31 - 1),
        _is_table(options.get("resultFormat")),
        _facets(body.get("facets")),
    )


def _check_scopes(options: dict[str, Any]) -> tuple[str, str]:
    """Check the options for tenants and management groups; return their names.

    They are without effect on the one subscription of the emulator.
    """
    partial, above = "allowPartialScopes", "authorizationScopeFilter"
    if not isinstance(options.get(partial), bool | None):
        raise OptionError(f"'{partial}' must be true or false")
    if options.get(above) not in (None, *SCOPE_FILTERS):
        raise OptionError(f"'{above}' must be one of {', '.join(SCOPE_FILTERS)}")
    return partial, above


def _facets(given: Any) -> tuple[str, ...]:
    facets = given or []
    if not isinstance(facets, list) or not all(isinstance(facet, dict) for facet in facets):
        facets = [{}]
    expressions = tuple(facet.get("expression") for facet in facets)
    if not all(isinstance(expression, str) and expression for expression in expressions):
        raise OptionError("'facets' must be a list of objects with an 'expression'")
    return expressions


def _refuse_unknown(given: dict[str, Any], known: set[str]) -> None:
    for name in sorted(name for name, value in given.items() if value not in (None, [])):
        if name not in known:
            raise OptionError(f"the kusto_magic emulator does not support the option '{name}'")


def _subscriptions(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise OptionError("'subscriptions' must be a non-empty list of IDs")
    return tuple(one.lower() for one in given)


def _number(options: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    # To Python, a bool is an int.
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise OptionError(f"'{name}' must be a number from {least} to {most}")
    return value


def _is_table(given: Any) -> bool:
    if given is None:
        return False  # DOCUMENTED since 2021-03-01
    if not isinstance(given, str) or given.lower() not in _FORMATS:
        raise OptionError("'resultFormat' must be 'objectArray' or 'table'")
    return _FORMATS[given.lower()]


def _page(token: Any, digest: str) -> tuple[int, int]:
    """Return the page size and the offset in a token, or those of the first page if there is none."""
    if token is None:
        return MAX_PAGE_SIZE, 0
    try:
        document = json.loads(base64.b64decode(str(token), b"-_", validate=True))
        if document["query"] == digest:
            page = {"$top": document["maxRows"], "$skip": document["rowsToSkip"]}
            return _number(page, "$top", 0, 1, MAX_PAGE_SIZE), _number(page, "$skip", 0, 0, 2**31 - 1)
    except (ValueError, TypeError, KeyError, RecursionError, OptionError):
        pass  # the error below covers every kind of invalid token
    raise OptionError("'$skipToken' is not a token for this query and these subscriptions")


def _digest(query: str, subscriptions: tuple[str, ...] | None) -> str:
    return hashlib.sha256(json.dumps([query, subscriptions]).encode()).hexdigest()[:16]
