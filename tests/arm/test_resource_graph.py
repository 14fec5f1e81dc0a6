"""Which clusters a query of Azure Resource Graph finds: what is sent, what is refused, what is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.answers import ENDPOINT, SUBSCRIPTION, TARGET, answer, failed
from support.wire import ScriptedTransport, opened

from kusto_magic.arm.resource_graph import (
    MAX_CLUSTERS,
    MAX_QUERY_LENGTH,
    build_query,
    deduplicate,
    find_clusters,
    request_body,
)
from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import InvalidInput, ServiceError, Unreachable
from kusto_magic.models.target import Target

KUSTO = "resources | where type =~ 'microsoft.kusto/clusters'"


SQL = {"id": "/subscriptions/x/resourceGroups/g/providers/Microsoft.Sql/servers/s"}


def row(cluster: str) -> dict[str, str]:
    return {"id": replace(TARGET, cluster=cluster).cluster_id.replace("Kusto", "kusto")}


def found(*clusters: str, token: str = "") -> ArmResponse:
    more = {"$skipToken": token} if token else {}
    return answer({"totalRecords": len(clusters), "data": [row(cluster) for cluster in clusters], **more})


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("where location == 'eastus'", f"{KUSTO} | where location == 'eastus' | project id | order by id asc"),
        ("  WHERE a has 'b' ", f"{KUSTO} | where a has 'b' | project id | order by id asc"),
        ("kusto clusters where x == 1", f"{KUSTO} | where x == 1 | project id | order by id asc"),
        ("kusto clusters", f"{KUSTO} | project id | order by id asc"),
        ("resources | where a | project id", "resources | where a | project id"),
    ],
)
def test_a_condition_is_made_a_query_and_a_query_stays(text: str, query: str) -> None:
    assert build_query(text) == query


@pytest.mark.parametrize(
    "text",
    ["", "   ", "where", "location == 'eastus'", "where a\nwhere b", "where \0", "x" * (MAX_QUERY_LENGTH + 1), "kusto"],
)
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        build_query(text)
    assert "--clusters-from" in str(refused.value)


def test_the_body_names_the_subscription_or_none() -> None:
    first = json.loads(request_body("q", "s", ""))
    assert first == {"subscriptions": ["s"], "query": "q", "options": {"resultFormat": "objectArray", "$top": 1000}}
    later = json.loads(request_body("q", "", "token"))
    assert later["options"]["$skipToken"] == "token"
    assert "subscriptions" not in later


@pytest.mark.asyncio
async def test_pages_are_read_to_the_last_and_none_counts_twice() -> None:
    script = ScriptedTransport(found("one", "two", token="next"), found("TWO", "three"))
    async with opened(script) as client:
        clusters = await find_clusters(client, "where 1 == 1")
    assert [target.cluster for target in clusters] == ["one", "TWO", "three"]
    assert {target.endpoint for target in clusters} == {ENDPOINT}
    assert script.lines == [f"POST {ENDPOINT}/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"] * 2
    bodies = [json.loads(asked.body) for asked in script.asked]
    assert [body["options"].get("$skipToken") for body in bodies] == [None, "next"]
    assert {tuple(body["subscriptions"]) for body in bodies} == {(SUBSCRIPTION,)}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (found(), InvalidInput, "finds no cluster"),
        (answer({"data": [{"name": "x"}]}), InvalidInput, "finds what is no cluster"),
        (answer({"data": [SQL]}), InvalidInput, "no cluster"),
        (answer({"data": ["x"]}), InvalidInput, "no cluster"),
        (answer({"data": {}}), Unreachable, "cannot be read"),
        (answer(b"<html>"), Unreachable, "cannot be read"),
        (failed(400, "BadRequest", "Please provide below info"), ServiceError, "refused the query"),
        (failed(403), ServiceError, "refused the query"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_says_why(given: ArmResponse, error: type[Exception], words: str) -> None:
    async with opened(ScriptedTransport(given)) as client:
        with pytest.raises(error, match=words):
            await find_clusters(client, "where 1 == 1")


@pytest.mark.asyncio
async def test_a_list_without_end_is_left() -> None:
    pages = iter(range(10**9))
    script = ScriptedTransport(forever=lambda _: found(*(f"c{next(pages)}" for _ in range(1000)), token="more"))
    async with opened(script) as client:
        with pytest.raises(InvalidInput, match=f"at most {MAX_CLUSTERS:,}"):
            await find_clusters(client, "where 1 == 1")
    assert len(script.asked) <= 4


def test_clusters_are_distinct_without_case() -> None:
    other = Target(SUBSCRIPTION.upper(), "KUSTORPTEST", "KUSTOCLUSTER")
    assert deduplicate([TARGET, other]) == [other]
