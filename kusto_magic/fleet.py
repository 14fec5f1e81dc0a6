"""The same image on several clusters, as whoever began it sees it: it can be observed, waited for and awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

from traitlets import Bool, HasTraits

from kusto_magic.background import wait
from kusto_magic.build import Build, onlookers_may_fail
from kusto_magic.errors import FleetFailed, KustoImageError, reason_from_message, reason_of
from kusto_magic.models import Target
from kusto_magic.operations import Phase
from kusto_magic.records import BuildRecord

Member = Build | BuildRecord
"""A build that is followed here, or the record of one that had ended before."""


RUN_AGAIN = "mend what they say and run it again: what is done already stays as it is."
"""The next step if the clusters failed for different reasons."""


class Fleet(HasTraits):
    """The builds of one image on several clusters, side by side: one change of each cluster at a time.

    `members` are in the order of the clusters. `observe(handler, "ended")` tells when the last one has ended; what
    changes meanwhile is seen in the builds themselves. Handlers run on the background thread.
    """

    ended = Bool(default_value=False)

    def __init__(self, id: str, name: str, members: Sequence[Member]) -> None:  # noqa: A002
        super().__init__()
        self.id = id
        self.name = name
        self.members = tuple(members)
        self.builds = tuple(member for member in members if isinstance(member, Build))
        self._future: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._over = False
        self._lock = threading.Lock()
        for build in self.builds:
            build.observe(self._one_ended, "ended")
            build.when_done(self._one_done)
        self._one_ended()
        self._one_done()

    @property
    def failures(self) -> dict[str, str]:
        """Why the image is not there, by cluster; a cluster that is still at work is not among them."""
        names = labels([member.target for member in self.members])
        members = zip(names, self.members, strict=True)
        return {name: reason for name, member in members if (reason := _failure(member))}

    @property
    def next_step(self) -> str:
        """What to do about the failures: what all of them say, else what always helps; "" where there are none."""
        errors = [build.error for build in self.builds if build.ended and build.error is not None]
        steps = {error.next_step for error in errors if isinstance(error, KustoImageError)}
        if len(steps) == 1 and len(errors) == len(self.failures):
            return steps.pop()
        return RUN_AGAIN if self.failures else ""

    def wait(self, timeout: float | None = None) -> None:
        """Block until all have ended, at most `timeout` seconds. Raises FleetFailed; TimeoutError.

        An interrupt ends the waiting, not the builds.
        """
        wait(self._future, timeout)

    def __await__(self) -> Generator[Any, None, None]:
        """Wait on the caller's own loop; cancelling that ends the waiting, not the builds."""
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def every_second(self, call: Callable[[], None]) -> None:
        """Call something each second, and oftener, until all have ended, on the background thread."""
        for build in self.builds:
            build.every_second(call)

    def __repr__(self) -> str:
        ended = sum(1 for member in self.members if isinstance(member, BuildRecord) or member.ended)
        return f"<Fleet of {self.name!r}: {ended} of {len(self.members)} clusters ended>"

    def _one_ended(self, _change: object = None) -> None:
        with self._lock:
            if self._over or not all(build.ended for build in self.builds):
                return
            self._over = True
        with onlookers_may_fail():
            self.ended = True

    def _one_done(self) -> None:
        with self._lock:
            if self._future.done() or not all(build.done for build in self.builds):
                return
            failures = self.failures
            if failures:
                failed = FleetFailed(self.name, failures, len(self.members), next_step=self.next_step)
                self._future.set_exception(failed)
            else:
                self._future.set_result(None)


def _failure(member: Member) -> str:
    """Return why a member has not come to a good end, "" where it has or goes on."""
    if isinstance(member, BuildRecord):
        return "" if member.state == Phase.SUCCEEDED else reason_from_message(member.message) or member.state
    return reason_of(member.error) if member.ended else ""


def labels(targets: Sequence[Target]) -> list[str]:
    """Return what to call each cluster: its name, and more of its address where several have the same one."""
    forms: tuple[Callable[[Target], str], ...] = (
        lambda it: it.cluster,
        lambda it: f"{it.resource_group}/{it.cluster}",
        lambda it: f"{it.subscription[:8]}…/{it.resource_group}/{it.cluster}",
    )
    counts = [Counter(form(target).lower() for target in targets) for form in forms]
    return [
        next((form(it) for form, count in zip(forms, counts, strict=True) if count[form(it).lower()] == 1), it.cluster)
        for it in targets
    ]
