"""The panel against the emulator's app: what is typed, checked, begun, shown, and how every failure is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from ipywidgets import HTML, Widget
from support.emulated import Wire
from support.panel import Desk, Fault, RecordingShell, answer, until
from support.world import fits

from kusto_magic import arguments
from kusto_magic.card import MIME
from kusto_magic.errors import DoesNotFit
from kusto_magic.forecasts import Forecast, Verdict
from kusto_magic.models import Image, ImageSpec, Target
from kusto_magic.panel import VIEW, ImagePanel, PanelForm
from kusto_magic.panel_cell import cell_text
from kusto_magic.panel_work import within
from kusto_magic.settings import Settings

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

Make = Callable[..., Desk]
SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a desk: `make(wire, forecaster)`."""
    made: list[Desk] = []

    def _make(wire: Wire | None = None, forecaster: Any = fits) -> Desk:
        made.append(Desk(tmp_path, wire or Wire(), forecaster))
        return made[-1]

    yield _make
    for desk in made:
        desk.close()


def _says(shown: HTML) -> str:
    return unescape(shown.value.partition(">")[2].rpartition("<")[0])


def _fill(form: PanelForm, name: str = "img", base: str = "Python3_11_7", text: str = "humanize") -> None:
    form.fields.base.value, form.fields.name.value, form.fields.requirements.value = base, name, text


def _is_shown(part: Widget) -> bool:
    return bool(part.layout.display != "none")


def _loaded(desk: Desk) -> PanelForm:
    form = desk.panel().form
    until(lambda: form.images.images is not None)
    return form


def _error(form: PanelForm) -> str:
    return _says(form.work.errors)


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
    fields = _loaded(make()).fields
    getattr(fields, field).value = typed
    until(lambda: words in _says(getattr(fields, f"{field}_words")))


def test_a_name_that_is_taken_and_a_base_of_the_cluster_are_known(make: Make) -> None:
    desk = make()
    desk.builds.start(desk.target, "Mine", SPEC).wait(30)
    fields = _loaded(desk).fields
    fields.name.value = fields.base.value = "mine"
    until(lambda: "Mine is there already: Succeeded. Create replaces it." in _says(fields.name_words))
    assert "custom image of this cluster: Succeeded, built on Python3_11_7" in _says(fields.base_words)
    fields.know([Image("Mine", state="Creating")])
    assert "Mine is there already: Creating. It is being changed now." in _says(fields.name_words)
    assert {"Python3_11_7", "Mine", "Python 3.10.8"} <= set(fields.base.options)


def test_a_package_is_found_in_the_managed_images_and_one_is_taken(make: Make) -> None:
    fields = _loaded(make()).fields
    fields.find.value = "Torch"
    until(lambda: fields.found.options)
    assert _is_shown(fields.found)
    fields.found.label = "Python3_11_7_DL: torch 2.2.2"
    assert fields.base.value == "Python3_11_7_DL"
    fields.find.value = "no-such-package"
    until(lambda: fields.found.options[0][0] == "no managed image has it")
    fields.found.index = 0
    assert fields.base.value == "Python3_11_7_DL"


def test_nothing_is_created_while_something_is_wrong_and_every_problem_is_named(make: Make) -> None:
    desk = make()
    form = _loaded(desk)
    _fill(form, "my image", "", "a=1")
    form.create.click()
    assert "name: 'my image'" in _error(form)
    assert "base: choose an image" in _error(form)
    assert "line 1: 'a=1'" in _error(form)
    assert "Next:" in _error(form)
    assert form.fields.requirements.value == "a=1"
    assert not [line for line in desk.service.asked if line.startswith("PUT")]


# ── making an image ──────────────────────────────────────────────────────────────────────────────────────────────


