"""The record of a build: what it says, that it says nothing else, that nothing in it is markup."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.hostile import HOSTILE, Elements

from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.display import preflight_report as plan
from kusto_magic.display.bundle import duration, table
from kusto_magic.display.card import MIME, Card, bundle, estimate_text, text
from kusto_magic.preflight.report import Package, PreflightReport, Status, Verdict

BEGUN = datetime(2026, 11, 23, 14, 3, 5, tzinfo=UTC)
RUNNING = Card(
    id="0123",
    image="img",
    cluster="help",
    emulator=False,
    action="build",
    state="Building",
    ended=False,
    base="Python3_11_7",
    requirements="numpy\npandas",
    started_at=BEGUN,
    as_of=datetime(2026, 11, 23, 14, 4, 25, tzinfo=UTC),
    last_response_at=datetime(2026, 11, 23, 14, 4, 20, tzinfo=UTC),
    seconds=80.0,
    estimate="estimate: usually 4 min to 6 min (3 earlier builds on this cluster)",
    error=(),
    next_step="",
    note="",
)
DONE = replace(RUNNING, state="Succeeded", ended=True, estimate="", seconds=302.0)


def test_a_running_build_says_how_long_and_when_it_was_last_heard_of() -> None:
    line = text(RUNNING)
    assert line == (
        "⏳ Building: image img on cluster help · 1 min 20 s at 2026-11-23 14:04:25 UTC, last heard of 14:04:20 UTC"
        " · estimate: usually 4 min to 6 min (3 earlier builds on this cluster)"
    )


def test_a_finished_build_is_one_line_that_stays_true() -> None:
    assert text(DONE) == "✔ Succeeded: image img on cluster help · 5 min 2 s, ended 2026-11-23 14:04:25 UTC"


def test_a_failure_shows_the_reason_and_the_next_step() -> None:
    failed = replace(DONE, state="Failed", error=("building failed", "BadInput: no"), next_step="mend it")
    assert text(failed).splitlines()[1:] == ["  building failed", "  BadInput: no", "  Next: mend it"]


def test_an_estimate_says_what_it_comes_from() -> None:
    assert (
        estimate_text(DurationEstimate(240, 360, 3))
        == "estimate: usually 4 min to 6 min (3 earlier builds on this cluster)"
    )
    assert (
        estimate_text(DurationEstimate(12, 12, 0, "the emulator's setting"))
        == "estimate: 12 s (the emulator's setting)"
    )


def test_the_bundle_holds_json_html_and_text() -> None:
    data = bundle(DONE)
    assert set(data) == {MIME, "text/html", "text/plain"}
    assert data[MIME]["version"] == 1
    assert data[MIME]["state"] == "Succeeded"
    assert json.loads(json.dumps(data[MIME])) == data[MIME]


def test_a_build_of_a_fleet_says_so_and_one_alone_does_not() -> None:
    assert bundle(replace(DONE, fleet="f" * 32))[MIME]["fleet"] == "f" * 32
    assert "fleet" not in bundle(DONE)[MIME]


def test_the_html_needs_no_style_and_no_script() -> None:
    seen = Elements(bundle(RUNNING)["text/html"])
    assert seen.tags <= {"div", "p", "strong", "code", "table", "tr", "th", "td", "br", "details", "summary", "pre"}
    assert seen.attributes == set()
    assert "⏳ Building" in seen.words


FORECAST = PreflightReport(
    Verdict.COMPATIBLE,
    "3.11.7",
    packages=(
        Package("humanize", "4.9.0", size=127_000, direct=True),
        Package("numpy", "2.0.0", Status.UPGRADED, version_in_base="1.26.4", size=12_600_000),
        Package("six", "1.16.0", Status.PRESENT, version_in_base="1.16.0", size=1),
    ),
    warnings=("numpy upgraded: scipy needs less",),
)


def test_the_plan_is_shown_with_the_build() -> None:
    data = bundle(replace(DONE, report=FORECAST))
    summary = (
        "✔ fits (Python 3.11.7 on Windows x64): 3 packages · 1 new, 1 upgraded, 1 already there · 12.7 MB to download"
    )
    assert data["text/plain"].splitlines()[1:] == [f"  {summary}", "  warning: numpy upgraded: scipy needs less"]
    words = Elements(data["text/html"]).words
    assert summary in words
    assert "upgraded (was 1.26.4)" in words
    assert [package["status"] for package in data[MIME]["plan"]["packages"]] == ["new", "upgraded", "already there"]


def test_a_forecast_alone_is_shown_with_its_table() -> None:
    lines = plan.text(FORECAST).splitlines()
    assert lines[2:] == [
        "  package   version  against the base       reason             download",
        "  humanize  4.9.0    new                    asked for          127 kB",
        "  numpy     2.0.0    upgraded (was 1.26.4)  needed by another  12.6 MB",
        "  six       1.16.0   already there          needed by another  1 kB",
    ]


def test_a_misfit_says_what_clashes_and_what_would_help() -> None:
    clash = PreflightReport(
        Verdict.CONFLICT, "3.10.8", reason="a clashes with b", suggestions=("a==2",), resolver_text="Because a…"
    )
    assert plan.text(clash) == "✖ does not fit (Python 3.10.8 on Windows x64): a clashes with b\n  suggestion: a==2"
    assert "Because a…" in Elements(plan.html(clash)).words


@pytest.mark.parametrize("payload", HOSTILE)
def test_nothing_that_came_from_outside_becomes_markup(payload: str) -> None:
    hostile = replace(
        DONE,
        image=payload,
        cluster=payload,
        state=payload,
        base=payload,
        requirements=payload,
        error=(payload,),
        next_step=payload,
        note=payload,
        estimate=payload,
        report=PreflightReport(
            Verdict.COMPATIBLE,
            payload,
            packages=(Package(payload, payload, version_in_base=payload),),
            reason=payload,
            resolver_text=payload,
            warnings=(payload,),
            suggestions=(payload,),
            python_checked=payload,
        ),
    )
    harmless = replace(FORECAST, resolver_text="r")
    plain = Elements(bundle(replace(DONE, error=("e",), note="o", estimate="u", report=harmless))["text/html"])
    seen = Elements(bundle(hostile)["text/html"])
    assert seen.tags == plain.tags
    assert seen.attributes == set()
    assert payload in seen.words


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_table_escapes_its_cells(payload: str) -> None:
    seen = Elements(table([payload], [[payload]], "")["text/html"])
    assert seen.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert seen.attributes == set()


def test_a_table_is_aligned_as_text() -> None:
    data = table(["image", "state"], [["a", "Succeeded"], ["longer", "Failed"]], "none")
    assert data["text/plain"] == "image   state\na       Succeeded\nlonger  Failed"
    assert table(["image"], [], "there are none")["text/plain"] == "there are none"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_are_said_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
