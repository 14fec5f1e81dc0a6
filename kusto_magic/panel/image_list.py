"""The list of images on the cluster, and the actions on the selected one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import Select

from kusto_magic.arm.client import ImagesClient
from kusto_magic.display.bundle import table
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.models.image import NO_PACKAGES, Image
from kusto_magic.panel.tasks import ConfirmDialog, PanelContext
from kusto_magic.panel.widgets import button, column, heading, labeled, row, set_enabled, set_text, text_widget
from kusto_magic.redaction import redact

ACTIVE_WARNING = "Queries on this cluster currently use it."


class ImageList:
    """The images of the cluster, with the actions show, use as base, edit, enable and delete.

    `known` is called with the images after each read and with None while they are not known; `edit` and `use` with the
    selected image; `enable` and `delete` with its name after the user has confirmed. `active` is the image that
    queries use, or "" if there is none or it is not known.
    """

    def __init__(
        self,
        context: PanelContext,
        *,
        known: Callable[[Sequence[Image] | None], None],
        use: Callable[[Image], None],
        edit: Callable[[Image], None],
        enable: Callable[[str], None],
        delete: Callable[[str], None],
    ) -> None:
        self._context = context
        self._on_images = known
        self._enable = enable
        self._delete = delete
        self.images: Sequence[Image] | None = None
        self.active = ""
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
        set_text(self.state, "⏳ Reading images …")

        def on_result(found: tuple[Sequence[Image], str | None]) -> None:
            if target == self._context.target:  # another cluster may have been selected while the request ran
                self.active = found[1] or ""
                self._show_images(sorted(found[0], key=lambda image: image.name.lower()))

        def submit() -> Future[tuple[Sequence[Image], str | None]]:
            return self._context.builds.submit(target, _images_and_active)

        self._context.run_task(
            [self.refresh], submit, on_result, lambda: set_text(self.state, "The images could not be read.")
        )

    def clear(self) -> None:
        """Remove all images, because another cluster was selected."""
        self.active = ""
        self._show_images(None)

    def is_active(self, name: str) -> bool:
        """Return whether queries use this image, according to the last read."""
        return bool(self.active) and self.active.lower() == name.lower()

    def _show_images(self, images: Sequence[Image] | None) -> None:
        selected = self.list.value
        self.images = images
        self.list.options = [(self._line(image), image.name) for image in images or ()]
        if selected in {image.name for image in images or ()}:  # setting the options resets the selection
            self.list.value = selected
        count = len(images or ())
        summary = "No images yet." if count == 0 else f"{count} image{'' if count == 1 else 's'}."
        summary += f" Queries use {self.active}." if self.active else ""
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
            set_text(self.details, table(("property", "value"), _rows(image), "")["text/plain"], code=True)

        self._context.run_task(
            [self.show], lambda: self._context.builds.submit(target, lambda client: client.get(name)), on_result
        )

    def _ask_to_delete(self) -> None:
        name, where = self.selected().name, self._context.require_target().cluster
        warning = f" {ACTIVE_WARNING}" if self.is_active(name) else ""
        text = f"Delete image {name} on cluster {where}? This cannot be undone.{warning}"
        self.question.show(text, "Yes, delete", lambda: self._delete(name))

    def _ask_to_enable(self) -> None:
        name, where = self.selected().name, self._context.require_target().cluster
        instead = f" instead of {self.active}" if self.active and not self.is_active(name) else ""
        text = f"Make queries on cluster {where} use {name}{instead}? This takes up to an hour."
        self.question.show(text, "Yes, enable", lambda: self._enable(name))

    def _line(self, image: Image) -> DisplayText:
        active = "✔ active" if self.is_active(image.name) else ""
        parts = (image.name, image.state or "no state", image.base_label, active)
        return visible_line(" · ".join(part for part in parts if part))


async def _images_and_active(client: ImagesClient) -> tuple[Sequence[Image], str | None]:
    images, active = await asyncio.gather(client.list(), client.active())
    return images, active


def _rows(image: Image) -> list[tuple[str, str]]:
    first = [("image", image.name), ("state", image.state), ("base", image.base_label), ("language", image.language)]
    lines = redact(image.requirements).splitlines() or [NO_PACKAGES]
    return [*first, *(("requirements" if number == 0 else "", line) for number, line in enumerate(lines))]
