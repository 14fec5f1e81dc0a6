"""Microsoft's client for JavaScript, @azure/arm-kusto 8.1.0, unmodified, with the emulator on a real socket.

Not part of the default run, since the client is an npm package: `python noxfile.py peer_javascript`. ARM_KUSTO names
the folder with its `node_modules`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.peer import served_emulator

from kusto_magic.emulator import EmulatorConfig

TIMEOUT_S = 120.0
PROGRAM = Path(__file__).with_suffix(".cjs")


async def conflict_at_99(requirements: str, _python_version: str) -> str | None:
    return "there is no such version" if "==99" in requirements else None


@pytest.fixture(scope="module")
def document() -> Any:
    """Return the results of all operations by name, and the operations that were not called."""
    node = shutil.which("node")
    assert node is not None, "Node.js is not installed"
    with served_emulator(EmulatorConfig(build_seconds=0.2, clusters=2), conflict_at_99) as ready:
        target = {
            "endpoint": ready.endpoint,
            "token": ready.token,
            "subscription": ready.subscription,
            "group": ready.resource_group,
            "cluster": ready.cluster,
            "other": f"/subscriptions/{ready.subscription}/resourceGroups/{ready.resource_group}"
            "/providers/Microsoft.Kusto/Clusters/fleet001",
        }
        command = [node, str(PROGRAM), os.environ["ARM_KUSTO"]]
        run = subprocess.run(
            command, input=json.dumps(target), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


def test_every_operation_is_called(document: Any) -> None:
    assert document["forgotten"] == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "created",
            {"language": "PYTHON", "languageVersion": "3.10.8", "requirementsFileContent": "Requests\n urllib3"},
        ),
        ("replaced", {"requirementsFileContent": "Pillow", "provisioningState": "Succeeded"}),
        ("patched", {"requirementsFileContent": "anytree", "name": "emulatedcluster/one"}),
        ("got", {"requirementsFileContent": "anytree", "provisioningState": "Succeeded"}),
        ("taken", {"nameAvailable": False}),
        ("missing", {"code": "ResourceNotFound", "status": 404}),
        ("cluster", {"state": "Running", "engineType": "V3", "publicIPType": "IPv4"}),
        ("newCluster", {"name": "created", "location": "West Europe", "provisioningState": "Succeeded"}),
        ("changedCluster", {"tags": {"a": "b"}, "provisioningState": "Succeeded"}),
        ("stoppedCluster", {"state": "Stopped"}),
        ("takenCluster", {"nameAvailable": False}),
        ("diagnosis", {"findings": []}),
        ("noOperation", {"code": "ResourceNotFound", "status": 404}),
        ("noLocation", {"code": "ResourceNotFound", "status": 404}),
    ],
)
def test_result_has_the_expected_values(document: Any, key: str, expected: dict[str, Any]) -> None:
    result = document["results"][key]
    assert {name: result.get(name) for name in expected} == expected


def test_failed_build_has_its_error(document: Any) -> None:
    assert "there is no such version" in document["results"]["failed"]["message"]


def test_operations_without_a_result_end(document: Any) -> None:
    results = document["results"]
    keys = ("enabled", "disabled", "deleted", "stopped", "started", "deletedCluster", "migrated", "detached")
    assert {key: results[key] for key in keys if "status" in (results[key] or {})} == {}


def test_lists_have_their_items(document: Any) -> None:
    results = document["results"]
    assert [image["name"] for image in results["listed"]] == ["emulatedcluster/one"]
    assert [extension["languageExtensionName"] for extension in results["extensions"]] == ["PYTHON"]
    assert (results["noExtensions"], results["followers"]) == ([], [])
    names = ["emulatedcluster", "fleet001"]
    assert [cluster["name"] for cluster in results["clusters"]] == [*names, "created"]
    assert [cluster["name"] for cluster in results["clustersOfGroup"]] == names
    assert {sku["name"] for sku in results["skus"]} == {sku["name"] for sku in results["skusOfRegion"]}
    assert {each["sku"]["name"] for each in results["skusOfCluster"]} == {sku["name"] for sku in results["skus"]}
    assert results["endpoints"][0]["endpoints"][0]["endpointDetails"] == [{"port": 443}]
    assert "Microsoft.Kusto/Clusters/read" in [operation["name"] for operation in results["operations"]]
