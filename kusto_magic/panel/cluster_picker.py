"""The cluster selection: from the settings, typed, or picked from a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ipywidgets import Select, Text

from kusto_magic import settings
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.cluster import Cluster
from kusto_magic.models.target import Subscription, Target
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import button, column, labeled, row, set_text, set_visible, text_widget


class ClusterPicker:
    """A summary of the selected cluster and the fields to select another; `chosen` is called with the new target."""

    def __init__(
        self, context: PanelContext, endpoint: str, begin: settings.Settings, chosen: Callable[[Target], None]
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._chosen = chosen
        self.summary = text_widget()
        self.change = button("Change…", "Select another cluster")
        self.subscription = labeled(Text, "Subscription ID", value=begin.subscription)
        self.group = labeled(Text, "Resource group", value=begin.resource_group)
        self.cluster = labeled(Text, "Cluster name or full ARM ID", value=begin.cluster)
        self.find = button("Find clusters", "List the clusters of the subscription that you can access")
        self.found = labeled(Select, "Clusters of the subscription", rows=4)
        self.take = button("Use this cluster", "Show the images of this cluster")
        set_visible(self.found, False)
        buttons = row(self.find, self.take)
        self.fields = column(self.subscription, self.group, self.cluster, buttons, self.found)
        self.widget = column(row(self.summary, self.change), self.fields)
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
            set_text(self.summary, "No cluster selected.")
            return
        kind = "Emulator cluster" if target.is_local else "Cluster"
        set_text(
            self.summary,
            f"{kind} {target.cluster} · resource group {target.resource_group} · subscription {target.subscription}",
        )

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
