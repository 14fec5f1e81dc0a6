"""How late the end of a build is heard of, and after how many requests: all contenders at once, each on its server.

Thirty builds are begun together on thirty clusters; once without Retry-After, as the service was seen to answer,
once with one, and shorter builds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from figures import Figure
from running import Contending, fake
from task import Task, ask, image

from kusto_magic.arm.poll_schedule import DEFAULT_ESTIMATE

KNOWN = 20
"""How many earlier builds are known to whoever learns."""

OURS, NEWCOMER = "ours, 20 builds known", "ours, newcomer"
PACE = 2.0
FLOOR_PACE = 0.5


@dataclass(frozen=True, slots=True)
class Setting:
    """What the builds are like: how many, how long, and the Retry-After that is sent."""

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
    """Return who takes part: the file, the interval, and how long earlier builds took. Of a newcomer's, as recorded."""
    chance = random.Random(2)  # noqa: S311 - durations
    known = tuple(chance.uniform(setting.low, setting.high) for _ in range(KNOWN))
    scale = setting.low / FULL[0].low  # in a smoke builds are shorter, and so is what was recorded
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
    """Return lag and requests of each contender (or of those named) in each setting."""
    return [figure for setting in settings for figure in _measured(setting, only)]


def _measured(setting: Setting, only: tuple[str, ...]) -> Iterator[Figure]:
    chosen = {name: how for name, how in contenders(setting).items() if not only or name in only}
    with ExitStack() as stack:
        at_work = {}
        for name, (who, interval, learnt) in chosen.items():
            port = stack.enter_context(fake(setting.low, setting.high, retry_after=setting.retry_after))
            task = Task(port, setting.builds, setting.builds, interval, learnt)
            at_work[name] = port, stack.enter_context(Contending(who, task))
        for name, (port, contending) in at_work.items():
            yield from _figures(setting, name, contending.said(), ask(port, "report"))


def _figures(setting: Setting, name: str, said: dict[str, Any], report: dict[str, Any]) -> Iterator[Figure]:
    if "failed" in said:
        yield Figure(setting.title, name, (), failed=said["failed"])
        return
    builds = [report["builds"][f"cluster{number}/{image(number)}"] for number in range(setting.builds)]
    lags = tuple(said["heard"][str(number)] - build["ends"] for number, build in enumerate(builds))
    asked = tuple(float(report["clusters"][f"cluster{number}"]) for number in range(setting.builds))
    yield Figure(setting.title, name, lags)
    yield Figure(f"requests for a build{setting.title.removeprefix('lag')}", name, asked, "")
    if setting.retry_after is not None:
        early = tuple(max(seconds, 0.0) for seconds in report["early"].values())
        yield Figure("too early, by the Retry-After", name, early)
