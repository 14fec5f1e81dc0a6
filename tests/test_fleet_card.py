"""The card of a fleet: what is saved, what is escaped, and one output that is updated until the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.answers import SUBSCRIPTION, TARGET
from support.clock import START
from support.emulated import BUILD, Wire
from support.hostile import HOSTILE, Elements
from support.screen import Screen
from support.world import World, fits

from kusto_magic.card import MIME as BUILD_MIME
from kusto_magic.card import bundle as build_bundle
from kusto_magic.card import card, card_of
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import NotFound
from kusto_magic.fleet import Fleet
from kusto_magic.fleet_card import FEW, MIME, bundle, fleet_card, headline, text
from kusto_magic.live_fleet import LiveFleet
from kusto_magic.making import How
from kusto_magic.models import ImageSpec
from kusto_magic.progress import FleetProgress
from kusto_magic.records import BuildRecord

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
OURS = {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "code"}
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, fits, Wire(EmulatorConfig(build_seconds=BUILD, clusters=3)))
    yield made
    made.close()


def record(cluster: str, state: str = "Succeeded", message: str = "") -> BuildRecord:
    target = replace(TARGET, cluster=cluster)
    made = BuildRecord(cluster, target, "img", "build", "Python3_11_7", None, "humanize\n", START, ended_at=START)
    return replace(made, state=state, message=message)


def fleet(*members: BuildRecord) -> Fleet:
    return Fleet("f1", "img", members)


@pytest.mark.parametrize("with_bar", [True, False])
def test_one_output_is_updated_until_the_end(world: World, with_bar: bool) -> None:
    screen = Screen()
    world.clock.released.clear()
    made = world.builds().start_fleet(world.targets, "img", SPEC)
    LiveFleet(made, screen, with_bar=with_bar)
    world.clock.released.set()
    made.wait(30)
    assert screen.ended.wait(10)
    assert screen.is_one_output()
    assert (WIDGET in screen.shown[0][0]) == with_bar
    last = screen.shown[-1][0]
    assert WIDGET not in last
    assert last[MIME]["state"] == "Succeeded"
    assert [row["state"] for row in last[MIME]["clusters"]] == ["Succeeded"] * 3
    assert last[MIME]["failures"] == []


def test_a_fleet_that_is_over_is_shown_once_and_for_all() -> None:
    screen = Screen()
    LiveFleet(fleet(record("one"), record("two")), screen, with_bar=True)
    assert WIDGET not in screen.shown[-1][0]
    assert screen.shown[-1][0][MIME]["ended"]


def test_what_failed_stands_by_reason_above_the_clusters() -> None:
    it = fleet_card(
        fleet(record("one"), record("two", "Failed", "no wheel"), record("six", "Failed", "no wheel")), START
    )
    assert headline(it).startswith("✖ Failed: image img on 3 clusters · 2 failed, 1 succeeded")
    assert "✖ two, six: no wheel" in text(it)
    assert "run it again" in text(it)
    html = bundle(it)["text/html"]
    assert html.index("no wheel") < html.index("<details")
    assert bundle(it)[MIME]["failures"] == [{"reason": "no wheel", "clusters": ["two", "six"]}]


def test_failures_that_differ_only_in_ids_have_one_reason_in_the_fleet_and_in_each_card() -> None:
    failed = [
        record(name, "Failed", f"it failed; HTTP 400; Bad: no; request id {n}") for n, name in enumerate(("one", "two"))
    ]
    it = bundle(fleet_card(fleet(*failed), START))[MIME]
    assert it["failures"] == [{"reason": "it failed; Bad: no", "clusters": ["one", "two"]}]
    assert it["nextOnFailure"] == it["next"]
    assert {build_bundle(card_of(one))[BUILD_MIME]["reason"] for one in failed} == {"it failed; Bad: no"}
    assert "reason" not in build_bundle(card_of(record("one")))[BUILD_MIME]


def test_many_clusters_are_folded_away() -> None:
    many = fleet_card(fleet(*(record(f"c{n:03d}") for n in range(FEW + 1))), START)
    assert "<details><summary>21 clusters</summary>" in bundle(many)["text/html"]
    assert "c020" not in text(many)
    few = fleet_card(fleet(*(record(f"c{n:03d}") for n in range(FEW))), START)
    assert "<details open><summary>20 clusters</summary>" in bundle(few)["text/html"]
    assert "c019" in text(few)


def test_the_record_names_no_subscription_and_no_address() -> None:
    saved = json.dumps(bundle(fleet_card(fleet(record("one")), START)))
    assert SUBSCRIPTION not in saved
    assert "management.azure.com" not in saved
    assert TARGET.resource_group not in saved


@pytest.mark.parametrize("hostile", HOSTILE)
def test_everything_from_outside_is_escaped(hostile: str) -> None:
    html = Elements(bundle(fleet_card(fleet(record("one", "Failed", hostile)), START))["text/html"])
    assert html.tags <= OURS
    assert html.attributes <= {"open"}
    assert hostile.strip() in html.words


def test_the_bar_shows_how_many_clusters_have_ended(world: World) -> None:
    world.clock.released.clear()
    builds = world.builds()
    made = builds.start_fleet([replace(world.target, cluster="nosuch"), *world.targets], "img", SPEC, How(check=False))
    with pytest.raises(NotFound):
        made.builds[0].wait(10)
    bar = FleetProgress()
    bar.paint(fleet_card(made, START))
    assert bar.bar.value == 0.25
    assert bar.words.value.startswith("1 of 4 · ⏳ Working: image img on 4 clusters")
    bar.close_whole()


def test_card_of_a_refused_build_has_the_reason_of_the_fleet_and_the_sentence_of_the_service(world: World) -> None:
    made = world.builds().start_fleet([replace(world.target, cluster="nosuch")], "img", SPEC, How(check=False))
    with pytest.raises(NotFound) as refused:
        made.builds[0].wait(10)
    it = build_bundle(card(made.builds[0], START))[BUILD_MIME]
    assert [it["reason"]] == list(made.failures.values())
    assert it["detail"] == refused.value.fault.words()[0]
