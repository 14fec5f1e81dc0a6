"""The images of the cluster: a list, and what can be done with the one that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import Select

from kusto_magic.card import table
from kusto_magic.models import Image
from kusto_magic.panel_work import Work, button, column, heading, labelled, row, say, switch, visible, words


class ImageList:
    """The images of the cluster, with show, use as base, edit, delete.

    `known` is called with the images each time they were read, None before; `edit` and `use` with the image that is
    meant, `delete` with a name that was confirmed.
    """

    def __init__(
        self,
        work: Work,
        *,
        known: Callable[[Sequence[Image] | None], None],
        use: Callable[[Image], None],
        edit: Callable[[Image], None],
        delete: Callable[[str], None],
    ) -> None:
        self._work = work
        self._known = known
        self._delete = delete
        self.images: Sequence[Image] | None = None
        self.list = labelled(Select, "Image · state · base", rows=7)
        self.state = words()
        self.details = words(code=True)
        self.show = button("Show", "Show the chosen image as the service has it")
        self.use = button("Use as base", "Build the next image on the chosen one")
        self.edit = button("Edit", "Put the chosen image into the form")
        self.delete = button("Delete…", "Delete the chosen image; asks first")
        self.refresh = button("Refresh", "Ask the service for its images again")
        self._make_confirmation()
        buttons = row(self.show, self.use, self.edit, self.delete, self.refresh)
        parts = (self.state, self.list, buttons, self.confirmation, self.details)
        self.widget = column(heading("Images of the cluster"), *parts)
        work.on_change(self.list, self._chose)
        work.on_click(self.show, self._show)
        work.on_click(self.use, lambda: use(self.chosen()))
        work.on_click(self.edit, lambda: edit(self.chosen()))
        work.on_click(self.delete, self._ask_first)
        work.on_click(self.refresh, self.read)
        self._tell(None)

    def _make_confirmation(self) -> None:
        self.question = words(role="alert")
        self.yes = button("Yes, delete", "Delete the image", button_style="danger")
        self.no = button("No, keep it", "Leave the image as it is")
        self.confirmation = column(self.question, row(self.yes, self.no))
        visible(self.confirmation, False)
        self._work.on_click(self.yes, self._confirmed)
        self._work.on_click(self.no, lambda: visible(self.confirmation, False))

    def chosen(self) -> Image:
        """Return the image chosen in the list."""
        return next(image for image in self.images or () if image.name == self.list.value)

    def read(self) -> None:
        """Ask the service for its images."""
        target = self._work.chosen()
        say(self.state, "⏳ asking the service …")

        def come(images: Sequence[Image]) -> None:
            if target == self._work.target:
                self._tell(sorted(images, key=lambda image: image.name.lower()))

        def list_them() -> Future[Sequence[Image]]:
            return self._work.builds.submit(target, lambda it: it.list())

        self._work.ask([self.refresh], list_them, come, lambda: say(self.state, "The images could not be read."))

    def forget(self) -> None:
        """Show no images: another cluster was chosen."""
        self._tell(None)

    def _tell(self, images: Sequence[Image] | None) -> None:
        before = self.list.value
        self.images = images
        self.list.options = [(_line(image), image.name) for image in images or ()]
        if before in {image.name for image in images or ()}:
            self.list.value = before
        count = len(images or ())
        known = "No images yet." if count == 0 else f"{count} image{'' if count == 1 else 's'}."
        say(self.state, "Not read yet." if images is None else known)
        self._chose()
        self._known(images)

    def _chose(self) -> None:
        visible(self.confirmation, False)
        say(self.details, "")
        switch([self.show, self.use, self.edit, self.delete], on=self.list.value is not None)

    def _show(self) -> None:
        target, name = self._work.chosen(), self.chosen().name

        def come(image: Image) -> None:
            say(self.details, table(("property", "value"), _rows(image), "")["text/plain"], code=True)

        self._work.ask([self.show], lambda: self._work.builds.submit(target, lambda it: it.get(name)), come)

    def _ask_first(self) -> None:
        where = self._work.chosen().cluster
        say(
            self.question, f"Delete image {self.chosen().name} of cluster {where}? It cannot be had back.", role="alert"
        )
        visible(self.confirmation, True)

    def _confirmed(self) -> None:
        visible(self.confirmation, False)
        self._delete(self.chosen().name)


def _line(image: Image) -> str:
    return " · ".join(part for part in (image.name, image.state or "no state", image.foundation) if part)


def _rows(image: Image) -> list[tuple[str, str]]:
    first = [("image", image.name), ("state", image.state), ("base", image.foundation), ("language", image.language)]
    lines = image.requirements.splitlines()
    return [*first, *(("requirements" if number == 0 else "", line) for number, line in enumerate(lines))]
