"""Explanation of a conflict: every line that cannot be installed, suggestions, and a correction of the whole text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kusto_magic.preflight.diagnosis import Cause, Diagnosis
from kusto_magic.preflight.line_edit import changes_of
from kusto_magic.preflight.line_problems import LineProblem, Run, in_order, label
from kusto_magic.preflight.problem_search import ProblemSearch
from kusto_magic.preflight.report import Fix, Suggestion
from kusto_magic.preflight.resolution import Resolution
from kusto_magic.preflight.suggestions import build_suggestion, other_pythons, suggest, with_fix
from kusto_magic.preflight.uv import ResolveRequest, ResolveResult
from kusto_magic.requirements.correction import Correction, correct_lines
from kusto_magic.requirements.parser import Requirement

SEARCH_TIMEOUT = 5.0
"""Maximum number of seconds for finding all problems and their corrections after a conflict."""

UNCHECKED = "the search for problems did not finish: not all lines were checked"
"""Warning about an explanation that is not complete, usually because the time was over."""

NOT_NEAREST = "the search for the smallest changes did not finish: the next check may find nearer versions"
"""Warning about a correction that can be installed, but may change more than is needed."""

_MAX_NAMED = 4
"""Maximum number of packages that the reason names."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a conflict.

    `reason` is one sentence, `problems` one for each line if several cannot be installed. `correction` is the corrected
    text, which can be installed, or None. `warnings` say what was not checked.
    """

    reason: str
    problems: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    correction: Correction | None = None
    warnings: tuple[str, ...] = ()


async def explain(text: str, lines: Sequence[Requirement], diagnosis: Diagnosis, resolution: Resolution) -> Explanation:
    """Find all problems of `lines`, the lines of `text` that apply.

    This takes at most `SEARCH_TIMEOUT` seconds. `diagnosis` is that of the first conflict.
    """
    started = resolution.clock.monotonic()
    limited = replace(resolution, deadline=min(resolution.deadline, started + SEARCH_TIMEOUT))
    search = ProblemSearch(lines, limited.request(()), _timed(limited))
    await search.examine_lines()
    if len(search.problems) > 1:
        await search.resolve_conflicts()
        await search.explain_lines()
        suggestions = await _suggestions_for_several(search, limited)
    else:
        suggesting = suggest(diagnosis, lines, limited.python, limited.attempt, max(limited.remaining, 0.0))
        suggestions, *_ = await asyncio.gather(suggesting, search.resolve_conflicts(), search.explain_lines())
    return _explanation(text, diagnosis, search, suggestions)


def _timed(resolution: Resolution) -> Run:
    async def run(request: ResolveRequest) -> ResolveResult:
        result = await resolution.run(request) if resolution.remaining > 0 else ResolveResult(None, "")
        if result.code is None:
            raise TimeoutError
        return result

    return run


async def _suggestions_for_several(search: ProblemSearch, resolution: Resolution) -> tuple[Suggestion, ...]:
    # Another Python helps only if what is missing are wheels.
    problems = in_order(search.problems)
    needs_wheels = any(each.cause in {Cause.NO_WHEEL, Cause.PYTHON} for each in problems)
    others = await other_pythons(search.lines, resolution.python, resolution.attempt) if needs_wheels else []
    sources = [each.line.name for each in problems if each.left_out and each.may_have_sdists]
    return (*others, *([build_suggestion(sources)] if sources else []))


def _explanation(
    text: str, diagnosis: Diagnosis, search: ProblemSearch, suggestions: tuple[Suggestion, ...]
) -> Explanation:
    problems = in_order(search.problems)
    several = len(problems) > 1
    return Explanation(
        reason=_summary(problems) if several else diagnosis.reason,
        problems=tuple(_sentence(each, search.is_verified) for each in problems) if several else (),
        suggestions=suggestions if several else _with_change(problems, suggestions),
        correction=correct_lines(text, changes_of(text, problems)) if search.is_verified else None,
        warnings=_warnings(search),
    )


def _warnings(search: ProblemSearch) -> tuple[str, ...]:
    if not search.is_complete:
        return (UNCHECKED,)
    return () if search.is_nearest else (NOT_NEAREST,)


def _with_change(problems: Sequence[LineProblem], suggestions: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Return suggestions in which the version that was found for a line replaces another one."""
    found = {
        each.line.line: with_fix(each.replacement, f"{each.replacement.spec} would be compatible")
        for each in problems
        if each.replacement and each.replacement.name == each.line.name
    }
    others = [each for each in suggestions if not (isinstance(each, Fix) and each.line in found)]
    return (*found.values(), *others)


def _summary(problems: Sequence[LineProblem]) -> str:
    names = [label(each.line) for each in problems[:_MAX_NAMED]]
    more = len(problems) - len(names)
    last = [f"{more} more"] if more else [names.pop()]
    return f"{len(problems)} lines cannot be installed: {', '.join(names)} and {last[0]}"


def _sentence(problem: LineProblem, is_verified: bool) -> str:
    return f"line {problem.line.line} {label(problem.line)}: {problem.reason}{_fix(problem, is_verified)}"


def _fix(problem: LineProblem, is_verified: bool) -> str:
    if not problem.is_fixed:
        return "; no fix is known"
    if problem.replacement is None:
        return "; check the name, or leave it out" if problem.cause is Cause.NOT_FOUND else "; leave it out"
    use = f"; use {label(problem.replacement)}"
    return use if is_verified else f"{use} (not checked together with the other lines)"
