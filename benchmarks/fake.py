"""A lean Azure Resource Manager for measurements, in a process of its own: `python benchmarks/fake.py --seconds 60 70`.

It answers what a build needs, as the service was seen to answer, for any subscription, group and cluster, and does so
little that it is never what is measured. Nothing is checked: the emulator and the tests are for that. The first line
it prints is its port. `GET /-/report` tells when each build became terminal, on the monotonic clock, and what was
asked; `GET /-/counts` only how much; `GET /-/now` what the clock shows.
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
"""As long as the service's: an address to ask at has about 4,000 characters."""

READS, PER_SECOND = 250.0, 25.0
"""ARM's bucket of reads, as documented: its size, and how many a second refill it."""

SEEN = 1099
"""What the service was seen to say is left, whatever was asked."""

OPEN_FILES = 8192


@dataclass(slots=True)
class Making:
    """One build: when it was asked for and when it is over, and what it was asked since, on the monotonic clock."""

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
    """What is known of all clusters; every question is answered from two dictionaries."""

    def __init__(self, seconds: tuple[float, float], retry_after: int | None, seed: int, *, counts: bool) -> None:
        self.seconds = seconds
        self.retry_after = retry_after
        self.port = 0
        self.counting = counts
        self.left, self.counted = READS, time.monotonic()
        self.chance = random.Random(seed)  # noqa: S311 - durations
        self.images: dict[str, dict[str, Making]] = {}
        self.operations: dict[str, Making] = {}
        self.counts: Counter[str] = Counter()
        self.by_cluster: Counter[str] = Counter()
        self.first: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.early: dict[str, float] = {}

    def answer(self, method: bytes, target: str, body: bytes) -> tuple[str, str, str]:
        """Return status, further headers and body of the answer to one request."""
        now = time.monotonic()
        path = target.partition("?")[0].split("/")
        if path[1] == "-":
            return "200 OK", "", self.told(path[2], now)
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
        """Return how many reads are left: by the documented bucket, or what was seen. None is refused here."""
        if not self.counting:
            return SEEN
        now = time.monotonic()
        self.left = max(0.0, min(READS, self.left + (now - self.counted) * PER_SECOND) - 1)
        self.counted = now
        return int(self.left)

    def told(self, what: str, now: float) -> str:
        """Return what a measurement asks of this server, as JSON."""
        if what == "now":
            return json.dumps(now)
        if what == "counts":
            return json.dumps(self.counts)
        builds = {
            f"{it.cluster}/{it.image}": {"arrived": it.arrived, "ends": it.ends, "told": it.told, "asked": it.asked}
            for it in self.operations.values()
        }
        shares = {"counts": self.counts, "clusters": self.by_cluster}
        return json.dumps({"builds": builds, "first": self.first, "early": self.early, **shares})

    def _arrived(self, cluster: str, now: float) -> None:
        """Note a question about a cluster, and how much too early it comes where a Retry-After was sent there."""
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
        making = Making(cluster, image, now, now + self.chance.uniform(*self.seconds), body)
        guid = str(UUID(int=len(self.operations) + (1 << 100)))
        self.counts["PUT"] += 1
        self.operations[guid] = self.images.setdefault(cluster, {})[image.lower()] = making
        location = f"/subscriptions/{path[2]}/providers/Microsoft.Kusto/locations/East%20US/operationResults/{guid}"
        address = f"http://127.0.0.1:{self.port}{location}?api-version=2024-04-13{SIGNATURE}"
        shown = json.dumps(_resource(path, making, "Creating", "Python"))
        return "201 Created", f"Azure-AsyncOperation: {address}\r\n{self._wait(cluster, now)}", shown

    def _operation(self, guid: str, subscription: str, now: float) -> tuple[str, str, str]:
        making = self.operations[guid]
        self.counts["operation"] += 1
        making.asked["operation"] += 1
        self._arrived(making.cluster, now)
        over = now >= making.ends
        if over and making.told is None:
            making.told = now
        words = ("Succeeded", "Completed", ENDED, "1.0") if over else ("Running", "InProgress", STARTED, "0.5")
        status, state, ended, percent = words
        place = f"/subscriptions/{subscription}/providers/Microsoft.Kusto/locations/East US/operationresults/{guid}"
        body = (
            f'{{"id":"{place}","name":"{guid}","status":"{status}","startTime":"{STARTED}","endTime":"{ended}",'
            f'"percentComplete":{percent},"properties":{{"operationKind":"SandboxCustomImageCreateOrUpdateCommand",'
            f'"provisioningState":"{status}","operationState":"{state}"}}}}'
        )
        return "200 OK", "" if over else self._wait(making.cluster, now), body

    def _image(self, path: list[str], cluster: str, image: str, now: float) -> tuple[str, str, str]:
        self.counts["image"] += 1
        making = self.images.get(cluster, {}).get(image.lower())
        if making is None:
            words = f"The resource with identifier '{image}' is not found."
            return "404 Not Found", "", json.dumps({"error": {"code": "ResourceNotFound", "message": words}})
        making.asked["image"] += 1
        return "200 OK", "", json.dumps(_resource(path, making, making.state(now), "PYTHON"))

    def _list(self, path: list[str], cluster: str, now: float) -> tuple[str, str, str]:
        self.counts["list"] += 1
        known = self.images.get(cluster, {}).values()
        return "200 OK", "", json.dumps({"value": [_resource(path, it, it.state(now), "PYTHON") for it in known]})


def _resource(path: list[str], making: Making, state: str, language: str) -> dict[str, object]:
    place = f"/subscriptions/{path[2]}/resourceGroups/{path[4]}/providers/Microsoft.Kusto"
    properties = {**making.body, "language": language, "provisioningState": state}
    return {
        "id": f"{place}/Clusters/{making.cluster}/SandboxCustomImages/{making.image}",
        "name": f"{making.cluster}/{making.image}",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": properties,
    }


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests are answered in their order."""

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
    """Raise this process's limit of open files, where the system has one: a connection is one."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


async def serve(service: Service) -> None:
    """Serve on a free port of loopback, say which, until standard input ends: with whoever started it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=4096)
    service.port = server.sockets[0].getsockname()[1]
    print(service.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--seconds", nargs=2, type=float, default=(300.0, 330.0), metavar=("LOW", "HIGH"))
    words.add_argument("--retry-after", type=int)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--counts", action="store_true", help="say truly how many reads ARM would leave")
    given = words.parse_args()
    allow_many_files()
    low, high = given.seconds
    asyncio.run(serve(Service((low, high), given.retry_after, given.seed, counts=given.counts)))


if __name__ == "__main__":
    main()
