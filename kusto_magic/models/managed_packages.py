"""What the images that Azure ships hold, as far as its documentation says.

The lists are facts of a day: Microsoft's package reference (`SOURCE`) as of `LISTED_ON`. Which of the packages have
no wheel for Windows, and what they need of each other, was read from the public index in `TRIED_ON`.
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
LIST_DATE = "2024-09"
TESTED_ON = "2026-11"

MODULE_LISTS = frozenset({"Python3_6_5"})
"""Images whose list names modules (`dateutil`, `json`) where the others name packages."""


@cache
def packages(image: str) -> Mapping[str, str]:
    """Return the packages of a managed image: normalised name (PEP 503) → version. Empty for every other name.

    An entry whose version is none (there is one, in Python3_6_5) is left out.
    """
    listed: Mapping[str, str] = _images().get(image, {}).get("packages", {})
    return MappingProxyType(
        {str(canonicalize_name(name)): version for name, version in listed.items() if _is_version(version)}
    )


@cache
def without_wheel(image: str) -> frozenset[str]:
    """Return the normalised names of packages of a managed image that no index can give for Windows: built by Azure."""
    return frozenset(_images().get(image, {}).get("without_wheel", ()))


@cache
def build_requirements(image: str) -> Mapping[str, tuple[str, ...]]:
    """Return what packages of a managed image need of its others: name → requirements such as "numpy>=1.21.0"."""
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
