"""Progress bars of builds and fleets: ipywidgets that are updated even while the kernel is busy."""

from __future__ import annotations

from ipywidgets import FloatProgress, HBox, Label, Layout

from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.display.bundle import duration
from kusto_magic.display.card import GLYPHS, WORKING_GLYPH, Card
from kusto_magic.display.fleet_card import FleetCard, headline
from kusto_magic.display_text import DisplayText, visible_line

MAX_ESTIMATED_SHARE = 0.95
"""Maximum share of the bar that is filled by an estimate; the rest is filled when the build has succeeded."""


def share(seconds: float, estimate: DurationEstimate | None) -> float:
    """Return the filled share of the bar after `seconds`, from 0 to 0.95: the share of the usual duration."""
    # Without an estimate the bar stays empty: the service's `percentComplete` is 0.5 from start to end (seen).
    if estimate is None or estimate.high <= 0:
        return 0.0
    return min(MAX_ESTIMATED_SHARE, MAX_ESTIMATED_SHARE * seconds / estimate.high)


class _Progress(HBox):
    """A progress bar and a line of text."""

    def __init__(self) -> None:
        self.bar = FloatProgress(min=0.0, max=1.0, layout=Layout(width="30%", min_width="6rem"))
        self.label = Label(layout=Layout(flex="1 1 auto"))
        super().__init__(
            [self.bar, self.label], layout=Layout(width="100%", align_items="center", flex_flow="row wrap")
        )
        self.add_class("kusto-image-progress")  # the browser tests find it by this class

    def show_text(self, text: DisplayText) -> None:
        """Show a line of text beside the bar."""
        self.label.value = text

    def close_all(self) -> None:
        """Close the widget and its parts, which releases them in the front end."""
        # HBox.close() leaves the children, layouts and styles open.
        for widget in (self.bar, self.label, self):
            widget.layout.close()
            widget.close()
        self.bar.style.close()


class BuildProgress(_Progress):
    """The progress of one build. Safe to update from any thread."""

    def __init__(self, estimate: DurationEstimate | None) -> None:
        self.estimate = estimate
        super().__init__()

    def update(self, shown: Card) -> None:
        """Show the state of a card."""
        self.bar.value = (
            1.0 if shown.ended and shown.state.succeeded else share(shown.seconds - shown.waited, self.estimate)
        )
        updated = (
            f"last update {shown.last_response_at:%H:%M:%S} UTC"
            if shown.last_response_at
            else "waiting for the first response"
        )
        head = f"{GLYPHS.get(shown.state, WORKING_GLYPH)} {shown.state} {shown.image}"
        parts = (head, duration(shown.seconds), updated, shown.note, shown.estimate)
        self.show_text(visible_line(" · ".join(part for part in parts if part)))


class FleetProgress(_Progress):
    """The progress of a fleet: the share of its clusters that are done. Safe to update from any thread."""

    def update(self, shown: FleetCard) -> None:
        """Show the state of a fleet."""
        self.bar.value = shown.done_count / len(shown.rows)
        self.show_text(visible_line(f"{shown.done_count} of {len(shown.rows)} · {headline(shown)}"))
