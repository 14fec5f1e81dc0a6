"""A preflight that locks what a text names, with the versions of an imagined index."""

from __future__ import annotations

import hashlib
from typing import Any

from kusto_magic.models.lock import Lock, LockedPackage
from kusto_magic.preflight.report import PLATFORM, PreflightReport, Verdict, plan_packages
from kusto_magic.requirements import parser


def package(name: str, version: str, *, content: str = "") -> LockedPackage:
    """Return a package with a wheel of this content."""
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return LockedPackage(name, version, 1000, file, hashlib.sha256(f"{file}{content}".encode()).hexdigest())


class LockingPreflight:
    """Finds a package for each line: its version as `versions` has it, by default 1.0.

    `contents` are the contents of wheels by name, `more` are names that are found besides. Versions of a lock are
    preferred while `keeps` says so. `python` replaces that of the image; with `reason` the check is inconclusive.
    """

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.contents: dict[str, str] = {}
        self.more: list[str] = []
        self.keeps = True
        self.python = ""
        self.reason = ""
        self.calls: list[dict[str, Any]] = []

    async def __call__(self, text: str, **options: Any) -> PreflightReport:
        self.calls.append({"text": text, **options})
        python = self.python or options["python"]
        if self.reason:
            return PreflightReport(Verdict.INCONCLUSIVE, python, reason=self.reason)
        named = [line.name for line in parser.read(text).packages]
        locked = options["locked"].versions if options["locked"] and self.keeps else {}
        found = tuple(self._found(name, locked) for name in sorted({*named, *self.more}))
        packages = plan_packages(found, base={}, direct=named)
        layers = tuple(hashlib.sha256(layer.encode()).hexdigest() for layer in options["base_requirements"])
        managed = options["base"].image if options["base"] else ""
        base = options["base_image"] or managed
        lock = Lock(python, PLATFORM, text, found, base, managed, layers, options["exclude_newer"])
        return PreflightReport(Verdict.COMPATIBLE, python, packages, lock=lock)

    def _found(self, name: str, locked: dict[str, str]) -> LockedPackage:
        version = self.versions.get(name) or locked.get(name) or "1.0"
        return package(name, version, content=self.contents.get(name, ""))
