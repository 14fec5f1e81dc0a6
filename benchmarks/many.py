"""Measure the cost of polling many builds at once: threads, memory, CPU time, requests.

Each contender is measured alone, in a process of its own, on a server whose builds do not end meanwhile. Others ask
every five seconds; ours on its own schedule, its clock moved to where builds of five minutes are likely to end, which
is when it asks most. Memory is what one build adds to a client that follows one already.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from figures import Figure
from running import ContenderProcess, fake
from task import Task

SHARED, ALONE = "ours, 10 clusters", "ours, a cluster each"
BUDGET = "ours, a cluster each, in ARM's budget"
"""The server's responses state what is left of ARM's documented reads, which ours respects."""

CLUSTERS = 10
LONG = 4 * 3600.0
CONTENDERS = {
    SHARED: ("ours", CLUSTERS),
    ALONE: ("ours", 0),
    BUDGET: ("ours", 0),
    "sync": ("sync", 0),
    "async": ("async", 0),
    "floor": ("floor", 0),
}
"""The file of each contender, and the number of clusters of its builds; 0: one for each build."""

UNITS = {"threads": "", "memory for a build": "MB", "processor seconds a minute": "s", "requests a minute": ""}
KEYS = dict(zip(UNITS, ("threads", "memory", "cpu", "requests"), strict=True))


@dataclass(frozen=True, slots=True)
class Setting:
    """Numbers of builds, the measured `window` and the time to `settle` before it, in seconds.

    `pace` is the polling interval in seconds of contenders without their own schedule. `repeated` maps a number of
    builds to the number of runs, if that is more than one.
    """

    sizes: tuple[int, ...]
    window: float
    settle: float
    pace: float = 5.0
    repeated: dict[int, int] = field(default_factory=dict)


FULL = Setting((1, 10, 100, 500, 2000), 20.0, 6.0, repeated={500: 3})
QUICK = Setting((1, 20), 2.0, 1.5, pace=1.0)
SMALLEST = Setting((2,), 0.2, 0.1, pace=0.1)


def measure(setting: Setting = FULL, only: tuple[str, ...] = ()) -> list[Figure]:
    """Return the cost of each contender (or those in `only`) at each size."""
    names = only or tuple(CONTENDERS)
    return [figure for at in setting.sizes for name in names for figure in _measured(setting, name, at)]


def _measured(setting: Setting, name: str, at: int) -> Iterator[Figure]:
    runs = [_run(setting, name, at) for _ in range(setting.repeated.get(at, 1))]
    failed = next((str(result["failed"]) for result in runs if "failed" in result), "")
    for title, key in KEYS.items():
        samples = () if failed else tuple(float(result[key]) for result in runs)
        yield Figure(title, name, samples, UNITS[title], at, failed)


def _run(setting: Setting, name: str, at: int) -> dict[str, float | str]:
    who, clusters = CONTENDERS[name]
    chance = random.Random(2)  # noqa: S311 - durations
    learnt = tuple(chance.uniform(300, 330) for _ in range(20)) if who == "ours" else ()
    with fake(LONG, LONG, counts=name == BUDGET) as port:
        task = Task(port, at, clusters or at + 1, setting.pace, learnt, setting.window, setting.settle)
        with ContenderProcess(who, task) as contending:
            return contending.result()
