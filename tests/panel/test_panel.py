"""The panel against the emulator's app: what is typed, checked, begun, shown, and how every failure is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.emulated import EmulatorTransport
from support.panel import SPEC, Fault, Make, answer, error, fill, is_shown, loaded, panel_environments, says, until

from kusto_magic.display.card import MIME
from kusto_magic.errors import RequirementsConflict
from kusto_magic.models.image import Image
from kusto_magic.panel.panel import VIEW
from kusto_magic.preflight.report import PreflightReport, Verdict

pytestmark = pytest.mark.slow  # a widget tree for each test


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a desk: `make(wire, forecaster)`."""
    with panel_environments(tmp_path) as make_one:
        yield make_one


# ── typing ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("name", "my image", "✖ 'my image' is no image name"),
        ("name", "Python3_10_8", "✖ 'Python3_10_8' is the name of an image that Azure ships"),
        ("name", "forecast", "✔ this name is free"),
        ("base", "Python3_10_8", "✔ Python 3.10.8, shipped by Azure with"),
        ("base", "Python3_6_5", "(deprecated)"),
        ("base", "3.10.8", "✔ Python 3.10.8 without further packages"),
        ("base", "Python 3.10.8", "✔ Python 3.10.8 without further packages"),
        ("base", "3.10", "✖ '3.10' is no full Python version"),
        ("base", "Python3_10_9", "did you mean Python3_10_8?"),
        ("base", "../x", "✖ '../x' is no image name"),
        ("requirements", "numpy\nrequests=1\n", "✖ line 2: 'requests=1': '=' is no comparison; write requests==1"),
        ("requirements", "numpy\nnumpy==1.0", "✖ line 2: numpy is on line 1 already"),
        ("requirements", "numpy\npandas", "✔ 2 packages"),
        ("requirements", "=\n" * 20, "… 12 more"),
    ],
)
def test_what_is_typed_is_judged_beside_the_field(make: Make, field: str, typed: str, words: str) -> None:
    fields = loaded(make()).fields
    getattr(fields, field).value = typed
    until(lambda: words in says(getattr(fields, f"{field}_words")))


def test_a_name_that_is_taken_and_a_base_of_the_cluster_are_known(make: Make) -> None:
    desk = make()
    desk.builds.start(desk.target, "Mine", SPEC).wait(30)
    fields = loaded(desk).fields
    fields.name.value = fields.base.value = "mine"
    until(lambda: "Mine is there already: Succeeded. Create replaces it." in says(fields.name_status))
    assert "custom image of this cluster: Succeeded, built on Python3_11_7" in says(fields.base_status)
    fields.set_images([Image("Mine", state="Creating")])
    assert "Mine is there already: Creating. It is being changed now." in says(fields.name_status)
    assert {"Python3_11_7", "Mine", "Python 3.10.8"} <= set(fields.base.options)


def test_a_package_is_found_in_the_managed_images_and_one_is_taken(make: Make) -> None:
    fields = loaded(make()).fields
    fields.find.value = "Torch"
    until(lambda: fields.found.options)
    assert is_shown(fields.found)
    fields.found.label = "Python3_11_7_DL: torch 2.2.2"
    assert fields.base.value == "Python3_11_7_DL"
    fields.find.value = "no-such-package"
    until(lambda: fields.found.options[0][0] == "no managed image has it")
    fields.found.index = 0
    assert fields.base.value == "Python3_11_7_DL"


def test_nothing_is_created_while_something_is_wrong_and_every_problem_is_named(make: Make) -> None:
    desk = make()
    form = loaded(desk)
    fill(form, "my image", "", "a=1")
    form.create.click()
    assert "name: 'my image'" in error(form)
    assert "base: choose an image" in error(form)
    assert "line 1: 'a=1'" in error(form)
    assert "Next:" in error(form)
    assert form.fields.requirements.value == "a=1"
    assert not [line for line in desk.service.asked if line.startswith("PUT")]


# ── making an image ──────────────────────────────────────────────────────────────────────────────────────────────


def test_create_follows_the_build_to_its_end_and_leaves_the_card(make: Make) -> None:
    desk = make()
    panel = desk.panel()
    panel.display()
    form = panel.form
    fill(form, text="humanize")
    desk.clock.released.clear()
    form.create.click()
    until(lambda: form.active_builds.rows.children)
    until(lambda: "img" in form.active_builds.rows.children[0].words.value)
    until(lambda: not form.create.disabled)  # the service has taken it on, the build goes on
    assert form.active_builds.rows.children
    desk.clock.released.set()
    until(lambda: "✔ Succeeded: image img" in says(form.active_builds.last))
    until(lambda: form.images.list.options == (("img · Succeeded · Python3_11_7", "img"),))
    until(lambda: "build img · Succeeded" in form.history.list.options[0][0])
    assert error(form) == ""
    assert desk.builds.running(desk.target, "img") is None
    form_output, record, *later = desk.shell.shown
    assert {VIEW, "text/html", "text/plain"} == form_output[0].keys()
    assert "stands here" in record[0]["text/plain"]
    assert all(update for _, update in later)
    assert desk.shell.last[MIME]["state"] == "Succeeded"
    assert VIEW not in desk.shell.last


def test_the_record_is_of_what_was_begun_last(make: Make) -> None:
    desk = make()
    panel = desk.panel()
    panel.display()
    desk.clock.released.clear()
    fill(panel.form, name="first")
    panel.form.create.click()
    fill(panel.form, name="second")
    panel.form.create.click()
    until(lambda: MIME in desk.shell.last and desk.shell.last[MIME]["image"] == "second")
    before = len(desk.shell.shown)
    desk.clock.released.set()
    until(lambda: desk.builds.registry.by_cluster(desk.target) == [])
    assert {bundle[MIME]["image"] for bundle, _ in desk.shell.shown[before:]} == {"second"}
    assert desk.shell.last[MIME]["ended"]


