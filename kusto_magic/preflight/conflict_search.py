"""Search for the lines of a requirements text that conflict with others, and for the smallest changes that help.

The lines of a conflict are loosened, one conflict after the other, until the rest can be installed. The cache of the
resolver usually suffices for that; if it does not, the indexes are asked.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from packaging.version import Version

from kusto_magic.preflight.diagnosis import Cause, Diagnosis, diagnose
from kusto_magic.preflight.line_problems import (
    LineProblem,
    Run,
    allows,
    at_least,
    corrected,
    pinned_versions,
    reason_for,
    with_specifier,
    with_version,
)
from kusto_magic.preflight.report import Verdict, read_lock
from kusto_magic.preflight.suggestions import Pins, distance, specifier_bounds
from kusto_magic.preflight.uv import ResolveRequest, ResolveResult
from kusto_magic.requirements.parser import Requirement

MAX_LINES_ONLINE = 20
"""Number of lines up to which the indexes are asked for nearer versions; for more lines this takes too long."""

MAX_SINGLE_CONFLICTS = 6
"""Number of conflicts that are resolved one by one; if there are more, all lines are loosened at once."""

MAX_CHANGED_LINES = 12
"""Number of changed lines up to which conflicts are resolved one by one; more lines have too many of them."""

_IN_CONFLICT = "it conflicts with other lines"
"""Reason of a line that was loosened with all others, unless a better one is found."""

_MISSING = frozenset({Cause.NOT_FOUND, Cause.NO_VERSION, Cause.NO_WHEEL, Cause.PYTHON})


@dataclass
class ConflictSearch:
    """Adds to `problems` (by line number) those of `lines` that conflict with others.

    `run` runs the resolver and raises TimeoutError if no time is left. `is_verified` is whether the corrected lines can
    be installed together, `is_nearest` whether there was time to look for the smallest changes.
    """

    lines: Sequence[Requirement]
    problems: MutableMapping[int, LineProblem]
    request: ResolveRequest
    run: Run
    is_verified: bool = False
    is_nearest: bool = True
    _loosened: dict[int, str] = field(default_factory=dict)
    _free: set[int] = field(default_factory=set)

    async def search(self) -> bool:
        """Return whether all conflicts were found. Raises TimeoutError before there is a verified correction."""
        result = await self._loosen_conflicts()
        if result.code != 0:
            return diagnose(result.output, self._trial(), self.request.python).verdict is Verdict.CONFLICT
        found = self._pins(result)
        self._accept(found)
        self.is_verified = bool(self._corrected())
        if self._loosened:
            self.is_nearest = False
            with suppress(TimeoutError):  # what was found can be installed together
                await self._restore()
                await self._choose_nearest(found)
                self.is_verified = (await self._resolve(self._corrected())).code == 0
                self.is_nearest = True
        return True

    def _corrected(self) -> list[Requirement]:
        return corrected(self.lines, self.problems)

    # ── loosening ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _loosen_conflicts(self) -> ResolveResult:
        """Loosen the lines of each conflict until none is left; return the last result."""
        for count in itertools.count():
            if count >= MAX_SINGLE_CONFLICTS or len(self.problems) > MAX_CHANGED_LINES:
                self._loosen_all()
            trial = self._trial()
            result = await self._resolve(trial, prefer=pinned_versions(self._corrected()))
            if result.code == 0 or not trial:
                return result
            diagnosis = diagnose(result.output, trial, self.request.python)
            if diagnosis.verdict is not Verdict.CONFLICT:
                return result
            if not self._loosen(diagnosis) and not await self._leave_out(diagnosis):
                break
        return result

    def _trial(self) -> list[Requirement]:
        """Return the corrected lines, the loosened ones with their version or a later one, the free ones with any."""
        return [
            replace(line, specifier="" if line.line in self._free else at_least(line))
            if line.line in self._loosened
            else line
            for line in self._corrected()
        ]

    def _loosen(self, diagnosis: Diagnosis) -> bool:
        """Loosen the lines of a conflict, or free those that are loosened already; return whether any could be."""
        culprits = [line for line in self._culprits(diagnosis) if line.specifier]
        tight = [line for line in culprits if line.line not in self._loosened]
        self._loosened |= {line.line: reason_for(line, diagnosis) for line in tight}
        # Later versions first: to search all versions takes long, and old lines usually conflict with later ones.
        loose = {line.line for line in culprits} - self._free if not tight else set()
        self._free |= loose
        return bool(tight or loose)

    def _loosen_all(self) -> None:
        """Loosen all lines that require one version; the resolver still prefers these versions."""
        pinned = [line for line in self._corrected() if line.name in pinned_versions([line])]
        self._loosened = {line.line: _IN_CONFLICT for line in pinned} | self._loosened

    async def _leave_out(self, diagnosis: Diagnosis) -> bool:
        """Leave out the lines that no version of can be installed; return whether there are any, record the others."""
        original, left_out = self._original(), False
        for line in self._culprits(diagnosis):
            is_missing = diagnosis.cause in _MISSING and not await self._exists(line)
            reason = reason_for(line, diagnosis) + ("; no version can be installed" if is_missing else "")
            self.problems[line.line] = LineProblem(original[line.line], reason, left_out=is_missing)
            self._loosened.pop(line.line, None)
            left_out |= is_missing
        return left_out

    async def _exists(self, line: Requirement) -> bool:
        """Return whether any version of a line can be installed by itself."""
        return (await self._run([replace(line, specifier="")], offline=False)).code == 0

    def _culprits(self, diagnosis: Diagnosis) -> list[Requirement]:
        numbers = {line.line for line in diagnosis.culprits}
        return [line for line in self._corrected() if line.line in numbers]

    def _original(self) -> dict[int, Requirement]:
        return {line.line: line for line in self.lines}

    # ── the smallest changes ───────────────────────────────────────────────────────────────────────────────────────

    def _accept(self, found: Pins) -> None:
        """Pin the loosened lines whose version must change to the version that was found."""
        original = self._original()
        for line in self._corrected():
            version = found.get(line.name, "")
            if line.line in self._loosened and version and not allows(line, version):
                known = self.problems.get(line.line)
                reason, cause = (known.reason, known.cause) if known else (self._loosened[line.line], Cause.CONFLICT)
                fixed = with_version(line, version)
                self.problems[line.line] = LineProblem(original[line.line], reason, fixed, cause=cause)

    async def _restore(self) -> None:
        """Keep the lines that need no change once the others are changed; say why the others need one."""
        numbers = [
            each.line.line for each in self.problems.values() if each.cause is Cause.CONFLICT and each.replacement
        ]
        obstacles = await asyncio.gather(*map(self._obstacle, numbers))
        needless = [number for number, obstacle in zip(numbers, obstacles, strict=True) if obstacle is None]
        for number, obstacle in zip(numbers, obstacles, strict=True):
            if obstacle and obstacle.verdict is Verdict.CONFLICT:
                self._explain(self.problems[number], obstacle)
        for number in needless:
            # One of two changes may be needed though neither of them is.
            if number == needless[0] or await self._obstacle(number) is None:
                del self.problems[number]

    def _explain(self, problem: LineProblem, obstacle: Diagnosis) -> None:
        if problem.reason == _IN_CONFLICT:
            reason = reason_for(problem.line, obstacle)
            self.problems[problem.line.line] = replace(problem, reason=reason)

    async def _obstacle(self, number: int) -> Diagnosis | None:
        """Return why not all lines can be installed without one of the changes, or None if they can."""
        others = {each: other for each, other in self.problems.items() if each != number}
        trial = corrected(self.lines, others)
        result = await self._run(trial)
        return diagnose(result.output, trial, self.request.python) if result.code else None

    async def _choose_nearest(self, found: Pins) -> None:
        """Replace the versions of the loosened lines by nearer ones, if all of them can be installed together."""
        lines, original = self._corrected(), self._original()
        changed = [line for line in lines if line.line in self.problems and line.line in self._loosened]
        bounds = {line.line: specifier_bounds(original[line.line].specifier) for line in changed}
        if not changed or not all(bounds.values()):
            return
        # The lowest version is wanted of these lines only, so the others are pinned.
        pinned = [with_version(line, found[line.name]) if line.name in found else line for line in lines]
        below = {number: f"<{each[0].public}" for number, each in bounds.items()}
        above = {number: f">{each[-1].public}" for number, each in bounds.items()}
        lower, higher = await asyncio.gather(self._nearer(lines, below), self._nearer(pinned, above, lowest=True))
        solutions = [found, lower, higher]
        complete = [each for each in solutions if all(line.name in each for line in changed)]
        best = min(complete, key=lambda each: _distances(each, changed, bounds), default=found)
        for line in changed:
            fixed = with_version(line, best[line.name])
            self.problems[line.line] = replace(self.problems[line.line], replacement=fixed)

    # ── the resolver ───────────────────────────────────────────────────────────────────────────────────────────────

    def _pins(self, result: ResolveResult) -> Pins:
        locked = read_lock(result.lock, self.request.python) if result.code == 0 else []
        return {one.name: one.version for one in locked}

    async def _resolve(self, lines: Sequence[Requirement], *, prefer: Pins | None = None) -> ResolveResult:
        """Resolve lines with the cache if that is enough, otherwise with the indexes."""
        cached = await self._run(lines, prefer=prefer)
        if cached.code == 0 or diagnose(cached.output, lines, self.request.python).verdict is Verdict.CONFLICT:
            return cached
        return await self._run(lines, offline=False, prefer=prefer)

    async def _nearer(
        self, lines: Sequence[Requirement], specifiers: Mapping[int, str], *, lowest: bool = False
    ) -> Pins:
        """Return the versions for lines, some of them with other specifier sets."""
        trial = [with_specifier(line, specifiers.get(line.line, line.specifier)) for line in lines]
        # The nearest version is wanted, also if the base image has another one that would do.
        free = {line.name: "" for line in lines if line.line in specifiers}
        # The cache may lack what the resolver needs to know of nearer versions.
        offline = len(lines) > MAX_LINES_ONLINE
        return self._pins(await self._run(trial, offline=offline, prefer=free, lowest=lowest))

    async def _run(
        self, lines: Sequence[Requirement], *, offline: bool = True, prefer: Pins | None = None, lowest: bool = False
    ) -> ResolveResult:
        """Run the resolver; `prefer` are versions to prefer besides those of the base image ("": none)."""
        specs = tuple(line.spec for line in lines)
        preferred = {name: version for name, version in {**self.request.prefer, **(prefer or {})}.items() if version}
        return await self.run(replace(self.request, lines=specs, prefer=preferred, offline=offline, lowest=lowest))


def _distances(
    found: Pins, lines: Sequence[Requirement], bounds: Mapping[int, Sequence[Version]]
) -> list[tuple[int, ...]]:
    """Return how far the versions of lines are from those that they required, the farthest first."""
    return sorted((distance(found[line.name], bounds[line.line]) for line in lines), reverse=True)
