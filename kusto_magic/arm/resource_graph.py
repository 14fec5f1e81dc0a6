"""Queries of Azure Resource Graph that find clusters: their text, the requests and the responses.

Source: Microsoft.ResourceGraph "Resources", api-version 2022-10-01; each row has the ID of a resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from kusto_magic.errors import InvalidInputError, Problem, UnreachableError, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.target import Subscription, Target, parse_cluster_id

API_VERSION = "2022-10-01"
PATH = "/providers/Microsoft.ResourceGraph/resources"
FIELD = "cluster query"
"""The name of the query in error messages."""

PAGE_SIZE = 1000
"""Rows per page; the maximum of Resource Graph."""

MAX_CLUSTERS = 2000
"""Maximum number of clusters of one command."""

MAX_QUERY_LENGTH = 4000
"""Maximum length of a query in characters."""

_KUSTO = "resources | where type =~ 'microsoft.kusto/clusters'"
_CONDITION = re.compile(r"(?:kusto\s+clusters\b\s*)?(?:where\s+(\S.*))?", re.IGNORECASE | re.DOTALL)
_FULL_QUERY = re.compile(r"\w+\s*\|", re.DOTALL)
_EXAMPLE = "\"where tags.environment == 'test'\""


def build_query(text: str) -> str:
    """Return the query for a text that a user has written.

    The text is a condition (`where location == 'eastus'`, also `kusto clusters where …`) or a full query
    (`resources | …`), which is sent unchanged. Raises InvalidInputError.
    """
    text = text.strip()
    if not text or len(text) > MAX_QUERY_LENGTH or not text.isprintable():
        raise _invalid_query(
            f"{excerpt(text)} is not a valid query: use one line of 1 to {MAX_QUERY_LENGTH:,} characters"
        )
    match = _CONDITION.fullmatch(text)
    if match is not None:
        condition = f" | where {match[1]}" if match[1] else ""
        # Without a stable order, a cluster could be missing from the pages or appear twice.
        return f"{_KUSTO}{condition} | project id | order by id asc"
    if _FULL_QUERY.match(text):
        return text
    raise _invalid_query(
        f"{excerpt(text)} is not a valid query: start it with `where`, such as {_EXAMPLE}, or with `resources |`"
    )


def request_body(query: str, subscription: str, skip_token: str) -> bytes:
    """Return the body of the POST for the page at `skip_token`; "" is the first page.

    With `subscription` "", the query covers all subscriptions that the caller can access.
    """
    document: dict[str, object] = {"subscriptions": [subscription]} if subscription else {}
    options: dict[str, object] = {"resultFormat": "objectArray", "$top": PAGE_SIZE}
    if skip_token:
        options["$skipToken"] = skip_token
    return json.dumps({**document, "query": query, "options": options}, ensure_ascii=False).encode()


def parse_page(document: object, subscription: Subscription) -> tuple[Sequence[Target], str]:
    """Return the clusters of one page, and the token of the next page ("" for the last).

    The clusters have the endpoint of `subscription`. Raises InvalidInputError if a row is not a cluster,
    UnreachableError if the response is malformed.
    """
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(rows, list):
        raise UnreachableError("the response of Azure Resource Graph cannot be read", hint=Hint(HintKind.RETRY))
    token = document.get("$skipToken")
    return [_target(row, subscription) for row in rows], token if isinstance(token, str) else ""


def _target(row: object, subscription: Subscription) -> Target:
    id_ = row.get("id") if isinstance(row, Mapping) else None
    parts = parse_cluster_id(id_) if isinstance(id_, str) else {}
    if not parts:
        fix = "end it with | where type =~ 'microsoft.kusto/clusters'"
        raise _invalid_query(f"the query returns a resource that is not a cluster ({excerpt(id_)}); {fix}")
    return Target(**parts, endpoint=subscription.endpoint, scope=subscription.scope)


def deduplicate(targets: Sequence[Target]) -> list[Target]:
    """Return the clusters without duplicates, without case as ARM. Raises InvalidInputError for none or over 2,000."""
    found = list({target.key: target for target in targets}.values())
    if not found:
        raise _invalid_query("the query finds no cluster that you can access", Hint(HintKind.CHECK_CLUSTER))
    if len(found) > MAX_CLUSTERS:
        raise _invalid_query(f"the query finds {len(found):,} clusters; the limit is {MAX_CLUSTERS:,} at once")
    return found


def _invalid_query(message: str, hint: Hint | None = None) -> InvalidInputError:
    return InvalidInputError([Problem(FIELD, message)], hint=hint)
