"""The form of the panel: its parts, their layout and their event handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import HTML, Box, Layout, Output, VBox

from kusto_magic.builds.build import Build
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.display.cell_text import cell_text
from kusto_magic.errors import BuildError, InUseError, InvalidInputError, KustoImageError
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import NOT_STARTED, BuildState
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.panel.build_list import ActiveBuilds
from kusto_magic.panel.cell_inserter import clear_insertion, insert_cell
from kusto_magic.panel.check_result import CHECKING, NOT_CHECKED, check_html
from kusto_magic.panel.cluster_picker import ClusterPicker
from kusto_magic.panel.form import Form
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.history_list import ACCEPTED_STATES, HistoryList
from kusto_magic.panel.image_list import ImageList
from kusto_magic.panel.markup import text_html
from kusto_magic.panel.notebook_record import NotebookRecord
from kusto_magic.panel.tabs import Tabs
from kusto_magic.panel.tasks import ConfirmDialog, PanelContext, Question
from kusto_magic.panel.widgets import (
    button,
    close_all,
    column,
    heading,
    link_button,
    route_to_subshell,
    row,
    set_enabled,
    set_html,
    set_text,
    set_visible,
    style_sheet,
    text_widget,
    with_class,
)
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.redaction import redact
from kusto_magic.requirements.correction import Correction
from kusto_magic.settings import Settings

IMAGES, HISTORY = "Images", "History"
"""Names of the pages with tables."""

REFRESH_INTERVAL = 1.0
"""Seconds between two checks for builds started by a magic, in another panel or by another process."""

INSERT_TIMEOUT = 5.0
"""Seconds to wait for the page to insert the cell before the JavaScript output is removed."""


class PanelForm:
    """The widgets of one panel and their event handlers; created by `ImagePanel.form`.

    `widget` is the root. `of_magics` returns the cluster that a cell without `--cluster` uses.
    """

    def __init__(
        self, context: PanelContext, settings: Settings, record: NotebookRecord, of_magics: Callable[[], Target | None]
    ) -> None:
        self.context = context
        self.record = record
        self._timeout = settings.timeout_hours * 3600
        self._magics_target = of_magics
        self._closed = False
        self._correction: Correction | None = None
        endpoint = context.target.endpoint if context.target else settings.endpoint_url
        self.cluster_picker = ClusterPicker(context, endpoint, settings, self._set_target)
        self.fields = Form(context)
        self.active_builds = ActiveBuilds(context, self._on_state, self._on_end)
        self.images = ImageList(
            context,
            known=self._on_images,
            use=self._use,
            edit=self._edit,
            enable=self._enable,
            delete=self._delete,
        )
        self.history = HistoryList(context, fill=self._fill_from_record, follow=self._follow, changed=self.images.read)
        self._make_buttons()
        as_cell = with_class(column(self.cell), "cell-text")
        pages = {IMAGES: self.images.widget, HISTORY: self.history.widget, "Equivalent cell": as_cell}
        self.pages = Tabs(context, pages, self.history.read)  # another process may have added builds
        self.widget = self._layout()
        route_to_subshell(self.widget)  # after all widgets exist, since each one has a comm
        context.in_background(self._watch())
        self._set_target(context.target)  # last, since it uses all parts

    def _make_buttons(self) -> None:
        self.check = button("Check", "Check that these requirements would install; sends nothing to Azure")
        self.plan = HTML()
        self.apply = link_button("Apply", "Put the corrected requirements into the form; sends nothing to Azure")
        self.create = button(
            "Build image", "Build the image, or replace the one with this name", button_style="primary"
        )
        self.question = ConfirmDialog(self.context)
        self.insert = link_button("Insert as cell", "Insert the equivalent cell into the notebook")
        self.cell = text_widget(kind="code")
        self.inserter = with_class(Output(), "inserter")
        self.inserted = text_widget()
        self.context.on_click(self.check, self._check)
        self.context.on_click(self.apply, self._apply)
        self.context.on_click(self.create, self._create)
        self.context.on_click(self.insert, self._insert)
        typed = [self.fields.base, self.fields.name, self.fields.requirements]
        self.context.on_typing(typed, self._show_cell)
        for field in typed:
            self.context.on_change(field, self._on_typing)
        self._show_cell()
        self._show_plan(None)

    def _layout(self) -> VBox:
        title = HTML(f"{style_sheet()}<h3>New sandbox image</h3>")
        header = with_class(row(title, self.cluster_picker.summary, self.cluster_picker.change), "header")
        buttons = with_class(row(self.check, self.create, self.insert, self.inserter), "buttons")
        messages = (self.question.widget, self.context.errors, self.inserted)
        answers = with_class(column(*messages, row(heading("Check"), self.apply), self.plan), "answers")
        progress = with_class(self.active_builds.widget, "builds")
        left = with_class(column(self.fields.widget, buttons), "inputs")
        right = with_class(column(answers, progress), "results")
        columns = with_class(Box([left, right]), "columns")
        whole = with_class(column(header, self.cluster_picker.fields, columns, self.pages.widget), "panel")
        whole.layout.width = "auto"
        return VBox([whole], layout=Layout(width="100%"))

    def close(self) -> None:
        """Close every widget, in the kernel and in the page."""
        self._closed = True
        self.active_builds.clear()
        close_all(self.widget)

    # ── button handlers ──────────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        spec, target = self.fields.spec(), self.context.require_target()
        set_text(self.plan, CHECKING, kind="muted")
        self.context.run_task(
            [self.check],
            lambda: self.context.builds.check(target, spec),
            lambda report: self._show_plan(report, spec.requirements),
            lambda: self._show_plan(None),
        )

    def _apply(self) -> None:
        if self._correction is not None:
            self.fields.fill(requirements=self._correction.text)

    def _on_typing(self) -> None:
        self._show_plan(None)
        self.question.hide()

    def _show_plan(self, report: PreflightReport | None, checked: str = "") -> None:
        """Show a report on the requirements `checked`, or that none were checked."""
        correction = report.correction if report is not None and report.verdict is Verdict.CONFLICT else None
        self._correction = correction if checked == self.fields.text() else None  # other text may have been typed
        set_visible(self.apply, self._correction is not None)
        set_html(self.plan, text_html(NOT_CHECKED, "muted") if report is None else check_html(report))

    def _create(self) -> None:
        self.fields.show_missing()
        name, spec = self.fields.read()
        target = self.context.require_target()

        def submit(*, protect_active: bool) -> None:
            options = BuildOptions(protect_active=protect_active, timeout=self._timeout)
            self._send(self._set_create_busy, BuildRequest(Action.BUILD, target, name, spec, options))

        warning = self.images.warning(name)
        if warning or not spec.has_packages:
            question = _question_before_build(name, spec, warning)
            self.question.show(question, self.create, lambda: submit(protect_active=not warning))
        else:
            # the list may be outdated, so the build manager checks again before it sends anything
            submit(protect_active=True)

    def _set_create_busy(self, busy: bool) -> None:
        set_enabled([self.create], on=not busy)

    def _set_image_busy(self, name: str) -> Callable[[bool], None]:
        return lambda busy: self.images.set_busy(name, on=busy)

    def _enable(self, name: str) -> None:
        options = BuildOptions(timeout=self._timeout)
        request = BuildRequest(Action.ENABLE, self.context.require_target(), name, options=options)
        self._send(self._set_image_busy(name), request)

    def _delete(self, name: str, warned: bool) -> None:
        options = BuildOptions(protect_active=not warned, timeout=self._timeout)
        request = BuildRequest(Action.DELETE, self.context.require_target(), name, options=options)
        self._send(self._set_image_busy(name), request)

    def _follow(self, record: BuildRecord) -> None:
        timeout = self._timeout
        self._start(lambda _busy: None, lambda: self.context.builds.attach(record.target, record.name, timeout=timeout))

    def _send(self, set_busy: Callable[[bool], None], request: BuildRequest) -> None:
        self._start(set_busy, lambda: self.context.builds.start(request))

    def _start(self, set_busy: Callable[[bool], None], start: Callable[[], Build]) -> None:
        """Call `start` and show the build; `set_busy` disables its button until the service accepts or refuses it."""
        set_busy(True)
        try:
            build = start()
        except Exception:  # nothing was started, so the button must work again
            set_busy(False)
            raise

        def enable_when_accepted(_change: object = None) -> None:
            if build.ended or build.operation.state not in NOT_STARTED:
                set_busy(False)

        def show_report(_change: object = None) -> None:
            if build.report is not None:
                self._show_plan(build.report, build.request.spec.requirements if build.request.spec else "")

        build.observe(enable_when_accepted, ["operation", "ended"])
        build.observe(show_report, "report")
        show_report()  # the build may have changed before the observers were registered
        enable_when_accepted()
        self.record.show(build)
        self.active_builds.add(build, is_own=True)
        self.history.read()

    def _insert(self) -> None:
        name, spec = self.fields.read()
        insert_cell(cell_text(name, spec, self.context.target, self._magics_target()), self.inserter)
        set_text(self.inserted, "The cell is inserted below this one. If none appears, copy the equivalent cell below.")
        self.context.in_background(self._clear_insertion())

    async def _clear_insertion(self) -> None:
        await self.context.clock.sleep(INSERT_TIMEOUT)
        clear_insertion(self.inserter)
        set_text(self.inserted, "")

    # ── filling the fields ───────────────────────────────────────────────────────────────────────────────────

    def _use(self, image: Image) -> None:
        self.fields.fill(base=image.name)

    def _edit(self, image: Image) -> None:
        self.fields.fill(image.name, image.base_label, redact(image.requirements))  # the notebook stores the fields

    def _fill_from_record(self, record: BuildRecord) -> None:
        spec = record.request.spec
        base = (spec.base_image or spec.python_version or "") if spec else ""
        self.fields.fill(record.name, base, record.requirements)

    def _show_cell(self) -> None:
        try:
            name, spec = self.fields.read()
        except InvalidInputError as error:
            set_text(
                self.cell,
                "\n".join(["Fix first:", *(f"  {problem.text(PANEL)}" for problem in error.problems)]),
                kind="code",
            )
            return
        set_text(self.cell, cell_text(name, spec, self.context.target, self._magics_target()), kind="code")

    # ── updates from the build manager ───────────────────────────────────────────────────────────────────────

    def _set_target(self, target: Target | None) -> None:
        """Switch every part of the panel to another cluster."""
        self.context.target = target
        self.cluster_picker.update_summary()
        self.active_builds.clear()
        self.images.clear()
        self.history.read()
        self._show_cell()
        if target is not None:
            self.active_builds.refresh()
            self.images.read()

    def _on_images(self, images: Sequence[Image] | None) -> None:
        self.fields.set_images(images)
        self.pages.rename(IMAGES, IMAGES if images is None else f"{IMAGES} ({len(images)})")

    def _on_state(self, state: BuildState) -> None:
        if state in ACCEPTED_STATES:
            self.images.read()
        self.history.read()

    def _on_end(self, build: Build) -> None:
        if build.action is Action.BUILD and isinstance(build.error, KustoImageError):
            self._explain(build.name, build.error)
        if build.error is None or isinstance(build.error, BuildError | InUseError):
            self.images.read()
        self.history.read()

    def _explain(self, name: str, error: KustoImageError) -> None:
        if self.fields.name.value.strip().lower() == name.lower():  # another image may have been typed meanwhile
            self.fields.explain(error)

    async def _watch(self) -> None:
        while not self._closed:
            with self.context.guarded():  # one failure must not end the loop
                self.active_builds.refresh()
                self.history.read_if_changed()
            await self.context.clock.sleep(REFRESH_INTERVAL)


def _question_before_build(name: str, spec: ImageSpec, warning: str) -> Question:
    """Return the question before an image is replaced that queries may use, or one is built without packages."""
    alone = "" if spec.has_packages else f"No packages are listed: the image is {spec.base_label} alone."
    if warning:
        return Question(f"Replace image {name}?", f"{warning} {alone}".rstrip(), "Replace")
    return Question(f"Build image {name} without packages?", alone, "Build image", "Cancel", is_dangerous=False)
