"""What was read from a cluster: what is believed of it, where it is said to come from, and its JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kusto_magic.models.cluster_contents import (
    DEFAULT_POLICY,
    MAX_PACKAGES,
    NOTHING_READ,
    BaseList,
    ClusterContents,
    SandboxPolicy,
    contents_from_json,
    contents_json,
)
from kusto_magic.models.inventory import Inventory
from kusto_magic.models.managed_packages import packages

READ_AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
BASE = "Python3_11_7"


def read(image: str = BASE, read_at: datetime = READ_AT, **held: str) -> BaseList:
    python = "3.11.9" if image == BASE else "3.10.8"
    return BaseList.of_inventory(image, Inventory(python, "Windows-10", held), read_at)


def contents(*lists: BaseList, policy: SandboxPolicy = DEFAULT_POLICY) -> ClusterContents:
    return ClusterContents(lists, policy)


def test_documented_list_is_used_until_one_was_read() -> None:
    documented = NOTHING_READ.base(BASE)
    assert documented.packages == packages(BASE)
    assert documented.label == "Python3_11_7 as documented by Microsoft in 2024-09"
    assert (documented.python, NOTHING_READ.policy.memory, NOTHING_READ.policy.source) == ("3.11.7", 1024, "by default")


def test_later_reading_replaces_that_of_its_image_only() -> None:
    first = contents(read(numpy="1.0"), read("Python3_10_8", numpy="2.0"))
    found = first.updated(contents(read(numpy="3.0", read_at=READ_AT + timedelta(seconds=1))))
    assert found.base(BASE).packages == {"numpy": "3.0"}
    assert found.base("Python3_10_8").packages == {"numpy": "2.0"}
    assert found.base(BASE).label == "Python3_11_7 as read from the cluster on 2026-11-26 12:00 UTC"
    assert found.base("Python3_6_5").read_at is None
    assert found.updated(first) == found, "an earlier reading that ended later"
    assert found.updated(NOTHING_READ) == found
    assert NOTHING_READ.updated(found) == found


def test_later_policy_is_kept() -> None:
    later = SandboxPolicy(4096, READ_AT + timedelta(seconds=1))
    found = contents(policy=SandboxPolicy(2048, READ_AT)).updated(contents(policy=later))
    assert found.policy == later
    assert found.updated(contents(policy=SandboxPolicy(2048, READ_AT))).policy == later


def test_list_of_one_image_is_forgotten() -> None:
    both = contents(read(numpy="1.0"), read("Python3_10_8", numpy="2.0"))
    assert both.without(BASE) == contents(read("Python3_10_8", numpy="2.0"))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("evil\nnumpy==1", "1.0"),
        ("numpy", "1.0\n-e ."),
        ("numpy", "unknown"),
        ("numpy", ""),
        ("", "1.0"),
        ("-r", "1.0"),
        ("a" * 101, "1.0"),
        ("numpy", "1." + "0" * 200),
        ("numpy", "9" * 5000),
        ("numpy", "1.18446744073709551616"),
        ("numpy", " 1.0"),
    ],
)
def test_what_is_no_name_or_version_is_left_out(name: str, version: str) -> None:
    """Names and versions become lines of the resolver's input."""
    held = Inventory("3.11.7", "", {name: version, "pandas": "2.0"})
    found = BaseList.of_inventory(BASE, held, READ_AT)
    assert (found.packages, found.left_out) == ({"pandas": "2.0"}, 1)


def test_number_of_packages_is_limited_and_names_are_normalized() -> None:
    held = {f"Package_{number}": "1.0" for number in range(MAX_PACKAGES + 1)}
    found = BaseList.of_inventory(BASE, Inventory("3.11.7", "", held), READ_AT).packages
    assert len(found) == MAX_PACKAGES
    assert "package-0" in found


@pytest.mark.parametrize("python", ["", "three", "3.11.7; rm", "3.11", "3.11.7rc1", " 3.11.7", "3.10.8", "2.7.18"])
def test_python_of_another_image_is_refused(python: str) -> None:
    with pytest.raises(ValueError, match="not the packages of image Python3_11_7"):
        BaseList.of_inventory(BASE, Inventory(python, "", {"numpy": "1.0"}), READ_AT)


@pytest.mark.parametrize("held", [{}, {"numpy": "unknown"}])
def test_list_without_packages_is_refused(held: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not the packages"):
        BaseList.of_inventory(BASE, Inventory("3.11.7", "", held), READ_AT)


@pytest.mark.parametrize(
    ("policies", "memory"),
    [
        (None, 1024),
        ([], 1024),
        ([{"SandboxKind": "RExecution", "MaxMemoryMbPerSandbox": 4096}], 1024),
        ([{"SandboxKind": "RExecution"}, {"SandboxKind": "PythonExecution", "MaxMemoryMbPerSandbox": 8192}], 8192),
        ([{"SandboxKind": "PythonExecution"}], 1024),
        ([{"SandboxKind": "PythonExecution", "MaxMemoryMbPerSandbox": 2048.0}], 2048),
    ],
)
def test_policy_of_python_is_read(policies: Any, memory: int) -> None:
    found = SandboxPolicy.of_policy(policies, READ_AT)
    assert (found.memory, found.source) == (memory, "as read from the cluster on 2026-11-26 12:00 UTC")


@pytest.mark.parametrize("memory", [None, 0, -1, True, "1024", 10**9, 1.5, float("nan"), float("inf")])
def test_policy_without_a_usable_number_is_refused(memory: Any) -> None:
    with pytest.raises(ValueError, match="MB"):
        SandboxPolicy.of_policy([{"SandboxKind": "PythonExecution", "MaxMemoryMbPerSandbox": memory}], READ_AT)


@pytest.mark.parametrize("policies", [{}, "x", 3, [3]])
def test_value_that_is_no_policy_is_refused(policies: Any) -> None:
    with pytest.raises(ValueError, match="policy"):
        SandboxPolicy.of_policy(policies, READ_AT)


def test_json_gives_the_same_contents() -> None:
    kept = contents(read(numpy="1.0", odd="x"), policy=SandboxPolicy(2048, READ_AT))
    assert kept.base(BASE).left_out == 1
    assert contents_from_json(json.loads(json.dumps(contents_json(kept)))) == kept
    assert contents_from_json(contents_json(NOTHING_READ)) == NOTHING_READ


@pytest.mark.parametrize(
    "change",
    [
        {"readAt": None},
        {"readAt": "yesterday"},
        {"readAt": "2026-11-26T12:00:00"},
        {"packages": {}},
        {"python": "3.10.8"},
        {"leftOut": None},
        {"packages": ["numpy"]},
        {"packages": {"numpy": 1}},
        {"image": 3},
        {"python": None},
        {"platform": []},
    ],
)
def test_edited_list_is_ignored_and_others_are_kept(change: dict[str, Any]) -> None:
    document = contents_json(contents(read(numpy="1.0"), read("Python3_10_8", numpy="2.0")))
    document["lists"][0] |= change
    found = contents_from_json(document)
    assert found.base("Python3_10_8").packages == {"numpy": "2.0"}
    assert found.base(BASE).packages == packages(BASE)


@pytest.mark.parametrize(
    "document", [None, [], 3, {}, {"lists": 3, "policy": None}, {"lists": [], "policy": {"memory": 0}}]
)
def test_document_that_is_none_has_no_contents(document: Any) -> None:
    assert contents_from_json(document) == NOTHING_READ
