"""Start the server and the contenders, each in a process of its own, so that memory and CPU time are separate."""

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
MAX_ERROR_LENGTH = 2000
MAX_SECONDS = 1800.0
"""Seconds after which a contender is stopped."""


@contextmanager
def fake(
    low: float, high: float, *, retry_after: int | None = None, seed: int = 1, counts: bool = False
) -> Iterator[int]:
    """Run the server, whose builds take `low` to `high` seconds; yield its port.

    With `counts` its responses state how many reads ARM would leave; otherwise the observed constant, 1,099.
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
    """Check that all processes share the monotonic clock, as they do on Linux, macOS and Windows."""
    before = time.monotonic()
    there = ask(port, "now")
    # Windows' clock moves in steps of 16 ms before Python 3.13
    if not before - 0.02 <= there <= time.monotonic() + 0.02:
        raise RuntimeError("the processes of this machine do not share a monotonic clock: lag cannot be measured")


class ContenderProcess:
    """A running contender; it is stopped when the block ends."""

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

    def result(self) -> dict[str, Any]:
        """Wait for the result. Raises RuntimeError with the error output, or TimeoutExpired after half an hour."""
        output, _ = self._process.communicate(timeout=MAX_SECONDS)
        if not output:
            self._errors.seek(0)
            raise RuntimeError(f"a contender crashed:\n{self._errors.read()[-MAX_ERROR_LENGTH:]}")
        return dict(json.loads(output))