def test_create_follows_the_build_to_its_end_and_leaves_the_card(make: Make) -> None:
    desk = make()
    panel = desk.panel()
    panel.display()
    form = panel.form
    _fill(form, text="humanize")
    desk.clock.released.clear()
    form.create.click()
    until(lambda: form.going_on.rows.children)
    assert "img" in form.going_on.rows.children[0].words.value
    until(lambda: not form.create.disabled)  # the service has taken it on, the build goes on
    assert form.going_on.rows.children
    desk.clock.released.set()
    until(lambda: "✔ Succeeded: image img" in _says(form.going_on.last))
    until(lambda: form.images.list.options == (("img · Succeeded · Python3_11_7", "img"),))
    until(lambda: "build img · Succeeded" in form.earlier.list.options[0][0])
    assert _error(form) == ""
    assert desk.builds.running(desk.target, "img") is None
    form_output, record, *later = desk.shell.shown
    assert {VIEW, "text/html", "text/plain"} == form_output[0].keys()
    assert "stands here" in record[0]["text/plain"]
    assert all(update for _, update in later)
    assert desk.shell.last[MIME]["state"] == "Succeeded"
    assert VIEW not in desk.shell.last


def test_the_buttons_are_off_until_the_service_has_taken_it_on(make: Make) -> None:
    seen: list[bool] = []
    desk = make()
    form = _loaded(desk)

    def look(request: httpx.Request) -> None:
        if request.method == "PUT":
            seen.append(form.create.disabled)

    desk.service.fault = look
    _fill(form)
    form.create.click()
    until(lambda: "Succeeded" in _says(form.going_on.last))
    assert seen == [True]
    assert not form.create.disabled


def test_the_requirements_are_those_of_a_magics_cell(make: Make) -> None:
    desk = make()
    form = _loaded(desk)
    desk.clock.released.clear()
    _fill(form, text="humanize")
    form.create.click()
    build = desk.builds.running(desk.target, "img")
    assert build is not None
    assert desk.builds.start(desk.target, "img", SPEC) is build  # the magic joins what the panel began


def test_a_build_from_elsewhere_is_shown_and_two_panels_agree(make: Make) -> None:
    desk = make()
    one, other = _loaded(desk), _loaded(desk)
    desk.clock.released.clear()
    build = desk.builds.start(desk.target, "img", SPEC)
    for form in (one, other):
        until(lambda form=form: form.going_on.rows.children)  # type: ignore[misc]
    desk.clock.released.set()
    build.wait(30)
    for form in (one, other):
        until(lambda form=form: "✔ Succeeded: image img" in _says(form.going_on.last))  # type: ignore[misc]
        until(lambda form=form: len(form.images.list.options) == 1)  # type: ignore[misc]


def test_check_shows_the_plan_and_typing_takes_it_away(make: Make) -> None:
    desk = make()
    form = _loaded(desk)
    _fill(form, name="")
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
    form = _loaded(desk)
    desk.service.fault = fault
    _fill(form)
    form.create.click()
    until(lambda: _error(form))
    assert all(word in _error(form) for word in words), _error(form)
    assert "Next:" in _error(form)
    assert "<b>" not in form.work.errors.value
    until(lambda: not form.create.disabled)
    assert form.fields.read() == ("img", SPEC)
    desk.service.fault = None
    form.create.click()  # and again, with what was typed
    until(lambda: "✔ Succeeded" in _says(form.going_on.last))
    assert _error(form) == ""


class _NoToken:
    def get_token(self, *_scopes: str, **_more: Any) -> Any:
        raise RuntimeError("no account is signed in")


def test_a_sign_in_that_fails_is_shown_when_the_panel_opens(make: Make) -> None:
    desk = make()
    desk.credential = _NoToken()
    form = desk.panel().form
    until(lambda: "SignInFailed" in _error(form))
    assert "Next:" in _error(form)
    assert _says(form.images.state) == "The images could not be read."
    assert not form.images.refresh.disabled


def test_a_build_that_fails_shows_why(make: Make) -> None:
    async def clash(_requirements: str, _python: str) -> str | None:
        return "these two cannot be installed together"

    form = _loaded(make(Wire(resolver=clash)))
    _fill(form)
    form.create.click()
    until(lambda: "BuildFailed" in _error(form))
    assert "these two cannot be installed together" in _error(form)
    assert "Next:" in _error(form)
    assert "✖ Failed: image img" in _says(form.going_on.last)