def test_the_buttons_are_off_until_the_service_has_taken_it_on(make: Make) -> None:
    seen: list[bool] = []
    desk = make()
    form = loaded(desk)

    def look(request: httpx.Request) -> None:
        if request.method == "PUT":
            seen.append(form.create.disabled)

    desk.service.fault = look
    fill(form)
    form.create.click()
    until(lambda: "Succeeded" in says(form.active_builds.last))
    assert seen == [True]
    assert not form.create.disabled


def test_the_requirements_are_those_of_a_magics_cell(make: Make) -> None:
    desk = make()
    form = loaded(desk)
    desk.clock.released.clear()
    fill(form, text="humanize")
    form.create.click()
    build = desk.builds.running(desk.target, "img")
    assert build is not None
    assert desk.builds.start(desk.target, "img", SPEC) is build  # the magic joins what the panel began


def test_a_build_from_elsewhere_is_shown_and_two_panels_agree(make: Make) -> None:
    desk = make()
    one, other = loaded(desk), loaded(desk)
    desk.clock.released.clear()
    build = desk.builds.start(desk.target, "img", SPEC)
    for form in (one, other):
        until(lambda form=form: form.active_builds.rows.children)  # type: ignore[misc]
    desk.clock.released.set()
    build.wait(30)
    for form in (one, other):
        until(lambda form=form: "✔ Succeeded: image img" in says(form.active_builds.last))  # type: ignore[misc]
        until(lambda form=form: len(form.images.list.options) == 1)  # type: ignore[misc]


def test_check_shows_the_plan_and_typing_takes_it_away(make: Make) -> None:
    desk = make()
    form = loaded(desk)
    fill(form, name="")
    form.check.click()
    until(lambda: "✔ fits" in form.plan.value)
    assert "humanize" in form.plan.value
    assert not form.check.disabled
    form.fields.requirements.value = "numpy"
    assert form.plan.value == ""
    assert not [line for line in desk.service.asked if line.startswith("PUT")]


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _refuses(status: int, code: str) -> Fault:
    def fault(request: httpx.Request) -> httpx.Response | None:
        body = {"error": {"code": code, "message": "<b>no</b>"}}
        return answer(body, status) if request.method == "PUT" else None

    return fault


def _gone(request: httpx.Request) -> httpx.Response | None:
    raise httpx.ConnectError("no route to host", request=request)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (_refuses(403, "AuthorizationFailed"), ["HTTP 403", "AuthorizationFailed", "<b>no</b>"]),
        (_refuses(409, "ServiceIsInMaintenance"), ["HTTP 409", "ServiceIsInMaintenance"]),
        (_refuses(400, "BadRequest"), ["HTTP 400", "BadRequest"]),
        (_gone, ["Unreachable", "cannot be reached"]),
    ],
    ids=["403", "409", "400", "network"],
)
def test_a_refusal_is_shown_with_its_next_step_and_the_form_keeps_what_was_typed(
    make: Make, fault: Fault, words: list[str]
) -> None:
    desk = make()
    form = loaded(desk)
    desk.service.fault = fault
    fill(form)
    form.create.click()
    until(lambda: error(form))
    assert all(word in error(form) for word in words), error(form)
    assert "Next:" in error(form)
    assert "<b>" not in form.work.errors.value
    until(lambda: not form.create.disabled)
    assert form.fields.read() == ("img", SPEC)
    desk.service.fault = None
    form.create.click()  # and again, with what was typed
    until(lambda: "✔ Succeeded" in says(form.active_builds.last))
    assert error(form) == ""


class _NoToken:
    def get_token(self, *_scopes: str, **_more: Any) -> Any:
        raise RuntimeError("no account is signed in")


def test_a_sign_in_that_fails_is_shown_when_the_panel_opens(make: Make) -> None:
    desk = make()
    desk.credential = _NoToken()
    form = desk.panel().form
    until(lambda: "SignInFailed" in error(form))
    assert "Next:" in error(form)
    assert says(form.images.state) == "The images could not be read."
    assert not form.images.refresh.disabled


def test_a_build_that_fails_shows_why(make: Make) -> None:
    async def clash(_requirements: str, _python: str) -> str | None:
        return "these two cannot be installed together"

    form = loaded(make(EmulatorTransport(resolver=clash)))
    fill(form)
    form.create.click()
    until(lambda: "BuildFailed" in error(form))
    assert "these two cannot be installed together" in error(form)
    assert "Next:" in error(form)
    assert "✖ Failed: image img" in says(form.active_builds.last)


def test_what_does_not_fit_is_not_sent_and_says_what_helps(make: Make) -> None:
    async def clash(_text: str, **_more: Any) -> PreflightReport:
        return PreflightReport(
            Verdict.CONFLICT, "3.11.7", reason="line 1 clashes with line 2", suggestions=("use 2.0",)
        )

    desk = make(forecaster=clash)
    form = loaded(desk)
    fill(form)
    form.create.click()
    until(lambda: RequirementsConflict.__name__ in error(form))
    assert "line 1 clashes with line 2" in error(form)
    assert "use 2.0" in error(form)
    assert "does not fit" in form.plan.value
    assert not [line for line in desk.service.asked if line.startswith("PUT")]


def test_a_mistake_of_ours_is_shown_too(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    form = loaded(make())

    def mistaken() -> None:
        raise LookupError("<img src=x>")

    form.work.on_click(form.check, mistaken)
    fill(form)
    form.check.click()
    assert "LookupError in kusto_magic itself: <img src=x>" in error(form)
    assert "<img" not in form.work.errors.value
    assert "a callback of the panel failed" in caplog.text
