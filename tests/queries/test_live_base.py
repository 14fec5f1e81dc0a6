"""`read_base` with a scripted Resource Manager and a scripted cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.arm_responses import TARGET
from support.scripted_cluster import Cluster, cluster_response, rows, service
from support.scripted_transport import ScriptedTransport, open_client

from kusto_magic.errors import ForbiddenError, NotActiveError, QueryError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster_contents import DEFAULT_POLICY, NOTHING_READ, SandboxPolicy
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
        return await read_base(client, name, database, store, lambda: NOW, cluster)


async def test_packages_and_policy_are_read_and_kept(store: ContentsStore) -> None:
    cluster = Cluster(rows("3.11.9", numpy="9.9"), policy=policies(2048))
    found = await read(store, cluster)
    assert (found.listed.image, found.listed.python, found.listed.platform) == (BASE, "3.11.9", "Windows-10")
    assert (found.listed.packages, found.database) == ({"numpy": "9.9", "humanize": "4.9.0"}, "Samples")
    assert (found.policy, found.policy_reason, found.unsaved) == (SandboxPolicy(2048, NOW), "", "")
    kept = store.read(TARGET)
    assert (kept.base(BASE), kept.policy) == (found.listed, found.policy)


async def test_policy_that_may_not_be_read_leaves_what_is_known(store: ContentsStore) -> None:
    await read(store, Cluster(rows("3.11.7"), policy=policies(2048)))
    found = await read(store, Cluster(rows("3.11.7"), policy=FORBIDDEN))
    assert (found.policy.memory, found.policy_reason) == (2048, "no rights")
    assert store.read(TARGET).policy.memory == 2048


@pytest.mark.parametrize("policy", ["{", "[3]", policies(0), "[" * 100_000])
async def test_policy_that_cannot_be_read_is_not_believed(store: ContentsStore, policy: str) -> None:
    found = await read(store, Cluster(rows("3.11.7"), policy=policy))
    assert (found.policy, found.policy_reason) == (DEFAULT_POLICY, "the response to the query cannot be read")


@pytest.mark.parametrize("policy", ["null", "", "[]"])
async def test_cluster_without_a_policy_has_the_default(store: ContentsStore, policy: str) -> None:
    assert (await read(store, Cluster(rows("3.11.7"), policy=policy))).policy == SandboxPolicy(1024, NOW)


async def test_database_can_be_named(store: ContentsStore) -> None:
    cluster = Cluster(rows("3.11.7"))
    await read(store, cluster, database="Mine")
    assert [query.database for query in cluster.queries if not query.is_management] == ["Mine"]


async def test_command_that_is_not_needed_has_a_short_limit(store: ContentsStore) -> None:
    cluster = Cluster(rows("3.11.7"))
    await read(store, cluster)
    assert {query.text.split()[1]: query.timeout for query in cluster.queries if query.is_management} == {
        "cluster": 30,
        "databases": 300,
    }


IMAGES: Mapping[str, Any] = {
    "img": {"requirementsFileContent": "", "languageVersion": "3.10.8"},
    "on-base": {"requirementsFileContent": "", "baseImageName": BASE, "languageVersion": None},
}


@pytest.mark.parametrize(
    ("active", "hint"),
    [("img", Hint(HintKind.ENABLE_IMAGE)), ("on-base", Hint(HintKind.ENABLE_BEFORE, BASE))],
)
async def test_custom_image_is_not_read_but_the_policy_is_kept(store: ContentsStore, active: str, hint: Hint) -> None:
    cluster = Cluster(policy=policies(2048))
    message = f"queries use custom image '{active}', and only a managed image can be read; the sandbox policy was read"
    with pytest.raises(NotActiveError, match=message) as caught:
        await read(store, cluster, service(active, images=IMAGES))
    assert caught.value.hint == hint
    kept = store.read(TARGET)
    assert (kept.lists, kept.policy.memory) == ((), 2048)
    assert all(query.is_management for query in cluster.queries)


@pytest.mark.parametrize(
    ("active", "name", "message", "hint"),
    [
        ("img", BASE, f"image '{BASE}' cannot be read: queries use image 'img'", Hint(HintKind.ENABLE_BEFORE, BASE)),
        (None, "", "python\\(\\) is off", Hint(HintKind.ENABLE_IMAGE)),
    ],
)
async def test_nothing_is_sent_if_no_query_can_name_the_packages(
    store: ContentsStore, active: str | None, name: str, message: str, hint: Hint
) -> None:
    cluster = Cluster(policy=policies(2048))
    with pytest.raises(NotActiveError, match=message) as caught:
        await read(store, cluster, service(active, images=IMAGES), name)
    assert caught.value.hint == hint
    assert cluster.queries == []


@pytest.mark.parametrize("held", [rows("3.10.8"), rows("3.11.7")[:2]])
async def test_answer_of_another_sandbox_is_not_kept(store: ContentsStore, held: Any) -> None:
    """One that was started before the image was enabled, or one without packages."""
    with pytest.raises(QueryError, match="nothing was kept") as caught:
        await read(store, Cluster(held))
    assert caught.value.hint == Hint(HintKind.WAIT_A_MINUTE)
    assert store.read(TARGET).lists == ()


async def test_list_is_not_kept_if_another_image_was_enabled_meanwhile(store: ContentsStore) -> None:
    arm = ScriptedTransport(cluster_response(BASE), cluster_response("Python3_10_8"))
    with pytest.raises(NotActiveError, match=f"queries changed from image '{BASE}' to another one"):
        await read(store, Cluster(rows("3.11.7"), policy=FORBIDDEN), arm)
    assert store.read(TARGET) == NOTHING_READ


async def test_failed_query_changes_nothing_but_the_policy(store: ContentsStore) -> None:
    with pytest.raises(QueryError):
        await read(store, Cluster(QueryError("it failed", fault=ServiceFault()), policy=FORBIDDEN))
    assert store.read(TARGET) == NOTHING_READ
