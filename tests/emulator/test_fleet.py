"""Tests of the emulator with several clusters in one state file."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport, error_body, persistent_config

from kusto_magic.emulator import EmulatorConfig
from kusto_magic.emulator.store import Store

pytestmark = pytest.mark.asyncio
VERSION_0 = """
CREATE TABLE images (
  key TEXT PRIMARY KEY, name TEXT NOT NULL, language TEXT NOT NULL, state TEXT NOT NULL,
  language_version TEXT, base_image TEXT, requirements TEXT) STRICT;
CREATE TABLE operations (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, activity TEXT NOT NULL, started INTEGER NOT NULL,
  ends INTEGER NOT NULL, status TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, verdict TEXT) STRICT;
CREATE TABLE extensions (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO images VALUES ('mine', 'Mine', 'Python', 'Succeeded', '3.10.8', NULL, 'pint');
INSERT INTO images VALUES ('new', 'new', 'Python', 'Creating', '3.10.8', NULL, 'pint');
INSERT INTO operations VALUES (
  '0b5e1e55-0000-4000-8000-000000000001', 'SandboxCustomImageCreateOrUpdateCommand', 'new', 'activity',
  17327090000000000, 17327092810000000, 'Running', '', '', '');
INSERT INTO extensions VALUES ('PYTHON', '{"languageExtensionName": "PYTHON"}');
INSERT INTO facts VALUES ('signing key', 'of before');
"""
"""A state file of schema version 0, from before there were fleets: an image, a running build, an extension."""


def emulate_fleet(count: int) -> EmulatorTransport:
    return EmulatorTransport(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=count))


async def image_names(emulator: EmulatorTransport, cluster: str) -> list[str]:
    listed = (await emulator.for_cluster(cluster).send("GET", "/sandboxCustomImages")).json()["value"]
    return [image["name"] for image in listed]


async def test_names_regions_and_tags_are_deterministic_and_valid() -> None:
    emulator = emulate_fleet(9)
    listed = await emulator.http.get(
        f"/subscriptions/{emulator.ready.subscription}/providers/Microsoft.Kusto/clusters",
        params={"api-version": "2024-04-13"},
        headers=emulator.headers,
    )
    found = listed.json()["value"]

    assert [cluster["name"] for cluster in found[:3]] == ["emulatedcluster", "fleet001", "fleet002"]
    assert all(re.fullmatch("[a-z][a-z0-9]{3,21}", cluster["name"]) for cluster in found)
    assert [cluster["location"] for cluster in found[:4]] == ["East US", "West Europe", "Australia East", "East US"]
    assert [cluster["name"] for cluster in found if cluster["tags"]["environment"] == "test"] == [
        "fleet003",
        "fleet007",
    ]
    for cluster in found:
        alone = await emulator.for_cluster(cluster["name"].upper()).send("GET", "")
        assert alone.json() == cluster
        properties, region = cluster["properties"], cluster["location"].replace(" ", "").lower()
        assert properties["uri"] == f"{emulator.ready.endpoint}/clusters/{cluster['name']}"
        assert f"{cluster['name']}.{region}.kusto" in properties["dataIngestionUri"]


async def test_cluster_outside_the_fleet_returns_404() -> None:
    assert (await emulate_fleet(3).for_cluster("fleet002").send("GET", "")).status_code == 200
    missing = await emulate_fleet(3).for_cluster("fleet003").put("a")
    assert (missing.status_code, error_body(missing)["code"]) == (404, "ResourceNotFound")
    assert "Microsoft.Kusto/clusters/fleet003" in error_body(missing)["message"]


@pytest.mark.slow
async def test_200_concurrent_builds_share_one_resolver_call() -> None:
    calls: list[tuple[str, str]] = []

    async def slow(requirements: str, python_version: str) -> str | None:
        calls.append((requirements, python_version))
        await asyncio.sleep(0)
        return None

    emulator = EmulatorTransport(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=200), resolver=slow)
    clusters = [cluster.name for cluster in emulator.config.fleet]
    responses = await asyncio.gather(*(emulator.for_cluster(name).put("img") for name in clusters))
    assert {response.status_code for response in responses} == {201}
    assert {(await emulator.poll(response)).json()["status"] for response in responses} == {"Running"}

    emulator.clock.move(BUILD_SECONDS)
    done = [(await emulator.poll(response)).json() for response in responses]
    assert {operation["status"] for operation in done} == {"Succeeded"}
    assert len({operation["name"] for operation in done}) == 200
    assert calls == [("Pillow", "3.10.8")]
    assert [await image_names(emulator, name) for name in clusters] == [[f"{name}/img"] for name in clusters]


async def test_different_requirements_are_resolved_separately() -> None:
    async def conflict_if_bad(requirements: str, _python_version: str) -> str | None:
        return "conflict" if requirements == "bad" else None

    emulator = EmulatorTransport(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=3), resolver=conflict_if_bad)
    texts = {"emulatedcluster": "bad", "fleet001": "good", "fleet002": "bad"}
    responses = {
        name: await emulator.for_cluster(name).put("img", languageVersion="3.10.8", requirementsFileContent=text)
        for name, text in texts.items()
    }
    emulator.clock.move(BUILD_SECONDS)

    statuses = {name: (await emulator.poll(response)).json()["status"] for name, response in responses.items()}
    assert statuses == {"emulatedcluster": "Failed", "fleet001": "Succeeded", "fleet002": "Failed"}


async def test_each_cluster_allows_one_change_at_a_time() -> None:
    emulator = emulate_fleet(2)
    await emulator.put("a")
    other = await emulator.for_cluster("fleet001").put("a")
    second = await emulator.for_cluster("fleet001").put("b")

    assert (await emulator.poll(other)).json()["status"] == "Running"
    refused = (await emulator.poll(second)).json()["error"]
    assert refused["code"] == "ServiceIsInMaintenance"
    assert "Cluster 'fleet001'" in refused["message"]


@pytest.mark.slow
async def test_extensions_belong_to_one_cluster_and_are_listed() -> None:
    emulator = emulate_fleet(3)
    extension = {"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python3_11_7"}
    await emulator.for_cluster("fleet001").send("POST", "/addLanguageExtensions", json={"value": [extension]})
    group = emulator.cluster.rpartition("/")[0]

    async def shown() -> list[tuple[str, int]]:
        listed = await emulator.http.get(group, params={"api-version": "2024-04-13"}, headers=emulator.headers)
        each = [cluster["properties"] for cluster in listed.json()["value"]]
        return [(one["provisioningState"], len(one["languageExtensions"]["value"])) for one in each]

    assert await shown() == [("Succeeded", 0), ("Running", 0), ("Succeeded", 0)]
    emulator.clock.move(3 * BUILD_SECONDS)
    assert await shown() == [("Succeeded", 0), ("Succeeded", 1), ("Succeeded", 0)]


async def test_poll_url_is_valid_only_in_the_region_of_its_cluster() -> None:
    emulator = emulate_fleet(2)
    response = await emulator.for_cluster("fleet001").put("a")
    url = response.headers["Azure-AsyncOperation"]
    status = await emulator.poll(response)
    elsewhere = await emulator.http.get(url.replace("West%20Europe", "East%20US"), headers=emulator.headers)

    assert "/locations/West%20Europe/operationResults/" in url
    assert "/locations/West Europe/operationresults/" in status.json()["id"]
    assert elsewhere.status_code == 404


async def test_version_0_file_is_migrated_without_loss(tmp_path: Path) -> None:
    config = replace(persistent_config(tmp_path), clusters=2)
    assert config.state is not None
    with closing(sqlite3.connect(config.state)) as old:
        old.executescript(VERSION_0)
    emulator = EmulatorTransport(config)

    assert await image_names(emulator, "emulatedcluster") == ["emulatedcluster/Mine", "emulatedcluster/new"]
    assert await image_names(emulator, "fleet001") == []
    shown = (await emulator.send("GET", "")).json()["properties"]["languageExtensions"]
    names = {"languageExtensionImageName": "Python3_6_5", "languageExtensionCustomImageName": None}
    assert shown == {"value": [{"languageExtensionName": "PYTHON", **names}]}
    path = f"/subscriptions/{emulator.ready.subscription}/providers/Microsoft.Kusto/locations/eastus/operationResults/"
    url = f"{path}0b5e1e55-0000-4000-8000-000000000001?api-version=2024-04-13"
    assert (await emulator.http.get(url, headers=emulator.headers)).json()["status"] == "Succeeded"
    await emulator.for_cluster("fleet001").build("Mine")
    restarted = emulator.restart()
    assert await image_names(restarted, "fleet001") == ["fleet001/Mine"]
    assert await image_names(restarted, "emulatedcluster") == ["emulatedcluster/Mine", "emulatedcluster/new"]


async def test_newer_file_raises_and_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 7")
    before = path.read_bytes()

    with pytest.raises(sqlite3.DatabaseError, match=r"newer .*schema version 7"):
        Store(path, "emulatedcluster")
    assert path.read_bytes() == before


async def test_failed_migration_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(VERSION_0 + "CREATE TABLE old_extensions (x);")

    with pytest.raises(sqlite3.OperationalError, match="old_extensions"):
        Store(path, "emulatedcluster")
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("SELECT count(*) FROM images WHERE key = 'mine'").fetchone() == (1,)


async def test_smaller_fleet_keeps_the_rows_of_a_larger_one(tmp_path: Path) -> None:
    large = EmulatorTransport(replace(persistent_config(tmp_path), clusters=3))
    response = await large.for_cluster("fleet002").put("a")
    small = EmulatorTransport(replace(large.config, clusters=1), large.clock)
    large.clock.move(BUILD_SECONDS)

    assert (await small.poll(response)).status_code == 404
    assert await image_names(small, "emulatedcluster") == []
    assert (await large.restart().poll(response)).json()["status"] == "Succeeded"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("exists", [True, False], ids=["existing file", "new file"])
async def test_state_file_is_readable_by_its_owner_only(tmp_path: Path, *, exists: bool) -> None:
    config = persistent_config(tmp_path)
    assert config.state is not None
    if exists:
        config.state.touch(mode=0o644)
    EmulatorTransport(config)

    assert stat.S_IMODE(config.state.stat().st_mode) == 0o600
