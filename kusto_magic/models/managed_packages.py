"""Packages of the managed images, according to Azure's documentation.

The lists are a snapshot: Microsoft's package reference (`SOURCE`) as of `LIST_DATE`. Which packages have no wheel for
Windows, and which of the others they require, was read from the public index in `TESTED_ON`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

SOURCE = "https://github.com/MicrosoftDocs/dataexplorer-docs, data-explorer/kusto/query/python-package-reference.md"
"""Repository and file of Microsoft's package reference."""

LIST_DATE = "2024-09"
"""Month of the package reference that was read."""

TESTED_ON = "2026-11"
"""Month in which the packages were looked up in the public index."""

MODULE_LISTS = frozenset({"Python3_6_5"})
"""Images whose list contains modules (`dateutil`, `json`) instead of packages."""


@cache
def packages(image: str) -> Mapping[str, str]:
    """Return the packages of a managed image: normalized name (PEP 503) → version. Empty for every other name.

    An entry without a valid version (there is one, in Python3_6_5) is omitted.
    """
    listed: Mapping[str, str] = _images().get(image, {}).get("packages", {})
    return MappingProxyType(
        {str(canonicalize_name(name)): version for name, version in listed.items() if _is_version(version)}
    )


@cache
def without_wheel(image: str) -> frozenset[str]:
    """Return the normalized names of the packages of a managed image without a wheel for Windows: built by Azure."""
    return frozenset(_images().get(image, {}).get("without_wheel", ()))


@cache
def build_requirements(image: str) -> Mapping[str, tuple[str, ...]]:
    """Return what the packages of a managed image require of each other: name → ("numpy>=1.21.0", …)."""
    known: Mapping[str, list[str]] = _images().get(image, {}).get("needs", {})
    return MappingProxyType({name: tuple(wanted) for name, wanted in known.items()})


@cache
def _images() -> Mapping[str, Any]:
    text = (resources.files("kusto_magic") / "data" / "managed-image-packages.json").read_text(encoding="utf-8")
    images: Mapping[str, Any] = json.loads(text)["images"]
    return images


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
