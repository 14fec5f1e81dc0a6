"""Microsoft's own client, unmodified, with the emulator on a real socket: an independent check of the protocol.

`python noxfile.py peer` runs these tests with each supported release of the client.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.kusto import models as versioned_models
from support.peer import Peer, served_emulator

from kusto_magic.emulator import EmulatorConfig, ReadyTarget

models: Any = versioned_models
"""Untyped, since the versions have different types for the same calls."""

HAS_BASE_IMAGES = "base_image_name" in (models.SandboxCustomImage.__init__.__kwdefaults__ or {"base_image_name": None})
"""Whether the client is newer than 3.3.0 (api-version 2023-08-15)."""

IMAGES, CLUSTERS = "sandbox_custom_images", "clusters"
pytestmark = pytest.mark.slow  # every client polls in real time


async def conflict_at_99(requirements: str, _python_version: str) -> str | None:
    return "there is no such version" if "==99" in requirements else None


@pytest.fixture
def ready() -> Iterator[ReadyTarget]:
    """Run an emulator of two clusters whose builds take 0.2 seconds."""
    with served_emulator(EmulatorConfig(build_seconds=0.2, clusters=2), conflict_at_99) as ready:
        yield ready


@pytest.fixture(params=["azure.mgmt.kusto", "azure.mgmt.kusto.aio"], ids=["sync", "aio"])
def client(request: pytest.FixtureRequest, ready: ReadyTarget) -> Iterator[Peer]:
    """Create a synchronous and an asynchronous client."""
    peer = Peer(ready, request.param)
    yield peer
    peer.close()


def scope(ready: ReadyTarget) -> tuple[str, str]:
    return ready.resource_group, ready.cluster


def image(requirements: str = "Requests\n urllib3", **given: str) -> Any:
    return models.SandboxCustomImage(
        language="Python", requirements_file_content=requirements, **(given or {"language_version": "3.10.8"})
    )


def build(client: Peer, ready: ReadyTarget, name: str, wanted: Any) -> Any:
    return client(IMAGES, "begin_create_or_update", *scope(ready), name, wanted)


def test_image_is_created_updated_read_listed_and_deleted(client: Peer, ready: ReadyTarget) -> None:
    started = time.monotonic()
    made = build(client, ready, "one", image())
    assert time.monotonic() - started >= 0.2
    assert (made.name, made.provisioning_state) == (f"{ready.cluster}/one", "Succeeded")
    assert (made.language, made.language_version) == ("PYTHON", "3.10.8")
    assert made.requirements_file_content == "Requests\n urllib3"

    replaced = build(client, ready, "one", image("Pillow"))
    assert (replaced.requirements_file_content, replaced.provisioning_state) == ("Pillow", "Succeeded")
    patched = client(IMAGES, "begin_update", *scope(ready), "one", image("anytree", language_version="3.9.7"))
    assert (patched.requirements_file_content, patched.language_version) == ("anytree", "3.9.7")

    assert client(IMAGES, "get", *scope(ready), "ONE").id == made.id
    assert [found.id for found in client(IMAGES, "list_by_cluster", *scope(ready))] == [made.id]
    client(IMAGES, "begin_delete", *scope(ready), "one")
    assert client(IMAGES, "list_by_cluster", *scope(ready)) == []
    with pytest.raises(ResourceNotFoundError) as missing:
        client(IMAGES, "get", *scope(ready), "one")
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"
    client(IMAGES, "begin_delete", *scope(ready), "one")


@pytest.mark.skipif(not HAS_BASE_IMAGES, reason="api-version 2023-08-15 has no base images")
def test_image_is_built_on_a_custom_base_image(client: Peer, ready: ReadyTarget) -> None:
    build(client, ready, "base", image(base_image_name="Python3_11_7"))
    made = build(client, ready, "top", image(base_image_name="base"))

    assert (made.base_image_name, made.provisioning_state) == ("base", "Succeeded")


def test_name_availability_is_checked(client: Peer, ready: ReadyTarget) -> None:
    build(client, ready, "taken", image())
    free, taken = (
        client(IMAGES, "check_name_availability", *scope(ready), models.SandboxCustomImagesCheckNameRequest(name=name))
        for name in ("free", "taken")
    )

    assert (free.name_available, taken.name_available) == (True, False)
    assert taken.message == "Name 'taken' is already taken. Please specify a different name"


def test_failed_build_raises_its_error(client: Peer, ready: ReadyTarget) -> None:
    with pytest.raises(HttpResponseError, match="SandboxCustomImageBuildFailed") as failed:
        build(client, ready, "bad", image("numpy==99"))
    assert "there is no such version" in str(failed.value)
    assert client(IMAGES, "get", *scope(ready), "bad").provisioning_state == "Failed"


def test_concurrent_build_fails(client: Peer, ready: ReadyTarget) -> None:
    client.begin(IMAGES, "begin_create_or_update", *scope(ready), "one", image())
    with pytest.raises(HttpResponseError, match="ServiceIsInMaintenance"):
        build(client, ready, "two", image())


def test_language_extensions_are_added_and_removed(client: Peer, ready: ReadyTarget) -> None:
    build(client, ready, "mine", image())
    fields = {"language_extension_name": "PYTHON", "language_extension_image_name": "PythonCustomImage"}
    wanted = models.LanguageExtensionsList(value=[models.LanguageExtension(**fields | custom_image("mine"))])
    client(CLUSTERS, "begin_add_language_extensions", *scope(ready), wanted)
    shown = client(CLUSTERS, "list_language_extensions", *scope(ready))
    assert [extension.language_extension_name for extension in shown] == ["PYTHON"]
    enabled = client(CLUSTERS, "get", *scope(ready)).language_extensions.value
    assert [extension.language_extension_custom_image_name for extension in enabled] == ["mine"]
    client(CLUSTERS, "begin_remove_language_extensions", *scope(ready), wanted)
    assert client(CLUSTERS, "list_language_extensions", *scope(ready)) == []
    started = time.monotonic()
    client(CLUSTERS, "begin_remove_language_extensions", *scope(ready), wanted)
    assert time.monotonic() - started < 0.6  # less than the time of a change


def custom_image(name: str) -> dict[str, str]:
    return {"language_extension_custom_image_name": name}


def test_clusters_are_read(client: Peer, ready: ReadyTarget) -> None:
    cluster = client(CLUSTERS, "get", *scope(ready))

    assert (cluster.name, cluster.state) == (ready.cluster, "Running")
    assert cluster.etag.startswith('"20')
    assert (cluster.engine_type, cluster.public_ip_type, cluster.enable_auto_stop) == ("V3", "IPv4", True)
    assert cluster.identity.type == "SystemAssigned"
    for found in (client(CLUSTERS, "list"), client(CLUSTERS, "list_by_resource_group", ready.resource_group)):
        assert [each.name for each in found] == [ready.cluster, "fleet001"]


def test_cluster_is_created_changed_stopped_started_and_deleted(client: Peer, ready: ReadyTarget) -> None:
    group, name = ready.resource_group, "created"
    body = models.Cluster(
        location="West Europe", sku=models.AzureSku(name="Standard_L8s_v3", tier="Standard", capacity=2)
    )
    made = client(CLUSTERS, "begin_create_or_update", group, name, body)
    assert (made.name, made.location, made.state) == (name, "West Europe", "Running")
    again = client(CLUSTERS, "begin_create_or_update", group, name, body)
    assert (again.id, again.provisioning_state) == (made.id, "Succeeded")
    changed = client(CLUSTERS, "begin_update", group, name, models.ClusterUpdate(tags={"a": "b"}))
    assert (changed.tags, changed.sku.name) == ({"a": "b"}, "Standard_L8s_v3")
    same = client(CLUSTERS, "begin_update", group, name, models.ClusterUpdate(tags={"a": "b"}))
    assert same.etag == changed.etag
    for operation, state in (("begin_stop", "Stopped"), ("begin_start", "Running")):
        client(CLUSTERS, operation, group, name)
        assert client(CLUSTERS, "get", group, name).state == state
    taken = models.ClusterCheckNameRequest(name=name)
    assert client(CLUSTERS, "check_name_availability", "West Europe", taken).name_available is False
    client(CLUSTERS, "begin_delete", group, name)
    assert client(CLUSTERS, "check_name_availability", "West Europe", taken).name_available is True


def test_every_operation_of_images_extensions_and_clusters_runs(client: Peer, ready: ReadyTarget) -> None:
    """What the tests above do, and the rest; an operation of the client that is called nowhere fails this test."""
    test_image_is_created_updated_read_listed_and_deleted(client, ready)
    test_name_availability_is_checked(client, ready)
    test_language_extensions_are_added_and_removed(client, ready)
    test_clusters_are_read(client, ready)
    test_cluster_is_created_changed_stopped_started_and_deleted(client, ready)
    other = client(CLUSTERS, "get", ready.resource_group, "fleet001").id
    client(CLUSTERS, "begin_migrate", *scope(ready), models.ClusterMigrateRequest(cluster_resource_id=other))
    follower = models.FollowerDatabaseDefinition(cluster_resource_id=other, attached_database_configuration_name="none")
    client(CLUSTERS, "begin_detach_follower_databases", *scope(ready), follower)
    assert client(CLUSTERS, "list_follower_databases", *scope(ready)) == []
    assert client(CLUSTERS, "begin_diagnose_virtual_network", *scope(ready)).findings == []
    endpoints = client(CLUSTERS, "list_outbound_network_dependencies_endpoints", *scope(ready))
    assert endpoints[0].endpoints[0].endpoint_details[0].port == 443
    lists_skus(client, ready)
    if ("clusters", "list_callout_policies") in client.offered():
        changes_callout_policies(client, ready)
        assert client(CLUSTERS, "list_follower_databases_get", *scope(ready)) == []
    names = {operation.name for operation in client("operations", "list")}
    assert "Microsoft.Kusto/Clusters/SandboxCustomImages/write" in names
    reads_operations(client, ready)

    assert client.offered() - client.called == set()


def lists_skus(client: Peer, ready: ReadyTarget) -> None:
    everywhere, here = client(CLUSTERS, "list_skus"), client("skus", "list", "East US")
    assert {sku.name for sku in everywhere} == {sku.name for sku in here}
    assert {place for sku in here for place in sku.locations} == {"eastus"}
    of_cluster = client(CLUSTERS, "list_skus_by_resource", *scope(ready))
    assert {each.sku.name for each in of_cluster} == {sku.name for sku in here}
    assert of_cluster[-1].capacity.minimum == 2


def changes_callout_policies(client: Peer, ready: ReadyTarget) -> None:
    policy = models.CalloutPolicy(callout_uri_regex="*", callout_type="sandbox_artifacts", outbound_access="Allow")
    client(CLUSTERS, "begin_add_callout_policies", *scope(ready), models.CalloutPoliciesList(value=[policy]))
    shown = client(CLUSTERS, "list_callout_policies", *scope(ready))
    assert [(each.callout_id, each.callout_type) for each in shown] == [("*_sandbox_artifacts", "sandbox_artifacts")]
    removed = models.CalloutPolicyToRemove(callout_id="*_sandbox_artifacts")
    client(CLUSTERS, "begin_remove_callout_policy", *scope(ready), removed)
    assert client(CLUSTERS, "list_callout_policies", *scope(ready)) == []


def reads_operations(client: Peer, ready: ReadyTarget) -> None:
    running = client.begin(IMAGES, "begin_create_or_update", *scope(ready), "polled", image())
    result = client("operations_results", "get", "East US", running)
    assert (result.name, result.status, result.operation_kind) == (
        running,
        "Running",
        "SandboxCustomImageCreateOrUpdateCommand",
    )
    assert client("operations_results_location", "get", "East US", running) is None
    with pytest.raises(ResourceNotFoundError, match="is not found"):
        client("operations_results", "get", "East US", str(uuid.uuid4()))
