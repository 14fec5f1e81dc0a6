"""Tests of the panel's image list, history, cluster picker, cell insertion and display."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from ipywidgets import Button
from support.environment import forbidden_cluster
from support.panel_environment import (
    SPEC,
    EnvironmentFactory,
    PanelEnvironment,
    RecordingShell,
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
from support.requests import build_request, enable_request

from kusto_magic.commands import arguments
from kusto_magic.display.cell_text import cell_text
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models import managed_packages
from kusto_magic.models.cluster import UnknownImage
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.image_list import ACTIVE_WARNING, EMPTY, ENABLING_WARNING, UNKNOWN_WARNING
from kusto_magic.panel.panel import ImagePanel
from kusto_magic.panel.panel_form import PanelForm
from kusto_magic.panel.table import PAGE_SIZE
from kusto_magic.panel.widgets import descendants
from kusto_magic.settings import Settings

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


pytestmark = pytest.mark.slow  # a widget tree for each test


@pytest.fixture
def make(tmp_path: Path) -> Iterator[EnvironmentFactory]:
    """Return a factory for panel environments: `make(emulator, preflight)`."""
    with panel_environments(tmp_path) as make_one:
        yield make_one


# ── images and history ───────────────────────────────────────────────────────────────────────────────────────────


def _with_image(environment: PanelEnvironment) -> PanelForm:
    environment.builds.start(
        build_request(environment.target, "img", ImageSpec("humanize\nnumpy\n", python_version="3.10.8"))
    ).result(30)
    return loaded_form(environment)


def _press(form: PanelForm, label: str, name: str = "img") -> None:
    row_button(form.images.table, name, label).click()


def test_show_edit_and_use_fill_details_and_form(make: EnvironmentFactory) -> None:
    form = _with_image(make())
    _press(form, "Show details")
    wait_until(lambda: "Requirementshumanize\nnumpy" in shown_text(form.images.details.content))
    assert "Packages2 packages" in shown_text(form.images.details.content)
    form.images.details.close.click()
    assert not is_shown(form.images.details.widget)
    _press(form, "Edit")
    assert form.fields.read() == ("img", ImageSpec("humanize\nnumpy\n", python_version="3.10.8"))
    _press(form, "Use as base")
    assert form.fields.base_label() == {"base_image": "img"}


def test_delete_waits_for_confirmation(make: EnvironmentFactory) -> None:
    environment = make()
    form = _with_image(environment)
    assert not is_shown(form.images.question.widget)
    _press(form, "Delete…")
    assert "Delete image img?" in shown_text(form.images.question.text)
    form.images.question.no.click()
    assert not is_shown(form.images.question.widget)
    _press(form, "Delete…")
    assert "DELETE img" not in environment.service.requests
    form.images.question.yes.click()
    wait_until(lambda: "Deletedimg" in shown_text(form.active_builds.last))
    wait_until(lambda: row_texts(form.images.table) == [])


def test_enable_waits_for_confirmation_and_marks_the_active_image(make: EnvironmentFactory) -> None:
    form = _with_image(make())
    _press(form, "Enable…")
    assert "Enable image img?" in shown_text(form.images.question.text)
    form.images.question.yes.click()
    wait_until(lambda: "Enabledimg" in shown_text(form.active_builds.last))
    assert error_text(form) == ""
    wait_until(lambda: row_texts(form.images.table) == [["imgactive", "Succeeded", "Python 3.10.8", "2"]])
    assert row_button(form.images.table, "img", "Enable…").disabled
    assert "Queries use img." in shown_text(form.images.state)


def test_replacing_or_deleting_the_active_image_shows_a_warning(make: EnvironmentFactory) -> None:
    environment = make()
    form = _with_image(environment)
    environment.builds.start(enable_request(environment.target, "img")).result(30)
    form.images.read()
    wait_until(lambda: form.images.is_active("img"))
    _press(form, "Delete…")
    assert ACTIVE_WARNING in shown_text(form.images.question.text)
    fill(form)
    environment.service.requests.clear()
    form.create.click()
    assert "Replace image img?" in shown_text(form.question.text)
    assert ACTIVE_WARNING in shown_text(form.question.text)
    assert "PUT img" not in environment.service.requests
    form.question.yes.click()
    wait_until(lambda: "PUT img" in environment.service.requests)
    wait_until(lambda: "Succeeded" in shown_text(form.active_builds.last))


def test_deleting_an_image_that_was_enabled_since_the_last_read_is_not_submitted(make: EnvironmentFactory) -> None:
    environment = make()
    form = _with_image(environment)
    environment.process("other-machine.sqlite").start(enable_request(environment.target, "img")).result(30)
    _press(form, "Delete…")
    assert ACTIVE_WARNING not in shown_text(form.images.question.text)
    form.images.question.yes.click()
    wait_until(lambda: "Not submittedimg" in shown_text(form.active_builds.last))
    assert "DELETE img" not in environment.service.requests
    wait_until(lambda: form.images.is_active("img"))  # read again, so that the next question has the warning


def test_image_that_is_being_enabled_is_changed_after_a_warning(make: EnvironmentFactory) -> None:
    environment = make()
    form = _with_image(environment)
    environment.clock.released.clear()
    enabling = environment.builds.start(enable_request(environment.target, "img"))
    wait_until(lambda: enabling.operation.state == "Enabling")
    _press(form, "Delete…")
    assert ENABLING_WARNING in shown_text(form.images.question.text)


def test_unknown_active_image_is_shown_and_needs_a_confirmation(make: EnvironmentFactory) -> None:
    environment = make()
    form = _with_image(environment)
    environment.service.fault = forbidden_cluster
    form.images.read()
    wait_until(lambda: "AuthorizationFailed" in shown_text(form.images.state))
    unknown = form.images.active
    assert isinstance(unknown, UnknownImage)
    assert unknown.text(PANEL) in shown_text(form.images.state)
    _press(form, "Show details")
    wait_until(lambda: "Activeunknown" in shown_text(form.images.details.content))
    fill(form, "new")
    form.create.click()
    assert not is_shown(form.question.widget), "a new image cannot be active"
    wait_until(lambda: "Succeedednew" in shown_text(form.active_builds.last))
    fill(form)
    form.create.click()
    assert f"{UNKNOWN_WARNING}{unknown.reason}" in shown_text(form.question.text)
    form.question.yes.click()
    wait_until(lambda: "Succeededimg" in shown_text(form.active_builds.last))
    _press(form, "Delete…")
    assert f"{UNKNOWN_WARNING}{unknown.reason}" in shown_text(form.images.question.text)
    form.images.question.yes.click()
    wait_until(lambda: "Deletedimg" in shown_text(form.active_builds.last))


def test_history_after_restart_copies_the_build_and_resumes_polling(make: EnvironmentFactory) -> None:
    environment = make()
    environment.clock.released.clear()
    before = environment.builds
    build = before.start(build_request(environment.target, "img", SPEC))
    wait_until(lambda: build.operation.state == "Building")
    environment.builds = environment.process()
    form = loaded_form(environment)
    wait_until(lambda: row_texts(form.history.table))
    assert row_texts(form.history.table)[0][1:] == ["build", "img", "Building", ""]
    row_button(form.history.table, "img", "Copy to form").click()
    assert form.fields.read() == ("img", SPEC)
    row_button(form.history.table, "img", "Show details").click()
    assert "ResultBuilding" in shown_text(form.history.details.content)
    row_button(form.history.table, "img", "Follow").click()
    wait_until(lambda: form.active_builds.rows.children)
    environment.clock.released.set()
    wait_until(lambda: "Succeededimg" in shown_text(form.active_builds.last))
    build.result(30)
    before.close()


def _with_200_images(make: EnvironmentFactory) -> PanelForm:
    environment = make()
    row = {"properties": {"provisioningState": "Succeeded", "languageVersion": "3.10.8"}}
    images = [{"id": "x", "name": f"c/image-{number:03}", **row} for number in range(200)]
    environment.service.fault = lambda _request: json_response({"value": images})
    return loaded_form(environment)


def _names(form: PanelForm) -> list[str]:
    return [row[0] for row in row_texts(form.images.table)]


def test_table_has_widgets_for_one_page_and_turns_pages(make: EnvironmentFactory) -> None:
    form = _with_200_images(make)
    table = form.images.table
    count = len(list(descendants(form.widget)))
    assert _names(form) == [f"image-{number:03}" for number in range(PAGE_SIZE)]
    assert shown_text(table.position) == f"1–{PAGE_SIZE} of 200"
    table.next.click()
    assert _names(form)[0] == f"image-{PAGE_SIZE:03}"
    form.images.table.refresh()
    assert _names(form)[0] == f"image-{PAGE_SIZE:03}"
    table.previous.click()
    assert _names(form)[0] == "image-000"
    assert len(list(descendants(form.widget))) == count
    assert form.pages.buttons["Images"].description == "Images (200)"


def test_filter_shows_matching_images_and_keeps_the_rest_out(make: EnvironmentFactory) -> None:
    form = _with_200_images(make)
    form.images.table.filter.value = "E-19"
    wait_until(lambda: _names(form) == [f"image-{number}" for number in range(190, 200)])
    assert form.images.table.next.disabled
    _press(form, "Use as base", "image-195")
    assert form.fields.base.value == "image-195"


def test_row_actions_name_their_image_and_focus_starts_at_the_safe_answer(make: EnvironmentFactory) -> None:
    form = _with_image(make())
    assert row_button(form.images.table, "img", "Delete…").tooltip == "Delete image img; asks for confirmation"
    _press(form, "Delete…")
    assert form.images.question.no.description == "Keep"
    assert "Queries on emulatedcluster that use it will fail. This cannot be undone." in shown_text(
        form.images.question.text
    )


def test_active_image_is_verified_in_its_details(make: EnvironmentFactory) -> None:
    environment = make()
    form = _with_image(environment)
    assert row_button(form.images.table, "img", "Verify").disabled
    environment.builds.start(enable_request(environment.target, "img")).result(30)
    form.images.refresh.click()
    wait_until(lambda: not row_button(form.images.table, "img", "Verify").disabled)
    _press(form, "Verify")
    wait_until(lambda: "2 of 2 packages are as planned" in shown_text(form.images.details.content))
    assert "Queries use img." in shown_text(form.images.state)
    environment.tell("contents", image="img", imports={"humanize": "ImportError: no DLL"})
    form.images.details.button.click()
    wait_until(lambda: "humanize: ImportError: no DLL" in shown_text(form.images.details.content))
    assert not is_shown(form.images.details.button), "they were imported"
    environment.tell("contents", image="img", packages={"extra": None})
    _press(form, "Verify")
    wait_until(lambda: "Image 'img' is not as planned" in error_text(form))
    assert "Build img again with pinned versions" in error_text(form)
    assert "extra is missing (expected: 1.0)" in shown_text(form.images.details.content)
    environment.service.fault = lambda request: httpx.Response(403) if "/rest/query" in request.url.path else None
    _press(form, "Verify")
    wait_until(lambda: "may not query database" in error_text(form))
    assert "AllDatabasesViewer" in error_text(form)


def test_cluster_with_a_managed_image_only_says_what_to_do(make: EnvironmentFactory) -> None:
    environment = make()
    environment.builds.start(enable_request(environment.target, "Python3_11_7")).result(30)
    form = loaded_form(environment)
    wait_until(lambda: len(row_texts(form.images.table)) == 1)
    assert shown_text(form.images.state) == f"Queries use Python3_11_7. {EMPTY}"


def test_managed_image_that_queries_use_is_listed_and_verified(make: EnvironmentFactory) -> None:
    environment = make()
    form = _with_image(environment)
    environment.builds.start(enable_request(environment.target, "Python3_11_7")).result(30)
    form.images.refresh.click()
    wait_until(lambda: len(row_texts(form.images.table)) == 2)
    assert row_texts(form.images.table)[1] == ["Python3_11_7", "active", "managed image", "131"]
    assert form.pages.buttons["Images"].description == "Images (1)"
    shown = [label for label in form.images.table.rows[1].buttons if is_shown(_button(form, label))]
    assert shown == ["Use as base", "Verify"]
    _button(form, "Use as base").click()
    assert form.fields.base_label() == {"base_image": "Python3_11_7"}
    _button(form, "Verify").click()
    wait_until(lambda: "Image 'Python3_11_7' is not as documented" in error_text(form))
    assert "Build" not in error_text(form), "a managed image cannot be built"
    environment.tell("contents", image="Python3_11_7", packages=dict(managed_packages.packages("Python3_11_7")))
    _button(form, "Verify").click()
    wait_until(lambda: "131 of 131 packages are as documented" in shown_text(form.images.details.content))
    form.images.read()
    wait_until(lambda: "Queries use Python3_11_7." in shown_text(form.images.state))
    assert is_shown(form.images.details.widget)


def _button(form: PanelForm, label: str) -> Button:
    """Return a button of the second row."""
    return form.images.table.rows[1].buttons[label]


def test_actions_of_an_image_are_disabled_until_its_request_is_accepted(make: EnvironmentFactory) -> None:
    seen: list[bool] = []
    environment = make()
    form = _with_image(environment)

    def record_disabled(request: httpx.Request) -> None:
        if request.method == "DELETE":
            seen.append(row_button(form.images.table, "img", "Delete…").disabled)

    environment.service.fault = record_disabled
    _press(form, "Delete…")
    form.images.question.yes.click()
    wait_until(lambda: "Deletedimg" in shown_text(form.active_builds.last))
    assert seen == [True]


# ── the cluster ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_panel_without_cluster_asks_for_one_and_lists_clusters(make: EnvironmentFactory) -> None:
    environment = make()
    panel = ImagePanel(
        settings=Settings(endpoint=environment.target.endpoint), builds=environment.builds, shell=environment.shell
    )
    form = panel.form
    picker = form.cluster_picker
    assert shown_text(picker.summary) == "No cluster selected"
    assert is_shown(picker.fields)
    picker.take.click()
    assert "Subscription: enter a value" in error_text(form)
    fill(form)
    form.create.click()
    assert PANEL.text(Hint(HintKind.CHOOSE_CLUSTER)) in error_text(form)
    assert "subscription: " not in error_text(form)
    picker.subscription.value = environment.target.subscription
    picker.find.click()
    wait_until(lambda: is_shown(picker.found))  # shown last: the list is complete then
    assert "emulatedcluster" in picker.found.options[0][0]
    assert "emulated-group" in picker.found.options[0][0]
    picker.found.index = 0
    picker.take.click()
    wait_until(lambda: form.images.images is not None)
    assert "emulatedcluster" in shown_text(picker.summary)
    assert "emulated-group" in shown_text(picker.summary)
    assert not is_shown(picker.fields)
    panel.close()


# ── the cell ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("spec", [SPEC, ImageSpec("a==1\nb ; python_version<'3.9'\n", python_version="3.10.8")])
@pytest.mark.parametrize("names_cluster", [True, False])
def test_cell_text_parses_to_the_same_spec_and_target(
    make: EnvironmentFactory, spec: ImageSpec, names_cluster: bool
) -> None:
    target = make().target
    line, _, body = cell_text("img", spec, target, None if names_cluster else target).partition("\n")
    options = arguments.parse(arguments.cell_parser(), line.removeprefix("%%kusto_image "))
    assert (options.name, ImageSpec(f"{body}\n", options.base, options.python)) == ("img", spec)
    assert (options.cluster, options.endpoint) == (
        (target.cluster_id, target.endpoint) if names_cluster else (None, None)
    )


def test_cell_names_the_cluster_if_the_magics_use_another(make: EnvironmentFactory) -> None:
    environment = make()
    form = loaded_form(environment)
    fill(form)
    wait_until(
        lambda: (
            f"--cluster {environment.target.cluster_id} --endpoint {environment.target.endpoint}"
            in shown_text(form.cell)
        )
    )


def test_cell_follows_the_input_and_is_inserted_once(make: EnvironmentFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = make()
    monkeypatch.setenv("KUSTO_MAGIC_CLUSTER", environment.target.cluster_id)
    monkeypatch.setenv("KUSTO_MAGIC_ENDPOINT", environment.target.endpoint)
    form = loaded_form(environment)
    fill(form, text="humanize")
    wait_until(lambda: shown_text(form.cell) == "%%kusto_image img --base Python3_11_7\nhumanize")
    outputs: list[Any] = []
    form.inserter.observe(lambda change: outputs.append(change["new"]), "outputs")
    form.insert.click()
    wait_until(lambda: len(outputs) == 2)
    assert '("%%kusto_image img --base Python3_11_7\\nhumanize")' in outputs[0][0]["data"]["application/javascript"]
    assert outputs[1] == ()
    form.fields.name.value = "my image"
    wait_until(lambda: "name: 'my image'" in shown_text(form.cell))
    form.insert.click()
    assert form.inserter.outputs == ()
    assert "Name: 'my image'" in error_text(form)


# ── display ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_noninteractive_run_shows_equivalent_cell_and_creates_no_widgets(make: EnvironmentFactory) -> None:
    environment = make()
    environment.shell = RecordingShell(interactive=False)
    panel = environment.panel()
    panel.display()
    assert [bundle.keys() for bundle, _ in environment.shell.shown] == [{"text/html", "text/plain"}]
    assert "interactive" in environment.shell.last["text/plain"]
    assert "%%kusto_image my-image" in environment.shell.last["text/html"]
    assert panel._form is None


def test_terminal_shows_equivalent_cell(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("%load_ext kusto_magic")
    shell.run_cell("%kusto_image panel")
    output = capsys.readouterr().out
    assert "needs a notebook" in output
    assert "%%kusto_image my-image --base Python3_11_7" in output
    shell.run_cell("import kusto_magic; kusto_magic.ImagePanel()")
    assert "needs a notebook" in capsys.readouterr().out


def test_panel_uses_the_cluster_of_the_magics(shell: InteractiveShell) -> None:
    shell.run_cell("%load_ext kusto_magic")
    shell.run_cell("%config KustoImageMagics.cluster = '/subscriptions/01234567-89ab-cdef-0123-456789abcdef"
                   "/resourceGroups/g/providers/Microsoft.Kusto/clusters/mine'")  # fmt: skip
    assert ImagePanel()._target == Target("01234567-89ab-cdef-0123-456789abcdef", "g", "mine")
