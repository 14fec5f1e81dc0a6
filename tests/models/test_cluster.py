"""Clusters: parsing, and enabling and disabling images."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.arm_responses import LIST_URL, POLL_URL, SUBSCRIPTION, error_response, make_response, status_response
from support.scripted_transport import ScriptedTransport, collect, open_client

from kusto_magic.arm.operation import Operation
from kusto_magic.errors import (
    BuildFailedError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnexpectedStateError,
    UnreachableError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import (
    NO_EXTENSIONS,
    NO_IMAGE_NAME,
    ActiveImage,
    Cluster,
    LanguageExtension,
    PythonOff,
    PythonState,
    UnknownImage,
)
from kusto_magic.program_hints import PROGRAM

BASE = LIST_URL.partition("/sandboxCustomImages")[0]
VERSION = "?api-version=2024-04-13"
ACCEPTED = make_response(b"", 202, {"azure-asyncoperation": POLL_URL, "location": POLL_URL})
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


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cluster_from_json_reads_all_fields() -> None:
    read = Cluster.from_json(cluster(CUSTOM, {"languageExtensionName": "R"}))
    assert (read.name, read.resource_group, read.location, read.state) == ("kustoCluster", "team", "East US", "Running")
    assert read.extensions == (LanguageExtension("PYTHON", "img"), LanguageExtension("R"))
    assert read.python == ActiveImage("img")
    assert Cluster.from_json({"id": "odd", "properties": None}) == Cluster("odd")


@pytest.mark.parametrize("document", [None, [], {}, {"id": 5}, "x"])
def test_cluster_from_json_raises_value_error(document: object) -> None:
    with pytest.raises(ValueError, match="not a cluster"):
        Cluster.from_json(document)


def python_entry(image: str | None, custom: str | None = None) -> dict[str, str | None]:
    """Return an entry as recorded on 2024-11-27 and 2026-05-18: with all three keys."""
    names = {"languageExtensionImageName": image, "languageExtensionCustomImageName": custom}
    return {"languageExtensionName": "PYTHON", **names}


R_ENTRY = {**python_entry("R"), "languageExtensionName": "R"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], PythonOff()),
        ([R_ENTRY], PythonOff()),
        ([R_ENTRY, python_entry("Python3_6_5")], ActiveImage("Python3_6_5")),
        ([python_entry("PythonCustomImage", "img")], ActiveImage("img")),
        ([python_entry("pythoncustomimage", "img")], ActiveImage("img")),
        ([python_entry("PythonCustomImage", "kustoCluster/img")], ActiveImage("img")),
        ([python_entry(None, "img")], ActiveImage("img")),
        ([python_entry("Python3_10_8", "Python3_10_8")], ActiveImage("Python3_10_8")),
        (
            [{"languageExtensionName": "python", "languageExtensionImageName": "Python3_10_8"}],
            ActiveImage("Python3_10_8"),
        ),
        ([5, {}, CUSTOM], ActiveImage("img")),
        ([{"languageExtensionName": "PYTHON"}], NO_IMAGE_NAME),
        ([python_entry(None)], NO_IMAGE_NAME),
        ([python_entry("PythonCustomImage")], NO_IMAGE_NAME),
        ([R_ENTRY, 5], NO_EXTENSIONS),
        ("odd", NO_EXTENSIONS),
        (None, NO_EXTENSIONS),
    ],
)
def test_python_of_a_cluster_is_off_an_image_or_unknown(entries: Any, expected: PythonState) -> None:
    document = cluster()
    document["properties"]["languageExtensions"]["value"] = entries
    assert Cluster.from_json(document).python == expected


@pytest.mark.parametrize("properties", [{}, {"languageExtensions": None}, {"languageExtensions": []}])
def test_python_is_unknown_if_the_cluster_does_not_list_its_extensions(properties: dict[str, Any]) -> None:
    assert Cluster.from_json({"id": "x", "properties": properties}).python == NO_EXTENSIONS


def test_python_state_is_shown_as_text() -> None:
    assert [str(state) for state in (PythonOff(), ActiveImage("img"), UnknownImage("no"))] == ["off", "img", "unknown"]


def test_text_of_an_unknown_image_has_the_reason_and_what_to_do() -> None:
    assert UnknownImage("no").text(PROGRAM) == "Which image queries use is unknown: no."
    for state in (NO_EXTENSIONS, NO_IMAGE_NAME):
        assert state.text(PROGRAM) == f"{UnknownImage(state.reason).text(PROGRAM)} {PROGRAM.text(state.hint)}"
        assert state.reason in state.text(PROGRAM)
        assert state.text(PROGRAM).endswith(".")


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
def test_to_body_names_the_image(extension: LanguageExtension, entry: dict[str, str]) -> None:
    assert json.loads(extension.to_body()) == {"value": [entry]}


@pytest.mark.parametrize("name", ["python3_11_7", "..", "a/b", "", "R"])
def test_language_extension_raises_invalid_input_for_an_invalid_name(name: str) -> None:
    with pytest.raises(InvalidInputError):
        LanguageExtension.python(name)


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def switched(script: ScriptedTransport, *, on: bool = True) -> list[Operation]:
    async with open_client(script) as client:
        return await collect(client.enable_stream("img") if on else client.disable_stream("img"))


@pytest.mark.asyncio
@pytest.mark.parametrize("on", [True, False])
async def test_enable_and_disable_poll_the_operation_but_not_the_image(on: bool) -> None:
    script = ScriptedTransport(ACCEPTED, status_response("Running"), status_response("Succeeded"))
    operations = await switched(script, on=on)
    at_work = BuildState.ENABLING if on else BuildState.DISABLING
    assert [operation.state for operation in operations] == [
        BuildState.SUBMITTING,
        at_work,
        at_work,
        BuildState.ENABLED if on else BuildState.DISABLED,
    ]
    verb = "add" if on else "remove"
    assert script.request_lines == [f"POST {BASE}/{verb}LanguageExtensions{VERSION}", *[f"GET {POLL_URL}"] * 2]
    assert json.loads(script.requests[0].body)["value"] == [CUSTOM if on else {"languageExtensionName": "PYTHON"}]
    assert (operations[-1].name, operations[-1].image) == ("img", None)
    info = ACTIONS[Action.ENABLE if on else Action.DISABLE]
    assert operations[1].note == info.documented_duration
    assert ("60 minutes" if on else "30 minutes") in operations[1].note
    assert operations[-1].note == info.success_note


@pytest.mark.asyncio
async def test_failure_contains_the_service_error() -> None:
    error = {"code": "ServiceIsInMaintenance", "message": "[Conflict] in process of maintenance"}
    operations = await switched(ScriptedTransport(ACCEPTED, status_response("Failed", error=error)))
    assert operations[-1].is_cluster_busy
    with pytest.raises(BuildFailedError, match="enabling image 'img'") as failed:
        operations[-1].raise_for_failure()
    assert failed.value.hint == Hint(HintKind.WAIT_FOR_CLUSTER)


@pytest.mark.asyncio
async def test_without_operation_url_the_cluster_is_polled() -> None:
    updating, old, new = cluster(provisioning="Running"), cluster(), cluster(CUSTOM)
    script = ScriptedTransport(make_response(b"", 202), make_response(updating), make_response(old), make_response(new))
    operations = await switched(script)
    assert operations[-1].state is BuildState.ENABLED
    assert script.request_lines[1:] == [f"GET {BASE}{VERSION}"] * 3


@pytest.mark.asyncio
async def test_cluster_that_never_shows_the_change_raises_status_unreadable() -> None:
    with pytest.raises(UnexpectedStateError, match=r"cluster .*HTTP 200"):
        await switched(
            ScriptedTransport(
                make_response(b"", 202), default=make_response(cluster({"languageExtensionName": "PYTHON"}))
            )
        )


@pytest.mark.asyncio
async def test_forbidden_names_the_missing_action() -> None:
    action = "Microsoft.Kusto/Clusters/AddLanguageExtensions/action"
    message = f"The client 'x' does not have authorization to perform action '{action}' over scope '/s'."
    with pytest.raises(ForbiddenError) as refused:
        await switched(ScriptedTransport(error_response(403, "AuthorizationFailed", message)))
    assert refused.value.hint == Hint(HintKind.ASK_FOR_ROLE, values=(action,))


@pytest.mark.asyncio
async def test_extensions_and_active_read_the_cluster() -> None:
    script = ScriptedTransport(default=make_response(cluster(CUSTOM)))
    async with open_client(script) as client:
        assert await client.extensions() == (LanguageExtension("PYTHON", "img"),)
        assert await client.active() == ActiveImage("img")
    assert script.request_lines == [f"GET {BASE}{VERSION}"] * 2


@pytest.mark.asyncio
async def test_unreadable_cluster_is_unknown_to_active_and_unreachable_to_extensions() -> None:
    script = ScriptedTransport(default=make_response(b"<html>"))
    async with open_client(script) as client:
        active = await client.active()
        assert isinstance(active, UnknownImage)
        assert active.hint == Hint(HintKind.RETRY)
        assert "cannot be read" in active.reason
        with pytest.raises(UnreachableError, match="cannot be read"):
            await client.extensions()


@pytest.mark.asyncio
async def test_active_is_unknown_with_the_missing_action_if_the_cluster_may_not_be_read() -> None:
    action = "Microsoft.Kusto/Clusters/read"
    message = f"The client 'x' does not have authorization to perform action '{action}' over scope '/s'."
    script = ScriptedTransport(error_response(403, "AuthorizationFailed", message), error_response(404))
    async with open_client(script) as client:
        active = await client.active()
        assert isinstance(active, UnknownImage)
        assert f"AuthorizationFailed: {message}" in active.reason
        assert active.hint == Hint(HintKind.ASK_FOR_ROLE, values=(action,))
        with pytest.raises(NotFoundError, match="no cluster"):
            await client.active()
