"""Clients that are kept open: one a cluster, those of one endpoint sharing connections, sign-in and budgets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import CredentialFactory
from kusto_magic.models.target import Target

ClientFactory = Callable[..., AbstractAsyncContextManager[ImagesClient]]
"""`client.connect`, or what stands in for it; it is given a target, and a credential where `sign_in` was called."""


class ClientPool:
    """What is open. `of` and `aclose` belong to one event loop, the rest is safe to call from any thread."""

    def __init__(self, open_client: ClientFactory) -> None:
        self._open_client = open_client
        self._lock = threading.Lock()
        self._sign_in: CredentialFactory | None = None
        self._clients: dict[str, ImagesClient] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._stack = AsyncExitStack()

    def sign_in(self, way: CredentialFactory) -> None:
        """Sign in this way from now on; who has a client keeps it. Nothing is sent."""
        with self._lock:
            self._sign_in, self._clients = way, {}

    def peek(self, target: Target) -> ImagesClient | None:
        """Return the open client of a cluster, None where nothing was asked there yet."""
        return self._clients.get(target.key)

    async def get(self, target: Target) -> ImagesClient:
        """Return the client of a cluster, opened when it is first asked for."""
        async with self._opening.setdefault(target.endpoint, asyncio.Lock()):
            with self._lock:
                clients, way = self._clients, self._sign_in
            if target.key not in clients:
                beside = next((it for it in clients.values() if _share_connection(it.target, target)), None)
                clients[target.key] = await self._open(target, way) if beside is None else beside.for_target(target)
            return clients[target.key]

    async def _open(self, target: Target, way: CredentialFactory | None) -> ImagesClient:
        how = {} if way is None else {"credential": way(target.endpoint)}
        return await self._stack.enter_async_context(self._open_client(target, **how))

    async def aclose(self) -> None:
        """Close everything."""
        await self._stack.aclose()


def _share_connection(one: Target, other: Target) -> bool:
    return (one.endpoint, one.scope) == (other.endpoint, other.scope)
