"""Tests of the HTML of the panel: hostile text, states, times, the result of a check."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from support.hostile import CONTROLS, HARMLESS_TAGS, HOSTILE, Elements, invisible_in

from kusto_magic.errors import InUseError, KustoImageError, RequirementsConflictError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState, Outcome
from kusto_magic.panel.check_result import check_html
from kusto_magic.panel.field_errors import field_of
from kusto_magic.panel.markup import TONES, badge, chip, details_html, local_time, text_html
from kusto_magic.preflight.report import Package, PreflightReport, Status, Verdict

MOMENT = datetime(2026, 11, 24, 6, 47, tzinfo=UTC)


def _report(text: str) -> PreflightReport:
    return PreflightReport(
        Verdict.CONFLICT, text, (Package(text, text, version_in_base=text),), text, text, (text,), (text,)
    )


RENDERERS: dict[str, Callable[[str], str]] = {
    "text": lambda text: text_html(text, "muted", title=text),
    "badge": lambda text: badge(text, Outcome.FAILED),
    "chip": lambda text: chip(text, text),
    "details": lambda text: details_html([(text, text)]),
    "check": lambda text: check_html(_report(text)),
}


@pytest.mark.parametrize("payload", HOSTILE)
@pytest.mark.parametrize("name", RENDERERS)
def test_markup_shows_no_invisible_characters_and_no_element_of_the_text(name: str, payload: str) -> None:
    html = RENDERERS[name](payload + CONTROLS)
    harmless, hostile = Elements(RENDERERS[name]("harmless")), Elements(html)
    assert (hostile.tags, hostile.attributes) == (harmless.tags, harmless.attributes)
    assert hostile.tags <= HARMLESS_TAGS
    assert invisible_in(html) == set()


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    """Set the time zone of this process."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows cannot change the time zone of a process")
@pytest.mark.usefixtures("in_tokyo")
def test_time_is_shown_in_the_time_zone_of_this_machine() -> None:
    assert local_time(MOMENT) == "Nov 24, 2026, 15:47"


def test_every_outcome_has_a_color() -> None:
    assert TONES.keys() == {None, *Outcome}
    assert {state.outcome for state in BuildState} <= TONES.keys()


def test_check_lists_changed_packages_first_and_names_the_version_in_the_base_image() -> None:
    packages = (
        Package("idna", "3.7", Status.PRESENT, "3.7"),
        Package("numpy", "2.0", Status.UPGRADED, "1.26"),
    )
    words = Elements(check_html(PreflightReport(Verdict.COMPATIBLE, "3.11.7", packages))).words
    assert "✔ These packages install together" in words
    assert "Python 3.11.7 on Windows x64" in words
    assert words.index("numpy1.26 → 2.0upgraded") < words.index("idna3.7already installed")


def test_inconclusive_check_shows_the_reason_and_what_to_do() -> None:
    hint = Hint(HintKind.ALLOW_INDEX_OPTIONS)
    words = Elements(check_html(PreflightReport(Verdict.INCONCLUSIVE, "", reason="no index", hint=hint))).words
    assert "? The check is inconclusive" in words
    assert "no index" in words
    assert "--allow-index-options" in words


CONFLICT = RequirementsConflictError("no", forecast=_report("x"), hint=Hint(HintKind.FIX_CONFLICT))


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (InUseError("in use"), "name"),
        (CONFLICT, "requirements"),
        (KustoImageError("failed", hint=Hint(HintKind.FIX_REQUIREMENTS)), "requirements"),
        (KustoImageError("no base", hint=Hint(HintKind.CHOOSE_BASE_IMAGE)), "base"),
        (KustoImageError("no role", hint=Hint(HintKind.ASK_FOR_ROLE)), None),
        (KustoImageError("failed"), None),
    ],
)
def test_error_is_about_the_field_that_its_hint_names(error: KustoImageError, field: str | None) -> None:
    assert field_of(error) == field
