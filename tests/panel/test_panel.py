"""Tests of the panel against the emulator's app: validation, preflight, builds and error display."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.emulator_transport import EmulatorTransport
from support.panel_environment import (
    SPEC,
    EnvironmentFactory,
    Fault,
    error_text,
    fill,
    is_shown,
    json_response,
    loaded_form,
    panel_environments,
    row_button,
    row_texts,
    shown_text,
    wait_until,
)
from support.requests import build_request

from kusto_magic.display.card import MIME
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.image import Image
from kusto_magic.panel.check_result import NOT_CHECKED
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.panel import VIEW
from kusto_magic.panel.panel_form import PanelForm
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.requirements.correction import LineChange, correct_lines

pytestmark = pytest.mark.slow  # a widget tree for each test


@pytest.fixture
def make(tmp_path: Path) -> Iterator[EnvironmentFactory]:
    """Return a factory for panel environments: `make(emulator, preflight)`."""
    with panel_environments(tmp_path) as make_one:
        yield make_one


# ── validation ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "typed", "expected"),
    [
        ("name", "my image", "✖ 'my image' is not a valid image name"),
        ("name", "Python3_10_8", "✖ 'Python3_10_8' is the name of an image shipped by Azure"),
        ("name", "forecast", "Available"),
        ("base", "Python3_10_8", "Python 3.10.8, "),
        ("base", "Python3_6_5", "(deprecated)"),
        ("base", "3.10.8", "Python 3.10.8 without additional packages"),
        ("base", "Python 3.10.8", "Python 3.10.8 without additional packages"),
        ("base", "3.10", "✖ '3.10' is not a full Python version"),
        ("base", "Python3_10_9", "did you mean Python3_10_8?"),
        ("base", "../x", "✖ '../x' is not a valid image name"),
        (
            "requirements",
            "numpy\nrequests=1\n",
            "✖ line 2: 'requests=1': '=' is not a version operator; write requests==1",
        ),
        ("requirements", "numpy\nnumpy==1.0", "✖ line 2: numpy is already on line 1"),
        ("requirements", "numpy\npandas", "2 packages"),
        ("requirements", "=\n" * 20, "… 12 more"),
    ],
)
def test_input_shows_validation_message_below_field(
    make: EnvironmentFactory, field: str, typed: str, expected: str
) -> None:
    fields = loaded_form(make()).fields
    getattr(fields, field).value = typed
    wait_until(lambda: expected in shown_text(getattr(fields, f"{field}_status")))


def test_existing_name_and_custom_base_show_image_state(make: EnvironmentFactory) -> None:
    environment = make()
    environment.builds.start(build_request(environment.target, "Mine", SPEC)).result(30)
    fields = loaded_form(environment).fields
    fields.name.value = fields.base.value = "mine"
    wait_until(lambda: "Replaces the image Mine (Succeeded)" in shown_text(fields.name_status))
    assert "Succeeded" in shown_text(fields.base_status)
    assert "Python3_11_7" in shown_text(fields.base_status)
    fields.set_images([Image("Mine", state="Creating")])
    assert "Mine is being changed (Building)" in shown_text(fields.name_status)
    assert {"Python3_11_7", "Mine", "Python 3.10.8"} <= set(fields.base.options)


def test_package_search_lists_base_images_and_selection_sets_base(make: EnvironmentFactory) -> None:
    fields = loaded_form(make()).fields
    search = fields.search
    search.toggle.click()
    assert is_shown(search.widget)
    search.find.value = "Torch"
    wait_until(lambda: is_shown(search.found))  # shown last: the list is complete then
    search.found.label = "Python3_11_7_DL: torch 2.2.2"
    assert fields.base.value == "Python3_11_7_DL"
    search.find.value = "no-such-package"
    wait_until(lambda: search.found.options[0][0] == "no base image has it" and search.found.index is None)
    search.found.index = 0
    assert fields.base.value == "Python3_11_7_DL"


def test_create_with_invalid_input_lists_every_problem_and_sends_no_put(make: EnvironmentFactory) -> None:
    environment = make()
    form = loaded_form(environment)
    fill(form, "my image", "", "a=1")
    form.create.click()
    assert "Name: 'my image'" in error_text(form)
    assert "base: " in error_text(form)
    assert "line 1: 'a=1'" in error_text(form)
    assert "Next:" in error_text(form)
    assert form.fields.requirements.value == "a=1"
    assert not [line for line in environment.service.requests if line.startswith("PUT")]


# ── building images ──────────────────────────────────────────────────────────────────────────────────────────────


def test_create_shows_progress_until_the_end_and_keeps_the_card(make: EnvironmentFactory) -> None:
    environment = make()
    panel = environment.panel()
    panel.display()
    form = panel.form
    fill(form, text="humanize")
    environment.clock.released.clear()
    form.create.click()
    wait_until(lambda: form.active_builds.rows.children)
    wait_until(lambda: "img" in form.active_builds.rows.children[0].children[0].value)
    wait_until(lambda: not form.create.disabled)  # the request was accepted; the build continues
    assert form.active_builds.rows.children
    environment.clock.released.set()
    wait_until(lambda: "Succeededimg" in shown_text(form.active_builds.last))
    wait_until(lambda: row_texts(form.images.table) == [["img", "Succeeded", "Python3_11_7", "1"]])
    wait_until(lambda: row_texts(form.history.table)[0][1:4] == ["build", "img", "Succeeded"])
    assert error_text(form) == ""
    assert environment.builds.running(environment.target, "img") is None
    form_output, record, *later = environment.shell.shown
    assert {VIEW, "text/html", "text/plain"} == form_output[0].keys()
    assert record[0] == {"text/html": "", "text/plain": ""}
    assert all(update for _, update in later)
    assert environment.shell.last[MIME]["state"] == "Succeeded"
    assert VIEW not in environment.shell.last


def test_record_shows_only_the_build_started_last(make: EnvironmentFactory) -> None:
    environment = make()
    panel = environment.panel()
    panel.display()
    environment.clock.released.clear()
    fill(panel.form, name="first")
    panel.form.create.click()
    fill(panel.form, name="second")
    panel.form.create.click()
    wait_until(lambda: MIME in environment.shell.last and environment.shell.last[MIME]["image"] == "second")
    before = len(environment.shell.shown)
    environment.clock.released.set()
    wait_until(lambda: environment.builds.registry.by_cluster(environment.target) == [])
    assert {bundle[MIME]["image"] for bundle, _ in environment.shell.shown[before:]} == {"second"}
    assert environment.shell.last[MIME]["ended"]


def test_create_button_is_disabled_until_the_request_is_accepted(make: EnvironmentFactory) -> None:
    seen: list[bool] = []
    environment = make()
    form = loaded_form(environment)

    def record_disabled(request: httpx.Request) -> None:
        if request.method == "PUT":
            seen.append(form.create.disabled)

    environment.service.fault = record_disabled
    fill(form)
    form.create.click()
    wait_until(lambda: "Succeeded" in shown_text(form.active_builds.last))
    assert seen == [True]
    assert not form.create.disabled


def test_magic_with_the_same_spec_joins_the_build_of_the_panel(make: EnvironmentFactory) -> None:
    environment = make()
    form = loaded_form(environment)
    environment.clock.released.clear()
    fill(form, text="humanize")
    form.create.click()
    build = environment.builds.running(environment.target, "img")
    assert build is not None
    assert (
        environment.builds.start(build_request(environment.target, "img", SPEC)) is build
    )  # the requirements are byte for byte those of a cell


def test_build_started_elsewhere_is_shown_in_every_panel(make: EnvironmentFactory) -> None:
    environment = make()
    one, other = loaded_form(environment), loaded_form(environment)
    environment.clock.released.clear()
    build = environment.builds.start(build_request(environment.target, "img", SPEC))
    for form in (one, other):
        wait_until(lambda form=form: form.active_builds.rows.children)  # type: ignore[misc]
    environment.clock.released.set()
    build.result(30)
    for form in (one, other):
        wait_until(lambda form=form: "Succeededimg" in shown_text(form.active_builds.last))  # type: ignore[misc]
        wait_until(lambda form=form: len(row_texts(form.images.table)) == 1)  # type: ignore[misc]


def test_build_of_another_process_reaches_the_images_and_the_history(make: EnvironmentFactory) -> None:
    environment = make()
    form = loaded_form(environment)
    wait_until(lambda: form.images.images == [])
    other = environment.process()
    try:
        other.start(build_request(environment.target, "img", SPEC)).result(30)
        wait_until(lambda: row_texts(form.images.table) == [["img", "Succeeded", "Python3_11_7", "1"]])
        wait_until(lambda: row_texts(form.history.table)[0][1:4] == ["build", "img", "Succeeded"])
    finally:
        other.close()


def test_failure_of_the_build_of_a_cell_is_no_error_of_the_panel(make: EnvironmentFactory) -> None:
    environment = make()
    form = loaded_form(environment)
    environment.service.fault = _error_on_put(400, "BadRequest")
    environment.clock.released.clear()
    build = environment.builds.start(build_request(environment.target, "img", SPEC))
    wait_until(lambda: form.active_builds.rows.children)
    environment.clock.released.set()
    assert build.exception(30) is not None
    wait_until(lambda: "img" in shown_text(form.active_builds.last))
    assert error_text(form) == ""


def test_check_shows_the_report_and_typing_clears_it(make: EnvironmentFactory) -> None:
    environment = make()
    form = loaded_form(environment)
    fill(form, name="")
    form.check.click()
    wait_until(lambda: "These packages install together" in form.plan.value)
    assert "humanize" in form.plan.value
    assert not form.check.disabled
    form.fields.requirements.value = "numpy"
    assert shown_text(form.plan) == NOT_CHECKED
    assert not [line for line in environment.service.requests if line.startswith("PUT")]


def test_correction_is_put_into_the_form_and_sends_nothing(make: EnvironmentFactory) -> None:
    correction = correct_lines("six==99\nhumanize\n", [LineChange(1, "six==99", "six==1.16.0", "no such version")])

    async def conflict(text: str, **_more: Any) -> PreflightReport:
        verdict = Verdict.CONFLICT if "99" in text else Verdict.COMPATIBLE
        return PreflightReport(verdict, "3.11.7", reason="no", correction=correction if "99" in text else None)

    environment = make(None, conflict)
    form = loaded_form(environment)
    fill(form, text="six==99\nhumanize")
    form.check.click()
    wait_until(lambda: is_shown(form.apply))
    assert "six==1.16.0" in shown_text(form.plan)
    form.apply.click()
    assert form.fields.text() == "six==1.16.0\nhumanize\n"
    assert not is_shown(form.apply)
    assert not [line for line in environment.service.requests if line.startswith("PUT")]


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _error_on_put(status: int, code: str) -> Fault:
    def fault(request: httpx.Request) -> httpx.Response | None:
        body = {"error": {"code": code, "message": "<b>no</b>"}}
        return json_response(body, status) if request.method == "PUT" else None

    return fault


def _unreachable(request: httpx.Request) -> httpx.Response | None:
    raise httpx.ConnectError("no route to host", request=request)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (_error_on_put(403, "AuthorizationFailed"), ["HTTP 403", "AuthorizationFailed", "<b>no</b>"]),
        (_error_on_put(409, "ServiceIsInMaintenance"), ["HTTP 409", "ServiceIsInMaintenance"]),
        (_error_on_put(400, "BadRequest"), ["HTTP 400", "BadRequest"]),
        (_unreachable, ["cannot be reached"]),
    ],
    ids=["403", "409", "400", "network"],
)
def test_refused_request_shows_the_sentence_of_the_panel_and_keeps_the_input(
    make: EnvironmentFactory, fault: Fault, expected: list[str]
) -> None:
    environment = make()
    form = loaded_form(environment)
    environment.service.fault = fault
    fill(form)
    form.create.click()
    wait_until(lambda: error_text(form))
    assert all(part in error_text(form) for part in expected), error_text(form)
    assert "Next:" in error_text(form)
    assert "run the cell" not in error_text(form)
    assert "<b>" not in form.context.errors.value
    wait_until(lambda: not form.create.disabled)
    assert form.fields.read() == ("img", SPEC)
    environment.service.fault = None
    form.create.click()  # retry with the same input
    wait_until(lambda: "Succeeded" in shown_text(form.active_builds.last))
    assert error_text(form) == ""


class _FailingCredential:
    def get_token(self, *_scopes: str, **_more: Any) -> Any:
        raise RuntimeError("no account is signed in")


def test_failed_sign_in_is_shown_when_the_panel_opens(make: EnvironmentFactory) -> None:
    environment = make()
    environment.credential = _FailingCredential()
    form = environment.panel().form
    wait_until(lambda: "no account is signed in" in error_text(form))
    assert "Next:" in error_text(form)
    assert "not be read" in shown_text(form.images.state)
    assert not form.images.refresh.disabled


def test_failed_build_shows_the_reason(make: EnvironmentFactory) -> None:
    async def conflicting(_requirements: str, _python: str) -> str | None:
        return "a clashes with b"

    form = loaded_form(make(EmulatorTransport(resolver=conflicting)))
    fill(form)
    form.create.click()
    wait_until(lambda: "a clashes with b" in error_text(form))
    assert PANEL.text(Hint(HintKind.FIX_REQUIREMENTS)) in error_text(form)
    assert "Failedimg" in shown_text(form.active_builds.last)


def test_requirements_conflict_shows_suggestions_and_sends_no_put(make: EnvironmentFactory) -> None:
    async def conflicting(_text: str, **_more: Any) -> PreflightReport:
        return PreflightReport(Verdict.CONFLICT, "3.11.7", reason="a clashes with b", suggestions=("use 2.0",))

    environment = make(preflight=conflicting)
    form = loaded_form(environment)
    fill(form)
    form.create.click()
    wait_until(lambda: "The image was not submitted" in error_text(form))
    assert "cannot be installed" in shown_text(form.fields.requirements_status)
    assert "a clashes with b" in form.plan.value
    assert "use 2.0" in form.plan.value
    assert form.fields.read() == ("img", SPEC)
    form.fields.requirements.value = "numpy\npandas"
    wait_until(lambda: shown_text(form.fields.requirements_status) == "2 packages")
    assert not [line for line in environment.service.requests if line.startswith("PUT")]


def test_unexpected_exception_is_shown_and_logged(make: EnvironmentFactory, caplog: pytest.LogCaptureFixture) -> None:
    form = loaded_form(make())

    def failing_callback() -> None:
        raise LookupError("<img src=x>")

    form.context.on_click(form.check, failing_callback)
    fill(form)
    form.check.click()
    assert "LookupError" in error_text(form)
    assert "<img src=x>" in error_text(form)
    assert "<img" not in form.context.errors.value
    assert "a panel callback failed" in caplog.text


# ── images made with other tools, and images of their base alone ─────────────────────────────────────────────────


def _with_images_of_other_tools(make: EnvironmentFactory) -> PanelForm:
    emulator = EmulatorTransport()
    environment = make(emulator)
    other = EmulatorTransport(emulator.config, emulator.clock, emulator.resolver, environment.service.app)
    asyncio.run(_build_with_another_tool(other))
    return loaded_form(environment)


async def _build_with_another_tool(emulator: EmulatorTransport) -> None:
    await emulator.build("my image", baseImageName="Python3_11_7", requirementsFileContent="humanize --hash=sha256:0a")
    await emulator.build("{x}", languageVersion="3.11.7")


def test_image_of_another_tool_is_listed_shown_edited_replaced_and_deleted(make: EnvironmentFactory) -> None:
    form = _with_images_of_other_tools(make)
    assert [row[0] for row in row_texts(form.images.table)] == ["my image", "{x}"]
    row_button(form.images.table, "{x}", "Show details").click()
    wait_until(lambda: "none: the packages of the base image alone" in shown_text(form.images.details.content))
    row_button(form.images.table, "my image", "Edit").click()
    assert form.fields.name.value == "my image"
    assert "Replaces the image my image" in shown_text(form.fields.name_status)
    assert "line 1: --hash: " in shown_text(form.fields.requirements_status)
    form.fields.requirements.value = "humanize"
    assert form.fields.read()[0] == "my image"
    form.create.click()
    wait_until(lambda: not form.context.builds.registry.all())
    image = form.context.builds.ask(form.context.require_target(), lambda client: client.get("my image"))
    assert image.requirements == "humanize\n"
    row_button(form.images.table, "my image", "Delete…").click()
    form.images.question.yes.click()
    wait_until(lambda: [row[0] for row in row_texts(form.images.table)] == ["{x}"])


@pytest.mark.parametrize(
    ("name", "base", "message"),
    [
        ("other image", "Python3_11_7", "Name: 'other image' is not a valid image name"),
        ("{x}", "Python3_11_7", "Name: '{x}' contains"),
        ("img", "{x}", "Base: '{x}' contains"),
    ],
)
def test_name_that_is_new_or_expanded_in_a_cell_is_refused(
    make: EnvironmentFactory, name: str, base: str, message: str
) -> None:
    form = _with_images_of_other_tools(make)
    fill(form, name, base)
    form.create.click()
    assert message in error_text(form)


def test_image_of_its_base_alone_is_created_after_confirmation(make: EnvironmentFactory) -> None:
    form = loaded_form(make())
    fill(form, "engine", "3.11.7", "")
    form.create.click()
    assert is_shown(form.question.widget)
    question = shown_text(form.question.text)
    assert all(part in question for part in ("without packages", "Python 3.11.7", "engine"))
    assert form.context.builds.registry.all() == []
    form.question.yes.click()
    wait_until(lambda: [row[0] for row in row_texts(form.images.table)] == ["engine"])
    wait_until(lambda: "--python 3.11.7 --no-packages" in shown_text(form.cell))
