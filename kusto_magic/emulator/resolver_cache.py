"""Background tasks that resolve the requirements of each running build once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from kusto_magic.emulator.resolver import Resolver

GRACE = 1.0
"""Seconds for which a request waits for the verdict on a build that is due."""

_log = logging.getLogger(__name__)


class ResolverCache:
    """The running resolver tasks. `record(operation_id, reason)` is called with each result; "" means no conflict.

    Concurrent builds of the same text and Python version share one task, so that a fleet resolves once.
    """

    def __init__(self, resolver: Resolver, record: Callable[[str, str], None]) -> None:
        self._resolver = resolver
        self._record = record
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[tuple[str, str], asyncio.Task[str]] = {}

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
        self._record(operation_id, await asyncio.shield(self._shared_task(requirements, python_version)))
        self._operations.pop(operation_id, None)

    def _shared_task(self, requirements: str, python_version: str) -> asyncio.Task[str]:
        """Return the shared task of this event loop, started now if there is none."""
        key, loop = (requirements, python_version), asyncio.get_running_loop()
        task = self._pending.get(key)
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._pending[key] = loop.create_task(self._resolve(requirements, python_version))
            task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _forget(self, key: tuple[str, str], done: asyncio.Task[str]) -> None:
        if self._pending.get(key) is done:  # another event loop may have replaced the task
            del self._pending[key]

    async def _resolve(self, requirements: str, python_version: str) -> str:
        try:
            return await self._resolver(requirements, python_version) or ""
        except Exception:  # without a verdict, the build would never end
            _log.exception("the resolver failed; the result counts as inconclusive")
            return ""
