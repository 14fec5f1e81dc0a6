"""A minimal Azure Resource Manager for measurements: `python benchmarks/fake.py --seconds 60 70`.

It serves the requests of a build as observed on the service, for any subscription, group and cluster, and does so
little work that it does not affect the measurement. Requests are not validated; the emulator and the tests do that.
The first line of output is the port. `GET /-/report` returns when each build ended, on the monotonic clock, and the
requests; `GET /-/counts` returns the numbers of requests only; `GET /-/now` returns the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import unquote
from uuid import UUID

STARTED = "2026-05-18T12:08:01.7481303Z"
ENDED = "2026-05-18T12:13:03.1180291Z"
SIGNATURE = f"&t=639152104817481303&c={'MIIHpTCCBo2gAwIBAgITfw' * 155}&s={'c2lnbmF0dXJl' * 29}&h={'aGFzaA' * 7}"
"""Padding: the service's poll URLs have about 4,000 characters."""

READS, PER_SECOND = 250.0, 25.0
"""ARM's documented bucket of reads: its size, and the refill per second."""

SEEN = 1099
"""The number of remaining reads that the service was observed to report, whatever the request."""

OPEN_FILES = 8192


@dataclass(slots=True)
class RunningBuild:
    """A build: when it was requested, when it ends and when that was reported, on the monotonic clock."""

    cluster: str
    image: str
    arrived: float
    ends: float
    body: dict[str, str]
    asked: Counter[str] = field(default_factory=Counter)
    told: float | None = None

    def state(self, now: float) -> str:
        return "Succeeded" if now >= self.ends else "Creating"


class Service:
    """The state of all clusters, in two dictionaries."""

    def __init__(self, seconds: tuple[float, float], retry_after: int | None, seed: int, *, counts: bool) -> None:
        self.seconds = seconds
        self.retry_after = retry_after
        self.port = 0
        self.counting = counts
        self.left, self.counted = READS, time.monotonic()
        self.chance = random.Random(seed)  # noqa: S311 - durations
        self.images: dict[str, dict[str, RunningBuild]] = {}
        self.operations: dict[str, RunningBuild] = {}
        self.counts: Counter[str] = Counter()
        self.by_cluster: Counter[str] = Counter()
        self.first: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.early: dict[str, float] = {}

    def answer(self, method: bytes, target: str, body: bytes) -> tuple[str, str, str]:
        """Return status, additional headers and body of the response to a request."""
        now = time.monotonic()
        path = target.partition("?")[0].split("/")
        if path[1] == "-":
            return "200 OK", "", self.statistics(path[2], now)
        if path[-2].lower() == "operationresults":
            return self._operation(path[-1], path[2], now)
        cluster, image = path[8], unquote(path[10]) if len(path) > 10 else ""
        self._arrived(cluster, now)
        if image:
            self.first.setdefault(f"{cluster}/{image}", now)
        if method == b"POST":
            return "200 OK", "", '{"value":[{"languageExtensionName":"R"}]}'
        if method == b"PUT":
            return self._put(path, json.loads(body)["properties"], now)
        return self._image(path, cluster, image, now) if image else self._list(path, cluster, now)

    def remaining(self) -> int:
        """Return the number of remaining reads: of the documented bucket, or as observed. No request is rejected."""
        if not self.counting:
            return SEEN
        now = time.monotonic()
        self.left = max(0.0, min(READS, self.left + (now - self.counted) * PER_SECOND) - 1)
        self.counted = now
        return int(self.left)

    def statistics(self, name: str, now: float) -> str:
        """Return the information that a measurement needs, as JSON."""
        if name == "now":
            return json.dumps(now)
        if name == "counts":
            return json.dumps(self.counts)
        builds = {
            f"{one.cluster}/{one.image}": {
                "arrived": one.arrived,
                "ends": one.ends,
                "told": one.told,
                "asked": one.asked,
            }
            for one in self.operations.values()
        }
        shares = {"counts": self.counts, "clusters": self.by_cluster}
        return json.dumps({"builds": builds, "first": self.first, "early": self.early, **shares})

    def _arrived(self, cluster: str, now: float) -> None:
        """Record a poll of a cluster, and how much too early it is if a Retry-After was sent."""
        self.by_cluster[cluster] += 1
        if self.retry_after is not None and cluster in self.answered:
            early = self.answered.pop(cluster) + self.retry_after - now
            self.early[cluster] = max(early, self.early.get(cluster, early))

    def _wait(self, cluster: str, now: float) -> str:
        if self.retry_after is None:
            return ""
        self.answered[cluster] = now
        return f"Retry-After: {self.retry_after}\r\n"

    def _put(self, path: list[str], body: dict[str, str], now: float) -> tuple[str, str, str]:
        cluster, image = path[8], unquote(path[10])
        build = RunningBuild(cluster, image, now, now + self.chance.uniform(*self.seconds), body)
        guid = str(UUID(int=len(self.operations) + (1 << 100)))
        self.counts["PUT"] += 1
        self.operations[guid] = self.images.setdefault(cluster, {})[image.lower()] = build
        location = f"/subscriptions/{path[2]}/providers/Microsoft.Kusto/locations/East%20US/operationResults/{guid}"
        address = f"http://127.0.0.1:{self.port}{location}?api-version=2024-04-13{SIGNATURE}"
        shown = json.dumps(_resource(path, build, "Creating", "Python"))
        return "201 Created", f"Azure-AsyncOperation: {address}\r\n{self._wait(cluster, now)}", shown

    def _operation(self, guid: str, subscription: str, now: float) -> tuple[str, str, str]:
        build = self.operations[guid]
        self.counts["operation"] += 1
        build.asked["operation"] += 1
        self._arrived(build.cluster, now)
        over = now >= build.ends
        if over and build.told is None:
            build.told = now
        values = ("Succeeded", "Completed", ENDED, "1.0") if over else ("Running", "InProgress", STARTED, "0.5")
        status, state, ended, percent = values
        place = f"/subscriptions/{subscription}/providers/Microsoft.Kusto/locations/East US/operationresults/{guid}"
        body = (
            f'{{"id":"{place}","name":"{guid}","status":"{status}","startTime":"{STARTED}","endTime":"{ended}",'
            f'"percentComplete":{percent},"properties":{{"operationKind":"SandboxCustomImageCreateOrUpdateCommand",'
            f'"provisioningState":"{status}","operationState":"{state}"}}}}'
        )
        return "200 OK", "" if over else self._wait(build.cluster, now), body

    def _image(self, path: list[str], cluster: str, image: str, now: float) -> tuple[str, str, str]:
        self.counts["image"] += 1
        build = self.images.get(cluster, {}).get(image.lower())
        if build is None:
            message = f"The resource with identifier '{image}' is not found."
            return "404 Not Found", "", json.dumps({"error": {"code": "ResourceNotFound", "message": message}})
        build.asked["image"] += 1
        return "200 OK", "", json.dumps(_resource(path, build, build.state(now), "PYTHON"))

    def _list(self, path: list[str], cluster: str, now: float) -> tuple[str, str, str]:
        self.counts["list"] += 1
        known = self.images.get(cluster, {}).values()
        return "200 OK", "", json.dumps({"value": [_resource(path, one, one.state(now), "PYTHON") for one in known]})


