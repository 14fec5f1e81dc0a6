"""Comparison of the packages of two images: added, removed and changed packages.

The packages of an image are those of its base image, overridden by its requirements. For managed images they are known
from Microsoft's documentation (`models.managed_packages`), for a plain Python they are not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from kusto_magic.models import managed_packages
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser
from kusto_magic.requirements.parser import Requirement

UNPINNED = "any version"
"""Version text of a requirement without a specifier."""


@dataclass(frozen=True, slots=True)
class PackageSet:
    """The packages of an image with their versions: "==1.2", ">=1; python_version < '3.11'", "any version".

    `base_label` is the display name of the base image; `unknown` is the name of a base whose packages are not known, or
    "". A line that is not a package line is included as written, with the version "".
    """

    packages: Mapping[str, str]
    base_label: str = ""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A changed package; `before` or `after` is None if it is absent and "" if the line has no version."""

    package: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """One of "added", "removed" and "changed"."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def diff_packages(before: PackageSet, after: PackageSet) -> list[Change]:
    """Return the differences, sorted by package."""
    one, other = before.packages, after.packages
    names = sorted(one.keys() | other.keys())
    return [Change(name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)]


def package_set(image: Image | ImageSpec, others: Mapping[str, Image]) -> PackageSet:
    """Return the packages of an image. `others` are the images of its cluster by lowercase name, as possible bases.

    A requirement that the base already satisfies changes nothing: pip keeps satisfying versions.
    """
    base = _base(image, others, frozenset())
    return PackageSet(
        {**base.packages, **_with_layer(base.packages, image.requirements)}, image.base_label, base.unknown
    )


def managed_package_set(name: str) -> PackageSet:
    """Return the packages of a managed image, or an empty set for any other name."""
    return PackageSet({package: f"=={version}" for package, version in managed_packages.packages(name).items()}, name)


def _base(image: Image | ImageSpec, others: Mapping[str, Image], seen: frozenset[str]) -> PackageSet:
    name = image.base_image or ""
    if name in MANAGED_IMAGES:
        return managed_package_set(name)
    below = others.get(name.lower())
    # An unknown base, or a cycle of images that refer to each other.
    if below is None or name.lower() in seen:
        return PackageSet({}, unknown=image.base_label or "its base image")
    base = _base(below, others, seen | {name.lower()})
    return PackageSet({**base.packages, **_with_layer(base.packages, below.requirements)}, unknown=base.unknown)


def _with_layer(base: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the packages that a requirements text changes in `base`."""
    packages, other_lines = _lines(text)
    requirements: dict[str, list[str]] = {}
    for package in packages:
        if not _satisfies(base.get(package.name, ""), package):
            requirements.setdefault(package.name, []).append(_version_text(package))
    return {name: " | ".join(versions) for name, versions in requirements.items()} | dict.fromkeys(other_lines, "")


def _lines(text: str) -> tuple[list[Requirement], list[str]]:
    """Return the package lines of a text, and its other lines except comments.

    Images created by other tools may contain lines that this package rejects.
    """
    found = parser.read(text)
    return list(found.packages), [redact(line) for line in found.other_lines]


def _satisfies(installed: str, package: Requirement) -> bool:
    """Return whether a version in the base ("==1.2") satisfies a line; a line with extras needs more packages."""
    try:
        version = Version(installed.removeprefix("=="))
    except InvalidVersion:
        return False
    # As in pip, an installed prerelease satisfies every line that it matches.
    return not package.extras and SpecifierSet(package.specifier).contains(version, prereleases=True)


def _version_text(package: Requirement) -> str:
    extras = f"[{','.join(package.extras)}]" if package.extras else ""
    marker = f"; {package.marker}" if package.marker else ""
    return f"{extras}{package.specifier or UNPINNED}{marker}"
