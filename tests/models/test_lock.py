"""Locks: the digest, differences between two locks, dates, the JSON of the history."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.locking import package

from kusto_magic.models.lock import Lock, LockedPackage, cutoff_time, lock_from_json, lock_json

LOCK = Lock(
    "3.11.7",
    "Windows x64",
    "# web\nrequests==2.31.0\n",
    (package("requests", "2.31.0"), package("urllib3", "2.2.1")),
    "mine",
    "Python3_11_7",
    ("ab" * 32,),
    "2024-06-30",
)


def test_digest_is_stable() -> None:
    assert LOCK.digest == replace(LOCK).digest
    assert LOCK.digest.startswith("sha256:")
    known = Lock("3.11.7", "Windows x64", "six\n", (LockedPackage("six", "1.16.0", sha256="ab" * 32),))
    assert known.digest == "sha256:8b04e29b37cdafa5df0a9d64a0823f9c532905b214a32783005d52cfc5571290"


@pytest.mark.parametrize(
    "change",
    [
        {"python": "3.11.8"},
        {"platform": "Linux x64"},
        {"requirements": "# web\nrequests==2.31.0"},
        {"requirements": "# web\r\nrequests==2.31.0\r\n"},
        {"base_image": "other"},
        {"managed": "Python3_11_7_DL"},
        {"layers": ()},
        {"layers": ("cd" * 32,)},
        {"packages": LOCK.packages[:1]},
        {"packages": (*LOCK.packages, package("six", "1.16.0"))},
        {"packages": (LOCK.packages[0], package("urllib3", "2.2.2"))},
        {"packages": (LOCK.packages[0], package("urllib3", "2.2.1", content="other"))},
    ],
)
def test_digest_and_differences_show_each_change(change: dict[str, Any]) -> None:
    other = replace(LOCK, **change)
    assert other.digest != LOCK.digest
    assert len(LOCK.differences(other)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"exclude_newer": ""},
        {"packages": LOCK.packages[::-1]},
        {"packages": tuple(replace(it, url="https://other.example/x.whl", size=7) for it in LOCK.packages)},
    ],
)
def test_digest_ignores_what_does_not_determine_the_image(change: dict[str, Any]) -> None:
    assert replace(LOCK, **change).digest == LOCK.digest


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"base_image": ""}, "base: mine in the lock, Python 3.11.7 now"),
        ({"layers": ()}, "base: mine has been built from other requirements since"),
        ({"python": "3.10.8"}, "Python: 3.11.7 in the lock, 3.10.8 now"),
        ({"exclude_newer": ""}, "releases until: 2024-06-30 in the lock, no limit now"),
        (
            {"requirements": "# web\nrequests\n"},
            "requirements: line 2 is 'requests==2.31.0' in the lock, 'requests' now",
        ),
        ({"requirements": "# web\n"}, "requirements: line 2 is 'requests==2.31.0' in the lock, missing now"),
        (
            {"requirements": "# web\r\nrequests==2.31.0\n"},
            "requirements: the line endings or the byte order mark are not those of the lock",
        ),
        ({"packages": LOCK.packages[:1]}, "urllib3: 2.2.1 in the lock, not needed now"),
        ({"packages": (*LOCK.packages, package("six", "1.16.0"))}, "six: not in the lock, 1.16.0 now"),
        ({"packages": (LOCK.packages[0], package("urllib3", "2.3"))}, "urllib3: 2.2.1 in the lock, 2.3 now"),
        (
            {"packages": (LOCK.packages[0], package("urllib3", "2.2.1", content="x"))},
            "urllib3 2.2.1: the hash of urllib3-2.2.1-py3-none-any.whl is not that of the lock",
        ),
        (
            {"packages": (LOCK.packages[0], LockedPackage("urllib3", "2.2.1", in_base=True))},
            "urllib3 2.2.1: urllib3-2.2.1-py3-none-any.whl in the lock, no wheel now",
        ),
    ],
)
def test_difference_says_what_was_locked_and_what_is_found(change: dict[str, Any], expected: str) -> None:
    assert LOCK.differences(replace(LOCK, **change)) == (expected,)


def test_equal_locks_have_no_differences() -> None:
    assert LOCK.differences(replace(LOCK, packages=LOCK.packages[::-1])) == ()


def test_many_differences_are_counted() -> None:
    other = replace(LOCK, packages=tuple(package(f"p{number}", "1") for number in range(50)))
    found = LOCK.differences(other)
    assert len(found) == 21
    assert found[-1] == "32 more"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-06-30", "2024-07-01T00:00:00Z"),
        ("2024-12-31", "2025-01-01T00:00:00Z"),
        ("2024-06-30T12:00:00Z", "2024-06-30T12:00:00Z"),
        ("2024-06-30t12:00:00z", "2024-06-30T12:00:00Z"),
        ("2024-06-30T12:00:00+02:00", "2024-06-30T10:00:00Z"),
        ("2024-06-30T12:00:00.5Z", "2024-06-30T12:00:00.500000Z"),
    ],
)
def test_cutoff_is_a_time_in_utc(value: str, expected: str) -> None:
    assert cutoff_time(value) == expected


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "2024-6-30", "2024-06-31", "2024-13-01", "30.06.2024", "2024-06-30T12:00:00", "2024-06-30 12:00",
     "9999-12-31", "2024-06-30T25:00:00Z", "２０２４-06-30", "2024-06-30\n", "2024-W26", "2024-06-30T12:00:00+99:00",
     "\x1b[2J", "3 days"],
)  # fmt: skip
def test_other_cutoff_raises(value: str) -> None:
    with pytest.raises(ValueError, match="is not a date such as 2024-06-30"):
        cutoff_time(value)


def test_json_keeps_the_lock() -> None:
    document = json.loads(json.dumps(lock_json(LOCK)))
    assert lock_from_json(document) == LOCK
    assert document["digest"] == LOCK.digest


@pytest.mark.parametrize("change", [{"requirements": "***"}, {"digest": "sha256:0"}, {"packages": []}])
def test_json_that_was_changed_is_no_lock(change: dict[str, Any]) -> None:
    assert lock_from_json(lock_json(LOCK) | change) is None


def test_json_without_packages_is_a_summary() -> None:
    assert lock_from_json({"digest": LOCK.digest, "excludeNewer": ""}) is None
