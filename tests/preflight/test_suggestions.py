"""What is suggested instead: versions and Pythons that were tried, names that are known here."""

from __future__ import annotations

import asyncio

import pytest
from packaging.requirements import Requirement as Pep508

from kusto_magic.preflight.diagnosis import Cause, Diagnosis
from kusto_magic.preflight.report import Verdict
from kusto_magic.preflight.suggestions import Candidate, Pins, corrected_name, suggest
from kusto_magic.requirements.parser import Requirement, parse

INDEX = {"a": ["1.0", "1.2", "1.9", "2.0"], "b": ["1", "2"]}


class Resolver:
    """Resolves against `INDEX`; what does not go together is said by `clashes` (pins → whether they clash)."""

    def __init__(self, *clashes: Pins, only_python: str = "") -> None:
        self.clashes, self.only_python = clashes, only_python
        self.trials: list[Candidate] = []

    async def attempt(self, trial: Candidate) -> Pins | None:
        self.trials.append(trial)
        if self.only_python and trial.python != self.only_python:
            return None
        pins: list[Pins] = [{}]
        for line in map(Pep508, trial.lines):
            versions = [version for version in INDEX[line.name] if line.specifier.contains(version)]
            pins = [{**one, line.name: version} for one in pins for version in versions]
        fitting = [one for one in pins if not any(clash.items() <= one.items() for clash in self.clashes)]
        return (fitting[0] if trial.lowest else fitting[-1]) if fitting else None


def explained(cause: Cause, lines: tuple[Requirement, ...], subject: str = "") -> Diagnosis:
    return Diagnosis(Verdict.CONFLICT, cause, "", lines, subject)


def suggested(text: str, cause: Cause, resolver: Resolver, *, subject: str = "", python: str = "3.10.8") -> list[str]:
    lines = parse(text).packages
    return [*asyncio.run(suggest(explained(cause, lines, subject), lines, python, resolver.attempt, 60))]


@pytest.mark.parametrize(
    ("text", "clashes", "sentences"),
    [
        ("a==1.8", [], ["line 1: a==1.9 would fit"]),
        ("a==1.3", [], ["line 1: a==1.2 would fit"]),
        ("a==3", [], ["line 1: a==2.0 would fit"]),
        ("a<1", [], ["line 1: a==1.2 would fit"]),
        ("a==2.*", [{"a": "1.9"}], ["line 1: a==1.2 would fit"]),
        ("a", [], []),
        ("a==1.8+local", [], ["line 1: a==1.9 would fit"]),
        ("a==1.6\nb", [{"a": "1.9", "b": "2"}, {"a": "1.2"}, {"a": "1.0"}], ["line 1: a==2.0 would fit"]),
        ("a==1.2\nb==2", [{"b": "2"}], ["line 2: b==1 would fit"]),
        (
            "a==1.2\nb==2",
            [{"a": "1.2", "b": "1"}, {"a": "1.2", "b": "2"}, {"a": "1.9", "b": "2"}],
            ["line 1: a==1.0 would fit"],
        ),
    ],
)
def test_the_nearest_version_that_fits_is_suggested(text: str, clashes: list[Pins], sentences: list[str]) -> None:
    assert suggested(text, Cause.CONFLICT, Resolver(*clashes)) == sentences


def test_another_python_is_suggested_where_the_text_fits_as_it_stands() -> None:
    resolver = Resolver(only_python="3.11.7")

    assert suggested("a==1.0", Cause.NO_WHEEL, resolver) == ["it fits Python 3.11.7 as it stands (--base Python3_11_7)"]
    assert suggested("a==1.0", Cause.PYTHON, Resolver(only_python="3.10.8"), python="3.11.7") == [
        "it fits Python 3.10.8 as it stands (--base Python3_10_8)"
    ]
    assert suggested("a==1.0", Cause.PYTHON, Resolver(only_python="3.6.5")) == []
    assert "3.6.5" not in {trial.python for trial in resolver.trials}