def test_what_does_not_fit_is_not_sent_and_says_what_helps(make: Make) -> None:
    async def clash(_text: str, **_more: Any) -> Forecast:
        return Forecast(Verdict.CLASH, "3.11.7", reason="line 1 clashes with line 2", suggestions=("use 2.0",))

    desk = make(forecaster=clash)
    form = _loaded(desk)
    _fill(form)
    form.create.click()
    until(lambda: DoesNotFit.__name__ in _error(form))
    assert "line 1 clashes with line 2" in _error(form)
    assert "use 2.0" in _error(form)
    assert "does not fit" in form.plan.value
    assert not [line for line in desk.service.asked if line.startswith("PUT")]


def test_a_mistake_of_ours_is_shown_too(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    form = _loaded(make())

    def mistaken() -> None:
        raise LookupError("<img src=x>")

    form.work.on_click(form.check, mistaken)
    _fill(form)
    form.check.click()
    assert "LookupError in kusto_magic itself: <img src=x>" in _error(form)
    assert "<img" not in form.work.errors.value
    assert "a callback of the panel failed" in caplog.text


# ── images and history ───────────────────────────────────────────────────────────────────────────────────────────


def _with_image(desk: Desk) -> PanelForm:
    desk.builds.start(desk.target, "img", ImageSpec("humanize\nnumpy\n", python_version="3.10.8")).wait(30)
    form = _loaded(desk)
    form.images.list.value = "img"
    return form


def test_nothing_can_be_done_while_no_image_is_chosen(make: Make) -> None:
    images = _loaded(make()).images
    assert [one.disabled for one in (images.show, images.use, images.edit, images.delete)] == [True] * 4


def test_show_use_and_edit(make: Make) -> None:
    form = _with_image(make())
    form.images.show.click()
    until(lambda: "requirements  humanize\n              numpy" in _says(form.images.details))
    form.images.edit.click()
    assert form.fields.read() == ("img", ImageSpec("humanize\nnumpy\n", python_version="3.10.8"))
    form.images.use.click()
    assert form.fields.foundation() == {"base_image": "img"}


def test_delete_asks_first(make: Make) -> None:
    desk = make()
    form = _with_image(desk)
    assert not _is_shown(form.images.confirmation)
    form.images.delete.click()
    assert "Delete image img of cluster" in _says(form.images.question)
    form.images.no.click()
    assert not _is_shown(form.images.confirmation)
    form.images.delete.click()
    assert "DELETE img" not in desk.service.asked
    form.images.yes.click()
    until(lambda: "✔ Deleted: image img" in _says(form.going_on.last))
    until(lambda: form.images.list.options == ())


def test_another_choice_takes_the_question_away(make: Make) -> None:
    desk = make()
    desk.builds.start(desk.target, "other", SPEC).wait(30)
    form = _with_image(desk)
    form.images.delete.click()
    form.images.list.value = "other"
    assert not _is_shown(form.images.confirmation)


def test_after_a_restart_the_history_shows_the_build_and_follows_it(make: Make) -> None:
    desk = make()
    desk.clock.released.clear()
    before = desk.builds
    begun = before.start(desk.target, "img", SPEC)
    until(lambda: begun.operation.phase == "Building")
    desk.builds = desk.process()
    form = _loaded(desk)
    until(lambda: form.earlier.list.options)
    assert "build img · Building, not ended yet" in form.earlier.list.options[0][0]
    form.earlier.list.index = 0
    form.earlier.fill.click()
    assert form.fields.read() == ("img", SPEC)
    form.earlier.follow.click()
    until(lambda: form.going_on.rows.children)
    desk.clock.released.set()
    until(lambda: "✔ Succeeded: image img" in _says(form.going_on.last))
    begun.wait(30)
    before.close()


def test_200_images_cost_no_widget_each_and_are_there_within_a_second(make: Make) -> None:
    desk = make()
    empty = len(list(within(_loaded(desk).widget)))
    row = {"properties": {"provisioningState": "Succeeded", "languageVersion": "3.10.8"}}
    images = [{"id": "x", "name": f"c/image-{number}", **row} for number in range(200)]

    desk.service.fault = lambda _request: answer({"value": images})
    began = time.monotonic()
    form = _loaded(desk)
    assert time.monotonic() - began < 1
    assert len(form.images.list.options) == 200
    assert len(list(within(form.widget))) == empty


# ── the cluster ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_cluster_it_is_asked_for_and_found(make: Make) -> None:
    desk = make()
    panel = ImagePanel(settings=Settings(endpoint=desk.target.endpoint), builds=desk.builds, shell=desk.shell)
    form = panel.form
    place = form.place
    assert _says(place.summary) == "No cluster is chosen yet."
    assert _is_shown(place.fields)
    place.take.click()
    assert "subscription: fill it in" in _error(form)
    _fill(form)
    form.create.click()
    assert "no cluster is chosen" in _error(form)
    place.subscription.value = desk.target.subscription
    place.find.click()
    until(lambda: place.found.options)
    assert "emulatedcluster · group emulated-group" in place.found.options[0][0]
    place.found.index = 0
    place.take.click()
    until(lambda: form.images.images is not None)
    assert "cluster emulatedcluster · resource group emulated-group" in _says(place.summary)
    assert not _is_shown(place.fields)
    panel.close()


# ── the cell ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("spec", [SPEC, ImageSpec("a==1\nb ; python_version<'3.9'\n", python_version="3.10.8")])
@pytest.mark.parametrize("away", [True, False])
def test_the_cell_asks_for_the_same(make: Make, spec: ImageSpec, away: bool) -> None:
    target = make().target
    line, _, body = cell_text("img", spec, target, None if away else target).partition("\n")
    options = arguments.parse(arguments.cell_parser(), line.removeprefix("%%kusto_image "))
    assert (options.name, ImageSpec(f"{body}\n", options.base, options.python)) == ("img", spec)
    assert (options.cluster, options.endpoint) == ((target.cluster_id, target.endpoint) if away else (None, None))


def test_a_cluster_that_the_magics_do_not_mean_is_named_in_the_cell(make: Make) -> None:
    desk = make()
    form = _loaded(desk)
    _fill(form)
    until(lambda: f"--cluster {desk.target.cluster_id} --endpoint {desk.target.endpoint}" in _says(form.cell))


def test_the_cell_is_shown_while_one_types_and_given_to_the_page_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make()
    monkeypatch.setenv("KUSTO_MAGIC_CLUSTER", desk.target.cluster_id)
    monkeypatch.setenv("KUSTO_MAGIC_ENDPOINT", desk.target.endpoint)
    form = _loaded(desk)
    _fill(form, text="humanize")
    until(lambda: _says(form.cell) == "%%kusto_image img --base Python3_11_7\nhumanize")
    given: list[Any] = []
    form.inserter.observe(lambda change: given.append(change["new"]), "outputs")
    form.insert.click()
    until(lambda: len(given) == 2)
    assert '("%%kusto_image img --base Python3_11_7\\nhumanize")' in given[0][0]["data"]["application/javascript"]
    assert given[1] == ()
    form.fields.name.value = "my image"
    until(lambda: "name: 'my image'" in _says(form.cell))
    form.insert.click()
    assert form.inserter.outputs == ()
    assert "name: 'my image'" in _error(form)


# ── where it is shown ────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nobody_is_there_it_says_so_and_makes_no_widget(make: Make) -> None:
    desk = make()
    desk.shell = RecordingShell(person=False)
    panel = desk.panel()
    panel.display()
    assert [bundle.keys() for bundle, _ in desk.shell.shown] == [{"text/html", "text/plain"}]
    assert "needs a person before it" in desk.shell.last["text/plain"]
    assert "%%kusto_image my-image" in desk.shell.last["text/html"]
    assert panel._form is None


def test_in_a_terminal_it_says_what_to_type(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("%load_ext kusto_magic")
    shell.run_cell("%kusto_image panel")
    said = capsys.readouterr().out
    assert "The panel is a form for a notebook. In a terminal type" in said
    assert "%%kusto_image my-image --base Python3_11_7" in said
    shell.run_cell("import kusto_magic; kusto_magic.ImagePanel()")
    assert "In a terminal type" in capsys.readouterr().out


def test_it_takes_the_cluster_that_the_magics_use(shell: InteractiveShell) -> None:
    shell.run_cell("%load_ext kusto_magic")
    shell.run_cell("%config KustoImageMagics.cluster = '/subscriptions/01234567-89ab-cdef-0123-456789abcdef"
                   "/resourceGroups/g/providers/Microsoft.Kusto/clusters/mine'")  # fmt: skip
    assert ImagePanel()._target == Target("01234567-89ab-cdef-0123-456789abcdef", "g", "mine")
