"""A loopback server that misbehaves: it resets connections, does not respond, or stops in the middle of a response."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias

ConnectionHandler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Handles each connection with the next handler; `heads` and `bodies` have the raw requests.

    `arrived` is set when a complete request has been received. With `context` the server uses TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.arrived = asyncio.Event()
        self._acts: list[ConnectionHandler] = []
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{'https' if self._context else 'http'}://{host}:{port}"

    def then(self, *acts: ConnectionHandler) -> None:
        """Add handlers for the next connections."""
        self._acts += acts

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read one request and store it."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(int(length.partition(b":")[2])))
        self.arrived.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._context)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._handlers:
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await self._acts.pop(0)(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has closed the connection, or the test has ended
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    # ── handlers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def reply(self, raw: bytes) -> ConnectionHandler:
        """Return a handler that reads a request, writes these bytes and closes the connection."""

        async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.read(reader)
            writer.write(raw)
            await writer.drain()

        return act

    async def reset_at_once(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def reset_after_reading(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.read(reader)
        writer.transport.abort()

    async def silence(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await self.read(reader)
        await reader.read()  # until the client hangs up

    async def drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Write single bytes without ever completing the response."""
        await self.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0)


def http_response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a complete HTTP response that closes the connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
