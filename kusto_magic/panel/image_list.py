"""The list of images on the cluster, and the actions on the selected one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import Select

from kusto_magic.builds.actions import is_being_enabled_here
from kusto_magic.display.bundle import table
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.models.cluster import ActiveImage, PythonOff, PythonState, UnknownImage
from kusto_magic.models.image import NO_PACKAGES, Image
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.tasks import ConfirmDialog, PanelContext
from kusto_magic.panel.widgets import button, column, heading, labeled, row, set_enabled, set_text, text_widget
from kusto_magic.redaction import redact

ACTIVE_WARNING = "Queries on this cluster currently use it."
ENABLING_WARNING = "It is being enabled for the queries of this cluster."
UNKNOWN_WARNING = "Queries on this cluster may use it; which image they use is unknown: "

NOT_READ = UnknownImage("the images have not been read")
"""State of Python before the first read."""


class ImageList:
    """The images of the cluster, with the actions show, use as base, edit, enable and delete.

    `known` is called with the images after each read and with None while they are not known; `edit` and `use` with the
    selected image; `enable` and `delete` with its name after the user has confirmed, `delete` also with whether a
    warning said that queries use it or may use it. `active` is what queries run on, according to the last read.
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
        self.images: Sequence[Image] | None = None
        self.active: PythonState = NOT_READ
        self.list = labeled(Select, "Image · state · base · active", rows=7)
        self.state = text_widget()
        self.details = text_widget(code=True)
        self.show = button("Show", "Show the selected image as the service returns it")
        self.use = button("Use as base", "Use the selected image as the base of the next build")
        self.edit = button("Edit", "Copy the selected image to the form")
        self.enable = button("Enable…", "Make queries use the selected image; asks for confirmation")
        self.delete = button("Delete…", "Delete the selected image; asks for confirmation")
        self.refresh = button("Refresh", "Read the images from the service again")
        self.question = ConfirmDialog(context)
        buttons = row(self.show, self.use, self.edit, self.enable, self.delete, self.refresh)
        parts = (self.state, self.list, buttons, self.question.widget, self.details)
        self.widget = column(heading("Images on the cluster"), *parts)
        context.on_change(self.list, self._on_selection)
        context.on_click(self.show, self._show)
        context.on_click(self.use, lambda: use(self.selected()))
        context.on_click(self.edit, lambda: edit(self.selected()))
        context.on_click(self.enable, self._ask_to_enable)
        context.on_click(self.delete, self._ask_to_delete)
        context.on_click(self.refresh, self.read)
        self._show_images(None)

    def selected(self) -> Image:
        """Return the image selected in the list."""
        # The buttons are disabled while nothing is selected.
        return next(image for image in self.images or () if image.name == self.list.value)

    def read(self) -> None:
        """Read the images from the service. Raises KustoImageError if no cluster is selected."""
        target = self._context.require_target()
        set_text(self.state, "• Reading images …")

        def on_result(found: tuple[Sequence[Image], PythonState]) -> None:
            if target == self._context.target:  # another cluster may have been selected while the request ran
                self.active = found[1]
                self._show_images(sorted(found[0], key=lambda image: image.name.lower()))

        def submit() -> Future[tuple[Sequence[Image], PythonState]]:
            return self._context.builds.submit(target, lambda client: client.list_with_active())

        self._context.run_task(
            [self.refresh], submit, on_result, lambda: set_text(self.state, "The images could not be read.")
        )

    def clear(self) -> None:
        """Remove all images, because another cluster was selected."""
        self.active = NOT_READ
        self._show_images(None)

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
        selected = self.list.value
        self.images = images
        self.list.options = [(self._line(image), image.name) for image in images or ()]
        if selected in {image.name for image in images or ()}:  # setting the options resets the selection
            self.list.value = selected
        count = len(images or ())
        summary = "No images yet." if count == 0 else f"{count} image{'' if count == 1 else 's'}."
        summary += f" {_python_text(self.active)}"
        set_text(self.state, "Not read yet." if images is None else summary)
        self._on_selection()
        self._on_images(images)

    def _on_selection(self) -> None:
        self.question.hide()
        set_text(self.details, "")
        buttons = [self.show, self.use, self.edit, self.enable, self.delete]
        set_enabled(buttons, on=self.list.value is not None)

    def _show(self) -> None:
        target, name = self._context.require_target(), self.selected().name

        def on_result(image: Image) -> None:
            rows = _rows(image, self._active_text(name))
            set_text(self.details, table(("property", "value"), rows, "")["text/plain"], code=True)

        self._context.run_task(
            [self.show], lambda: self._context.builds.submit(target, lambda client: client.get(name)), on_result
        )

    def _ask_to_delete(self) -> None:
        name, where = self.selected().name, self._context.require_target().cluster
        warning = self.warning(name)
        text = f"Delete image {name} on cluster {where}? This cannot be undone. {warning}".rstrip()
        self.question.show(text, "Yes, delete", lambda: self._delete(name, bool(warning)))

    def _ask_to_enable(self) -> None:
        name, where = self.selected().name, self._context.require_target().cluster
        replaces = isinstance(self.active, ActiveImage) and not self.is_active(name)
        instead = f" instead of {self.active}" if replaces else ""
        text = f"Make queries on cluster {where} use {name}{instead}? This takes up to an hour."
        self.question.show(text, "Yes, enable", lambda: self._enable(name))

    def _line(self, image: Image) -> DisplayText:
        parts = (image.name, image.state or "no state", image.base_label, self._active_text(image.name))
        return visible_line(" · ".join(part for part in parts if part))

    def _active_text(self, name: str) -> str:
        if isinstance(self.active, UnknownImage):
            return "active: unknown"
        return "✔ active" if self.is_active(name) else ""


def _python_text(python: PythonState) -> str:
    match python:
        case ActiveImage(name):
            return f"Queries use {name}."
        case PythonOff():
            return "python() is disabled."
        case UnknownImage() as unknown:
            return unknown.text(PANEL)


def _rows(image: Image, active: str) -> list[tuple[str, str]]:
    first = [("image", image.name), ("state", image.state), ("active", active)]
    first += [("base", image.base_label), ("language", image.language)]
    lines = redact(image.requirements).splitlines() or [NO_PACKAGES]
    return [*first, *(("requirements" if number == 0 else "", line) for number, line in enumerate(lines))]
