"""The floor: sockets and a string search. No client that polls each build can need less."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from urllib.parse import urlsplit

from task import BASE, GROUP, REQUIREMENTS, SUBSCRIPTION, Task, image

DONE = b'"status":"Succeeded"'
BODY = json.dumps(
    {"properties": {"language": "Python", "baseImageName": BASE, "requirementsFileContent": REQUIREMENTS}}
)
CONNECTIONS = 8
"""Number of connections that all builds share."""


class Contender:
    """Polls each build every `interval` seconds."""

    def __init__(self, task: Task, reported: Callable[[int, str], None]) -> None:
        self._task = task
        self._reported = reported
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._polling: list[asyncio.Task[None]] = []

    async def begin(self, numbers: range) -> None:
        while self._free.qsize() < CONNECTIONS:
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._task.port))
        for number in numbers:
            address = await self._put(number)
            self._polling.append(asyncio.create_task(self._poll(number, address)))

    async def _put(self, number: int) -> str:
        provider = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Kusto"
        path = f"{provider}/clusters/{self._task.cluster(number)}/sandboxCustomImages/{image(number)}"
        request = f"PUT {path} HTTP/1.1\r\nHost: fake\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
        head, _ = await self._exchanged(request.encode())
        address = urlsplit(head.partition(b"Azure-AsyncOperation: ")[2].partition(b"\r\n")[0].decode())
        return f"{address.path}?{address.query}"

    async def _poll(self, number: int, address: str) -> None:
        request = f"GET {address} HTTP/1.1\r\nHost: fake\r\n\r\n".encode()
        while True:
            await asyncio.sleep(self._task.interval)
            if DONE in (await self._exchanged(request))[1]:
                break
        self._reported(number, "")

    async def _exchanged(self, request: bytes) -> tuple[bytes, bytes]:
        reader, writer = connection = await self._free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
        self._free.put_nowait(connection)
        return head, body

    async def near_the_end(self) -> None:
        """Do nothing: the interval is constant."""
