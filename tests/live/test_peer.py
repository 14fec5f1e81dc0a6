"""Microsoft's own client, unmodified, with the emulator on a real socket: an independent check of the protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import HeadersPolicy
from azure.mgmt.kusto import KustoManagementClient
from azure.mgmt.kusto import models as versioned_models

from kusto_magic.emulator import EmulatorConfig, ReadyTarget, create_app
from kusto_magic.emulator.server import bind

models: Any = versioned_models
"""Untyped, since versions 3.4 and 4.0 have different types for the same calls."""

QUICK: dict[str, Any] = {"polling_interval": 0}
pytestmark = pytest.mark.slow  # every client polls in real time
START_DEADLINE = 20.0


class NoCredential:
    """The credential that the client requires; never called, since the policy adds the token."""

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("the emulator's own token is used")


async def conflict_at_99(requirements: str, _python_version: str) -> str | None:
    return "there is no such version" if "==99" in requirements else None


@pytest.fixture
def ready() -> Iterator[ReadyTarget]:
    """Run an emulator whose builds take 0.2 seconds."""
    listener = bind(0)
    config = EmulatorConfig(port=listener.getsockname()[1], build_seconds=0.2)
    app = create_app(config, resolver=conflict_at_99)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", loop="asyncio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield config.ready
    finally:
        server.should_exit = True
        thread.join(START_DEADLINE)
        listener.close()


@pytest.fixture
def client(ready: ReadyTarget) -> Iterator[KustoManagementClient]:
    """Create a client that gets its token from a header policy, since it rejects bearer tokens over http."""
    made = KustoManagementClient(
        NoCredential(),
        ready.subscription,
        base_url=ready.endpoint,
        authentication_policy=HeadersPolicy({"Authorization": f"Bearer {ready.token}"}),
        use_env_settings=False,
    )
    with made as client:
        yield client


def scope(ready: ReadyTarget) -> tuple[str, str]:
    return ready.resource_group, ready.cluster


def image(requirements: str = "Requests\n urllib3", **given: str) -> Any:
    return models.SandboxCustomImage(
        language="Python", requirements_file_content=requirements, **(given or {"language_version": "3.10.8"})
    )


def build(client: KustoManagementClient, ready: ReadyTarget, name: str, wanted: Any) -> Any:
    return client.sandbox_custom_images.begin_create_or_update(*scope(ready), name, wanted, **QUICK).result()


def test_image_is_created_updated_read_listed_and_deleted(client: KustoManagementClient, ready: ReadyTarget) -> None:
    images = client.sandbox_custom_images
    started = time.monotonic()
    made = build(client, ready, "one", image())
    assert time.monotonic() - started >= 0.2
    assert (made.name, made.provisioning_state) == (f"{ready.cluster}/one", "Succeeded")
    assert (made.language, made.language_version) == ("PYTHON", "3.10.8")
    assert made.requirements_file_content == "Requests\n urllib3"

    replaced = build(client, ready, "one", image("Pillow"))
    assert (replaced.requirements_file_content, replaced.provisioning_state) == ("Pillow", "Succeeded")
    patched = images.begin_update(*scope(ready), "one", image("anytree", language_version="3.9.7"), **QUICK).result()
    assert (patched.requirements_file_content, patched.language_version) == ("anytree", "3.9.7")

    assert images.get(*scope(ready), "ONE").id == made.id
    assert [found.id for found in images.list_by_cluster(*scope(ready))] == [made.id]
    images.begin_delete(*scope(ready), "one", **QUICK).result()
    assert list(images.list_by_cluster(*scope(ready))) == []
    with pytest.raises(ResourceNotFoundError) as missing:
        images.get(*scope(ready), "one")
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"
    images.begin_delete(*scope(ready), "one", **QUICK).result()


def test_image_is_built_on_a_custom_base_image(client: KustoManagementClient, ready: ReadyTarget) -> None:
    build(client, ready, "base", image(base_image_name="Python3_11_7"))
    made = build(client, ready, "top", image(base_image_name="base"))

    assert (made.base_image_name, made.provisioning_state) == ("base", "Succeeded")


def test_name_availability_is_checked(client: KustoManagementClient, ready: ReadyTarget) -> None:
    build(client, ready, "taken", image())
    check = client.sandbox_custom_images.check_name_availability
    free, taken = (
        check(*scope(ready), models.SandboxCustomImagesCheckNameRequest(name=name)) for name in ("free", "taken")
    )

    assert (free.name_available, taken.name_available) == (True, False)
    assert taken.message == "Name 'taken' is already taken. Please specify a different name"


def test_failed_build_raises_its_error(client: KustoManagementClient, ready: ReadyTarget) -> None:
    with pytest.raises(HttpResponseError, match="SandboxCustomImageBuildFailed") as failed:
        build(client, ready, "bad", image("numpy==99"))
    assert "there is no such version" in str(failed.value)
    assert client.sandbox_custom_images.get(*scope(ready), "bad").provisioning_state == "Failed"


def test_concurrent_build_fails(client: KustoManagementClient, ready: ReadyTarget) -> None:
    first = client.sandbox_custom_images.begin_create_or_update(*scope(ready), "one", image(), **QUICK)
    with pytest.raises(HttpResponseError, match="ServiceIsInMaintenance"):
        build(client, ready, "two", image())
    assert first.result().provisioning_state == "Succeeded"


def test_language_extensions_are_added_and_removed(client: KustoManagementClient, ready: ReadyTarget) -> None:
    build(client, ready, "mine", image())
    fields = {"language_extension_name": "PYTHON", "language_extension_image_name": "PythonCustomImage"}
    python = models.LanguageExtension(**fields, language_extension_custom_image_name="mine")
    clusters = client.clusters
    wanted = models.LanguageExtensionsList(value=[python])
    clusters.begin_add_language_extensions(*scope(ready), wanted, **QUICK).result()
    listed = list(clusters.list_language_extensions(*scope(ready)))
    names = [(entry.language_extension_name, entry.language_extension_custom_image_name) for entry in listed]
    assert names == [("PYTHON", None)]
    [shown] = clusters.get(*scope(ready)).language_extensions.value
    assert (shown.language_extension_image_name, shown.language_extension_custom_image_name) == (
        "PythonCustomImage",
        "mine",
    )
    clusters.begin_remove_language_extensions(*scope(ready), wanted, **QUICK).result()
    assert list(clusters.list_language_extensions(*scope(ready))) == []


def test_cluster_is_read(client: KustoManagementClient, ready: ReadyTarget) -> None:
    cluster = client.clusters.get(*scope(ready))

    assert (cluster.name, cluster.state) == (ready.cluster, "Running")
    assert [found.id for found in client.clusters.list()] == [cluster.id]
    assert [found.id for found in client.clusters.list_by_resource_group(ready.resource_group)] == [cluster.id]
