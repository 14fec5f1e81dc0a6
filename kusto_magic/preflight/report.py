"""What a preflight says: the verdict, the plan, and how the plan differs from what an image holds already.

Values and reading only; nothing here asks anyone. Source of the plan's format: PEP 751 (pylock.toml).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from kusto_magic.errors import RequirementsConflict

PLATFORM = "Windows x64"
"""The platform of the sandbox. Source: documentation of custom images ("… on Windows"); its SKUs are x64 only."""


class Verdict(StrEnum):
    """The answer of a preflight."""

    COMPATIBLE = "fits"
    CONFLICT = "does not fit"
    INCONCLUSIVE = "could not tell"


class Status(StrEnum):
    """What becomes of one package, against what the base image holds."""

    NEW = "new"
    PRESENT = "already there"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the plan. `name` is normalised (PEP 503).

    `was` is the base image's version, None where the base has none; `size` the bytes of the wheel, None where the
    index does not say; `direct` whether a line of the text names it (else it comes with another).
    """

    name: str
    version: str
    status: Status = Status.NEW
    version_in_base: str | None = None
    size: int | None = None
    direct: bool = False

    @property
    def pin(self) -> str:
        """The package as a line of a requirements text."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What would come of a requirements text. It is a forecast: how the service installs is not documented.

    `packages` is the plan, empty unless the verdict is FITS. `reason` is why it does not fit or could not be told, in
    our words, and `resolver_text` in the resolver's, without secrets. `python` is the version it was asked for,
    `seconds` how long the answer took. `index_lines` are the text's own index options.
    """

    verdict: Verdict
    python: str
    packages: tuple[Package, ...] = ()
    reason: str = ""
    resolver_text: str = ""
    warnings: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    seconds: float = 0.0
    index_lines: tuple[str, ...] = ()
    python_checked: str = PLATFORM

    @property
    def direct(self) -> tuple[Package, ...]:
        """The packages that the text names."""
        return tuple(package for package in self.packages if package.direct)

    @property
    def download_bytes(self) -> int | None:
        """The size of all wheels that the base does not hold; None when the index does not say it of every one."""
        sizes = [package.size for package in self.packages if package.status is not Status.PRESENT]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def raise_for_conflict(self) -> None:
        """Raise RequirementsConflict where that is the verdict."""
        if self.verdict is Verdict.CONFLICT:
            what = "these packages do not fit, nothing was sent"
            step = "mend the cell and run it again, or send it all the same with --no-check."
            raise RequirementsConflict(what, forecast=self, lines=(self.reason, *self.suggestions), next_step=step)

    def pinned_text(self) -> str:
        """Return the requirements text that asks for exactly this plan, "" where there is none."""
        lines = [*self.index_lines, *(package.pin for package in self.packages)] if self.packages else []
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package that the resolver chose; `size` is None where the index does not say it."""

    name: str
    version: str
    size: int | None = None


def read_lock(text: str, python: str) -> list[LockedPackage]:
    """Read a pylock.toml. Where a package has several wheels, the size is that of the one pip would take.

    Raises ValueError when it is none.
    """
    try:
        packages = tomllib.loads(text).get("packages", [])
        ranks = _wheel_tag_ranks(python) if any(len(package.get("wheels", ())) > 1 for package in packages) else {}
        return [_locked_package(package, ranks) for package in packages]
    except (ValueError, KeyError, TypeError, AttributeError) as odd:
        raise ValueError("no pylock.toml with names and versions") from odd


def _locked_package(package: Mapping[str, Any], ranks: Mapping[Tag, int]) -> LockedPackage:
    return LockedPackage(
        canonicalize_name(package["name"]), str(package["version"]), _size(package.get("wheels", []), ranks)
    )


def _wheel_tag_ranks(python: str) -> Mapping[Tag, int]:
    """Return how much pip for Windows likes a wheel of each tag: 0 is best."""
    version = [int(part) for part in python.split(".")[:2]]
    tags = [*cpython_tags(version, platforms=["win_amd64"])]
    tags += compatible_tags(version, f"cp{version[0]}{version[1]}", ["win_amd64"])
    return {tag: rank for rank, tag in enumerate(tags)}


def _size(wheels: list[dict[str, Any]], ranks: Mapping[Tag, int]) -> int | None:
    best = wheels[0] if len(wheels) == 1 else min(wheels, key=lambda wheel: _rank(wheel, ranks), default={})
    size = best.get("size")
    return size if isinstance(size, int) else None


def _rank(wheel: dict[str, Any], ranks: Mapping[Tag, int]) -> int:
    name = str(wheel.get("name") or wheel.get("url") or wheel.get("path") or "").rpartition("/")[2]
    try:
        tags = parse_wheel_filename(name)[3]
    except (InvalidWheelFilename, InvalidVersion):
        return len(ranks)
    return min((ranks.get(tag, len(ranks)) for tag in tags), default=len(ranks))


def plan_packages(
    found: Iterable[LockedPackage], *, base: Mapping[str, str], direct: Iterable[str]
) -> tuple[Package, ...]:
    """Return the plan: what was found, against the packages of the base (normalised name → version).

    `direct` are the normalised names that the text itself holds.
    """
    named = frozenset(direct)
    return tuple(
        Package(
            name=one.name,
            version=one.version,
            status=_status(base.get(one.name), one.version),
            version_in_base=base.get(one.name),
            size=one.size,
            direct=one.name in named,
        )
        for one in found
    )


def _status(was: str | None, version: str) -> Status:
    if was is None:
        return Status.NEW
    before, after = Version(was), Version(version)
    if before == after:
        return Status.PRESENT
    return Status.UPGRADED if after > before else Status.DOWNGRADED
