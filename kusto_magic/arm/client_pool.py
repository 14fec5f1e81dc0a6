"""Pool of open clients: one per cluster and scope.

Clients of one endpoint and scope share connections, sign-in and rate limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import CredentialFactory
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.models.target import Subscription, Target

ConnectionFactory = Callable[..., AbstractAsyncContextManager[ArmTransport]]
"""`ArmTransport` or a substitute; called with an endpoint and a scope, and with a credential after `sign_in`."""


@dataclass(slots=True)
class _SignedIn:
    """The open connections and clients of one sign-in; a connection per endpoint and scope."""

    factory: CredentialFactory | None = None
    connections: dict[tuple[str, str], ArmTransport] = field(default_factory=dict)
    clients: dict[tuple[str, str], ImagesClient] = field(default_factory=dict)


class ClientPool:
    """The open clients. Call `get`, `get_subscription` and `aclose` on one event loop; the others are thread-safe."""

    def __init__(self, connect: ConnectionFactory = ArmTransport) -> None:
        self._connect = connect
        self._current = _SignedIn()
        self._opening: dict[str, asyncio.Lock] = {}
        self._stack = AsyncExitStack()

    def sign_in(self, factory: CredentialFactory) -> None:
        """Use this credential factory for clients opened from now on. Nothing is sent; clients in use stay valid."""
        self._current = _SignedIn(factory)  # the connections in use stay open until `aclose`

    def peek(self, target: Target) -> ImagesClient | None:
        """Return the open client of a cluster, or None."""
        return self._current.clients.get(_key(target))

    async def get(self, target: Target) -> ImagesClient:
        """Return the client of a cluster, opening it at the first call."""
        current = self._current  # read once: `sign_in` may replace it from another thread
        connection, key = await self._connection(current, target), _key(target)
        if key not in current.clients:
            current.clients[key] = ImagesClient.from_connection(connection, target)
        return current.clients[key]

    async def get_subscription(self, subscription: Subscription) -> SubscriptionClient:
        """Return a client of a subscription, opening its connection at the first call."""
        connection = await self._connection(self._current, subscription)
        return SubscriptionClient.from_connection(connection, subscription)

    async def _connection(self, current: _SignedIn, value: Target | Subscription) -> ArmTransport:
        # One lock per endpoint: concurrent first calls must not open two connections, each with its own rate limits.
        async with self._opening.setdefault(value.endpoint, asyncio.Lock()):
            key = value.endpoint, value.scope
            if key not in current.connections:
                options = {} if current.factory is None else {"credential": current.factory(value.endpoint)}
                opened = self._connect(value.endpoint, value.scope, **options)
                current.connections[key] = await self._stack.enter_async_context(opened)
            return current.connections[key]

    async def aclose(self) -> None:
        """Close all connections, including those opened before `sign_in`."""
        await self._stack.aclose()


def _key(target: Target) -> tuple[str, str]:
    # With another scope, the same cluster needs another token.
    return target.key, target.scope
