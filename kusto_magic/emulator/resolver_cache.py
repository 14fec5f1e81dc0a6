"""Asks the resolver about each build once, in the background, while the build runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from kusto_magic.emulator.resolver import Resolver

GRACE = 1.0
"""How many seconds a request waits for the answer about a build that is due."""

_log = logging.getLogger(__name__)


class ResolverCache:
    """The questions under way. `record(operation_id, text)` is called with each answer: "" = nothing against it.

    Builds of the same text and Python version that run at the same time share one question: a fleet asks once.
    """

    def __init__(self, resolver: Resolver, record: Callable[[str, str], None]) -> None:
        self._resolver = resolver
        self._record = record
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[tuple[str, str], asyncio.Task[str]] = {}

    def start(self, operation_id: str, requirements: str, python_version: str) -> None:
        """Ask about a build unless that is under way; a question that died with its event loop is asked again."""
        task = self._operations.get(operation_id)
        if task is None or task.done() or task.get_loop().is_closed():
            answer = self._answer(operation_id, requirements, python_version)
            self._operations[operation_id] = asyncio.get_running_loop().create_task(answer)

    async def wait(self, operation_id: str) -> None:
        """Wait a moment for an answer. One that is awaited in another event loop is left to it."""
        task = self._operations.get(operation_id)
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task}, timeout=GRACE)

    async def _answer(self, operation_id: str, requirements: str, python_version: str) -> None:
        # Shielded: who stops waiting does not take the answer from the others.
        self._record(operation_id, await asyncio.shield(self._shared_task(requirements, python_version)))
        self._operations.pop(operation_id, None)

    def _shared_task(self, requirements: str, python_version: str) -> asyncio.Task[str]:
        """Return the question under way in this event loop, asked now if there is none."""
        key, loop = (requirements, python_version), asyncio.get_running_loop()
        task = self._pending.get(key)
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._pending[key] = loop.create_task(self._resolve(requirements, python_version))
            task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _forget(self, key: tuple[str, str], done: asyncio.Task[str]) -> None:
        if self._pending.get(key) is done:  # another event loop may have asked since
            del self._pending[key]

    async def _resolve(self, requirements: str, python_version: str) -> str:
        try:
            return await self._resolver(requirements, python_version) or ""
        except Exception:
            _log.exception("the resolver failed; the build counts as one that could not be judged")
            return ""
