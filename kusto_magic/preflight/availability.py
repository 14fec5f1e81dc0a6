"""Which lines of a requirements text cannot be installed by themselves, and the nearest versions that can.

The lines are resolved together, without dependencies: a placeholder, an empty wheel that is generated for each line, is
chosen only if no index has a version that satisfies the line. One run of the resolver therefore finds all such lines.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kusto_magic.preflight.diagnosis import Diagnosis, diagnose
from kusto_magic.preflight.line_problems import Run, allows
from kusto_magic.preflight.report import Verdict, read_lock
from kusto_magic.preflight.suggestions import Pins, distance, specifier_bounds
from kusto_magic.preflight.uv import ResolveRequest
from kusto_magic.requirements.parser import Requirement

_LOWEST, _HIGHEST = "0", "999999999999"
"""Placeholder versions below and above those of any package."""


@dataclass(frozen=True, slots=True)
class Index:
    """Questions to the package indexes about single lines, for the Python and the base of `request`."""

    request: ResolveRequest
    run: Run

    async def unavailable(self, lines: Sequence[Requirement]) -> dict[Requirement, str]:
        """Return the lines that cannot be installed by themselves, each with its nearest version ("" for none).

        A line without a nearest version may be available after all, which `diagnose` tells. Lines for the same package
        are not examined.
        """
        suspects = await self._suspects(lines)
        nearest = await self._nearest(suspects)
        # uv may prefer a placeholder, but the nearest version is then the one that was requested.
        return {line: version for line in suspects if not allows(line, version := nearest.get(line.line, ""))}

    async def _suspects(self, lines: Sequence[Requirement]) -> list[Requirement]:
        count = Counter(line.name for line in lines)
        placeholders = {line.name: _placeholder(line.specifier) for line in lines if count[line.name] == 1}
        known = {name: version for name, version in placeholders.items() if version}
        asked = [line for line in lines if line.name in known]
        # The public part of a placeholder's version is preferred: otherwise the placeholder would be the newer one.
        prefer = {name: Version(version).public for name, version in known.items() if "+" in version}
        missing = {name for name, version in placeholders.items() if not version}
        # With the cache first: of the pages that are in it, only those of the lines in question are requested again.
        for offline in (True, False):
            found = await self._alone([line.spec for line in asked], known, prefer=prefer, offline=offline)
            asked = [line for line in asked if found.get(line.name) == known[line.name]] if found else asked
        missing |= {line.name for line in asked} if found else set()
        return [line for line in lines if line.name in missing]

    async def diagnose(self, line: Requirement) -> Diagnosis | None:
        """Return why a line cannot be installed by itself, or None if it can be."""
        # The pages of the index are in the cache since `unavailable`.
        request = replace(self.request, lines=(line.spec,), dependencies=False, offline=True)
        result = await self.run(request)
        if result.code and diagnose(result.output, [line], request.python).verdict is Verdict.INCONCLUSIVE:
            result = await self.run(replace(request, offline=False))
        return diagnose(result.output, [line], request.python) if result.code else None

    async def _nearest(self, lines: Sequence[Requirement]) -> dict[int, str]:
        """Return the version nearest to the requested one for each line that has one: its number → version."""
        bounds = {line: found for line in lines if (found := specifier_bounds(line.specifier))}
        # The requested version itself may be found: without a local label, or if the line is available after all.
        below = [f"{line.name}<={found[0].public}" for line, found in bounds.items()]
        above = [f"{line.name}>{found[-1].public}" for line, found in bounds.items()]
        lower, higher = await asyncio.gather(
            self._alone(below, {line.name: _LOWEST for line in bounds}),
            self._alone(above, {line.name: _HIGHEST for line in bounds}, lowest=True),
        )
        both = {line: {lower.get(line.name, _LOWEST), higher.get(line.name, _HIGHEST)} for line in bounds}
        versions = {line: sorted(each - {_LOWEST, _HIGHEST}, key=Version) for line, each in both.items()}
        return {
            line.line: min(each, key=lambda version: distance(version, bounds[line]))
            for line, each in versions.items()
            if each
        }

    async def _alone(
        self,
        lines: Sequence[str],
        placeholders: Mapping[str, str],
        *,
        prefer: Pins | None = None,
        lowest: bool = False,
        offline: bool = True,
    ) -> Pins:
        """Resolve lines without dependencies; return the versions, none if even a placeholder does not help."""
        if not lines:
            return {}
        # The versions of the base image are not preferred, since the nearest ones are wanted.
        installed = {name: self.request.prefer[name] for name in self.request.stub_wheels & self.request.prefer.keys()}
        request = replace(
            self.request,
            lines=tuple(lines),
            prefer=installed | (prefer or {}),
            placeholders=placeholders,
            dependencies=False,
            lowest=lowest,
            offline=offline,
        )
        result = await self.run(request)
        return {one.name: one.version for one in read_lock(result.lock, request.python)} if result.code == 0 else {}


def _placeholder(specifier: str) -> str:
    """Return a version that satisfies a specifier set and that no index has, "" if there is none.

    It is lower than every other one that does, except for those before the first version that the set names.
    """
    allowed = SpecifierSet(specifier, prereleases=True)
    named = [version.public for version in specifier_bounds(specifier)]
    candidates = [_LOWEST, *(f"{version}+unavailable" for version in named), *(f"{each}.0.0.0.1" for each in named)]
    return next((version for version in candidates if allowed.contains(version)), "")
