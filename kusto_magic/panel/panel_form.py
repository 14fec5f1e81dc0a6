"""The form of the panel: its parts, their layout and their event handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import HTML, Button, Layout, Output, ToggleButtons, VBox

from kusto_magic.builds.build import Build
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.display import preflight_report
from kusto_magic.display.cell_text import cell_text
from kusto_magic.errors import BuildError, InUseError, InvalidInputError
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import NOT_STARTED, BuildState
from kusto_magic.models.image import Image
from kusto_magic.models.target import Target
from kusto_magic.panel.build_list import ActiveBuilds
from kusto_magic.panel.cell_inserter import clear_insertion, insert_cell
from kusto_magic.panel.cluster_picker import ClusterPicker
from kusto_magic.panel.form import Form
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.history_list import HistoryList
from kusto_magic.panel.image_list import ImageList
from kusto_magic.panel.notebook_record import NotebookRecord
from kusto_magic.panel.tasks import ConfirmDialog, PanelContext
from kusto_magic.panel.widgets import (
    button,
    column,
    descendants,
    heading,
    route_to_subshell,
    row,
    set_enabled,
    set_text,
    set_visible,
    text_widget,
)
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.redaction import redact
from kusto_magic.settings import Settings

ACCEPTED_STATES = frozenset(info.working_state for info in ACTIONS.values() if info.changes_image)
"""States that show that the service accepted the request, so that the list of images has changed."""

STYLE = """<style>
.kusto-image-panel .widget-label { text-align: left; white-space: normal; height: auto; overflow: visible; }
.kusto-image-panel .widget-select select { flex: none; height: auto; }
.kusto-image-panel p, .kusto-image-panel ul { margin: 0.2rem 2px; }
</style>"""
"""CSS that ipywidgets' Layout cannot express: labels above their fields, left-aligned and never truncated."""

