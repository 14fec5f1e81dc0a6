"""Azure Resource Graph: the queries sent, the ones rejected, and the responses parsed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.arm_responses import ENDPOINT, SUBSCRIPTION, TARGET, error_response, make_response
from support.scripted_transport import ScriptedTransport, open_subscription

from kusto_magic.arm.paging import MAX_PAGES
from kusto_magic.arm.resource_graph import (
    MAX_CLUSTERS,
    MAX_QUERY_LENGTH,
    build_query,
    deduplicate,
    request_body,
)
from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import InvalidInputError, ServiceError, UnreachableError
from kusto_magic.models.target import Target

CLUSTERS_QUERY = "resources | where type =~ 'microsoft.kusto/clusters'"


SQL = {"id": "/subscriptions/x/resourceGroups/g/providers/Microsoft.Sql/servers/s"}


def row(cluster: str) -> dict[str, str]:
    return {"id": replace(TARGET, cluster=cluster).cluster_id.replace("Kusto", "kusto")}


def page(*clusters: str, token: str = "") -> ArmResponse:
    next_page = {"$skipToken": token} if token else {}
    return make_response({"totalRecords": len(clusters), "data": [row(cluster) for cluster in clusters], **next_page})


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("where location == 'eastus'", f"{CLUSTERS_QUERY} | where location == 'eastus' | project id | order by id asc"),
        ("  WHERE a has 'b' ", f"{CLUSTERS_QUERY} | where a has 'b' | project id | order by id asc"),
        ("kusto clusters where x == 1", f"{CLUSTERS_QUERY} | where x == 1 | project id | order by id asc"),
        ("kusto clusters", f"{CLUSTERS_QUERY} | project id | order by id asc"),
        ("resources | where a | project id", "resources | where a | project id"),
    ],
)
def test_condition_becomes_a_query_and_a_query_is_unchanged(text: str, query: str) -> None:
    assert build_query(text) == query


@pytest.mark.parametrize(
    "text",
    ["", "   ", "where", "location == 'eastus'", "where a\nwhere b", "where \0", "x" * (MAX_QUERY_LENGTH + 1), "kusto"],
)
def test_invalid_query_is_rejected(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        build_query(text)
    assert [problem.field for problem in caught.value.problems] == ["cluster query"]


def test_request_body_names_the_subscription_or_none() -> None:
    first = json.loads(request_body("q", "s", ""))
    assert first == {"subscriptions": ["s"], "query": "q", "options": {"resultFormat": "objectArray", "$top": 1000}}
    later = json.loads(request_body("q", "", "token"))
    assert later["options"]["$skipToken"] == "token"
    assert "subscriptions" not in later


@pytest.mark.asyncio
async def test_all_pages_are_read_without_duplicates() -> None:
    script = ScriptedTransport(page("one", "two", token="next"), page("TWO", "three"))
    async with open_subscription(script) as client:
        clusters = await client.find_clusters("where 1 == 1")
    assert [target.cluster for target in clusters] == ["one", "TWO", "three"]
    assert {target.endpoint for target in clusters} == {ENDPOINT}
    assert (
        script.request_lines
        == [f"POST {ENDPOINT}/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"] * 2
    )
    bodies = [json.loads(request.body) for request in script.requests]
    assert [body["options"].get("$skipToken") for body in bodies] == [None, "next"]
    assert {tuple(body["subscriptions"]) for body in bodies} == {(SUBSCRIPTION,)}


@pytest.mark.asyncio
async def test_find_clusters_without_a_subscription_searches_all_subscriptions() -> None:
    script = ScriptedTransport(page("one"))
    async with open_subscription(script, "") as client:
        assert [target.cluster for target in await client.find_clusters("where 1 == 1")] == ["one"]
    assert "subscriptions" not in json.loads(script.requests[0].body)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("response", "error", "text"),
    [
        (page(), InvalidInputError, "finds no cluster"),
        (make_response({"data": [{"name": "x"}]}), InvalidInputError, "not a cluster"),
        (make_response({"data": [SQL]}), InvalidInputError, "not a cluster"),
        (make_response({"data": ["x"]}), InvalidInputError, "not a cluster"),
        (make_response({"data": {}}), UnreachableError, "cannot be read"),
        (make_response(b"<html>"), UnreachableError, "cannot be read"),
        (error_response(400, "BadRequest", "Please provide below info"), ServiceError, "refused the query"),
        (error_response(403), ServiceError, "refused the query"),
    ],
)  # fmt: skip
async def test_unusable_response_raises_with_the_reason(
    response: ArmResponse, error: type[Exception], text: str
) -> None:
    async with open_subscription(ScriptedTransport(default=response)) as client:
        with pytest.raises(error, match=text):
            await client.find_clusters("where 1 == 1")


@pytest.mark.slow
@pytest.mark.asyncio
async def test_too_many_clusters_stop_paging() -> None:
    pages = iter(range(10**9))
    script = ScriptedTransport(
        default=lambda _: page(*(f"c{next(pages)}" for _ in range(1000)), token=f"more-{next(pages)}")
    )
    async with open_subscription(script) as client:
        with pytest.raises(InvalidInputError, match=f"the limit is {MAX_CLUSTERS:,}"):
            await client.find_clusters("where 1 == 1")
    assert len(script.requests) <= 4


@pytest.mark.slow
@pytest.mark.asyncio
async def test_repeated_or_endless_tokens_raise() -> None:
    async with open_subscription(ScriptedTransport(page("c1", token="a"), page("c2", token="a"))) as client:
        with pytest.raises(UnreachableError, match="an earlier one"):
            await client.find_clusters("where 1 == 1")
    numbers = iter(range(10**9))
    script = ScriptedTransport(default=lambda _: page(token=str(next(numbers))))
    async with open_subscription(script) as client:
        with pytest.raises(UnreachableError, match=f"{MAX_PAGES} pages"):
            await client.find_clusters("where 1 == 1")
    assert len(script.requests) == MAX_PAGES + 1


def test_deduplicate_ignores_case() -> None:
    other = Target(SUBSCRIPTION.upper(), "KUSTORPTEST", "KUSTOCLUSTER")
    assert deduplicate([TARGET, other]) == [other]
