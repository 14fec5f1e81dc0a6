"""Background event loop: one daemon thread with one asyncio loop, and functions to wait for its results."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

WAIT_INTERVAL = 0.5
"""Polling interval in seconds while blocking, so that KeyboardInterrupt is handled promptly on all platforms."""

T = TypeVar("T")


WaitObserver = Callable[[float | None], None]
"""Called now and then with the seconds that a request has been waited for, and with None at the end of the wait."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Let an interrupt of a wait be raised as such.

    If it comes while a lock is acquired again, Python raises "RuntimeError: release unlocked lock" in its place.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise


def wait_for_result(
    future: concurrent.futures.Future[T], timeout: float | None = None, observer: WaitObserver | None = None
) -> T:
    """Return the result of a future. Raises TimeoutError after `timeout` seconds.

    Wakes up periodically, so that an interrupt is handled promptly, and calls `observer` then.
    """
    waited = 0.0
    left = float("inf") if timeout is None else timeout
    while True:
        try:
            with interruptible():
                return future.result(timeout=min(WAIT_INTERVAL, left))
        except TimeoutError:
            left -= WAIT_INTERVAL
            # A done future has raised a TimeoutError of its own, which is its result.
            if future.done() or left <= 0:
                raise
            waited += WAIT_INTERVAL
            if observer is not None:
                observer(waited)


def wait_for_exception(future: concurrent.futures.Future[Any], timeout: float | None = None) -> BaseException | None:
    """Return the error of a future, None if it has a result; wait and raise TimeoutError as `wait_for_result`."""
    try:
        wait_for_result(future, timeout)
    except Exception:
        if not future.done():  # the timeout of this wait
            raise
    return future.exception()


def result_or_cancel(future: concurrent.futures.Future[T], observer: WaitObserver | None = None) -> T:
    """Return the result of a future; an interrupt also cancels the future. `observer` follows the wait."""
    try:
        return wait_for_result(future, observer=observer)
    except KeyboardInterrupt:
        future.cancel()  # so that no request is sent after Ctrl-C
        raise
    finally:
        if observer is not None:
            observer(None)


class BackgroundLoop:
    """An asyncio loop on its own daemon thread, started at first use.

    The kernel's event loop cannot be used: it is blocked while a cell runs.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop; return at once."""
        # From an empty context: ipykernel stores the parent header of the running cell in the caller's context. Later
        # output of the background would be attributed to that cell, and headless runs drop such output.
        run = asyncio.run_coroutine_threadsafe
        return contextvars.Context().run(run, coroutine, self._running_loop())

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel all tasks, run `last`, and end the thread."""
        with self._lock:  # after this, `submit` starts a new loop
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            last.close()  # avoids the warning about a coroutine that was never awaited
            return
        try:
            # Bounded: it runs when the process exits.
            asyncio.run_coroutine_threadsafe(_shut_down(last), loop).result(timeout=5)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=5)  # a daemon thread, so it may be left behind
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:  # two threads must not start two loops
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="kusto_magic builds", daemon=True)
                self._thread.start()
            return self._loop


async def _shut_down(last: Awaitable[None]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)  # their CancelledError is expected
    await last
