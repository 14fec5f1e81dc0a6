"""Builds that apply the correction of a conflict: what is sent, shown and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.emulator_transport import EmulatorTransport
from support.environment import EmulatedEnvironment, always_compatible
from support.requests import build_request

from kusto_magic.display.card_sources import card
from kusto_magic.errors import RequirementsConflictError
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.requirements.correction import Correction, LineChange

LEFT_OUT = "# uvloop  (left out: there is no wheel in any version)"
TEXT, CORRECTED = "humanize==0.0\nuvloop\n", f"humanize==4.9.0\n{LEFT_OUT}\n"
SPEC = ImageSpec(TEXT, base_image="Python3_11_7")
CORRECTION = Correction(
    CORRECTED,
    (
        LineChange(1, "humanize==0.0", "humanize==4.9.0", "the index has no such version"),
        LineChange(2, "uvloop", LEFT_OUT, "there is no wheel in any version", is_left_out=True),
    ),
)
CONFLICT = PreflightReport(
    Verdict.CONFLICT,
    "3.11.7",
    reason="2 lines cannot be installed: humanize==0.0 and uvloop",
    problems=(
        "line 1 humanize==0.0: the index has no such version; use humanize==4.9.0",
        "line 2 uvloop: no; leave it out",
    ),
    correction=CORRECTION,
)


class Preflight:
    """A preflight for which only the corrected text can be installed, unless `is_stubborn`; `texts` are those asked."""

    def __init__(self, *, is_stubborn: bool = False) -> None:
        self.is_stubborn = is_stubborn
        self.texts: list[str] = []

    async def __call__(self, text: str, **more: Any) -> PreflightReport:
        self.texts.append(text)
        compatible = text == CORRECTED and not self.is_stubborn
        return await always_compatible(text, **more) if compatible else CONFLICT


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[Preflight], EmulatedEnvironment]]:
    """Return a function that creates an environment with a preflight."""
    made: list[EmulatedEnvironment] = []

    def _make(preflight: Preflight) -> EmulatedEnvironment:
        made.append(EmulatedEnvironment(tmp_path, preflight, EmulatorTransport()))
        return made[-1]

    yield _make
    for environment in made:
        environment.close()


Make = Callable[[Preflight], EmulatedEnvironment]


def test_start_with_fix_sends_shows_and_records_the_correction(make: Make) -> None:
    environment = make(preflight := Preflight())
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "img", SPEC, fix=True))
    image = build.result(30)
    assert image is not None
    assert image.requirements == CORRECTED
    assert preflight.texts == [TEXT, CORRECTED]
    assert build.report is not None
    assert (build.report.verdict, build.report.correction) == (Verdict.COMPATIBLE, CORRECTION)
    assert build.report.warnings[0] == "line 2 uvloop is left out: there is no wheel in any version"
    shown = card(build, environment.clock.wall())
    assert shown.requirements == CORRECTED
    assert "line 1 humanize==0.0: the index has no such version; replaced by humanize==4.9.0" in shown.text()
    assert "warning: line 2 uvloop is left out: there is no wheel in any version" in shown.text()
    record = builds.history.latest("img", environment.target)
    assert record is not None
    assert record.requirements == CORRECTED
    assert record.report is not None
    assert record.report.correction == CORRECTION


@pytest.mark.parametrize(("fix", "is_stubborn"), [(False, False), (True, True)])
def test_conflict_without_an_applied_correction_is_not_submitted(make: Make, fix: bool, is_stubborn: bool) -> None:
    environment = make(Preflight(is_stubborn=is_stubborn))
    builds = environment.builds()
    build = builds.start(build_request(environment.target, "img", SPEC, fix=fix))
    with pytest.raises(RequirementsConflictError) as refused:
        build.result(30)
    assert refused.value.forecast.correction == CORRECTION
    assert [line.strip() for line in refused.value.details()] == [CONFLICT.reason, *CONFLICT.problems]
    assert build.state is BuildState.NOT_SUBMITTED
    assert build.spec == SPEC
    assert builds.ask(environment.target, lambda client: client.list()) == []


def test_start_with_fix_and_pin_sends_the_pinned_versions_of_the_correction(make: Make) -> None:
    environment = make(Preflight())
    build = environment.builds().start(build_request(environment.target, "img", SPEC, fix=True, pin=True))
    image = build.result(30)
    assert image is not None
    assert image.requirements == "humanize==4.9.0\nextra==1.0\n"


def test_start_with_fix_finds_the_image_that_was_built_from_the_correction(make: Make) -> None:
    environment = make(Preflight())
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", replace(SPEC, requirements=CORRECTED))).result(30)
    build = builds.start(build_request(environment.target, "img", SPEC, fix=True))
    build.result(30)
    assert build.is_unchanged
    assert environment.started_builds("img") == 1


def test_start_without_check_ignores_fix(make: Make) -> None:
    environment = make(preflight := Preflight())
    build = environment.builds().start(build_request(environment.target, "img", SPEC, fix=True, check=False))
    image = build.result(30)
    assert image is not None
    assert image.requirements == TEXT
    assert preflight.texts == []


def test_check_with_fix_returns_the_report_of_the_corrected_text(make: Make) -> None:
    environment = make(Preflight())
    builds = environment.builds()
    assert builds.check(environment.target, SPEC).result(30) == CONFLICT
    report = builds.check(environment.target, SPEC, fix=True).result(30)
    expected = asyncio.run(always_compatible(CORRECTED, python="3.11.7"))
    assert (report.verdict, report.packages, report.correction) == (Verdict.COMPATIBLE, expected.packages, CORRECTION)
