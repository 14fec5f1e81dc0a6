"""What was read from a cluster: what is believed of it, where it is said to come from, and its JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kusto_magic.models.cluster_contents import (
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


def read(image: str = BASE, **held: str) -> BaseList:
    return BaseList.of_inventory(image, Inventory("3.11.9", "Windows-10", held), READ_AT)


def test_documented_list_is_used_until_one_was_read() -> None:
    documented = NOTHING_READ.base(BASE)
    assert documented.packages == packages(BASE)
    assert documented.label == "Python3_11_7 as documented by Microsoft in 2024-09"
    assert (documented.python, NOTHING_READ.policy.memory, NOTHING_READ.policy.source) == ("", 1024, "by default")


def test_list_that_was_read_replaces_that_of_its_image_only() -> None:
    contents = NOTHING_READ.with_list(read(numpy="1.0")).with_list(read("Python3_10_8", numpy="2.0"))
    contents = contents.with_list(read(numpy="3.0"))
    assert (contents.base(BASE).packages, contents.base("Python3_10_8").packages) == (
        {"numpy": "3.0"},
        {"numpy": "2.0"},
    )
    assert contents.base(BASE).label == "Python3_11_7 as read from the cluster on 2026-11-26"
    assert contents.base("Python3_6_5").read_at is None
    assert len(contents.lists) == 2


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
    ],
)
def test_what_is_no_name_or_version_is_left_out(name: str, version: str) -> None:
    """Names and versions become lines of the resolver's input."""
    held = Inventory("3.11.7", "", {name: version, "pandas": "2.0"})
    assert BaseList.of_inventory(BASE, held, READ_AT).packages == {"pandas": "2.0"}


def test_number_of_packages_is_limited_and_names_are_normalized() -> None:
    held = {f"Package_{number}": "1.0" for number in range(MAX_PACKAGES + 1)}
    found = read(**held).packages
    assert len(found) == MAX_PACKAGES
    assert "package-0" in found


@pytest.mark.parametrize("python", ["", "three", "3.11.7; rm"])
def test_unreadable_python_version_is_not_known(python: str) -> None:
    assert BaseList.of_inventory(BASE, Inventory(python, "", {}), READ_AT).python == ""


@pytest.mark.parametrize(
    ("policies", "memory"),
    [
        (None, 1024),
        ([], 1024),
        ([{"SandboxKind": "RExecution", "MaxMemoryMbPerSandbox": 4096}], 1024),
        ([{"SandboxKind": "RExecution"}, {"SandboxKind": "PythonExecution", "MaxMemoryMbPerSandbox": 8192}], 8192),
    ],
)
def test_policy_of_python_is_read(policies: Any, memory: int) -> None:
    found = SandboxPolicy.of_policy(policies, READ_AT)
    assert (found.memory, found.source) == (memory, "as read from the cluster on 2026-11-26")


@pytest.mark.parametrize("memory", [None, 0, -1, True, "1024", 10**9, 1.5])
def test_policy_without_a_usable_number_is_refused(memory: Any) -> None:
    with pytest.raises(ValueError, match="MB"):
        SandboxPolicy.of_policy([{"SandboxKind": "PythonExecution", "MaxMemoryMbPerSandbox": memory}], READ_AT)


@pytest.mark.parametrize("policies", [{}, "x", 3, [3]])
def test_value_that_is_no_policy_is_refused(policies: Any) -> None:
    with pytest.raises(ValueError, match="policy"):
        SandboxPolicy.of_policy(policies, READ_AT)


def test_json_gives_the_same_contents() -> None:
    contents = ClusterContents((read(numpy="1.0"),), SandboxPolicy(2048, READ_AT))
    assert contents_from_json(json.loads(json.dumps(contents_json(contents)))) == contents
    assert contents_from_json(contents_json(NOTHING_READ)) == NOTHING_READ


@pytest.mark.parametrize(
    "change",
    [
        {"readAt": None},
        {"readAt": "yesterday"},
        {"packages": ["numpy"]},
        {"packages": {"numpy": 1}},
        {"image": 3},
        {"python": None},
        {"platform": []},
    ],
)
def test_edited_list_is_ignored_and_others_are_kept(change: dict[str, Any]) -> None:
    document = contents_json(ClusterContents((read(numpy="1.0"), read("Python3_10_8", numpy="2.0"))))
    document["lists"][0] |= change
    found = contents_from_json(document)
    assert found.base("Python3_10_8").packages == {"numpy": "2.0"}
    assert found.base(BASE).packages in (packages(BASE), {})


@pytest.mark.parametrize(
    "document", [None, [], 3, {}, {"lists": 3, "policy": None}, {"lists": [], "policy": {"memory": 0}}]
)
def test_document_that_is_none_has_no_contents(document: Any) -> None:
    assert contents_from_json(document) == NOTHING_READ
