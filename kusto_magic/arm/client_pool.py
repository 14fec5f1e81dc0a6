"""Pool of open clients: one per cluster and scope.

Clients of one endpoint, scope and credential share connections, sign-in and rate limits. With az, the clusters of one
subscription have one credential (`CredentialFactory`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import Credential, CredentialFactory, RunningTool
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.models.target import Subscription, Target

ConnectionFactory = Callable[..., AbstractAsyncContextManager[ArmTransport]]
"""Substitute for `ArmTransport`; called with an endpoint and a scope, and with a credential after `sign_in`."""


@dataclass(slots=True)
class _SignedIn:
    """The open connections and clients of one sign-in; a connection per endpoint, scope and credential."""

    factory: CredentialFactory | None = None
    connections: dict[tuple[str, str, Credential | None], ArmTransport] = field(default_factory=dict)
    clients: dict[tuple[str, str], ImagesClient] = field(default_factory=dict)


class ClientPool:
    """The open clients. Call `get`, `get_subscription` and `aclose` on one event loop; the others are thread-safe."""

    def __init__(self, connect: ConnectionFactory | None = None) -> None:
        self._connect: ConnectionFactory = connect or ArmTransport
        self._current = _SignedIn(None if connect else CredentialFactory())
        self._opening: dict[str, asyncio.Lock] = {}
        self._stack = AsyncExitStack()

    def sign_in(self, factory: CredentialFactory) -> None:
        """Use this credential factory for clients opened from now on. Nothing is sent; clients in use stay valid."""
        self._current = _SignedIn(factory)  # the connections in use stay open until `aclose`

    @property
    def running_tool(self) -> RunningTool | None:
        """The program that is being asked for a token, or None."""
        factory = self._current.factory
        return None if factory is None else factory.running_tool

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
            subscription = value.subscription if isinstance(value, Target) else value.id
            credential = None if current.factory is None else current.factory(value.endpoint, subscription)
            key = value.endpoint, value.scope, credential
            if key not in current.connections:
                options = {} if credential is None else {"credential": credential}
                opened = self._connect(value.endpoint, value.scope, **options)
                current.connections[key] = await self._stack.enter_async_context(opened)
            return current.connections[key]

    async def aclose(self) -> None:
        """Close all connections, including those opened before `sign_in`."""
        await self._stack.aclose()


def _key(target: Target) -> tuple[str, str]:
    # With another scope, the same cluster needs another token.
    return target.key, target.scope
