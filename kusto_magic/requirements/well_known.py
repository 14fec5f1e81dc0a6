"""Well-known packages of the public index: those of which no private package is expected to have the same name."""

from __future__ import annotations

from functools import cache
from importlib import resources

from packaging.utils import canonicalize_name


@cache
def well_known_packages() -> frozenset[str]:
    """Return the normalized names of well-known packages; the file says which these are."""
    text = (resources.files("kusto_magic") / "data" / "well-known-packages.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def is_well_known(name: str) -> bool:
    """Return whether a name, normalized or not, is that of a well-known package."""
    return canonicalize_name(name) in well_known_packages()
