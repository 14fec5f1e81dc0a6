"""Live card of a build: one output, updated in place, with a progress bar only while the build is running."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.cards import RUNNING
from support.environment import EmulatedEnvironment
from support.recording_publisher import RecordingPublisher
from support.requests import build_request

from kusto_magic.display.card import MAX_ESTIMATED_SHARE, MIME
from kusto_magic.display.live_card import LiveCard
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize("with_bar", [True, False])
def test_one_output_is_updated_until_the_end(environment: EmulatedEnvironment, with_bar: bool) -> None:
    screen = RecordingPublisher()
    environment.clock.released.clear()
    build = environment.builds().start(build_request(environment.target, "img", SPEC))
    LiveCard(build, screen, with_bar=with_bar)
    environment.clock.released.set()
    build.result(30)
    assert screen.ended.wait(10)
    assert screen.is_one_output()
    assert (WIDGET in screen.shown[0][0]) == with_bar
    assert not any(WIDGET in data and data[MIME].get("outcome") for data, _ in screen.shown), "it could be saved"
    last = screen.shown[-1][0]
    assert last[MIME]["state"] == "Succeeded"
    assert WIDGET not in last


def test_ended_build_is_shown_without_a_bar(environment: EmulatedEnvironment) -> None:
    build = environment.builds().start(build_request(environment.target, "img", SPEC))
    build.result(30)
    screen = RecordingPublisher()
    LiveCard(build, screen, with_bar=True)
    assert {data[MIME]["state"] for data, _ in screen.shown} == {"Succeeded"}
    assert not any(WIDGET in data for data, _ in screen.shown)


def test_two_outputs_show_the_same_build(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    build = environment.builds().start(build_request(environment.target, "img", SPEC))
    screens = [RecordingPublisher(), RecordingPublisher()]
    for screen in screens:
        LiveCard(build, screen, with_bar=False)
    environment.clock.released.set()
    build.result(30)
    assert all(screen.ended.wait(10) for screen in screens)


def test_share_follows_the_estimate_and_stays_below_one() -> None:
    building = replace(RUNNING, estimate_high=300.0)
    assert replace(building, seconds=0.0).share == 0
    assert replace(building, seconds=150.0).share == pytest.approx(MAX_ESTIMATED_SHARE / 2)
    assert replace(building, seconds=250.0, waited=100.0).share == pytest.approx(MAX_ESTIMATED_SHARE / 2)
    assert replace(building, seconds=100_000.0).share == MAX_ESTIMATED_SHARE < 1
    assert replace(building, seconds=100_000.0, estimate_high=0.0).share == 0  # no estimate: the bar stays empty
    assert replace(building, state=BuildState.SUCCEEDED, ended=True).share == 1
    assert replace(building, state=BuildState.FAILED, ended=True, estimate_high=0.0).share == 0
