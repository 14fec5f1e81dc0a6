"""The emulator as a separate process: a loopback socket, one line when it is ready, exit when idle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from kusto_magic.emulator.app import create_app
from kusto_magic.emulator.config import EmulatorConfig
from kusto_magic.emulator.fleet import Fleet

IDLE_CHECKS = 4
"""Number of idle checks within the idle time."""

MAX_CHECK_INTERVAL = 5.0
"""Maximum number of seconds between two idle checks."""


def bind(port: int, preferred: int = 0) -> socket.socket:
    """Return a listening socket on 127.0.0.1 and `port`; if that is 0, on `preferred` if free, else on any port.

    Raises OSError if `port` is in use.
    """
    if port == 0 and preferred:
        try:
            return _bind(preferred)
        except OSError:  # in use, or forbidden by the system
            return _bind(0)
    return _bind(port)


def _bind(port: int) -> socket.socket:
    # asyncio disables Nagle's algorithm only if the protocol is given: a response takes 1 ms instead of 45.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":  # on Windows, SO_REUSEADDR would let another process take over the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def serve(config: EmulatorConfig, listener: socket.socket, idle_exit: float) -> None:
    """Serve until a signal, `POST /emulator/stop`, or `idle_exit` seconds without a request or a running operation.

    `idle_exit` 0 means never. Prints the ready line. Blocks; must be called in the main thread.
    """
    config = replace(config, port=listener.getsockname()[1])
    server = _Server(config, idle_exit)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: None)  # uvicorn stops on these signals and then raises them again; ignore that
    with listener:
        asyncio.run(server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """A Uvicorn server with a ready line and an idle exit."""

    def __init__(self, config: EmulatorConfig, idle_exit: float) -> None:
        app = create_app(config, stop=self._stop)
        self._fleet: Fleet = app.state.fleet
        self._emulated = config
        self._idle = _Idle(app)
        self._idle_exit = idle_exit
        super().__init__(
            uvicorn.Config(
                self._idle,
                access_log=False,
                log_level="warning",
                loop="asyncio",
                ws="none",  # WebSockets would bypass the checks of HTTP requests
                lifespan="off",
                proxy_headers=False,  # there is no proxy in front of it
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving and print the ready line."""
        await super().startup(sockets)
        ready = self._emulated.ready
        target = {"subscription": ready.subscription, "resource_group": ready.resource_group, "cluster": ready.cluster}
        line = {"endpoint": ready.endpoint, "token": ready.token, "target": target, "pid": os.getpid()}
        line |= {"instance": self._emulated.instance, "build_seconds": self._emulated.build_seconds}
        sys.stdout.write(json.dumps(line | {"clusters": self._emulated.clusters}) + "\n")
        sys.stdout.flush()  # a pipe is block-buffered
        if self._idle_exit:
            # Kept: the event loop holds only weak references to tasks.
            self._watch = asyncio.create_task(self._watch_idle())

    async def _watch_idle(self) -> None:
        while not self.should_exit:
            await asyncio.sleep(min(self._idle_exit / IDLE_CHECKS, MAX_CHECK_INTERVAL))
            await self._fleet.apply_due()
            if self._fleet.running():  # a running build counts as activity
                self._idle.since = time.monotonic()
            if time.monotonic() - self._idle.since >= self._idle_exit:
                self._stop()

    def _stop(self) -> None:
        self.should_exit = True


class _Idle:
    """ASGI middleware that stores the time of the last request, on the monotonic clock."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.since = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.since = time.monotonic()
        await self._app(scope, receive, send)
