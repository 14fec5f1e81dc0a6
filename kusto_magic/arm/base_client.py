"""Base class of the clients: the connections and the sign-in."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from kusto_magic.arm.requests import ArmRequests
from kusto_magic.arm.transport import ArmTransport


class ArmClient:
    """A client that sends its requests on `connection`. As an async context manager it opens and closes it."""

    def __init__(self, connection: ArmTransport) -> None:
        self._connection = connection
        self._requests = ArmRequests(connection)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._connection.__aexit__(exc_type, exc_value, traceback)

    @property
    def identity(self) -> str:
        """The signed-in identity, without the user's name; "" before the first request or if the token has none."""
        return self._connection.identity

    @property
    def account(self) -> str:
        """The signed-in account and its tenant, by name where the token has one; "" as for `identity`."""
        return self._connection.account

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which this machine's clock was ahead of the service's at the last response; None if unknown."""
        return self._connection.clock_offset

    async def sign_in(self) -> str:
        """Get a token without sending a request; return its `identity`. Raises SignInError."""
        return await self._connection.sign_in()

    async def token(self, scope: str) -> str:
        """Return a token of the signed-in identity for another OAuth scope. Raises SignInError."""
        return await self._connection.token(scope)
