"""Result of the preflight: the verdict, the packages to install, and how they differ from the base image.

Pure data and parsing, no I/O. Source of the lock format: PEP 751 (pylock.toml).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from kusto_magic.errors import LockDriftError, RequirementsConflictError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.lock import ALGORITHM, Lock, LockedPackage
from kusto_magic.requirements.correction import Correction
from kusto_magic.requirements.line_origins import LineOrigin, relabel

PLATFORM = "Windows x64"
"""The platform of the sandbox. Source: documentation of custom images ("… on Windows"); its SKUs are x64 only."""


class Verdict(StrEnum):
    """Verdict of a preflight."""

    COMPATIBLE = "compatible"
    CONFLICT = "conflict"
    INCONCLUSIVE = "inconclusive"


class Status(StrEnum):
    """Status of a package compared with the base image."""

    NEW = "new"
    PRESENT = "already installed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"


@dataclass(frozen=True, slots=True)
class Package:
    """A package to install. `name` is normalized (PEP 503).

    `version_in_base` is the version in the base image, or None if it has none; `size` is the wheel's size in bytes, or
    None if the index does not state it; `direct` is false for a dependency that no line of the text names.
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
class Fix:
    """A suggestion that replaces one line of the requirements text.

    `line` is its number, counted from 1, `text` the line to put there, `sentence` the suggestion as text.
    """

    line: int
    text: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


Suggestion = Fix | str
"""A suggestion: a line to replace, or else a sentence."""


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """The expected result of installing a requirements text: a forecast, as the service's installer is not documented.

    `packages` is empty unless the verdict is COMPATIBLE. `reason` explains a conflict or an inconclusive result,
    `problems` each line if several cannot be installed. `correction` is a text that can be installed instead; if the
    verdict is COMPATIBLE, it is what was checked instead of the given text. `resolver_text` is the resolver's own
    output, without secrets. `python` is the Python version that was checked, `seconds` the duration of the check.
    `index_lines` are the index options of the text, `hint` is what allows a more complete check, or None.
    `line_origins` are the lines that the sentences cite; those of fixes and corrections are lines of the text.
    `lock` is what was checked and found, unless the verdict is not COMPATIBLE. `base_list` is the managed base image
    and where the list of its packages comes from, "" for plain Python.
    """

    verdict: Verdict
    python: str
    packages: tuple[Package, ...] = ()
    reason: str = ""
    resolver_text: str = ""
    warnings: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    seconds: float = 0.0
    index_lines: tuple[str, ...] = ()
    hint: Hint | None = None
    platform: str = PLATFORM
    problems: tuple[str, ...] = ()
    correction: Correction | None = None
    line_origins: tuple[LineOrigin, ...] = ()
    lock: Lock | None = None
    base_list: str = ""

    def with_origins(self, origins: tuple[LineOrigin, ...]) -> PreflightReport:
        """Return the report with sentences that cite the lines from which those of the text come."""
        if not origins:
            return self
        return replace(
            self,
            reason=relabel(self.reason, origins),
            warnings=tuple(relabel(warning, origins) for warning in self.warnings),
            suggestions=tuple(_with_origins(suggestion, origins) for suggestion in self.suggestions),
            problems=tuple(relabel(problem, origins) for problem in self.problems),
            line_origins=origins,
        )

    def label(self, line: int) -> str:
        """Return a line of the text as it is cited: "line 3"."""
        return relabel(f"line {line}", self.line_origins)

    @property
    def direct(self) -> tuple[Package, ...]:
        """The packages that the requirements text names."""
        return tuple(package for package in self.packages if package.direct)

    @property
    def download_bytes(self) -> int | None:
        """Total size in bytes of the wheels not in the base image, or None if the index omits any of the sizes."""
        sizes = [package.size for package in self.packages if package.status is not Status.PRESENT]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def raise_for_conflict(self) -> None:
        """Raise RequirementsConflictError if the verdict is CONFLICT."""
        if self.verdict is Verdict.CONFLICT:
            what = "these requirements cannot be installed; nothing was sent"
            hint = Hint(HintKind.ACCEPT_CORRECTION if self.correction else HintKind.FIX_CONFLICT)
            lines = (self.reason, *self.problems, *map(str, self.suggestions))
            raise RequirementsConflictError(what, forecast=self, lines=lines, hint=hint)

    def sent_as(self, text: str) -> PreflightReport:
        """Return the report of a text that replaces the checked one and means the same packages."""
        return self if self.lock is None else replace(self, lock=replace(self.lock, requirements=text))

    def raise_for_drift(self, lock: Lock) -> None:
        """Raise LockDriftError if what was checked and found is not that of `lock`.

        Raises RequirementsConflictError if that is not known.
        """
        if self.lock is None:
            what = f"the lock could not be verified: {self.reason or 'the check found no packages'}"
            raise RequirementsConflictError(what, forecast=self, hint=Hint(HintKind.RETRY))
        if differences := lock.differences(self.lock):
            raise LockDriftError(differences)

    def pinned_text(self) -> str:
        """Return a requirements text that pins exactly these packages, or "" if there are none."""
        lines = [*self.index_lines, *(package.pin for package in self.packages)] if self.packages else []
        return "".join(f"{line}\n" for line in lines)


