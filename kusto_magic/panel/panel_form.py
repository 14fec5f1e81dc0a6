"""The form of the panel: its widgets, wired together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import HTML, Button, Layout, Output, ToggleButtons, VBox

from kusto_magic.builds.build import Build
from kusto_magic.builds.record import BuildRecord
from kusto_magic.display import preflight_report as plan
from kusto_magic.errors import BuildError, InvalidInput
from kusto_magic.export import cell_text
from kusto_magic.models.action import NOT_BEGUN, Phase
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.image import Image
from kusto_magic.models.target import Target
from kusto_magic.panel.build_list import GoingOn
from kusto_magic.panel.cell_inserter import forget, insert
from kusto_magic.panel.cluster_picker import Place
from kusto_magic.panel.form import Form
from kusto_magic.panel.history_list import Earlier
from kusto_magic.panel.image_list import RUNS_ON_IT, ImageList
from kusto_magic.panel.notebook_record import Record
from kusto_magic.panel.tasks import Question, Work
from kusto_magic.panel.widgets import answer_at_once, button, column, heading, row, say, switch, visible, within, words
from kusto_magic.preflight.report import Forecast
from kusto_magic.settings import Settings

ACCEPTED = frozenset({Phase.BUILDING, Phase.DELETING})


STYLE = """<style>
.kusto-image-panel .widget-label { text-align: left; white-space: normal; height: auto; overflow: visible; }
.kusto-image-panel .widget-select select { flex: none; height: auto; }
.kusto-image-panel p, .kusto-image-panel ul { margin: 0.2rem 2px; }
</style>"""
"""What ipywidgets' Layout cannot say: labels above their fields begin where the field begins, and are never cut."""


LOOK = 1.0
"""Seconds between two looks at what this process follows: a build begun by a magic or in another panel."""


INSERTING = 5.0
"""Seconds after which the page has put a cell into the notebook, or never will."""


