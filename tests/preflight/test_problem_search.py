"""The search for problems with a resolver that is a table: what it asks, and what it does when the time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from packaging.requirements import Requirement as Pep508
from packaging.version import Version
from support.clock import MovableClock

from kusto_magic.preflight.conflict_search import MAX_CHANGED_LINES
from kusto_magic.preflight.problem_search import MAX_PROCESSES, ProblemSearch
from kusto_magic.preflight.uv import ResolveRequest, ResolveResult
from kusto_magic.requirements.parser import parse

MANY = [f"p{number}" for number in range(MAX_CHANGED_LINES + 1)]
INDEX: Mapping[str, Sequence[str]] = {
    "a": ["1.0", "1.2", "2.0"],
    "b": ["1", "2", "3"],
    "c": ["0.5"],
    "d": ["1", "2"],
    **{name: ["1"] for name in MANY},
}
CONFLICT = "No solution found when resolving dependencies\n  cause: Because "


class Resolver:
    """A resolver for `INDEX`: `clash` are two pins that exclude each other; each run takes `seconds` of `clock`."""

    def __init__(self, *, clash: tuple[str, str] = ("", ""), seconds: float = 0, limit: float = 100) -> None:
        self.clash, self.seconds, self.limit = clash, seconds, limit
        self.clock = MovableClock()
        self.requests: list[ResolveRequest] = []
        self.running = self.most = 0

    async def run(self, request: ResolveRequest) -> ResolveResult:
        self.requests.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        self.clock.move(self.seconds)
        if self.clock.passed > self.limit:
            raise TimeoutError
        return self._result(request)

    def _result(self, request: ResolveRequest) -> ResolveResult:
        chosen: dict[str, str] = {}
        for line in map(Pep508, request.lines):
            versions = [*INDEX.get(line.name, ()), *([request.placeholders.get(line.name)] * 1)]
            allowed = [one for one in versions if one and line.specifier.contains(one, prereleases=True)]
            if not allowed:
                return ResolveResult(1, f"{CONFLICT}there is no version of {line} and you require {line}, we can")
            best = (min if request.lowest else max)(allowed, key=Version)
            preferred = request.prefer.get(line.name)
            chosen[line.name] = preferred if preferred in allowed else best
        if request.dependencies and set(self.clash) <= {f"{name}=={version}" for name, version in chosen.items()}:
            return self._solve(request, chosen)
        return ResolveResult(0, "", _lock(chosen))

    def _solve(self, request: ResolveRequest, chosen: dict[str, str]) -> ResolveResult:
        first, second = (Pep508(each) for each in self.clash)
        others = [one for one in INDEX[second.name] if not second.specifier.contains(one)]
        line = next(each for each in map(Pep508, request.lines) if each.name == second.name)
        possible = [one for one in others if line.specifier.contains(one)]
        if not possible:
            version = next(iter(second.specifier)).version
            text = f"{first} depends on {second.name}<{version} and you require {second}, we"
            return ResolveResult(1, CONFLICT + text)
        best = (min if request.lowest else max)(possible, key=Version)
        return ResolveResult(0, "", _lock({**chosen, second.name: best}))


def _lock(chosen: Mapping[str, str]) -> str:
    return "".join(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in chosen.items())


class Upgrader(Resolver):
    """A resolver that ignores which versions of d are preferred."""

    def _result(self, request: ResolveRequest) -> ResolveResult:
        return super()._result(replace(request, prefer={**request.prefer, "d": "2"}))


class ColdResolver(Resolver):
    """A resolver whose cache has the dependencies only after a run that is not offline."""

    is_warm = False

    def _result(self, request: ResolveRequest) -> ResolveResult:
        if request.dependencies and request.offline and not self.is_warm:
            return ResolveResult(1, "No solution found when resolving; the network was disabled")
        self.is_warm |= request.dependencies and not request.offline
        return super()._result(request)


def search(text: str, resolver: Resolver) -> ProblemSearch:
    found = ProblemSearch(parse(text).packages, ResolveRequest((), "3.10.8"), resolver.run)

    async def run() -> None:
        await found.examine_lines()
        await found.resolve_conflicts()
        await found.explain_lines()

    asyncio.run(run())
    return found


def fixes(found: ProblemSearch) -> dict[int, str]:
    return {
        number: problem.replacement.spec if problem.replacement else "left out" if problem.left_out else "none"
        for number, problem in sorted(found.problems.items())
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a==1.2\nb==1", {}),
        ("a==1.5\nb==7", {1: "a==1.2", 2: "b==3"}),
        ("a==1.9\nzzz-unknown-zzz", {1: "a==1.2", 2: "left out"}),
        ("a>=3\nc<0.1", {1: "a==2.0", 2: "c==0.5"}),
        ("a==1.2+gpu\nc==0.5", {1: "a==1.2"}),
        ("a==1.*\nb~=2.0\nc!=9,>=0.1", {}),
    ],
)
def test_lines_are_fixed_by_the_nearest_version(text: str, expected: dict[int, str]) -> None:
    found = search(text, Resolver())
    assert fixes(found) == expected
    assert (found.is_complete, found.is_verified) == (True, True)


def test_conflict_changes_one_line_and_names_the_other() -> None:
    found = search("a==1.2\nb==2\nc", Resolver(clash=("a==1.2", "b==2")))
    assert fixes(found) == {2: "b==3"}
    assert found.problems[2].reason == "clashes with line 1 a==1.2, which needs b<2"
    assert found.is_verified


def test_many_changed_lines_are_loosened_at_once_and_conflicts_keep_their_reason() -> None:
    resolver = Resolver(clash=("a==1.2", "b==2"))
    many = "".join(f"{name}==2\n" for name in MANY)
    found = search(f"{many}a==1.2\nb==2", resolver)
    last = len(MANY) + 2
    assert fixes(found) == {number: f"{name}==1" for number, name in enumerate(MANY, 1)} | {last: "b==3"}
    assert found.problems[last].reason == f"clashes with line {last - 1} a==1.2, which needs b<2"
    assert found.is_verified
    together = [request for request in resolver.requests if request.dependencies and len(request.lines) == last]
    assert [line for line in together[0].lines if line[:2] in {"a>", "b>"}] == ["a>=1.2", "b>=2"]


def test_changes_that_the_resolver_made_needlessly_are_taken_back() -> None:
    resolver = Upgrader(clash=("a==1.2", "b==2"))
    found = search("".join(f"{name}==2\n" for name in MANY) + "a==1.2\nb==2\nd==1", resolver)
    assert {number: fix for number, fix in fixes(found).items() if number > len(MANY)} == {len(MANY) + 2: "b==3"}
    assert found.is_verified


def test_all_lines_are_examined_in_one_run_without_dependencies() -> None:
    resolver = Resolver()
    search("a==1.0\nb==1\nc==0.5", resolver)
    first, second = resolver.requests
    assert (len(first.lines), first.dependencies, first.offline, set(first.placeholders)) == (
        3,
        False,
        True,
        {"a", "b", "c"},
    )
    assert (len(second.lines), second.dependencies, second.offline) == (3, True, True)


def test_resolver_processes_are_limited() -> None:
    resolver = Resolver()
    search("\n".join(f"unknown-{number}==1" for number in range(20)), resolver)
    assert resolver.most == MAX_PROCESSES


@pytest.mark.parametrize("limit", range(1, 9))
def test_search_ends_in_time_and_says_whether_it_is_complete(limit: float) -> None:
    found = search("a==1.5\nb==2\na2==1", Resolver(clash=("a==1.2", "b==2"), seconds=1, limit=limit))
    assert not (found.is_verified and not found.is_complete)
    assert found.is_complete or not found.is_verified
    assert limit > 3 or not found.is_complete


def test_search_without_time_for_the_smallest_changes_says_so() -> None:
    found = [search("a==1.2\nb==2", Resolver(clash=("a==1.2", "b==2"), seconds=1, limit=limit)) for limit in range(9)]
    verified = [each.is_nearest for each in found if each.is_verified]
    assert verified == sorted(verified)
    assert set(verified) == {False, True}


def test_unverified_problems_have_known_reasons() -> None:
    found = search("a==1.5\nb==7", Resolver(seconds=1, limit=4))
    assert fixes(found) == {1: "a==1.2", 2: "b==3"}
    assert {problem.reason for problem in found.problems.values()} == {
        "no index has a wheel of this version for Python 3.10.8 on Windows x64"
    }
    assert (found.is_complete, found.is_verified) == (False, False)


def test_indexes_are_asked_if_the_cache_does_not_suffice() -> None:
    cold = ColdResolver()
    found = search("a==1.2\nb==1", cold)
    assert (fixes(found), found.is_verified) == ({}, True)
    online = [request for request in cold.requests if request.dependencies and not request.offline]
    assert [request.lines for request in online] == [("a==1.2", "b==1")]
