"""Measure how late the end of a build is reported, and after how many requests.

All contenders run at once, each with a server of its own. Thirty builds start together on thirty clusters: once
without Retry-After, as observed on the service, and once with one and shorter builds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from figures import Figure
from running import ContenderProcess, fake
from task import Task, ask, image

from kusto_magic.arm.poll_schedule import DEFAULT_ESTIMATE

KNOWN = 20
"""Number of earlier builds in the history."""

OURS, NEWCOMER = "ours, 20 builds known", "ours, newcomer"
PACE = 2.0
"""Polling interval in seconds of Microsoft's clients in their faster variant."""

FLOOR_PACE = 0.5
"""Polling interval in seconds of the lower bound."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Number of builds, their shortest and longest duration, and the Retry-After of the server."""

    builds: int
    low: float
    high: float
    retry_after: int | None = None

    @property
    def title(self) -> str:
        return "lag" if self.retry_after is None else "lag, with Retry-After"


FULL = (Setting(30, 300, 330), Setting(30, 60, 70, retry_after=10))
QUICK = (Setting(4, 10, 12), Setting(4, 5, 6, retry_after=2))
SMALLEST = (Setting(2, 0.5, 1.0), Setting(2, 0.5, 1.0, retry_after=1))


def contenders(setting: Setting) -> dict[str, tuple[str, float, tuple[float, ...]]]:
    """Return the contenders: file, interval, and durations of earlier builds (recorded ones for a newcomer)."""
    chance = random.Random(2)  # noqa: S311 - durations
    known = tuple(chance.uniform(setting.low, setting.high) for _ in range(KNOWN))
    scale = setting.low / FULL[0].low  # in a trial run, builds are shorter, and so are the recorded ones
    recorded = tuple(seconds * scale for seconds in DEFAULT_ESTIMATE.seconds)
    return {
        OURS: ("ours", 0.0, known),
        NEWCOMER: ("ours", 0.0, recorded),
        "sync": ("sync", 0.0, ()),
        f"sync, every {PACE:g} s": ("sync", PACE, ()),
        "async": ("async", 0.0, ()),
        f"async, every {PACE:g} s": ("async", PACE, ()),
        "floor": ("floor", float(setting.retry_after or FLOOR_PACE), ()),
    }


def measure(settings: tuple[Setting, ...] = FULL, only: tuple[str, ...] = ()) -> list[Figure]:
    """Return lag and requests of each contender (or those in `only`) in each setting."""
    return [figure for setting in settings for figure in _measured(setting, only)]


def _measured(setting: Setting, only: tuple[str, ...]) -> Iterator[Figure]:
    chosen = {name: how for name, how in contenders(setting).items() if not only or name in only}
    with ExitStack() as stack:
        running = {}
        for name, (who, interval, learnt) in chosen.items():
            port = stack.enter_context(fake(setting.low, setting.high, retry_after=setting.retry_after))
            task = Task(port, setting.builds, setting.builds, interval, learnt)
            running[name] = port, stack.enter_context(ContenderProcess(who, task))
        for name, (port, contending) in running.items():
            yield from _figures(setting, name, contending.result(), ask(port, "report"))


def _figures(setting: Setting, name: str, result: dict[str, Any], report: dict[str, Any]) -> Iterator[Figure]:
    if "failed" in result:
        yield Figure(setting.title, name, (), failed=result["failed"])
        return
    builds = [report["builds"][f"cluster{number}/{image(number)}"] for number in range(setting.builds)]
    lags = tuple(result["reported"][str(number)] - build["ends"] for number, build in enumerate(builds))
    requests = tuple(float(report["clusters"][f"cluster{number}"]) for number in range(setting.builds))
    yield Figure(setting.title, name, lags)
    yield Figure(f"requests for a build{setting.title.removeprefix('lag')}", name, requests, "")
    if setting.retry_after is not None:
        early = tuple(max(seconds, 0.0) for seconds in report["early"].values())
        yield Figure("too early, by the Retry-After", name, early)
