"""A server on a loopback socket that does what servers should not: resets, falls silent, stops in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias

Act: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Handles one connection after the other with one act each; `heads` holds each request's head as it came.

    `arrived` is set once a whole request is there. With a `context` it speaks TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.arrived = asyncio.Event()
        self._acts: list[Act] = []
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{'https' if self._context else 'http'}://{host}:{port}"

    def then(self, *acts: Act) -> None:
        """Say what the next connections meet."""
        self._acts += acts

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read one request and keep it."""
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
            pass  # the client has gone, or the test is over
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    # ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def reply(self, raw: bytes) -> Act:
        """Read a request, write these bytes, close."""

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
        """Write one byte after the other, and never the last."""
        await self.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0)


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer, of a connection that ends with it."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
