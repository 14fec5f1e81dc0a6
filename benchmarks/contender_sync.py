"""Microsoft's client, azure-mgmt-kusto, with its default settings: a thread for each build."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from azure.core.pipeline.policies import HeadersPolicy
from azure.mgmt.kusto import KustoManagementClient, models
from task import BASE, GROUP, REQUIREMENTS, SUBSCRIPTION, Task, image

kinds: Any = models
"""Untyped, since mypy may read another version of the client than the one measured."""


class NoCredential:
    """A credential that the client requires but never asks, since the policy adds the token."""

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("the policy adds the token")


class Contender:
    """Polls with the client's pollers; `interval` is their polling_interval, 0 means the default."""

    def __init__(self, task: Task, reported: Callable[[int, str], None]) -> None:
        self._task = task
        self._reported = reported
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
        self._reported(number, "" if polled.status() == "Succeeded" else str(polled.status()))

    def _begin(self, number: int) -> Any:
        resource = kinds.SandboxCustomImage(
            language="Python", base_image_name=BASE, requirements_file_content=REQUIREMENTS
        )
        begin: Any = self._client.sandbox_custom_images.begin_create_or_update
        return begin(GROUP, self._task.cluster(number), image(number), resource, **self._pace)

    async def near_the_end(self) -> None:
        """Do nothing: the interval is constant."""
