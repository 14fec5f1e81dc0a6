"""Preflight reports, and parsing uv's pylock.toml."""

from __future__ import annotations

import pytest

from kusto_magic.models.lock import LockedPackage
from kusto_magic.preflight.report import (
    Package,
    PreflightReport,
    Status,
    Verdict,
    plan_packages,
    read_lock,
)

LOCK = """
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.10.8"

[[packages]]
name = "one-wheel"
version = "1.0"
wheels = [{ url = "https://f.example/one_wheel-1.0-py3-none-any.whl", size = 100, hashes = {} }]

[[packages]]
name = "Many.Wheels"
version = "2.0"
wheels = [
    { url = "https://f.example/many_wheels-2.0-py3-none-any.whl", size = 1 },
    { url = "https://f.example/many_wheels-2.0-cp310-cp310-win_amd64.whl", size = 30 },
    { url = "https://f.example/many_wheels-2.0-cp37-abi3-win_amd64.whl", size = 20 },
    { url = "https://f.example/odd.whl", size = 2 },
]

[[packages]]
name = "local"
version = "3.0"
wheels = [{ url = "file:///links/local-3.0-py3-none-any.whl", hashes = {} }]
"""


def test_lock_size_is_that_of_the_preferred_wheel() -> None:
    found = read_lock(LOCK, "3.10.8")
    assert [(it.name, it.version, it.size) for it in found] == [
        ("one-wheel", "1.0", 100),
        ("many-wheels", "2.0", 30),
        ("local", "3.0", None),
    ]
    other = read_lock(LOCK, "3.11.7")[1]
    assert (other.size, other.file) == (20, "many_wheels-2.0-cp37-abi3-win_amd64.whl")


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        'lock-version = "1.0"\npackages = 3',
        'lock-version = "1.0"\npackages = [3]',
        'lock-version = "1.0"\n[[packages]]\nname = "a"',
        'lock-version = "1.0"\n[[packages]]\nversion = "1"',
        'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\nwheels = [1, 2]',
    ],
)
def test_invalid_lock_raises(text: str) -> None:
    with pytest.raises(ValueError, match=r"pylock\.toml"):
        read_lock(text, "3.10.8")


def test_empty_lock_has_no_packages() -> None:
    assert read_lock('lock-version = "1.0"', "3.10.8") == []


def test_plan_compares_packages_with_the_base() -> None:
    found = [
        LockedPackage("a", "1.10"),
        LockedPackage("b", "1.9"),
        LockedPackage("c", "1.0.0", 7),
        LockedPackage("d", "1.0"),
    ]
    base = {"a": "1.9", "b": "1.10", "c": "1.0", "unused": "1"}

    assert plan_packages(found, base=base, direct=["a", "d"]) == (
        Package("a", "1.10", Status.UPGRADED, "1.9", direct=True),
        Package("b", "1.9", Status.DOWNGRADED, "1.10"),
        Package("c", "1.0.0", Status.PRESENT, "1.0", 7),
        Package("d", "1.0", Status.NEW, direct=True),
    )


def test_download_size_excludes_base_packages() -> None:
    new, kept = Package("a", "1", size=5), Package("b", "1", Status.PRESENT, "1", size=None)

    assert PreflightReport(Verdict.COMPATIBLE, "3.10.8", (new, new, kept)).download_bytes == 10
    assert PreflightReport(Verdict.COMPATIBLE, "3.10.8", (new, Package("c", "1"))).download_bytes is None
    assert PreflightReport(Verdict.COMPATIBLE, "3.10.8", ()).download_bytes == 0


def test_pinned_text_contains_index_options() -> None:
    packages = (Package("a", "1", direct=True), Package("b", "2+local"))
    report = PreflightReport(
        Verdict.COMPATIBLE, "3.10.8", packages, index_lines=("--index-url https://h.example/simple",)
    )

    assert report.pinned_text() == "--index-url https://h.example/simple\na==1\nb==2+local\n"
    assert report.direct == packages[:1]
    assert PreflightReport(Verdict.CONFLICT, "3.10.8").pinned_text() == ""


def test_verdict_and_status_values() -> None:
    assert [*map(str, Verdict)] == ["compatible", "conflict", "inconclusive"]
    assert [*map(str, Status)] == ["new", "already installed", "upgraded", "downgraded"]
