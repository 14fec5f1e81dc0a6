"""Pool of open clients: one per cluster and scope.

Clients of one endpoint and scope share connections, sign-in and rate limits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import CredentialFactory
from kusto_magic.models.target import Target

ClientFactory = Callable[..., AbstractAsyncContextManager[ImagesClient]]
"""`client.connect` or a substitute; called with a target, and with a credential after `sign_in`."""


class ClientPool:
    """The open clients. Call `get` and `aclose` on one event loop; the other methods are thread-safe."""

    def __init__(self, open_client: ClientFactory) -> None:
        self._open_client = open_client
        self._lock = threading.Lock()
        self._sign_in: CredentialFactory | None = None
        self._clients: dict[tuple[str, str], ImagesClient] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._stack = AsyncExitStack()

    def sign_in(self, factory: CredentialFactory) -> None:
        """Use this credential factory for clients opened from now on. Nothing is sent; clients in use stay valid."""
        with self._lock:
            self._sign_in, self._clients = factory, {}  # the clients in use stay open until `aclose`

    def peek(self, target: Target) -> ImagesClient | None:
        """Return the open client of a cluster, or None."""
        return self._clients.get(_key(target))

    async def get(self, target: Target) -> ImagesClient:
        """Return the client of a cluster, opening it at the first call."""
        # One lock per endpoint: concurrent first calls must not open two transports, each with its own rate limits.
        async with self._opening.setdefault(target.endpoint, asyncio.Lock()):
            with self._lock:
                # Read together: `sign_in` may replace both from another thread.
                clients, factory = self._clients, self._sign_in
            key = _key(target)
            if key not in clients:
                other = next((client for client in clients.values() if _share_connection(client.target, target)), None)
                clients[key] = await self._open(target, factory) if other is None else other.for_target(target)
            return clients[key]

    async def _open(self, target: Target, factory: CredentialFactory | None) -> ImagesClient:
        options = {} if factory is None else {"credential": factory(target.endpoint)}
        return await self._stack.enter_async_context(self._open_client(target, **options))

    async def aclose(self) -> None:
        """Close all clients, including those opened before `sign_in`."""
        await self._stack.aclose()


def _key(target: Target) -> tuple[str, str]:
    # With another scope, the same cluster needs another token.
    return target.key, target.scope


def _share_connection(one: Target, other: Target) -> bool:
    return (one.endpoint, one.scope) == (other.endpoint, other.scope)
