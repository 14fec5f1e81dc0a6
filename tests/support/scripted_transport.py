"""A transport with scripted responses that stores the requests, and a credential that counts its tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import httpx

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import Credential
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import resume_named
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.target import Subscription, Target
from support.arm_responses import SPEC, TARGET, error_response, make_response
from support.clock import MovableClock


@dataclass(frozen=True)
class RawResponse:
    """A response that can have several headers of the same name."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


Outcome: TypeAlias = ArmResponse | RawResponse | Exception
Step: TypeAlias = Outcome | Callable[[httpx.Request], Outcome]


@dataclass(frozen=True)
class SentRequest:
    """One request as sent: `target` has the raw bytes of path and query, `at` is the monotonic time."""

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
    """Responds with one step after the other, then with `default`; without it, another request fails the test."""

    def __init__(self, *steps: Step, default: Step | None = None) -> None:
        self.requests: list[SentRequest] = []
        self.clock = MovableClock()
        self._steps = list(steps)
        self.default = default

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        told = dict(request.headers)
        at = self.clock.monotonic()
        self.requests.append(SentRequest(request.method, str(request.url), request.url.raw_path, told, body, at))
        step = self._steps.pop(0) if self._steps else self.default
        assert step is not None, f"a request too many: {request.method} {request.url}"
        outcome = step(request) if callable(step) else step
        if isinstance(outcome, Exception):
            raise outcome
        headers = outcome.headers if isinstance(outcome, RawResponse) else outcome.headers.items()
        return httpx.Response(outcome.status, headers=list(headers), stream=_Body(outcome.body))

    @property
    def unused_steps(self) -> int:
        """Number of steps that were not used."""
        return len(self._steps)

    @property
    def request_lines(self) -> list[str]:
        """The requests as "GET url"."""
        return [f"{asked.method} {asked.url}" for asked in self.requests]

    @property
    def request_times(self) -> list[float]:
        """The times of the requests, in seconds."""
        return [asked.at for asked in self.requests]

    def fail_until(self, seconds: float, fault: Outcome, then: Outcome) -> Callable[[httpx.Request], Outcome]:
        """Return a step that responds with `fault` until the clock reaches `seconds`, then with `then`."""
        return lambda _: fault if self.clock.monotonic() < seconds else then


class _Body(httpx.AsyncByteStream):
    """A body in chunks of 64 kB, as from a socket: compressed bodies stay compressed."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 65536):
            yield self._body[start : start + 65536]


class Token(NamedTuple):
    """An access token."""

    token: str
    expires_on: int


class CountingCredential:
    """Returns "token-1", "token-2" … valid for `life` seconds each; `fault`, if set, is raised instead."""

    def __init__(self, clock: MovableClock | None = None, life: float = 3600) -> None:
        self.clock = clock or MovableClock()
        self.life = life
        self.scopes: list[tuple[str, ...]] = []
        self.fault: Exception | None = None

    @property
    def count(self) -> int:
        """Number of requested tokens."""
        return len(self.scopes)

    def get_token(self, *scopes: str, **_: Any) -> Token:
        self.scopes.append(scopes)
        if self.fault is not None:
            raise self.fault
        return Token(f"token-{self.count}", int(self.clock.wall().timestamp() + self.life))


def open_client(
    script: ScriptedTransport, credential: Credential | None = None, target: Target = TARGET
) -> ImagesClient:
    """Return a client that uses a script and its clock; the caller enters it."""
    return ImagesClient.from_connection(open_connection(script, target.endpoint, target.scope, credential), target)


def open_subscription(script: ScriptedTransport, id_: str = TARGET.subscription) -> SubscriptionClient:
    """Return a client of a subscription that uses a script and its clock; the caller enters it."""
    subscription = Subscription(id_, TARGET.endpoint, TARGET.scope)
    connection = open_connection(script, subscription.endpoint, subscription.scope)
    return SubscriptionClient.from_connection(connection, subscription)


def open_connection(
    script: ScriptedTransport, endpoint: str, scope: str, credential: Credential | None = None
) -> ArmTransport:
    """Return a connection that uses a script and its clock; `partial(open_connection, script)` is a factory of them."""
    credential = credential or CountingCredential(script.clock)
    return ArmTransport(endpoint, scope, credential=credential, transport=script, clock=script.clock)


async def run_build(
    script: ScriptedTransport, credential: CountingCredential | None = None, **options: Any
) -> list[Operation]:
    """Build the image "img" with a script and return every Operation. Raises what the client raises."""
    async with open_client(script, credential) as client:
        return await collect(client.create_or_update_stream("img", SPEC, **options))


async def collect(operations: AsyncIterator[Operation]) -> list[Operation]:
    return [operation async for operation in operations]


def exception_chain_text(error: BaseException | None) -> str:
    """Return the text and the attributes of an exception and of all exceptions in its chain."""
    text = ""
    while error is not None:
        text += f"{error!r} {error} {vars(error)!r}\n"
        error = error.__cause__ or error.__context__
    return text


CONNECTION_RESET = httpx.ReadError("connection reset by peer")
CONNECTION_REFUSED = httpx.ConnectError("connection refused")
READ_TIMEOUT = httpx.ReadTimeout("")

FAULTS: dict[str, Outcome] = {
    "reset": CONNECTION_RESET,
    "refused": CONNECTION_REFUSED,
    "silence": READ_TIMEOUT,
    "torn": httpx.RemoteProtocolError("peer closed"),
    "408": error_response(408),
    "500": error_response(500),
    "502": make_response(b"<html>", 502),
    "503": error_response(503),
    "504": error_response(504),
}


def phases(operations: list[Operation]) -> list[BuildState]:
    return [operation.state for operation in operations]


async def run_delete(script: ScriptedTransport) -> list[Operation]:
    async with open_client(script) as client:
        return await collect(client.delete_stream("img"))


async def run_poll(
    script: ScriptedTransport, kept: str = "", action: Action = Action.BUILD, **options: Any
) -> list[Operation]:
    async with open_client(script) as client:
        return await collect(client.poll(resume_named(client.target, action, "img", kept, SPEC), **options))
