"""The images of the cluster: a list, and what can be done with the one that is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import Select

from kusto_magic.arm.client import ImagesClient
from kusto_magic.display.bundle import table
from kusto_magic.models.image import Image
from kusto_magic.panel.tasks import Question, Work
from kusto_magic.panel.widgets import button, column, heading, labelled, row, say, switch, words

RUNS_ON_IT = "The queries of the cluster run on it."


class ImageList:
    """The images of the cluster, with show, use as base, edit, enable, delete.

    `known` is called with the images each time they were read, None before; `edit` and `use` with the image that is
    meant, `enable` and `delete` with a name that was confirmed. `active` is the image that the cluster's queries run
    on, "" where that is not known.
    """

    def __init__(
        self,
        work: Work,
        *,
        known: Callable[[Sequence[Image] | None], None],
        use: Callable[[Image], None],
        edit: Callable[[Image], None],
        enable: Callable[[str], None],
        delete: Callable[[str], None],
    ) -> None:
        self._work = work
        self._known = known
        self._enable = enable
        self._delete = delete
        self.images: Sequence[Image] | None = None
        self.active = ""
        self.list = labelled(Select, "Image · state · base · active", rows=7)
        self.state = words()
        self.details = words(code=True)
        self.show = button("Show", "Show the chosen image as the service has it")
        self.use = button("Use as base", "Build the next image on the chosen one")
        self.edit = button("Edit", "Put the chosen image into the form")
        self.enable = button("Enable…", "Let the queries of the cluster run on the chosen image; asks first")
        self.delete = button("Delete…", "Delete the chosen image; asks first")
        self.refresh = button("Refresh", "Ask the service for its images again")
        self.question = Question(work)
        buttons = row(self.show, self.use, self.edit, self.enable, self.delete, self.refresh)
        parts = (self.state, self.list, buttons, self.question.widget, self.details)
        self.widget = column(heading("Images of the cluster"), *parts)
        work.on_change(self.list, self._chose)
        work.on_click(self.show, self._show)
        work.on_click(self.use, lambda: use(self.chosen()))
        work.on_click(self.edit, lambda: edit(self.chosen()))
        work.on_click(self.enable, self._ask_to_enable)
        work.on_click(self.delete, self._ask_to_delete)
        work.on_click(self.refresh, self.read)
        self._tell(None)

    def chosen(self) -> Image:
        """Return the image chosen in the list."""
        return next(image for image in self.images or () if image.name == self.list.value)

    def read(self) -> None:
        """Ask the service for its images."""
        target = self._work.chosen()
        say(self.state, "⏳ asking the service …")

        def come(found: tuple[Sequence[Image], str | None]) -> None:
            if target == self._work.target:
                self.active = found[1] or ""
                self._tell(sorted(found[0], key=lambda image: image.name.lower()))

        def list_them() -> Future[tuple[Sequence[Image], str | None]]:
            return self._work.builds.submit(target, _images_and_active)

        self._work.ask([self.refresh], list_them, come, lambda: say(self.state, "The images could not be read."))

    def forget(self) -> None:
        """Show no images: another cluster was chosen."""
        self.active = ""
        self._tell(None)

    def is_active(self, name: str) -> bool:
        """Return whether the cluster's queries run on this image, as far as is known."""
        return bool(self.active) and self.active.lower() == name.lower()

    def _tell(self, images: Sequence[Image] | None) -> None:
        before = self.list.value
        self.images = images
        self.list.options = [(self._line(image), image.name) for image in images or ()]
        if before in {image.name for image in images or ()}:
            self.list.value = before
        count = len(images or ())
        known = "No images yet." if count == 0 else f"{count} image{'' if count == 1 else 's'}."
        known += f" Queries run on {self.active}." if self.active else ""
        say(self.state, "Not read yet." if images is None else known)
        self._chose()
        self._known(images)

    def _chose(self) -> None:
        self.question.withdraw()
        say(self.details, "")
        buttons = [self.show, self.use, self.edit, self.enable, self.delete]
        switch(buttons, on=self.list.value is not None)

    def _show(self) -> None:
        target, name = self._work.chosen(), self.chosen().name

        def come(image: Image) -> None:
            say(self.details, table(("property", "value"), _rows(image), "")["text/plain"], code=True)

        self._work.ask([self.show], lambda: self._work.builds.submit(target, lambda it: it.get(name)), come)

    def _ask_to_delete(self) -> None:
        name, where = self.chosen().name, self._work.chosen().cluster
        warning = f" {RUNS_ON_IT}" if self.is_active(name) else ""
        text = f"Delete image {name} of cluster {where}? It cannot be had back.{warning}"
        self.question.ask(text, "Yes, delete", lambda: self._delete(name))

    def _ask_to_enable(self) -> None:
        name, where = self.chosen().name, self._work.chosen().cluster
        instead = f" instead of {self.active}" if self.active and not self.is_active(name) else ""
        text = f"Let the queries of cluster {where} run on {name}{instead}? It takes up to an hour."
        self.question.ask(text, "Yes, enable", lambda: self._enable(name))

    def _line(self, image: Image) -> str:
        active = "✔ active" if self.is_active(image.name) else ""
        parts = (image.name, image.state or "no state", image.foundation, active)
        return " · ".join(part for part in parts if part)


async def _images_and_active(client: ImagesClient) -> tuple[Sequence[Image], str | None]:
    images, active = await asyncio.gather(client.list(), client.active())
    return images, active


def _rows(image: Image) -> list[tuple[str, str]]:
    first = [("image", image.name), ("state", image.state), ("base", image.foundation), ("language", image.language)]
    lines = image.requirements.splitlines()
    return [*first, *(("requirements" if number == 0 else "", line) for number, line in enumerate(lines))]
