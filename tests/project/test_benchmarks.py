"""The benchmarks run in their smallest size, and the tables match the results. Nothing is timed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import kernels  # noqa: E402
import lag  # noqa: E402
import many  # noqa: E402
import simulated  # noqa: E402
import tables  # noqa: E402
import texts  # noqa: E402
from figures import STATISTICS, Figure  # noqa: E402
from goals import GOALS, Goal, verdict  # noqa: E402
from running import ContenderProcess, fake  # noqa: E402
from task import Task, ask, image  # noqa: E402

SHORT = lag.Setting(2, 0.5, 1.0)
README = (BENCHMARKS / "README.md").read_text(encoding="utf-8")


def results(quick: bool = False, **parts: list[Figure]) -> dict[str, Any]:
    machine = {"cores": 2, "system": "Linux", "python": "3.12.1", "versions": {"httpx": "1.0"}}
    return {
        "parts": {
            name: {"quick": quick, "machine": dict(machine), "figures": [figure.to_json() for figure in figures]}
            for name, figures in parts.items()
        }
    }


def lags(ours: float, sync: float) -> list[Figure]:
    samples = tuple(ours + number / 10 for number in range(-1, 2))
    return [
        Figure("lag", "ours, 20 builds known", samples),
        Figure("lag", "sync", (sync,)),
        Figure("lag", "async", (), failed="no | more\nthreads"),
    ]


# ── from results to tables ───────────────────────────────────────────────────────────────────────────────────────────


def test_tables_contain_medians_spread_ratios_and_failures() -> None:
    text = tables.markdown(results(lag=lags(ours=0.5, sync=15.0)))

    assert text.startswith("Measured on 2 cores, Linux, Python 3.12.1, with httpx 1.0.\n")
    assert "| ours, 20 builds known | 1 × | 0.5 s | 0.5 s | 0.42 to 0.58 | 3 |" in text
    assert "| sync | 30 × | 15 s | 15 s |  | 1 |" in text
    assert "| async | | | | failed: no / more threads | 0 |" in text
    assert "trial run" not in text
    columns = {line.count("|") for line in text.partition("### Lag")[2].splitlines() if line.startswith("|")}
    assert columns == {7}


def test_trial_run_is_marked() -> None:
    assert "This was a trial run" in tables.markdown(results(quick=True, lag=lags(ours=0.5, sync=15.0)))


def test_part_measured_on_another_machine_names_it() -> None:
    both = results(lag=lags(ours=0.5, sync=15.0), texts=[Figure("text of 1,000 lines", "ours", (9.0,), "ms")])
    both["parts"]["texts"]["machine"]["cores"] = 64
    text = tables.markdown(both)

    assert text.startswith("### Goals")
    assert re.findall(r"### (.+)\n\nMeasured on (\d+) cores", text) == [("Lag and requests", "2"), ("Texts", "64")]


def test_ratios_refer_to_ours_with_the_same_number_of_builds() -> None:
    figures = [
        Figure("threads", who, (float(threads),), "", at)
        for who, at, threads in (("ours, 10 clusters", 1, 1), ("ours, 10 clusters", 500, 2), ("sync", 500, 501))
    ]
    text = tables.markdown(results(many=figures))

    assert "| threads | builds | times ours |" in text
    assert "| sync | 500 | 250 × | 501 | 501 |  | 1 |" in text


@pytest.mark.parametrize(
    ("ours", "sync", "words"),
    [(0.5, 15.0, "holds"), (1.5, 15.0, "holds"), (3.0, 15.0, "falls short by 1.5 (2.0 times as much)")],
)
def test_verdict_states_whether_and_by_how_much_a_goal_is_missed(ours: float, sync: float, words: str) -> None:
    goal = Goal("", "lag", "lag", "ours, 20 builds known", "mean", 1.5)
    value, result = verdict(goal, {"lag": lags(ours, sync)})
    assert value == pytest.approx(ours)
    assert result == words


def test_relative_goal_without_figures_is_not_measured() -> None:
    relative = Goal("", "lag", "lag", "ours, 20 builds known", "mean", 0.1, of="sync")
    assert relative.value(lags(0.5, 10.0)) == pytest.approx(0.05)
    assert verdict(relative, {"lag": lags(0.5, 10.0)})[1] == "holds"
    assert verdict(relative, {"lag": lags(2.0, 10.0)})[1] == "falls short by 0.1 (2.0 times as much)"
    assert verdict(relative, {"lag": lags(2.0, 10.0)[:1]}) == (None, "not measured")
    assert verdict(relative, {}) == (None, "not measured")


def test_goal_of_zero_is_missed_by_any_value() -> None:
    never = Goal("", "lag", "lag", "sync", "max", 0.0)
    assert verdict(never, {"lag": lags(0.5, 0.25)}) == (0.25, "falls short by 0.25")


def test_page_replaces_only_the_text_between_the_markers() -> None:
    once = tables.page(README, results(lag=lags(0.5, 15.0)))
    again = tables.page(once, results(lag=lags(0.5, 15.0)))

    assert again == once
    assert once.partition(tables.BEGIN)[0] == README.partition(tables.BEGIN)[0]
    assert "### Lag and requests" in once
    with pytest.raises(ValueError, match="both markers"):
        tables.page("no markers", results())


def test_figure_survives_json_with_four_digits() -> None:
    figure = Figure("lag", "ours", (0.123456, 1234567.0), "s", 500)
    assert Figure.from_json(figure.to_json()).samples == (0.1235, 1235000.0)
    assert STATISTICS["p90"]([float(number) for number in range(11)]) == 9.0


def test_files_named_in_the_readme_exist() -> None:
    named = set(re.findall(r"`([a-z_]+\.py)`", README))
    assert named
    assert [name for name in named if not (BENCHMARKS / name).exists()] == []


# ── each part, as small as it gets ───────────────────────────────────────────────────────────────────────────────────


def checked(figures: list[Figure]) -> dict[tuple[str, str], Figure]:
    """Return the figures by name and contender; check that all have samples."""
    assert [figure for figure in figures if figure.failed or not figure.samples] == []
    return {(figure.name, figure.contender): figure for figure in figures}


def names(part: str, at: int = 0) -> set[tuple[str, str]]:
    return {(goal.figure, goal.contender) for goal in GOALS if goal.part == part and goal.at in (0, at)}


@pytest.mark.slow
@pytest.mark.parametrize("who", ["ours", "sync", "async", "floor"])
def test_contender_reports_every_end_after_it_happened(who: str) -> None:
    with fake(0.2, 0.5) as port, ContenderProcess(who, Task(port, 3, 2, 0.1, (0.3, 0.4))) as contending:
        reported = contending.result()["reported"]
        report = ask(port, "report")
    for number in range(3):
        build = report["builds"][f"cluster{number % 2}/{image(number)}"]
        assert 0.2 <= build["ends"] - build["arrived"] <= 0.5
        assert build["ends"] <= build["told"] <= reported[str(number)]
    assert report["counts"]["PUT"] == 3


@pytest.mark.slow
def test_server_records_polls_before_a_retry_after() -> None:
    with fake(0.2, 0.5, retry_after=1) as port, ContenderProcess("floor", Task(port, 1, 1, 0.1)) as contending:
        contending.result()
        assert 0.5 < ask(port, "report")["early"]["cluster0"] <= 1.0


@pytest.mark.slow
def test_contender_without_server_reports_the_error() -> None:
    with fake(0.2, 0.5) as port:
        pass  # the server stops here
    with ContenderProcess("floor", Task(port, 1, 1, 0.1)) as contending:
        assert "ConnectionRefusedError" in contending.result()["failed"]


@pytest.mark.slow
def test_lag_yields_every_figure_of_its_goals() -> None:
    settings = (SHORT, lag.Setting(2, 0.5, 1.0, retry_after=1))
    seen = checked(lag.measure(settings, only=(lag.OURS, lag.NEWCOMER, f"sync, every {lag.PACE:g} s", "floor")))
    assert names("lag") <= seen.keys()
    assert all(sample >= 0 for figure in seen.values() for sample in figure.samples)


@pytest.mark.slow
def test_many_yields_every_figure_of_its_goals() -> None:
    seen = checked(many.measure(many.SMALLEST))
    assert names("many", at=500) <= seen.keys()
    assert seen["threads", "sync"].samples >= (2.0,)
    assert seen["requests a minute", "floor"].samples > (0.0,)


@pytest.mark.slow
def test_kernels_yield_every_figure_of_their_goals() -> None:
    seen = checked(kernels.measure(kernels.SMALLEST))
    beside = {(figure, contender.replace("500", "2")) for figure, contender in names("kernel")}
    assert beside <= seen.keys()
    assert seen["cell to the PUT", "ours"].samples > seen["cell to the first request", "ours"].samples > (0.0,)


def test_texts_and_schedule_yield_figures() -> None:
    assert names("texts") <= checked(texts.measure(1)).keys()
    assert checked(simulated.measure(5))
