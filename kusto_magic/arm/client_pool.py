"""Clients that are kept open: one a cluster, those of one endpoint sharing connections, sign-in and budgets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import SignIn
from kusto_magic.models.target import Target

Opener = Callable[..., AbstractAsyncContextManager[ImagesClient]]
"""`client.connect`, or what stands in for it; it is given a target, and a credential where `sign_in` was called."""


class Connections:
    """What is open. `of` and `aclose` belong to one event loop, the rest is safe to call from any thread."""

    def __init__(self, open_client: Opener) -> None:
        self._open_client = open_client
        self._lock = threading.Lock()
        self._sign_in: SignIn | None = None
        self._clients: dict[str, ImagesClient] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._stack = AsyncExitStack()

    def sign_in(self, way: SignIn) -> None:
        """Sign in this way from now on; who has a client keeps it. Nothing is sent."""
        with self._lock:
            self._sign_in, self._clients = way, {}

    def known(self, target: Target) -> ImagesClient | None:
        """Return the open client of a cluster, None where nothing was asked there yet."""
        return self._clients.get(target.place)

    async def of(self, target: Target) -> ImagesClient:
        """Return the client of a cluster, opened when it is first asked for."""
        async with self._opening.setdefault(target.endpoint, asyncio.Lock()):
            with self._lock:
                clients, way = self._clients, self._sign_in
            if target.place not in clients:
                beside = next((it for it in clients.values() if _same_wire(it.target, target)), None)
                clients[target.place] = await self._opened(target, way) if beside is None else beside.beside(target)
            return clients[target.place]

    async def _opened(self, target: Target, way: SignIn | None) -> ImagesClient:
        how = {} if way is None else {"credential": way(target.endpoint)}
        return await self._stack.enter_async_context(self._open_client(target, **how))

    async def aclose(self) -> None:
        """Close everything."""
        await self._stack.aclose()


def _same_wire(one: Target, other: Target) -> bool:
    return (one.endpoint, one.scope) == (other.endpoint, other.scope)
