"""Asks the resolver about each build once, in the background, while the build runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from kusto_magic.emulator.resolving import Resolver

GRACE = 1.0
"""How many seconds a request waits for the answer about a build that is due."""

_log = logging.getLogger(__name__)


class Verdicts:
    """The questions under way. `record(operation_id, text)` is called with each answer: "" = nothing against it."""

    def __init__(self, resolver: Resolver, record: Callable[[str, str], None]) -> None:
        self._resolver = resolver
        self._record = record
        self._asked: dict[str, asyncio.Task[None]] = {}

    def ask(self, operation_id: str, requirements: str, python_version: str) -> None:
        """Ask about a build unless that is under way; a question that died with its event loop is asked again."""
        task = self._asked.get(operation_id)
        if task is None or task.done() or task.get_loop().is_closed():
            question = self._answer(operation_id, requirements, python_version)
            self._asked[operation_id] = asyncio.get_running_loop().create_task(question)

    async def wait(self, operation_id: str) -> None:
        """Wait a moment for an answer. One that is awaited in another event loop is left to it."""
        task = self._asked.get(operation_id)
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({task}, timeout=GRACE)

    async def _answer(self, operation_id: str, requirements: str, python_version: str) -> None:
        try:
            reason = await self._resolver(requirements, python_version) or ""
        except Exception:
            _log.exception("the resolver failed; the build counts as one that could not be judged")
            reason = ""
        self._record(operation_id, reason)
        self._asked.pop(operation_id, None)