def _resource(path: list[str], build: RunningBuild, state: str, language: str) -> dict[str, object]:
    place = f"/subscriptions/{path[2]}/resourceGroups/{path[4]}/providers/Microsoft.Kusto"
    properties = {**build.body, "language": language, "provisioningState": state}
    return {
        "id": f"{place}/Clusters/{build.cluster}/SandboxCustomImages/{build.image}",
        "name": f"{build.cluster}/{build.image}",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": properties,
    }


class Connection(asyncio.Protocol):
    """A kept-alive connection; requests are answered in order."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            lowered = head.lower()
            at = lowered.find(b"content-length:")
            length = int(lowered[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            method, target, _ = head.partition(b"\r\n")[0].split(b" ")
            self._reply(*self.service.answer(method, target.decode(), body))

    def _reply(self, status: str, headers: str, body: str) -> None:
        raw = body.encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(raw)}\r\n"
            f"x-ms-ratelimit-remaining-subscription-resource-requests: {self.service.remaining()}\r\n{headers}\r\n"
        )
        self.transport.write(head.encode() + raw)


def allow_many_files() -> None:
    """Raise the limit of open files of this process, if there is one: each connection is a file."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


async def serve(service: Service) -> None:
    """Serve on a free loopback port and print it; stop when standard input is closed by the parent process."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=4096)
    service.port = server.sockets[0].getsockname()[1]
    print(service.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", nargs=2, type=float, default=(300.0, 330.0), metavar=("LOW", "HIGH"))
    parser.add_argument("--retry-after", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--counts", action="store_true", help="report the remaining reads by ARM's documented bucket")
    options = parser.parse_args()
    allow_many_files()
    low, high = options.seconds
    asyncio.run(serve(Service((low, high), options.retry_after, options.seed, counts=options.counts)))


if __name__ == "__main__":
    main()