def test_nothing_is_tried_for_a_name_that_is_missing() -> None:
    resolver = Resolver()

    assert suggested("sklearn==1", Cause.NOT_FOUND, resolver, subject="sklearn") == [
        "line 1: perhaps scikit-learn is meant"
    ]
    assert suggested("qqqzzz", Cause.NOT_FOUND, resolver, subject="qqqzzz") == []
    assert resolver.trials == []


def test_a_name_without_wheels_is_doubted_only_where_another_is_known() -> None:
    resolver = Resolver(only_python="none")

    assert suggested("faiss-gpu", Cause.NO_WHEEL, resolver, subject="faiss-gpu") == [
        "line 1: perhaps faiss-cpu is meant"
    ]
    assert suggested("pandas", Cause.NO_WHEEL, resolver, subject="pandas") == []
    assert suggested("scikit-lern", Cause.NO_WHEEL, resolver, subject="scikit-lern") == []
    assert suggested("numpy", Cause.NOT_FOUND, resolver, subject="numpy") == []


def test_a_missing_name_that_no_line_holds_is_suggested_without_a_line() -> None:
    explanation = explained(Cause.NOT_FOUND, (), "sklearn")

    assert asyncio.run(suggest(explanation, (), "3.10.8", Resolver().attempt, 60)) == ("perhaps scikit-learn is meant",)


def test_what_the_base_asks_for_is_not_suggested_to_be_changed() -> None:
    lines = (Requirement(0, "a", "a==1.8", "==1.8"),)

    assert asyncio.run(suggest(explained(Cause.CONFLICT, lines), lines, "3.10.8", Resolver().attempt, 60)) == ()


def test_the_highest_is_suggested_where_the_lowest_cannot_be_found() -> None:
    async def attempt(trial: Candidate) -> Pins | None:
        return None if trial.lowest or "<" in trial.lines[0] else {"a": "2.0"}

    lines = parse("a==1.8").packages
    assert asyncio.run(suggest(explained(Cause.CONFLICT, lines), lines, "3.10.8", attempt, 60)) == (
        "line 1: a==2.0 would fit",
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sklearn", "scikit-learn"),
        ("pil", "pillow"),
        ("scikit-lern", "scikit-learn"),
        ("pands", "pandas"),
        ("matplotlb", "matplotlib"),
        ("hypothesys", "hypothesis"),
        ("qqqzzz", ""),
    ],
)
def test_names_come_from_what_is_known_here(name: str, meant: str) -> None:
    assert corrected_name(name) == meant


def test_what_takes_too_long_is_left_out() -> None:
    lines = parse("a==1.8\nb==3").packages

    async def slow(trial: Candidate) -> Pins | None:
        if trial.lines[0] != "a==1.8":
            await asyncio.Event().wait()
        return await Resolver().attempt(trial)

    explanation = explained(Cause.CONFLICT, lines)
    assert asyncio.run(suggest(explanation, lines, "3.10.8", slow, 0.1)) == ()
    fitting = parse("a\nb==3").packages
    assert asyncio.run(suggest(explained(Cause.CONFLICT, fitting[1:]), fitting, "3.10.8", Resolver().attempt, 0.1)) == (
        "line 2: b==2 would fit",
    )


@pytest.mark.asyncio
async def test_cancelling_cancels_every_trial() -> None:
    lines = parse("a==1.8\nb==3").packages
    running: set[str] = set()
    started = asyncio.Event()

    async def endless(trial: Candidate) -> Pins | None:
        running.add(repr(trial))
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            running.remove(repr(trial))
        return None

    task = asyncio.create_task(suggest(explained(Cause.CONFLICT, lines), lines, "3.10.8", endless, 60))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running == set()


def test_a_trial_that_breaks_costs_its_own_suggestion_only() -> None:
    async def broken(trial: Candidate) -> Pins | None:
        raise OSError(trial.python)

    lines = parse("sklearn==1").packages
    explanation = explained(Cause.NO_WHEEL, lines, "sklearn")
    assert asyncio.run(suggest(explanation, lines, "3.10.8", broken, 60)) == ("line 1: perhaps scikit-learn is meant",)
