"""Microsoft's client, azure-mgmt-kusto, with asyncio and aiohttp and its default settings: a task for each build."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from azure.core.pipeline.policies import HeadersPolicy
from azure.mgmt.kusto import models
from azure.mgmt.kusto.aio import KustoManagementClient
from task import BASE, GROUP, REQUIREMENTS, SUBSCRIPTION, Task, image

kinds: Any = models
"""Untyped, since mypy may read another version of the client than the one measured."""


class NoCredential:
    """A credential that the client requires but never asks, since the policy adds the token."""

    async def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("the policy adds the token")

    async def close(self) -> None: ...

    async def __aenter__(self) -> NoCredential:
        return self

    async def __aexit__(self, *_error: object) -> None: ...


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
        self._polling: list[asyncio.Task[None]] = []

    async def begin(self, numbers: range) -> None:
        await self._client.__aenter__()
        for number, poller in zip(numbers, await asyncio.gather(*map(self._begin, numbers)), strict=True):
            self._polling.append(asyncio.create_task(self._wait(number, poller)))

    async def _begin(self, number: int) -> Any:
        resource = kinds.SandboxCustomImage(
            language="Python", base_image_name=BASE, requirements_file_content=REQUIREMENTS
        )
        begin: Any = self._client.sandbox_custom_images.begin_create_or_update
        return await begin(GROUP, self._task.cluster(number), image(number), resource, **self._pace)

    async def _wait(self, number: int, poller: Any) -> None:
        try:
            await poller.result()
        except Exception as error:
            self._reported(number, f"{type(error).__name__}: {error}")
        else:
            self._reported(number, "")

    async def near_the_end(self) -> None:
        """Do nothing: the interval is constant."""
