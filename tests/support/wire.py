"""The service as a script: a list of answers, what was asked of it, and a credential that counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import httpx
from support.clock import MovableClock

from kusto_magic.client import ImagesClient, connect
from kusto_magic.models import ImageSpec, Target
from kusto_magic.operations import Operation

ENDPOINT = "https://management.azure.com"
SUBSCRIPTION = "12345678-1234-1234-1234-123456789098"
TARGET = Target(SUBSCRIPTION, "kustorptest", "kustoCluster")
CLUSTER_PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/kustorptest/providers/Microsoft.Kusto/clusters/kustoCluster"
)
LIST_URL = f"{ENDPOINT}{CLUSTER_PATH}/sandboxCustomImages?api-version=2024-04-13"
IMAGE_URL = f"{ENDPOINT}{CLUSTER_PATH}/sandboxCustomImages/img?api-version=2024-04-13"
SPEC = ImageSpec("Pillow", python_version="3.10.8")

POLL_PATH = (
    f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Kusto/locations/East%20US"
    "/operationResults/742bef43-608b-4b58-ba96-6f7a32ec5f12?api-version=2024-04-13"
)
SIGNATURE = "SIGNATURExyz-_"
POLL_URL = f"{ENDPOINT}{POLL_PATH}&t=638682&c=CERTIFICATExyz&s={SIGNATURE}&h=HASHxyz"
LOCATION_URL = POLL_URL.replace("&t=", "&operationResultResponseType=Location&t=")


@dataclass(frozen=True)
class Reply:
    """One answer of the script. A header that is given twice is a list of two pairs."""

    status: int = 200
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()


Step: TypeAlias = Reply | Exception | Callable[[httpx.Request], "Reply | Exception"]


@dataclass(frozen=True)
class Asked:
    """One request as it was sent: `target` is the path and query, byte for byte; `at` the monotonic clock."""

    method: str
    url: str
    target: bytes
    headers: Mapping[str, str]
    body: bytes
    at: float


class Script(httpx.AsyncBaseTransport):
    """Answers with one step after the other, then with `forever`; without that a further request fails the test."""

    def __init__(self, *steps: Step, forever: Step | None = None, clock: MovableClock | None = None) -> None:
        self.asked: list[Asked] = []
        self.clock = clock or MovableClock()
        self._steps = list(steps)
        self._forever = forever

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target, at = request.url.raw_path, self.clock.monotonic()
        body = await request.aread()
        self.asked.append(Asked(request.method, str(request.url), target, dict(request.headers), body, at))
        step = self._steps.pop(0) if self._steps else self._forever
        assert step is not None, f"a request too many: {request.method} {request.url}"
        reply = step(request) if callable(step) else step
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status, headers=list(reply.headers), stream=_Body(reply.body))

    @property
    def unused(self) -> int:
        """How many steps of the script were not reached."""
        return len(self._steps)

    @property
    def lines(self) -> list[str]:
        """What was asked, as "GET url"."""
        return [f"{asked.method} {asked.url}" for asked in self.asked]

    def until(self, seconds: float, fault: Reply | Exception, then: Reply) -> Step:
        """Return a step that answers `fault` until the clock shows so many seconds."""
        return lambda _: fault if self.clock.monotonic() < seconds else then


class _Body(httpx.AsyncByteStream):
    """A body in pieces of 64 kB, as it comes from a socket: encoded bodies stay encoded."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 65536):
            yield self._body[start : start + 65536]


class Token(NamedTuple):
    """What a credential gives."""

    token: str
    expires_on: int


class Credential:
    """Gives "token-1", "token-2" … of `life` seconds each; `fault`, where set, is raised instead."""

    def __init__(self, clock: MovableClock | None = None, life: float = 3600) -> None:
        self.clock = clock or MovableClock()
        self.life = life
        self.scopes: list[tuple[str, ...]] = []
        self.fault: Exception | None = None

    @property
    def count(self) -> int:
        """How many times a token was asked for."""
        return len(self.scopes)

    def get_token(self, *scopes: str, **_: Any) -> Token:
        self.scopes.append(scopes)
        if self.fault is not None:
            raise self.fault
        return Token(f"token-{self.count}", int(self.clock.wall().timestamp() + self.life))


def opened(script: Script, credential: Credential | None = None) -> AbstractAsyncContextManager[ImagesClient]:
    """Open a client on a script and its clock."""
    return connect(TARGET, credential=credential or Credential(script.clock), transport=script, clock=script.clock)


async def built(script: Script, credential: Credential | None = None, **options: Any) -> list[Operation]:
    """Build the image "img" against a script; return every Operation. Raises what the client raises."""
    async with opened(script, credential) as client:
        return await every(client.build("img", SPEC, **options))


async def every(operations: AsyncIterator[Operation]) -> list[Operation]:
    return [operation async for operation in operations]


# ── answers as they were seen ────────────────────────────────────────────────────────────────────────────────────


def of_json(document: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    return Reply(status, json.dumps(document).encode(), [("Content-Type", "application/json"), *headers])


def image(state: str | None = "Succeeded", **properties: Any) -> dict[str, Any]:
    """Return the resource as a GET shows it."""
    shown = {"language": "PYTHON", "languageVersion": "3.10.8", "requirementsFileContent": "Pillow", **properties}
    if state is not None:
        shown["provisioningState"] = state
    return {
        "id": f"{CLUSTER_PATH.replace('clusters', 'Clusters')}/SandboxCustomImages/img",
        "name": "kustoCluster/img",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": shown,
    }


def status(word: str, **more: Any) -> Reply:
    """Return the answer of an operation's address."""
    document = {"id": "/subscriptions/s/operationresults/g", "name": "g", "status": word, "percentComplete": 0.5}
    return of_json({**document, **more})


def begun(poll_url: str = POLL_URL, state: str = "Creating", code: int = 201) -> Reply:
    """Return the answer to a PUT."""
    return of_json(image(state, language="Python"), code, [("Azure-AsyncOperation", poll_url)])


def error(code: int, name: str = "Oops", message: str = "said the service") -> Reply:
    return of_json({"error": {"code": name, "message": message}}, code)


RUNNING = status("Running")
DONE = status("Succeeded")
THERE = of_json(image())
HTML = Reply(200, b"<html><h1>Succeeded</h1></html>", [("Content-Type", "text/html")])
