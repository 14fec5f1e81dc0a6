"""State of one preflight: its fixed inputs, the packages of the base image, and the runs of the resolver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kusto_magic.clock import Clock
from kusto_magic.models.cluster_contents import DEFAULT_POLICY, SandboxPolicy
from kusto_magic.models.lock import LockedPackage
from kusto_magic.preflight.indexes import IndexSettings, origin
from kusto_magic.preflight.report import PreflightReport, Verdict, read_lock
from kusto_magic.preflight.suggestions import Candidate, Pins
from kusto_magic.preflight.uv import ResolveRequest, ResolveResult, resolve


@dataclass
class Resolution:
    """The inputs of a preflight, and the packages of the base image (normalized name → version).

    `locked` are the versions of a lock, which are preferred to those of the base image; `found` are the packages that
    the text needs, once it is resolved. `layer_sizes` are the sizes of the wheels that custom base images add.
    `deadline` is a time of `clock`; no run of the resolver continues after it.
    """

    python: str
    settings: IndexSettings
    environ: Mapping[str, str]
    deadline: float
    exclude_newer: str | None
    clock: Clock
    installed: Pins = field(default_factory=dict)
    stub_wheels: frozenset[str] = frozenset()
    from_custom_images: Pins = field(default_factory=dict)
    layer_sizes: dict[str, int | None] = field(default_factory=dict)
    locked: Pins = field(default_factory=dict)
    found: tuple[LockedPackage, ...] = ()
    warnings: list[str] = field(default_factory=list)
    ignores_indexes: bool = False
    policy: SandboxPolicy = DEFAULT_POLICY

    def warn_of_indexes(self, options: Iterable[tuple[str, str]], remark: str) -> None:
        """Warn about index options of a text that the user did not write: no request is sent to these indexes."""
        for _, url in options:
            self.warnings.append(f"the package index {origin(url)} {remark}")

    @property
    def remaining(self) -> float:
        """Remaining time in seconds."""
        return self.deadline - self.clock.monotonic()

    def request(self, lines: Iterable[str], python: str = "") -> ResolveRequest:
        """Return the request for lines on top of the base image, or on top of nothing for another Python version."""
        same = python in {"", self.python}
        return ResolveRequest(
            lines=tuple(lines),
            python=python or self.python,
            prefer=self.installed | self.locked if same else {},  # another Python means another base image
            stub_wheels=self.stub_wheels if same else frozenset(),
            exclude_newer=self.exclude_newer,
        )

    async def run(self, request: ResolveRequest) -> ResolveResult:
        """Run the resolver within the remaining time."""
        result = await resolve(request, self.settings, self.environ, self.remaining)
        # Before it is parsed, so that no part of it can show a token.
        return replace(result, output=self.settings.hide(result.output))

    async def resolve(self, lines: Iterable[str]) -> ResolveResult:
        """Resolve lines on top of the base image's packages; to the locked versions as long as that is possible."""
        request = self.request(lines)
        if self.locked:
            # Preferences are not enough: uv skips a preferred version that the first of several indexes cannot provide.
            result = await self.run(replace(request, constraints=self.locked))
            if result.code != 1:
                return result
        return await self.run(request)

    async def attempt(self, candidate: Candidate) -> Pins | None:
        """Resolve a candidate; return None if it conflicts or no time is left."""
        if self.remaining <= 0:
            return None
        result = await self.run(replace(self.request(candidate.lines, candidate.python), lowest=candidate.lowest))
        return pins(read_lock(result.lock, candidate.python)) if result.code == 0 else None

    def keep_installed(self, found: Iterable[LockedPackage]) -> tuple[LockedPackage, ...]:
        """Return the packages with what is known of the base image, without private addresses.

        A package that only the base image has, no index, is without a wheel: that of the resolver is a placeholder.
        """
        is_private = bool(self.settings.displayed)
        return tuple(self._locked(package, is_private) for package in found)

    def _locked(self, package: LockedPackage, is_private: bool) -> LockedPackage:
        in_base = self.installed.get(package.name) == package.version
        if in_base and package.name in self.stub_wheels:
            return LockedPackage(package.name, package.version, in_base=True)
        # Only the public index has the same address for everyone, and none with a token in it.
        return replace(package, in_base=in_base, url="" if is_private else package.url)

    def report(self, verdict: Verdict, **rest: Any) -> PreflightReport:
        """Return a report with the warnings collected so far."""
        return PreflightReport(verdict, self.python, warnings=tuple(self.warnings), **rest)


def pins(found: Iterable[LockedPackage]) -> Pins:
    """Return the versions of locked packages by name."""
    return {one.name: one.version for one in found}
