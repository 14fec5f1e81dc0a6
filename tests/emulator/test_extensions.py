"""The cluster and its language extensions."""

from __future__ import annotations

from typing import Any

import pytest
from support.emulated import BUILD, EmulatorTransport, error_of

pytestmark = pytest.mark.asyncio
ALTERATION = 3 * BUILD
CUSTOM = {
    "languageExtensionName": "PYTHON",
    "languageExtensionImageName": "PythonCustomImage",
    "languageExtensionCustomImageName": "mine",
}


async def listed(wire: EmulatorTransport) -> Any:
    answer = await wire.send("POST", "/listLanguageExtensions")
    assert answer.status_code == 200
    return answer.json()["value"]


async def alter(wire: EmulatorTransport, verb: str, *entries: dict[str, str]) -> None:
    answer = await wire.send("POST", f"/{verb}LanguageExtensions", json={"value": entries})
    assert (answer.status_code, answer.content) == (202, b"")
    assert "Retry-After" not in answer.headers
    status = (await wire.follow(answer)).json()
    assert (status["status"], status["properties"]["operationKind"]) == ("Running", "ServiceConfigurationAlter")
    assert (await wire.send("GET", "")).json()["properties"]["provisioningState"] == "Running"
    assert (await wire.follow(answer, "Location")).status_code == 202
    wire.clock.move(ALTERATION)
    assert (await wire.follow(answer, "Location")).status_code == 200


async def test_extensions_are_added_replaced_and_removed() -> None:
    wire = EmulatorTransport()
    await wire.built("mine")
    assert await listed(wire) == []
    await alter(wire, "add", {"languageExtensionName": "PYTHON"}, {"languageExtensionName": "R"})
    assert await listed(wire) == [{"languageExtensionName": "PYTHON"}, {"languageExtensionName": "R"}]
    await alter(wire, "add", CUSTOM)
    await alter(wire, "remove", {"languageExtensionName": "r"})

    assert await listed(wire) == [CUSTOM]
    assert (await wire.send("GET", "")).json()["properties"]["languageExtensions"] == {"value": [CUSTOM]}


async def test_a_build_and_an_alteration_exclude_each_other() -> None:
    wire = EmulatorTransport()
    await wire.put("mine")
    answer = await wire.send("POST", "/addLanguageExtensions", json={"value": [{"languageExtensionName": "PYTHON"}]})

    assert answer.status_code == 202
    assert (await wire.follow(answer)).json()["error"]["code"] == "ServiceIsInMaintenance"
    assert await listed(wire) == []


@pytest.mark.parametrize(
    "entry",
    [
        CUSTOM,
        {"languageExtensionName": "PYTHON", "languageExtensionCustomImageName": "mine"},
        {"languageExtensionName": "PYTHON", "languageExtensionImageName": "PythonCustomImage"},
        {"languageExtensionName": "PERL"},
        {"languageExtensionImageName": "Python3_10_8"},
        {"languageExtensionName": ["PYTHON"]},
        "PYTHON",
    ],
)
async def test_an_extension_that_breaks_a_rule_is_refused(entry: Any) -> None:
    answer = await EmulatorTransport().send("POST", "/addLanguageExtensions", json={"value": [entry]})

    assert (answer.status_code, error_of(answer)["code"]) == (400, "BadRequest")


async def test_an_unknown_image_is_refused_in_the_observed_words() -> None:
    entry = {"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python_Custom_Image"}
    answer = await EmulatorTransport().send("POST", "/addLanguageExtensions", json={"value": [entry]})

    assert error_of(answer)["message"].startswith(
        "Invalid languageExtensionImageName `Python_Custom_Image`. Supported image names are: `R, Python3_6_5, "
    )


async def test_the_cluster_is_shown_alone_and_in_both_lists() -> None:
    wire = EmulatorTransport()
    cluster = await wire.send("GET", "")
    assert cluster.status_code == 200
    assert cluster.headers["ETag"]
    body = cluster.json()
    assert (body["id"], body["name"]) == (wire.cluster.replace("/clusters/", "/Clusters/"), wire.ready.cluster)
    assert (body["location"], body["properties"]["state"]) == ("East US", "Running")

    group = wire.cluster.rpartition("/")[0]
    subscription = f"/subscriptions/{wire.ready.subscription}/providers/Microsoft.Kusto/clusters"
    for path in (group, subscription):
        answer = await wire.http.get(path, params={"api-version": "2024-04-13"}, headers=wire.headers)
        assert answer.json() == {"value": [body]}
