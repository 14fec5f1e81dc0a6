"""Tests of the emulator's data plane: formats, errors, the inventory query, and what tests can tell it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from support.data_plane import DATABASE, MANAGED, SCHEMA, SCRIPT, DataPlane, inventory_query, kusto_error
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport, error_body

from kusto_magic.emulator import EmulatorConfig, create_app

pytestmark = pytest.mark.asyncio
PRINCIPAL = "Principal 'aaduser="
METADATA_KEYS = {
    "LoginEndpoint", "LoginMfaRequired", "KustoClientAppId", "KustoClientRedirectUri", "KustoServiceResourceId",
    "FirstPartyAuthorityUrl",
}  # fmt: skip


async def enabled(image: str = MANAGED) -> DataPlane:
    data = DataPlane()
    await data.enable(image)
    return data


# ── formats ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_query_returns_the_frames_of_version_2() -> None:
    data = await enabled()
    response = await data.post("v2/rest/query", {"db": DATABASE, "csl": inventory_query()}, **{"x-ms-app": "test"})
    header, properties, result, completion, end = response.json()

    assert header == {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"}
    assert end == {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False}
    frames = (properties, result, completion)
    assert [frame["TableKind"] for frame in frames] == [
        "QueryProperties", "PrimaryResult", "QueryCompletionInformation",
    ]  # fmt: skip
    assert [frame["TableId"] for frame in frames] == [0, 1, 2]
    assert result["Columns"] == [{"ColumnName": name, "ColumnType": "string"} for name in ("kind", "name", "value")]
    assert json.loads(properties["Rows"][0][2])["Visualization"] is None
    first = dict(zip([column["ColumnName"] for column in completion["Columns"]], completion["Rows"][0], strict=True))
    assert (first["Level"], first["StatusCode"], first["EventTypeName"]) == (4, 0, "QueryInfo")
    assert first["ClientRequestId"] == response.headers["x-ms-client-request-id"]
    assert first["ActivityId"] == response.headers["x-ms-activity-id"]


async def test_query_of_version_1_ends_with_a_table_of_contents() -> None:
    data = await enabled()
    response = await data.post("v1/rest/query", {"db": DATABASE, "csl": inventory_query()})
    tables = response.json()["Tables"]

    assert [table["TableName"] for table in tables] == ["Table_0", "Table_1", "Table_2", "Table_3"]
    assert [row[1] for row in tables[-1]["Rows"]] == ["QueryResult", "QueryProperties", "QueryStatus"]
    assert tables[0]["Columns"][0] == {"ColumnName": "kind", "DataType": "String", "ColumnType": "string"}
    assert tables[0]["Rows"] == (await data.query()).json()[2]["Rows"]
    for table in tables:
        assert all(len(row) == len(table["Columns"]) for row in table["Rows"])


async def test_client_request_id_is_returned_and_otherwise_made() -> None:
    data = DataPlane()
    body = {"db": DATABASE, "csl": ".show databases"}
    given = await data.post("v1/rest/mgmt", body, **{"x-ms-client-request-id": "KPC.execute;1"})
    other = await data.post("v1/rest/mgmt", body)

    assert given.headers["x-ms-client-request-id"] == "KPC.execute;1"
    assert other.headers["x-ms-client-request-id"].startswith("unspecified;")
    assert given.headers["x-ms-activity-id"] != other.headers["x-ms-activity-id"]
    assert "x-ms-request-id" not in given.headers


@pytest.mark.parametrize("path", ["", "/clusters/emulatedcluster", "/clusters/none"])
async def test_metadata_need_no_token_and_reveal_no_cluster(path: str) -> None:
    response = await DataPlane().arm.http.get(f"{path}/v1/rest/auth/metadata")

    assert response.status_code == 200
    assert set(response.json()["AzureAD"]) == METADATA_KEYS


# ── management commands ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("csl", [".show databases", " .SHOW\n databases ;", ".show cluster databases"])
async def test_show_databases_returns_one_table(csl: str) -> None:
    data = DataPlane()
    (table,) = (await data.command(csl)).json()["Tables"]

    assert [column["ColumnName"] for column in table["Columns"]] == [
        "DatabaseName", "PersistentStorage", "Version", "IsCurrent", "DatabaseAccessMode", "PrettyName",
        "ReservedSlot1", "DatabaseId", "InTransitionTo", "SuspensionState",
    ]  # fmt: skip
    (row,) = table["Rows"]
    assert (row[0], row[3], row[4], row[5]) == ("Samples", True, "ReadWrite", "")
    other = (await data.command(csl, "NetDefaultDB")).json()["Tables"][0]["Rows"][0]
    assert (other[3], other[7]) == (False, row[7])


async def test_show_cluster_policy_sandbox_returns_the_documented_defaults() -> None:
    (table,) = (await DataPlane().command(".show cluster policy sandbox")).json()["Tables"]
    names = [column["ColumnName"] for column in table["Columns"]]
    row = dict(zip(names, table["Rows"][0], strict=True))

    assert names == ["PolicyName", "EntityName", "Policy", "ChildEntities", "EntityType"]
    assert json.loads(row["Policy"]) == [
        {
            "SandboxKind": "PythonExecution",
            "IsEnabled": True,
            "InitializeOnStartup": False,
            "TargetCountPerNode": 16,
            "MaxCpuRatePerSandbox": 50,
            "MaxMemoryMbPerSandbox": 1024,
        }
    ]


async def test_memory_of_the_policy_can_be_told() -> None:
    data = await enabled()
    await data.tell("queries", memory=2048)
    (table,) = (await data.command(".show cluster policy sandbox")).json()["Tables"]

    assert json.loads(table["Rows"][0][2])[0]["MaxMemoryMbPerSandbox"] == 2048


@pytest.mark.parametrize("csl", [".show tables", ".drop database Samples", "print 1", ".show databases details"])
async def test_other_commands_return_400_that_names_those_that_are_answered(csl: str) -> None:
    response = await DataPlane().command(csl)

    assert response.status_code == 400
    assert ".show databases" in kusto_error(response)["@message"]


async def test_refused_command_returns_403() -> None:
    data = await enabled()
    await data.tell("queries", refused=[".show cluster policy  sandbox"])
    response = await data.command(".Show cluster policy sandbox")

    assert response.status_code == 403
    assert kusto_error(response)["@message"].startswith(PRINCIPAL)
    assert (await data.command(".show databases")).status_code == 200
    assert (await data.query()).status_code == 200


# ── the inventory query ────────────────────────────────────────────────────────────────────────────────────────────


async def test_rows_of_a_managed_image() -> None:
    data = await enabled()

    assert await data.rows() == [
        ["python", "", "3.11.7"],
        ["platform", "", "Windows-10-10.0.20348-SP0"],
        ["package", "Bottleneck", "1.3.7"],
        ["package", "numpy", "1.26.4"],
    ]
    assert data.inventory.calls == [((), "3.11.7", MANAGED)]


async def test_import_rows_follow_in_the_order_of_the_query() -> None:
    data = await enabled()
    await data.tell("contents", image=MANAGED, imports={"Numpy": "OSError: [WinError 126]"})

    assert (await data.rows(["bottleneck", "numpy", "torch"]))[-3:] == [
        ["import", "bottleneck", ""],
        ["import", "numpy", "OSError: [WinError 126]"],
        ["import", "torch", "ModuleNotFoundError: No module named 'torch'"],
    ]


async def test_image_on_custom_images_is_asked_with_all_texts_lowest_first() -> None:
    data = DataPlane()
    await data.arm.build("low", baseImageName="Python3_10_8", requirementsFileContent="one")
    await data.arm.build("high", baseImageName="low", requirementsFileContent="two")
    await data.enable("high")

    assert (await data.rows())[0] == ["python", "", "3.10.8"]
    assert data.inventory.calls == [(("one", "two"), "3.10.8", "Python3_10_8")]


async def test_image_of_a_python_version_has_no_managed_base() -> None:
    data = DataPlane()
    await data.arm.build("own", languageVersion="3.9.7", requirementsFileContent="one")
    await data.enable("own")
    await data.rows()

    assert data.inventory.calls == [(("one",), "3.9.7", None)]


async def test_contents_are_resolved_once_per_text() -> None:
    data = DataPlane()
    await data.arm.build("own", languageVersion="3.9.7", requirementsFileContent="one")
    await data.enable("own")
    await asyncio.gather(data.rows(), data.rows())
    await data.rows()
    assert len(data.inventory.calls) == 1
    await data.arm.build("own", languageVersion="3.9.7", requirementsFileContent="two")
    await data.rows()

    assert len(data.inventory.calls) == 2


async def test_query_uses_the_image_that_is_active_now() -> None:
    data = await enabled("Python3_10_8")
    await data.arm.build("own", baseImageName="Python3_11_7", requirementsFileContent="one")
    assert (await data.rows())[0] == ["python", "", "3.10.8"]
    await data.enable("own")

    assert (await data.packages())["one"] == "1.0"


@pytest.mark.parametrize("base", [MANAGED, "own"])
async def test_python_without_an_image_or_with_a_deleted_one_returns_400(base: str) -> None:
    data = DataPlane()
    off = await data.query()
    assert off.status_code == 400
    assert "Python plugin is disabled" in kusto_error(off)["@message"]
    await data.arm.build("own", baseImageName=MANAGED)
    await data.arm.build("top", baseImageName="own")
    await data.enable("top")
    await data.arm.send("DELETE", f"/sandboxCustomImages/{'own' if base == 'own' else 'top'}")
    data.clock.move(BUILD_SECONDS)
    gone = await data.query()

    assert gone.status_code == 400
    assert "'top' or one of its base images does not exist" in kusto_error(gone)["@message"]


SAME = (
    inventory_query().replace("\n", " "),
    f"  range  x from 1 to 1 step 1 |\n\tevaluate python ( typeof( {SCHEMA} ),\n```{SCRIPT}```\n) ;\n",
    inventory_query([]),
    inventory_query(["numpy"]).replace('["numpy"]', '[ "numpy" , "torch" ]'),
    inventory_query(script="from importlib.metadata import distributions"),
)
OTHER = (
    "print 1",
    ".show databases",
    "StormEvents | take 10",
    "range x from 1 to 2 step 1\n" + inventory_query().partition("\n")[2],
    inventory_query(script="print(1)"),
    inventory_query(script="import importlib"),
    inventory_query().replace("value:string", "value:long"),
    inventory_query() + " | count",
    inventory_query().replace("python(", "r("),
    inventory_query(["a"]).replace('["a"]', "[1]"),
    inventory_query(["a"]).replace('["a"]', '{"a": 1}'),
    inventory_query(["a"]).replace('["a"]', '["a"'),
    inventory_query(["a"]).replace("imports", "others"),
    inventory_query(["a"]).replace('["a"]', "[" * 9000),
    inventory_query().replace("```", "'"),
    inventory_query() + inventory_query(),
)


@pytest.mark.parametrize("csl", SAME)
async def test_spaces_around_the_script_do_not_matter(csl: str) -> None:
    data = await enabled()
    response = await data.query(csl)

    assert response.status_code == 200, response.text


@pytest.mark.parametrize("csl", OTHER)
async def test_other_queries_return_400_that_says_what_is_emulated(csl: str) -> None:
    data = await enabled()
    response = await data.query(csl)

    assert response.status_code == 400
    error = kusto_error(response)
    assert (error["code"], error["@permanent"]) == ("General_BadRequest", True)
    assert "answers only the inventory query" in error["@message"]
    assert data.inventory.calls == []


# ── what tests tell it ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_told_contents_replace_add_and_remove_packages_until_they_are_reset() -> None:
    data = await enabled()
    before = await data.packages()
    await data.tell("contents", image=MANAGED.upper(), packages={"NumPy": "2.0.0", "bottleneck": None, "Extra": "1"})
    assert await data.packages() == {"Extra": "1", "numpy": "2.0.0"}
    await data.tell("contents", image=MANAGED, packages={"numpy": None})
    assert await data.packages() == {"Bottleneck": "1.3.7"}
    await data.tell("contents", image=MANAGED)
    assert await data.packages() == before
    await data.tell("contents", image=MANAGED, packages={"numpy": None})
    await data.tell("contents")

    assert await data.packages() == before
    assert len(data.inventory.calls) == 1


async def test_told_contents_concern_one_image_of_one_cluster() -> None:
    data = DataPlane(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=2))
    await data.enable()
    body = {"cluster": "fleet001", "image": MANAGED, "packages": {"numpy": None}}
    await data.arm.http.post("/emulator/contents", json=body, headers=data.arm.headers)
    await data.tell("contents", image="another", packages={"numpy": None})

    assert "numpy" in await data.packages()


async def test_told_databases_are_listed_and_others_are_not_found() -> None:
    data = await enabled()
    await data.tell("queries", databases=["one", "Two words"], refused=["secret", "one"])
    listed = (await data.command(".show databases")).json()["Tables"][0]["Rows"]
    assert [row[0] for row in listed] == ["one", "Two words"]
    assert (await data.query(database="Two words")).status_code == 200
    for name in ("Samples", "two words", ""):
        missing = await data.query(database=name)
        error = kusto_error(missing)
        assert (missing.status_code, error["code"]) == (400, "BadRequest_DatabaseNotExist")
        assert error["@message"] == f"Database '{name or 'NetDefaultDB'}' was not found."
        assert error["@type"] == "Kusto.Data.Exceptions.DatabaseNotFoundException"
    for name in ("secret", "one"):
        denied = await data.query(database=name)
        error = kusto_error(denied)
        assert (denied.status_code, error["code"]) == (403, "Forbidden")
        assert error["@message"].startswith(PRINCIPAL)
        assert error["@message"].endswith(f"' is not authorized to read database '{name}'.")


async def test_caller_without_databases_gets_an_empty_list_and_a_reset_restores_it() -> None:
    data = await enabled()
    await data.tell("queries", databases=[])
    assert (await data.command(".show databases")).json()["Tables"][0]["Rows"] == []
    assert (await data.query()).status_code == 400
    await data.tell("queries")

    assert (await data.query()).status_code == 200


async def test_slow_query_waits_on_the_given_clock_and_ends_at_its_time_limit() -> None:
    data = await enabled()
    await data.tell("queries", seconds=5)
    assert (await data.query()).status_code == 200
    options = {"Options": {"servertimeout": "0:00:02.500000"}, "Parameters": {}}
    late = await data.query(properties=json.dumps(options))

    assert data.slept == [5.0, 2.5]
    assert late.status_code == 504
    error = kusto_error(late)
    assert (error["code"], error["@permanent"]) == ("Timeout", False)


async def test_query_without_a_time_limit_ends_after_four_minutes() -> None:
    data = await enabled()
    await data.tell("queries", seconds=3000)
    for options in ({}, {"servertimeout": "forever"}, {"servertimeout": "00:04:00"}):
        assert (await data.query(properties={"Options": options})).status_code == 504

    assert data.slept == [240.0] * 3


async def test_throttled_query_has_the_documented_error() -> None:
    data = await enabled()
    await data.tell("queries", error={"status": 429})
    throttled = await data.query()

    assert throttled.status_code == 429
    error = kusto_error(throttled)
    assert (error["code"], error["@permanent"]) == ("E_SB_QUERY_THROTTLED_ERROR", False)
    assert error["@message"].startswith("The sandboxed query was aborted because of throttling.")


async def test_told_error_has_its_own_code_and_message_each_time() -> None:
    data = await enabled()
    told = {"status": 520, "code": "OwnCode", "message": "own message", "type": "OwnType"}
    await data.tell("queries", error=told)
    for _ in range(2):
        failed = await data.query()
        error = kusto_error(failed)
        assert (failed.status_code, error["code"], error["@message"], error["@type"]) == (
            520, "OwnCode", "own message", "OwnType",
        )  # fmt: skip

    assert (await data.command(".show databases")).status_code == 200


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("contents", {"cluster": "none", "image": "a"}, 404),
        ("contents", {"image": "a"}, 400),
        ("contents", {"cluster": "{}"}, 400),
        ("contents", {"cluster": "{}", "image": "a", "packages": []}, 400),
        ("contents", {"cluster": "{}", "image": "a", "packages": {"a": 1}}, 400),
        ("contents", {"cluster": "{}", "image": "a", "imports": {"a": None}}, 400),
        ("contents", {"cluster": "{}", "image": "a", "package": {}}, 400),
        ("queries", {"seconds": 1}, 400),
        ("queries", {"cluster": "{}", "memory": 100}, 400),
        ("queries", {"cluster": "{}", "memory": True}, 400),
        ("queries", {"cluster": "none"}, 404),
        ("queries", {"cluster": "{}", "seconds": -1}, 400),
        ("queries", {"cluster": "{}", "seconds": True}, 400),
        ("queries", {"cluster": "{}", "seconds": "1"}, 400),
        ("queries", {"cluster": "{}", "seconds": 1e9}, 400),
        ("queries", {"cluster": "{}", "error": {"code": "a"}}, 400),
        ("queries", {"cluster": "{}", "error": {"status": 200}}, 400),
        ("queries", {"cluster": "{}", "error": {"status": 400, "code": 1}}, 400),
        ("queries", {"cluster": "{}", "error": []}, 400),
        ("queries", {"cluster": "{}", "databases": "one"}, 400),
        ("queries", {"cluster": "{}", "databases": [1]}, 400),
        ("queries", {"cluster": "{}", "unknown": 1}, 400),
        ("queries", [], 400),
    ],
)
async def test_invalid_control_is_refused_and_changes_nothing(action: str, body: Any, status: int) -> None:
    data = await enabled()
    if isinstance(body, dict) and body.get("cluster") == "{}":
        body = {**body, "cluster": data.arm.ready.cluster.upper()}
    response = await data.arm.http.post(f"/emulator/{action}", json=body, headers=data.arm.headers)

    assert response.status_code == status
    assert error_body(response)["message"]
    assert (await data.query()).status_code == 200


async def test_controls_require_the_token() -> None:
    data = DataPlane()
    for action in ("contents", "queries"):
        assert (await data.arm.http.post(f"/emulator/{action}", json={})).status_code == 401
        assert (await data.arm.http.get(f"/emulator/{action}", headers=data.arm.headers)).status_code == 405


# ── security ───────────────────────────────────────────────────────────────────────────────────────────────────────

ROUTES = ("v2/rest/query", "v1/rest/query", "v1/rest/mgmt")


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer ", "Basic {token}", "Bearer {token}x"])
@pytest.mark.parametrize("route", [*ROUTES, "none", "v1/rest/auth/metadata/", "x/v1/rest/auth/metadata"])
async def test_every_route_but_the_metadata_requires_the_token(route: str, authorization: str | None) -> None:
    data = await enabled()
    token = data.arm.ready.token
    data.arm.headers = {"Authorization": authorization.format(token=token)} if authorization else {}
    response = await data.post(route, {"db": DATABASE, "csl": ".show databases"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert kusto_error(response)["code"] == "Unauthorized"
    assert token not in response.text


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
async def test_foreign_host_and_origin_return_403(headers: dict[str, str]) -> None:
    data = await enabled()
    for route in ROUTES:
        response = await data.post(route, {"db": DATABASE, "csl": ".show databases"}, **headers)
        assert response.status_code == 403
        assert kusto_error(response)["code"] == "Forbidden"
    metadata = await data.arm.http.get("/v1/rest/auth/metadata", headers=headers)
    assert metadata.status_code == 403


async def test_large_body_and_wrong_content_type_are_refused() -> None:
    data = DataPlane(EmulatorConfig(max_body=1000))
    large = await data.post("v1/rest/mgmt", {"db": DATABASE, "csl": " " * 1000})
    typed = await data.post("v1/rest/mgmt", {"db": DATABASE, "csl": "x"}, **{"Content-Type": "text/plain"})

    assert (large.status_code, kusto_error(large)["code"]) == (413, "PayloadTooLarge")
    assert (typed.status_code, kusto_error(typed)["code"]) == (415, "General_BadRequest")


@pytest.mark.parametrize("route", ROUTES)
async def test_unknown_cluster_returns_404(route: str) -> None:
    data = DataPlane()
    data.path = "/clusters/none"
    response = await data.post(route, {"db": DATABASE, "csl": ".show databases"})

    assert (response.status_code, kusto_error(response)["code"]) == (404, "NotFound")


async def test_unknown_route_and_method_have_the_form_of_the_data_plane() -> None:
    data = DataPlane()
    missing = await data.post("v1/rest/ingest/a/b", {})
    wrong = await data.arm.http.get(f"{data.path}/v1/rest/mgmt", headers=data.arm.headers)

    assert (missing.status_code, kusto_error(missing)["code"]) == (404, "NotFound")
    assert wrong.status_code == 405
    assert wrong.headers["Allow"] == "POST"
    assert kusto_error(wrong)["@message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"db": DATABASE},
        {"db": DATABASE, "csl": " "},
        {"db": 1, "csl": ".show databases"},
        {"db": DATABASE, "csl": ".show databases", "properties": "{"},
        {"db": DATABASE, "csl": ".show databases", "properties": "[1]"},
        {"db": DATABASE, "csl": ".show databases", "properties": {"Options": 1}},
    ],
)
async def test_invalid_body_returns_400(body: Any) -> None:
    data = await enabled()
    for route in ROUTES:
        response = await data.post(route, body)
        assert response.status_code == 400
        assert kusto_error(response)["@message"]


async def test_deleted_cluster_has_no_data_plane() -> None:
    data = await enabled()
    await data.arm.send("DELETE", "")
    data.clock.move(data.arm.config.extension_time)

    assert (await data.query()).status_code == 404


async def test_arm_and_resource_graph_show_the_same_uri() -> None:
    config = replace(EmulatorConfig(), port=8123)
    arm = EmulatorTransport(config)
    cluster = (await arm.send("GET", "")).json()["properties"]
    query = {"query": "resources | where type =~ 'microsoft.kusto/clusters' | project uri = properties.uri"}
    path = "/providers/Microsoft.ResourceGraph/resources"
    graph = await arm.http.post(path, json=query, params={"api-version": "2022-10-01"}, headers=arm.headers)

    assert cluster["uri"] == "http://127.0.0.1:8123/clusters/emulatedcluster"
    assert graph.json()["data"] == [{"uri": cluster["uri"]}]


async def test_default_inventory_is_used_without_an_index_for_a_managed_image() -> None:
    config = EmulatorConfig(extension_seconds=0)
    data = DataPlane(config)
    data.arm = EmulatorTransport(config, data.clock, app=create_app(config, clock=data.clock))
    await data.enable()
    packages = await data.packages()

    assert len(packages) > 100
    assert "Bottleneck" in packages
