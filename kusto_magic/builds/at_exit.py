"""End of a program that has started operations and not waited for them."""

from __future__ import annotations

import atexit
import shlex
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from kusto_magic.builds.build import Build
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.display_text import visible_line
from kusto_magic.models.action import NOT_STARTED, Phase

PATIENCE: Final = 15.0
"""Seconds that the end of a program waits for the submission of what it has started."""


def register(registry: Callable[[], BuildRegistry], close: Callable[[], None]) -> None:
    """At the end of this process, submit what it has started, call `close`, and report what was not sent.

    `registry` returns the builds: a forked child has others than its parent.
    """

    def finish() -> None:
        # Not in a kernel: Jupyter ends it because the user asked for it, and kills it after a few seconds.
        unsent = [] if "ipykernel.kernelapp" in sys.modules else wait_until_submitted(registry(), PATIENCE)
        phases = {build.id: build.operation.shown_phase for build in unsent}
        close()
        for build in unsent:
            text = (
                f"kusto_magic: the {build.action.value} of {build.name!r} was not sent: the program ended while its "
                f"state was {phases[build.id]}. Call wait() on the build before the program ends, or send it with "
                f"%kusto_image attach {shlex.quote(build.name)} --send"
            )
            sys.stderr.write(f"{visible_line(text)}\n")

    _before_thread_pools_end(finish)


def wait_until_submitted(registry: BuildRegistry, timeout: float) -> list[Build]:
    """Wait until builds are submitted, done or queued, at most `timeout` seconds; return those that are not sent."""
    end = time.monotonic() + timeout
    for build in _unsent(registry):
        moved = threading.Event()

        def wake(_change: object, event: threading.Event = moved) -> None:
            event.set()

        build.observe(wake, ["operation", "ended"])
        while build.operation.phase in NOT_STARTED - {Phase.QUEUED} and not build.ended:
            if not moved.wait(max(0.0, end - time.monotonic())):
                break
            moved.clear()
    return _unsent(registry)


def _unsent(registry: BuildRegistry) -> list[Build]:
    return [build for build in registry.all() if build.started_here and build.operation.phase in NOT_STARTED]


def _before_thread_pools_end(call: Callable[[], None]) -> None:
    # `atexit` is too late: Python ends the thread pools before, and without them no name is resolved and no record
    # written. Its own pools use the same function, which has no public name.
    register_early: Callable[..., Any] = getattr(threading, "_register_atexit", atexit.register)
    register_early(call)
