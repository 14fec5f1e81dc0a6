"""`read_base` with a scripted Resource Manager and a scripted cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.arm_responses import TARGET
from support.scripted_cluster import Cluster, rows, service
from support.scripted_transport import ScriptedTransport, open_client

from kusto_magic.errors import ForbiddenError, NotActiveError, QueryError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster_contents import NOTHING_READ, SandboxPolicy
from kusto_magic.queries.contents_store import ContentsStore
from kusto_magic.queries.live_base import LiveBase, read_base
from kusto_magic.service_fault import ServiceFault

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 26, tzinfo=UTC)
BASE = "Python3_11_7"
FORBIDDEN = ForbiddenError("no rights", status=403, fault=ServiceFault())


def policies(memory: int) -> str:
    return json.dumps([{"SandboxKind": "PythonExecution", "MaxMemoryMbPerSandbox": memory}])


@pytest.fixture
def store(tmp_path: Path) -> ContentsStore:
    return ContentsStore(tmp_path)


async def read(
    store: ContentsStore, cluster: Cluster, arm: ScriptedTransport | None = None, name: str = "", database: str = ""
) -> LiveBase:
    async with open_client(arm or service(BASE)) as client:
        return await read_base(client, name, database, store, NOW, cluster)


async def test_packages_and_policy_are_read_and_kept(store: ContentsStore) -> None:
    cluster = Cluster(rows("3.11.9", numpy="9.9"), policy=policies(2048))
    found = await read(store, cluster)
    assert (found.listed.image, found.listed.python, found.listed.platform) == (BASE, "3.11.9", "Windows-10")
    assert (found.listed.packages, found.database) == ({"numpy": "9.9", "humanize": "4.9.0"}, "Samples")
    assert (found.policy, found.policy_reason, found.unsaved) == (SandboxPolicy(2048, NOW), "", "")
    kept = store.read(TARGET)
    assert (kept.base(BASE), kept.policy) == (found.listed, found.policy)


async def test_policy_that_may_not_be_read_leaves_what_is_known(store: ContentsStore) -> None:
    await read(store, Cluster(policy=policies(2048)))
    found = await read(store, Cluster(policy=FORBIDDEN))
    assert (found.policy, found.policy_reason) == (None, "no rights")
    assert store.read(TARGET).policy.memory == 2048


@pytest.mark.parametrize("policy", ["{", "[3]", '[{"SandboxKind": "PythonExecution"}]', "[" * 100_000])
async def test_policy_that_cannot_be_read_is_not_believed(store: ContentsStore, policy: str) -> None:
    found = await read(store, Cluster(policy=policy))
    assert (found.policy, found.policy_reason) == (None, "the response to the query cannot be read")


@pytest.mark.parametrize("policy", ["null", "", "[]"])
async def test_cluster_without_a_policy_has_the_default(store: ContentsStore, policy: str) -> None:
    assert (await read(store, Cluster(policy=policy))).policy == SandboxPolicy(1024, NOW)


async def test_database_can_be_named(store: ContentsStore) -> None:
    cluster = Cluster()
    await read(store, cluster, database="Mine")
    assert [query.database for query in cluster.queries if not query.is_management] == ["Mine"]


@pytest.mark.parametrize(
    ("active", "name", "message", "hint"),
    [
        ("img", "", "custom image 'img', and only a managed image", Hint(HintKind.ENABLE_IMAGE)),
        ("on-base", "", "custom image 'on-base'", Hint(HintKind.ENABLE_BEFORE, BASE)),
        ("img", BASE, f"image '{BASE}' cannot be read: queries use image 'img'", Hint(HintKind.ENABLE_BEFORE, BASE)),
        (None, "", "python\\(\\) is off", Hint(HintKind.ENABLE_IMAGE)),
    ],
)
async def test_only_an_active_managed_image_is_read_but_the_policy_is_kept(
    store: ContentsStore, active: str | None, name: str, message: str, hint: Hint
) -> None:
    images: Mapping[str, Any] = {
        "img": {"requirementsFileContent": "", "languageVersion": "3.10.8"},
        "on-base": {"requirementsFileContent": "", "baseImageName": BASE, "languageVersion": None},
    }
    cluster = Cluster(policy=policies(2048))
    with pytest.raises(NotActiveError, match=message) as caught:
        await read(store, cluster, service(active, images=images), name)
    assert caught.value.hint == hint
    kept = store.read(TARGET)
    assert (kept.lists, kept.policy.memory) == ((), 2048)
    assert all(query.is_management for query in cluster.queries)


async def test_failed_query_changes_nothing_but_the_policy(store: ContentsStore) -> None:
    with pytest.raises(QueryError):
        await read(store, Cluster(QueryError("it failed", fault=ServiceFault()), policy=FORBIDDEN))
    assert store.read(TARGET) == NOTHING_READ
