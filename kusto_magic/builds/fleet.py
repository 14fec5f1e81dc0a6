"""Handle of the same operation on several clusters: it can be observed, waited for and awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

from traitlets import Bool, HasTraits

from kusto_magic.builds.build import Build, log_callback_errors
from kusto_magic.builds.event_loop import wait_for_exception, wait_for_result
from kusto_magic.builds.record import BuildRecord
from kusto_magic.error_texts import failure_reason, reason_from_message
from kusto_magic.errors import FleetFailedError, KustoImageError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.target import Target

Member = Build | BuildRecord
"""A build that is polled by this process, or the record of one that had ended before."""


class Fleet(HasTraits):
    """The builds of one image on several clusters, which run concurrently.

    `members` are in the order of the clusters. `observe(handler, "ended")` calls the handler when the last one has
    ended; for changes before that, observe the builds. Handlers run on the background thread.
    """

    ended = Bool(default_value=False)

    def __init__(self, id: str, name: str, members: Sequence[Member]) -> None:  # noqa: A002
        super().__init__()
        self.id = id
        self.name = name
        self.members = tuple(members)
        self.builds = tuple(member for member in members if isinstance(member, Build))
        self._future: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._end_reported = False
        self._lock = threading.Lock()  # members end on the background thread, perhaps during this constructor
        for build in self.builds:
            build.observe(self._on_member_ended, "ended")
            build.add_done_callback(self._on_member_done)  # fires after "ended": only now `result` does not block
        # Members may have ended before the callbacks were registered.
        self._on_member_ended()
        self._on_member_done()

    @property
    def failures(self) -> dict[str, str]:
        """Reasons of the failures by cluster; clusters that are still working are omitted."""
        return failures_of(self.members)

    @property
    def hint(self) -> Hint | None:
        """What to do about the failures: the common hint, or else general advice; None if there are no failures."""
        return common_hint(self.members)

    def done(self) -> bool:
        """Return whether all builds are done."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> None:
        """Wait until all builds are done, at most `timeout` seconds. Raises FleetFailedError or TimeoutError.

        An interrupt ends the wait, not the builds.
        """
        wait_for_result(self._future, timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait as `result` does, and return the error instead of raising it; None if all succeeded."""
        return wait_for_exception(self._future, timeout)

    def add_done_callback(self, call: Callable[[Fleet], None]) -> None:
        """Call `call` with the fleet once it is done, on the background thread; immediately if it is done already."""
        self._future.add_done_callback(lambda _future: call(self))

    def __await__(self) -> Generator[Any, None, None]:
        """Wait on the caller's event loop; cancellation ends the wait, not the builds."""
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()  # as in `Build.__await__`

    def add_tick_callback(self, call: Callable[[], None]) -> None:
        """Call `call` at least every second until all builds have ended, on the background thread."""
        for build in self.builds:
            build.add_tick_callback(call)

    def __repr__(self) -> str:
        done = sum(1 for member in self.members if isinstance(member, BuildRecord) or member.ended)
        return f"<Fleet of {self.name!r}: {done} of {len(self.members)} clusters done>"

    def _on_member_ended(self, _change: object = None) -> None:
        with self._lock:
            if self._end_reported or not all(build.ended for build in self.builds):
                return
            self._end_reported = True
        with log_callback_errors():
            self.ended = True

    def _on_member_done(self, _build: Build | None = None) -> None:
        with self._lock:
            if self._future.done() or not all(build.done() for build in self.builds):
                return
            failures = self.failures
            if failures:
                failed = FleetFailedError(self.name, failures, len(self.members), hint=self.hint)
                self._future.set_exception(failed)
            else:
                self._future.set_result(None)


def failures_of(members: Sequence[Member]) -> dict[str, str]:
    """Return the reasons of the failures of a fleet by the label of the cluster."""
    names = labels([member.target for member in members])
    return {name: reason for name, member in zip(names, members, strict=True) if (reason := _failure(member))}


def common_hint(members: Sequence[Member]) -> Hint | None:
    """Return what to do about the failures of a fleet: their common hint, or else general advice."""
    hints = {_hint(member) for member in members if _failure(member)}
    return hints.pop() if len(hints) == 1 and None not in hints else Hint(HintKind.FIX_FLEET) if hints else None


def _failure(member: Member) -> str:
    """Return the reason of a member's failure, or "" if it succeeded or is running."""
    if isinstance(member, BuildRecord):
        return "" if member.state.succeeded else reason_from_message(member.message) or member.state
    return failure_reason(member.error) if member.ended else ""


def _hint(member: Member) -> Hint | None:
    """Return what to do about a member's failure."""
    if isinstance(member, BuildRecord):
        return member.hint
    return member.error.hint if isinstance(member.error, KustoImageError) else None


def labels(targets: Sequence[Target]) -> list[str]:
    """Return a label for each cluster: its name, prefixed by group and subscription if several have the same name."""
    names = [target.cluster for target in targets]
    in_group = [f"{target.resource_group}/{target.cluster}" for target in targets]
    in_subscription = [f"{target.subscription[:8]}…/{label}" for target, label in zip(targets, in_group, strict=True)]
    shown = list(names)
    for longer in (in_group, in_subscription):
        counts = Counter(label.lower() for label in shown)
        shown = [label if counts[label.lower()] == 1 else longer[n] for n, label in enumerate(shown)]
    counts = Counter(label.lower() for label in shown)
    return [label if counts[label.lower()] == 1 else names[n] for n, label in enumerate(shown)]
