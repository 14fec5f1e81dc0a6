"""Card of a fleet: its content, the escaping of external text, and updates of one output until the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.arm_responses import SUBSCRIPTION, TARGET
from support.cards import DONE, RUNNING
from support.clock import START
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport
from support.environment import EmulatedEnvironment, always_compatible
from support.hostile import HOSTILE, Elements
from support.recording_publisher import RecordingPublisher
from support.requests import build_request, build_requests

from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display.card import MIME as BUILD_MIME
from kusto_magic.display.card_sources import card, card_from_record
from kusto_magic.display.fleet_card import MAX_ROWS_AS_TEXT, MIME, fleet_card
from kusto_magic.display.live_card import LiveCard
from kusto_magic.display.progress_bar import ProgressBar
from kusto_magic.emulator import EmulatorConfig
from kusto_magic.errors import NotFoundError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import Package, PreflightReport, Verdict

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
OURS = {"bdi", "div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "code"}
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    made = EmulatedEnvironment(
        tmp_path, always_compatible, EmulatorTransport(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=3))
    )
    yield made
    made.close()


def record(cluster: str, state: BuildState = BuildState.SUCCEEDED, message: str = "") -> BuildRecord:
    target = replace(TARGET, cluster=cluster)
    return BuildRecord(cluster, build_request(target, "img", SPEC), START, state=state, message=message, ended_at=START)


def fleet(*members: BuildRecord) -> Fleet:
    return Fleet("f1", "img", members)


@pytest.mark.parametrize("with_bar", [True, False])
def test_one_output_is_updated_until_the_end(environment: EmulatedEnvironment, with_bar: bool) -> None:
    screen = RecordingPublisher()
    environment.clock.released.clear()
    made = environment.builds().start_fleet(build_requests(environment.targets, "img", SPEC))
    LiveCard(made, screen, with_bar=with_bar)
    environment.clock.released.set()
    made.result(30)
    assert screen.ended.wait(10)
    assert screen.is_one_output()
    assert (WIDGET in screen.shown[0][0]) == with_bar
    last = screen.shown[-1][0]
    assert WIDGET not in last
    assert last[MIME]["state"] == "Succeeded"
    assert [row["state"] for row in last[MIME]["clusters"]] == ["Succeeded"] * 3
    assert last[MIME]["failures"] == []


def test_ended_fleet_is_shown_without_a_bar() -> None:
    screen = RecordingPublisher()
    LiveCard(fleet(record("one"), record("two")), screen, with_bar=True)
    assert WIDGET not in screen.shown[-1][0]
    assert screen.shown[-1][0][MIME]["ended"]


def test_running_fleet_has_the_hint_to_resume_it_by_its_name(environment: EmulatedEnvironment) -> None:
    async def unanswered(*_args: object, **_options: object) -> PreflightReport:
        return await asyncio.Future()

    environment.answer = unanswered  # no build ends
    made = environment.builds().start_fleet(build_requests(environment.targets, "my image", SPEC))
    assert fleet_card(made, START).hint == Hint(HintKind.RESUME_AFTER_RESTART, "my image")


def test_check_that_differs_on_a_cluster_is_not_shown_as_that_of_all() -> None:
    same = PreflightReport(Verdict.COMPATIBLE, "3.11.7", (Package("humanize", "4.9.0"),))
    other = replace(same, packages=())
    conflict = replace(other, verdict=Verdict.CONFLICT, reason="it clashes")
    one, two, six = (record(name) for name in ("one", "two", "six"))
    shown = fleet_card(fleet(replace(one, report=same), replace(two, report=same), six), START).report
    assert shown == same
    shown = fleet_card(fleet(replace(one, report=same), replace(two, report=other), six), START).report
    differs = ("the check has another result on 1 of 2 clusters: their base images differ",)
    assert shown == replace(same, warnings=differs)
    shown = fleet_card(fleet(replace(one, report=same), replace(two, report=conflict)), START).report
    assert shown == replace(conflict, warnings=differs)


def test_failures_are_grouped_by_reason_above_the_clusters() -> None:
    it = fleet_card(
        fleet(
            record("one"), record("two", BuildState.FAILED, "no wheel"), record("six", BuildState.FAILED, "no wheel")
        ),
        START,
    )
    assert it.headline().startswith("✖ 2 of 3 failed: image img on 3 clusters · 2 failed, 1 succeeded")
    assert "✖ two, six: no wheel" in it.text()
    assert it.hint == Hint(HintKind.FIX_FLEET)
    html = it.bundle()["text/html"]
    assert html.index("no wheel") < html.index("<details")
    assert (it.text().count("no wheel"), html.count("no wheel")) == (1, 1)
    assert it.bundle()[MIME]["failures"] == [{"reason": "no wheel", "clusters": ["two", "six"]}]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["SUCCEEDED", "SUCCEEDED"], ("Succeeded", "succeeded")),
        (["ENABLED", "ENABLED"], ("Enabled", "succeeded")),
        (["FAILED", "FAILED"], ("Failed", "failed")),
        (["NOT_SUBMITTED", "NOT_SUBMITTED"], ("Not submitted", "notSubmitted")),
        (["FAILED", "SUCCEEDED"], ("1 of 2 failed", "failed")),
        (["SUCCEEDED", "CANCELED", "CANCELED"], ("2 of 3 canceled", "canceled")),
        (["SUCCEEDED", "CANCELED", "FAILED"], ("2 of 3 did not succeed", "failed")),
        (["UNKNOWN", "FAILED"], ("2 of 2 did not succeed", "failed")),
    ],
)
def test_state_of_a_fleet_says_how_many_clusters_did_not_succeed(states: list[str], expected: tuple[str, str]) -> None:
    members = (record(f"c{n}", BuildState[state], "why") for n, state in enumerate(states))
    shown = fleet_card(fleet(*members), START)
    assert (shown.state, shown.outcome) == expected


def test_conflict_found_by_the_check_is_told_once() -> None:
    report = PreflightReport(Verdict.CONFLICT, "3.11.7", reason="six 1 and six 2")
    stopped = [
        replace(record(name, BuildState.NOT_SUBMITTED, "these requirements cannot be installed"), report=report)
        for name in ("one", "two")
    ]
    shown = fleet_card(fleet(*stopped), START)
    text = shown.text()
    assert text.startswith("✖ Not submitted: image img on 2 clusters")
    assert text.count("six 1 and six 2") == 1
    assert "cannot be installed together" not in text
    assert "cannot be installed together" not in shown.bundle()["text/html"]


def test_failures_that_differ_only_in_ids_have_one_reason_in_the_fleet_and_in_each_card() -> None:
    failed = [
        record(name, BuildState.FAILED, f"it failed; HTTP 400; Bad: no; request id {n}")
        for n, name in enumerate(("one", "two"))
    ]
    shown = fleet_card(fleet(*failed), START).bundle()[MIME]
    assert shown["failures"] == [{"reason": "it failed; Bad: no", "clusters": ["one", "two"]}]
    assert shown["hint"]["kind"] == "fix-fleet"
    assert {card_from_record(one).bundle()[BUILD_MIME]["reason"] for one in failed} == {"it failed; Bad: no"}
    assert "reason" not in card_from_record(record("one")).bundle()[BUILD_MIME]


def test_more_than_twenty_clusters_are_collapsed() -> None:
    many = fleet_card(fleet(*(record(f"c{n:03d}") for n in range(MAX_ROWS_AS_TEXT + 1))), START)
    assert "<details><summary>21 clusters</summary>" in many.bundle()["text/html"]
    assert "c020" not in many.text()
    few = fleet_card(fleet(*(record(f"c{n:03d}") for n in range(MAX_ROWS_AS_TEXT))), START)
    assert "<details open><summary>20 clusters</summary>" in few.bundle()["text/html"]
    assert "c019" in few.text()


def test_bundle_contains_no_subscription_and_no_url() -> None:
    saved = json.dumps(fleet_card(fleet(record("one")), START).bundle())
    assert SUBSCRIPTION not in saved
    assert "management.azure.com" not in saved
    assert TARGET.resource_group not in saved


@pytest.mark.parametrize("hostile", HOSTILE)
def test_external_text_in_a_fleet_card_is_escaped(hostile: str) -> None:
    html = Elements(fleet_card(fleet(record("one", BuildState.FAILED, hostile)), START).bundle()["text/html"])
    assert html.tags <= OURS
    assert html.attributes <= {"open"}
    assert hostile.strip() in html.words


def test_bar_shows_the_share_of_clusters_that_are_done(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    builds = environment.builds()
    made = builds.start_fleet(
        build_requests(
            [replace(environment.target, cluster="nosuch"), *environment.targets],
            "img",
            SPEC,
            check=False,
            queue=False,
        )
    )
    with pytest.raises(NotFoundError):
        made.builds[0].result(10)
    bar = ProgressBar()
    bar.update(fleet_card(made, START))
    assert bar.bar.value == 0.25
    assert bar.label.value.startswith("1 of 4 done · • Working")
    bar.close_all()


def test_progress_is_the_mean_of_the_clusters_and_the_estimate_that_of_the_slowest() -> None:
    quick = replace(RUNNING, seconds=50.0, estimate="usually 1–2 min", estimate_high=100.0)
    slow = replace(quick, estimate="usually 8–9 min", estimate_high=500.0)
    shown = replace(fleet_card(fleet(record("one")), START), rows=(("one", DONE), ("two", quick), ("three", slow)))
    assert shown.share == pytest.approx((1 + 0.475 + 0.095) / 3)
    assert shown.estimate == "usually 8–9 min"
    assert "usually 8–9 min" in shown.progress_text
    assert replace(shown, rows=(("one", DONE),)).estimate == ""


def test_clusters_are_grouped_by_how_they_ended() -> None:
    shown = replace(
        fleet_card(fleet(record("one")), START),
        rows=(("done", DONE), ("works", RUNNING), ("failed", replace(DONE, state=BuildState.FAILED)), ("next", DONE)),
    )
    text = shown.text()
    assert [text.index(f"\n  {name} ") for name in ("failed", "works", "done", "next")] == sorted(
        text.index(f"\n  {name} ") for name in ("failed", "works", "done", "next")
    )


def test_check_of_a_fleet_is_shown_once() -> None:
    report = PreflightReport(Verdict.COMPATIBLE, "3.11.7", (Package("six", "1.16.0"),))
    made = fleet(replace(record("one"), report=report), replace(record("two"), report=report))
    data = fleet_card(made, START).bundle()
    assert [package["name"] for package in data[MIME]["plan"]["packages"]] == ["six"]
    for shown in (data["text/plain"], Elements(data["text/html"]).words):
        assert shown.count("1 package · 1 new") == 1


def test_card_of_a_rejected_build_has_the_reason_of_the_fleet_and_the_sentence_of_the_service(
    environment: EmulatedEnvironment,
) -> None:
    unknown = replace(environment.target, cluster="nosuch")
    started = environment.builds().start_fleet(build_requests([unknown], "img", SPEC, check=False, queue=False))
    with pytest.raises(NotFoundError) as rejected:
        started.builds[0].result(10)
    shown = card(started.builds[0], START).bundle()[BUILD_MIME]
    assert [shown["reason"]] == list(started.failures.values())
    assert shown["detail"] == rejected.value.fault.summary_lines()[0]


def test_images_that_were_found_have_the_duration_of_their_builds() -> None:
    known = replace(DONE, is_found=True, seconds=0.2, built_seconds=290.0)
    rows = (("one", known), ("two", replace(known, built_seconds=None)))
    text = replace(fleet_card(fleet(record("one")), START), rows=rows).text()
    assert " 0 s" not in text
    assert "4 min 50 s" in text
