"""The clusters that the user has added or removed, in their file and in the list."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.arm_responses import TARGET
from support.environment import EmulatedEnvironment

from kusto_magic.errors import EmulatorError
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.server.build_watcher import BuildWatcher
from kusto_magic.server.clusters import ClusterDirectory, with_id
from kusto_magic.server.saved_clusters import FILE_NAME, SavedClusters, SavedClustersError

OTHER = replace(TARGET, cluster="other")


def test_added_and_removed_clusters_are_kept_in_the_file(tmp_path: Path) -> None:
    saved = SavedClusters(tmp_path / "new")
    saved.add(TARGET)
    saved.add(OTHER)
    saved.remove(TARGET)
    again = SavedClusters(tmp_path / "new")
    assert (again.added(), again.removed()) == ((OTHER,), frozenset({TARGET.key}))
    again.add(TARGET)
    assert (saved.added(), saved.removed()) == ((OTHER, TARGET), frozenset())
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE_NAME]
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "new" / FILE_NAME).stat().st_mode) == 0o600


def test_without_a_folder_clusters_are_kept_until_the_end() -> None:
    saved = SavedClusters(None)
    saved.add(TARGET)
    assert saved.added() == (TARGET,)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"added": 5, "removed": {}}', '{"added": [5, {"cluster": "x"}], "removed": [5]}', "[" * 10**6],
)
def test_damaged_file_counts_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    saved = SavedClusters(tmp_path)
    assert (saved.added(), saved.removed()) == ((), frozenset())


def test_invalid_entries_are_ignored(tmp_path: Path) -> None:
    valid = {name: getattr(TARGET, name) for name in ("subscription", "resource_group", "cluster", "endpoint")}
    entries = [{**valid, "endpoint": "http://evil.example"}, {**valid, "cluster": "a/b"}, valid]
    (tmp_path / FILE_NAME).write_text(json.dumps({"added": entries}), encoding="utf-8")
    assert SavedClusters(tmp_path).added() == (TARGET,)


def test_file_that_cannot_be_written_raises(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SavedClustersError, match="cannot be written"):
        SavedClusters(tmp_path / "file").add(TARGET)


def test_list_has_added_clusters_and_no_removed_ones_unless_something_changes_there() -> None:
    directory = ClusterDirectory([lambda: TARGET], SavedClusters(None))
    assert directory.all([OTHER]) == [with_id(TARGET), with_id(OTHER)]
    directory.remove(OTHER)
    directory.remove(TARGET)
    assert directory.all([OTHER]) == []
    assert directory.get(with_id(OTHER).id) == OTHER
    assert directory.all([OTHER], busy=[OTHER]) == [with_id(OTHER)]
    directory.add(OTHER)
    assert directory.all([]) == [with_id(OTHER)]


@pytest.mark.asyncio
async def test_removed_cluster_is_listed_while_a_build_runs_there(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    watcher = BuildWatcher(environment.builds(), sources=[lambda: environment.target], clock=environment.clock)
    [cluster] = await watcher.clusters()
    await watcher.remove_cluster(cluster.id)
    assert await watcher.clusters() == []
    await watcher.create(cluster.id, "img", ImageSpec("humanize\n", base_image="Python3_11_7"))
    assert await watcher.clusters() == [cluster]


@pytest.mark.asyncio
async def test_failed_start_of_the_emulator_adds_nothing(environment: EmulatedEnvironment) -> None:
    def fail() -> Target:
        raise EmulatorError("no port")

    watcher = BuildWatcher(environment.builds(), sources=[], start_emulator=fail)
    with pytest.raises(EmulatorError):
        await watcher.use_emulator()
    assert await watcher.clusters() == []
