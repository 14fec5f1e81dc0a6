"""What the panel leaves in a saved notebook: a record of its own beside the form, readable without a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kusto_magic.display.bundle import Bundle, code, message

if TYPE_CHECKING:
    from kusto_magic.builds.build import Build
    from kusto_magic.display.live_card import Publisher

EXAMPLE = "%%kusto_image my-image --base Python3_11_7\nprophet==1.1.5"
EMPTY = "The record of what is begun in this panel stands here."


def explanation(why: str) -> Bundle:
    """Return why there is no form here, and what does the same, as html and as text."""
    return code(EXAMPLE, why)


class NotebookRecord:
    """An output below the form: the card of the build that was begun there last, until its end and for good.

    It is an output of its own since the form, a widget, is a bad record: JupyterLab shows "model not found" for one
    whose kernel is gone. It is made with the form, in its cell, and changed by its id: a button has no cell to show in.
    """

    def __init__(self, publisher: Publisher | None) -> None:
        self._publisher = publisher
        self._id = uuid4().hex
        self._current: _RecordPublisher | None = None

    def display(self) -> None:
        """Make the output, in the cell that runs."""
        self.publish(message(EMPTY), update=False)

    def show(self, build: Build) -> None:
        """Show the card of a build there from now on, in place of another's."""
        from kusto_magic.display.live_card import LiveCard

        if self._publisher is None:
            return
        if self._current is not None:
            self._current.record = None
        self._current = _RecordPublisher(self)
        LiveCard(build, self._current, with_bar=False)

    def publish(self, data: Bundle, *, update: bool) -> None:
        """Show a bundle there."""
        if self._publisher is not None:
            metadata = {"kusto_image": {"display_id": self._id}}
            self._publisher.publish(data, metadata, transient={"display_id": self._id}, update=update)


class _RecordPublisher:
    """A publisher for a card: whatever it shows goes into the record, as long as it is the record's own."""

    def __init__(self, record: NotebookRecord) -> None:
        self.record: NotebookRecord | None = record

    def publish(self, data: Bundle, metadata: Bundle | None = None, **more: Any) -> None:
        """Show a bundle in the record."""
        if self.record is not None:
            self.record.publish(data, update=True)
