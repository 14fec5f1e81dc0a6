"""The table of `verify`: what it was compared with, every difference, and what a reader should know."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kusto_magic.display.verification_table import verification_table
from kusto_magic.models.cluster_contents import BaseList
from kusto_magic.models.inventory import Inventory
from kusto_magic.models.target import Target
from kusto_magic.models.verification import Expectation, ExpectationSource, ExpectedPackage, verify

TARGET = Target("e3a1c0de-0000-4000-8000-000000000001", "group", "mycluster")
PACKAGES = (ExpectedPackage("numpy", "==1.26.4"), ExpectedPackage("humanize", "==4.9.0"))
HELD = {"numpy": "1.26.4", "humanize": "4.9.0"}


def shown(expectation: Expectation, inventory: Inventory, imports: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the rows by label, and the notes."""
    table = verification_table(verify("img", expectation, inventory, "Samples", imports), TARGET)
    assert table.caption == "What image img on cluster mycluster holds"
    return {label.text: value.text for label, value in table.rows} | {"notes": " ".join(table.notes)}


@pytest.mark.parametrize(
    ("source", "compared"),
    [
        (ExpectationSource.PLAN, "the check before the build of 2026-11-26 12:00 UTC"),
        (ExpectationSource.REQUIREMENTS, "its requirements: this machine has no check of its last build"),
        (ExpectationSource.LISTED, "Python3_11_7 as documented by Microsoft in 2024-09"),
    ],
)
def test_source_of_the_expected_packages_is_named(source: ExpectationSource, compared: str) -> None:
    planned = datetime(2026, 11, 26, 12, tzinfo=UTC)
    expectation = Expectation("3.11.7", PACKAGES, source, planned, listed=BaseList.documented("Python3_11_7"))
    rows = shown(expectation, Inventory("3.11.7", "Windows-10", HELD))
    assert rows["Compared with"] == compared
    assert rows["Result"].startswith("Verified: 2 of 2 packages")
    assert (rows["Platform"], rows["Packages"], rows["Database"]) == ("Windows-10", "2 in all", "Samples")


def test_failed_imports_are_not_called_a_difference() -> None:
    held = Inventory("3.11.7", "", HELD, {"numpy": "", "humanize": "ImportError: DLL"})
    rows = shown(Expectation("3.11.7", PACKAGES, ExpectationSource.PLAN), held, ("numpy", "humanize"))
    assert rows["Result"] == "Imports failed: 2 of 2 packages are as planned"
    assert rows["Imports"] == "1 of 2 packages were imported"
    assert rows["Import failed"] == "humanize: ImportError: DLL"


def test_other_python_version_is_named() -> None:
    rows = shown(Expectation("3.11.7", PACKAGES, ExpectationSource.PLAN), Inventory("3.10.8", "", HELD))
    assert rows["Result"].startswith("Different: ")
    assert rows["Python"] == "3.10.8 (expected: 3.11.7)"


@pytest.mark.parametrize(
    ("read_at", "source", "incomplete"),
    [
        (None, "as documented by Microsoft in 2024-09", ", a list that is incomplete"),
        (datetime(2026, 11, 26, tzinfo=UTC), "as read from the cluster on 2026-11-26 00:00 UTC", ""),
    ],
)
def test_first_differences_from_the_base_are_named_and_the_others_counted(
    read_at: datetime | None, source: str, incomplete: str
) -> None:
    listed = BaseList("Python3_11_7", {f"package{n:02}": "1.0" for n in range(15)}, read_at)
    base = Expectation("3.11.7", PACKAGES, ExpectationSource.PLAN, base="Python3_11_7", listed=listed)
    rows = shown(base, Inventory("3.11.7", "", HELD))
    assert rows["Base image"] == f"Python3_11_7 {source}: 15 of 15 packages differ"
    assert rows["notes"].startswith(f"Different from Python3_11_7 {source}{incomplete}: package00 is missing")
    assert "package09 is missing (expected: 1.0)" in rows["notes"]
    assert "package10" not in rows["notes"]
    assert "5 more" in rows["notes"]


def test_memory_after_the_imports_is_compared_with_the_policy() -> None:
    held = Inventory("3.11.7", "", HELD, {"numpy": ""}, 300 * 1024 * 1024)
    rows = shown(Expectation("3.11.7", PACKAGES, ExpectationSource.PLAN), held, ("numpy",))
    assert rows["Memory"] == "300 MB after the imports; a sandbox has 1,024 MB by default"


def test_remarks_are_notes() -> None:
    remarked = Expectation("", PACKAGES, ExpectationSource.PLAN, remarks=("the image is being built again",))
    assert shown(remarked, Inventory("3.11.7", "", HELD))["notes"] == "The image is being built again."
