"""Which clusters a query of Azure Resource Graph finds.

Source: Microsoft.ResourceGraph "Resources", api-version 2022-10-01; its rows have the id of each resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import InvalidInput, Problem, Unreachable, excerpt
from kusto_magic.models.target import Target, parse_cluster_id

API_VERSION = "2022-10-01"
PATH = "/providers/Microsoft.ResourceGraph/resources"
OPTION = "--clusters-from"

PAGE_SIZE = 1000
"""Rows of one answer; the most that Resource Graph gives."""

MAX_CLUSTERS = 2000
MAX_PAGES = 100
MAX_QUERY_LENGTH = 4000

_KUSTO = "resources | where type =~ 'microsoft.kusto/clusters'"
_CONDITION = re.compile(r"(?:kusto\s+clusters\b\s*)?(?:where\s+(\S.*))?", re.IGNORECASE | re.DOTALL)
_WHOLE = re.compile(r"\w+\s*\|", re.DOTALL)
_EXAMPLE = "\"where tags.environment == 'test'\""


async def find_clusters(client: ImagesClient, text: str, *, all_subscriptions: bool = False) -> list[Target]:
    """Return the clusters that a query finds, in the subscription of the client's target or in all.

    `text` is as for `query_of`. Raises InvalidInput for what is no query and where it finds no cluster, ServiceError
    where Resource Graph refuses it.
    """
    query, subscription = build_query(text), "" if all_subscriptions else client.target.subscription
    found: list[Target] = []
    token = ""
    for _ in range(MAX_PAGES):
        body = request_body(query, subscription, token)
        path = f"{PATH}?api-version={API_VERSION}"
        document = await client.request_json("POST", path, "Azure Resource Graph refused the query", body)
        more, token = parse_page(document, client.target)
        found += more
        if not token or len(found) > MAX_CLUSTERS:
            break
    return deduplicate(found)


def build_query(text: str) -> str:
    """Return the query for what stands after --clusters-from.

    That is a condition (`where location == 'eastus'`, also `kusto clusters where …`), or a whole query
    (`resources | …`), which is sent as it is. Raises InvalidInput.
    """
    text = text.strip()
    if not text or len(text) > MAX_QUERY_LENGTH or not text.isprintable():
        raise _invalid_query(f"{excerpt(text)} is no query; it is one line of at most {MAX_QUERY_LENGTH:,} characters")
    found = _CONDITION.fullmatch(text)
    if found is not None:
        condition = f" | where {found[1]}" if found[1] else ""
        return f"{_KUSTO}{condition} | project id | order by id asc"
    if _WHOLE.match(text):
        return text
    raise _invalid_query(
        f"{excerpt(text)} is no query; it begins with `where`, such as {_EXAMPLE}, or with `resources |`"
    )


def request_body(query: str, subscription: str, skip_token: str) -> bytes:
    """Return the body of the POST for the page after `skip_token`; "" is the first one.

    `subscription` "" asks in all subscriptions that the caller may see.
    """
    document: dict[str, object] = {"subscriptions": [subscription]} if subscription else {}
    options: dict[str, object] = {"resultFormat": "objectArray", "$top": PAGE_SIZE}
    if skip_token:
        options["$skipToken"] = skip_token
    return json.dumps({**document, "query": query, "options": options}, ensure_ascii=False).encode()


def parse_page(document: object, like: Target) -> tuple[Sequence[Target], str]:
    """Return the clusters of one answer, on the endpoint of `like`, and the token of the next page ("": the last one).

    Raises InvalidInput for rows that are no clusters, Unreachable for what is no answer.
    """
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(rows, list):
        raise Unreachable("the answer of Azure Resource Graph cannot be read", next_step="try again.")
    token = document.get("$skipToken")
    return [_target(row, like) for row in rows], token if isinstance(token, str) else ""


def _target(row: object, like: Target) -> Target:
    id_ = row.get("id") if isinstance(row, Mapping) else None
    parts = parse_cluster_id(id_) if isinstance(id_, str) else {}
    if not parts:
        step = "end it with | where type =~ 'microsoft.kusto/clusters'"
        raise _invalid_query(f"the query finds what is no cluster ({excerpt(id_)}); {step}")
    return Target(**parts, endpoint=like.endpoint, scope=like.scope)


def deduplicate(targets: Sequence[Target]) -> list[Target]:
    """Return the clusters, none of them twice: ARM compares without case. Raises InvalidInput for none or 2,001."""
    found = list({target.key: target for target in targets}.values())
    if not found:
        raise _invalid_query(
            "the query finds no cluster that you may see", "%kusto_image clusters lists those of a subscription."
        )
    if len(found) > MAX_CLUSTERS:
        raise _invalid_query(f"these are {len(found):,} clusters; at most {MAX_CLUSTERS:,} are made at once")
    return found


def _invalid_query(message: str, step: str = "") -> InvalidInput:
    return InvalidInput([Problem(OPTION, message)], next_step=step)
