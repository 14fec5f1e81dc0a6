"""The warning about packages that are larger than the memory of a sandbox."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kusto_magic.models.cluster_contents import DEFAULT_POLICY, MEGABYTE, SandboxPolicy
from kusto_magic.preflight.sandbox_size import UNPACKED_RATIO, size_warnings

READ = SandboxPolicy(2048, datetime(2026, 11, 26, tzinfo=UTC))


def wheel(megabytes: float) -> int:
    """Return the size of a wheel whose files have a size in MB."""
    return round(megabytes * MEGABYTE / UNPACKED_RATIO)


@pytest.mark.parametrize(
    ("wheels", "policy"),
    [
        ({}, DEFAULT_POLICY),
        ({"torch": wheel(1024)}, DEFAULT_POLICY),
        ({"torch": wheel(2000), "numpy": wheel(48)}, READ),
        ({"torch": None}, DEFAULT_POLICY),
    ],
)
def test_packages_that_fit_give_no_warning(wheels: dict[str, int | None], policy: SandboxPolicy) -> None:
    assert size_warnings(wheels, policy) == []


def test_larger_packages_give_a_warning_that_names_the_largest() -> None:
    [warning] = size_warnings({"numpy": wheel(100), "torch": wheel(1200)}, DEFAULT_POLICY)
    assert warning.startswith("the added packages have about 1,300 MB of files (torch: 1,200 MB), estimated from")
    assert "1,024 MB of memory by default, and a query that needs more fails" in warning


def test_unknown_sizes_are_not_part_of_the_sum() -> None:
    [warning] = size_warnings({"torch": wheel(1200), "odd": None}, DEFAULT_POLICY)
    assert "more than 1,200 MB of files" in warning


def test_limit_that_was_read_is_said_to_be_read() -> None:
    [warning] = size_warnings({"torch": wheel(3000)}, READ)
    assert "a sandbox has 2,048 MB of memory as read from the cluster on 2026-11-26 00:00 UTC" in warning
