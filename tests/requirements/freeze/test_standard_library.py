"""Modules of the standard library by version."""

from __future__ import annotations

import sys

import pytest

from kusto_magic.requirements.freeze.standard_library import is_missing_on_windows, is_standard_library


@pytest.mark.parametrize(
    ("module", "python", "expected"),
    [
        ("json", "3.6.5", True),
        ("json", "3.11.7", True),
        ("distutils", "3.11.7", True),
        ("imp", "3.10.8", True),
        ("distutils", "3.12.1", False),
        ("cgi", "3.12.0", True),
        ("cgi", "3.13.0", False),
        ("binhex", "3.10.8", True),
        ("binhex", "3.11.7", False),
        ("dataclasses", "3.6.5", False),
        ("dataclasses", "3.10.8", True),
        ("tomllib", "3.10.8", False),
        ("tomllib", "3.11.7", True),
        ("zoneinfo", "3.6.5", False),
        ("numpy", "3.11.7", False),
        ("imp", "", True),
        ("numpy", "", False),
    ],
)
def test_standard_library_depends_on_the_version(module: str, python: str, expected: bool) -> None:
    assert is_standard_library(module, python) is expected


def test_all_modules_of_this_python_are_standard() -> None:
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert all(is_standard_library(module, python) for module in sys.stdlib_module_names for python in ("", this))


def test_modules_of_other_systems_are_known() -> None:
    assert is_missing_on_windows("fcntl")
    assert not is_missing_on_windows("json")
