"""Microsoft's own management clients, unmodified, against an emulator on a real socket."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

import uvicorn
from azure.core.pipeline.policies import HeadersPolicy

from kusto_magic.emulator import EmulatorConfig, ReadyTarget, create_app
from kusto_magic.emulator.resolver import Inventory, Resolver
from kusto_magic.emulator.server import bind

START_DEADLINE = 20.0
GROUPS = (
    "sandbox_custom_images",
    "clusters",
    "skus",
    "operations",
    "operations_results",
    "operations_results_location",
)
"""The operation groups for images, extensions and clusters."""


class NoCredential:
    """The credential that the clients require; never called, since a policy adds the token."""

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("the emulator's own token is used")


@contextmanager
def served_emulator(
    config: EmulatorConfig, resolver: Resolver, inventory: Inventory | None = None
) -> Iterator[ReadyTarget]:
    """Serve an emulator with this configuration on a free port."""
    listener = bind(0)
    config = replace(config, port=listener.getsockname()[1])
    app = create_app(config, resolver=resolver, inventory=inventory)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", loop="asyncio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield config.ready
    finally:
        server.should_exit = True
        thread.join(START_DEADLINE)
        listener.close()


class Peer:
    """A synchronous or asynchronous client with one interface; `called` has the operations that were called.

    `module` is "azure.mgmt.kusto" or "azure.mgmt.kusto.aio". The token is added by a policy, since the client rejects
    bearer tokens over http.
    """

    def __init__(self, ready: ReadyTarget, module: str, client: str = "KustoManagementClient") -> None:
        self.called: set[tuple[str, str]] = set()
        self._loop = asyncio.new_event_loop()
        policy = HeadersPolicy({"Authorization": f"Bearer {ready.token}"})
        options: dict[str, Any] = {"base_url": ready.endpoint, "authentication_policy": policy}
        made = getattr(import_module(module), client)
        arguments = (NoCredential(), ready.subscription) if "kusto" in module else (NoCredential(),)
        self.client = self._run(self._create(made, arguments, options))

    async def _create(self, made: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return made(*arguments, **options)

    def __call__(self, group: str, operation: str, *arguments: Any) -> Any:
        """Call an operation and return its result; a long-running one is polled to its end, pages are one list."""
        self.called.add((group, operation))
        options = {"polling_interval": 0} if operation.startswith("begin_") else {}
        called = getattr(getattr(self.client, group) if group else self.client, operation)
        return self._run(self._result(called, arguments, options))

    async def _result(self, called: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        value = called(*arguments, **options)
        value = await value if inspect.isawaitable(value) else value
        if options:
            value = value.result()
            value = await value if inspect.isawaitable(value) else value
        if isinstance(value, AsyncIterable):
            return [item async for item in value]
        return list(value) if isinstance(value, Iterable) and not hasattr(value, "as_dict") else value

    def begin(self, group: str, operation: str, *arguments: Any) -> str:
        """Start a long-running operation without polling it; return its ID."""
        urls: list[str] = []

        def hook(response: Any) -> None:
            urls.append(response.http_response.headers["Azure-AsyncOperation"])

        called = getattr(getattr(self.client, group), operation)
        started = called(*arguments, polling=False, raw_response_hook=hook)
        if inspect.isawaitable(started):
            self._run(started)
        return urls[0].partition("/operationResults/")[2].partition("?")[0]

    def _run(self, value: Any) -> Any:
        return self._loop.run_until_complete(value)

    def offered(self) -> set[tuple[str, str]]:
        """Return the operations of `GROUPS` that this version of the client offers."""
        return {
            (group, name)
            for group in GROUPS
            for name, value in inspect.getmembers(getattr(self.client, group))
            if callable(value) and not name.startswith("_") and name not in {"models", "get_next"}
        }

    def close(self) -> None:
        """Close the client."""
        closed = self.client.close()
        if inspect.isawaitable(closed):
            self._run(closed)
        self._loop.close()
