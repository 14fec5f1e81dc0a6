"""Calls of functions that block, on a daemon thread each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def run_in_daemon_thread(function: Callable[[], T], name: str) -> T:
    """Return the result of `function`, which runs on a thread with this name; raises what it raises.

    Canceling stops the wait, not the function. Not an executor: the exit of the process would wait for its threads.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def deliver(set_result: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nothing is waiting for the result any longer
            # The waiter may have timed out or been canceled in the meantime.
            loop.call_soon_threadsafe(lambda: None if result.done() else set_result())

    def run() -> None:
        try:
            found = function()
        except Exception as error:
            failure = error
            deliver(lambda: result.set_exception(failure))
        else:
            deliver(lambda: result.set_result(found))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await result
