"""Warnings about packages that were built for NumPy 1."""

from __future__ import annotations

import pytest
from packaging.version import Version

from kusto_magic.models import managed_packages
from kusto_magic.preflight.binary_breaks import FIRST_FOR_NUMPY_2, binary_warnings
from kusto_magic.preflight.report import LockedPackage, plan_packages

BASE = "Python3_11_7"


def warnings(plan: dict[str, str], base: str | None = None) -> list[str]:
    installed = managed_packages.packages(base) if base else {}
    found = [LockedPackage(name, version) for name, version in plan.items()]
    return binary_warnings(plan_packages(found, base=installed, direct=plan), installed, base)


@pytest.mark.parametrize(
    "plan",
    [
        {"numpy": "1.26.4", "pandas": "1.5.1"},
        {"numpy": "2.1.0", "pandas": "2.2.2", "scipy": "1.13.0"},
        {"pandas": "1.5.1"},
        {"numpy": "2.1.0"},
    ],
)
def test_packages_that_suit_numpy_give_no_warning(plan: dict[str, str]) -> None:
    assert warnings(plan) == []


def test_planned_package_for_numpy_1_gives_a_warning() -> None:
    assert warnings({"numpy": "2.1.0", "pandas": "1.5.1"}) == [
        "pandas 1.5.1 was built for NumPy 1 and may fail at import with numpy 2.1.0 (first for NumPy 2: 2.2.2)"
    ]


def test_packages_of_the_base_image_give_warnings_and_unlisted_ones_are_unknown() -> None:
    first, *_, last = warnings({"numpy": "2.1.0"}, BASE)
    assert first == (
        "onnxruntime 1.17.3 of the base image was built for NumPy 1 and may fail at import with numpy 2.1.0 "
        "(first for NumPy 2: 1.19.0)"
    )
    assert last.startswith(f"numpy changes from 1.26.4 to 2.1.0: packages of {BASE} that were built for NumPy 1")
    assert last.endswith("does not list are unknown")


def test_upgraded_package_of_the_base_image_gives_no_warning() -> None:
    plan = {"numpy": "2.1.0", "onnxruntime": "1.19.0", "spacy": "3.8.0", "thinc": "8.3.0"}
    assert [line for line in warnings(plan, BASE) if "onnxruntime" in line or "spacy" in line] == []


def test_table_has_versions_and_sources() -> None:
    for name, (version, source) in FIRST_FOR_NUMPY_2.items():
        assert Version(version) > Version("0"), name
        assert source.startswith("https://"), name
