"""Card of a build: its content, and the escaping of external text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.arm_responses import TARGET
from support.cards import DONE, RUNNING, STARTED
from support.hostile import HARMLESS_TAGS, HOSTILE, Elements
from support.requests import build_request

from kusto_magic.arm.operation import NOTE_UNCHANGED
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display import preflight_report
from kusto_magic.display.bundle import duration, table
from kusto_magic.display.card import MIME
from kusto_magic.display.card_sources import card_from_record, estimate_text, span_text
from kusto_magic.display.command_hints import MAGICS
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.lock import Lock
from kusto_magic.panel.hints import PANEL
from kusto_magic.preflight.report import Fix, Package, PreflightReport, Status, Verdict
from kusto_magic.preflight.report_json import report_from_json, report_json, stored_json
from kusto_magic.program_hints import PROGRAM
from kusto_magic.requirements.correction import Correction, LineChange


def test_text_of_a_running_build_has_elapsed_time_and_last_update() -> None:
    line = RUNNING.text()
    assert line == (
        "• Building: image img on cluster help · 1 min 20 s at 2026-11-23 14:04:25 UTC, last update 14:04:20 UTC"
        f" · {RUNNING.estimate}"
    )


def test_text_of_a_finished_build_has_duration_and_absolute_end() -> None:
    assert DONE.text() == "✔ Succeeded: image img on cluster help · 2026-11-23 14:04:25 UTC, after 5 min 2 s"


def test_text_of_a_failed_build_has_error_and_hint() -> None:
    failed = replace(
        DONE, state=BuildState.FAILED, error=("building failed", "BadInput: no"), hint=Hint(HintKind.RETRY)
    )
    assert failed.text().splitlines()[1:] == ["  building failed", "  BadInput: no", "  Next: Try again."]


def test_estimate_text_names_its_source() -> None:
    assert estimate_text(DurationEstimate(240, 360, 3)) == "usually 4–6 min (3 earlier builds on this cluster)"
    assert estimate_text(DurationEstimate(12, 12, 0, "the emulator's setting")) == "about 12 s (emulator setting)"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (12, 12, "12 s"),
        (13.4, 45.6, "13–46 s"),
        (222, 385, "3–7 min"),
        (40, 95, "40 s to 1 min 35 s"),
        (300, 300.4, "5 min"),
        (3000, 5000, "50 min to 1 h 23 min"),
    ],
)
def test_span_is_rounded_outwards_to_one_unit(low: float, high: float, text: str) -> None:
    assert span_text(low, high) == text


def test_build_beyond_the_estimate_is_longer_than_usual() -> None:
    running = replace(RUNNING, estimate="usually 1–2 min", estimate_high=120.0, waited=30.0)
    assert replace(running, seconds=150.0).estimate_line == "usually 1–2 min"
    overdue = replace(running, seconds=150.1)
    assert overdue.estimate_line == "longer than usual · usually 1–2 min"
    for shown in (overdue.text(), overdue.progress_text, Elements(overdue.bundle()["text/html"]).words):
        assert "longer than usual" in shown
    assert replace(overdue, ended=True, state=BuildState.FAILED).estimate_line == "usually 1–2 min"


def test_found_image_says_when_it_was_built() -> None:
    found = replace(DONE, is_found=True, seconds=0.4)
    assert "before 2026-11-23 14:04:25 UTC" in found.text()
    known = replace(found, built_at=STARTED, built_seconds=292.0)
    assert "2026-11-23 14:03:05 UTC, after 4 min 52 s" in known.text()
    data = known.to_json()
    assert (data["isFound"], data["builtAt"], data["builtSeconds"]) == (True, "2026-11-23T14:03:05+00:00", 292.0)
    for shown in (found.text(), Elements(found.bundle()["text/html"]).words):
        assert "0 s" not in shown


def test_image_that_was_seen_in_progress_has_an_end_but_no_duration() -> None:
    seen = replace(DONE, start_known=False, seconds=0.4)
    assert seen.text().endswith(" · 2026-11-23 14:04:25 UTC")


def test_failure_comes_before_the_next_step_and_the_ids() -> None:
    failed = replace(
        DONE,
        state=BuildState.FAILED,
        error=("building image 'img' failed", "BadInput: no"),
        hint=Hint(HintKind.RETRY),
        ids="request id 1",
        report=REPORT,
    )
    words = Elements(failed.bundle()["text/html"]).words
    positions = [words.index(text) for text in ("3 packages", "building image", "BadInput", "Try again", "request id")]
    assert positions == sorted(positions)


def test_bundle_contains_json_html_and_text() -> None:
    data = DONE.bundle()
    assert set(data) == {MIME, "text/html", "text/plain"}
    assert data[MIME]["version"] == 1
    assert data[MIME]["state"] == "Succeeded"
    assert json.loads(json.dumps(data[MIME])) == data[MIME]


def test_json_contains_fleet_only_for_a_build_of_a_fleet() -> None:
    assert replace(DONE, fleet="f" * 32).bundle()[MIME]["fleet"] == "f" * 32
    assert "fleet" not in DONE.bundle()[MIME]


def test_html_has_no_attributes_and_no_scripts() -> None:
    seen = Elements(RUNNING.bundle()["text/html"])
    assert seen.tags <= HARMLESS_TAGS
    assert seen.attributes == set()
    assert "• Building" in seen.words


REPORT = PreflightReport(
    Verdict.COMPATIBLE,
    "3.11.7",
    packages=(
        Package("humanize", "4.9.0", size=127_000, direct=True),
        Package("numpy", "2.0.0", Status.UPGRADED, version_in_base="1.26.4", size=12_600_000),
        Package("six", "1.16.0", Status.PRESENT, version_in_base="1.16.0", size=1),
    ),
    warnings=("numpy upgraded: scipy needs less",),
)


def test_bundle_contains_the_preflight_report() -> None:
    data = replace(DONE, report=REPORT).bundle()
    packages = "3 packages · 1 new, 1 upgraded, 1 already installed · 12.7 MB to download"
    summary = f"✔ compatible (Python 3.11.7 on Windows x64): {packages}"
    assert data["text/plain"].splitlines()[1:] == [f"  {summary}", "  warning: numpy upgraded: scipy needs less"]
    words = Elements(data["text/html"]).words
    assert summary in words
    assert "upgraded (was 1.26.4)" in words
    assert [package["status"] for package in data[MIME]["plan"]["packages"]] == ["new", "upgraded", "already installed"]


def test_html_and_text_have_the_sentence_of_the_front_end_and_the_json_the_hint() -> None:
    failed = replace(DONE, state=BuildState.UNKNOWN, hint=Hint(HintKind.RESUME, "img"))
    for hints in (MAGICS, PANEL, PROGRAM):
        data = failed.bundle(hints)
        assert data["text/plain"].endswith(f"Next: {hints.text(failed.hint)}")
        assert hints.text(failed.hint) in Elements(data["text/html"]).words
        assert data[MIME]["hint"] == {"kind": "resume", "name": "img", "values": [], "then": None}
    assert "hint" not in DONE.bundle()[MIME]


def test_preflight_report_shows_its_hint_as_a_suggestion() -> None:
    report = replace(REPORT, hint=Hint(HintKind.ALLOW_INDEX_OPTIONS))
    suggestion = f"suggestion: {MAGICS.text(report.hint)}"
    assert preflight_report.remarks(report, MAGICS)[-1] == suggestion
    assert suggestion in Elements(preflight_report.html(report, MAGICS)).words
    assert report_json(report)["hint"]["kind"] == "allow-index-options"


def test_preflight_report_text_contains_the_table_of_packages() -> None:
    lines = preflight_report.text(REPORT).splitlines()
    assert lines[2:] == [
        "  package   version  compared with base image  reason      download",
        "  humanize  4.9.0    new                       requested   127 kB",
        "  numpy     2.0.0    upgraded (was 1.26.4)     dependency  12.6 MB",
        "  six       1.16.0   unchanged                 dependency  1 kB",
    ]


CORRECTION = Correction("a==2\n<b>\n", (LineChange(1, "a==1", "a==2", "no such version"),))
SINGLE = PreflightReport(
    Verdict.CONFLICT,
    "3.10.8",
    reason="line 1 a==1: no such version",
    correction=CORRECTION,
    suggestions=(Fix(1, "a==2", "line 1: a==2 would be compatible"), "or another Python"),
)
SEVERAL = PreflightReport(
    Verdict.CONFLICT,
    "3.10.8",
    reason="2 lines cannot be installed: a==1 and c",
    problems=("line 1 a==1: no such version; use a==2", "line 3 c: no such name; leave it out"),
    correction=CORRECTION,
)


@pytest.mark.parametrize(
    ("report", "lines"),
    [
        (SINGLE, ["line 1 a==1: no such version", "line 1: use a==2", "suggestion: or another Python"]),
        (SEVERAL, ["2 lines cannot be installed: a==1 and c", *SEVERAL.problems]),
        (
            replace(REPORT, correction=CORRECTION, warnings=()),
            [
                "3 packages · 1 new, 1 upgraded, 1 already installed · 12.7 MB to download",
                "line 1 a==1: no such version; replaced by a==2",
            ],
        ),
    ],
)
def test_report_with_a_correction_shows_changes_and_the_whole_text(report: PreflightReport, lines: list[str]) -> None:
    shown = [line.strip() for line in preflight_report.text(report).splitlines()]
    assert shown[0].endswith(lines[0])
    assert shown[1 : len(lines) + 3] == [*lines[1:], "Corrected requirements:", "a==2", "<b>"]
    html = preflight_report.html(report)
    assert "<p>Corrected requirements:</p><pre>" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


@pytest.mark.parametrize("report", [SINGLE, SEVERAL, REPORT])
def test_report_json_has_the_correction(report: PreflightReport) -> None:
    document = json.loads(json.dumps(report_json(report)))
    assert report_from_json(document).correction == report.correction
    assert report_from_json(document).problems == report.problems
    if report.correction is None:
        assert document["correction"] is None
    else:
        change = {"line": 1, "before": "a==1", "after": "a==2", "reason": "no such version", "leftOut": False}
        assert document["correction"] == {
            "text": CORRECTION.text,
            "changes": [change],
            "complete": True,
            "checked": True,
        }


def test_report_has_the_digest_of_its_lock() -> None:
    lock = Lock("3.11.7", "Windows x64", "six\n", exclude_newer="2024-06-30")
    shown = replace(REPORT, lock=lock)
    assert report_json(shown)["lock"] == {"digest": lock.digest, "excludeNewer": "2024-06-30"}
    assert report_from_json(report_json(shown)).lock is None, "a card has only the digest"
    assert report_from_json(stored_json(shown)).lock == lock
    line = f"lock: {lock.digest}, releases until 2024-06-30"
    assert line in preflight_report.text(shown)
    assert line in preflight_report.html(shown)
    assert "lock" not in report_json(REPORT)


def test_report_json_of_an_older_version_has_no_correction() -> None:
    document = report_json(SINGLE)
    del document["correction"], document["problems"]
    assert (report_from_json(document).correction, report_from_json(document).problems) == (None, ())


def test_conflict_report_has_reason_and_suggestion() -> None:
    report = PreflightReport(
        Verdict.CONFLICT, "3.10.8", reason="a clashes with b", suggestions=("a==2",), resolver_text="Because a…"
    )
    assert (
        preflight_report.text(report)
        == "✖ conflict (Python 3.10.8 on Windows x64): a clashes with b\n  suggestion: a==2"
    )
    assert "Because a…" in Elements(preflight_report.html(report)).words


@pytest.mark.parametrize("payload", HOSTILE)
def test_external_text_in_a_card_is_escaped(payload: str) -> None:
    hostile = replace(
        DONE,
        image=payload,
        cluster=payload,
        base=payload,
        requirements=payload,
        error=(payload,),
        hint=Hint(HintKind.INSTALL_TOOL, payload, (payload,)),
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
            platform=payload,
        ),
    )
    harmless = replace(REPORT, resolver_text="r")
    plain = Elements(replace(DONE, error=("e",), note="o", estimate="u", report=harmless).bundle()["text/html"])
    seen = Elements(hostile.bundle()["text/html"])
    assert seen.tags == plain.tags
    assert seen.attributes == set()
    assert payload in seen.words


@pytest.mark.parametrize("payload", HOSTILE)
def test_table_escapes_cells(payload: str) -> None:
    seen = Elements(table([payload], [[payload]], "")["text/html"])
    assert seen.tags == {"bdi", "table", "thead", "tbody", "tr", "th", "td"}
    assert seen.attributes == set()


def test_table_is_aligned_as_text() -> None:
    data = table(["image", "state"], [["a", "Succeeded"], ["longer", "Failed"]], "none")
    assert data["text/plain"] == "image   state\na       Succeeded\nlonger  Failed"
    assert table(["image"], [], "there are none")["text/plain"] == "there are none"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_duration_is_formatted_with_units(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


RECORD = BuildRecord("1", build_request(TARGET, "img", ImageSpec("six", base_image="Python3_11_7")), STARTED)


@pytest.mark.parametrize(
    ("recorded", "state", "kind", "note"),
    [
        (BuildState.BUILDING, BuildState.UNKNOWN, HintKind.RESUME, "final status unknown"),
        (BuildState.CHECKING, BuildState.NOT_SUBMITTED, HintKind.SEND_AGAIN, ""),
    ],
)
def test_card_of_a_record_without_an_end_says_how_to_go_on(
    recorded: BuildState, state: BuildState, kind: HintKind, note: str
) -> None:
    shown = card_from_record(replace(RECORD, state=recorded))
    assert (shown.state, shown.hint, shown.note) == (state, Hint(kind, "img"), note)
    starting = card_from_record(replace(RECORD, state=recorded), is_starting=True)
    assert (starting.state, starting.hint, starting.ended) == (recorded, None, False)


def test_card_of_a_record_has_the_report_the_hint_and_the_ids() -> None:
    end, hint = STARTED.replace(minute=9), Hint(HintKind.RETRY)
    message = "building image 'img' failed; BadInput: no; HTTP 409; request id 1 · operation id 2"
    failed = replace(RECORD, state=BuildState.FAILED, ended_at=end, message=message, hint=hint, report=REPORT)
    shown = card_from_record(failed)
    assert (shown.error, shown.hint) == (("building image 'img' failed; BadInput: no",), hint)
    assert (shown.ids, shown.report) == ("HTTP 409 · request id 1 · operation id 2", REPORT)


def test_conflict_is_told_once_by_the_report() -> None:
    report = PreflightReport(Verdict.CONFLICT, "3.10.8", reason="a clashes with b", suggestions=("a==2",))
    message = "these requirements cannot be installed; nothing was sent; a clashes with b; a==2"
    refused = replace(
        RECORD, state=BuildState.NOT_SUBMITTED, ended_at=STARTED, message=message, hint=Hint(HintKind.FIX_CONFLICT),
        report=report,
    )  # fmt: skip
    text = card_from_record(refused).text()
    assert text.count("a clashes with b") == 1
    assert text.splitlines()[-1].startswith("  Next: ")


def test_record_of_an_unchanged_image_says_so() -> None:
    unchanged = replace(RECORD, state=BuildState.SUCCEEDED, ended_at=STARTED, message=NOTE_UNCHANGED)
    shown = card_from_record(unchanged)
    assert (shown.note, shown.error, shown.is_found) == (NOTE_UNCHANGED, (), True)
