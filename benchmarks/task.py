"""The task of a contender and the address of the server, as a value that fits into one argument."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import asdict, dataclass
from typing import Any

SUBSCRIPTION = "01234567-89ab-cdef-0123-456789abcdef"
GROUP = "group"
REQUIREMENTS = "numpy==1.26.4\npandas==2.2.2\nscikit-learn==1.5.0\n"
BASE = "Python3_10_8"


@dataclass(frozen=True, slots=True)
class Task:
    """Builds to start and poll, on the server at `port`.

    `clusters` is the number of clusters, which the builds are assigned to in turn; `interval` the polling interval in
    seconds of contenders without a schedule; `learnt` the durations in seconds of earlier builds, for contenders that
    learn from them. Processor time is measured for `window` seconds after `settle` seconds; 0 means to poll all builds
    to their end.
    """

    port: int
    builds: int
    clusters: int
    interval: float = 0.0
    learnt: tuple[float, ...] = ()
    window: float = 0.0
    settle: float = 0.0

    @classmethod
    def from_argument(cls, text: str) -> Task:
        """Return the task that `to_argument` wrote."""
        given = json.loads(text)
        return cls(**{**given, "learnt": tuple(given["learnt"])})

    def to_argument(self) -> str:
        """Return the task as one command-line argument."""
        return json.dumps(asdict(self))

    @property
    def endpoint(self) -> str:
        """The origin of the server."""
        return f"http://127.0.0.1:{self.port}"

    def cluster(self, number: int) -> str:
        """Return the cluster name for a build."""
        return f"cluster{number % self.clusters}"


def image(number: int) -> str:
    """Return the image name for a build."""
    return f"image{number}"


def ask(port: int, what: str) -> Any:
    """Return information of the server: "report", "counts" or "now"."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/{what}", timeout=30) as answer:
        return json.loads(answer.read(int(answer.headers["Content-Length"])))
