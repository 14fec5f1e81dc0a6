"""Every renderer of HTML and text with hostile text: no invisible characters, no elements of the text, isolated."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from support.hostile import CONTROLS, HARMLESS_TAGS, HOSTILE, Elements, invisible_in, texts_in

from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.commands.sign_in import device_code_bundle
from kusto_magic.display import bundle, card_sources, preflight_report
from kusto_magic.display.card import Card
from kusto_magic.display.fleet_card import FleetCard
from kusto_magic.display.progress_bar import ProgressBar
from kusto_magic.errors import KustoImageError, ServiceError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import Cluster
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.panel.widgets import heading, text_widget
from kusto_magic.preflight.report import Package, PreflightReport, Verdict
from kusto_magic.service_fault import ServiceFault

NOW = datetime(2026, 11, 23, 14, 3, 5, tzinfo=UTC)
TARGET = Target("01234567-89ab-cdef-0123-456789abcdef", "group", "help")
BIDI = "\u05d0\u05d1 1 \u0627"
"""Letters that are written from right to left."""

PAYLOADS = [f"{markup}{CONTROLS}{BIDI}" for markup in HOSTILE]


def _report(text: str) -> PreflightReport:
    texts = (text, f"{text}\n{text}")
    return PreflightReport(
        Verdict.CONFLICT,
        text,
        (Package(text, text, version_in_base="1"),),
        text,
        text,
        warnings=texts,
        suggestions=texts,
        hint=_hint(text),
    )


def _hint(text: str) -> Hint:
    return Hint(HintKind.INSTALL_TOOL, text, (text,), Hint(HintKind.REMOVE_LOCK, values=(text, text)))


def _card(text: str) -> Card:
    return Card(
        id="0123", image=text, cluster=text, emulator=False, action=Action.BUILD, state=BuildState.FAILED, ended=True,
        base=text, requirements=text, started_at=NOW, as_of=NOW, last_response_at=NOW, seconds=1.0, estimate=text,
        error=(text, text), hint=_hint(text), note=text, report=_report(text), fleet=text, reason=text, detail=text,
    )  # fmt: skip


def _fleet(text: str) -> FleetCard:
    rows = ((text, _card(text)), (text, _card(text)))
    return FleetCard("0", text, rows, True, text, text, NOW, NOW, {text: [text, text]}, _hint(text))


def _record(text: str) -> BuildRecord:
    """Return a record as another machine may have written it."""
    request = BuildRequest(Action.BUILD, TARGET, text, ImageSpec(text, text, text, is_validated=True))
    return BuildRecord("0", request, NOW, state=BuildState.FAILED, message=text, ended_at=NOW, fleet=text)


def _progress(kind: Callable[[], Any], shown: Card | FleetCard) -> str:
    bar = kind()
    bar.update(shown)
    return str(bar.label.value)


RENDERERS: dict[str, Callable[[str], Any]] = {
    "table": lambda text: bundle.table((text, "b"), [(text, text), ("1", text)], ""),
    "empty table": lambda text: bundle.table((text,), [], text),
    "message": bundle.message,
    "code": lambda text: bundle.code(text, text),
    "requirements": bundle.requirements_html,
    "card": lambda text: _card(text).bundle(),
    "card of a record": lambda text: card_sources.card_from_record(_record(text)).bundle(),
    "fleet": lambda text: _fleet(text).bundle(),
    "headline of a fleet": lambda text: _fleet(text).headline(),
    "report": lambda text: preflight_report.bundle(_report(text)),
    "device code": lambda text: device_code_bundle(text, text, NOW),
    "panel": lambda text: text_widget(text).value,
    "heading": lambda text: heading(text).value,
    "progress": lambda text: _progress(ProgressBar, _card(text)),
    "progress of a fleet": lambda text: _progress(ProgressBar, _fleet(text)),
    "error": lambda text: KustoImageError(text, hint=_hint(text)).lines(),
    "service error": lambda text: str(ServiceError(text, status=400, fault=ServiceFault(text, text, (text,)))),
}
NOT_HTML = {"error", "service error", "headline of a fleet", "progress", "progress of a fleet"}


def _html(shown: Any) -> str:
    return str(shown["text/html"] if isinstance(shown, dict) else shown)


@pytest.mark.parametrize("payload", PAYLOADS, ids=HOSTILE)
@pytest.mark.parametrize("name", RENDERERS)
def test_renderer_shows_no_invisible_characters_and_no_element_of_the_text(name: str, payload: str) -> None:
    shown = RENDERERS[name](payload)
    for text in texts_in(shown):
        assert invisible_in(text) == set(), ascii(text)
    if name not in NOT_HTML:
        harmless, hostile = Elements(_html(RENDERERS[name]("harmless"))), Elements(_html(shown))
        assert hostile.tags == harmless.tags
        assert hostile.attributes == harmless.attributes
        assert hostile.tags <= HARMLESS_TAGS | {"h4"}
        assert "gone" in hostile.words


@pytest.mark.parametrize("name", ["table", "code", "requirements", "card", "fleet", "report", "device code", "panel"])
def test_html_isolates_text_from_outside(name: str) -> None:
    html = _html(RENDERERS[name](BIDI))
    outside = re.sub("<bdi>.*?</bdi>", "", html, flags=re.DOTALL)
    assert BIDI in html
    assert BIDI not in (outside.partition("</p>")[2] if name == "code" else outside)


@pytest.mark.parametrize("payload", PAYLOADS, ids=HOSTILE)
def test_names_of_the_service_are_read_as_one_visible_line(payload: str) -> None:
    text = f"{payload}\nsecond\r\nline"
    properties = {"language": text, "languageVersion": text, "baseImageName": text, "provisioningState": text}
    image = Image.from_json({"id": text, "name": f"c/{text}", "properties": properties})
    extension = {"languageExtensionName": text, "languageExtensionImageName": text}
    place = {"state": text, "provisioningState": text, "languageExtensions": {"value": [extension]}}
    cluster = Cluster.from_json({"id": text, "location": text, "sku": {"name": text}, "properties": place})
    names = [image.name, image.language, image.language_version, image.base_image, image.state, image.base_label]
    names += [cluster.id, cluster.name, cluster.location, cluster.state, cluster.provisioning, cluster.sku]
    names += [part for one in cluster.extensions for part in (one.language, one.name)]
    for name in names:
        assert "second line" in name.lower()
        assert invisible_in(name) == set()


def test_requirements_of_the_service_are_kept_byte_for_byte() -> None:
    text = f"numpy\r\n# {CONTROLS}"
    assert Image.from_json({"id": "x", "properties": {"requirementsFileContent": text}}).requirements == text
