"""Lock of an image: what determines its packages, with a digest that is the same for the same image.

A lock is made by the check. It has no credentials: the addresses of wheels are those of the public index only, and
never a part of the digest. `models.pylock` writes it as a file (PEP 751), `models.sbom` as a bill of materials.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from packaging.version import Version

from kusto_magic.errors import excerpt
from kusto_magic.requirements import rules

ALGORITHM = "sha256"
"""The hash of wheels and of the digest."""

MAX_DIFFERENCES = 20
"""Maximum number of differences that are listed."""

_CANONICAL_VERSION = 1
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """A package that the resolver chose. `name` is normalized (PEP 503).

    `size` is that of the wheel in bytes, or None if the index does not state it; `file` is its name, `sha256` its hash
    and `url` its address, each "" if it is not known. `in_base` is whether the base image has this version already.
    """

    name: str
    version: str
    size: int | None = None
    file: str = ""
    sha256: str = ""
    url: str = ""
    in_base: bool = False

    @property
    def pin(self) -> str:
        """The package as a line of a requirements text."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Lock:
    """What determines an image: its base, its requirements text byte for byte, and the packages of a check.

    `python` is the Python version, `platform` that of the sandbox. `base_image` is the base as it is sent, "" for
    plain Python; `managed` is the managed image at the bottom, or "", and `layers` are the SHA-256 of the requirements
    of the custom images above it, the lowest first. `exclude_newer` is the date or time after which releases were
    ignored, or "".
    """

    python: str
    platform: str
    requirements: str
    packages: tuple[LockedPackage, ...] = ()
    base_image: str = ""
    managed: str = ""
    layers: tuple[str, ...] = ()
    exclude_newer: str = ""

    @property
    def digest(self) -> str:
        """The SHA-256 of what determines the image: not of times, addresses, sizes or the version of this program."""
        packages = sorted([package.name, package.version, package.sha256] for package in self.packages)
        canonical = {
            "version": _CANONICAL_VERSION,
            "python": self.python,
            "platform": self.platform,
            "base": [self.base_image, self.managed, *self.layers],
            "requirements": self.requirements,
            "packages": packages,
        }
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
        return f"{ALGORITHM}:{hashlib.sha256(text.encode()).hexdigest()}"

    @property
    def base_label(self) -> str:
        """The base image or Python version as text: "Python3_10_8" or "Python 3.10.8"."""
        return self.base_image or f"Python {self.python}"

    @property
    def versions(self) -> dict[str, str]:
        """The versions by name, normalized (PEP 440)."""
        return {package.name: str(Version(package.version)) for package in self.packages}

    def differences(self, other: Lock) -> tuple[str, ...]:
        """Return how `other`, a later lock, differs from this one: a sentence without its end for each difference."""
        found = [*self._input_differences(other), *_package_differences(self.packages, other.packages)]
        more = len(found) - MAX_DIFFERENCES
        return (*found[:MAX_DIFFERENCES], f"{more} more") if more > 0 else tuple(found)

    def _input_differences(self, other: Lock) -> Iterator[str]:
        if self.base_image != other.base_image:
            yield f"base: {self.base_label} in the lock, {other.base_label} now"
        elif (self.managed, self.layers) != (other.managed, other.layers):
            yield f"base: {self.base_label} has been built from other requirements since"
        if self.python != other.python:
            yield f"Python: {self.python} in the lock, {other.python} now"
        if self.platform != other.platform:
            yield f"platform: {self.platform} in the lock, {other.platform} now"
        if self.exclude_newer != other.exclude_newer:
            was, now = self.exclude_newer or "no limit", other.exclude_newer or "no limit"
            yield f"releases until: {was} in the lock, {now} now"
        if self.requirements != other.requirements:
            yield f"requirements: {_text_difference(self.requirements, other.requirements)}"


def _package_differences(locked: Sequence[LockedPackage], found: Sequence[LockedPackage]) -> Iterator[str]:
    before, after = ({package.name: package for package in packages} for packages in (locked, found))
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if now is None:
            yield f"{name}: {before[name].version} in the lock, not needed now"
        elif was is None:
            yield f"{name}: not in the lock, {now.version} now"
        elif was.version != now.version:
            yield f"{name}: {was.version} in the lock, {now.version} now"
        elif was.sha256 != now.sha256:
            yield f"{name} {was.version}: {_wheel_difference(was, now)}"


def _wheel_difference(was: LockedPackage, now: LockedPackage) -> str:
    if was.file == now.file:
        return f"the hash of {was.file or 'its wheel'} is not that of the lock"
    return f"{was.file or 'no wheel'} in the lock, {now.file or 'no wheel'} now"


def _text_difference(locked: str, text: str) -> str:
    """Return the first line that differs, or what else does."""
    before, after = locked.splitlines(), text.splitlines()
    for number in range(1, max(len(before), len(after)) + 1):
        was, now = (lines[number - 1] if number <= len(lines) else None for lines in (before, after))
        if was != now:
            if rules.secret_in(locked) or rules.secret_in(text):
                return f"line {number} is not that of the lock"
            return f"line {number} is {_shown(was)} in the lock, {_shown(now)} now"
    return "the line endings or the byte order mark are not those of the lock"


def _shown(line: str | None) -> str:
    return "missing" if line is None else excerpt(line)


def comparable_text(requirements: str) -> str:
    """Return a requirements text without its final newline, and with the same line endings everywhere."""
    return requirements.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


# ── dates ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def cutoff_time(value: str) -> str:
    """Return the RFC 3339 time after which releases are ignored, in UTC, for a date or an RFC 3339 time.

    A date includes its whole day in UTC, so that it means the same on every machine. Raises ValueError.
    """
    try:
        moment = _end_of_day(value) if _DATE.fullmatch(value) else _moment(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{excerpt(value)} is not a date such as 2024-06-30, or an RFC 3339 time") from None
    return moment.isoformat().replace("+00:00", "Z")


def _end_of_day(value: str) -> datetime:
    return datetime.combine(date.fromisoformat(value) + timedelta(days=1), time(), UTC)


def _moment(value: str) -> datetime:
    if not _TIME.fullmatch(value):
        raise ValueError("not a time")
    return datetime.fromisoformat(value.upper()).astimezone(UTC)


# ── JSON of the history ────────────────────────────────────────────────────────────────────────────────────────────


def lock_json(lock: Lock) -> dict[str, Any]:
    """Return a lock as JSON, with its digest."""
    return {
        "digest": lock.digest,
        "excludeNewer": lock.exclude_newer,
        "python": lock.python,
        "platform": lock.platform,
        "base": lock.base_image,
        "managed": lock.managed,
        "layers": list(lock.layers),
        "requirements": lock.requirements,
        "packages": [
            [each.name, each.version, each.size, each.file, each.sha256, each.url, each.in_base]
            for each in lock.packages
        ],
    }


def lock_from_json(document: Mapping[str, Any]) -> Lock | None:
    """Return the lock of `lock_json`, or None if it is only a summary, or a part of it was redacted.

    Raises KeyError, TypeError or ValueError if it is not one.
    """
    if "packages" not in document:
        return None
    lock = Lock(
        document["python"],
        document["platform"],
        document["requirements"],
        tuple(LockedPackage(*values) for values in document["packages"]),
        document["base"],
        document["managed"],
        tuple(document["layers"]),
        document["excludeNewer"],
    )
    return lock if lock.digest == document["digest"] else None
