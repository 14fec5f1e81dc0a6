"""The cluster selection: from the settings, typed, or picked from a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import HTML, Select, Text

from kusto_magic import settings
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.cluster import Cluster
from kusto_magic.models.target import Subscription, Target
from kusto_magic.panel.markup import chip
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import (
    button,
    column,
    labeled,
    link_button,
    row,
    set_html,
    set_visible,
    with_class,
)


class ClusterPicker:
    """The selected cluster and the fields to select another; `chosen` is called with the new target.

    `summary` and `change` are the parts for the title bar of the panel, `fields` those below it.
    """

    def __init__(
        self, context: PanelContext, endpoint: str, begin: settings.Settings, chosen: Callable[[Target], None]
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._chosen = chosen
        self.summary = HTML()
        self.change = link_button("Change cluster", "Select another cluster")
        self.subscription = labeled(Text, "Subscription ID", value=begin.subscription)
        self.group = labeled(Text, "Resource group", value=begin.resource_group)
        self.cluster = labeled(Text, "Cluster name or full ARM ID", value=begin.cluster)
        self.find = button("Find clusters", "List the clusters of the subscription that you can access")
        self.found = labeled(Select, "Clusters of the subscription", rows=4)
        self.take = button("Use this cluster", "Show the images of this cluster", button_style="primary")
        set_visible(self.found, False)
        buttons = row(self.find, self.take)
        fields = with_class(column(self.subscription, self.group, self.cluster), "cluster-fields")
        self.fields = with_class(column(fields, buttons, self.found), "picker")
        context.on_click(self.change, lambda: set_visible(self.fields, self.fields.layout.display == "none"))
        context.on_click(self.find, self._find)
        context.on_click(self.take, lambda: self._chosen(self._target()))
        context.on_change(self.found, self._take_found)
        self.update_summary()

    def update_summary(self) -> None:
        """Show the selected cluster, or the selection fields if there is none."""
        target = self._context.target
        set_visible(self.fields, target is None)
        if target is None:
            set_html(self.summary, chip("No cluster selected"))
            return
        kind = " · emulator" if target.is_local else ""
        title = f"Resource group {target.resource_group}, subscription {target.subscription}"
        set_html(self.summary, chip(f"{target.cluster} · {target.resource_group}{kind}", title))

    def _target(self) -> Target:
        fields = {"subscription": self.subscription, "resource group": self.group, "cluster": self.cluster}
        typed = {label: field.value.strip() for label, field in fields.items()}
        if typed["cluster"].startswith("/"):
            given = {"cluster": typed["cluster"], "endpoint": self._endpoint}
            return settings.resolve(given, {}, {}, "").target()
        missing = [Problem(label, "enter a value") for label, text in typed.items() if not text]
        if missing:
            raise InvalidInputError(missing)
        return Target(typed["subscription"], typed["resource group"], typed["cluster"], endpoint=self._endpoint)

    def _find(self) -> None:
        subscription = Subscription(self.subscription.value.strip(), self._endpoint)

        def submit() -> Future[Sequence[Cluster]]:
            return self._context.builds.submit_subscription(subscription, SubscriptionClient.list_clusters)

        self._context.run_task([self.find], submit, self._show_clusters)

    def _show_clusters(self, clusters: Sequence[Cluster]) -> None:
        empty = [("no clusters that you can access", "")]  # a Select shows a text only as an option
        self.found.options = [(_line(cluster), cluster.id) for cluster in clusters] or empty
        self.found.index = None  # Select preselects its first option
        set_visible(self.found, True)

    def _take_found(self) -> None:
        if self.found.value:  # the text shown for an empty list has the value ""
            self.cluster.value = self.found.value


def _line(cluster: Cluster) -> DisplayText:
    parts = (cluster.name, f"group {cluster.resource_group}", cluster.state)
    return visible_line(" · ".join(part for part in parts if part))
