"""Tests of LongPolls and SharedCall: how much work the requests of many pages cause."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.clock import MovableClock

from kusto_magic.server.long_polls import CHECK_INTERVAL, MAX_WAITING, LongPolls, SharedCall


class Source:
    """A source of revisions, and the number of checks."""

    def __init__(self, revision: str = "1") -> None:
        self.revision = revision
        self.checks = 0
        self.error: Exception | None = None

    async def check(self) -> str:
        self.checks += 1
        if self.error:
            raise self.error
        return self.revision


async def wait_for_tasks() -> None:
    """Let the started requests begin to wait."""
    await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_many_waiting_requests_cause_one_check_per_interval() -> None:
    source, clock = Source(), MovableClock()
    polls = LongPolls(source.check, clock)
    await asyncio.gather(*(polls.wait("1", 20) for _ in range(500)))
    assert clock.passed >= 20
    assert source.checks <= 20 / CHECK_INTERVAL + 2  # two: the clock also moves while the requests end


@pytest.mark.asyncio
async def test_request_ends_with_the_change_of_its_revision() -> None:
    source, clock = Source(), MovableClock()
    polls = LongPolls(source.check, clock)
    waiting = asyncio.create_task(polls.wait("1", 20))
    await wait_for_tasks()
    source.revision = "2"
    await waiting
    assert clock.passed < 5 * CHECK_INTERVAL


@pytest.mark.asyncio
async def test_nothing_is_checked_after_the_last_request() -> None:
    source = Source()
    polls = LongPolls(source.check, MovableClock())
    waiting = asyncio.create_task(polls.wait("1", 1000))
    await wait_for_tasks()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    before = source.checks
    for _ in range(10):
        await asyncio.sleep(0)
    assert source.checks == before
    await polls.wait("1", 1)  # the next request is served again
    assert source.checks > before


@pytest.mark.asyncio
async def test_error_of_a_check_reaches_the_requests_and_the_next_one_is_served() -> None:
    source = Source()
    source.error = OSError("no disk")
    polls = LongPolls(source.check, MovableClock())
    results = await asyncio.gather(*(polls.wait("1", 20) for _ in range(2)), return_exceptions=True)
    assert results == [source.error] * 2
    source.error = None
    await polls.wait("0", 20)


@pytest.mark.asyncio
async def test_requests_beyond_the_maximum_do_not_wait() -> None:
    polls = LongPolls(Source().check, MovableClock())
    waiting = [asyncio.create_task(polls.wait("1", 20)) for _ in range(MAX_WAITING)]
    await wait_for_tasks()
    await asyncio.wait_for(polls.wait("1", 1e9), 10)
    assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)


@pytest.mark.asyncio
async def test_simultaneous_callers_share_a_run_that_starts_after_their_call() -> None:
    runs, running, released = 0, threading.Event(), threading.Event()

    def work() -> None:
        nonlocal runs
        runs += 1
        running.set()
        released.wait(10)

    with ThreadPoolExecutor(1) as executor:
        call = SharedCall(work, executor)
        first = asyncio.create_task(call.run())
        await asyncio.to_thread(running.wait, 10)
        others = [asyncio.create_task(call.run()) for _ in range(100)]
        await wait_for_tasks()
        others[0].cancel()  # ends its own call only
        released.set()
        await asyncio.gather(first, *others[1:])
    assert runs == 2
