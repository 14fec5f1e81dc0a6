"""Hostile text of the service in the output of every subcommand: nothing controls the terminal or the page."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.home import Home
from support.hostile import CONTROLS, HARMLESS_TAGS, HOSTILE, Elements, invisible_in, texts_in
from support.panel_environment import PanelEnvironment, RecordingShell, json_response, panel_environments
from support.requests import build_request, delete_request

from kusto_magic.builds.build import Build
from kusto_magic.commands.arguments import SUBCOMMANDS, line_parser, parse
from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.display.card_sources import card
from kusto_magic.display.verification_table import verification_table
from kusto_magic.errors import KustoImageError, VerificationError
from kusto_magic.magics.notebook_session import NotebookSession
from kusto_magic.models.action import Action
from kusto_magic.models.cluster_contents import BaseList
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.inventory import Inventory
from kusto_magic.models.target import Target
from kusto_magic.models.verification import Expectation, ExpectationSource, ExpectedPackage, verify
from kusto_magic.queries.verify import require_success

LINES = {
    "list": "list",
    "show": "show img",
    "check": "check img",
    "diff": "diff img",
    "diff of two": "diff img img",
    "edit": "edit img",
    "export": "export img --as bicep",
    "status": "status",
    "attach": "attach img",
    "wait": "wait img",
    "delete": "delete img",
    "active": "active",
    "enable": "enable img",
    "disable": "disable",
    "verify": "verify",
    "verify of an image": "verify img",
    "bases": "bases --live",
    "clusters": "clusters",
    "doctor": "doctor",
    "use": "use",
    "panel": "panel",
}
WITHOUT_SERVICE = {"freeze"}
"""Subcommands that show no text of the service."""

PAYLOADS = [f"{markup}{CONTROLS}\nnext line" for markup in (HOSTILE[0], HOSTILE[2])]


def _hostile(payload: str, requirements: str) -> Any:
    """Return a function that answers every request with the payload wherever the service has text."""
    extension = {"languageExtensionName": "PYTHON", "languageExtensionImageName": payload}
    shown = {"language": payload, "languageVersion": payload, "baseImageName": payload, "provisioningState": payload}
    image = {
        "id": payload,
        "name": f"cluster/{payload}",
        "properties": shown | {"requirementsFileContent": requirements},
    }
    named = {**image, "name": "cluster/img"}
    place = {"state": payload, "provisioningState": payload, "languageExtensions": {"value": [extension]}}
    cluster = {
        "id": f"/x/{payload}",
        "name": payload,
        "location": payload,
        "sku": {"name": payload},
        "properties": place,
    }
    error = {"code": payload, "message": payload, "details": [{"code": payload, "message": payload}]}

    def answer(request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2].lower()
        documents = {
            "sandboxcustomimages": {"value": [image, named]},
            "listlanguageextensions": {"value": [extension, {**extension, "languageExtensionName": payload}]},
            "clusters": {"value": [cluster]},
            "img": named,
            "emulatedcluster": cluster,
        }
        reads = request.method == "GET" or last == "listlanguageextensions"
        return json_response(documents[last]) if reads and last in documents else json_response({"error": error}, 400)

    return answer


@pytest.fixture
def environment(home: Home, tmp_path: Path) -> Iterator[PanelEnvironment]:
    with panel_environments(tmp_path) as make:
        yield make()


def _session(environment: PanelEnvironment, shell: RecordingShell) -> NotebookSession:
    target = environment.target
    place = (target.subscription, target.resource_group, target.cluster, "", target.endpoint, "")
    traits = dict(zip(TARGET_SETTINGS, place, strict=True)) | {"wait": "", "credential": ""}
    limits = {"az_timeout": 0.0, "timeout_hours": 0.01}
    return NotebookSession(shell, Namespace(**traits, **limits), environment.builds)


def _run(environment: PanelEnvironment, line: str) -> list[str]:
    """Run a line; return everything that it shows: bundles, errors, cards of its builds, inserted cells."""
    shell = RecordingShell()
    options = parse(line_parser(), line)
    shown: list[str] = []
    try:
        result = SUBCOMMANDS[options.command].load(options.command)(_session(environment, shell), options)
        if isinstance(result, Build):
            with suppress(KustoImageError):
                result.result()
            shown += [*texts_in(card(result, datetime.now(UTC)).bundle()), repr(result)]
            assert result.error is None or isinstance(result.error, KustoImageError), repr(result.error)
    except KustoImageError as error:
        shown += [*error.lines(), str(error), *error._render_traceback_()]
    return shown + texts_in([data for data, _ in shell.shown]) + shell.inserted


def _check(shown: list[str]) -> None:
    assert shown
    for text in shown:
        assert invisible_in(text) == set(), ascii(text)
    for html in (text for text in shown if text.startswith(("<table", "<div", "<p", "<pre"))):
        seen = Elements(html)
        assert seen.tags <= HARMLESS_TAGS, html
        assert seen.attributes <= {"open"}, html


@pytest.mark.parametrize("payload", PAYLOADS, ids=["markup", "attribute"])
def test_verification_contains_no_control_characters_and_no_markup(payload: str) -> None:
    wanted = (ExpectedPackage("numpy", "==1.0"), ExpectedPackage("gone", payload))
    base = BaseList(payload, {"bottleneck": payload})
    plan = Expectation(payload, wanted, ExpectationSource.REQUIREMENTS, base=payload, listed=base)
    held = Inventory(payload, payload, {"numpy": payload}, {payload: payload})
    found = verify(payload, plan, held, payload)
    target = Target("e3a1c0de-0000-4000-8000-000000000001", "group", "cluster")
    _check(texts_in([verification_table(found, target).bundle()]))
    with pytest.raises(VerificationError) as caught:
        require_success(found)
    _check([str(caught.value), *caught.value.lines()])


def test_every_subcommand_is_tested() -> None:
    assert {line.split()[0] for line in LINES.values()} | WITHOUT_SERVICE == set(SUBCOMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("payload", PAYLOADS, ids=["markup", "attribute"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_output_of_a_subcommand_contains_no_control_characters_and_no_markup(
    environment: PanelEnvironment, line: str, payload: str
) -> None:
    environment.service.fault = _hostile(payload, f"humanize\n# {payload}")
    _check(_run(environment, line))


@pytest.mark.slow
@pytest.mark.parametrize("action", [Action.BUILD, Action.DELETE])
def test_status_and_attach_show_a_refused_build_without_control_characters(
    environment: PanelEnvironment, action: Action
) -> None:
    environment.service.fault = _hostile(PAYLOADS[0], "humanize")
    spec = ImageSpec("humanize\n", "Python3_11_7")
    builds, target = environment.builds, environment.target
    build = (
        builds.start(build_request(target, "img", spec))
        if action is Action.BUILD
        else builds.start(delete_request(target, "img"))
    )
    with pytest.raises(KustoImageError) as refused:
        build.result()
    assert "next line" in str(refused.value)
    status = _run(environment, "status")
    assert any("next line" in text for text in status)
    _check([*refused.value.lines(), *texts_in(card(build, datetime.now(UTC)).bundle()), *status])


@pytest.mark.slow
def test_table_has_one_line_for_each_image_although_a_name_contains_line_breaks(environment: PanelEnvironment) -> None:
    environment.service.fault = _hostile("a\nb\r\nc\u2028d", "humanize")
    shown = _run(environment, "list")
    text = next(text for text in shown if text.startswith("Images of ") and "\n" in text)
    assert len(text.splitlines()) == 4