class PanelForm:
    """The widgets of one panel, wired together. `widget` is all of it; made by `ImagePanel.form`.

    `of_magics` returns the cluster that a cell means which names none.
    """

    def __init__(self, work: Work, settings: Settings, record: Record, of_magics: Callable[[], Target | None]) -> None:
        self.work = work
        self.record = record
        self._limit = settings.limit_hours * 3600
        self._of_magics = of_magics
        self._closed = False
        endpoint = work.target.endpoint if work.target else _endpoint_of(settings)
        self.place = Place(work, endpoint, settings, self._move)
        self.fields = Form(work)
        self.going_on = GoingOn(work, self._moved_on, self._ended)
        self.images = ImageList(
            work,
            known=self.fields.know,
            use=self._use,
            edit=self._edit,
            enable=self._enable,
            delete=self._delete,
        )
        self.earlier = Earlier(work, fill=self._fill_again, follow=self._follow)
        self._make_buttons()
        self._make_choice()
        self.widget = self._laid_out()
        answer_at_once(self.widget)
        work.in_background(self._watch())
        self._move(work.target)

    def _make_buttons(self) -> None:
        self.check = button("Check", "Ask whether these requirements would install; sends nothing to Azure")
        self.plan = HTML()
        self.create = button("Create", "Make the image, or replace the one of this name", button_style="primary")
        self.question = Question(self.work)
        self.insert = button("Insert as cell", "Put the cell that does the same into the notebook")
        self.cell = words(code=True)
        self.inserter = Output()
        self.inserted = words()
        self.work.on_click(self.check, self._check)
        self.work.on_click(self.create, self._create)
        self.work.on_click(self.insert, self._insert)
        typed = [self.fields.base, self.fields.name, self.fields.requirements]
        self.work.on_typing(typed, self._show_cell)
        for field in typed:
            self.work.on_change(field, self._typed)
        self._show_cell()

    def _make_choice(self) -> None:
        names = ("Images", "History", "As a cell")
        as_cell = column(heading("The same as a cell"), self.cell, row(self.insert), self.inserted, self.inserter)
        self._pages = dict(zip(names, (self.images.widget, self.earlier.widget, as_cell), strict=True))
        tooltips = ["The images of the cluster", "What was begun from here", "The cell that does the same"]
        layout = Layout(margin="1rem 0 0 0")
        self.choice = ToggleButtons(options=names, tooltips=tooltips, style={"button_width": "auto"}, layout=layout)
        self.work.on_change(self.choice, self._turn)
        self._turn()

    def _laid_out(self) -> VBox:
        title = HTML(f"{STYLE}<h3 style='margin: 0'>Sandbox custom images</h3>")
        buttons = row(self.check, self.create)
        answers = (buttons, self.question.widget, self.work.errors, self.plan, self.going_on.widget)
        whole = column(title, self.place.widget, self.fields.widget, *answers, self.choice, *self._pages.values())
        whole.layout.padding = "0.5rem"
        whole.layout.max_width = "60rem"
        whole.add_class("kusto-image-panel")
        return whole

    def _turn(self) -> None:
        for name, page in self._pages.items():
            visible(page, name == self.choice.value)
        self.earlier.read()  # another process may have begun something

    def close(self) -> None:
        """Take every widget away."""
        self._closed = True
        self.going_on.forget()
        for widget in list(within(self.widget)):
            widget.layout.close()
            widget.close()

    # ── what the buttons do ──────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        spec, target = self.fields.spec(), self.work.chosen()
        self.plan.value = "<p role='status'>⏳ asking the package index …</p>"
        ask = self.work.ask
        ask([self.check], lambda: self.work.builds.check(target, spec), self._show_plan, lambda: self._show_plan(None))

    def _typed(self) -> None:
        self._show_plan(None)
        self.question.withdraw()

    def _show_plan(self, forecast: Forecast | None) -> None:
        self.plan.value = "" if forecast is None else f"<div role='status'>{plan.html(forecast)}</div>"

    def _create(self) -> None:
        name, spec = self.fields.read()
        target = self.work.chosen()

        def begin(*, spare_active: bool) -> None:
            start = self.work.builds.start
            self._begin([self.create], lambda: start(target, name, spec, spare_active=spare_active, limit=self._limit))

        if self.images.is_active(name):
            text = f"Replace image {name} of cluster {target.cluster}? {RUNS_ON_IT}"
            self.question.ask(text, "Yes, replace", lambda: begin(spare_active=False))
        else:
            begin(spare_active=True)

    def _enable(self, name: str) -> None:
        target = self.work.chosen()
        self._begin([self.images.enable], lambda: self.work.builds.enable(target, name))

    def _delete(self, name: str) -> None:
        target = self.work.chosen()
        self._begin([self.images.delete], lambda: self.work.builds.delete(target, name))

    def _follow(self, record: BuildRecord) -> None:
        limit = self._limit
        self._begin([], lambda: self.work.builds.attach(record.target, record.image, limit=limit))

    def _begin(self, buttons: Sequence[Button], begin: Callable[[], Build]) -> None:
        """Begin something with the buttons off, until the service has taken it on or refused it; show how it goes."""
        switch(buttons, on=False)
        try:
            build = begin()
        except Exception:
            switch(buttons, on=True)
            raise

        def on_again(_change: object = None) -> None:
            if build.ended or build.operation.phase not in NOT_BEGUN:
                switch(buttons, on=True)

        def checked(_change: object = None) -> None:
            if build.forecast is not None:
                self._show_plan(build.forecast)

        build.observe(on_again, ["operation", "ended"])
        build.observe(checked, "forecast")
        checked()
        on_again()
        self.record.show(build)
        self.going_on.add(build)
        self.earlier.read()

    def _insert(self) -> None:
        name, spec = self.fields.read()
        insert(cell_text(name, spec, self.work.target, self._of_magics()), self.inserter)
        say(self.inserted, "The cell is put below this one. Where none appears, copy the text above into one.")
        self.work.in_background(self._forget_insertion())

    async def _forget_insertion(self) -> None:
        await self.work.clock.sleep(INSERTING)
        forget(self.inserter)
        say(self.inserted, "")

    # ── what is filled in ────────────────────────────────────────────────────────────────────────────────────

    def _use(self, image: Image) -> None:
        self.fields.fill(base=image.name)

    def _edit(self, image: Image) -> None:
        self.fields.fill(image.name, image.foundation, image.requirements)

    def _fill_again(self, record: BuildRecord) -> None:
        base = record.base_image or record.python_version or ""
        self.fields.fill(record.image, base, record.requirements)

    def _show_cell(self) -> None:
        try:
            name, spec = self.fields.read()
        except InvalidInput as refused:
            say(
                self.cell,
                "\n".join(["To be mended first:", *(f"  {problem}" for problem in refused.problems)]),
                code=True,
            )
            return
        say(self.cell, cell_text(name, spec, self.work.target, self._of_magics()), code=True)

    # ── what happens by itself ───────────────────────────────────────────────────────────────────────────────

    def _move(self, target: Target | None) -> None:
        """Show another cluster."""
        self.work.target = target
        self.place.tell()
        self.going_on.forget()
        self.images.forget()
        self.earlier.read()
        self._show_cell()
        if target is not None:
            self.going_on.look()
            self.images.read()

    def _moved_on(self, phase: Phase) -> None:
        if phase in ACCEPTED:
            self.images.read()
        self.earlier.read()

    def _ended(self, build: Build) -> None:
        if build.error is None or isinstance(build.error, BuildError):
            self.images.read()
        self.earlier.read()

    async def _watch(self) -> None:
        while not self._closed:
            with self.work.guarded():
                self.going_on.look()
            await self.work.clock.sleep(LOOK)


def _endpoint_of(settings: Settings) -> str:
    return settings.endpoint or CLOUDS[settings.cloud or "public"].endpoint
