"""Suggestions after a conflict: verified versions and Python versions, and names from local data."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from packaging.requirements import Requirement as Pep508

from kusto_magic.preflight.diagnosis import Cause, Diagnosis
from kusto_magic.preflight.report import Fix, Suggestion, Verdict
from kusto_magic.preflight.suggestions import Candidate, Pins, corrected_name, suggest
from kusto_magic.requirements.parser import Requirement, parse

INDEX = {"a": ["1.0", "1.2", "1.9", "2.0"], "b": ["1", "2"]}


MARKED = 'a[extra]==1.9; python_version > "3.8"'


def pin_text(line: int, pin: str) -> str:
    return f"line {line}: {pin} would be compatible"


def name_text(name: str, where: str = "") -> str:
    return f"{where}did you mean {name}?"


def python_text(python: str, base: str) -> str:
    return f"compatible with Python {python} without changes (base image {base})"


class Resolver:
    """A resolver for `INDEX`; `clashes` are pins that conflict with each other."""

    def __init__(self, *clashes: Pins, only_python: str = "") -> None:
        self.clashes, self.only_python = clashes, only_python
        self.candidates: list[Candidate] = []

    async def attempt(self, candidate: Candidate) -> Pins | None:
        self.candidates.append(candidate)
        if self.only_python and candidate.python != self.only_python:
            return None
        pins: list[Pins] = [{}]
        for line in map(Pep508, candidate.lines):
            versions = [version for version in INDEX[line.name] if line.specifier.contains(version)]
            pins = [{**pinned, line.name: version} for pinned in pins for version in versions]
        compatible = [pinned for pinned in pins if not any(clash.items() <= pinned.items() for clash in self.clashes)]
        return (compatible[0] if candidate.lowest else compatible[-1]) if compatible else None


def conflict_over(cause: Cause, lines: tuple[Requirement, ...], subject: str = "") -> Diagnosis:
    return Diagnosis(Verdict.CONFLICT, cause, "", lines, subject)


def sentences(suggesting: Coroutine[Any, Any, tuple[Suggestion, ...]]) -> list[str]:
    return [*map(str, asyncio.run(suggesting))]


def suggested(text: str, cause: Cause, resolver: Resolver, *, subject: str = "", python: str = "3.10.8") -> list[str]:
    lines = parse(text).packages
    return sentences(suggest(conflict_over(cause, lines, subject), lines, python, resolver.attempt, 60))


@pytest.mark.parametrize(
    ("text", "clashes", "sentences"),
    [
        ("a==1.8", [], [pin_text(1, "a==1.9")]),
        ("a==1.3", [], [pin_text(1, "a==1.2")]),
        ("a==3", [], [pin_text(1, "a==2.0")]),
        ("a<1", [], [pin_text(1, "a==1.2")]),
        ("a==2.*", [{"a": "1.9"}], [pin_text(1, "a==1.2")]),
        ("a", [], []),
        ("a==1.8+local", [], [pin_text(1, "a==1.9")]),
        ("a==1.6\nb", [{"a": "1.9", "b": "2"}, {"a": "1.2"}, {"a": "1.0"}], [pin_text(1, "a==2.0")]),
        ("a==1.2\nb==2", [{"b": "2"}], [pin_text(2, "b==1")]),
        (
            "a==1.2\nb==2",
            [{"a": "1.2", "b": "1"}, {"a": "1.2", "b": "2"}, {"a": "1.9", "b": "2"}],
            [pin_text(1, "a==1.0")],
        ),
    ],
)
def test_nearest_compatible_version_is_suggested(text: str, clashes: list[Pins], sentences: list[str]) -> None:
    assert suggested(text, Cause.CONFLICT, Resolver(*clashes)) == sentences


def test_compatible_python_version_is_suggested() -> None:
    resolver = Resolver(only_python="3.11.7")

    assert suggested("a==1.0", Cause.NO_WHEEL, resolver) == [python_text("3.11.7", "Python3_11_7")]
    assert suggested("a==1.0", Cause.PYTHON, Resolver(only_python="3.10.8"), python="3.11.7") == [
        python_text("3.10.8", "Python3_10_8")
    ]
    assert suggested("a==1.0", Cause.PYTHON, Resolver(only_python="3.6.5")) == []
    assert "3.6.5" not in {candidate.python for candidate in resolver.candidates}


def test_missing_name_tries_no_versions() -> None:
    resolver = Resolver()

    assert suggested("sklearn==1", Cause.NOT_FOUND, resolver, subject="sklearn") == [
        name_text("scikit-learn", "line 1: ")
    ]
    assert suggested("qqqzzz", Cause.NOT_FOUND, resolver, subject="qqqzzz") == []
    assert resolver.candidates == []


def test_name_without_wheels_is_corrected_only_if_alias_is_known() -> None:
    resolver = Resolver(only_python="none")

    assert suggested("faiss-gpu", Cause.NO_WHEEL, resolver, subject="faiss-gpu") == [name_text("faiss-cpu", "line 1: ")]
    assert suggested("pandas", Cause.NO_WHEEL, resolver, subject="pandas") == []
    assert suggested("scikit-lern", Cause.NO_WHEEL, resolver, subject="scikit-lern") == []
    assert suggested("numpy", Cause.NOT_FOUND, resolver, subject="numpy") == []


def test_missing_dependency_is_suggested_without_line_number() -> None:
    diagnosis = conflict_over(Cause.NOT_FOUND, (), "sklearn")

    assert asyncio.run(suggest(diagnosis, (), "3.10.8", Resolver().attempt, 60)) == (name_text("scikit-learn"),)


def test_base_lines_are_not_suggested() -> None:
    lines = (Requirement(0, "a", "a==1.8", "==1.8"),)

    assert asyncio.run(suggest(conflict_over(Cause.CONFLICT, lines), lines, "3.10.8", Resolver().attempt, 60)) == ()


def test_highest_version_is_suggested_without_a_lowest_one() -> None:
    async def attempt(candidate: Candidate) -> Pins | None:
        return None if candidate.lowest or "<" in candidate.lines[0] else {"a": "2.0"}

    lines = parse("a==1.8").packages
    assert sentences(suggest(conflict_over(Cause.CONFLICT, lines), lines, "3.10.8", attempt, 60)) == [
        pin_text(1, "a==2.0")
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sklearn", "scikit-learn"),
        ("pil", "pillow"),
        ("scikit-lern", "scikit-learn"),
        ("pands", "pandas"),
        ("matplotlb", "matplotlib"),
        ("hypothesys", "hypothesis"),
        ("prophett", "prophet"),
        ("reqquests", "requests"),
        ("pandsa", "pandas"),
        ("scikitlearn", "scikit-learn"),
        ("lightgbmm", "lightgbm"),
        ("seabron", "seaborn"),
        ("transformer", "transformers"),
        ("qqqzzz", ""),
    ],
)
def test_names_come_from_local_data(name: str, meant: str) -> None:
    assert corrected_name(name) == meant


@pytest.mark.slow
def test_slow_suggestions_are_omitted() -> None:
    lines = parse("a==1.8\nb==3").packages

    async def slow(candidate: Candidate) -> Pins | None:
        if candidate.lines[0] != "a==1.8":
            await asyncio.Event().wait()
        return await Resolver().attempt(candidate)

    diagnosis = conflict_over(Cause.CONFLICT, lines)
    assert asyncio.run(suggest(diagnosis, lines, "3.10.8", slow, 0.1)) == ()
    compatible = parse("a\nb==3").packages
    assert sentences(
        suggest(conflict_over(Cause.CONFLICT, compatible[1:]), compatible, "3.10.8", Resolver().attempt, 0.1)
    ) == [pin_text(2, "b==2")]


@pytest.mark.asyncio
async def test_cancel_cancels_every_candidate() -> None:
    lines = parse("a==1.8\nb==3").packages
    running: set[str] = set()
    started = asyncio.Event()

    async def endless(candidate: Candidate) -> Pins | None:
        running.add(repr(candidate))
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            running.remove(repr(candidate))
        return None

    task = asyncio.create_task(suggest(conflict_over(Cause.CONFLICT, lines), lines, "3.10.8", endless, 60))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running == set()


def test_failing_candidate_omits_only_its_own_suggestion() -> None:
    async def broken(candidate: Candidate) -> Pins | None:
        raise OSError(candidate.python)

    lines = parse("sklearn==1").packages
    diagnosis = conflict_over(Cause.NO_WHEEL, lines, "sklearn")
    assert sentences(suggest(diagnosis, lines, "3.10.8", broken, 60)) == [name_text("scikit-learn", "line 1: ")]


@pytest.mark.parametrize(
    ("text", "cause", "subject", "fixes"),
    [
        (
            "numpy\na[extra]==1.8; python_version > '3.8'",
            Cause.NO_VERSION,
            "a",
            {2: MARKED},
        ),
        ("a==1.0\nb==3", Cause.CONFLICT, "", {2: "b==2"}),
        ("sklearn", Cause.NOT_FOUND, "sklearn", {1: "scikit-learn"}),
    ],
)
def test_suggestion_for_a_line_has_the_line_to_put_there(
    text: str, cause: Cause, subject: str, fixes: dict[int, str]
) -> None:
    lines = tuple(line for line in parse(text).packages if line.name != "numpy")
    found = asyncio.run(suggest(conflict_over(cause, lines, subject), lines, "3.10.8", Resolver().attempt, 60))

    assert {fix.line: fix.text for fix in found if isinstance(fix, Fix)} == fixes
