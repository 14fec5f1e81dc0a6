"""Tests of the emulated cluster and its language extensions."""

from __future__ import annotations

from typing import Any

import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport, error_body

pytestmark = pytest.mark.asyncio
CHANGE_SECONDS = 3 * BUILD_SECONDS
CUSTOM = {
    "languageExtensionName": "PYTHON",
    "languageExtensionImageName": "PythonCustomImage",
    "languageExtensionCustomImageName": "mine",
}


async def list_extensions(emulator: EmulatorTransport) -> Any:
    response = await emulator.send("POST", "/listLanguageExtensions")
    assert response.status_code == 200
    return response.json()["value"]


async def cluster_extensions(emulator: EmulatorTransport) -> Any:
    return (await emulator.send("GET", "")).json()["properties"]["languageExtensions"]["value"]


def shown(language: str, image: str, custom: str | None = None) -> dict[str, str | None]:
    """Return an entry with the keys of the recordings of 2024-11-27 and 2026-05-18."""
    names = {"languageExtensionImageName": image, "languageExtensionCustomImageName": custom}
    return {"languageExtensionName": language, **names}


async def change_extensions(emulator: EmulatorTransport, verb: str, *entries: dict[str, str]) -> None:
    response = await emulator.send("POST", f"/{verb}LanguageExtensions", json={"value": entries})
    assert (response.status_code, response.content) == (202, b"")
    assert "Retry-After" not in response.headers
    status = (await emulator.poll(response)).json()
    assert (status["status"], status["properties"]["operationKind"]) == ("Running", "ServiceConfigurationAlter")
    assert (await emulator.send("GET", "")).json()["properties"]["provisioningState"] == "Running"
    assert (await emulator.poll(response, "Location")).status_code == 202
    emulator.clock.move(CHANGE_SECONDS)
    assert (await emulator.poll(response, "Location")).status_code == 200


async def test_extensions_are_added_replaced_and_removed() -> None:
    emulator = EmulatorTransport()
    await emulator.build("mine")
    assert await cluster_extensions(emulator) == []
    await change_extensions(emulator, "add", {"languageExtensionName": "PYTHON"}, {"languageExtensionName": "R"})
    assert await cluster_extensions(emulator) == [shown("PYTHON", "Python3_6_5"), shown("R", "R")]
    await change_extensions(
        emulator, "add", {"languageExtensionName": "python", "languageExtensionImageName": "Python3_11_7"}
    )
    assert await cluster_extensions(emulator) == [shown("PYTHON", "Python3_11_7"), shown("R", "R")]
    await change_extensions(emulator, "add", CUSTOM)
    await change_extensions(emulator, "remove", {"languageExtensionName": "r"})

    assert await cluster_extensions(emulator) == [CUSTOM]


async def test_list_of_extensions_has_names_only() -> None:
    emulator = EmulatorTransport()
    await emulator.build("mine")
    assert await list_extensions(emulator) == []
    await change_extensions(emulator, "add", CUSTOM, {"languageExtensionName": "R"})

    assert await list_extensions(emulator) == [{"languageExtensionName": "PYTHON"}, {"languageExtensionName": "R"}]


async def test_extension_change_during_a_build_fails_with_maintenance() -> None:
    emulator = EmulatorTransport()
    await emulator.put("mine")
    response = await emulator.send(
        "POST", "/addLanguageExtensions", json={"value": [{"languageExtensionName": "PYTHON"}]}
    )

    assert response.status_code == 202
    assert (await emulator.poll(response)).json()["error"]["code"] == "ServiceIsInMaintenance"
    assert await list_extensions(emulator) == []


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
async def test_invalid_extension_returns_400(entry: Any) -> None:
    response = await EmulatorTransport().send("POST", "/addLanguageExtensions", json={"value": [entry]})

    assert (response.status_code, error_body(response)["code"]) == (400, "BadRequest")


async def test_unknown_image_returns_the_observed_text() -> None:
    entry = {"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python_Custom_Image"}
    response = await EmulatorTransport().send("POST", "/addLanguageExtensions", json={"value": [entry]})

    assert error_body(response)["message"].startswith(
        "Invalid languageExtensionImageName `Python_Custom_Image`. Supported image names are: `R, Python3_6_5, "
    )


async def test_cluster_is_returned_by_get_and_both_lists() -> None:
    emulator = EmulatorTransport()
    cluster = await emulator.send("GET", "")
    assert cluster.status_code == 200
    assert cluster.headers["ETag"]
    body = cluster.json()
    assert (body["id"], body["name"]) == (emulator.cluster.replace("/clusters/", "/Clusters/"), emulator.ready.cluster)
    assert (body["location"], body["properties"]["state"]) == ("East US", "Running")

    group = emulator.cluster.rpartition("/")[0]
    subscription = f"/subscriptions/{emulator.ready.subscription}/providers/Microsoft.Kusto/clusters"
    for path in (group, subscription):
        response = await emulator.http.get(path, params={"api-version": "2024-04-13"}, headers=emulator.headers)
        assert response.json() == {"value": [body]}
