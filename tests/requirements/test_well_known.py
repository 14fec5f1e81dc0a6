"""The list of well-known packages."""

from __future__ import annotations

from importlib import resources

import pytest
from packaging.utils import canonicalize_name

from kusto_magic.requirements.module_names import NO_PACKAGES
from kusto_magic.requirements.well_known import is_well_known, well_known_packages


def test_list_is_sorted_normalized_and_without_modules() -> None:
    text = (resources.files("kusto_magic") / "data" / "well-known-packages.txt").read_text(encoding="utf-8")
    names = [line for line in text.splitlines() if not line.startswith("#")]

    assert names == sorted(set(names))
    assert [name for name in names if name != canonicalize_name(name)] == []
    assert 1_000 < len(names) < 3_000
    assert not NO_PACKAGES & well_known_packages()


@pytest.mark.parametrize(
    ("name", "expected"), [("pandas", True), ("Scikit_Learn", True), ("acme-lib", False), ("", False)]
)
def test_names_are_compared_normalized(name: str, expected: bool) -> None:
    assert is_well_known(name) is expected
