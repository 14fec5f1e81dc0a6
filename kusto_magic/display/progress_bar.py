"""Progress bar of a build or a fleet: an ipywidget that is updated even while the kernel is busy."""

from __future__ import annotations

from ipywidgets import FloatProgress, HBox, Label, Layout

from kusto_magic.display.views import View


class ProgressBar(HBox):
    """A progress bar and a line of text. Safe to update from any thread."""

    def __init__(self) -> None:
        self.bar = FloatProgress(min=0.0, max=1.0, layout=Layout(width="30%", min_width="6rem"))
        self.label = Label(layout=Layout(flex="1 1 auto"))
        super().__init__(
            [self.bar, self.label], layout=Layout(width="100%", align_items="center", flex_flow="row wrap")
        )
        self.add_class("kusto-image-progress")  # the browser tests find it by this class

    def update(self, view: View) -> None:
        """Show the progress of a build or a fleet."""
        self.bar.value = view.share
        self.label.value = view.progress_text

    def close_all(self) -> None:
        """Close the widget and its parts, which releases them in the front end."""
        # HBox.close() leaves the children, layouts and styles open.
        for widget in (self.bar, self.label, self):
            widget.layout.close()
            widget.close()
        self.bar.style.close()