def _with_origins(suggestion: Suggestion, origins: tuple[LineOrigin, ...]) -> Suggestion:
    if isinstance(suggestion, Fix):
        return replace(suggestion, sentence=relabel(suggestion.sentence, origins))
    return relabel(suggestion, origins)


def read_lock(text: str, python: str) -> list[LockedPackage]:
    """Parse a pylock.toml of uv. If a package has several wheels, the one that pip would choose is kept.

    Raises ValueError if it is not a valid lock file.
    """
    try:
        packages = tomllib.loads(text).get("packages", [])
        # Computing the tags is slow, and one wheel needs no ranking.
        ranks = _wheel_tag_ranks(python) if any(len(package.get("wheels", ())) > 1 for package in packages) else {}
        return [_locked_package(package, ranks) for package in packages]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a pylock.toml with names and versions") from error


def _locked_package(package: Mapping[str, Any], ranks: Mapping[Tag, int]) -> LockedPackage:
    name, version = canonicalize_name(package["name"]), str(package["version"])
    wheel = _best(package.get("wheels", []), ranks)
    size, url = wheel.get("size"), str(wheel.get("url") or "")
    sha256 = wheel.get("hashes", {}).get(ALGORITHM)
    return LockedPackage(
        name,
        version,
        size if isinstance(size, int) else None,
        file=_file_name(wheel),
        sha256=sha256 if isinstance(sha256, str) else "",
        url=url,
    )


def _wheel_tag_ranks(python: str) -> Mapping[Tag, int]:
    """Return the preference of pip on Windows for each wheel tag; 0 is best."""
    version = [int(part) for part in python.split(".")[:2]]
    tags = [*cpython_tags(version, platforms=["win_amd64"])]
    tags += compatible_tags(version, f"cp{version[0]}{version[1]}", ["win_amd64"])
    return {tag: rank for rank, tag in enumerate(tags)}


def _best(wheels: list[dict[str, Any]], ranks: Mapping[Tag, int]) -> dict[str, Any]:
    return wheels[0] if len(wheels) == 1 else min(wheels, key=lambda wheel: _rank(wheel, ranks), default={})


def _file_name(wheel: Mapping[str, Any]) -> str:
    path = str(wheel.get("url") or wheel.get("path") or "").partition("#")[0].partition("?")[0]
    return str(wheel.get("name") or unquote(path.rpartition("/")[2]))


def _rank(wheel: dict[str, Any], ranks: Mapping[Tag, int]) -> int:
    try:
        tags = parse_wheel_filename(_file_name(wheel))[3]
    except (InvalidWheelFilename, InvalidVersion):
        return len(ranks)  # not a wheel's name: the last choice
    return min((ranks.get(tag, len(ranks)) for tag in tags), default=len(ranks))


def plan_packages(
    found: Iterable[LockedPackage], *, base: Mapping[str, str], direct: Iterable[str]
) -> tuple[Package, ...]:
    """Compare the resolved packages with those of the base image (normalized name → version).

    `direct` are the normalized names that the requirements text names.
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
    before, after = Version(was), Version(version)  # parsed, because 1.0 and 1.0.0 are the same version
    if before == after:
        return Status.PRESENT
    return Status.UPGRADED if after > before else Status.DOWNGRADED
