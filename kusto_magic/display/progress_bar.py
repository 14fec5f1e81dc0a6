"""The progress bar of a build: plain ipywidgets, live while the kernel is busy, gone when the build has ended."""

from __future__ import annotations

from ipywidgets import FloatProgress, HBox, Label, Layout

from kusto_magic.arm.poll_schedule import Usual
from kusto_magic.display.bundle import duration
from kusto_magic.display.card import GLYPHS, WORKING, Card
from kusto_magic.display.fleet_card import FleetCard, headline

FULL_BY_ESTIMATE = 0.95
"""The bar goes no further on an estimate; the rest is filled when the service says Succeeded."""


def share(seconds: float, usual: Usual | None) -> float:
    """Return how full the bar is after `seconds`, from 0 to 0.95: the share of what builds usually take here.

    0 where nothing is known: the service's own `percentComplete` is 0.5 from start to end (seen), so a bar drawn
    from it would lie.
    """
    if usual is None or usual.high <= 0:
        return 0.0
    return min(FULL_BY_ESTIMATE, FULL_BY_ESTIMATE * seconds / usual.high)


class _Progress(HBox):
    """A bar and a line of words."""

    def __init__(self) -> None:
        self.bar = FloatProgress(min=0.0, max=1.0, layout=Layout(width="30%", min_width="6rem"))
        self.words = Label(layout=Layout(flex="1 1 auto"))
        super().__init__(
            [self.bar, self.words], layout=Layout(width="100%", align_items="center", flex_flow="row wrap")
        )
        self.add_class("kusto-image-progress")

    def close_whole(self) -> None:
        """Take the bar and its parts out of the front end's memory."""
        for widget in (self.bar, self.words, self):
            widget.layout.close()
            widget.close()
        self.bar.style.close()


class BuildProgress(_Progress):
    """The progress of one build. Call `paint` as often as there is news, from any thread."""

    def __init__(self, usual: Usual | None) -> None:
        self.usual = usual
        super().__init__()

    def paint(self, it: Card) -> None:
        """Show a card as it stands."""
        self.bar.value = 1.0 if it.ended and it.state in ("Succeeded", "Deleted") else share(it.seconds, self.usual)
        heard = f"last heard of {it.heard_at:%H:%M:%S} UTC" if it.heard_at else "waiting for the service"
        head = f"{GLYPHS.get(it.state, WORKING)} {it.state} {it.image}"
        self.words.value = " · ".join(part for part in (head, duration(it.seconds), heard, it.note, it.usual) if part)


class FleetProgress(_Progress):
    """The progress of a fleet: how many of its clusters have come to an end. Call `paint` from any thread."""

    def paint(self, it: FleetCard) -> None:
        """Show a fleet as it stands."""
        self.bar.value = it.over / len(it.rows)
        self.words.value = f"{it.over} of {len(it.rows)} · {headline(it)}"
