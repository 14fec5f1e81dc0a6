"""The images on the cluster, with the actions on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import Button

from kusto_magic.arm.client import ImagesClient
from kusto_magic.builds.actions import is_being_enabled_here
from kusto_magic.display.verification_table import verification_table
from kusto_magic.models.cluster import ActiveImage, PythonOff, PythonState, UnknownImage
from kusto_magic.models.cluster_contents import NOTHING_READ, ClusterContents
from kusto_magic.models.image import NO_PACKAGES, Image
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.verification import Verification, direct_names
from kusto_magic.panel.details import Details, DetailsAction
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.markup import badge, chip, count_text, text_html
from kusto_magic.panel.table import RowAction, RowView, Table
from kusto_magic.panel.tasks import ConfirmDialog, PanelContext, Question
from kusto_magic.panel.widgets import column, link_button, row, set_text, text_widget, with_class
from kusto_magic.queries.verify import VerifyOptions, require_success
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser

ACTIVE_WARNING = "Queries currently use this image."
ENABLING_WARNING = "This image is being enabled for queries."
UNKNOWN_WARNING = "Queries may use this image; which image they use is unknown: "

NOT_READ = UnknownImage("the images have not been read")
"""State of Python before the first read."""

EMPTY = "No images yet. Fill in the form and press Build image."
"""What to do on a cluster without custom images."""

HEAD = ("Name", "Status", "Base image", "Packages")
SHOW, EDIT, USE, ENABLE, VERIFY, DELETE = "Show details", "Edit", "Use as base", "Enable…", "Verify", "Delete…"


class ImageList:
    """The images of the cluster, with the actions show, edit, use as base, enable, verify and delete.

    Below them is the managed image that queries use, with the actions use as base and verify.

    `known` is called with the images after each read and with None while they are not known; `edit` and `use` with an
    image; `enable` and `delete` with its name after the user has confirmed, `delete` also with whether a warning said
    that queries use it or may use it. `active` is what queries run on, according to the last read.
    """

    def __init__(
        self,
        context: PanelContext,
        *,
        known: Callable[[Sequence[Image] | None], None],
        use: Callable[[Image], None],
        edit: Callable[[Image], None],
        enable: Callable[[str], None],
        delete: Callable[[str, bool], None],
    ) -> None:
        self._context = context
        self._on_images = known
        self._enable = enable
        self._delete = delete
        self._busy: set[str] = set()
        self._shown = ""
        self.images: Sequence[Image] | None = None
        self._managed = ""
        self.active: PythonState = NOT_READ
        self._contents = NOTHING_READ
        actions: tuple[RowAction[Image], ...] = (
            RowAction(SHOW, "Show the details of image {}", self._show),
            RowAction(EDIT, "Copy image {} to the form", lambda image, _button: edit(image)),
            RowAction(USE, "Use {} as the base image in the form", lambda image, _button: use(image)),
            RowAction(ENABLE, "Let queries use image {}; asks for confirmation", self._ask_to_enable),
            RowAction(VERIFY, "Query the cluster for what image {} holds; nothing is changed", self._verify),
            RowAction(DELETE, "Delete image {}; asks for confirmation", self._ask_to_delete),
        )
        self.table = Table(context, HEAD, actions, name=lambda image: image.name, describe=self._describe)
        self.state = text_widget()
        self.refresh = link_button("Refresh", "Read the images from the service again")
        self.question = ConfirmDialog(context)
        self.details = Details(context, lambda: self._mark(""))
        bar = with_class(row(self.state, self.table.tools, self.refresh), "bar")
        self.widget = with_class(column(bar, self.table.widget, self.question.widget, self.details.widget), "images")
        context.on_click(self.refresh, self.read)

    def read(self) -> None:
        """Read the images from the service. Raises KustoImageError if no cluster is selected."""
        target = self._context.require_target()
        set_text(self.state, "Reading images …")

        def on_result(found: tuple[Sequence[Image], PythonState, ClusterContents]) -> None:
            if target == self._context.target:  # another cluster may have been selected while the request ran
                images, self.active, self._contents = found
                self._show_images(sorted(images, key=lambda image: image.name.lower()))

        async def read(client: ImagesClient) -> tuple[Sequence[Image], PythonState, ClusterContents]:
            images, active = await client.list_with_active()
            return images, active, await asyncio.to_thread(self._context.builds.contents.read, target)

        def submit() -> Future[tuple[Sequence[Image], PythonState, ClusterContents]]:
            return self._context.builds.submit(target, read)

        self._context.run_task(
            [self.refresh], submit, on_result, lambda: set_text(self.state, "The images could not be read.")
        )

    def clear(self) -> None:
        """Remove all images, because another cluster was selected."""
        self.active = NOT_READ
        self._busy.clear()
        self._show_images(None)
        self.question.hide()

    def set_busy(self, name: str, *, on: bool) -> None:
        """Disable the actions that change an image until its request is accepted or refused."""
        (self._busy.add if on else self._busy.discard)(name)
        self.table.refresh()

    def is_active(self, name: str) -> bool:
        """Return whether queries are known to use this image, according to the last read."""
        return isinstance(self.active, ActiveImage) and self.active.is_named(name)

    def warning(self, name: str) -> str:
        """Return the warning to confirm before this image changes, or "" if queries are not known to use it."""
        if self.is_active(name):
            return ACTIVE_WARNING
        builds, target = self._context.builds, self._context.require_target()
        # Not those of other processes: reading the history could block the kernel. The build manager checks them.
        if is_being_enabled_here(builds.registry, target, name, self._context.clock.wall()):
            return ENABLING_WARNING
        exists = any(image.name.lower() == name.lower() for image in self.images or ())
        return (
            f"{UNKNOWN_WARNING}{self.active.reason.removesuffix('.')}."
            if exists and isinstance(self.active, UnknownImage)
            else ""
        )

    def _show_images(self, images: Sequence[Image] | None) -> None:
        self.images = images
        active = self.active.name if isinstance(self.active, ActiveImage) else ""
        self._managed = active if active in MANAGED_IMAGES else ""
        listed = [*(images or ()), *([Image(self._managed)] if self._managed else [])]
        set_text(self.state, "Not read yet." if images is None else self._state_text())
        self.table.show(listed, "" if images is None else EMPTY)
        if self._shown and self._shown not in {image.name for image in listed}:
            self.details.hide()
        self._on_images(images)

    def _state_text(self) -> str:
        """Return what queries use, and what to do on a cluster that has only a managed image."""
        text = _python_text(self.active)
        return f"{text} {EMPTY}" if self._managed and not self.images else text

    def _describe(self, image: Image) -> RowView:
        name = text_html(image.name, "name", title=image.name)
        active = chip("active", "Queries use this image") if self.is_active(image.name) else ""
        if image.name == self._managed:
            return self._describe_managed(name, active)
        base = text_html(image.base_label, title=image.base_label)
        packages = text_html(str(len(parser.read(image.requirements).packages)))
        cells = (name + active, self._state(image), base, packages)
        changes = (ENABLE, DELETE) if image.name in self._busy else ()
        unneeded = ENABLE if self.is_active(image.name) else VERIFY
        return RowView(cells, disabled=(*changes, unneeded), is_marked=image.name == self._shown)

    def _describe_managed(self, name: str, active: str) -> RowView:
        packages = text_html(str(len(self._contents.base(self._managed).packages)))
        cells = (name, active, text_html("managed image"), packages)  # it has no state
        return RowView(cells, absent=(SHOW, EDIT, ENABLE, DELETE), is_marked=self._managed == self._shown)

    def _state(self, image: Image) -> str:
        """Return the state of a build that this process polls, which is newer, or else that of the image."""
        build = self._context.builds.running(self._context.require_target(), image.name)
        if build is not None and not build.ended:
            return badge(build.state, build.state.outcome)
        return badge(image.shown_state, image.shown_state.outcome)

    def _show(self, image: Image, _button: Button) -> None:
        target, name = self._context.require_target(), image.name

        def on_result(image: Image) -> None:
            # Read here, on the background thread: a slow disk must not block the kernel.
            message = next((record.message for record in self._context.builds.history.of_image(target, name, 1)), "")
            self.details.show(f"Image {name}", _rows(image, self._active_text(name), message))
            self._mark(name)

        self._context.run_task(
            [self.refresh], lambda: self._context.builds.submit(target, lambda client: client.get(name)), on_result
        )

    def _verify(self, image: Image, _button: Button) -> None:
        self._query(image.name, VerifyOptions())

    def _query(self, name: str, options: VerifyOptions) -> None:
        """Query the cluster for what the active image holds, and show that in the details."""
        target = self._context.require_target()
        time = "Importing packages can take minutes" if options.imports else "A new sandbox takes 10 to 15 seconds"
        set_text(self.state, f"Querying {target.cluster} … {time}.")

        tooltip = "Query again, and also import the packages that the requirements name"
        importing = DetailsAction(
            "Import the packages", tooltip, lambda: self._query(name, VerifyOptions(imports=True))
        )

        def restore() -> None:
            if target == self._context.target:
                set_text(self.state, self._state_text())

        def on_result(found: Verification) -> None:
            if target != self._context.target:  # another cluster was selected while the query ran
                return
            restore()
            table = verification_table(found, target)
            rows = [(label.shown, value.shown) for label, value in table.rows]
            notes = [("Note", note) for note in table.notes]
            has_imports = not options.imports and bool(direct_names(found.expectation.packages))
            self.details.show(table.caption, [*rows, *notes], importing if has_imports else None)
            self._mark(name)
            require_success(found)  # the error says what to do

        self._context.run_task(
            [self.refresh, self.details.button],
            lambda: self._context.builds.verify(target, name, options),
            on_result,
            restore,
        )

    def _mark(self, name: str) -> None:
        self._shown = name
        self.table.refresh()

    def _ask_to_delete(self, image: Image, opener: Button) -> None:
        name, where = image.name, self._context.require_target().cluster
        warning = self.warning(name)
        text = f"{warning} Queries on {where} that use it will fail. This cannot be undone.".lstrip()
        question = Question(f"Delete image {name}?", text, "Delete")
        self.question.show(question, opener, lambda: self._delete(name, bool(warning)))

    def _ask_to_enable(self, image: Image, opener: Button) -> None:
        name, where = image.name, self._context.require_target().cluster
        instead = f" instead of {self.active}" if isinstance(self.active, ActiveImage) else ""
        text = f"Queries on {where} that use Python will run on it{instead}. This takes up to an hour."
        question = Question(f"Enable image {name}?", text, "Enable", "Cancel", is_dangerous=False)
        self.question.show(question, opener, lambda: self._enable(name))

    def _active_text(self, name: str) -> str:
        if isinstance(self.active, UnknownImage):
            return "unknown"
        return "yes, queries use it" if self.is_active(name) else "no"


def _python_text(python: PythonState) -> str:
    match python:
        case ActiveImage(name):
            return f"Queries use {name}."
        case PythonOff():
            return "python() is disabled."
        case UnknownImage() as unknown:
            return unknown.text(PANEL)


def _rows(image: Image, active: str, message: str) -> list[tuple[str, str]]:
    packages = count_text(len(parser.read(image.requirements).packages), "package")
    return [
        ("Status", image.shown_state),
        ("Active", active),
        ("Base image", image.base_label),
        ("Language", image.language),
        ("Packages", packages),
        ("Last message", redact(message)),
        ("Requirements", redact(image.requirements).rstrip() or NO_PACKAGES),
    ]
