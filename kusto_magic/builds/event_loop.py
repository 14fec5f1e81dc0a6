"""The background: one daemon thread with one asyncio loop, and waiting for what happens there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

WAIT_INTERVAL = 0.5
"""Seconds; whoever waits wakes so often, so that an interrupt is answered at once on every system."""

T = TypeVar("T")


def wait_for_result(future: concurrent.futures.Future[T], timeout: float | None = None) -> T:
    """Return a future's result, waking often enough that an interrupt is answered at once.

    Raises TimeoutError after `timeout` seconds.
    """
    left = float("inf") if timeout is None else timeout
    while True:
        try:
            return future.result(timeout=min(WAIT_INTERVAL, left))
        except TimeoutError:
            left -= WAIT_INTERVAL
            if future.done() or left <= 0:
                raise


def result_or_cancel(future: concurrent.futures.Future[T]) -> T:
    """Return the result of a question; an interrupt cancels the question too."""
    try:
        return wait_for_result(future)
    except KeyboardInterrupt:
        future.cancel()
        raise


class BackgroundLoop:
    """An asyncio loop on a daemon thread of its own, begun at first use.

    The kernel's own loop would freeze while a cell blocks.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine there; return at once."""
        # From an empty context: ipykernel keeps the running cell's parent header in the caller's, and what is shown
        # from the background later would be sent as that cell's, which headless runs drop.
        run = asyncio.run_coroutine_threadsafe
        return contextvars.Context().run(run, coroutine, self._running_loop())

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what runs there, then run `last`, and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            last.close()
            return
        try:
            asyncio.run_coroutine_threadsafe(_shut_down(last), loop).result(timeout=5)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=5)
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="kusto_magic builds", daemon=True)
                self._thread.start()
            return self._loop


async def _shut_down(last: Awaitable[None]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await last
