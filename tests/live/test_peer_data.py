"""Microsoft's client of the data plane, azure-kusto-data, unmodified, with the emulator on a real socket."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.exceptions import KustoApiError, KustoServiceError, KustoThrottlingError
from support.data_plane import DATABASE, MANAGED, StubInventory, inventory_query
from support.emulator_transport import always_compatible
from support.peer import served_emulator

from kusto_magic.emulator import EmulatorConfig, ReadyTarget

pytestmark = pytest.mark.slow  # a real socket
TIMEOUT_S = 10.0
VERSION = "2024-04-13"


@pytest.fixture(scope="module")
def ready() -> Iterator[ReadyTarget]:
    """Run an emulator whose cluster has python() with a managed image."""
    config = EmulatorConfig(build_seconds=0, extension_seconds=0, clusters=2)
    with served_emulator(config, always_compatible, inventory=StubInventory()) as ready:
        entry = {"languageExtensionName": "PYTHON", "languageExtensionImageName": MANAGED}
        send(ready, f"{arm_path(ready)}/addLanguageExtensions?api-version={VERSION}", {"value": [entry]})
        yield ready


@pytest.fixture
def client(ready: ReadyTarget) -> Iterator[KustoClient]:
    """Create a client for the `uri` that Resource Manager shows; afterwards, forget what the test told."""
    uri = send(ready, f"{arm_path(ready)}?api-version={VERSION}", None)["properties"]["uri"]
    with KustoClient(KustoConnectionStringBuilder.with_token_provider(uri, lambda: ready.token)) as made:
        yield made
    for action in ("queries", "contents"):
        send(ready, f"/emulator/{action}", {})


def arm_path(ready: ReadyTarget) -> str:
    group = f"/subscriptions/{ready.subscription}/resourceGroups/{ready.resource_group}"
    return f"{group}/providers/Microsoft.Kusto/clusters/{ready.cluster}"


def send(ready: ReadyTarget, path: str, body: Mapping[str, Any] | None) -> Any:
    headers = {"Authorization": f"Bearer {ready.token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ready.endpoint + path, data, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        return json.loads(response.read() or b"null")


def tell(ready: ReadyTarget, action: str, **body: Any) -> None:
    send(ready, f"/emulator/{action}", {"cluster": ready.cluster, **body})


def test_inventory_is_read(client: KustoClient) -> None:
    response = client.execute_query(DATABASE, inventory_query(["numpy"]))

    (table,) = response.primary_results
    assert [tuple(row) for row in table] == [
        ("python", "", "3.11.7"),
        ("platform", "", "Windows-10-10.0.20348-SP0"),
        ("package", "Bottleneck", "1.3.7"),
        ("package", "numpy", "1.26.4"),
        ("import", "numpy", ""),
    ]
    assert table[2]["name"] == "Bottleneck"
    assert (response.errors_count, response.get_exceptions()) == (0, [])
    assert response.tables_names == ["@ExtendedProperties", "PrimaryResult", "QueryCompletionInformation"]


def test_inventory_is_streamed(client: KustoClient) -> None:
    response = client.execute_streaming_query(DATABASE, inventory_query())

    (rows,) = [list(table) for table in response.iter_primary_results()]
    assert [row["kind"] for row in rows] == ["python", "platform", "package", "package"]
    assert (response.finished, response.errors_count) == (True, 0)


def test_databases_and_sandbox_policy_are_read(client: KustoClient) -> None:
    (databases,) = client.execute_mgmt("NetDefaultDB", ".show databases").primary_results
    (policy,) = client.execute(DATABASE, ".show cluster policy sandbox").primary_results

    assert [(row["DatabaseName"], row["PrettyName"], row["IsCurrent"]) for row in databases] == [("Samples", "", False)]
    assert json.loads(policy[0]["Policy"])[0]["MaxMemoryMbPerSandbox"] == 1024


def test_database_of_the_connection_is_used(client: KustoClient, ready: ReadyTarget) -> None:
    builder = KustoConnectionStringBuilder.with_token_provider(
        f"{ready.endpoint}/clusters/{ready.cluster};Initial Catalog={DATABASE}", lambda: ready.token
    )
    with KustoClient(builder) as connected:
        assert len(connected.execute_query(None, inventory_query()).primary_results[0]) == 4
    with pytest.raises(KustoApiError, match="Database 'NetDefaultDB' was not found"):
        client.execute_query(None, inventory_query())


def test_credential_gets_the_scope_of_the_metadata(ready: ReadyTarget) -> None:
    scopes: list[str] = []

    class Credential:
        def get_token(self, *asked: str, **_options: Any) -> AccessToken:
            scopes.extend(asked)
            return AccessToken(ready.token, 2**31)

        def close(self) -> None:
            scopes.append("closed")

    uri = f"{ready.endpoint}/clusters/{ready.cluster}"
    with KustoClient(KustoConnectionStringBuilder.with_azure_token_credential(uri, Credential())) as client:
        assert client.execute_mgmt(DATABASE, ".show databases").primary_results[0][0]["DatabaseName"] == DATABASE
    assert scopes == ["https://kusto.kusto.windows.net/.default", "closed"]


def test_told_contents_are_seen(client: KustoClient, ready: ReadyTarget) -> None:
    tell(ready, "contents", image=MANAGED, packages={"numpy": "2.0.0", "Bottleneck": None}, imports={"numpy": "no"})
    rows = [tuple(row) for row in client.execute(DATABASE, inventory_query(["numpy"])).primary_results[0]]

    assert rows[2:] == [("package", "numpy", "2.0.0"), ("import", "numpy", "no")]


@pytest.mark.parametrize(
    ("database", "csl", "code", "words"),
    [
        ("none", inventory_query(), "BadRequest_DatabaseNotExist", "Database 'none' was not found."),
        ("secret", inventory_query(), "Forbidden", "is not authorized to read database 'secret'."),
        (DATABASE, "print 1", "General_BadRequest", "answers only the inventory query"),
        (DATABASE, ".show tables", "General_BadRequest", "answers only these management commands"),
    ],
)
def test_error_has_code_and_message(
    client: KustoClient, ready: ReadyTarget, database: str, csl: str, code: str, words: str
) -> None:
    tell(ready, "queries", refused=["secret"])
    with pytest.raises(KustoApiError, match=words) as raised:
        client.execute(database, csl)

    error, response = raised.value.get_api_error(), raised.value.get_raw_http_response()
    assert (error.code, error.permanent) == (code, True)
    assert error.context is not None
    assert error.context["serviceAlias"] == "KUSTO_MAGIC_EMULATOR"
    assert getattr(response, "status_code", None) == (403 if code == "Forbidden" else 400)


def test_disabled_python_is_a_semantic_error(ready: ReadyTarget) -> None:
    builder = KustoConnectionStringBuilder.with_token_provider(
        f"{ready.endpoint}/clusters/fleet001", lambda: ready.token
    )
    with KustoClient(builder) as client, pytest.raises(KustoApiError, match="plugin is disabled") as raised:
        client.execute(DATABASE, inventory_query())

    assert raised.value.is_semantic_error()


def test_throttled_query_raises_the_throttling_error(client: KustoClient, ready: ReadyTarget) -> None:
    tell(ready, "queries", error={"status": 429})
    with pytest.raises(KustoThrottlingError) as raised:
        client.execute(DATABASE, inventory_query())

    assert raised.value.args[1].json()["error"]["code"] == "E_SB_QUERY_THROTTLED_ERROR"


def test_slow_query_ends_at_the_time_limit_of_the_request(client: KustoClient, ready: ReadyTarget) -> None:
    tell(ready, "queries", seconds=60)
    properties: Any = ClientRequestProperties()
    properties.set_option(ClientRequestProperties.request_timeout_option_name, timedelta(milliseconds=100))
    with pytest.raises(KustoApiError, match="Request timed out") as raised:
        client.execute(DATABASE, inventory_query(), properties)

    assert raised.value.get_api_error().code == "Timeout"


def test_wrong_token_and_unknown_cluster_are_refused(ready: ReadyTarget) -> None:
    for name, token, words in ((ready.cluster, "wrong", "401"), ("none", ready.token, "does not exist")):
        builder = KustoConnectionStringBuilder.with_token_provider(
            f"{ready.endpoint}/clusters/{name}", partial(str, token)
        )
        with KustoClient(builder) as client, pytest.raises(KustoServiceError, match=words):
            client.execute(DATABASE, inventory_query())
