"""Escaping of hostile text outside the cards: errors, completion, panel, subcommands."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ipywidgets import HTML
from support.arm_responses import error_response
from support.home import Home
from support.hostile import CONTROLS, HARMLESS_TAGS, HOSTILE, Elements, invisible_in
from support.panel_environment import (
    PanelEnvironment,
    RecordingShell,
    error_text,
    fill,
    json_response,
    loaded_form,
    panel_environments,
    row_button,
    row_texts,
    shown_text,
    wait_until,
)

from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.service_errors import error_from_response
from kusto_magic.builds.manager import BuildManager
from kusto_magic.commands.images import list_images, show
from kusto_magic.commands.name_cache import NameCache
from kusto_magic.display.bundle import message
from kusto_magic.magics.completer import complete_line
from kusto_magic.magics.notebook_session import NotebookSession
from kusto_magic.panel.panel_form import PanelForm
from kusto_magic.panel.widgets import descendants

each = pytest.mark.parametrize("payload", HOSTILE)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[PanelEnvironment]:
    with panel_environments(tmp_path) as make:
        yield make()


def _refusal(payload: str) -> ArmResponse:
    details = [{"code": payload, "message": payload}]
    error_body = {"code": payload, "message": payload, "details": details, "innererror": {"code": payload}}
    return ArmResponse(
        400,
        {"x-ms-request-id": payload},
        json.dumps({"error": error_body}).encode(),
        "https://management.azure.com/x",
        error_response(400).received_at,
    )


def _hostile_image(payload: str) -> dict[str, Any]:
    shown = {"language": payload, "languageVersion": payload, "requirementsFileContent": payload}
    properties = {**shown, "baseImageName": payload, "provisioningState": payload}
    return {"id": payload, "name": f"cluster/{payload}", "type": payload, "properties": properties}


def _hostile_response(request: httpx.Request, payload: str, *names: str) -> httpx.Response:
    """Return the images `names` made of a text, one of them, or a cluster whose active image is the text."""
    images = [{**_hostile_image(payload), "name": f"cluster/{name}"} for name in names]
    if request.url.path.endswith("Images"):
        return json_response({"value": images})
    if "/sandboxCustomImages/" in request.url.path:
        return json_response(images[0])
    names_of_python = {"languageExtensionImageName": payload, "languageExtensionCustomImageName": payload}
    extensions = {"value": [{"languageExtensionName": "PYTHON", **names_of_python}]}
    return json_response({"id": payload, "location": payload, "properties": {"languageExtensions": extensions}})


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


@each
def test_error_message_is_escaped(payload: str) -> None:
    lines = "\n".join(error_from_response(_refusal(payload), "build was refused").lines())
    shown = message(lines)
    assert payload in lines
    assert (Elements(shown["text/html"]).tags, Elements(shown["text/html"]).attributes) == ({"p"}, set())
    assert payload in Elements(shown["text/html"]).words


def test_error_message_contains_no_control_characters() -> None:
    lines = "\n".join(error_from_response(_refusal(CONTROLS), "build was refused")._render_traceback_())
    assert "gone" in lines
    assert invisible_in(lines) == set()


# ── completion ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("payload", [*HOSTILE, CONTROLS, "x\nimport os", "x; rm -rf ~", "$(x)", "`x`", "a b", "'", ""])
@pytest.mark.parametrize("line", ["%kusto_image show ", "%%kusto_image new --base ", "%kusto_image list --cluster "])
def test_completion_never_offers_a_hostile_name(payload: str, line: str) -> None:
    known = NameCache()
    known.images = known.clusters = (payload, "forecast.v1-2_a")
    offered = complete_line(line, known)
    assert offered is not None
    assert payload not in offered[1]
    assert "forecast.v1-2_a" in offered[1]


# ── the panel ────────────────────────────────────────────────────────────────────────────────────────────────────


def _markup(form: PanelForm) -> tuple[set[str], set[str]]:
    """Return all elements and attributes of the HTML widgets of the panel."""
    tags: set[str] = set()
    attributes: set[str] = set()
    for part in descendants(form.widget):
        if isinstance(part, HTML):
            seen = Elements(part.value)
            tags |= seen.tags
            attributes |= seen.attributes
        assert not getattr(part, "description_allow_html", False)
    return tags, attributes


def _shown(environment: PanelEnvironment, payload: str) -> tuple[set[str], set[str]]:
    """Show an image and an error made of a text in the panel; return the resulting elements and attributes."""

    def fault(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PUT":
            return json_response(json.loads(_refusal(payload).body), 400)
        return _hostile_response(request, payload, "other", payload)

    environment.service.fault = fault
    form = loaded_form(environment)
    wait_until(lambda: len(row_texts(form.images.table)) == 2)
    fill(form)
    form.create.click()
    wait_until(lambda: error_text(form))
    refused = _markup(form)
    row_button(form.images.table, "other", "Show details").click()
    wait_until(lambda: shown_text(form.images.details.content))
    wait_until(lambda: row_texts(form.history.table))
    shown = _markup(form)
    return refused[0] | shown[0], refused[1] | shown[1]


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    with panel_environments(tmp_path_factory.mktemp("harmless")) as make:
        return _shown(make(), "harmless")


@pytest.mark.slow
@each
def test_panel_escapes_external_text(
    environment: PanelEnvironment, payload: str, harmless: tuple[set[str], set[str]]
) -> None:
    assert _shown(environment, payload) == harmless


# ── subcommands ──────────────────────────────────────────────────────────────────────────────────────────────────


@each
@pytest.mark.parametrize("command", [list_images, show])
def test_list_and_show_escape_external_text(
    home: Home, environment: PanelEnvironment, payload: str, command: Any
) -> None:
    def fault(request: httpx.Request) -> httpx.Response | None:
        return _hostile_response(request, payload, payload)

    environment.service.fault = fault
    here = _session(environment.builds, environment.shell, environment)
    command(here, Namespace(name="img"))
    shown = Elements(environment.shell.last["text/html"])
    assert shown.tags <= HARMLESS_TAGS
    assert shown.attributes == set()
    assert payload in shown.words


def _session(builds: BuildManager, shell: RecordingShell, environment: PanelEnvironment) -> NotebookSession:
    target = environment.target
    place = {"subscription": target.subscription, "resource_group": target.resource_group, "cluster": target.cluster}
    more = {"cloud": "", "tenant": "", "endpoint": target.endpoint, "wait": "", "credential": ""}
    limits = {"az_timeout": 0.0, "timeout_hours": 0.0}
    return NotebookSession(shell, Namespace(**place, **more, **limits), builds)
