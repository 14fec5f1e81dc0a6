"""Tests of the emulated Azure Resource Graph: queries, paging, quota and errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.emulator_transport import EmulatorTransport
from support.graph_queries import CLUSTERS, NAMES, PATH, PLENTY, ask, send

from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio


async def names(query: str) -> list[str]:
    response = await ask(EmulatorTransport(PLENTY), query)
    assert response.status_code == 200, response.text
    return [row["name"] for row in response.json()["data"]]


async def refusal(query: str) -> dict[str, Any]:
    response = await ask(EmulatorTransport(PLENTY), query)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "BadRequest"), response.text
    first, second = response.json()["error"]["details"]
    assert (first["code"], first["message"].partition(".")[0]) == ("InvalidQuery", "Query is invalid")
    assert "The kusto_magic emulator does not support" in second["message"]
    detail: dict[str, Any] = second
    return detail


@pytest.mark.parametrize("version", ["2021-03-01", "2022-10-01", "2024-04-01"])
async def test_cluster_row_has_the_spelling_of_resource_graph(version: str) -> None:
    emulator = EmulatorTransport(EmulatorConfig(clusters=2))
    response = (await ask(emulator, CLUSTERS, version)).json()
    cluster = (await emulator.for_cluster("fleet001").send("GET", "")).json()

    rows = response.pop("data")
    assert response == {"totalRecords": 2, "count": 2, "facets": [], "resultTruncated": "false"}
    assert rows[1] == {
        "id": cluster["id"],
        "name": "fleet001",
        "type": "microsoft.kusto/clusters",
        "location": "westeurope",
        "resourceGroup": "emulated-group",
        "subscriptionId": emulator.ready.subscription,
        "sku": cluster["sku"],
        "tags": cluster["tags"],
        "properties": {key: cluster["properties"][key] for key in ("state", "uri", "dataIngestionUri")},
    }


TEST = ["fleet003", "fleet007"]
FIRST = ["emulatedcluster"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name == 'fleet003'", ["fleet003"]),
        ("name == 'Fleet003'", []),
        ('name =~ "FLEET003"', ["fleet003"]),
        ("name != 'emulatedcluster'", NAMES[1:]),
        ("name != 'EmulatedCluster'", NAMES),
        ("name !~ 'EmulatedCluster'", NAMES[1:]),
        ("name contains 'LEET00'", NAMES[1:]),
        ("name !contains 'fleet'", FIRST),
        ("name startswith 'Emu'", FIRST),
        ("name !startswith 'f'", FIRST),
        ("name endswith 'CLUSTER'", FIRST),
        ("name !endswith '7'", NAMES[:-1]),
        ("resourceGroup has 'Emulated'", NAMES),
        ("resourceGroup has 'emulated-group'", NAMES),
        ("resourceGroup has 'emulate'", []),
        ("resourceGroup !has 'group'", []),
        ("name in ('fleet003', \"fleet007\")", TEST),
        ("name in ('FLEET003')", []),
        ("name in~ ('FLEET003', 'FLEET007')", TEST),
        ("name !in ('emulatedcluster')", NAMES[1:]),
        ("name !in~ ('EmulatedCluster')", NAMES[1:]),
        ("tags.environment == 'test'", TEST),
        ("tags['environment'] == 'test'", TEST),
        ("tags['no such tag'] == ''", NAMES),
        ("tags.missing != 'x'", NAMES),
        ("properties.state == 'Running' and tags.environment =~ 'TEST'", TEST),
        ("sku['capacity'] == '2'", NAMES),
        ("location == 'eastus'", ["emulatedcluster", "fleet003", "fleet006"]),
        ("name == 'fleet003' or name == 'fleet001' and location == 'nowhere'", ["fleet003"]),
        ("(name == 'fleet003' or name == 'fleet001') and location == 'eastus'", ["fleet003"]),
        ("not(tags.environment == 'production')", TEST),
        ("not (not (name == 'fleet003'))", ["fleet003"]),
        ("name == 'it\\'s'", []),
        ("name == 'fleet003' // and a remark | take 0", ["fleet003"]),
    ],
)
async def test_conditions_filter_as_in_the_kql_documentation(condition: str, expected: list[str]) -> None:
    assert await names(f"Resources\n| where {condition}") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("resources", NAMES),
        ("where name == 'fleet001'", ["fleet001"]),
        ("resources | take 2", NAMES[:2]),
        ("resources | limit 2", NAMES[:2]),
        ("resources | order by name", NAMES[::-1]),
        ("resources | sort by name asc | take 1", FIRST),
        ("resources | take 1 | order by name desc", FIRST),
        ("resources | where name has 'fleet003' | where location has 'eastus' | project name", ["fleet003"]),
        (
            "resources | project name, location | order by location asc, name desc | take 3",
            ["fleet005", "fleet002", "fleet006"],
        ),
    ],
)
async def test_steps_are_applied_in_order(query: str, expected: list[str]) -> None:
    assert await names(query) == expected


async def test_project_returns_only_the_named_columns() -> None:
    query = "resources | take 1 | project id, tags.environment, sku['name'], where_ = location, tags.missing"
    row = (await ask(EmulatorTransport(PLENTY), query)).json()["data"][0]

    assert list(row) == ["id", "tags_environment", "sku_name", "where_", "tags_missing"]
    assert list(row.values())[1:] == ["production", "Standard_E8as_v5+1TB_PS", "eastus", None]


@pytest.mark.parametrize("form", ["table", "Table"])
async def test_table_format_has_columns_and_rows(form: str) -> None:
    response = await ask(
        EmulatorTransport(PLENTY), "resources | project name, tags, tags.environment | take 1", form=form
    )

    assert response.json()["data"] == {
        "columns": [
            {"name": "name", "type": "string"},
            {"name": "tags", "type": "object"},
            {"name": "tags_environment", "type": "object"},
        ],
        "rows": [["emulatedcluster", {"environment": "production"}, "production"]],
    }


async def test_skip_token_returns_the_next_page() -> None:
    emulator = EmulatorTransport(PLENTY)
    query = "resources | project name | order by name asc"
    first = (await ask(emulator, query, top=3)).json()
    second = (await ask(emulator, query, token=first["$skipToken"])).json()
    third = (await ask(emulator, query, token=second["$skipToken"], top=1000)).json()

    pages = [first, second, third]
    assert [row["name"] for page in pages for row in page["data"]] == NAMES
    assert [(page["totalRecords"], page["count"], page["resultTruncated"]) for page in pages] == [
        (8, 3, "false"),
        (8, 3, "false"),
        (8, 2, "false"),
    ]
    assert "$skipToken" not in third
    skipped = (await ask(emulator, query, token=first["$skipToken"], skip=7)).json()
    assert [row["name"] for row in skipped["data"]] == ["fleet007"]


@pytest.mark.slow
async def test_2000_clusters_are_returned_in_two_pages() -> None:
    emulator = EmulatorTransport(EmulatorConfig(clusters=2000))
    first = (await ask(emulator, CLUSTERS)).json()
    second = (await ask(emulator, CLUSTERS, token=first["$skipToken"])).json()

    assert (first["count"], second["count"], "$skipToken" in second) == (1000, 1000, False)
    assert len({row["id"] for row in first["data"] + second["data"]}) == 2000


@pytest.mark.parametrize("query", ["resources | take 5", "resources | project tags, sku"])
async def test_result_without_paging_is_truncated(query: str) -> None:
    response = (await ask(EmulatorTransport(PLENTY), query, top=2, skip=0)).json()

    assert (response["count"], response["resultTruncated"], "$skipToken" in response) == (2, "true", False)


async def test_skip_is_ignored_together_with_a_limit() -> None:
    assert [
        row["name"] for row in (await ask(EmulatorTransport(PLENTY), "resources | take 1", skip=1)).json()["data"]
    ] == FIRST


@pytest.mark.parametrize(
    ("subscriptions", "status"),
    [(None, 200), ([PLENTY.subscription.upper(), "another"], 200), (["another"], 403), ([], 400), ("another", 400)],
)
async def test_unknown_subscriptions_return_403(subscriptions: Any, status: int) -> None:
    body = {"query": CLUSTERS} | ({} if subscriptions is None else {"subscriptions": subscriptions})
    response = await send(EmulatorTransport(PLENTY), body)

    assert response.status_code == status
    if status == 403:
        assert [detail["code"] for detail in response.json()["error"]["details"]] == ["AccessDenied"]


@pytest.mark.parametrize(
    ("query", "token", "line", "column"),
    [
        ("", "<EOF>", 1, 0),
        ("resources |", "<EOF>", 1, 11),
        ("resources |\n | where name == 'a'", "|", 2, 1),
        ("resourcecontainers", "resourcecontainers", 1, 0),
        ("resources | extend x = name", "extend", 1, 12),
        ("resources | summarize count()", "summarize", 1, 12),
        ("resources\n| where name matches regex 'a'", "matches", 2, 13),
        ("resources | where name contains_cs 'a'", "contains_cs", 1, 23),
        ("resources | where tolower(name) == 'a'", "tolower", 1, 18),
        ("resources | where kind == 'a'", "kind", 1, 18),
        ("resources | project name | where location == 'a'", "location", 1, 33),
        ("resources | where Name == 'a'", "Name", 1, 18),
        ("resources | where name.first == 'a'", "name", 1, 18),
        ("resources | where tags == 'a'", "tags", 1, 18),
        ("resources | where name == location", "location", 1, 26),
        ("resources | where name == 2", "2", 1, 26),
        ("resources | where name == 'a", "'", 1, 26),
        ("resources | where name == @'a'", "@", 1, 26),
        ("resources | where name == '\\x41'", "'\\x41'", 1, 26),
        ("resources | where name in 'a'", "'a'", 1, 26),
        ("resources | where (name == 'a'", "<EOF>", 1, 30),
        ("resources | where name == 'a' name", "name", 1, 30),
        ("resources | project name, name", "name", 1, 26),
        ("resources | project", "<EOF>", 1, 19),
        ("resources | where not", "not", 1, 18),
        ("resources | order name", "name", 1, 18),
        ("resources | order by tags.environment", "tags", 1, 21),
        ("resources | order by name nulls last", "nulls", 1, 26),
        ("resources | take name", "name", 1, 17),
        ("resources | take -1", "-", 1, 17),
        ("resources | take " + "9" * 10_000, "9" * 9, 1, 26),
        ("resources | where " + "(" * 10_000, "(", 1, 68),
        ("resources; resources", ";", 1, 9),
    ],
)
async def test_unsupported_query_returns_400_with_its_position(query: str, token: str, line: int, column: int) -> None:
    detail = await refusal(query)

    assert detail["code"] == "ParserFailure"
    assert detail["token"][:9] == token[:9]
    assert (detail["line"], detail["characterPositionInLine"]) == (line, column)


async def test_quota_allows_15_queries_in_5_seconds() -> None:
    emulator = EmulatorTransport()

    async def quota() -> tuple[int, str, str]:
        response = await ask(emulator, CLUSTERS)
        remaining, after = (response.headers[f"x-ms-user-quota-{name}"] for name in ("remaining", "resets-after"))
        return response.status_code, remaining, after

    assert [await quota() for _ in range(15)] == [(200, str(left), "00:00:05") for left in range(14, -1, -1)]
    emulator.clock.move(1.5)
    assert await quota() == (429, "0", "00:00:04")
    refused = await ask(emulator, CLUSTERS)
    assert refused.json()["error"]["details"][0]["code"] == refused.json()["error"]["code"] == "RateLimiting"
    assert emulator.app is not None
    assert emulator.app.state.throttled == {"queries": 2}
    emulator.clock.move(3.5)
    assert await quota() == (200, "14", "00:00:05")


async def test_quota_is_configurable() -> None:
    emulator = EmulatorTransport(replace(PLENTY, graph_queries=1, graph_window=3600))
    assert [(await ask(emulator, CLUSTERS)).status_code for _ in range(2)] == [200, 429]
    assert (await ask(emulator, CLUSTERS)).headers["x-ms-user-quota-resets-after"] == "01:00:00"


async def test_graph_route_has_the_same_access_control() -> None:
    emulator = EmulatorTransport()
    body = {"query": CLUSTERS}
    version = {"api-version": "2022-10-01"}
    without_token = await emulator.http.post(PATH, params=version, json=body)
    foreign_host = await emulator.http.post(
        PATH, params=version, json=body, headers=emulator.headers | {"Host": "evil"}
    )
    without_version = await emulator.http.post(PATH, json=body, headers=emulator.headers)
    of_kusto = await send(emulator, body, "2024-04-13")
    read = await emulator.http.get(PATH, params=version, headers=emulator.headers)
    any_case = await emulator.http.post(PATH.upper(), params=version, json=body, headers=emulator.headers)
    refused = await ask(emulator, "nothing")

    responses = [without_token, foreign_host, without_version, of_kusto, read, any_case]
    assert [response.status_code for response in responses] == [401, 403, 400, 400, 405, 200]
    error = of_kusto.json()["error"]
    assert error["code"] == "InvalidResourceType"
    assert "'Microsoft.ResourceGraph'" in error["message"]
    assert "'2024-04-13'" in error["message"]
    correlation = refused.headers["x-ms-correlation-request-id"]
    assert refused.json()["error"]["message"].endswith(f"correlationId = {correlation}.")
