"""What two images hold otherwise: packages added, gone, changed.

What an image holds is what its base holds, with its requirements over it. Of the managed images that is known from
Microsoft's documentation (`managed`), of a bare Python engine nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from kusto_magic.errors import InvalidInput
from kusto_magic.models import managed_packages as managed
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser as requirements_text
from kusto_magic.requirements.parser import Requirement

UNPINNED = "any version"


@dataclass(frozen=True, slots=True)
class PackageSet:
    """What an image holds: package → "==1.2", ">=1; python_version < '3.11'", "any version".

    `foundation` is what it is built on, in words; `unknown` names a base of which nothing is known, "" for none.
    A line that is no package line stands as it was written, with "" for a version.
    """

    packages: Mapping[str, str]
    base_label: str = ""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One package that differs; `before` or `after` is "" where it is not there. `kind` says it in a word."""

    package: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """One of "added", "gone" and "changed"."""
        return "added" if self.before is None else "gone" if self.after is None else "changed"


def diff_packages(before: PackageSet, after: PackageSet) -> list[Change]:
    """Return what differs, by package."""
    one, other = before.packages, after.packages
    names = sorted(one.keys() | other.keys())
    return [Change(name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)]


def package_set(image: Image | ImageSpec, others: Mapping[str, Image]) -> PackageSet:
    """Return what an image holds. `others` are the images of its cluster by name in lower case: it may be based on one.

    A requirement that the base meets already changes nothing: pip leaves what fits.
    """
    base = _base(image, others, frozenset())
    return PackageSet(
        {**base.packages, **_with_layer(base.packages, image.requirements)}, image.base_label, base.unknown
    )


def managed_package_set(name: str) -> PackageSet:
    """Return what a managed image holds; nothing for every other name."""
    return PackageSet({package: f"=={version}" for package, version in managed.packages(name).items()}, name)


def _base(image: Image | ImageSpec, others: Mapping[str, Image], seen: frozenset[str]) -> PackageSet:
    name = image.base_image or ""
    if name in MANAGED_IMAGES:
        return managed_package_set(name)
    below = others.get(name.lower())
    if below is None or name.lower() in seen:
        return PackageSet({}, unknown=image.base_label or "its base")
    further = _base(below, others, seen | {name.lower()})
    return PackageSet(
        {**further.packages, **_with_layer(further.packages, below.requirements)}, unknown=further.unknown
    )


def _with_layer(base: Mapping[str, str], text: str) -> dict[str, str]:
    """Return what the lines of a requirements text put over `base`."""
    packages, odd = _lines(text)
    wanted: dict[str, list[str]] = {}
    for package in packages:
        if not _satisfies(base.get(package.name, ""), package):
            wanted.setdefault(package.name, []).append(_version_text(package))
    return {name: " | ".join(words) for name, words in wanted.items()} | dict.fromkeys(odd, "")


def _lines(text: str) -> tuple[list[Requirement], list[str]]:
    """Return the package lines of a text, and the others that are no comment: not every image was made from here."""
    try:
        return list(requirements_text.parse(text, allow_index_options=True).packages), []
    except InvalidInput:
        parts = list(_parse_line_by_line(text))
    return [part for part in parts if isinstance(part, Requirement)], [part for part in parts if isinstance(part, str)]


def _parse_line_by_line(text: str) -> Iterator[Requirement | str]:
    for line in text.splitlines():
        try:
            yield from requirements_text.parse(line, allow_index_options=True).packages
        except InvalidInput:
            if line.strip() and not line.lstrip().startswith("#"):
                yield redact(line.strip())


def _satisfies(held: str, package: Requirement) -> bool:
    """Return whether what the base holds ("==1.2") is what a line asks for; extras ask for more."""
    try:
        version = Version(held.removeprefix("=="))
    except InvalidVersion:
        return False
    return not package.extras and SpecifierSet(package.specifier).contains(version, prereleases=True)


def _version_text(package: Requirement) -> str:
    extras = f"[{','.join(package.extras)}]" if package.extras else ""
    marker = f"; {package.marker}" if package.marker else ""
    return f"{extras}{package.specifier or UNPINNED}{marker}"
