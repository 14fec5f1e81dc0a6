"""Microsoft's client of Azure Resource Graph, unmodified, with the emulator on a real socket.

Skipped where azure-mgmt-resourcegraph is not installed; `python noxfile.py peer` installs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from support.peer import Peer, served_emulator

from kusto_magic.emulator import EmulatorConfig, ReadyTarget

models: Any = pytest.importorskip("azure.mgmt.resourcegraph.models")

pytestmark = pytest.mark.slow
CLUSTERS = "resources | where type =~ 'microsoft.kusto/clusters' | project name | order by name asc"
NAMES = ["emulatedcluster", "fleet001", "fleet002", "fleet003", "fleet004"]


async def always_compatible(_requirements: str, _python_version: str) -> str | None:
    return None


@pytest.fixture
def ready() -> Iterator[ReadyTarget]:
    with served_emulator(EmulatorConfig(clusters=len(NAMES)), always_compatible) as ready:
        yield ready


@pytest.fixture(params=["azure.mgmt.resourcegraph", "azure.mgmt.resourcegraph.aio"], ids=["sync", "aio"])
def client(request: pytest.FixtureRequest, ready: ReadyTarget) -> Iterator[Peer]:
    """Create a synchronous and an asynchronous client."""
    peer = Peer(ready, request.param, "ResourceGraphClient")
    yield peer
    peer.close()


def ask(client: Peer, query: str = CLUSTERS, facets: Any = None, **options: Any) -> Any:
    options_model = models.QueryRequestOptions(**options) if options else None
    return client("", "resources", models.QueryRequest(query=query, options=options_model, facets=facets))


def names(response: Any) -> list[str]:
    return [row["name"] for row in response.data]


def test_query_is_answered_with_and_without_a_subscription(client: Peer, ready: ReadyTarget) -> None:
    assert names(ask(client)) == NAMES
    within = models.QueryRequest(query=CLUSTERS, subscriptions=[ready.subscription])
    assert names(client("", "resources", within)) == NAMES


def test_pages_are_followed_with_the_token(client: Peer) -> None:
    first = ask(client, top=2)
    second = ask(client, top=2, skip_token=first.skip_token)
    last = ask(client, skip=4)

    assert [names(page) for page in (first, second, last)] == [NAMES[:2], NAMES[2:4], NAMES[4:]]
    assert (first.total_records, first.count, last.skip_token) == (len(NAMES), 2, None)


@pytest.mark.parametrize(
    "options",
    [
        {"allow_partial_scopes": True},
        {"authorization_scope_filter": "AtScopeAndAbove"},
        {"result_format": "objectArray", "top": 1000, "skip": 0},
    ],
)
def test_every_option_is_accepted(client: Peer, options: dict[str, Any]) -> None:
    assert names(ask(client, **options)) == NAMES


def test_table_has_columns_and_rows(client: Peer) -> None:
    table = ask(client, result_format="table").data

    assert table["columns"] == [{"name": "name", "type": "string"}]
    assert table["rows"] == [[name] for name in NAMES]


def test_facets_are_reported_as_not_supported(client: Peer) -> None:
    response = ask(client, facets=[models.FacetRequest(expression="location")])

    assert names(response) == NAMES
    assert [(facet.expression, type(facet).__name__) for facet in response.facets] == [("location", "FacetError")]


def test_wrong_query_and_another_subscription_are_refused(client: Peer) -> None:
    with pytest.raises(HttpResponseError, match="BadRequest"):
        ask(client, "nothing")
    elsewhere = models.QueryRequest(query=CLUSTERS, subscriptions=["00000000-0000-4000-8000-000000000009"])
    with pytest.raises(HttpResponseError, match="AccessDenied"):
        client("", "resources", elsewhere)


def test_operations_are_listed(client: Peer) -> None:
    assert [operation.name for operation in client("operations", "list")] == ["Microsoft.ResourceGraph/resources/read"]
