"""The emulator with many clusters: each by itself, one state file for all."""

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
from support.emulated import BUILD, EmulatorTransport, error_of, on_disk

from kusto_magic.emulator import EmulatorConfig
from kusto_magic.emulator.store import Store

pytestmark = pytest.mark.asyncio
BEFORE = """
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
"""A state file as it was made while there was one cluster: an image, a build under way, an extension."""


def fleet_of(count: int) -> EmulatorTransport:
    return EmulatorTransport(EmulatorConfig(build_seconds=BUILD, clusters=count))


async def names_in(wire: EmulatorTransport, cluster: str) -> list[str]:
    listed = (await wire.at(cluster).send("GET", "/sandboxCustomImages")).json()["value"]
    return [image["name"] for image in listed]


async def test_names_regions_and_tags_are_fixed_and_follow_azure_s_rule() -> None:
    wire = fleet_of(9)
    listed = await wire.http.get(
        f"/subscriptions/{wire.ready.subscription}/providers/Microsoft.Kusto/clusters",
        params={"api-version": "2024-04-13"},
        headers=wire.headers,
    )
    found = listed.json()["value"]

    assert [it["name"] for it in found[:3]] == ["emulatedcluster", "fleet001", "fleet002"]
    assert all(re.fullmatch("[a-z][a-z0-9]{3,21}", it["name"]) for it in found)
    assert [it["location"] for it in found[:4]] == ["East US", "West Europe", "Australia East", "East US"]
    assert [it["name"] for it in found if it["tags"]["environment"] == "test"] == ["fleet003", "fleet007"]
    for it in found:
        alone = await wire.at(it["name"].upper()).send("GET", "")
        assert alone.json() == it
        assert f"{it['name']}.{it['location'].replace(' ', '').lower()}.kusto" in it["properties"]["uri"]


async def test_a_cluster_beyond_the_last_does_not_exist() -> None:
    assert (await fleet_of(3).at("fleet002").send("GET", "")).status_code == 200
    missing = await fleet_of(3).at("fleet003").put("a")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "ResourceNotFound")
    assert "Microsoft.Kusto/clusters/fleet003" in error_of(missing)["message"]


async def test_two_hundred_clusters_build_at_once_and_ask_the_resolver_once() -> None:
    asked: list[tuple[str, str]] = []

    async def slow(requirements: str, python_version: str) -> str | None:
        asked.append((requirements, python_version))
        await asyncio.sleep(0)
        return None

    wire = EmulatorTransport(EmulatorConfig(build_seconds=BUILD, clusters=200), resolver=slow)
    clusters = [it.name for it in wire.config.fleet]
    answers = await asyncio.gather(*(wire.at(name).put("img") for name in clusters))
    assert {answer.status_code for answer in answers} == {201}
    assert {(await wire.follow(answer)).json()["status"] for answer in answers} == {"Running"}

    wire.clock.move(BUILD)
    done = [(await wire.follow(answer)).json() for answer in answers]
    assert {it["status"] for it in done} == {"Succeeded"}
    assert len({it["name"] for it in done}) == 200
    assert asked == [("Pillow", "3.10.8")]
    assert [await names_in(wire, name) for name in clusters] == [[f"{name}/img"] for name in clusters]


async def test_different_texts_are_asked_each_for_itself_and_a_failure_is_its_own() -> None:
    async def picky(requirements: str, _python_version: str) -> str | None:
        return "does not fit" if requirements == "bad" else None

    wire = EmulatorTransport(EmulatorConfig(build_seconds=BUILD, clusters=3), resolver=picky)
    texts = {"emulatedcluster": "bad", "fleet001": "good", "fleet002": "bad"}
    answers = {
        name: await wire.at(name).put("img", languageVersion="3.10.8", requirementsFileContent=text)
        for name, text in texts.items()
    }
    wire.clock.move(BUILD)

    statuses = {name: (await wire.follow(answer)).json()["status"] for name, answer in answers.items()}
    assert statuses == {"emulatedcluster": "Failed", "fleet001": "Succeeded", "fleet002": "Failed"}


async def test_one_change_at_a_time_is_the_rule_of_each_cluster() -> None:
    wire = fleet_of(2)
    await wire.put("a")
    other = await wire.at("fleet001").put("a")
    second = await wire.at("fleet001").put("b")

    assert (await wire.follow(other)).json()["status"] == "Running"
    refused = (await wire.follow(second)).json()["error"]
    assert refused["code"] == "ServiceIsInMaintenance"
    assert "Cluster 'fleet001' is in process of maintenance" in refused["message"]


async def test_extensions_are_those_of_their_cluster_and_shown_in_the_list() -> None:
    wire = fleet_of(3)
    extension = {"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python3_11_7"}
    await wire.at("fleet001").send("POST", "/addLanguageExtensions", json={"value": [extension]})
    group = wire.cluster.rpartition("/")[0]

    async def shown() -> list[tuple[str, int]]:
        listed = await wire.http.get(group, params={"api-version": "2024-04-13"}, headers=wire.headers)
        each = [it["properties"] for it in listed.json()["value"]]
        return [(it["provisioningState"], len(it["languageExtensions"]["value"])) for it in each]

    assert await shown() == [("Succeeded", 0), ("Running", 0), ("Succeeded", 0)]
    wire.clock.move(3 * BUILD)
    assert await shown() == [("Succeeded", 0), ("Succeeded", 1), ("Succeeded", 0)]


async def test_a_poll_url_carries_the_region_of_its_cluster_and_works_there_alone() -> None:
    wire = fleet_of(2)
    answer = await wire.at("fleet001").put("a")
    url = answer.headers["Azure-AsyncOperation"]
    status = await wire.follow(answer)
    elsewhere = await wire.http.get(url.replace("West%20Europe", "East%20US"), headers=wire.headers)

    assert "/locations/West%20Europe/operationResults/" in url
    assert "/locations/West Europe/operationresults/" in status.json()["id"]
    assert "/westeurope/" in status.headers["x-ms-operation-identifier"]
    assert elsewhere.status_code == 404


async def test_a_file_of_the_time_of_one_cluster_keeps_what_it_holds(tmp_path: Path) -> None:
    config = replace(on_disk(tmp_path), clusters=2)
    assert config.state is not None
    with closing(sqlite3.connect(config.state)) as old:
        old.executescript(BEFORE)
    wire = EmulatorTransport(config)

    assert await names_in(wire, "emulatedcluster") == ["emulatedcluster/Mine", "emulatedcluster/new"]
    assert await names_in(wire, "fleet001") == []
    shown = (await wire.send("GET", "")).json()["properties"]["languageExtensions"]
    assert shown == {"value": [{"languageExtensionName": "PYTHON"}]}
    path = f"/subscriptions/{wire.ready.subscription}/providers/Microsoft.Kusto/locations/eastus/operationResults/"
    url = f"{path}0b5e1e55-0000-4000-8000-000000000001?api-version=2024-04-13"
    assert (await wire.http.get(url, headers=wire.headers)).json()["status"] == "Succeeded"
    await wire.at("fleet001").built("Mine")
    again = wire.restarted()
    assert await names_in(again, "fleet001") == ["fleet001/Mine"]
    assert await names_in(again, "emulatedcluster") == ["emulatedcluster/Mine", "emulatedcluster/new"]


async def test_a_file_of_a_newer_version_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 7")
    before = path.read_bytes()

    with pytest.raises(sqlite3.DatabaseError, match="version 7, made by a newer kusto_magic"):
        Store(path, "emulatedcluster")
    assert path.read_bytes() == before


async def test_a_migration_that_cannot_be_done_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(BEFORE + "CREATE TABLE old_extensions (x);")

    with pytest.raises(sqlite3.OperationalError, match="old_extensions"):
        Store(path, "emulatedcluster")
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("SELECT count(*) FROM images WHERE key = 'mine'").fetchone() == (1,)


async def test_a_smaller_fleet_leaves_what_the_file_holds_of_a_larger_one(tmp_path: Path) -> None:
    large = EmulatorTransport(replace(on_disk(tmp_path), clusters=3))
    answer = await large.at("fleet002").put("a")
    small = EmulatorTransport(replace(large.config, clusters=1), large.clock)
    large.clock.move(BUILD)

    assert (await small.follow(answer)).status_code == 404
    assert await names_in(small, "emulatedcluster") == []
    assert (await large.restarted().follow(answer)).json()["status"] == "Succeeded"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("there", [True, False], ids=["an old file", "a new file"])
async def test_the_state_is_its_owner_s_alone(tmp_path: Path, *, there: bool) -> None:
    config = on_disk(tmp_path)
    assert config.state is not None
    if there:
        config.state.touch(mode=0o644)
    EmulatorTransport(config)

    assert stat.S_IMODE(config.state.stat().st_mode) == 0o600
