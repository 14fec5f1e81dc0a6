"""End of a program that has started operations and not waited for them."""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from kusto_magic.builds.build import Build
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.builds.state import Origin
from kusto_magic.display_text import visible_line
from kusto_magic.error_texts import failure_reason
from kusto_magic.hints import Hint, HintKind, HintTable
from kusto_magic.models.build_state import NOT_STARTED, BuildState

PATIENCE: Final = 15.0
"""Seconds that the end of a program waits for the submission of what it has started."""


def register(
    registry: Callable[[], BuildRegistry], close: Callable[[], None], hint_table: Callable[[], HintTable]
) -> None:
    """At the end of this process, submit what it has started, call `close`, and report what was not sent.

    `registry` returns the builds: a forked child has others than its parent. `hint_table` returns the sentences of the
    front end that has started them.
    """

    def finish() -> None:
        unsent: list[Build] = []
        try:
            # Not in a kernel: Jupyter ends it because the user asked for it, and kills it after a few seconds.
            if "ipykernel.kernelapp" not in sys.modules:
                unsent = wait_until_submitted(registry(), PATIENCE)
        finally:  # also after Ctrl-C
            texts = [_report(build, hint_table()) for build in unsent]
            close()
        for text in texts:
            sys.stderr.write(f"{visible_line(text)}\n")

    _before_thread_pools_end(finish)


def wait_until_submitted(registry: BuildRegistry, timeout: float) -> list[Build]:
    """Wait until builds are submitted, done or queued, at most `timeout` seconds; return the unconfirmed ones."""
    end = time.monotonic() + timeout
    started = [build for build in registry.all() if build.origin is Origin.STARTED_HERE]
    for build in started:
        moved = threading.Event()

        def wake(_change: object, event: threading.Event = moved) -> None:
            event.set()

        build.observe(wake, ["operation", "ended"])
        while build.operation.state in NOT_STARTED - {BuildState.QUEUED} and not build.ended:
            if not moved.wait(max(0.0, end - time.monotonic())):
                break
            moved.clear()
    return [build for build in started if build.operation.state in NOT_STARTED]


def _report(build: Build, hints: HintTable) -> str:
    """Return what is known of a build that the service has not confirmed, for the user of the program."""
    what = f"kusto_magic: the {build.request.info.noun} of {build.name!r} on {build.target.cluster}"
    if build.ended:
        return f"{what} failed: {failure_reason(build.error)}"
    if build.operation.state is BuildState.SUBMITTING:
        what, kind = f"{what} may have been sent: the program ended before the response", HintKind.RESUME
    else:
        kind = HintKind.WAIT_BEFORE_END
        what = f"{what} was not sent: the program ended while its state was {build.state}"
    return f"{what}. {hints.text(Hint(kind, build.name))}"


def _before_thread_pools_end(call: Callable[[], None]) -> None:
    # `atexit` is too late: Python ends the thread pools before, and without them no name is resolved and no record
    # written. Its own pools use the same function, which has no public name.
    register_early: Callable[..., Any] = getattr(threading, "_register_atexit", atexit.register)
    register_early(call)
