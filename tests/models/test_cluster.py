"""The cluster around the images: what is read of it, and switching an image on and off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.answers import LIST_URL, POLL_URL, SUBSCRIPTION, answer, failed, status
from support.wire import ScriptedTransport, every, opened

from kusto_magic.arm.operation import Operation
from kusto_magic.arm.subscription import list_clusters
from kusto_magic.errors import BuildFailed, Forbidden, InvalidInput, StatusUnreadable, Unreachable
from kusto_magic.models.action import Phase
from kusto_magic.models.cluster import Cluster, LanguageExtension, active_image, extensions_in

BASE = LIST_URL.partition("/sandboxCustomImages")[0]
VERSION = "?api-version=2024-04-13"
ACCEPTED = answer(b"", 202, {"azure-asyncoperation": POLL_URL, "location": POLL_URL})
CUSTOM = {
    "languageExtensionName": "PYTHON",
    "languageExtensionImageName": "PythonCustomImage",
    "languageExtensionCustomImageName": "img",
}


def cluster(*extensions: dict[str, str], provisioning: str = "Succeeded") -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/team/providers/Microsoft.Kusto/Clusters/kustoCluster",
        "location": "East US",
        "sku": {"name": "Standard_E8as_v5+1TB_PS"},
        "properties": {
            "state": "Running",
            "provisioningState": provisioning,
            "languageExtensions": {"value": list(extensions)},
        },
    }


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cluster_is_read() -> None:
    read = Cluster.from_json(cluster(CUSTOM, {"languageExtensionName": "R"}))
    assert (read.name, read.resource_group, read.location, read.state) == ("kustoCluster", "team", "East US", "Running")
    assert read.extensions == (LanguageExtension("PYTHON", "img"), LanguageExtension("R"))
    assert Cluster.from_json({"id": "odd", "properties": None}) == Cluster("odd")


@pytest.mark.parametrize("document", [None, [], {}, {"id": 5}, "x"])
def test_what_is_no_cluster_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="no cluster"):
        Cluster.from_json(document)


@pytest.mark.parametrize(
    ("entries", "active"),
    [
        ([], None),
        ([{"languageExtensionName": "R"}], None),
        ([{"languageExtensionName": "PYTHON"}], ""),
        ([{"languageExtensionName": "python", "languageExtensionImageName": "Python3_10_8"}], "Python3_10_8"),
        ([CUSTOM], "img"),
        ([{"languageExtensionName": "PYTHON", "languageExtensionImageName": "PythonCustomImage"}], ""),
        ([5, {}, CUSTOM], "img"),
        ("odd", None),
    ],
)
def test_the_active_image_is_read(entries: Any, active: str | None) -> None:
    assert active_image(extensions_in({"value": entries})) == active


@pytest.mark.parametrize(
    ("extension", "entry"),
    [
        (LanguageExtension.python("img"), CUSTOM),
        (
            LanguageExtension.python("Python3_11_7"),
            {"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python3_11_7"},
        ),
        (LanguageExtension("PYTHON"), {"languageExtensionName": "PYTHON"}),
    ],
)
def test_the_body_names_a_custom_image_as_the_service_asks(extension: LanguageExtension, entry: dict[str, str]) -> None:
    assert json.loads(extension.to_body()) == {"value": [entry]}


@pytest.mark.parametrize("name", ["python3_11_7", "..", "a/b", "", "R"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        LanguageExtension.python(name)


# ── on the wire ──────────────────────────────────────────────────────────────────────────────────────────────────


async def switched(script: ScriptedTransport, *, on: bool = True) -> list[Operation]:
    async with opened(script) as client:
        return await every(client.enable("img") if on else client.disable("img"))


@pytest.mark.asyncio
@pytest.mark.parametrize("on", [True, False])
async def test_it_is_followed_to_its_end_and_the_image_is_not_asked(on: bool) -> None:
    script = ScriptedTransport(ACCEPTED, status("Running"), status("Succeeded"))
    told = await switched(script, on=on)
    at_work = Phase.ENABLING if on else Phase.DISABLING
    assert [operation.phase for operation in told] == [Phase.SUBMITTING, at_work, at_work, Phase.SUCCEEDED]
    verb = "add" if on else "remove"
    assert script.lines == [f"POST {BASE}/{verb}LanguageExtensions{VERSION}", *[f"GET {POLL_URL}"] * 2]
    assert json.loads(script.asked[0].body)["value"] == [CUSTOM if on else {"languageExtensionName": "PYTHON"}]
    assert (told[-1].name, told[-1].image) == ("img", None)
    assert "says Azure's documentation" in told[1].note
    assert told[-1].note == ("python() runs on it now" if on else "python() is switched off")


@pytest.mark.asyncio
async def test_a_failure_carries_the_services_words() -> None:
    error = {"code": "ServiceIsInMaintenance", "message": "[Conflict] in process of maintenance"}
    told = await switched(ScriptedTransport(ACCEPTED, status("Failed", error=error)))
    assert told[-1].is_cluster_busy
    with pytest.raises(BuildFailed, match=r"enabling image 'img' failed(?s:.*)--queue"):
        told[-1].raise_for_failure()


@pytest.mark.asyncio
async def test_without_an_address_the_cluster_is_asked_until_it_shows_the_change() -> None:
    updating, old, new = cluster(provisioning="Running"), cluster(), cluster(CUSTOM)
    script = ScriptedTransport(answer(b"", 202), answer(updating), answer(old), answer(new))
    told = await switched(script)
    assert told[-1].phase is Phase.SUCCEEDED
    assert script.lines[1:] == [f"GET {BASE}{VERSION}"] * 3


@pytest.mark.asyncio
async def test_a_cluster_that_never_shows_it_ends_the_following() -> None:
    with pytest.raises(StatusUnreadable, match="the cluster does not show the change"):
        await switched(
            ScriptedTransport(answer(b"", 202), forever=answer(cluster({"languageExtensionName": "PYTHON"})))
        )


@pytest.mark.asyncio
async def test_a_refusal_names_the_action_that_is_lacking() -> None:
    action = "Microsoft.Kusto/Clusters/AddLanguageExtensions/action"
    said = f"The client 'x' does not have authorization to perform action '{action}' over scope '/s'."
    with pytest.raises(Forbidden) as refused:
        await switched(ScriptedTransport(failed(403, "AuthorizationFailed", said)))
    assert refused.value.next_step.startswith(f"ask an owner of the cluster for a role with {action} (")


@pytest.mark.asyncio
async def test_extensions_are_listed() -> None:
    script = ScriptedTransport(answer({"value": [CUSTOM]}), answer(b"<html>"))
    async with opened(script) as client:
        assert await client.extensions() == (LanguageExtension("PYTHON", "img"),)
        with pytest.raises(Unreachable, match="cannot be read"):
            await client.extensions()
    assert script.lines[0] == f"POST {BASE}/listLanguageExtensions{VERSION}"


@pytest.mark.asyncio
async def test_clusters_are_listed() -> None:
    script = ScriptedTransport(answer({"value": [cluster()]}), answer({"value": [5]}), answer({}))
    async with opened(script) as client:
        assert [found.name for found in await list_clusters(client)] == ["kustoCluster"]
        for _ in range(2):
            with pytest.raises(Unreachable, match="cannot be read"):
                await list_clusters(client)
