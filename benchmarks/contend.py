"""One contender, in a process of its own: `python benchmarks/contend.py ours TASK` prints what it saw, as JSON.

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
    """Makes builds and follows them; made with the task, and with what to call when one was heard to be over.

    It is called with the number of the build, and with what is wrong or "". On any thread.
    """

    def __init__(self, task: Task, heard: Callable[[int, str], None]) -> None: ...

    async def begin(self, numbers: range) -> None:
        """Begin these builds; return once each was accepted. They are followed from then on."""
        ...

    async def near_the_end(self) -> None:
        """Come to where builds are likely to end, for whoever asks more often then."""
        ...


async def follow_to_the_end(kind: type[Contender], task: Task) -> dict[str, Any]:
    """Begin all builds at once; return when each was heard to be over, on the monotonic clock."""
    heard: dict[int, float] = {}
    problems: list[str] = []
    loop, all_over = asyncio.get_running_loop(), asyncio.Event()

    def hear(number: int, problem: str) -> None:
        heard[number] = time.monotonic()
        problems.extend([problem] if problem else [])
        if problem or len(heard) == task.builds:
            loop.call_soon_threadsafe(all_over.set)

    contender = kind(task, hear)
    await contender.begin(range(task.builds))
    await all_over.wait()
    if problems:
        raise RuntimeError(problems[0])
    return {"heard": heard}


async def follow_for_a_while(kind: type[Contender], task: Task) -> dict[str, Any]:
    """Return what following many builds costs, over a client that follows one already."""
    me = psutil.Process()
    alone = me.num_threads()
    contender = kind(task, lambda _number, _problem: None)
    await contender.begin(range(1))
    idle = await _memory(me)
    await contender.begin(range(1, 1 + task.builds))
    await contender.near_the_end()
    await asyncio.sleep(task.settle)
    counts, spent, began = _total(task), time.process_time(), time.monotonic()
    await asyncio.sleep(task.window)
    took = time.monotonic() - began
    spent, asked = time.process_time() - spent, _total(task) - counts
    return {
        "threads": me.num_threads() - alone,
        "memory": (await _memory(me) - idle) / task.builds,
        "cpu": spent * 60 / took,
        "requests": asked * 60 / took,
    }


async def _memory(me: psutil.Process) -> float:
    """Return the memory that only this process has, in MB, after what is garbage has gone."""
    await asyncio.sleep(1.0)
    gc.collect()
    return float(me.memory_full_info().uss) / 2**20


def _total(task: Task) -> int:
    return sum(ask(task.port, "counts").values())


def main(name: str, argument: str) -> None:
    logging.disable(logging.WARNING)  # a rival warns of each connection beyond its pool
    allow_many_files()
    task = Task.from_argument(argument)
    kind: type[Contender] = importlib.import_module(FILES[name]).Contender
    do = follow_for_a_while if task.window else follow_to_the_end
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            os.environ["KUSTO_MAGIC_HOME"] = home
            said = asyncio.run(do(kind, task))
    except Exception as error:  # so many threads, so many files: some machine's limit, which is a result too
        said = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
    os._exit(0)  # without waiting for the thousands that are still followed


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
