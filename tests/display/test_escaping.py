"""Twelve hostile texts through the renderers that are not the card: errors, panel, completion, subcommands."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ipywidgets import HTML, Widget
from support.answers import failed
from support.home import Home
from support.hostile import HOSTILE, Elements
from support.panel import PanelEnvironment, RecordingShell, answer, error, fill, loaded, panel_environments, says, until

from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.service_errors import error_from_response
from kusto_magic.builds.manager import BuildManager
from kusto_magic.commands.images import list_images, show
from kusto_magic.commands.name_cache import NameCache
from kusto_magic.commands.session import Session
from kusto_magic.display.bundle import message
from kusto_magic.magics.completer import complete_line
from kusto_magic.panel.panel_form import PanelForm

CONTROLS = "\x1b[2Jgone\x07\r\x9b31m\u202e\u2066x\u200b"
"""What a terminal would obey, and what would stand in another order than it is."""

each = pytest.mark.parametrize("payload", HOSTILE)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[PanelEnvironment]:
    with panel_environments(tmp_path) as make:
        yield make()


def _refusal(payload: str) -> ArmResponse:
    details = [{"code": payload, "message": payload}]
    told = {"code": payload, "message": payload, "details": details, "innererror": {"code": payload}}
    return ArmResponse(
        400,
        {"x-ms-request-id": payload},
        json.dumps({"error": told}).encode(),
        "https://management.azure.com/x",
        failed(400).received_at,
    )


def _hostile_image(payload: str) -> dict[str, Any]:
    shown = {"language": payload, "languageVersion": payload, "requirementsFileContent": payload}
    properties = {**shown, "baseImageName": payload, "provisioningState": payload}
    return {"id": payload, "name": f"cluster/{payload}", "type": payload, "properties": properties}


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


@each
def test_an_error_is_text_with_no_markup_of_its_own(payload: str) -> None:
    lines = "\n".join(error_from_response(_refusal(payload), "build was refused").lines())
    shown = message(lines)
    assert payload in lines
    assert (Elements(shown["text/html"]).tags, Elements(shown["text/html"]).attributes) == ({"p"}, set())
    assert payload in Elements(shown["text/html"]).words


def test_an_error_moves_no_cursor_and_turns_no_text_round() -> None:
    lines = "\n".join(error_from_response(_refusal(CONTROLS), "build was refused")._render_traceback_())
    assert "gone" in lines
    assert not any(char in lines for char in "\x1b\x07\r\x9b\u202e\u2066\u200b")


# ── completion ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("payload", [*HOSTILE, CONTROLS, "x\nimport os", "x; rm -rf ~", "$(x)", "`x`", "a b", "'", ""])
@pytest.mark.parametrize("line", ["%kusto_image show ", "%%kusto_image new --base ", "%kusto_image list --cluster "])
def test_what_a_service_calls_an_image_is_never_put_into_a_cell(payload: str, line: str) -> None:
    known = NameCache()
    known.images = known.clusters = (payload, "forecast.v1-2_a")
    offered = complete_line(line, known)
    assert offered is not None
    assert payload not in offered[1]
    assert "forecast.v1-2_a" in offered[1]


# ── the panel ────────────────────────────────────────────────────────────────────────────────────────────────────


def _markup(form: PanelForm) -> tuple[set[str], set[str]]:
    """Return all elements and attributes that the panel's pieces of HTML make."""
    tags: set[str] = set()
    attributes: set[str] = set()
    for part in _parts(form):
        if isinstance(part, HTML):
            seen = Elements(part.value)
            tags |= seen.tags
            attributes |= seen.attributes
        assert not getattr(part, "description_allow_html", False)
    return tags, attributes


def _parts(widget: Widget) -> Iterator[Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _parts(child)


def _shown(desk: PanelEnvironment, payload: str) -> tuple[set[str], set[str]]:
    """Show an image and an error that are made of a text; return the elements and attributes that come of it."""

    def fault(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PUT":
            return answer(json.loads(_refusal(payload).body), 400)
        many = request.url.path.endswith("Images")
        image = {**_hostile_image(payload), "name": "cluster/other"}
        return answer({"value": [image, _hostile_image(payload)]} if many else image)

    desk.service.fault = fault
    form = loaded(desk)
    until(lambda: len(form.images.list.options) == 2)
    fill(form)
    form.create.click()
    until(lambda: error(form))
    refused = _markup(form)
    form.images.list.value = "other"
    form.images.show.click()
    until(lambda: says(form.images.details))
    shown = _markup(form)
    return refused[0] | shown[0], refused[1] | shown[1]


@each
def test_the_panel_shows_texts_and_no_markup(desk: PanelEnvironment, payload: str) -> None:
    harmless = _shown(desk, "harmless")
    assert _shown(desk, payload) == harmless


# ── subcommands ──────────────────────────────────────────────────────────────────────────────────────────────────


@each
@pytest.mark.parametrize("command", [list_images, show])
def test_a_list_and_an_image_are_tables_of_texts(
    home: Home, desk: PanelEnvironment, payload: str, command: Any
) -> None:
    def fault(request: httpx.Request) -> httpx.Response | None:
        many = request.url.path.endswith("Images")
        return answer({"value": [_hostile_image(payload)]} if many else _hostile_image(payload))

    desk.service.fault = fault
    here = _session(desk.builds, desk.shell, desk)
    command(here, Namespace(name="img"))
    shown = Elements(desk.shell.last["text/html"])
    assert shown.tags <= {"table", "thead", "tbody", "tr", "th", "td", "p"}
    assert shown.attributes == set()
    assert payload in shown.words


def _session(builds: BuildManager, shell: RecordingShell, desk: PanelEnvironment) -> Session:
    target = desk.target
    place = {"subscription": target.subscription, "resource_group": target.resource_group, "cluster": target.cluster}
    more = {"cloud": "", "endpoint": target.endpoint, "wait": "", "credential": "", "timeout_hours": 0.0}
    return Session(shell, Namespace(**place, **more), builds)
