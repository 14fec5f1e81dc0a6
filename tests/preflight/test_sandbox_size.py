"""The warning about packages that are larger than the memory of a sandbox."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kusto_magic.models.cluster_contents import DEFAULT_POLICY, SandboxPolicy
from kusto_magic.preflight.report import Package, Status
from kusto_magic.preflight.sandbox_size import MEGABYTE, UNPACKED_RATIO, size_warnings

READ = SandboxPolicy(2048, datetime(2026, 11, 26, tzinfo=UTC))


def package(name: str, megabytes: float | None, status: Status = Status.NEW) -> Package:
    """Return a package whose files have a size in MB."""
    size = None if megabytes is None else round(megabytes * MEGABYTE / UNPACKED_RATIO)
    return Package(name, "1.0", status, size=size)


@pytest.mark.parametrize(
    ("packages", "policy"),
    [
        ([], DEFAULT_POLICY),
        ([package("torch", 1024)], DEFAULT_POLICY),
        ([package("torch", 2000), package("numpy", 48)], READ),
        ([package("torch", 2000, Status.PRESENT)], DEFAULT_POLICY),
        ([package("torch", None)], DEFAULT_POLICY),
    ],
)
def test_packages_that_fit_give_no_warning(packages: list[Package], policy: SandboxPolicy) -> None:
    assert size_warnings(packages, policy) == []


def test_larger_packages_give_a_warning_that_names_the_largest() -> None:
    [warning] = size_warnings([package("numpy", 100), package("torch", 1200), package("odd", None)], DEFAULT_POLICY)
    assert warning.startswith(
        "the packages to add have about 1,300 MB of files (torch: 1,200 MB); a sandbox has 1,024 MB"
    )
    assert "of memory by default, and a query that needs more fails" in warning


def test_limit_that_was_read_is_said_to_be_read() -> None:
    [warning] = size_warnings([package("torch", 3000, Status.UPGRADED)], READ)
    assert "a sandbox has 2,048 MB of memory as read from the cluster on 2026-11-26" in warning
