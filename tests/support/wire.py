"""The service as a script: a list of answers, what was asked of it, and a credential that counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import httpx

from kusto_magic.arm.client import ImagesClient, connect
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.response import ArmResponse
from kusto_magic.models.action import Action, Phase
from support.answers import SPEC, TARGET, answer, failed
from support.clock import MovableClock


@dataclass(frozen=True)
class Raw:
    """An answer whose headers are not one of each name."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


Outcome: TypeAlias = ArmResponse | Raw | Exception
Step: TypeAlias = Outcome | Callable[[httpx.Request], Outcome]


@dataclass(frozen=True)
class Asked:
    """One request as it was sent: `target` is the path and query, byte for byte; `at` the monotonic clock."""

    method: str
    url: str
    target: bytes
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def token(self) -> str:
        return self.headers["authorization"].removeprefix("Bearer ")


class ScriptedTransport(httpx.AsyncBaseTransport):
    """Answers with one step after the other, then with `forever`; without that a further request fails the test."""

    def __init__(self, *steps: Step, forever: Step | None = None) -> None:
        self.asked: list[Asked] = []
        self.clock = MovableClock()
        self._steps = list(steps)
        self.forever = forever

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        told = dict(request.headers)
        at = self.clock.monotonic()
        self.asked.append(Asked(request.method, str(request.url), request.url.raw_path, told, body, at))
        step = self._steps.pop(0) if self._steps else self.forever
        assert step is not None, f"a request too many: {request.method} {request.url}"
        outcome = step(request) if callable(step) else step
        if isinstance(outcome, Exception):
            raise outcome
        headers = outcome.headers if isinstance(outcome, Raw) else outcome.headers.items()
        return httpx.Response(outcome.status, headers=list(headers), stream=_Body(outcome.body))

    @property
    def unused(self) -> int:
        """How many steps of the script were not reached."""
        return len(self._steps)

    @property
    def lines(self) -> list[str]:
        """What was asked, as "GET url"."""
        return [f"{asked.method} {asked.url}" for asked in self.asked]

    @property
    def times(self) -> list[float]:
        """When it was asked, in seconds."""
        return [asked.at for asked in self.asked]

    def until(self, seconds: float, fault: Outcome, then: Outcome) -> Callable[[httpx.Request], Outcome]:
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


def opened(
    script: ScriptedTransport, credential: Credential | None = None
) -> AbstractAsyncContextManager[ImagesClient]:
    """Open a client on a script and its clock."""
    return connect(TARGET, credential=credential or Credential(script.clock), transport=script, clock=script.clock)


async def built(script: ScriptedTransport, credential: Credential | None = None, **options: Any) -> list[Operation]:
    """Build the image "img" against a script; return every Operation. Raises what the client raises."""
    async with opened(script, credential) as client:
        return await every(client.build("img", SPEC, **options))


async def every(operations: AsyncIterator[Operation]) -> list[Operation]:
    return [operation async for operation in operations]


def whole_chain(error: BaseException | None) -> str:
    """Return everything that an error says, and those it drags along."""
    said = ""
    while error is not None:
        said += f"{error!r} {error} {vars(error)!r}\n"
        error = error.__cause__ or error.__context__
    return said


RESET = httpx.ReadError("connection reset by peer")
REFUSED = httpx.ConnectError("connection refused")
SILENCE = httpx.ReadTimeout("")

FAULTS: dict[str, Outcome] = {
    "reset": RESET, "refused": REFUSED, "silence": SILENCE, "torn": httpx.RemoteProtocolError("peer closed"),
    "408": failed(408), "500": failed(500), "502": answer(b"<html>", 502), "503": failed(503), "504": failed(504),
}  # fmt: skip


def phases(operations: list[Operation]) -> list[Phase]:
    return [operation.phase for operation in operations]


async def deleted(script: ScriptedTransport) -> list[Operation]:
    async with opened(script) as client:
        return await every(client.delete("img"))


async def followed(
    script: ScriptedTransport, kept: str = "", action: Action = Action.BUILD, **options: Any
) -> list[Operation]:
    async with opened(script) as client:
        return await every(client.poll(client.resume(action, "img", kept, SPEC), **options))
