"""The poll schedule, simulated over several distributions of build durations, and its bounds."""

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
    """Load the simulation of the benchmark, so that the test covers what is reported."""
    spec = importlib.util.spec_from_file_location("schedule_simulation", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_schedule_beats_a_fixed_interval_with_the_same_number_of_requests(simulation: ModuleType, shape: str) -> None:
    mean, _late, requests, fixed = simulation.compare(simulation.SHAPES[shape], 400)
    assert fixed / mean >= 1.5
    assert requests <= 160


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_end_is_noticed_within_the_goal_on_a_known_cluster(simulation: ModuleType, shape: str) -> None:
    mean, late, _requests, _fixed = simulation.compare(simulation.SHAPES[shape], 400)
    assert mean <= 1.5
    assert late <= 3.0


def test_end_is_noticed_within_seconds_without_history(simulation: ModuleType) -> None:
    for taken in DEFAULT_ESTIMATE.seconds:
        lag, requests = simulation.follow(taken, None)
        assert lag <= 0.03 * taken
        assert requests <= 160


@given(
    st.floats(-10, 1e7, allow_nan=False),
    st.lists(st.floats(0, 1e6, allow_nan=False), max_size=20).map(lambda taken: tuple(sorted(taken))),
)
def test_delay_is_always_within_its_bounds(elapsed: float, taken: tuple[float, ...]) -> None:
    estimate = DurationEstimate(taken[0], taken[-1], len(taken), "this cluster", taken) if taken else None
    assert MIN_DELAY <= next_delay(elapsed, estimate) <= MAX_DELAY
    assert hazard(elapsed, taken) > 0


def test_delay_is_short_around_the_usual_end() -> None:
    estimate = DurationEstimate(300, 330, 3, "this cluster", (300.0, 315.0, 330.0))
    assert next_delay(60, estimate) > 5 * next_delay(315, estimate)
    assert next_delay(900, estimate) > 5 * next_delay(315, estimate)


PAGE = (BENCHMARK.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_page_matches_the_simulation(simulation: ModuleType, shape: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {shape}")]
    documented = [float(number) for number in re.findall(r"[\d.]+", row.partition(shape)[2])]
    mean, late, requests, fixed = simulation.compare(simulation.SHAPES[shape], 10_000)
    assert documented == pytest.approx([mean, late, requests, fixed, fixed / mean], rel=0.02)
    assert fixed / mean >= 1.5


@pytest.mark.slow
def test_page_matches_the_simulation_without_history(simulation: ModuleType) -> None:
    shape, chance = simulation.SHAPES[SHAPES[1]], random.Random(1)  # noqa: S311 - a simulation
    lags, requests = zip(*(simulation.follow(shape(chance), DEFAULT_ESTIMATE) for _ in range(10_000)), strict=True)
    mean, late = statistics.fmean(lags), statistics.quantiles(lags, n=10)[-1]
    match = re.search(
        r"the mean lag is ([\d.]+) s\n\(90th percentile ([\d.]+) s\), after (\d+) requests on average", PAGE
    )
    assert match is not None
    documented = [float(number) for number in match.groups()]
    assert documented == pytest.approx([mean, late, statistics.fmean(requests)], rel=0.02)
    lags_by_build = [_without(taken, simulation) for taken in DEFAULT_ESTIMATE.seconds]
    bounds = re.search(r"would be between\s+([\d.]+) and ([\d.]+) s:", PAGE)
    assert bounds is not None
    assert [float(bound) for bound in bounds.groups()] == pytest.approx(
        [min(lags_by_build), max(lags_by_build)], abs=0.05
    )


def _without(taken: float, simulation: ModuleType) -> float:
    """Return how late the end of a recorded build is noticed if only the other ones are known."""
    rest = tuple(other for other in DEFAULT_ESTIMATE.seconds if other != taken)
    return float(simulation.follow(taken, DurationEstimate(rest[0], rest[-1], len(rest), "recorded clusters", rest))[0])


def test_minimum_delay_grows_with_the_number_of_builds() -> None:
    estimate = DurationEstimate(300, 330, 3, "this cluster", (300.0, 315.0, 330.0))
    assert next_delay(315, estimate, 100) == next_delay(315, estimate)
    assert next_delay(315, estimate, 500) == 2.5
    assert next_delay(315, estimate, 10**6) == MAX_DELAY
