"""Recording of HTTP exchanges with the service, redacted, and strict replay of a recording.

A recording is a JSON file with metadata, the steps as the client saw them, and the exchanges: request, response and
seconds since the start. Request headers are not stored, and of the response headers only `KEPT`. Identical consecutive
exchanges are stored once, with the times of the repetitions in "again".
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from kusto_magic.clock import Clock
from support.clock import MovableClock
from support.placeholders import ENDPOINT, Placeholders

KEPT = (
    "azure-asyncoperation", "location", "retry-after", "retry-after-ms", "x-ms-retry-after-ms", "content-type",
    "x-ms-request-id", "x-ms-correlation-request-id", "x-ms-operation-root-activity-id", "x-ms-failure-cause",
)  # fmt: skip
"""The response headers that are stored: those that affect the client or are quoted in support requests."""

_OF_ONE_REQUEST = ("x-ms-request-id", "x-ms-correlation-request-id")


@dataclass
class Conversation:
    """The contents of a recording. `conversation` is the name of the scenario, `against` is "emulator" or "Azure".

    `steps` are the results as the client saw them ("step", "phases", "result"). `about` is a note for readers.
    """

    conversation: str
    against: str
    recorded: str
    api_version: str
    about: str = ""
    steps: list[dict[str, str]] = field(default_factory=list)
    exchanges: list[dict[str, Any]] = field(default_factory=list)

    def to_text(self) -> str:
        """Return the recording as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Conversation:
        """Read a recording from a file."""
        return cls(**json.loads(path.read_text("utf-8")))


class Recording(httpx.AsyncBaseTransport):
    """A transport that forwards requests to another one and stores the redacted exchanges in `exchanges`."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock, placeholders: Placeholders) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self._inner = inner
        self._clock = clock
        self._start = clock.monotonic()
        self._placeholders = placeholders

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = await request.aread()
        at = round(self._clock.monotonic() - self._start, 1)
        asked = {"method": request.method, "path": request.url.raw_path.decode("ascii"), **_body(sent)}
        try:
            answer = await self._inner.handle_async_request(request)
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            await answer.aclose()
        except httpx.TransportError as error:
            self._keep({"at": at, "asked": asked, "failed": type(error).__name__})
            raise
        headers = {name: answer.headers[name] for name in KEPT if name in answer.headers}
        answered = {"status": answer.status_code, "headers": headers, **_body(raw)}
        self._keep({"at": at, "asked": asked, "answered": answered})
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(raw))

    def _keep(self, exchange: dict[str, Any]) -> None:
        kept = self._placeholders.document(exchange)
        if self.exchanges and _without_ids(kept) == _without_ids(self.exchanges[-1]):
            last = self.exchanges[-1]
            last["again"] = f"{last.get('again', '')} {kept['at']}".lstrip()
        else:
            self.exchanges.append(kept)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Replay(httpx.AsyncBaseTransport):
    """A transport that replays a recording in order; a request that differs from the recorded one fails the test.

    The clock is moved to the time of each recorded request, unless the client has already waited longer.
    """

    def __init__(self, kept: Conversation, clock: MovableClock) -> None:
        self._exchanges = list(_each(kept.exchanges))
        self._clock = clock
        self.count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        asked = {"method": request.method, "path": request.url.raw_path.decode("ascii"), **_body(body)}
        total = len(self._exchanges)
        assert self.count < total, f"a request too many, after all {total}: {request.method} {asked['path']}"
        assert str(request.url).startswith(ENDPOINT + "/"), f"asked elsewhere: {request.url}"
        exchange = self._exchanges[self.count]
        self.count += 1
        assert asked == exchange["asked"], (
            f"request {self.count} of {total} is another:\n{_difference(exchange, asked)}"
        )
        self._clock.move(max(0.0, exchange["at"] - self._clock.monotonic()))
        if "failed" in exchange:
            raise getattr(httpx, exchange["failed"])("as recorded")
        return _answer(exchange["answered"])

    def assert_all_asked(self) -> None:
        """Fail if the client did not send all recorded requests."""
        rest = [f"{one['asked']['method']} {one['asked']['path']}" for one in self._exchanges[self.count :]]
        assert rest == [], f"{len(rest)} recorded requests were not sent, the first: {rest[0]}"


def _without_ids(exchange: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of an exchange that are compared with the previous one."""
    same = {key: value for key, value in exchange.items() if key not in ("at", "again")}
    if "answered" in same:
        headers = {name: value for name, value in same["answered"]["headers"].items() if name not in _OF_ONE_REQUEST}
        same["answered"] = {**same["answered"], "headers": headers}
    return same


def _each(exchanges: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for exchange in exchanges:
        yield exchange
        for at in exchange.get("again", "").split():
            yield {**exchange, "at": float(at)}


def _body(raw: bytes) -> dict[str, Any]:
    """Return a body as JSON if it is valid, else as text; {} if it is empty."""
    if not raw:
        return {}
    try:
        return {"json": json.loads(raw)}
    except (ValueError, RecursionError):
        return {"text": raw.decode("utf-8", "backslashreplace")}


def _answer(kept: Mapping[str, Any]) -> httpx.Response:
    body = json.dumps(kept["json"], ensure_ascii=False) if "json" in kept else kept.get("text", "")
    headers = list(kept["headers"].items())
    return httpx.Response(kept["status"], headers=headers, stream=httpx.ByteStream(body.encode()))


def _difference(exchange: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    recorded, sent = (json.dumps(it, indent=1, ensure_ascii=False).splitlines() for it in (exchange["asked"], asked))
    return "\n".join(difflib.unified_diff(recorded, sent, "recorded", "sent", lineterm=""))
