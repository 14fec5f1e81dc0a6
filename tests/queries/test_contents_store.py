"""What was read from clusters is kept in files, and without them in memory."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.arm_responses import TARGET

from kusto_magic.models.cluster_contents import (
    MAX_PACKAGES,
    NOTHING_READ,
    BaseList,
    ClusterContents,
    SandboxPolicy,
)
from kusto_magic.models.inventory import Inventory
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.queries.contents_store import FOLDER, ContentsStore

READ_AT = datetime(2026, 11, 26, tzinfo=UTC)
CONTENTS = ClusterContents(
    (BaseList("Python3_11_7", {"numpy": "1.0"}, READ_AT, "3.11.7"),), SandboxPolicy(2048, READ_AT)
)
LATER = ClusterContents((BaseList("Python3_11_7", {"numpy": "2.0"}, READ_AT + timedelta(hours=1), "3.11.7"),))
OTHER = replace(TARGET, cluster="another")


def test_contents_are_kept_by_cluster(tmp_path: Path) -> None:
    assert ContentsStore(tmp_path).update(TARGET, CONTENTS) == ""
    assert ContentsStore(tmp_path).read(TARGET) == CONTENTS
    assert ContentsStore(tmp_path).read(OTHER) == NOTHING_READ


def test_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    store = ContentsStore(tmp_path)
    store.update(TARGET, CONTENTS)
    store.update(TARGET, LATER)
    assert store.read(TARGET).base("Python3_11_7").packages == {"numpy": "2.0"}
    assert len([*(tmp_path / FOLDER).iterdir()]) == 1


def test_readings_of_two_processes_are_both_kept(tmp_path: Path) -> None:
    other = ClusterContents((BaseList("Python3_10_8", {"six": "1.0"}, READ_AT, "3.10.8"),))
    one, two = ContentsStore(tmp_path), ContentsStore(tmp_path)
    one.update(TARGET, LATER)
    two.update(TARGET, other)
    two.update(TARGET, CONTENTS)
    found = ContentsStore(tmp_path).read(TARGET)
    assert found.base("Python3_10_8").packages == {"six": "1.0"}
    assert found.base("Python3_11_7").packages == {"numpy": "2.0"}, "the earlier reading ended later"


def test_list_or_everything_is_forgotten(tmp_path: Path) -> None:
    store = ContentsStore(tmp_path)
    store.update(TARGET, CONTENTS)
    assert store.forget(TARGET, "Python3_11_7") == ""
    assert store.read(TARGET) == ClusterContents(policy=CONTENTS.policy)
    store.update(TARGET, CONTENTS)
    assert store.forget(TARGET, "") == ""
    assert ContentsStore(tmp_path).read(TARGET) == NOTHING_READ


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    ContentsStore(tmp_path / "new").update(TARGET, CONTENTS)
    folder = tmp_path / "new" / FOLDER
    [file] = folder.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cluster": "another"}', '{"lists": []}'])
def test_damaged_file_or_that_of_another_cluster_has_no_contents(tmp_path: Path, text: str) -> None:
    ContentsStore(tmp_path).update(TARGET, CONTENTS)
    [file] = (tmp_path / FOLDER).iterdir()
    file.write_text(text)
    assert ContentsStore(tmp_path).read(TARGET) == NOTHING_READ


def test_what_cannot_be_written_is_kept_until_the_process_ends(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    store = ContentsStore(tmp_path)
    assert "cannot be written" in store.update(TARGET, CONTENTS)
    assert store.read(TARGET) == CONTENTS
    assert ContentsStore(tmp_path).read(TARGET) == NOTHING_READ
    (tmp_path / FOLDER).unlink()
    ContentsStore(tmp_path).update(TARGET, LATER)
    assert store.read(TARGET).base("Python3_11_7").packages == {"numpy": "2.0"}, "what another process has read later"
    assert store.update(TARGET, NOTHING_READ) == "", "it is tried again"
    assert ContentsStore(tmp_path).read(TARGET).policy == CONTENTS.policy


def test_largest_list_of_each_image_can_be_read_again(tmp_path: Path) -> None:
    held = {f"{'p' * 90}{number}": "1" + ".0" * 49 for number in range(MAX_PACKAGES)}
    lists = [BaseList.of_inventory(it.name, Inventory(it.python, "", held), READ_AT) for it in MANAGED_IMAGES.values()]
    assert ContentsStore(tmp_path).update(TARGET, ClusterContents(tuple(lists))) == ""
    found = ContentsStore(tmp_path).read(TARGET)
    assert [len(found.base(name).packages) for name in MANAGED_IMAGES] == [MAX_PACKAGES] * len(MANAGED_IMAGES)


def test_store_without_a_folder_keeps_contents_in_memory() -> None:
    store = ContentsStore(None)
    assert store.update(TARGET, CONTENTS) != ""
    assert store.read(TARGET) == CONTENTS
    assert store.forget(TARGET, "") == ""
    assert store.read(TARGET) == NOTHING_READ