REFRESH_INTERVAL = 1.0
"""Seconds between two checks for builds started in this process by a magic or in another panel."""

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
        endpoint = context.target.endpoint if context.target else settings.endpoint_url
        self.cluster_picker = ClusterPicker(context, endpoint, settings, self._set_target)
        self.fields = Form(context)
        self.active_builds = ActiveBuilds(context, self._on_state, self._on_end)
        self.images = ImageList(
            context,
            known=self.fields.set_images,
            use=self._use,
            edit=self._edit,
            enable=self._enable,
            delete=self._delete,
        )
        self.history = HistoryList(context, fill=self._fill_from_record, follow=self._follow)
        self._make_buttons()
        self._make_pages()
        self.widget = self._layout()
        route_to_subshell(self.widget)  # after all widgets exist, since each one has a comm
        context.in_background(self._watch())
        self._set_target(context.target)  # last, since it uses all parts

    def _make_buttons(self) -> None:
        self.check = button("Check", "Check that these requirements would install; sends nothing to Azure")
        self.plan = HTML()
        self.create = button("Create", "Build the image, or replace the one with this name", button_style="primary")
        self.question = ConfirmDialog(self.context)
        self.insert = button("Insert as cell", "Insert the equivalent cell into the notebook")
        self.cell = text_widget(code=True)
        self.inserter = Output()
        self.inserted = text_widget()
        self.context.on_click(self.check, self._check)
        self.context.on_click(self.create, self._create)
        self.context.on_click(self.insert, self._insert)
        typed = [self.fields.base, self.fields.name, self.fields.requirements]
        self.context.on_typing(typed, self._show_cell)
        for field in typed:
            self.context.on_change(field, self._on_typing)
        self._show_cell()

    def _make_pages(self) -> None:
        names = ("Images", "History", "As a cell")
        as_cell = column(heading("Equivalent cell"), self.cell, row(self.insert), self.inserted, self.inserter)
        self._pages = dict(zip(names, (self.images.widget, self.history.widget, as_cell), strict=True))
        tooltips = ["Images on the cluster", "Builds started on this machine", "The equivalent cell"]
        layout = Layout(margin="1rem 0 0 0")
        self.choice = ToggleButtons(options=names, tooltips=tooltips, style={"button_width": "auto"}, layout=layout)
        self.context.on_change(self.choice, self._show_page)
        self._show_page()

    def _layout(self) -> VBox:
        title = HTML(f"{STYLE}<h3 style='margin: 0'>Sandbox custom images</h3>")
        buttons = row(self.check, self.create)
        answers = (buttons, self.question.widget, self.context.errors, self.plan, self.active_builds.widget)
        whole = column(
            title, self.cluster_picker.widget, self.fields.widget, *answers, self.choice, *self._pages.values()
        )
        whole.layout.padding = "0.5rem"
        whole.layout.max_width = "60rem"
        whole.add_class("kusto-image-panel")
        return whole

    def _show_page(self) -> None:
        for name, page in self._pages.items():
            set_visible(page, name == self.choice.value)
        self.history.read()  # another process may have added builds

    def close(self) -> None:
        """Close every widget, in the kernel and in the page."""
        self._closed = True
        self.active_builds.clear()
        for widget in list(descendants(self.widget)):
            widget.layout.close()  # closing a widget does not close its layout model
            widget.close()

    # ── button handlers ──────────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        spec, target = self.fields.spec(), self.context.require_target()
        self.plan.value = "<p role='status'>• Checking …</p>"
        self.context.run_task(
            [self.check],
            lambda: self.context.builds.check(target, spec),
            self._show_plan,
            lambda: self._show_plan(None),
        )

    def _on_typing(self) -> None:
        self._show_plan(None)
        self.question.hide()

    def _show_plan(self, report: PreflightReport | None) -> None:
        self.plan.value = "" if report is None else f"<div role='status'>{preflight_report.html(report, PANEL)}</div>"

    def _create(self) -> None:
        name, spec = self.fields.read()
        target = self.context.require_target()

        def submit(*, protect_active: bool) -> None:
            options = BuildOptions(protect_active=protect_active, timeout=self._timeout)
            self._send([self.create], BuildRequest(Action.BUILD, target, name, spec, options))

        question = "" if spec.has_packages else f"No packages: the image is {spec.base_label} alone. "
        if warning := self.images.warning(name):
            question += f"Replace image {name} on cluster {target.cluster}? {warning}"
            self.question.show(question, "Yes, replace", lambda: submit(protect_active=False))
        elif question:
            question += f"Create image {name} on cluster {target.cluster}?"
            self.question.show(question, "Yes, create", lambda: submit(protect_active=True))
        else:
            # the list may be outdated, so the build manager checks again before it sends anything
            submit(protect_active=True)

    def _enable(self, name: str) -> None:
        options = BuildOptions(timeout=self._timeout)
        request = BuildRequest(Action.ENABLE, self.context.require_target(), name, options=options)
        self._send([self.images.enable], request)

    def _delete(self, name: str, warned: bool) -> None:
        options = BuildOptions(protect_active=not warned, timeout=self._timeout)
        request = BuildRequest(Action.DELETE, self.context.require_target(), name, options=options)
        self._send([self.images.delete], request)

    def _follow(self, record: BuildRecord) -> None:
        timeout = self._timeout
        self._start([], lambda: self.context.builds.attach(record.target, record.name, timeout=timeout))

    def _send(self, buttons: Sequence[Button], request: BuildRequest) -> None:
        self._start(buttons, lambda: self.context.builds.start(request))

    def _start(self, buttons: Sequence[Button], start: Callable[[], Build]) -> None:
        """Call `start` and show the build; `buttons` are disabled until the service accepts or refuses the request."""
        set_enabled(buttons, on=False)
        try:
            build = start()
        except Exception:  # nothing was started, so the button must work again
            set_enabled(buttons, on=True)
            raise

        def enable_when_accepted(_change: object = None) -> None:
            if build.ended or build.operation.state not in NOT_STARTED:
                set_enabled(buttons, on=True)

        def show_report(_change: object = None) -> None:
            if build.report is not None:
                self._show_plan(build.report)

        build.observe(enable_when_accepted, ["operation", "ended"])
        build.observe(show_report, "report")
        show_report()  # the build may have changed before the observers were registered
        enable_when_accepted()
        self.record.show(build)
        self.active_builds.add(build)
        self.history.read()

    def _insert(self) -> None:
        name, spec = self.fields.read()
        insert_cell(cell_text(name, spec, self.context.target, self._magics_target()), self.inserter)
        set_text(self.inserted, "The cell is inserted below this one. If none appears, copy the text above into one.")
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
                code=True,
            )
            return
        set_text(self.cell, cell_text(name, spec, self.context.target, self._magics_target()), code=True)

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

    def _on_state(self, state: BuildState) -> None:
        if state in ACCEPTED_STATES:
            self.images.read()
        self.history.read()

    def _on_end(self, build: Build) -> None:
        if build.error is None or isinstance(build.error, BuildError | InUseError):
            self.images.read()
        self.history.read()

    async def _watch(self) -> None:
        while not self._closed:
            with self.context.guarded():  # one failure must not end the loop
                self.active_builds.refresh()
            await self.context.clock.sleep(REFRESH_INTERVAL)
