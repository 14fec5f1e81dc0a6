"""Starts the server and the contenders, each in a process of its own, so that memory and processor time are its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from task import Task, ask

HERE = Path(__file__).parent
LAST_WORDS = 2000
LONGEST = 1800.0
"""Seconds after which a contender is given up."""


@contextmanager
def fake(
    low: float, high: float, *, retry_after: int | None = None, seed: int = 1, counts: bool = False
) -> Iterator[int]:
    """Run the server, whose builds take from `low` to `high` seconds; give its port.

    `counts` lets its answers say how many reads ARM would leave; else they say what was seen, 1,099.
    """
    command = [sys.executable, str(HERE / "fake.py"), "--seconds", str(low), str(high), "--seed", str(seed)]
    command += [] if retry_after is None else ["--retry-after", str(retry_after)]
    command += ["--counts"] if counts else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            _check_clock(port)
            yield port
        finally:
            server.stdin.close()


def _check_clock(port: int) -> None:
    """Make sure that the monotonic clock is one for all processes, as on Linux, macOS and Windows it is."""
    before = time.monotonic()
    there = ask(port, "now")
    # Windows' clock moves in steps of 16 ms before Python 3.13
    if not before - 0.02 <= there <= time.monotonic() + 0.02:
        raise RuntimeError("each process has a monotonic clock of its own here: lag cannot be measured")


class Contending:
    """One contender at work, until the block ends; `said` waits for what it has to say."""

    def __init__(self, who: str, task: Task) -> None:
        self._command = [sys.executable, str(HERE / "contend.py"), who, task.to_argument()]

    def __enter__(self) -> Self:
        self._errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def said(self) -> dict[str, Any]:
        """Return it. Raises RuntimeError with its last words where it broke down, TimeoutExpired after half an hour."""
        output, _ = self._process.communicate(timeout=LONGEST)
        if not output:
            self._errors.seek(0)
            raise RuntimeError(f"a contender broke down:\n{self._errors.read()[-LAST_WORDS:]}")
        return dict(json.loads(output))
