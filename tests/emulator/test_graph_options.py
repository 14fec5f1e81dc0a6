"""Tests of the options of an emulated Resource Graph query."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from support.emulator_transport import EmulatorTransport
from support.graph_queries import CLUSTERS, NAMES, PLENTY, ask, send

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("change", "message"),
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
        ({"options": {"$skipToken": "nonsense"}}, "'$skipToken' is not a token"),
        ({"options": {"$skipToken": 5}}, "'$skipToken' is not a token"),
        ({"options": {"$skipToken": "W10="}}, "'$skipToken' is not a token"),
        ({"options": {"allowPartialScopes": "yes"}}, "'allowPartialScopes' must be true or false"),
        ({"options": {"authorizationScopeFilter": "Everywhere"}}, "'authorizationScopeFilter' must be one of"),
        ({"options": {"authorizationScopeFilter": 5}}, "'authorizationScopeFilter' must be one of"),
        ({"options": {"unheardOf": 1}}, "does not support the option 'unheardOf'"),
        ({"facets": "location"}, "'facets' must be a list of objects with an 'expression'"),
        ({"facets": [{}]}, "'facets' must be a list of objects with an 'expression'"),
        ({"managementGroups": ["mg"]}, "does not support the option 'managementGroups'"),
        ({"facets": []}, None),
    ],
)
async def test_invalid_body_returns_400_with_a_message(change: dict[str, Any], message: str | None) -> None:
    response = await send(EmulatorTransport(PLENTY), {"query": CLUSTERS} | change)

    if message is None:
        assert response.status_code == 200
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (400, "BadRequest")
        assert message in response.json()["error"]["details"][0]["message"]


@pytest.mark.parametrize(
    "options",
    [
        {"allowPartialScopes": True},
        {"allowPartialScopes": False, "resultFormat": None},
        {"authorizationScopeFilter": "AtScopeAboveAndBelow"},
        {"$top": 5, "$skip": 0, "$skipToken": None, "resultFormat": "objectArray"},
    ],
)
async def test_options_for_larger_scopes_change_nothing(options: dict[str, Any]) -> None:
    emulator = EmulatorTransport(PLENTY)
    plain, optional = [
        await send(emulator, {"query": CLUSTERS, "options": each}) for each in ({"$top": 5}, options | {"$top": 5})
    ]
    assert optional.status_code == 200
    assert optional.json()["data"] == plain.json()["data"]


async def test_facets_return_an_error_each_beside_the_result() -> None:
    facets = [{"expression": "location"}, {"expression": "sku.name", "options": {"$top": 1}}]
    response = await send(EmulatorTransport(PLENTY), {"query": CLUSTERS, "facets": facets})

    assert response.json()["count"] == len(NAMES)
    found = response.json()["facets"]
    assert [facet["expression"] for facet in found] == ["location", "sku.name"]
    for facet in found:
        assert facet["resultType"] == "FacetError"
        (error,) = facet["errors"]
        assert error["code"] == "FacetNotSupported"
        assert "kusto_magic emulator" in error["message"]


async def test_operations_of_resource_graph_are_listed() -> None:
    emulator = EmulatorTransport()
    path = "/providers/Microsoft.ResourceGraph/operations"
    response = await emulator.http.get(path, params={"api-version": "2021-03-01"}, headers=emulator.headers)

    assert [each["name"] for each in response.json()["value"]] == ["Microsoft.ResourceGraph/resources/read"]


@pytest.mark.parametrize("change", [{"maxRows": 0}, {"rowsToSkip": "1"}, {"query": "0"}])
async def test_modified_token_or_token_of_another_query_returns_400(change: dict[str, Any]) -> None:
    emulator = EmulatorTransport(PLENTY)
    token = (await ask(emulator, CLUSTERS, top=1)).json()["$skipToken"]
    changed = json.loads(base64.urlsafe_b64decode(token)) | change
    again = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode()

    assert (await ask(emulator, CLUSTERS, token=again)).status_code == 400
    assert (await ask(emulator, "resources", token=token)).status_code == 400
