"""Microsoft's client, azure-mgmt-kusto, with asyncio and aiohttp, as it comes: a task for each build."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from azure.core.pipeline.policies import HeadersPolicy
from azure.mgmt.kusto import models
from azure.mgmt.kusto.aio import KustoManagementClient
from task import BASE, GROUP, REQUIREMENTS, SUBSCRIPTION, Task, image

kinds: Any = models
"""Untyped: mypy may read another version of the client than is measured."""


class NoCredential:
    """What the client insists on; it is never asked, since the policy brings the token."""

    async def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("the policy brings the token")

    async def close(self) -> None: ...

    async def __aenter__(self) -> NoCredential:
        return self

    async def __aexit__(self, *_error: object) -> None: ...


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
        self._following: list[asyncio.Task[None]] = []

    async def begin(self, numbers: range) -> None:
        await self._client.__aenter__()
        for number, poller in zip(numbers, await asyncio.gather(*map(self._begin, numbers)), strict=True):
            self._following.append(asyncio.create_task(self._follow(number, poller)))

    async def _begin(self, number: int) -> Any:
        wanted = kinds.SandboxCustomImage(
            language="Python", base_image_name=BASE, requirements_file_content=REQUIREMENTS
        )
        begin: Any = self._client.sandbox_custom_images.begin_create_or_update
        return await begin(GROUP, self._task.cluster(number), image(number), wanted, **self._pace)

    async def _follow(self, number: int, poller: Any) -> None:
        try:
            await poller.result()
        except Exception as error:
            self._heard(number, f"{type(error).__name__}: {error}")
        else:
            self._heard(number, "")

    async def near_the_end(self) -> None:
        """Do nothing: it asks as often all the time."""
