"""The images of the cluster: a list, and what can be done with the one that is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import Select

from kusto_magic.arm.client import ImagesClient
from kusto_magic.display.bundle import table
from kusto_magic.models.image import Image
from kusto_magic.panel.tasks import ConfirmDialog, PanelContext
from kusto_magic.panel.widgets import button, column, heading, labeled, row, set_enabled, set_text, text_widget

ENABLE_QUESTION = "The queries of the cluster run on it."


class ImageList:
    """The images of the cluster, with show, use as base, edit, enable, delete.

    `known` is called with the images each time they were read, None before; `edit` and `use` with the image that is
    meant, `enable` and `delete` with a name that was confirmed. `active` is the image that the cluster's queries run
    on, "" where that is not known.
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
        self._work = context
        self._on_images = known
        self._enable = enable
        self._delete = delete
        self.images: Sequence[Image] | None = None
        self.active = ""
        self.list = labeled(Select, "Image · state · base · active", rows=7)
        self.state = text_widget()
        self.details = text_widget(code=True)
        self.show = button("Show", "Show the chosen image as the service has it")
        self.use = button("Use as base", "Build the next image on the chosen one")
        self.edit = button("Edit", "Put the chosen image into the form")
        self.enable = button("Enable…", "Let the queries of the cluster run on the chosen image; asks first")
        self.delete = button("Delete…", "Delete the chosen image; asks first")
        self.refresh = button("Refresh", "Ask the service for its images again")
        self.question = ConfirmDialog(context)
        buttons = row(self.show, self.use, self.edit, self.enable, self.delete, self.refresh)
        parts = (self.state, self.list, buttons, self.question.widget, self.details)
        self.widget = column(heading("Images of the cluster"), *parts)
        context.on_change(self.list, self._on_selection)
        context.on_click(self.show, self._show)
        context.on_click(self.use, lambda: use(self.selected()))
        context.on_click(self.edit, lambda: edit(self.selected()))
        context.on_click(self.enable, self._ask_to_enable)
        context.on_click(self.delete, self._ask_to_delete)
        context.on_click(self.refresh, self.read)
        self._show_images(None)

    def selected(self) -> Image:
        """Return the image chosen in the list."""
        return next(image for image in self.images or () if image.name == self.list.value)

    def read(self) -> None:
        """Ask the service for its images."""
        target = self._work.require_target()
        set_text(self.state, "⏳ asking the service …")

        def come(found: tuple[Sequence[Image], str | None]) -> None:
            if target == self._work.target:
                self.active = found[1] or ""
                self._show_images(sorted(found[0], key=lambda image: image.name.lower()))

        def list_them() -> Future[tuple[Sequence[Image], str | None]]:
            return self._work.builds.submit(target, _images_and_active)

        self._work.run_task(
            [self.refresh], list_them, come, lambda: set_text(self.state, "The images could not be read.")
        )

    def clear(self) -> None:
        """Show no images: another cluster was chosen."""
        self.active = ""
        self._show_images(None)

    def is_active(self, name: str) -> bool:
        """Return whether the cluster's queries run on this image, as far as is known."""
        return bool(self.active) and self.active.lower() == name.lower()

    def _show_images(self, images: Sequence[Image] | None) -> None:
        before = self.list.value
        self.images = images
        self.list.options = [(self._line(image), image.name) for image in images or ()]
        if before in {image.name for image in images or ()}:
            self.list.value = before
        count = len(images or ())
        known = "No images yet." if count == 0 else f"{count} image{'' if count == 1 else 's'}."
        known += f" Queries run on {self.active}." if self.active else ""
        set_text(self.state, "Not read yet." if images is None else known)
        self._on_selection()
        self._on_images(images)

    def _on_selection(self) -> None:
        self.question.hide()
        set_text(self.details, "")
        buttons = [self.show, self.use, self.edit, self.enable, self.delete]
        set_enabled(buttons, on=self.list.value is not None)

    def _show(self) -> None:
        target, name = self._work.require_target(), self.selected().name

        def come(image: Image) -> None:
            set_text(self.details, table(("property", "value"), _rows(image), "")["text/plain"], code=True)

        self._work.run_task([self.show], lambda: self._work.builds.submit(target, lambda it: it.get(name)), come)

    def _ask_to_delete(self) -> None:
        name, where = self.selected().name, self._work.require_target().cluster
        warning = f" {ENABLE_QUESTION}" if self.is_active(name) else ""
        text = f"Delete image {name} of cluster {where}? It cannot be had back.{warning}"
        self.question.show(text, "Yes, delete", lambda: self._delete(name))

    def _ask_to_enable(self) -> None:
        name, where = self.selected().name, self._work.require_target().cluster
        instead = f" instead of {self.active}" if self.active and not self.is_active(name) else ""
        text = f"Let the queries of cluster {where} run on {name}{instead}? It takes up to an hour."
        self.question.show(text, "Yes, enable", lambda: self._enable(name))

    def _line(self, image: Image) -> str:
        active = "✔ active" if self.is_active(image.name) else ""
        parts = (image.name, image.state or "no state", image.base_label, active)
        return " · ".join(part for part in parts if part)


async def _images_and_active(client: ImagesClient) -> tuple[Sequence[Image], str | None]:
    images, active = await asyncio.gather(client.list(), client.active())
    return images, active


def _rows(image: Image) -> list[tuple[str, str]]:
    first = [("image", image.name), ("state", image.state), ("base", image.base_label), ("language", image.language)]
    lines = image.requirements.splitlines()
    return [*first, *(("requirements" if number == 0 else "", line) for number, line in enumerate(lines))]
