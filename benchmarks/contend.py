"""One contender, in a process of its own: `python benchmarks/contend.py ours TASK` prints its results as JSON.

The runner starts it; the contenders are `ours`, `sync`, `async` and `floor`, each in the file named after it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, Protocol

import psutil
from fake import allow_many_files
from task import Task, ask

FILES = {"ours": "contender_ours", "sync": "contender_sync", "async": "contender_async", "floor": "contender_floor"}


class Contender(Protocol):
    """Starts and polls builds.

    `reported` is called on any thread when a build has ended: with its number, and with its error or "".
    """

    def __init__(self, task: Task, reported: Callable[[int, str], None]) -> None: ...

    async def begin(self, numbers: range) -> None:
        """Start these builds; return when each was accepted. They are polled from then on."""
        ...

    async def near_the_end(self) -> None:
        """Advance the clock to the usual end of a build, for a contender that polls more often then."""
        ...


async def poll_to_the_end(kind: type[Contender], task: Task) -> dict[str, Any]:
    """Start all builds at once; return when the end of each was reported, on the monotonic clock."""
    reported: dict[int, float] = {}
    problems: list[str] = []
    loop, all_done = asyncio.get_running_loop(), asyncio.Event()

    def report(number: int, problem: str) -> None:
        reported[number] = time.monotonic()
        problems.extend([problem] if problem else [])
        if problem or len(reported) == task.builds:
            loop.call_soon_threadsafe(all_done.set)

    contender = kind(task, report)
    await contender.begin(range(task.builds))
    await all_done.wait()
    if problems:
        raise RuntimeError(problems[0])
    return {"reported": reported}


async def poll_for_a_while(kind: type[Contender], task: Task) -> dict[str, Any]:
    """Return the cost of polling many builds, in addition to that of polling one."""
    me = psutil.Process()
    alone = me.num_threads()
    contender = kind(task, lambda _number, _problem: None)
    await contender.begin(range(1))
    idle = await _memory(me)
    await contender.begin(range(1, 1 + task.builds))
    await contender.near_the_end()
    await asyncio.sleep(task.settle)
    counts, cpu, started = _total(task), time.process_time(), time.monotonic()
    await asyncio.sleep(task.window)
    elapsed = time.monotonic() - started
    cpu, requests = time.process_time() - cpu, _total(task) - counts
    return {
        "threads": me.num_threads() - alone,
        "memory": (await _memory(me) - idle) / task.builds,
        "cpu": cpu * 60 / elapsed,
        "requests": requests * 60 / elapsed,
    }


async def _memory(me: psutil.Process) -> float:
    """Return the unique memory of this process in MB, after a garbage collection."""
    await asyncio.sleep(1.0)
    gc.collect()
    return float(me.memory_full_info().uss) / 2**20


def _total(task: Task) -> int:
    return sum(ask(task.port, "counts").values())


def main(name: str, argument: str) -> None:
    logging.disable(logging.WARNING)  # Microsoft's client warns of each connection beyond its pool
    allow_many_files()
    task = Task.from_argument(argument)
    kind: type[Contender] = importlib.import_module(FILES[name]).Contender
    do = poll_for_a_while if task.window else poll_to_the_end
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            os.environ["KUSTO_MAGIC_HOME"] = home
            result = asyncio.run(do(kind, task))
    except Exception as error:  # a limit of threads or files is a result too
        result = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
    os._exit(0)  # without waiting for thousands of builds that are still polled


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
