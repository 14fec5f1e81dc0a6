"""A build on the screen: one output, updated in place, with a bar while it runs and none at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.emulated import EmulatorTransport
from support.screen import RecordingPublisher
from support.world import EmulatedEnvironment, fits

from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.display.card import MIME
from kusto_magic.display.live_card import LiveCard
from kusto_magic.display.progress_bar import MAX_ESTIMATED_SHARE, share
from kusto_magic.models.image import ImageSpec

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    made = EmulatedEnvironment(tmp_path, fits, EmulatorTransport())
    yield made
    made.close()


@pytest.mark.parametrize("with_bar", [True, False])
def test_one_output_is_updated_until_the_end(world: EmulatedEnvironment, with_bar: bool) -> None:
    screen = RecordingPublisher()
    world.clock.released.clear()
    build = world.builds().start(world.target, "img", SPEC)
    LiveCard(build, screen, with_bar=with_bar)
    world.clock.released.set()
    build.wait(30)
    assert screen.ended.wait(10)
    assert screen.is_one_output()
    assert (WIDGET in screen.shown[0][0]) == with_bar
    last = screen.shown[-1][0]
    assert last[MIME]["state"] == "Succeeded"
    assert WIDGET not in last


def test_a_build_that_has_ended_is_shown_once_more_without_a_bar(world: EmulatedEnvironment) -> None:
    build = world.builds().start(world.target, "img", SPEC)
    build.wait(30)
    screen = RecordingPublisher()
    LiveCard(build, screen, with_bar=True)
    assert {data[MIME]["state"] for data, _ in screen.shown} == {"Succeeded"}
    assert not any(WIDGET in data for data, _ in screen.shown)


def test_two_screens_show_the_same_build(world: EmulatedEnvironment) -> None:
    world.clock.released.clear()
    build = world.builds().start(world.target, "img", SPEC)
    screens = [RecordingPublisher(), RecordingPublisher()]
    for screen in screens:
        LiveCard(build, screen, with_bar=False)
    world.clock.released.set()
    build.wait(30)
    assert all(screen.ended.wait(10) for screen in screens)


def test_the_bar_follows_experience_and_is_never_full_before_the_end() -> None:
    usual = DurationEstimate(240, 300, 4, "this cluster", (240, 260, 280, 300))
    assert share(0, usual) == 0
    assert share(150, usual) == pytest.approx(MAX_ESTIMATED_SHARE / 2)
    assert share(100_000, usual) == MAX_ESTIMATED_SHARE < 1
    assert share(100_000, None) == 0  # nothing is known: the bar does not pretend
