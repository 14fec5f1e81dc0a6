"""Tests of ChangeLog: a page that merges the changes has the same list as the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.server.change_log import MAX_REMOVED, ChangeLog, Changes

Sources = Mapping[str, object]


def empty() -> ChangeLog[str]:
    return ChangeLog()


def updated(log: ChangeLog[str], sources: Sources, warning: str = "") -> ChangeLog[str]:
    """Return the log after an update; the value of a build is its source as text."""
    return log.update(sources, lambda id_, _number: f"{id_}={sources[id_]}", warning)


class Page:
    """What a page does: it merges the changes and keeps the builds sorted by their numbers."""

    def __init__(self) -> None:
        self.revision = ""
        self._builds: dict[str, tuple[int, str]] = {}

    def merge(self, changes: Changes[str]) -> None:
        self.revision = changes.revision
        kept = {} if changes.complete else self._builds
        added = {entry.id: (entry.number, entry.value) for entry in changes.entries}
        self._builds = {id_: found for id_, found in (kept | added).items() if id_ not in changes.removed}

    def values(self) -> list[str]:
        return [value for _, value in sorted(self._builds.values(), reverse=True)]


ids = st.lists(st.sampled_from("abcdef"), unique=True)
sources = ids.flatmap(lambda found: st.tuples(*(st.integers(0, 2) for _ in found)).map(lambda n: dict(zip(found, n))))  # noqa: B905


@pytest.mark.slow
@given(st.lists(st.tuples(sources, st.booleans())))
def test_merged_changes_are_the_listed_builds_in_their_order(steps: list[tuple[dict[str, int], bool]]) -> None:
    log, page = empty(), Page()
    for found, is_asked in steps:
        log = updated(log, found)
        if is_asked:
            page.merge(log.since(page.revision))
            assert page.values() == [f"{id_}={found[id_]}" for id_ in found]


def test_only_changed_builds_are_rendered_and_returned() -> None:
    rendered: list[str] = []

    def render(id_: str, _number: int) -> str:
        rendered.append(id_)
        return id_

    log = empty().update({"b": 1, "a": 1}, render)
    before = log.revision
    log = log.update({"c": 1, "b": 2, "a": 1}, render)
    assert rendered == ["a", "b", "b", "c"]
    changes = log.since(before)
    assert ([entry.id for entry in changes.entries], changes.removed, changes.complete) == (["c", "b"], (), False)
    assert log.since(log.revision).entries == ()


def test_equal_builds_keep_the_log_and_its_revision() -> None:
    log = updated(empty(), {"a": 1})
    assert updated(log, {"a": 1}) is log


def test_another_warning_is_a_change() -> None:
    log = updated(empty(), {"a": 1})
    warned = updated(log, {"a": 1}, "disk full")
    changes = warned.since(log.revision)
    assert (changes.warning, changes.entries, changes.revision != log.revision) == ("disk full", (), True)


def test_build_that_is_no_longer_listed_is_removed_until_it_is_listed_again() -> None:
    log = updated(empty(), {"b": 1, "a": 1})
    before = log.revision
    log = updated(log, {"b": 1})
    assert log.since(before).removed == ("a",)
    assert log.since(log.revision).removed == ()
    log = updated(log, {"a": 1, "b": 1})
    assert (log.since(before).removed, [entry.id for entry in log.since(before).entries]) == ((), ["a"])


@pytest.mark.parametrize(
    "revision",
    [
        "",
        "0",
        "-",
        "{epoch}",
        "{epoch}-",
        "{epoch}-3",
        "{epoch}--1",
        "{epoch}-x",
        "{epoch}-²",
        "00000000-1",
        "9" * 9999,
    ],
)
def test_unknown_revision_gets_all_builds(revision: str) -> None:
    log = updated(updated(empty(), {"a": 1}), {"a": 2})
    changes = log.since(revision.format(epoch=log.epoch))
    assert (changes.complete, [entry.id for entry in changes.entries]) == (True, ["a"])


def test_revision_of_another_run_gets_all_builds() -> None:
    first, second = (updated(empty(), {"a": 1}) for _ in range(2))
    assert second.since(first.revision).complete
    assert not replace(second, epoch=first.epoch).since(first.revision).complete


def test_removed_ids_are_forgotten_and_older_revisions_get_all_builds() -> None:
    log = updated(empty(), {"a": 1})
    revisions = []
    for number in range(MAX_REMOVED + 10):
        log = updated(log, {f"b{number}": 1})
        revisions.append(log.revision)
    assert len(log.removed) == MAX_REMOVED
    assert [log.since(revision).complete for revision in revisions[:11]] == [True] * 9 + [False] * 2
    assert len(log.since(revisions[9]).removed) == MAX_REMOVED
