"""What was read from clusters is kept in files, and without them in memory."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.arm_responses import TARGET

from kusto_magic.models.cluster_contents import NOTHING_READ, BaseList, ClusterContents, SandboxPolicy
from kusto_magic.queries.contents_store import FOLDER, ContentsStore

READ_AT = datetime(2026, 11, 26, tzinfo=UTC)
CONTENTS = ClusterContents((BaseList("Python3_11_7", {"numpy": "1.0"}, READ_AT),), SandboxPolicy(2048, READ_AT))
OTHER = replace(TARGET, cluster="another")


def test_contents_are_kept_by_cluster(tmp_path: Path) -> None:
    assert ContentsStore(tmp_path).save(TARGET, CONTENTS) == ""
    assert ContentsStore(tmp_path).read(TARGET) == CONTENTS
    assert ContentsStore(tmp_path).read(OTHER) == NOTHING_READ


def test_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    store = ContentsStore(tmp_path)
    store.save(TARGET, CONTENTS)
    store.save(TARGET, NOTHING_READ)
    assert store.read(TARGET) == NOTHING_READ
    assert len([*(tmp_path / FOLDER).iterdir()]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    ContentsStore(tmp_path / "new").save(TARGET, CONTENTS)
    folder = tmp_path / "new" / FOLDER
    [file] = folder.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cluster": "another"}', '{"lists": []}'])
def test_damaged_file_or_that_of_another_cluster_has_no_contents(tmp_path: Path, text: str) -> None:
    ContentsStore(tmp_path).save(TARGET, CONTENTS)
    [file] = (tmp_path / FOLDER).iterdir()
    file.write_text(text)
    assert ContentsStore(tmp_path).read(TARGET) == NOTHING_READ


def test_what_cannot_be_written_is_kept_until_the_process_ends(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    store = ContentsStore(tmp_path)
    assert "cannot be written" in store.save(TARGET, CONTENTS)
    assert store.read(TARGET) == CONTENTS
    assert ContentsStore(tmp_path).read(TARGET) == NOTHING_READ


def test_store_without_a_folder_keeps_contents_in_memory() -> None:
    store = ContentsStore(None)
    assert store.save(TARGET, CONTENTS) != ""
    assert store.read(TARGET) == CONTENTS
