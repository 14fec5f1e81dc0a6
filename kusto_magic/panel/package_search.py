"""The search for a package in the base images that Azure ships."""

from __future__ import annotations

from collections.abc import Callable

from ipywidgets import Select, Text

from kusto_magic.models import managed_packages
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, labeled, link_button, set_visible, with_class

MAX_MATCHES = 40
"""Maximum number of packages listed."""


class PackageSearch:
    """A field for the name of a package and the list of the images that have it; `use` is called with the chosen image.

    `toggle` is the button that shows and hides them.
    """

    def __init__(self, context: PanelContext, use: Callable[[str], None]) -> None:
        self._use = use
        self.toggle = with_class(link_button("Find a package", "Search the base images for a package"), "corner")
        self.find = labeled(Text, "Package in the base images of Azure", placeholder="numpy")
        self.found = labeled(Select, "Base images that have it", rows=4)
        self.widget = with_class(column(self.find, self.found), "search")
        set_visible(self.found, False)
        set_visible(self.widget, False)
        context.on_click(self.toggle, self._toggle)
        context.on_typing([self.find], self._search)
        context.on_change(self.found, self._use_match)

    def _toggle(self) -> None:
        is_hidden = self.widget.layout.display == "none"
        set_visible(self.widget, is_hidden)
        if is_hidden:
            self.find.focus()

    def _search(self) -> None:
        wanted = self.find.value.strip().lower().replace("_", "-")  # normalized names contain "-" only
        matches = [
            (f"{image}: {package} {version}", image)
            for image in MANAGED_IMAGES
            for package, version in managed_packages.packages(image).items()
            if wanted and wanted in package
        ]
        # exact matches first: the sort is stable and False sorts before True
        matches.sort(key=lambda match: match[0].partition(": ")[2].partition(" ")[0] != wanted)
        self.found.options = matches[:MAX_MATCHES] or ([("no base image has it", "")] if wanted else [])
        self.found.index = None  # Select preselects its first option
        set_visible(self.found, bool(wanted))

    def _use_match(self) -> None:
        if self.found.value:  # the text shown for an empty list has the value ""
            self._use(self.found.value)
