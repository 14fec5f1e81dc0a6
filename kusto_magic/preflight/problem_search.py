"""Search for all problems of a requirements text, and for a correction that solves all of them.

First the lines that cannot be installed by themselves are found and replaced by the nearest version that can; then
those that conflict with others. The search is limited in time, and says so if it does not finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kusto_magic.preflight.availability import Index
from kusto_magic.preflight.conflict_search import ConflictSearch
from kusto_magic.preflight.diagnosis import Cause, Diagnosis
from kusto_magic.preflight.line_problems import (
    LineProblem,
    Run,
    corrected,
    reason_for,
    with_name,
    with_specifier,
    with_version,
)
from kusto_magic.preflight.report import PLATFORM, Verdict
from kusto_magic.preflight.suggestions import corrected_names
from kusto_magic.preflight.uv import ResolveRequest, ResolveResult
from kusto_magic.requirements.module_names import PACKAGE_OF_MODULE
from kusto_magic.requirements.parser import Requirement

MAX_PROCESSES = 3
"""Maximum number of resolver processes that run at the same time."""


@dataclass
class ProblemSearch:
    """The problems of `lines` by their numbers, as far as they are found.

    `is_complete` is whether all lines were checked, `is_verified` whether the lines with all fixes can be installed
    together, `is_nearest` whether there was time to look for the smallest changes.
    """

    lines: Sequence[Requirement]
    request: ResolveRequest
    run: Run
    problems: dict[int, LineProblem] = field(default_factory=dict)
    is_complete: bool = True
    is_verified: bool = False
    is_nearest: bool = True
    _limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PROCESSES))

    async def examine_lines(self) -> None:
        """Find the lines that cannot be installed by themselves, and their fixes; most reasons are general ones."""
        await self._within_time(self._examine_lines())

    async def resolve_conflicts(self) -> None:
        """Find the lines that conflict with others, and fixes with which all lines can be installed together."""
        if self.is_complete and all(problem.is_fixed for problem in self.problems.values()):
            await self._within_time(self._resolve_conflicts())

    async def explain_lines(self) -> None:
        """Replace the general reasons by those of the resolver, as far as there is time."""
        general = [each.line for each in self.problems.values() if each.cause is Cause.NO_WHEEL and each.replacement]
        await asyncio.gather(*(self._diagnose([line]) for line in general), return_exceptions=True)

    async def _within_time(self, search: Coroutine[Any, Any, None]) -> None:
        try:
            await search
        except TimeoutError:
            self.is_complete = False

    async def _resolve_conflicts(self) -> None:
        conflicts = ConflictSearch(self.lines, self.problems, self.request, self._run)
        self.is_complete = await conflicts.search()
        self.is_verified, self.is_nearest = conflicts.is_verified, conflicts.is_nearest

    async def _run(self, request: ResolveRequest) -> ResolveResult:
        async with self._limit:
            return await self.run(request)

    # ── lines by themselves ────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _index(self) -> Index:
        return Index(self.request, self._run)

    async def _examine_lines(self) -> None:
        unavailable = await self._index.unavailable(self.lines)
        reason = f"no index has a wheel of this version for Python {self.request.python} on {PLATFORM}"
        for line, version in unavailable.items():
            if version:
                self.problems[line.line] = LineProblem(line, reason, with_version(line, version), cause=Cause.NO_WHEEL)
        await self._diagnose([line for line, version in unavailable.items() if not version])
        await self._rename()

    async def _diagnose(self, lines: Sequence[Requirement]) -> None:
        """Record why each of some lines cannot be installed by itself. Raises TimeoutError after the others."""
        found = await asyncio.gather(*(self._index.diagnose(line) for line in lines), return_exceptions=True)
        for line, diagnosis in zip(lines, found, strict=True):
            if isinstance(diagnosis, Diagnosis) and diagnosis.verdict is Verdict.CONFLICT:
                known = self.problems.get(line.line) or self._problem_without_version(line, diagnosis)
                reason = reason_for(line, diagnosis) if known.replacement else known.reason
                self.problems[line.line] = replace(known, reason=reason, cause=diagnosis.cause)
        for error in found:
            if isinstance(error, BaseException):
                raise error

    def _problem_without_version(self, line: Requirement, diagnosis: Diagnosis) -> LineProblem:
        reason = reason_for(line, diagnosis)
        if diagnosis.cause is Cause.NO_WHEEL:
            reason = f"there is no wheel for Python {self.request.python} on {PLATFORM} in any version"
        return LineProblem(
            line, reason, left_out=True, cause=diagnosis.cause, may_have_sdists=diagnosis.may_have_sdists
        )

    async def _rename(self) -> None:
        """Replace the names that no index has, or has no wheels of, by those that are probably meant."""
        left_out = [each for each in self.problems.values() if each.left_out]
        # In a thread: it can read the metadata of all installed packages.
        names = await asyncio.to_thread(_meant_names, left_out) if left_out else {}
        renamed = [with_name(self.problems[number].line, name) for number, name in names.items()]
        bare = [with_specifier(line, "") for line in renamed]
        missing, unknown = await asyncio.gather(self._index.unavailable(renamed), self._index.unavailable(bare))
        without_version, without_any = ({line.line for line in each} for each in (missing, unknown))
        taken = {line.name: line.line for line in corrected(self.lines, self.problems)}
        for line, any_version in zip(renamed, bare, strict=True):
            problem = self.problems[line.line]
            if line.name in taken:
                reason = f"{problem.reason}; {line.name} is required by another line"
                self.problems[line.line] = replace(problem, reason=reason, cause=Cause.OTHER)
            elif line.line not in without_any:
                kept = any_version if line.line in without_version else line
                self.problems[line.line] = replace(problem, replacement=kept, left_out=False)
                taken[line.name] = line.line


def _meant_names(problems: Sequence[LineProblem]) -> dict[int, str]:
    """Return the package that is probably meant by a line, by its number; from local data only."""
    unknown = corrected_names([each.line.name for each in problems if each.cause is Cause.NOT_FOUND])
    # A package without wheels exists, so its name is not misspelled.
    names = {
        each.line.line: unknown.get(each.line.name) or PACKAGE_OF_MODULE.get(each.line.name, "") for each in problems
    }
    return {number: name for number, name in names.items() if name}
