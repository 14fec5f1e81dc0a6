"""The emulator's Azure Resource Graph: one query over all clusters, its pages, its quota, what it refuses."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from support.emulated import EmulatorTransport

from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
PATH = "/providers/Microsoft.ResourceGraph/resources"
CLUSTERS = "resources | where type =~ 'Microsoft.Kusto/clusters'"
NAMES = ["emulatedcluster", "fleet001", "fleet002", "fleet003", "fleet004", "fleet005", "fleet006", "fleet007"]
PLENTY = EmulatorConfig(clusters=len(NAMES), graph_queries=10_000)


async def ask(wire: EmulatorTransport, query: str, version: str = "2022-10-01", **options: Any) -> httpx.Response:
    names = {"top": "$top", "skip": "$skip", "token": "$skipToken", "form": "resultFormat"}
    body: dict[str, Any] = {"query": query, "options": {names[key]: value for key, value in options.items()}}
    return await send(wire, body, version)


async def send(wire: EmulatorTransport, body: Any, version: str = "2022-10-01") -> httpx.Response:
    return await wire.http.post(PATH, params={"api-version": version}, headers=wire.headers, json=body)


async def names(query: str) -> list[str]:
    answer = await ask(EmulatorTransport(PLENTY), query)
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["data"]]


async def refusal(query: str) -> dict[str, Any]:
    answer = await ask(EmulatorTransport(PLENTY), query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest"), answer.text
    first, second = answer.json()["error"]["details"]
    assert (first["code"], first["message"].partition(".")[0]) == ("InvalidQuery", "Query is invalid")
    assert "The kusto_magic emulator does not know" in second["message"]
    detail: dict[str, Any] = second
    return detail


@pytest.mark.parametrize("version", ["2021-03-01", "2022-10-01", "2024-04-01"])
async def test_a_cluster_is_a_row_in_resource_graph_s_spelling(version: str) -> None:
    wire = EmulatorTransport(EmulatorConfig(clusters=2))
    answer = (await ask(wire, CLUSTERS, version)).json()
    cluster = (await wire.at("fleet001").send("GET", "")).json()

    rows = answer.pop("data")
    assert answer == {"totalRecords": 2, "count": 2, "facets": [], "resultTruncated": "false"}
    assert rows[1] == {
        "id": cluster["id"],
        "name": "fleet001",
        "type": "microsoft.kusto/clusters",
        "location": "westeurope",
        "resourceGroup": "emulated-group",
        "subscriptionId": wire.ready.subscription,
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
async def test_each_condition_keeps_what_kql_s_documentation_says(condition: str, expected: list[str]) -> None:
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
async def test_the_steps_are_taken_in_their_order(query: str, expected: list[str]) -> None:
    assert await names(query) == expected


async def test_project_names_its_columns_and_leaves_the_rest_out() -> None:
    query = "resources | take 1 | project id, tags.environment, sku['name'], where_ = location, tags.missing"
    row = (await ask(EmulatorTransport(PLENTY), query)).json()["data"][0]

    assert list(row) == ["id", "tags_environment", "sku_name", "where_", "tags_missing"]
    assert list(row.values())[1:] == ["production", "Standard_E8as_v5+1TB_PS", "eastus", None]


@pytest.mark.parametrize("form", ["table", "Table"])
async def test_a_table_has_columns_and_rows(form: str) -> None:
    answer = await ask(
        EmulatorTransport(PLENTY), "resources | project name, tags, tags.environment | take 1", form=form
    )

    assert answer.json()["data"] == {
        "columns": [
            {"name": "name", "type": "string"},
            {"name": "tags", "type": "object"},
            {"name": "tags_environment", "type": "object"},
        ],
        "rows": [["emulatedcluster", {"environment": "production"}, "production"]],
    }


async def test_pages_lead_from_one_to_the_next() -> None:
    wire = EmulatorTransport(PLENTY)
    query = "resources | project name | order by name asc"
    first = (await ask(wire, query, top=3)).json()
    second = (await ask(wire, query, token=first["$skipToken"])).json()
    third = (await ask(wire, query, token=second["$skipToken"], top=1000)).json()

    pages = [first, second, third]
    assert [row["name"] for page in pages for row in page["data"]] == NAMES
    assert [(page["totalRecords"], page["count"], page["resultTruncated"]) for page in pages] == [
        (8, 3, "false"),
        (8, 3, "false"),
        (8, 2, "false"),
    ]
    assert "$skipToken" not in third
    skipped = (await ask(wire, query, token=first["$skipToken"], skip=7)).json()
    assert [row["name"] for row in skipped["data"]] == ["fleet007"]


async def test_two_thousand_clusters_come_in_two_pages() -> None:
    wire = EmulatorTransport(EmulatorConfig(clusters=2000))
    first = (await ask(wire, CLUSTERS)).json()
    second = (await ask(wire, CLUSTERS, token=first["$skipToken"])).json()

    assert (first["count"], second["count"], "$skipToken" in second) == (1000, 1000, False)
    assert len({row["id"] for row in first["data"] + second["data"]}) == 2000


@pytest.mark.parametrize("query", ["resources | take 5", "resources | project tags, sku"])
async def test_where_there_are_no_pages_an_answer_is_cut_off(query: str) -> None:
    answer = (await ask(EmulatorTransport(PLENTY), query, top=2, skip=0)).json()

    assert (answer["count"], answer["resultTruncated"], "$skipToken" in answer) == (2, "true", False)


async def test_beside_a_limit_skip_is_ignored() -> None:
    assert [
        row["name"] for row in (await ask(EmulatorTransport(PLENTY), "resources | take 1", skip=1)).json()["data"]
    ] == FIRST


@pytest.mark.parametrize(
    ("subscriptions", "status"),
    [(None, 200), ([PLENTY.subscription.upper(), "another"], 200), (["another"], 403), ([], 400), ("another", 400)],
)
async def test_only_the_callers_subscriptions_are_asked(subscriptions: Any, status: int) -> None:
    body = {"query": CLUSTERS} | ({} if subscriptions is None else {"subscriptions": subscriptions})
    answer = await send(EmulatorTransport(PLENTY), body)

    assert answer.status_code == status
    if status == 403:
        assert [it["code"] for it in answer.json()["error"]["details"]] == ["AccessDenied"]


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
async def test_what_it_does_not_know_is_refused_with_its_place(query: str, token: str, line: int, column: int) -> None:
    detail = await refusal(query)

    assert detail["code"] == "ParserFailure"
    assert detail["token"][:9] == token[:9]
    assert (detail["line"], detail["characterPositionInLine"]) == (line, column)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"query": None}, "'query' is required"),
        ({"query": 5}, "'query' is required"),
        ({"options": []}, None),
        ({"options": "x"}, "'options' an object"),
        ({"options": {"$top": 0}}, "'$top' must be a number from 1 to 1000"),
        ({"options": {"$top": 1001}}, "'$top' must be a number from 1 to 1000"),
        ({"options": {"$top": True}}, "'$top' must be a number"),
        ({"options": {"$skip": -1}}, "'$skip' must be a number"),
        ({"options": {"resultFormat": "csv"}}, "'resultFormat' must be"),
        ({"options": {"$skipToken": "nonsense"}}, "'$skipToken' is none"),
        ({"options": {"$skipToken": 5}}, "'$skipToken' is none"),
        ({"options": {"$skipToken": "W10="}}, "'$skipToken' is none"),
        ({"options": {"allowPartialScopes": True}}, "does not know the option 'allowPartialScopes'"),
        ({"facets": [{"expression": "location"}]}, "does not know the option 'facets'"),
        ({"managementGroups": ["mg"]}, "does not know the option 'managementGroups'"),
        ({"facets": []}, None),
    ],
)
async def test_a_wrong_body_is_refused_in_own_words(change: dict[str, Any], words: str | None) -> None:
    answer = await send(EmulatorTransport(PLENTY), {"query": CLUSTERS} | change)

    if words is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
        assert words in answer.json()["error"]["details"][0]["message"]


@pytest.mark.parametrize("change", [{"maxRows": 0}, {"rowsToSkip": "1"}, {"query": "0"}])
async def test_a_changed_token_or_that_of_another_query_is_refused(change: dict[str, Any]) -> None:
    wire = EmulatorTransport(PLENTY)
    token = (await ask(wire, CLUSTERS, top=1)).json()["$skipToken"]
    changed = json.loads(base64.urlsafe_b64decode(token)) | change
    again = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode()

    assert (await ask(wire, CLUSTERS, token=again)).status_code == 400
    assert (await ask(wire, "resources", token=token)).status_code == 400


async def test_fifteen_queries_in_five_seconds_and_no_more() -> None:
    wire = EmulatorTransport()

    async def quota() -> tuple[int, str, str]:
        answer = await ask(wire, CLUSTERS)
        remaining, after = (answer.headers[f"x-ms-user-quota-{it}"] for it in ("remaining", "resets-after"))
        return answer.status_code, remaining, after

    assert [await quota() for _ in range(15)] == [(200, str(left), "00:00:05") for left in range(14, -1, -1)]
    wire.clock.move(1.5)
    assert await quota() == (429, "0", "00:00:04")
    refused = await ask(wire, CLUSTERS)
    assert refused.json()["error"]["details"][0]["code"] == refused.json()["error"]["code"] == "RateLimiting"
    assert wire.app is not None
    assert wire.app.state.throttled == {"queries": 2}
    wire.clock.move(3.5)
    assert await quota() == (200, "14", "00:00:05")


async def test_the_quota_can_be_set() -> None:
    wire = EmulatorTransport(replace(PLENTY, graph_queries=1, graph_window=3600))
    assert [(await ask(wire, CLUSTERS)).status_code for _ in range(2)] == [200, 429]
    assert (await ask(wire, CLUSTERS)).headers["x-ms-user-quota-resets-after"] == "01:00:00"


async def test_it_stands_behind_the_same_rules_as_all() -> None:
    wire = EmulatorTransport()
    body = {"query": CLUSTERS}
    version = {"api-version": "2022-10-01"}
    without_token = await wire.http.post(PATH, params=version, json=body)
    foreign_host = await wire.http.post(PATH, params=version, json=body, headers=wire.headers | {"Host": "evil"})
    without_version = await wire.http.post(PATH, json=body, headers=wire.headers)
    of_kusto = await send(wire, body, "2024-04-13")
    read = await wire.http.get(PATH, params=version, headers=wire.headers)
    any_case = await wire.http.post(PATH.upper(), params=version, json=body, headers=wire.headers)
    refused = await ask(wire, "nothing")

    answers = [without_token, foreign_host, without_version, of_kusto, read, any_case]
    assert [answer.status_code for answer in answers] == [401, 403, 400, 400, 405, 200]
    assert "'Microsoft.ResourceGraph' for api version '2024-04-13'" in of_kusto.json()["error"]["message"]
    correlation = refused.headers["x-ms-correlation-request-id"]
    assert refused.json()["error"]["message"].endswith(f"correlationId = {correlation}.")
