"""Microsoft's client, azure-mgmt-kusto, as most would use it: its poller follows each build on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from azure.core.pipeline.policies import HeadersPolicy
from azure.mgmt.kusto import KustoManagementClient, models
from task import BASE, GROUP, REQUIREMENTS, SUBSCRIPTION, Task, image

kinds: Any = models
"""Untyped: mypy may read another version of the client than is measured."""


class NoCredential:
    """What the client insists on; it is never asked, since the policy brings the token."""

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("the policy brings the token")


class Contender:
    """Follows by pollers; `interval` is their polling_interval, 0 the client's default."""

    def __init__(self, task: Task, heard: Callable[[int, str], None]) -> None:
        self._task = task
        self._heard = heard
        self._pace = {"polling_interval": task.interval} if task.interval else {}
        self._client = KustoManagementClient(
            NoCredential(),
            SUBSCRIPTION,
            base_url=task.endpoint,
            authentication_policy=HeadersPolicy({"Authorization": "Bearer token"}),
            use_env_settings=False,
        )
        self._pollers: list[Any] = []

    async def begin(self, numbers: range) -> None:
        for number in numbers:
            poller = self._begin(number)
            poller.add_done_callback(partial(self._ended, number))
            self._pollers.append(poller)

    def _ended(self, number: int, polled: Any) -> None:
        self._heard(number, "" if polled.status() == "Succeeded" else str(polled.status()))

    def _begin(self, number: int) -> Any:
        wanted = kinds.SandboxCustomImage(
            language="Python", base_image_name=BASE, requirements_file_content=REQUIREMENTS
        )
        begin: Any = self._client.sandbox_custom_images.begin_create_or_update
        return begin(GROUP, self._task.cluster(number), image(number), wanted, **self._pace)

    async def near_the_end(self) -> None:
        """Do nothing: it asks as often all the time."""
