"""The live line of a terminal: its parts, its width, and an honest bar."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.cells import cell_len
from support.environment import EmulatedEnvironment
from support.requests import build_request, build_requests

from kusto_magic.arm.poll_schedule import DEFAULT_ESTIMATE
from kusto_magic.display.card_sources import brief_estimate
from kusto_magic.display.live_line import Part, bar, fitted, live_line, shortened
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
PARTS = [
    Part("• Building forecast", 0),
    Part(bar(0.6), 3),
    Part("2 min 10 s", 1),
    Part("usually 4–6 min", 2),
    Part("mycluster", 4),
]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, "• Building forecast · [######----] 2 min 10 s · usually 4–6 min · mycluster"),
        (70, "• Building forecast · [######----] 2 min 10 s · usually 4–6 min"),
        (60, "• Building forecast · 2 min 10 s · usually 4–6 min"),
        (40, "• Building forecast · 2 min 10 s"),
        (29, "• Build…forecast · 2 min 10 s"),
        (20, "• Building forecast"),
        (15, "• Build…orecast"),
    ],
)
def test_least_important_parts_are_left_out_and_the_name_is_shortened(width: int, line: str) -> None:
    assert fitted(PARTS, width) == line


@pytest.mark.parametrize("width", range(1, 100, 7))
def test_line_is_never_wider_than_the_terminal(width: int) -> None:
    wide = [Part("• Building 画像画像画像画像画像", 0), *PARTS[1:]]
    assert max(cell_len(fitted(parts, width)) for parts in (PARTS, wide)) <= width


def test_text_is_shortened_in_its_middle() -> None:
    assert shortened("forecast-of-a-team", 9) == "fore…team"
    assert shortened("short", 9) == "short"


def test_bar_is_full_only_at_the_end() -> None:
    assert (bar(0), bar(0.99), bar(1)) == ("[----------]", "[#########-]", "[##########]")


def test_build_has_a_bar_only_while_it_is_built(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "img", SPEC, check=False))
    environment.wait_for(build, BuildState.BUILDING)
    queued = builds.start(build_request(environment.target, "second", SPEC, check=False))
    environment.wait_for(queued, BuildState.QUEUED)
    estimate = build.estimate = DEFAULT_ESTIMATE

    def line(seconds: float) -> str:
        return live_line(build, build.started_at + timedelta(seconds=seconds), 100)

    assert line(estimate.high / 2).startswith("• Building img · [####------] ")
    assert f"longer than usual · {brief_estimate(estimate)}" in line(estimate.high + 10)
    waiting = live_line(queued, queued.started_at + timedelta(seconds=5), 100)
    assert waiting == f"• Queued second · 5 s · {environment.target.cluster}"


def test_fleet_counts_the_clusters_that_are_done(environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    fleet = builds.start_fleet(build_requests([environment.target], "img", SPEC, check=False))
    fleet.result(30)
    assert "1 of 1 done" in live_line(fleet, fleet.builds[0].started_at, 100)
