"""Background tasks that resolve the requirements of each running build once, and what an image contains once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from kusto_magic.emulator.managed_images import Layers
from kusto_magic.emulator.resolver import Inventory, Resolver

GRACE = 1.0
"""Seconds for which a request waits for the verdict on a build that is due."""

_log = logging.getLogger(__name__)
_Key = TypeVar("_Key")
_Result = TypeVar("_Result")


class SharedTasks(Generic[_Key, _Result]):
    """The running tasks by their key: concurrent callers of one event loop share a task."""

    def __init__(self, run: Callable[[_Key], Coroutine[Any, Any, _Result]]) -> None:
        self._run = run
        self._pending: dict[_Key, asyncio.Task[_Result]] = {}

    def task(self, key: _Key) -> asyncio.Task[_Result]:
        """Return the shared task of this event loop, started now if there is none."""
        task, loop = self._pending.get(key), asyncio.get_running_loop()
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._pending[key] = loop.create_task(self._run(key))
            task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _forget(self, key: _Key, done: asyncio.Task[_Result]) -> None:
        if self._pending.get(key) is done:  # another event loop may have replaced the task
            del self._pending[key]


class ResolverCache:
    """The running resolver tasks. `record(operation_id, reason)` is called with each result; "" means no conflict.

    Concurrent builds of the same text and Python version share one task, so that a fleet resolves once.
    """

    def __init__(self, resolver: Resolver, record: Callable[[str, str], None]) -> None:
        self._resolver = resolver
        self._record = record
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._shared: SharedTasks[tuple[str, str], str] = SharedTasks(self._resolve)

    def start(self, operation_id: str, requirements: str, python_version: str) -> None:
        """Start resolving a build unless a task is running; a task whose event loop was closed is replaced."""
        task = self._operations.get(operation_id)
        if task is None or task.done() or task.get_loop().is_closed():
            answer = self._answer(operation_id, requirements, python_version)
            self._operations[operation_id] = asyncio.get_running_loop().create_task(answer)

    async def wait(self, operation_id: str) -> None:
        """Wait up to `GRACE` seconds for the result; a task of another event loop cannot be awaited here."""
        task = self._operations.get(operation_id)
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task}, timeout=GRACE)

    async def _answer(self, operation_id: str, requirements: str, python_version: str) -> None:
        # Shielded, so that cancelling one build does not cancel the task that others share.
        reason = await asyncio.shield(self._shared.task((requirements, python_version)))
        self._record(operation_id, reason)
        self._operations.pop(operation_id, None)

    async def _resolve(self, key: tuple[str, str]) -> str:
        try:
            return await self._resolver(*key) or ""
        except Exception:  # without a verdict, the build would never end
            _log.exception("the resolver failed; the result counts as inconclusive")
            return ""


class InventoryCache:
    """The packages of images: each list of texts is resolved once, and its result is kept while the emulator runs."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._known: dict[Layers, Mapping[str, str]] = {}
        self._shared: SharedTasks[Layers, Mapping[str, str]] = SharedTasks(self._ask)

    async def packages(self, layers: Layers) -> Mapping[str, str]:
        """Return the version of each package by its displayed name."""
        if layers not in self._known:
            # Shielded, so that a client that gives up does not end the task that others wait for.
            self._known[layers] = await asyncio.shield(self._shared.task(layers))
        return self._known[layers]

    async def _ask(self, layers: Layers) -> Mapping[str, str]:
        return await self._inventory(layers.texts, layers.python, layers.base)
