"""When to ask: simulated over builds of several shapes, and never too often or too rarely."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.schedule import LONGEST, RECORDED, SHORTEST, Usual, delay, hazard

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "schedule.py"
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
    for taken in RECORDED.seconds:
        lag, requests = simulation.follow(taken, None)
        assert lag <= 0.03 * taken
        assert requests <= 160


@given(
    st.floats(-10, 1e7, allow_nan=False),
    st.lists(st.floats(0, 1e6, allow_nan=False), max_size=20).map(lambda taken: tuple(sorted(taken))),
)
def test_it_is_always_between_its_bounds(elapsed: float, taken: tuple[float, ...]) -> None:
    usual = Usual(taken[0], taken[-1], len(taken), "this cluster", taken) if taken else None
    assert SHORTEST <= delay(elapsed, usual) <= LONGEST
    assert hazard(elapsed, taken) > 0


def test_it_asks_rarely_before_and_often_around_the_usual_end() -> None:
    usual = Usual(300, 330, 3, "this cluster", (300.0, 315.0, 330.0))
    assert delay(60, usual) > 5 * delay(315, usual)
    assert delay(900, usual) > 5 * delay(315, usual)
