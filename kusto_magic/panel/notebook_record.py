"""The output below the panel that keeps the latest build's card in the saved notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kusto_magic.display.bundle import Bundle, bundle_of, code
from kusto_magic.display_text import visible
from kusto_magic.panel.hints import PANEL

if TYPE_CHECKING:
    from kusto_magic.builds.build import Build
    from kusto_magic.display.live_card import Publisher

EXAMPLE = "%%kusto_image my-image --base Python3_11_7\nprophet==1.1.5"


def explanation(why: str) -> Bundle:
    """Return the reason why no form is shown and an equivalent cell, as HTML and as text."""
    return code(EXAMPLE, why)


class NotebookRecord:
    """An output below the form with the card of the build started last; it remains in the saved notebook.

    It is a separate output because a widget cannot be displayed without its kernel: JupyterLab shows "model not found".
    It is created in the form's cell and updated by its display ID, because a button click has no cell to display in.
    """

    def __init__(self, publisher: Publisher | None) -> None:
        self._publisher = publisher
        self._id = uuid4().hex
        self._current: _RecordPublisher | None = None

    def display(self) -> None:
        """Create the output in the running cell."""
        self.publish(bundle_of("", visible("")), update=False)  # nothing to see until there is a build

    def show(self, build: Build) -> None:
        """Show the card of `build` from now on, replacing that of the previous build."""
        from kusto_magic.display.live_card import LiveCard

        if self._publisher is None:  # outside a kernel there is no output to update
            return
        if self._current is not None:
            self._current.record = None  # the earlier card still publishes, but no longer to this output
        self._current = _RecordPublisher(self)
        LiveCard(build, self._current, with_bar=False, hints=PANEL)  # the form has a bar of its own

    def publish(self, data: Bundle, *, update: bool) -> None:
        """Publish a bundle to the output: create it, or with `update` replace its contents."""
        if self._publisher is not None:
            metadata = {"kusto_image": {"display_id": self._id}}
            self._publisher.publish(data, metadata, transient={"display_id": self._id}, update=update)


class _RecordPublisher:
    """A publisher that redirects a live card to the record until another build takes its place."""

    def __init__(self, record: NotebookRecord) -> None:
        self.record: NotebookRecord | None = record

    def publish(self, data: Bundle, metadata: Bundle | None = None, **more: Any) -> None:
        """Publish a bundle as an update of the record."""
        if self.record is not None:
            self.record.publish(data, update=True)
