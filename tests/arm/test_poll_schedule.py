"""When to ask: simulated over builds of several shapes, and never too often or too rarely."""

from __future__ import annotations

import importlib.util
import random
import re
import statistics
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.arm.poll_schedule import DEFAULT_ESTIMATE, MAX_DELAY, MIN_DELAY, DurationEstimate, hazard, next_delay

BENCHMARK = Path(__file__).parent.parent.parent / "benchmarks" / "schedule.py"
SHAPES = ["narrow, 300 to 330 s", "as recorded, 3.5 to 6.5 min", "two kinds, 4 or 15 min"]


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    """The benchmark's simulation, so that what is tested is what is reported."""
    spec = importlib.util.spec_from_file_location("schedule_simulation", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("shape", SHAPES)
def test_it_beats_a_fixed_interval_with_as_many_requests(simulation: ModuleType, shape: str) -> None:
    mean, _late, requests, fixed = simulation.compare(simulation.SHAPES[shape], 400)
    assert fixed / mean >= 1.5
    assert requests <= 160


@pytest.mark.parametrize("shape", SHAPES)
def test_a_known_cluster_is_heard_of_within_the_goal(simulation: ModuleType, shape: str) -> None:
    mean, late, _requests, _fixed = simulation.compare(simulation.SHAPES[shape], 400)
    assert mean <= 1.5
    assert late <= 3.0


def test_without_experience_a_recorded_build_is_heard_of_within_seconds(simulation: ModuleType) -> None:
    for taken in DEFAULT_ESTIMATE.seconds:
        lag, requests = simulation.follow(taken, None)
        assert lag <= 0.03 * taken
        assert requests <= 160


@given(
    st.floats(-10, 1e7, allow_nan=False),
    st.lists(st.floats(0, 1e6, allow_nan=False), max_size=20).map(lambda taken: tuple(sorted(taken))),
)
def test_it_is_always_between_its_bounds(elapsed: float, taken: tuple[float, ...]) -> None:
    usual = DurationEstimate(taken[0], taken[-1], len(taken), "this cluster", taken) if taken else None
    assert MIN_DELAY <= next_delay(elapsed, usual) <= MAX_DELAY
    assert hazard(elapsed, taken) > 0


def test_it_asks_rarely_before_and_often_around_the_usual_end() -> None:
    usual = DurationEstimate(300, 330, 3, "this cluster", (300.0, 315.0, 330.0))
    assert next_delay(60, usual) > 5 * next_delay(315, usual)
    assert next_delay(900, usual) > 5 * next_delay(315, usual)


PAGE = (BENCHMARK.parent / "SCHEDULE.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_says_what_the_simulation_finds(simulation: ModuleType, shape: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {shape}")]
    said = [float(number) for number in re.findall(r"[\d.]+", row.partition(shape)[2])]
    mean, late, requests, fixed = simulation.compare(simulation.SHAPES[shape], 10_000)
    assert said == pytest.approx([mean, late, requests, fixed, fixed / mean], rel=0.02)
    assert fixed / mean >= 1.5


@pytest.mark.slow
def test_the_page_says_what_a_newcomer_may_expect(simulation: ModuleType) -> None:
    shape, chance = simulation.SHAPES[SHAPES[1]], random.Random(1)  # noqa: S311 - a simulation
    lags, requests = zip(*(simulation.follow(shape(chance), DEFAULT_ESTIMATE) for _ in range(10_000)), strict=True)
    mean, late = statistics.fmean(lags), statistics.quantiles(lags, n=10)[-1]
    words = re.search(
        r"heard of ([\d.]+) s late\non average .*?within ([\d.]+) s.*?after (\d+) requests", PAGE, re.DOTALL
    )
    assert words is not None
    said = [float(number) for number in words.groups()]
    assert said == pytest.approx([mean, late, statistics.fmean(requests)], rel=0.02)
    alone = [_without(taken, simulation) for taken in DEFAULT_ESTIMATE.seconds]
    bounds = re.search(r"between ([\d.]+) and ([\d.]+) s late", PAGE)
    assert bounds is not None
    assert [float(bound) for bound in bounds.groups()] == pytest.approx([min(alone), max(alone)], abs=0.05)


def _without(taken: float, simulation: ModuleType) -> float:
    """Return how late a recorded build would be heard of where only the others were known."""
    rest = tuple(other for other in DEFAULT_ESTIMATE.seconds if other != taken)
    return float(simulation.follow(taken, DurationEstimate(rest[0], rest[-1], len(rest), "recorded clusters", rest))[0])


def test_a_crowd_is_asked_more_rarely() -> None:
    usual = DurationEstimate(300, 330, 3, "this cluster", (300.0, 315.0, 330.0))
    assert next_delay(315, usual, 100) == next_delay(315, usual)
    assert next_delay(315, usual, 500) == 2.5
    assert next_delay(315, usual, 10**6) == MAX_DELAY
