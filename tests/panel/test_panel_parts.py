"""The parts of the panel around the form: images, history, cluster, the cell, and where it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.panel import (
    SPEC,
    Make,
    PanelEnvironment,
    RecordingShell,
    answer,
    error,
    fill,
    is_shown,
    loaded,
    panel_environments,
    says,
    until,
)

from kusto_magic.commands import arguments
from kusto_magic.export import cell_text
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.panel.panel import ImagePanel
from kusto_magic.panel.panel_form import PanelForm
from kusto_magic.panel.widgets import descendants
from kusto_magic.settings import Settings

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


pytestmark = pytest.mark.slow  # a widget tree for each test


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a desk: `make(wire, forecaster)`."""
    with panel_environments(tmp_path) as make_one:
        yield make_one


# ── images and history ───────────────────────────────────────────────────────────────────────────────────────────


def _with_image(desk: PanelEnvironment) -> PanelForm:
    desk.builds.start(desk.target, "img", ImageSpec("humanize\nnumpy\n", python_version="3.10.8")).wait(30)
    form = loaded(desk)
    form.images.list.value = "img"
    return form


def test_nothing_can_be_done_while_no_image_is_chosen(make: Make) -> None:
    images = loaded(make()).images
    assert [one.disabled for one in (images.show, images.use, images.edit, images.delete)] == [True] * 4


def test_show_use_and_edit(make: Make) -> None:
    form = _with_image(make())
    form.images.show.click()
    until(lambda: "requirements  humanize\n              numpy" in says(form.images.details))
    form.images.edit.click()
    assert form.fields.read() == ("img", ImageSpec("humanize\nnumpy\n", python_version="3.10.8"))
    form.images.use.click()
    assert form.fields.base_label() == {"base_image": "img"}


def test_delete_asks_first(make: Make) -> None:
    desk = make()
    form = _with_image(desk)
    assert not is_shown(form.images.question.widget)
    form.images.delete.click()
    assert "Delete image img of cluster" in says(form.images.question.words)
    form.images.question.no.click()
    assert not is_shown(form.images.question.widget)
    form.images.delete.click()
    assert "DELETE img" not in desk.service.asked
    form.images.question.yes.click()
    until(lambda: "✔ Deleted: image img" in says(form.active_builds.last))
    until(lambda: form.images.list.options == ())


def test_enable_asks_first_and_the_active_image_is_marked(make: Make) -> None:
    form = _with_image(make())
    form.images.enable.click()
    assert "Let the queries of cluster emulatedcluster run on img" in says(form.images.question.words)
    form.images.question.yes.click()
    until(lambda: "image img" in says(form.active_builds.last))
    assert error(form) == ""
    until(lambda: form.images.list.options[0][0] == "img · Succeeded · Python 3.10.8 · ✔ active")
    assert "Queries run on img." in says(form.images.state)


def test_the_active_image_is_neither_replaced_nor_deleted_without_a_word(make: Make) -> None:
    desk = make()
    form = _with_image(desk)
    desk.builds.enable(desk.target, "img").wait(30)
    form.images.read()
    until(lambda: form.images.is_active("img"))
    form.images.list.value = "img"
    form.images.delete.click()
    assert "The queries of the cluster run on it." in says(form.images.question.words)
    fill(form)
    desk.service.asked.clear()
    form.create.click()
    assert "Replace image img of cluster emulatedcluster? The queries" in says(form.question.words)
    assert "PUT img" not in desk.service.asked
    form.question.yes.click()
    until(lambda: "PUT img" in desk.service.asked)
    until(lambda: "✔ Succeeded" in says(form.active_builds.last))


def test_another_choice_takes_the_question_away(make: Make) -> None:
    desk = make()
    desk.builds.start(desk.target, "other", SPEC).wait(30)
    form = _with_image(desk)
    form.images.delete.click()
    form.images.list.value = "other"
    assert not is_shown(form.images.question.widget)


def test_after_a_restart_the_history_shows_the_build_and_follows_it(make: Make) -> None:
    desk = make()
    desk.clock.released.clear()
    before = desk.builds
    begun = before.start(desk.target, "img", SPEC)
    until(lambda: begun.operation.phase == "Building")
    desk.builds = desk.process()
    form = loaded(desk)
    until(lambda: form.history.list.options)
    assert "build img · Building, not ended yet" in form.history.list.options[0][0]
    form.history.list.index = 0
    form.history.fill.click()
    assert form.fields.read() == ("img", SPEC)
    form.history.follow.click()
    until(lambda: form.active_builds.rows.children)
    desk.clock.released.set()
    until(lambda: "✔ Succeeded: image img" in says(form.active_builds.last))
    begun.wait(30)
    before.close()


def test_200_images_cost_no_widget_each(make: Make) -> None:
    desk = make()
    empty = len(list(descendants(loaded(desk).widget)))
    row = {"properties": {"provisioningState": "Succeeded", "languageVersion": "3.10.8"}}
    images = [{"id": "x", "name": f"c/image-{number}", **row} for number in range(200)]

    desk.service.fault = lambda _request: answer({"value": images})
    form = loaded(desk)
    assert len(form.images.list.options) == 200
    assert len(list(descendants(form.widget))) == empty


# ── the cluster ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_cluster_it_is_asked_for_and_found(make: Make) -> None:
    desk = make()
    panel = ImagePanel(settings=Settings(endpoint=desk.target.endpoint), builds=desk.builds, shell=desk.shell)
    form = panel.form
    place = form.cluster_picker
    assert says(place.summary) == "No cluster is chosen yet."
    assert is_shown(place.fields)
    place.take.click()
    assert "subscription: fill it in" in error(form)
    fill(form)
    form.create.click()
    assert "no cluster is chosen" in error(form)
    place.subscription.value = desk.target.subscription
    place.find.click()
    until(lambda: place.found.options)
    assert "emulatedcluster · group emulated-group" in place.found.options[0][0]
    place.found.index = 0
    place.take.click()
    until(lambda: form.images.images is not None)
    assert "cluster emulatedcluster · resource group emulated-group" in says(place.summary)
    assert not is_shown(place.fields)
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
    form = loaded(desk)
    fill(form)
    until(lambda: f"--cluster {desk.target.cluster_id} --endpoint {desk.target.endpoint}" in says(form.cell))


def test_the_cell_is_shown_while_one_types_and_given_to_the_page_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make()
    monkeypatch.setenv("KUSTO_MAGIC_CLUSTER", desk.target.cluster_id)
    monkeypatch.setenv("KUSTO_MAGIC_ENDPOINT", desk.target.endpoint)
    form = loaded(desk)
    fill(form, text="humanize")
    until(lambda: says(form.cell) == "%%kusto_image img --base Python3_11_7\nhumanize")
    given: list[Any] = []
    form.inserter.observe(lambda change: given.append(change["new"]), "outputs")
    form.insert.click()
    until(lambda: len(given) == 2)
    assert '("%%kusto_image img --base Python3_11_7\\nhumanize")' in given[0][0]["data"]["application/javascript"]
    assert given[1] == ()
    form.fields.name.value = "my image"
    until(lambda: "name: 'my image'" in says(form.cell))
    form.insert.click()
    assert form.inserter.outputs == ()
    assert "name: 'my image'" in error(form)


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
