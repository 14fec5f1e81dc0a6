"""Warnings about packages that were built for NumPy 1, or written for older versions of other packages."""

from __future__ import annotations

import pytest
from packaging.version import Version

from kusto_magic.models.cluster_contents import BaseList
from kusto_magic.models.lock import LockedPackage
from kusto_magic.preflight.binary_breaks import BREAKS, FIRST_FOR_NUMPY_2, binary_warnings
from kusto_magic.preflight.report import plan_packages

BASE = "Python3_11_7"


def warnings(plan: dict[str, str], base: str | None = None) -> list[str]:
    listed = BaseList.documented(base) if base else None
    installed = listed.packages if listed else {}
    found = [LockedPackage(name, version) for name, version in plan.items()]
    return binary_warnings(plan_packages(found, base=installed, direct=plan), installed, listed)


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


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (
            {"numpy": "2.1.0", "prophet": "1.1.5"},
            "prophet 1.1.5 fails at import with numpy 2.1.0 (first that works: 1.1.6)",
        ),
        (
            {"scipy": "1.13.0", "gensim": "4.3.2"},
            "gensim 4.3.2 fails at import with scipy 1.13.0 (first that works: 4.3.3)",
        ),
        (
            {"scipy": "1.16.0", "statsmodels": "0.14.4"},
            "statsmodels 0.14.4 fails at import with scipy 1.16.0 (first that works: 0.14.5)",
        ),
        (
            {"protobuf": "4.21.0", "tensorflow": "2.8.0"},
            "tensorflow 2.8.0 fails at import with protobuf 4.21.0 (first that works: 2.9.1)",
        ),
        (
            {"sqlalchemy": "2.0.18", "pandas": "1.5.3"},
            "pandas 1.5.3 cannot read or write SQL tables with sqlalchemy 2.0.18 (first that works: 2.0)",
        ),
        (
            {"sqlalchemy": "1.4.51", "pandas": "2.2.0"},
            "sqlalchemy 1.4.51 cannot be used for SQL tables with pandas 2.2.0 (first that works: 2.0)",
        ),
    ],
)
def test_package_that_a_library_breaks_gives_a_warning(plan: dict[str, str], expected: str) -> None:
    assert warnings(plan) == [expected]


@pytest.mark.parametrize(
    "plan",
    [
        {"numpy": "2.1.0", "prophet": "1.1.6"},
        {"numpy": "1.26.4", "prophet": "1.1.5"},
        {"scipy": "1.12.0", "gensim": "4.3.2"},
        {"scipy": "1.16.0", "statsmodels": "0.14.5"},
        {"protobuf": "3.20.3", "tensorflow": "2.8.0"},
        {"sqlalchemy": "1.4.51", "pandas": "1.5.3"},
        {"sqlalchemy": "2.0.30", "pandas": "2.2.2"},
        {"sqlalchemy": "1.4.51", "pandas": "2.1.4"},
    ],
)
def test_versions_that_work_together_give_no_warning(plan: dict[str, str]) -> None:
    assert warnings(plan) == []


def test_break_within_the_base_image_is_not_reported_but_one_with_a_new_version_is() -> None:
    assert warnings({"tqdm": "4.66.2"}, BASE) == []  # gensim 4.3.2 and scipy 1.13.0 are both of the base image
    assert warnings({"gensim": "4.3.2", "scipy": "1.13.0"}, BASE) == []
    assert "statsmodels 0.14.2 of the base image fails at import with scipy 1.16.0 (first that works: 0.14.5)" in (
        warnings({"scipy": "1.16.0"}, BASE)
    )


def test_breaks_have_versions_and_sources() -> None:
    for each in BREAKS:
        assert Version(each.broken_by) > Version("0"), each
        assert Version(each.fixed_in) > Version("0"), each
        assert each.source.startswith("https://"), each
